/* A target folder that appears whole or not at all. */
#ifndef CX_CONVERT_STAGE_H
#define CX_CONVERT_STAGE_H

#include "base/base.h"

/* The folder is built as `.NAME.tmp-PID` beside the target, locked with flock while its process
 * lives. What a killed process left is removed when the next stage for the same target begins. */
typedef struct cx__stage {
    char *target; /* without slashes at its end */
    char *parent, *name;
    char *path; /* the folder being built */
    int lock;   /* descriptor of path, -1 if none */
    int made;   /* folders above the target that were made for it */
    bool force;
} cx__stage;

/* CX_EEXIST if the target exists and force is off, or is no model folder (force replaces only a
 * folder with a config.json). Folders above the target are made as needed. */
cx_status cx__stage_begin(const char *target, bool force, cx__stage *out);
/* Syncs the folder, then gives it the target's name. The files in it must be synced already. */
cx_status cx__stage_commit(cx__stage *s);
/* Removes what was not committed, frees all. Accepts a zeroed struct, and one after a commit. */
void cx__stage_end(cx__stage *s);

#endif

/* Which files of a model folder hold its tensors. Used by tensors.c. */
#ifndef CX_FORMAT_FOLDER_H
#define CX_FORMAT_FOLDER_H

#include "format/format.h"

typedef struct folder {
    char **paths; /* owned, in the order of the index or of their names */
    size_t count;
    bool indexed;
    cx__shard_index index; /* if indexed; its shard i is paths[i] */
    char *index_path;      /* for error sentences */
} folder;
cx_status cx__folder_read(const char *path, folder *out);
void cx__folder_free(folder *f);

#endif

/* Which files of a model folder hold its tensors. Used by tensors.c and torch.c. */
#ifndef CX_FORMAT_FOLDER_H
#define CX_FORMAT_FOLDER_H

#include "format/format.h"

typedef struct folder {
    char **paths; /* owned, in the order of the index or of their names */
    size_t count;
    bool indexed;
    cx__shard_index index; /* if indexed; its shard i is paths[i] */
    char *index_path;      /* for error sentences */
    size_t cap, max;       /* room in paths; most files, 0: any number */
} folder;
cx_status cx__folder_read(const char *path, folder *out);
void cx__folder_free(folder *f); /* accepts a zeroed struct */

/* ---- What finders of files share ---- */
/* Adds dir/name; refuses a link that leads out. */
cx_status cx__folder_add(folder *f, const char *dir, const char *name);
/* Adds the files, named *tail, of the index at f->index_path. */
cx_status cx__folder_add_indexed(folder *f, const char *dir, const char *tail);
void cx__folder_sort(folder *f); /* by name */

#endif

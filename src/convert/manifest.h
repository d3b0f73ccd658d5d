/* conversion.json: what made a folder, and the hash of everything in it. */
#ifndef CX_CONVERT_MANIFEST_H
#define CX_CONVERT_MANIFEST_H

#include "convert/hash.h"
#include "convert/job.h"

#define CX__MANIFEST_FILE "conversion.json"

/* The files of a folder under construction and their hashes. */
typedef struct cx__manifest {
    const char *dir; /* borrowed */
    json_t *files;   /* name -> hash; for shards the hash of the header only */
} cx__manifest;
cx_status cx__manifest_new(const char *dir, cx__manifest *out);
void cx__manifest_free(cx__manifest *m);
/* Writes a new file, synced, and notes its hash. */
cx_status cx__manifest_put(cx__manifest *m, const char *name, const void *data, size_t len);
/* Copies a file from another folder, synced; links are followed. */
cx_status cx__manifest_copy(cx__manifest *m, const char *from_dir, const char *name);
/* Notes the hash of the header of a shard that is there already. */
cx_status cx__manifest_add_shard(cx__manifest *m, const char *name);
/* Writes conversion.json. head: what else it says (source, recipe, ...), taken over. */
cx_status cx__manifest_finish(cx__manifest *m, const cx__layout *plan,
                              const cx__tensor_hash *hashes, json_t *head);

/* Writes conversion.json of a folder from what it shall say; sets its checksum. */
cx_status cx__manifest_write(const char *dir, json_t *all);

/* Length of a safetensors file's header with the 8 bytes before it. */
cx_status cx__header_length(const char *path, size_t *out);
/* conversion.json of a folder, its own checksum verified. *out NULL if there is none. */
cx_status cx__manifest_load(const char *dir, json_t **out);

#endif

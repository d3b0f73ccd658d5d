/* Parts of the reader of PyTorch checkpoints. Used by torch*.c. */
#ifndef CX_FORMAT_TORCH_H
#define CX_FORMAT_TORCH_H

#include "format/folder.h"
#include "format/pickle.h"

/* The tensors of one file in memory, which `tensors` points into. */
typedef struct torch_file {
    cx__stored *tensors; /* in the order of the dict */
    size_t count;
    char *names;
} torch_file;
/* A file that torch.save wrote, an archive or a stream. `where` (kept in cx__stored.path) begins
 * error sentences. *out is set on success only. */
cx_status cx__torch_parse(const uint8_t *data, size_t len, const char *where, torch_file *out);
void cx__torch_file_free(torch_file *f);

/* Storages that a pickle names, each once. */
typedef struct torch_storage {
    const char *key; /* in the pickle, not terminated */
    size_t key_len;
    int dtype;
    int64_t numel;
    size_t bytes;        /* numel times the size of an element */
    const uint8_t *data; /* NULL until it is found */
} torch_storage;
typedef struct torch_storages {
    torch_storage *list; /* sorted by key */
    size_t count;
} torch_storages;
cx_status cx__torch_storages(const pickle *p, const char *where, torch_storages *out);
torch_storage *cx__torch_storage(const torch_storages *s, const char *key, size_t key_len);

/* Picks the dict of tensors in what was pickled and makes views of the storages' data. */
cx_status cx__torch_state(const pickle *p, const torch_storages *s, size_t pickle_len,
                          const char *where, torch_file *out);

/* Which files of the folder hold its tensors. */
cx_status cx__torch_folder(const char *path, folder *out);

#endif

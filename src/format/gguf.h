/* An open GGUF: its parts, their metadata and tensors. Used by gguf*.c. */
#ifndef CX_FORMAT_GGUF_H
#define CX_FORMAT_GGUF_H

#include "format/ggml.h"

typedef struct gguf_entry {
    const char *key; /* in the file */
    size_t key_len;
    cx__gguf_value value;
    size_t *marks; /* owned; value.marks */
} gguf_entry;

typedef struct gguf_file {
    cx__map map; /* zeroed for a file in memory */
    const uint8_t *data;
    size_t len;
    char *path;
    gguf_entry *entries; /* sorted by key */
    size_t count;
} gguf_file;

typedef struct gguf_tensor {
    cx__stored stored;
    ggml_source source;
    char *name;
} gguf_tensor;

struct cx__gguf {
    gguf_file *files;
    size_t file_count;
    gguf_tensor *tensors;
    size_t count, cap;
    const gguf_tensor **by_name;
};

/* Reads the value at r->at, of the type that the file gives as `type`, and passes over it. `key`:
 * for the sentence. *marks: owned by the caller, set when the value is an array of strings. */
cx_status cx__gguf_value_read(cx__reader *r, uint32_t type, const char *where, const char *key,
                              cx__gguf_value *out, size_t **marks);
/* Appends the tensors of f->data to g->tensors and fills f->entries, which the caller frees. */
cx_status cx__gguf_file_parse(cx__gguf *g, gguf_file *f);
const gguf_entry *cx__gguf_entry(const gguf_file *f, const char *key, size_t len);
/* A value of the file itself: of part `f`, whose messages name it. */
cx_status cx__gguf_file_int(const gguf_file *f, const char *key, int64_t lo, int64_t hi,
                            int64_t *out);

#endif

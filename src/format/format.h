/* Level 2: model file formats. The reader and writer are public, <cortex/file.h>. */
#ifndef CX_FORMAT_H
#define CX_FORMAT_H

#include "core/core.h"
#include <cortex/file.h>

/* One file of `len` bytes in memory. Views point into `data`; names into `strings`. */
typedef struct cx__safetensors {
    cx_tensor *tensors; /* in the order of their data */
    size_t count;
    cx_metadata *metadata;
    size_t metadata_count;
    char *strings;
} cx__safetensors;
/* `where` (the file's name) begins error sentences. *out is set on success only. */
cx_status cx__safetensors_parse(const uint8_t *data, size_t len, const char *where,
                                cx__safetensors *out);
void cx__safetensors_free(cx__safetensors *s); /* accepts a zeroed struct */

/* model.safetensors.index.json: which shard holds which tensor. */
typedef struct cx__shard_entry {
    const char *name;
    size_t shard;
} cx__shard_entry;
typedef struct cx__shard_index {
    cx__shard_entry *entries; /* sorted by name, no name twice */
    size_t count;
    const char **shards; /* plain file names, in the order of their first use */
    size_t shard_count;
    bool has_total;
    uint64_t total_size;
    char *strings;
} cx__shard_index;
cx_status cx__shard_index_parse(const char *text, size_t len, const char *where,
                                cx__shard_index *out);
/* The same with shards whose names end with `suffix`. */
cx_status cx__shard_index_parse_of(const char *text, size_t len, const char *where,
                                   const char *suffix, cx__shard_index *out);
void cx__shard_index_free(cx__shard_index *x);
/* A link in a model folder must not lead to files that the folder's author could not know:
 * CX_EFORMAT unless `path`, a file of folder `dir`, is in it or in the blobs of the same hub
 * cache. */
cx_status cx__link_check(const char *dir, const char *path);
/* [A-Za-z0-9._-]+\.safetensors */
bool cx__shard_name_valid(const char *name);

/* Bytes of a planned tensor; false when dtype or shape are out of range. */
bool cx__tensor_bytes(const cx_tensor *t, uint64_t *out);
/* Splits tensors, in order, into shards of at most `limit` bytes as mlx-lm does: a new one begins
 * when the next tensor would exceed the limit and the current one is not empty. shard_of[count]
 * gets the number of each tensor's shard, *shards how many there are (at least 1).
 * CX_EARG when a shape overflows. */
#define CX__SHARD_BYTES (UINT64_C(5) << 30)
cx_status cx__shards_split(const cx_tensor *plan, size_t count, uint64_t limit, size_t *shard_of,
                           size_t *shards);
/* "model.safetensors" of one, else "model-00001-of-00003.safetensors" (shard counts from 0). */
void cx__shard_file(char out[64], size_t shard, size_t shards);
/* Text of the index as mlx-lm writes it. *text: caller cx__free()s. */
cx_status cx__shard_index_text(const cx_tensor *plan, size_t count, const size_t *shard_of,
                               size_t shards, uint64_t total_parameters, char **text, size_t *len);

/* ---- Tensors as the format of a checkpoint stores them ------------------------------------------
 * What a conversion reads: plain elements in a mapped file, or blocks that `decode` unpacks.
 * t.dtype and t.shape are those of the elements; element (i0, i1, ...) has the number
 * i0 * stride[0] + i1 * stride[1] + ... in the sequence that t.data holds or decode yields. */
typedef struct cx__stored cx__stored;
/* Elements [first, first + n) of the sequence to `out`, as t.dtype. Called by any thread; nothing
 * can fail: the reader checked all sizes, and a file that shrank gives zeros (its check function
 * tells). Fast for runs of whole blocks, right for any. */
typedef void cx__decode_fn(const cx__stored *s, size_t first, size_t n, void *out);

/* The same weights in MLX's packing, without loss. rows: rows [row, row + n) of the sequence (a row
 * is t.shape[ndim - 1] elements) as cx_quantize lays them out; biases NULL in modes without. */
typedef struct cx__packed {
    const char *mode; /* "affine", "mxfp4", ... */
    int bits, group;
    cx_dtype scale_dtype; /* of scales and biases; U8 in the fp modes */
    void (*rows)(const cx__stored *s, size_t row, size_t n, void *q, void *scales, void *biases);
} cx__packed;

struct cx__stored {
    cx_tensor t;                 /* data NULL with decode; bytes: what it takes in the file */
    int64_t stride[CX_MAX_DIMS]; /* >= 0; 0 repeats */
    size_t span;                 /* elements of the sequence: all numbers are below */
    cx__decode_fn *decode;       /* NULL: t.data is the sequence */
    const cx__packed *packed;    /* NULL: none */
    const void *from;            /* what decode and packed read; the reader's */
    const char *packing;         /* "Q4_K", ...: for messages; NULL: plain */
    const char *path;            /* of the file, for messages */
};

/* ---- PyTorch checkpoints ------------------------------------------------------------------------
 * What torch.save wrote, as an archive or, before PyTorch 1.6, as a stream. Nothing in it is
 * executed: a pickle is read as data, and whatever is not a dict of tensors and plain values is
 * refused by name. Tensors are used where the file is mapped, with any stride and offset; several
 * may share bytes. t.bytes counts what lies between the first and the last element. */
typedef struct cx__torch cx__torch;
/* A file, or a folder: the shards that its pytorch_model.bin.index.json names, without one
 * pytorch_model-*-of-*.bin, without these pytorch_model.bin, without it the only *.bin, *.pt or
 * *.pth (what a training run leaves beside it is passed over). In a file the dict of tensors is the
 * outermost one or its member "state_dict" or "model"; values that are no tensors are left out.
 * Errors: CX_ENOTFOUND, CX_EIO, CX_EFORMAT, CX_ETYPE (a dtype that is not in cx_dtype),
 * CX_EUNSUPPORTED, CX_ELIMIT, CX_ENOMEM.
 * Owner: caller, cx__torch_close. Any number of threads may use it at once. */
cx_status cx__torch_open(const char *path, cx__torch **out);
void cx__torch_close(cx__torch *t); /* NULL is fine; all views become invalid */
size_t cx__torch_count(const cx__torch *t);
/* In the order of files and of the dict in each. Borrowed. */
const cx__stored *cx__torch_at(const cx__torch *t, size_t i);
/* CX_EIO if a file shrank while in use, as cx_tensors_check. */
cx_status cx__torch_check(const cx__torch *t);

/* ---- GGUF ---------------------------------------------------------------------------------------
 * Metadata and tensors of llama.cpp's files, mapped: strings and data are views into the file. */
typedef struct cx__gguf cx__gguf;

/* Types of metadata as the file numbers them. */
typedef enum cx__gguf_type {
    CX__GGUF_U8,
    CX__GGUF_I8,
    CX__GGUF_U16,
    CX__GGUF_I16,
    CX__GGUF_U32,
    CX__GGUF_I32,
    CX__GGUF_F32,
    CX__GGUF_BOOL,
    CX__GGUF_STRING,
    CX__GGUF_ARRAY,
    CX__GGUF_U64,
    CX__GGUF_I64,
    CX__GGUF_F64,
    CX__GGUF_TYPES /* how many there are */
} cx__gguf_type;

typedef struct cx__gguf_value {
    cx__gguf_type type; /* of the elements; never CX__GGUF_ARRAY: nested arrays are refused */
    bool array;
    size_t count;        /* of the elements; 1 if it is no array */
    const uint8_t *data; /* the first element in the file */
    size_t bytes;        /* of all */
    const size_t *marks; /* strings: where every 64th element begins; the reader's */
} cx__gguf_value;

/* Opens one .gguf file of version 2 or 3, or all parts of a split one by its first part,
 * NAME-00001-of-0000N.gguf; the metadata are those of the first. Refused is what llama.cpp refuses,
 * and bytes behind the last tensor, nested arrays, more than 2^16 entries, 2^17 tensors, 255 bytes
 * in a tensor's name.
 * Errors: CX_ENOTFOUND, CX_EIO, CX_EFORMAT, CX_EUNSUPPORTED (version 1, big-endian files, a type
 * of tensors that is not decoded, named), CX_ELIMIT, CX_ENOMEM. Any number of threads at once. */
cx_status cx__gguf_open(const char *path, cx__gguf **out);
/* One file of `len` bytes in memory, borrowed; `where` (its name, copied) begins sentences. */
cx_status cx__gguf_parse(const uint8_t *data, size_t len, const char *where, cx__gguf **out);
void cx__gguf_close(cx__gguf *g); /* NULL is fine */
/* CX_EIO if a file shrank or its disk failed: what was read since may be zeros. */
cx_status cx__gguf_check(const cx__gguf *g);
const char *cx__gguf_path(const cx__gguf *g); /* of the first file */

/* Tensors in the order of the files, names as there. Elements of block types are F32. Borrowed. */
size_t cx__gguf_count(const cx__gguf *g);
const cx__stored *cx__gguf_at(const cx__gguf *g, size_t i);
const cx__stored *cx__gguf_find(const cx__gguf *g, const char *name); /* NULL: none */

/* Metadata. Strings are not NUL-terminated, and need not be UTF-8. NULL: no such key. */
const cx__gguf_value *cx__gguf_get(const cx__gguf *g, const char *key);
/* Element i (0 if it is no array); false if it does not exist or is of another kind. Integers have
 * any width, but fit in 64 bits with sign; numbers are F32 or F64. */
bool cx__gguf_value_int(const cx__gguf_value *v, size_t i, int64_t *out);
bool cx__gguf_value_num(const cx__gguf_value *v, size_t i, double *out);
bool cx__gguf_value_bool(const cx__gguf_value *v, size_t i, bool *out);
bool cx__gguf_value_str(const cx__gguf_value *v, size_t i, const char **text, size_t *len);
/* By key, single values: a missing one leaves *out as it is (set the default before) and gives
 * CX_OK; a wrong kind or one out of [lo, hi]: CX_EFORMAT naming file and key. */
cx_status cx__gguf_int(const cx__gguf *g, const char *key, int64_t lo, int64_t hi, int64_t *out);
cx_status cx__gguf_num(const cx__gguf *g, const char *key, double lo, double hi, double *out);
cx_status cx__gguf_bool(const cx__gguf *g, const char *key, bool *out);
cx_status cx__gguf_str(const cx__gguf *g, const char *key, const char **text, size_t *len);

#endif

/* Tensor files: reading and writing safetensors, alone or as the shards of a model folder.
 * Source: huggingface/safetensors README, "Format"; what MLX writes: docs/formats. Every byte of a
 * file is taken for hostile; tested by tests/unit/test_safetensors*.c and tests/fuzz. */
#ifndef CORTEX_FILE_H
#define CORTEX_FILE_H

#include <cortex/array.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cx_tensors cx_tensors;

/** Opens one .safetensors file, or a folder: the shards that its model.safetensors.index.json
 * names, without one all model*.safetensors, without these the only *.safetensors. The files are
 * mapped, their data is not read. Refused are files with overlaps, holes, bytes behind the last
 * tensor, duplicate or unknown keys, sizes that do not fit; indexes that disagree with their
 * shards; shards that are links out of the folder (except into the blobs of a hub cache).
 * Not looked at are the data: bytes of BOOL other than 0 and 1 stay as they are.
 * Errors: CX_ENOTFOUND, CX_EIO, CX_EFORMAT, CX_ETYPE (a dtype that is not in cx_dtype),
 * CX_EUNSUPPORTED (more than CX_MAX_DIMS dimensions), CX_ELIMIT, CX_ENOMEM.
 * Owner: caller, cx_tensors_close. Any number of threads may use it at once. */
CX_API cx_status cx_tensors_open(const char *path, cx_tensors **out) CX_WARN_UNUSED;
CX_API void cx_tensors_close(cx_tensors *t); /* NULL is fine; all views become invalid */

CX_API size_t cx_tensors_count(const cx_tensors *t);
/** Tensor i < count, in the order of files and of the data in them. Borrowed. */
CX_API const cx_tensor *cx_tensors_at(const cx_tensors *t, size_t i);
/** By name, NULL if there is none. Borrowed. */
CX_API const cx_tensor *cx_tensors_find(const cx_tensors *t, const char *name);
/** Value in the header's __metadata__ (of the first file that has the key), or NULL. Borrowed. */
CX_API const char *cx_tensors_metadata(const cx_tensors *t, const char *key);
/** Path of the file that holds a tensor of `t`, for error sentences. Borrowed. */
CX_API const char *cx_tensors_path(const cx_tensors *t, const cx_tensor *tensor);
/** Bytes of all tensors. */
CX_API uint64_t cx_tensors_bytes(const cx_tensors *t);
/** Number of files. */
CX_API size_t cx_tensors_files(const cx_tensors *t);

/** CX_EIO if a file shrank or its disk failed while in use: what was read since may be zeros. To
 * be asked after reading, before the result is used. */
CX_API cx_status cx_tensors_check(const cx_tensors *t) CX_WARN_UNUSED;
/** Asks the system to read a tensor (NULL: all) ahead. Only advice. */
CX_API void cx_tensors_prefetch(const cx_tensors *t, const cx_tensor *tensor);

/** Writes one safetensors file: first the plan, then the data in pieces of any order. */
typedef struct cx_tensor_writer cx_tensor_writer;
typedef struct cx_metadata {
    const char *key, *value; /* UTF-8 */
} cx_metadata;

/** Creates (or empties) the file, reserves its full size and writes the header, padded so that the
 * data begins at a multiple of 64 bytes. Tensors lie in the order of `plan`, of which name, dtype,
 * ndim and shape are used; all arguments are copied.
 * Errors: CX_EARG (a name twice or not UTF-8, too large), CX_EIO (also a full disk), CX_ENOMEM.
 * Owner: caller, until cx_tensor_writer_finish or cx_tensor_writer_abort. */
CX_API cx_status cx_tensor_writer_open(const char *path, const cx_tensor *plan, size_t count,
                                       const cx_metadata *metadata, size_t metadata_count,
                                       cx_tensor_writer **out) CX_WARN_UNUSED;
/** Puts `len` bytes at `offset` of the data of tensor `index`. Pieces come in any order, from any
 * threads, each byte once. Errors: CX_EARG (outside the tensor), CX_EIO. */
CX_API cx_status cx_tensor_writer_write(cx_tensor_writer *w, size_t index, uint64_t offset,
                                        const void *data, size_t len) CX_WARN_UNUSED;
/** Syncs the file to the disk. Frees w in any case; after an error (CX_EARG: a tensor is not
 * complete; CX_EIO) the file is removed. */
CX_API cx_status cx_tensor_writer_finish(cx_tensor_writer *w) CX_WARN_UNUSED;
/** Gives up: removes the file and frees w. NULL is fine. */
CX_API void cx_tensor_writer_abort(cx_tensor_writer *w);

#ifdef __cplusplus
}
#endif
#endif

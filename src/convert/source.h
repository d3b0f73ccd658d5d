/* Where a conversion reads: a checkpoint of any format as one list of tensors under Hugging Face's
 * (or MLX's) names, and its config.json. */
#ifndef CX_CONVERT_SOURCE_H
#define CX_CONVERT_SOURCE_H

#include "format/format.h"

/* How the elements of a result are numbered in a stored sequence: counting up through the axes,
 * the last fastest, gives the elements in row-major order; each step along axis i adds stride[i].
 * */
typedef struct cx__axes {
    int count;
    int64_t size[CX_MAX_DIMS], stride[CX_MAX_DIMS];
} cx__axes;

/* One tensor of the checkpoint. Logically it has shape and dtype of s.t and the name s.t.name. */
typedef struct cx__origin {
    cx__stored s;
    cx__axes axes; /* of the shape's product of elements */
    float add;     /* to every element: what a format took away (0 mostly) */
} cx__origin;

typedef struct cx__source cx__source;

/* Opens a folder (safetensors, else PyTorch files), or one file (.safetensors, .gguf, .bin, .pt,
 * .pth). Quantized weights of all known methods come as one tensor `<module>.weight` each, with
 * decode and, where MLX can express them, packed. Errors: those of the readers;
 * CX_EUNSUPPORTED: a method that is not known. Owner: caller, cx__source_close. */
cx_status cx__source_open(const char *path, cx__source **out);
void cx__source_close(cx__source *s); /* NULL is fine */

size_t cx__source_count(const cx__source *s);
const cx__origin *cx__source_at(const cx__source *s, size_t i);
/* By name, NULL if there is none. */
const cx__origin *cx__source_find(const cx__source *s, const char *name);
/* config.json, without what describes the quantization of the source. Borrowed, may be edited. */
json_t *cx__source_config(const cx__source *s);
/* What the source's quantization is called ("affine", "gptq", "Q4_K", ...), NULL if there is none.
 * */
const char *cx__source_quantization(const cx__source *s);
/* Folder of the files beside the weights (tokenizer, licence). */
const char *cx__source_folder(const cx__source *s);
/* Whether these belong to the model: a file that says all by itself may lie anywhere. */
bool cx__source_has_files(const cx__source *s);
/* Texts of a tokenizer.json and a tokenizer_config.json for a source that has no tokenizer.json.
 * CX_ENOTFOUND: there is nothing to make them from. Caller cx__free()s both. */
cx_status cx__source_tokenizer(const cx__source *s, char **tokenizer_json,
                               char **tokenizer_config_json);
/* CX_EIO if a file shrank or its disk failed while it was read. */
cx_status cx__source_check(const cx__source *s);

/* ---- For foreign.c: rewriting the list before it is used --------------------------------------*/

/* The list under construction. Memory for names and what decode reads lives as long as the source.
 * */
typedef struct cx__origins {
    cx__origin *list;
    size_t count;
    struct cx__chunk *chunks;
} cx__origins;
/* Zeroed memory that lives as long as the source; NULL without memory. */
void *cx__origins_alloc(cx__origins *o, size_t size);
char *cx__origins_format(cx__origins *o, const char *fmt, ...) CX_PRINTF(2, 3);
void cx__origins_free(cx__origins *o); /* accepts a zeroed struct */

/* Merges the tensors that together are one quantized weight (X.qweight, X.qzeros, X.scales;
 * X.weight and X.weight_scale_inv; X_blocks and X_scales; X.weight, X.scales, X.biases of MLX; ...)
 * into one `X.weight` each, by "quantization" or "quantization_config" of the config (also the one
 * in text_config, also hf_quant_config.json's content under the key "hf_quant_config"), and takes
 * those keys out of the config. *method: what it found, NULL if the checkpoint is not quantized.
 * Errors: CX_EUNSUPPORTED (method, scheme), CX_EFORMAT (incomplete), CX_ESHAPE, CX_ETYPE. */
cx_status cx__foreign_merge(cx__origins *o, json_t *config, const char *where, const char **method);

#endif

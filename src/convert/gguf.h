/* A GGUF file as a checkpoint: its config.json and the names of its tensors. Tested by
 * tests/unit/test_gguf_convert.c and tests/oracle/oracle_gguf.py. */
#ifndef CX_CONVERT_GGUF_H
#define CX_CONVERT_GGUF_H

#include "format/format.h"

/* What llama.cpp's converter did to a tensor and how that is undone; shapes are those that the file
 * gives. */
typedef enum cx__gguf_how {
    CX__GGUF_KEEP,
    CX__GGUF_DROP, /* not a tensor of the checkpoint: what it holds is in the config */
    /* Rows of q and k (weight [rows, in] or bias [rows]) were reordered within each head for rope
     * of adjacent pairs. With dim = rows / heads: row h * dim + a * dim / 2 + b of the checkpoint
     * (a is 0 or 1, b < dim / 2) is row h * dim + 2 * b + a of the file. As a view: shape
     * [heads, 2, dim / 2, in], strides [dim * in, in, 2 * in, 1]; in order, that is [rows, in]. */
    CX__GGUF_UNPERMUTE,
    CX__GGUF_MINUS_ONE, /* norms of gemma are stored as w + 1: subtract 1 */
    CX__GGUF_TRANSPOSE, /* [out, in] here, [in, out] in the checkpoint (Conv1D of gpt2) */
    CX__GGUF_ROW        /* [n] here, [1, n] in the checkpoint */
} cx__gguf_how;

typedef struct cx__gguf_name {
    char name[256]; /* in the checkpoint; "" to drop */
    cx__gguf_how how;
    size_t
        heads; /* CX__GGUF_UNPERMUTE: how many the rows are of; rows is a multiple of 2 * heads */
} cx__gguf_name;

/* Name of a tensor of `g` in a Hugging Face checkpoint, for experts that of MLX: the stacked
 * [experts, out, in] of ...switch_mlp.{gate,up,down}_proj.
 * Errors: CX_EUNSUPPORTED (an architecture without a table, a tensor that is not in it),
 * CX_EFORMAT (rows that do not fit the heads, blocks beyond block_count). */
cx_status cx__gguf_rename(const cx__gguf *g, const cx__stored *s, cx__gguf_name *out);

/* config.json as the checkpoint of this file would have it. vocab_size is that of the embeddings,
 * the file's types of tensors give torch_dtype (F16 for quantized ones).
 * Errors: CX_EUNSUPPORTED (an architecture, a kind of rope that it cannot express), CX_EFORMAT (a
 * key missing, of another type or out of range). *config: caller json_decref()s. */
cx_status cx__gguf_config(const cx__gguf *g, json_t **config);

/* tokenizer.json and tokenizer_config.json from tokenizer.ggml.*, see cx__tokenizer_rebuild.
 * CX_ENOTFOUND: the file holds no tokenizer. Caller cx__free()s both. */
cx_status cx__gguf_tokenizer(const cx__gguf *g, char **tokenizer_json,
                             char **tokenizer_config_json);

#endif

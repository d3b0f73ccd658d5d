/* Level 5: architectures. One file <arch>.c and one line in models.def each. */
#ifndef CX_MODELS_H
#define CX_MODELS_H

#include "graph/graph.h"
#include <cortex/model.h>

/* What happens to a tensor of the checkpoint on its way to MLX's names. The first rule whose
 * pattern matches wins; a name that no rule matches is kept as it is.
 * Pattern: '*' stands for one or more characters other than '.', a leading "**" for any prefix
 * (also none). In `to` each '*' repeats what the pattern's '*' matched, in order. */
typedef struct cx__rename {
    const char *pattern;
    const char *to; /* NULL: keep the name */
    enum { CX__KEEP, CX__DROP, CX__TRANSPOSE, CX__DROP_IF_TIED } how;
} cx__rename;

typedef struct cx__arch cx__arch;

/* By model_type of config.json, aliases (mistral -> llama) included; NULL if not known. */
const cx__arch *cx__arch_find(const char *model_type);
const char *cx__arch_name(const cx__arch *arch);
/* NULL-pattern terminated; arch NULL: the rules that hold for any architecture. */
const cx__rename *cx__arch_renames(const cx__arch *arch);
/* Applies the rules: name in MLX's convention to `out` (at least 256 bytes; CX_ELIMIT if longer).
 * tied: tie_word_embeddings of the config. */
cx_status cx__rename_apply(const cx__rename *rules, const char *name, bool tied, char *out,
                           size_t len, int *how);

/* ---- What model.c and the sessions share ---------------------------------------------------- */

/* Sizes that every architecture has; filled by its shape function. */
typedef struct cx__model_shape {
    size_t layers, heads, kv_heads, head_dim, vocabulary;
    size_t context; /* 0: not said */
} cx__model_shape;

const cx__graph *cx__model_graph(const cx_model *m);
cx__pool *cx__model_pool(const cx_model *m);
const cx__model_shape *cx__model_shape_of(const cx_model *m);
bool cx__model_exact(const cx_model *m);
cx_status cx__model_check(const cx_model *m); /* CX_EIO if a mapped file shrank */

#endif

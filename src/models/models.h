/* Level 5: architectures. One file <arch>.c and one line in models.def each. */
#ifndef CX_MODELS_H
#define CX_MODELS_H

#include "graph/graph.h"
#include <cortex/model.h>

/* What happens to a tensor of the checkpoint on its way to MLX's names: the sanitize rules of
 * mlx-lm as data. The first rule whose pattern matches a name decides; rules behind it with the
 * same pattern add further results of the same tensor. A name that no rule matches is kept.
 * Pattern: '*' stands for one or more characters other than '.', "**" for any (also none), '#' for
 * a number, that of an expert: the tensors that differ in it alone are stacked along a new first
 * axis. In `to` each '*' and "**" repeats what the pattern's stood for, in order. */
typedef struct cx__rename {
    const char *pattern;
    const char *to; /* NULL: keep the name */
    unsigned how;   /* flags below, applied in their order */
} cx__rename;
enum {
    CX__KEEP = 0,
    CX__DROP = 1,
    CX__DROP_IF_TIED = 2,    /* drops where tie_word_embeddings is true, else not a match */
    CX__TRANSPOSE = 4,       /* swaps the last two axes */
    CX__CONV = 8,            /* the same unless the last axis is 1 long: a conv1d in HF's layout */
    CX__FIRST_HALF = 16,     /* of the second last axis (of the only one of a vector) */
    CX__SECOND_HALF = 32,    /* likewise */
    CX__EVEN = 64,           /* every second of the second last axis, from 0 */
    CX__ODD = 128,           /* likewise, from 1 */
    CX__LAST_AXIS = 256,     /* the four above take the last axis instead */
    CX__PLUS_ONE = 512,      /* adds 1 (norms that MLX stores as 1 + w) */
    CX__PLUS_ONE_CONV = 1024 /* the same, where the checkpoint has a conv1d in HF's layout */
};

/* How an architecture packs its modules where nobody asks otherwise (mlx-lm's quant_predicate).
 * pattern: of the module's path, as above; bits 0: left as it is. */
typedef struct cx__pack_rule {
    const char *pattern;
    int bits, group; /* group 0: that of the conversion */
} cx__pack_rule;

typedef struct cx__arch cx__arch;

/* By model_type of config.json, aliases (mistral -> llama) included; NULL if not known. */
const cx__arch *cx__arch_find(const char *model_type);
const char *cx__arch_name(const cx__arch *arch);
/* False for an architecture that can only be converted. */
bool cx__arch_runs(const cx__arch *arch);
/* NULL-pattern terminated; arch NULL: the rules that hold for any architecture. */
const cx__rename *cx__arch_renames(const cx__arch *arch);
/* The rule for a module, NULL if there is none. */
const cx__pack_rule *cx__arch_pack(const cx__arch *arch, const char *path);
/* True for a tensor (MLX's name) that keeps its dtype whatever the rest is cast to. */
bool cx__arch_keeps_dtype(const cx__arch *arch, const char *name);

/* One result of a tensor. */
typedef struct cx__renamed {
    char name[256]; /* MLX's */
    unsigned how;
    long expert; /* what '#' stood for, -1 without */
} cx__renamed;
/* Applies the rules to a tensor's name, from *next on (first: the table). *next is then where to go
 * on for a further result of the same tensor, NULL if there is none. tied: tie_word_embeddings of
 * the config. CX_ELIMIT if the new name is too long. */
cx_status cx__rename_apply(const cx__rename **next, const char *name, bool tied, cx__renamed *out);
/* True if the pattern of a rule matches. */
bool cx__pattern_match(const char *pattern, const char *name);

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

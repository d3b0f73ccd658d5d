/* Level 5: architectures. One file <arch>.c and one line in models.def each. */
#ifndef CX_MODELS_H
#define CX_MODELS_H

#include "graph/graph.h"
#include <cortex/model.h>

/* What happens to a tensor of the checkpoint on its way to MLX's names: the sanitize rules of
 * mlx-lm as data. The first rule whose pattern matches a name, and whose condition holds, decides;
 * rules behind it with the same pattern add further results of the same tensor. A name that no rule
 * matches is kept.
 * Pattern: '*' stands for one or more characters other than '.', "**" for any (also none), '#' for
 * a number, that of an expert: the tensors that differ in it alone are stacked along a new first
 * axis. In `to` each '*' and "**" repeats what the pattern's stood for, in order. */
typedef struct cx__rename {
    const char *pattern;
    const char *to; /* NULL: keep the name */
    unsigned how;   /* flags below, applied in their order */
} cx__rename;
/* Sizes (heads, ...) are those of cx__facts. */
enum {
    CX__KEEP = 0,
    CX__DROP = 1 << 0,
    CX__DROP_IF_TIED = 1 << 1, /* drops where tie_word_embeddings is true, else not a match */
    CX__TRANSPOSE = 1 << 2,    /* swaps the last two axes */
    CX__CONV = 1 << 3,         /* the same unless the last axis is 1 long: HF's conv1d layout */
    CX__FIRST_HALF = 1 << 4,   /* of the second last axis (of the only one of a vector) */
    CX__SECOND_HALF = 1 << 5,  /* likewise */
    CX__EVEN = 1 << 6,         /* every second of the second last axis, from 0 */
    CX__ODD = 1 << 7,          /* likewise, from 1 */
    CX__LAST_AXIS = 1 << 8,    /* the four above take the last axis instead */
    CX__JOIN = 1 << 9,         /* the first of three tensors that become one, one behind the
                                      other along the first axis */
    CX__JOIN_2ND = 1 << 9 | 1 << 29,
    CX__JOIN_3RD = 1 << 9 | 1 << 30,
    CX__PLUS_ONE_HF = 1 << 10,     /* adds 1 to a vector (norms that MLX stores as 1 + w), where the
                                      checkpoint has HF's layout, see CX__HF */
    CX__ON = 1 << 11,              /* no result: the rules behind this one see the new name */
    CX__DROP_EXTRA = 1 << 12,      /* drops where the number behind "layers." is `layers` or more,
                                      else not a match: layers that predict further tokens */
    CX__DROP_SHARED = 1 << 13,     /* the same for the last `shared_layers` of the layers */
    CX__IF_DENSE = 1 << 14,        /* a condition: the config has no experts */
    CX__IF_HEADLESS = 1 << 15,     /* a condition: the checkpoint has no lm_head.weight */
    CX__IF_NORM_HEAD = 1 << 16,    /* a condition: norm_head of the config is true */
    CX__HF = 1 << 17,              /* no effect here; shows that the checkpoint has HF's layout, as
                                      a tensor that CX__CONV turns does */
    CX__LATENT_KEYS = 1 << 18,     /* [heads (nope_dim + value_dim), k] seen as
                                      [heads, nope_dim + value_dim, k]; of its second axis the first
                                      nope_dim, with the last two axes swapped */
    CX__LATENT_VALUES = 1 << 19,   /* the same view; of its second axis the last value_dim */
    CX__GROUPED_QUERIES = 1 << 20, /* [kv_heads (g + 2) head_dim, ...] with g queries, one key and
                                      one value for each of the kv_heads: the queries */
    CX__GROUPED_KEYS = 1 << 21,    /* the keys of that */
    CX__GROUPED_VALUES = 1 << 22,  /* the values of that */
    CX__FLAT = 1 << 23,            /* one axis */
    CX__SCALAR = 1 << 28,          /* axes of 1 are dropped */
    CX__HEADS = 1 << 24,           /* axes [hidden / head_dim, head_dim] */
    CX__GROUPS = 1 << 25,          /* [groups r, k] becomes [groups, r, k] */
    CX__PER_EXPERT = 1 << 26,      /* [experts r, ...] becomes `experts` results [r, ...], numbered
                                      by the '#' of `to`; before CX__TRANSPOSE */
    CX__REFUSE = 1 << 27           /* MLX has other values here, which Cortex cannot make yet */
};

/* What rules depend on beside names: config.json (text_config first) and the checkpoint. */
typedef struct cx__facts {
    bool tied, norm_head;
    int64_t layers, shared_layers, experts, groups;
    int64_t hidden, heads, kv_heads, head_dim, nope_dim, value_dim; /* 0: not said */
    bool headless, hf; /* filled by who has the tensors */
} cx__facts;
/* tied: where the config does not say it. A size that is no number from 0 to 2^20 counts as not
 * said: what needs it finds that out. */
void cx__facts_read(const json_t *config, bool tied, cx__facts *out);

/* How an architecture packs its modules where nobody asks otherwise (mlx-lm's quant_predicate and
 * the modules that have none of nn.Linear, nn.Embedding and their kin). pattern: of the module's
 * path, as above; bits 0: left as it is. */
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
    long expert; /* what '#' stood for, or the place of CX__JOIN; -1 without */
    size_t part; /* of CX__PER_EXPERT: which */
    bool more;   /* there is a result number nth + 1 */
} cx__renamed;
/* Applies the rules to a tensor's name: result number `nth` of that tensor, from 0.
 * CX_ELIMIT if the new name is too long. */
cx_status cx__rename_apply(const cx__rename *rules, const char *name, size_t nth,
                           const cx__facts *facts, cx__renamed *out);
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

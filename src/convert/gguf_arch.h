/* What is known of each architecture of GGUF: data for gguf_names.c and gguf_config.c. */
#ifndef CX_CONVERT_GGUF_ARCH_H
#define CX_CONVERT_GGUF_ARCH_H

#include "convert/gguf.h"

/* A tensor's name without ".weight" or ".bias"; '*' stands for a number and is repeated in `to`.
 * how holds for the weight; of UNPERMUTE also for the bias. */
typedef struct gguf_rename {
    const char *from, *to;
    cx__gguf_how how;
} gguf_rename;

typedef struct gguf_key {
    const char *from; /* behind "<architecture>." */
    const char *to;   /* in config.json */
    enum { GGUF_INT = 1, GGUF_NUM, GGUF_BOOL } kind;
    bool required;
} gguf_key;

typedef struct gguf_arch {
    const char *name;  /* general.architecture */
    bool experts;      /* the one that has expert_count */
    const char *type;  /* model_type */
    const char *class; /* of transformers, in "architectures" */
    const gguf_rename *names[3];
    const gguf_key *keys;
    const char *fixed; /* members of config.json that the architecture implies, JSON */
    enum {
        GGUF_HEAD_DIM = 1,     /* config has head_dim */
        GGUF_TIED = 2,         /* output.weight, if there, is a copy of the embeddings */
        GGUF_PARTIAL_ROPE = 4, /* config has partial_rotary_factor */
        GGUF_NO_ROPE = 8,
        GGUF_BIASES = 16,   /* config has attention_bias and mlp_bias */
        GGUF_QUERY_PRE = 32 /* config has query_pre_attn_scalar */
    } flags;
    int wide; /* GGUF_QUERY_PRE: number of layers of the model that scales by width / heads */
} gguf_arch;

/* CX_EUNSUPPORTED naming the architecture, CX_EFORMAT without one. */
cx_status cx__gguf_arch(const cx__gguf *g, const gguf_arch **out);
/* "<architecture>.<key>" in `out`. Returns out. */
const char *cx__gguf_key(const gguf_arch *a, const char *key, char out[128]);
/* An integer, or an array of equal ones (llama.cpp writes some per layer). */
cx_status cx__gguf_arch_int(const cx__gguf *g, const gguf_arch *a, const char *key, int64_t hi,
                            int64_t *out);

#endif

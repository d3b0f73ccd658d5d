/* Level 4: the lazy graph that a model file builds, and the plan made of it once per model.
 * Every value is a matrix [rows, cols] of f32; rows is a run-time number (tokens of a pass), cols
 * is fixed. Building never fails half way: NULL in gives NULL out, the graph keeps the first error
 * and cx__graph_end reports it. Equal nodes are one node (common subexpressions), nodes that
 * nothing uses are never planned. Passes: fuse.c; plan: plan.c; execution: run.c, ops. */
#ifndef CX_GRAPH_H
#define CX_GRAPH_H

#include "base/base.h"
#include "cache/cache.h"
#include "kernels/kernels.h"

/* A weight matrix [rows, cols] where it lies in the mapped file: packed, or plain row-major. */
typedef struct cx__weight {
    const char *name;
    size_t rows, cols;
    bool packed;
    cx__qmat q;        /* packed */
    cx_dtype dtype;    /* plain: F32, F16, BF16 */
    const void *data;  /* plain */
    const float *bias; /* [rows] or NULL */
} cx__weight;

typedef struct cx__graph cx__graph;
typedef struct cx__node cx__node;

typedef enum cx__act {
    CX__ACT_NONE,
    CX__ACT_SILU,
    CX__ACT_GELU_ERF,
    CX__ACT_GELU_TANH,
    CX__ACT_GELU_QUICK,
    CX__ACT_RELU,
    CX__ACT_RELU2,
    CX__ACT_TANH
} cx__act;

/* Rotary embedding: angle of pair i at position p is p * freq[i]; cos and sin times `mscale`. */
typedef struct cx__rope_spec {
    const float *freq; /* [half], lives as long as the graph */
    size_t half;
    bool interleaved;
    float mscale; /* 1 normally */
} cx__rope_spec;

typedef struct cx__attend_spec {
    size_t layer, heads, kv_heads, dim;
    float scale, softcap;      /* softcap 0: off */
    const cx__rope_spec *rope; /* applied to q and k; NULL: none */
    /* RMS norm of each head of q and k before that: f32 [dim] that live as long as the graph; NULL:
     * none. */
    const float *q_norm, *k_norm;
    float eps;
} cx__attend_spec;

/* Gated MLPs of which each row takes `top_k`. Matrices of all experts lie one behind the other:
 * gate, up [count * hidden, dim], down [count * dim, hidden]; no biases. */
typedef struct cx__experts_spec {
    size_t count, top_k; /* 1 <= top_k <= count */
    bool normalize;      /* the weights of the chosen sum to 1 */
    cx__act act;         /* of the gate */
    const cx__weight *gate, *up, *down;
} cx__experts_spec;

cx_status cx__graph_new(cx__graph **out);
void cx__graph_free(cx__graph *g);

/* Row of w for each token [rows, w->cols]. */
cx__node *cx__node_embed(cx__graph *g, const cx__weight *w);
/* Row of w for each position (learned positions). Positions past w->rows are CX_ELIMIT at run. */
cx__node *cx__node_embed_position(cx__graph *g, const cx__weight *w);
/* x [rows, w->cols] times w transposed, plus its bias: [rows, w->rows]. */
cx__node *cx__node_linear(cx__graph *g, cx__node *x, const cx__weight *w);
/* w, b: f32 [cols] that live as long as the graph; b may be NULL. */
cx__node *cx__node_rms_norm(cx__graph *g, cx__node *x, const float *w, float eps);
cx__node *cx__node_layer_norm(cx__graph *g, cx__node *x, const float *w, const float *b, float eps);
cx__node *cx__node_activate(cx__graph *g, cx__node *x, cx__act act);
cx__node *cx__node_add(cx__graph *g, cx__node *a, cx__node *b);
cx__node *cx__node_mul(cx__graph *g, cx__node *a, cx__node *b);
cx__node *cx__node_scale(cx__graph *g, cx__node *x, float s);
/* Columns [at, at + len). A view: costs nothing. */
cx__node *cx__node_slice(cx__graph *g, cx__node *x, size_t at, size_t len);
/* q [rows, heads*dim], k and v [rows, kv_heads*dim]: rotates, appends k and v to the cache of the
 * layer, attends causally: [rows, heads*dim]. */
cx__node *cx__node_attend(cx__graph *g, cx__node *q, cx__node *k, cx__node *v,
                          const cx__attend_spec *spec);
/* x [rows, dim], logits [rows, count]: softmax over the logits, the top_k experts of each row (of
 * equals those of lower index), the sum of what they make of it: [rows, dim]. */
cx__node *cx__node_experts(cx__graph *g, cx__node *x, cx__node *logits,
                           const cx__experts_spec *spec);
/* Only the rows whose logits are wanted. */
cx__node *cx__node_select(cx__graph *g, cx__node *x);
/* Names the result and ends building; the first error of the building, if any. */
cx_status cx__graph_end(cx__graph *g, cx__node *result);

/* ---- Plan ----------------------------------------------------------------------------------- */
typedef struct cx__plan cx__plan;

typedef struct cx__plan_options {
    size_t rows;   /* most tokens in a pass */
    size_t select; /* most selected rows computed at once */
    bool exact;    /* f32 activations: packed weights are decoded, not multiplied as integers */
} cx__plan_options;

/* A plan owns its work memory; the graph and weights must outlive it. */
cx_status cx__plan_new(const cx__graph *g, const cx__plan_options *options, cx__pool *pool,
                       cx__plan **out);
void cx__plan_free(cx__plan *p);
size_t cx__plan_bytes(const cx__plan *p);

/* Tokens of one sequence in a pass, consecutive positions from cx__kv_length on (reserved). */
typedef struct cx__segment {
    size_t seq, row, rows;
} cx__segment;

typedef struct cx__pass {
    const int32_t *tokens; /* [rows], each in the vocabulary */
    const uint32_t *pos;   /* [rows] */
    size_t rows;
    const cx__segment *segments;
    size_t segment_count;
    const uint32_t *select; /* [selected] row indices, rising */
    size_t selected;
    cx__kv *kv;
    /* Receives result rows [first, first+rows) of the selection; non-zero ends the pass. */
    int (*sink)(void *user, size_t first, size_t rows, const float *values);
    void *user;
} cx__pass;

/* CX_ECANCELED if the sink said so. Allocates nothing. */
cx_status cx__plan_run(cx__plan *p, const cx__pass *pass);

/* Per token: weight bytes that a decode step reads, and multiplies and adds of the products on all
 * rows and on selected rows. */
void cx__plan_traffic(const cx__plan *p, size_t *weight_bytes, size_t *ops, size_t *head_ops);
/* Steps for people: "product qkv 3072x2048 ..." one line each, with time spent and weight bytes. */
void cx__plan_describe(const cx__plan *p, cx__buf *out);

#endif

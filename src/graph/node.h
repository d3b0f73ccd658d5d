/* Inside of the graph: nodes, and what is shared by building and planning. */
#ifndef CX_GRAPH_NODE_H
#define CX_GRAPH_NODE_H

#include "graph/graph.h"

typedef enum cx__op {
    CX__OP_EMBED,
    CX__OP_EMBED_POSITION,
    CX__OP_LINEAR,
    CX__OP_RMS_NORM,
    CX__OP_LAYER_NORM,
    CX__OP_ACT,
    CX__OP_ADD,
    CX__OP_MUL,
    CX__OP_SCALE,
    CX__OP_SLICE,
    CX__OP_ATTEND,
    CX__OP_EXPERTS,
    CX__OP_SELECT
} cx__op;

struct cx__node {
    cx__op op;
    int id;        /* position in the graph; inputs have lower ids */
    bool selected; /* rows are those of the selection, not of the pass */
    size_t cols;
    cx__node *in[3];
    const void *w, *b; /* cx__weight of embed and linear; f32 vectors of norms */
    float f;           /* eps, scale */
    size_t i;          /* activation, first column of a slice */
    cx__attend_spec attend;
    cx__experts_spec experts;
    cx__node *same_hash;
};

enum { CX__HASH = 1024 };

struct cx__graph {
    cx__node **nodes;
    size_t count, cap;
    cx__node *hash[CX__HASH];
    cx__node *result;
    cx_status status;
    char error[512]; /* sentence of the first failure */
};

#endif

/* Weights that another tool quantized: what its tensors are, how they are read, how MLX would pack
 * them. One method is one file and one line of foreign.def. Sources: at each method. */
#ifndef CX_CONVERT_FOREIGN_H
#define CX_CONVERT_FOREIGN_H

#include "convert/source.h"

/* ---- A weight ---------------------------------------------------------------------------------*/

/* Codes of 1 to 8 bits: lines, each a stream of bits, lowest first, cut in 32-bit words. */
typedef struct cx__codes {
    const uint8_t *data; /* NULL: none */
    int bits;
    size_t word, line; /* bytes from a word to the next one of its line, from a line to the next */
    bool turned;       /* a line is a column (of zeros: a group), else a row */
    bool awq;          /* order of the eight nibbles of a word */
    uint8_t flip;      /* of 8 bits: 0x80 turns signed bytes to unsigned with zero 128 */
    uint32_t add[3];   /* to word w, add[w % 3], before it is cut */
    uint8_t plus;      /* to a code, modulo 2^bits */
} cx__codes;

typedef enum cx__global { CX__GLOBAL_NONE, CX__GLOBAL_TIMES, CX__GLOBAL_OVER } cx__global;

/* Values of step_rows x step_cols neighbours: value = (code - zero) * scale, or table[code] *
 * scale. Of expert e, row r and column c the scale is number e * expert + r / step_rows * row +
 * group * column, group g_idx[c], else c / step_cols. */
typedef struct cx__foreign_weight {
    cx__codes codes, zeros; /* zeros: by r / step_rows and group */
    float zero;             /* what a zero is more than its code; without zeros.data the zero */
    const float *table;     /* 256 values */
    size_t experts, rows, cols;
    const uint8_t *scales;
    cx_dtype scale_dtype;
    size_t expert, row, column, step_rows, step_cols, groups;
    const uint8_t *g_idx; /* I32 [cols] */
    /* Second scales, F32, of global_rows rows each (counted over all experts); stored times
     * global_unit. */
    const uint8_t *global;
    size_t global_rows;
    cx__global global_rule;
    float global_unit;
    cx__packed packed;
} cx__foreign_weight;

extern const float cx__e2m1[256], cx__e4m3[256], cx__e5m2[256];
/* Value of a code of E8M0: 2^(code - 127), 255 is NaN. */
float cx__e8m0(uint8_t code);

cx__decode_fn cx__foreign_decode; /* s->from is the cx__foreign_weight */
/* Fills w->packed if MLX's packing can hold the weight; NULL if it cannot. Codes and scales are
 * the source's. What may be rounded, to the type of the scales, is affine's bias, -zero * scale,
 * as in mlx-lm: exact where zero is a power of two, so in all that is symmetric. */
const cx__packed *cx__foreign_pack(cx__foreign_weight *w);

/* ---- A merge ----------------------------------------------------------------------------------*/

enum { CX__FOREIGN_BLOCKS = 16 };

typedef struct cx__foreign_method cx__foreign_method;
typedef struct cx__foreign {
    cx__origins *o;
    const json_t *config; /* what describes the quantization */
    const char *where, *method_name;
    const cx__foreign_method *method;
    struct cx__foreign_name *names; /* sorted */
    bool *gone;                     /* of each origin: now part of another */
    /* The weight that is being merged: what it is called without the tail of its parts; place in
     * the list, path of the file and size of what was taken. */
    char base[1024];
    size_t slot, bytes;
    const char *path;
    /* Of the method. */
    int64_t bits, group;
    int64_t blocks[CX__FOREIGN_BLOCKS][2]; /* rows, columns that share a scale */
    int block_count;
    bool flexible;  /* gptq: modules may differ from bits and group */
    bool v2;        /* gptq: zeros are stored as they are */
    bool gptqmodel; /* gptq: who wrote it */
    bool symmetric; /* compressed-tensors: modules may have no zeros */
} cx__foreign;

struct cx__foreign_method {
    /* Lists of name endings, each ended by NULL. marks: every quantized weight has a tensor with
     * one of them. parts: what must not be left when all is merged. drop: what only concerns
     * activations. */
    const char *const *marks, *const *parts, *const *drop;
    cx_status (*begin)(cx__foreign *f); /* checks the config */
    cx_status (*merge)(cx__foreign *f); /* f->base */
};
#define CX_FOREIGN(name, method) extern const cx__foreign_method cx__foreign_##method;
#include "convert/foreign.def"
#undef CX_FOREIGN

/* The part base + tail, NULL if there is none. It no longer is a tensor of its own. Errors:
 * CX_EUNSUPPORTED (not in row-major order), CX_ESHAPE (bytes that do not fit). */
cx_status cx__foreign_take(cx__foreign *f, const char *tail, const cx_tensor **out);
cx_status cx__foreign_need(cx__foreign *f, const char *tail, const cx_tensor **out);
bool cx__foreign_has(const cx__foreign *f, const char *tail);
/* The sentence about tensor t of this merge: "expected <format>, found ..." */
cx_status cx__foreign_expected(const cx__foreign *f, cx_status code, const cx_tensor *t,
                               const char *fmt, ...) CX_PRINTF(4, 5);
/* CX_ETYPE or CX_ESHAPE unless t is that; a shape of -1 is any, at least 1. */
cx_status cx__foreign_is(const cx__foreign *f, const cx_tensor *t, cx_dtype dtype, int ndim,
                         const int64_t *shape);
/* CX_ETYPE unless scales are F16, BF16 or F32. */
cx_status cx__foreign_wide(const cx__foreign *f, const cx_tensor *t);
/* CX_EUNSUPPORTED: what the config names is not supported. */
cx_status cx__foreign_unsupported(const cx__foreign *f, const char *key, const char *value);
cx_status cx__foreign_no_memory(const cx__foreign *f);
/* Zeroed weight for cx__foreign_put. */
cx_status cx__foreign_new(cx__foreign *f, cx__foreign_weight **out);
/* Sizes of w from the shape [..., rows, columns] of t whose last axis holds `per` codes each. */
cx_status cx__foreign_matrix(const cx__foreign *f, const cx_tensor *t, size_t per,
                             cx__foreign_weight *w);
/* Scales of w, whose sizes are set: one for all, for each expert, for each row (of any of these
 * dtypes), or for blocks of one of f->blocks. U8 is E8M0. */
cx_status cx__foreign_scales(const cx__foreign *f, const cx_tensor *t, cx__foreign_weight *w);
/* Scales [groups, rows], F16, BF16 or F32, of w->rows and `group` columns each. CX_ETYPE,
 * CX_ESHAPE. */
cx_status cx__foreign_columns(const cx__foreign *f, const cx_tensor *t, size_t group,
                              cx__foreign_weight *w);
/* Second scales: one, or one for equally many rows each. */
cx_status cx__foreign_global(const cx__foreign *f, const cx_tensor *t, cx__global rule,
                             cx__foreign_weight *w);
/* Takes t, I32 [cols], for w->g_idx, unless it says that groups are neighbours (or, as exporters
 * left it that did not use it, 0 everywhere). CX_EFORMAT: a group that is none. */
cx_status cx__foreign_order(const cx__foreign *f, const cx_tensor *t, cx__foreign_weight *w);

/* Common weights, put as BF16. q of F8, and its scale. */
cx_status cx__foreign_float8(cx__foreign *f, const char *tail, const cx_tensor *q,
                             const cx_tensor *scale);
/* E2M1 in U8 [..., rows, cols/2], low nibble first, with a scale of E4M3 for 16 or of E8M0 for 32
 * columns; global NULL: none. */
cx_status cx__foreign_float4(cx__foreign *f, const char *tail, const cx_tensor *q,
                             const cx_tensor *scale, const cx_tensor *global, cx__global rule);

/* Puts the weight in the list, as base + tail, where its first part was. shape: of `like`, the last
 * axis w->cols. */
cx_status cx__foreign_put(cx__foreign *f, const char *tail, const cx_tensor *like, cx_dtype dtype,
                          const char *packing, cx__foreign_weight *w);
/* The same for a weight that reads itself. shape: ndim, shape; from, decode, packed: as in s. */
cx_status cx__foreign_put_stored(cx__foreign *f, const char *tail, const cx__stored *s);

#endif

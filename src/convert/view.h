/* How the elements of a result are numbered in one stored tensor. Own folder only. */
#ifndef CX_CONVERT_VIEW_H
#define CX_CONVERT_VIEW_H

#include "convert/source.h"
#include "models/models.h"

typedef struct cx__view {
    const cx__origin *origin;
    cx__axes axes; /* in row-major order of the result; may be finer than its shape */
    size_t offset;
    /* The same over the rows of the origin; whole_rows: a row of the result is one of these. */
    cx__axes row_axes;
    size_t row_offset;
    bool whole_rows;
    float add;
    int ndim;
    int64_t shape[CX_MAX_DIMS];
} cx__view;

void cx__view_init(cx__view *v, const cx__origin *o);
/* What the flags of a rule do, in the order of models.h. CX_ESHAPE: the rule does not fit the
 * tensor; CX_EUNSUPPORTED: CX__REFUSE. */
cx_status cx__view_apply(cx__view *v, const cx__renamed *r, const cx__facts *facts);
/* The sentence for a tensor of another shape than expected. */
cx_status cx__view_misfit(const cx__view *v, const char *expected);

#endif

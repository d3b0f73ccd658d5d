/* Steps that work on each row by itself: embeddings, norms, selection, element-wise. */
#include "graph/step.h"

static void embed_row(const cx__plan *plan, const cx__weight *w, size_t row, float *out)
{
    const cx__kernels *k = plan->k;
    const uint8_t *p = w->data;
    if (w->packed) {
        cx__qmat_decode(k, out, &w->q, row);
        return;
    }
    p += row * w->cols * cx_dtype_size(w->dtype);
    if (w->dtype == CX_F16) k->f16_to_f32(out, p, w->cols);
    else if (w->dtype == CX_BF16) k->bf16_to_f32(out, p, w->cols);
    else memcpy(out, p, w->cols * sizeof *out);
}

static void embed(const cx__step *s, cx__run *r, int phase, int thread)
{
    size_t row, end;
    (void)phase;
    cx__share(r->pass->rows, thread, cx__pool_threads(r->plan->pool), &row, &end);
    for (; row < end; row++)
        embed_row(r->plan, s->weight, (size_t)r->pass->tokens[row],
                  cx__value_row(r->plan, s->out, row));
}

static void embed_position(const cx__step *s, cx__run *r, int phase, int thread)
{
    size_t row, end;
    (void)phase;
    cx__share(r->pass->rows, thread, cx__pool_threads(r->plan->pool), &row, &end);
    for (; row < end; row++)
        embed_row(r->plan, s->weight, r->pass->pos[row], cx__value_row(r->plan, s->out, row));
}

static void norm(const cx__step *s, cx__run *r, int phase, int thread)
{
    const cx__kernels *k = r->plan->k;
    size_t row, end, n = s->out.cols;
    (void)phase;
    cx__share(cx__step_rows(s, r), thread, cx__pool_threads(r->plan->pool), &row, &end);
    for (; row < end; row++) {
        float *y = cx__value_row(r->plan, s->out, row);
        const float *x = cx__value_row(r->plan, s->in[0], row);
        if (s->op == CX__OP_RMS_NORM) k->rms_norm(y, x, s->w, n, s->f);
        else k->layer_norm(y, x, s->w, s->b, n, s->f);
    }
}

static void select_rows(const cx__step *s, cx__run *r, int phase, int thread)
{
    size_t i, end;
    (void)phase;
    cx__share(r->selected, thread, cx__pool_threads(r->plan->pool), &i, &end);
    for (; i < end; i++)
        memcpy(cx__value_row(r->plan, s->out, i),
               cx__value_row(r->plan, s->in[0], r->pass->select[r->first + i]),
               s->out.cols * sizeof(float));
}

static void elementwise(const cx__step *s, cx__run *r, int phase, int thread)
{
    enum { RUN = 512 }; /* columns per unit, so that one long row is shared too */
    const cx__kernels *k = r->plan->k;
    size_t cols = s->out.cols, runs = (cols + RUN - 1) / RUN, u, end;
    (void)phase;
    cx__share(cx__step_rows(s, r) * runs, thread, cx__pool_threads(r->plan->pool), &u, &end);
    for (; u < end; u++) {
        size_t row = u / runs, at = u % runs * RUN, n = cols - at < RUN ? cols - at : RUN;
        float *y = cx__value_row(r->plan, s->out, row) + at;
        const float *a = cx__value_row(r->plan, s->in[0], row) + at;
        const float *b = s->inputs > 1 ? cx__value_row(r->plan, s->in[1], row) + at : NULL;
        switch (s->op) {
        case CX__OP_ADD: k->add(y, a, b, n); break;
        case CX__OP_MUL: k->mul(y, a, b, n); break;
        case CX__OP_SCALE: k->scale(y, a, s->f, n); break;
        default: cx__act_apply(k, s->act, y, a, n); break;
        }
    }
}

const cx__step_kind cx__step_embed = { "embed", 1, embed, NULL };
const cx__step_kind cx__step_embed_position = { "embed position", 1, embed_position, NULL };
const cx__step_kind cx__step_norm = { "norm", 1, norm, NULL };
const cx__step_kind cx__step_select = { "select", 1, select_rows, NULL };
const cx__step_kind cx__step_elementwise = { "element-wise", 1, elementwise, NULL };

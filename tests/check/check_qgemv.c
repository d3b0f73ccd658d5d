/* qgemv_b<bits> and qgemm: bit for bit the reference, which is compared with sums in doubles. */
#include "check.h"
#include "qmul.h"
#include <math.h>

qmul_case qmul_new(check *t, int bits, int group, size_t rows, size_t cols, size_t rows_x)
{
    static const cx_dtype types[] = { CX_F32, CX_F16, CX_BF16 };
    cx_dtype type = types[check_below(t, 3)];
    size_t groups = cols / (size_t)group, stride = cx__qact_stride(cols);
    qmul_case c = { .rows_x = rows_x, .ldy = rows + check_below(t, 3) };
    check_case(t, "%db g%d %zux%zu, %zu rows, %s", bits, group, rows, cols, rows_x,
               cx_dtype_name(type));
    uint8_t *x = check_in(t, rows_x * stride, 1);
    float *row = check_out(t, cols * 4, 4);
    for (size_t m = 0; m < rows_x; m++) {
        for (size_t i = 0; i < cols; i++)
            row[i] = m == 1 ? (i & 1 ? 1.0f : -1.0f) * (float)(1 + i / 64) /* every q is +-127 */
                            : check_uniform(t, -2, 2);
        if (m == 2) memset(row, 0, cols * 2);
        cx__quantize_act_ref(x + m * stride, row, cols);
    }
    c.x = x;
    c.w = (cx__qmat){
        .bits = bits, .group = group, .rows = rows, .cols = cols, .scale_dtype = type
    };
    uint8_t *q = check_bytes(t, rows * cols * (size_t)bits / 8);
    memset(q, 0xff, cols * (size_t)bits / 8); /* largest codes: no saturation on the way */
    c.w.q = q;
    c.w.scales = check_values(t, type, rows * groups, -0.1f, 0.1f);
    c.w.biases = check_values(t, type, rows * groups, -1, 1);
    c.want = check_out(t, rows_x * c.ldy * 4, 4);
    c.got = check_out(t, rows_x * c.ldy * 4, 4);
    c.scratch = check_out(t, cx__qmul_scratch(cols), 64);
    memcpy(c.got, c.want, rows_x * c.ldy * 4); /* so that values between rows must stay */
    check_seal(t);
    return c;
}

static float value(const void *p, cx_dtype type, size_t i)
{
    cx_tensor one = { .dtype = type, .data = (const uint8_t *)p + i * cx_dtype_size(type) };
    float f;
    uint16_t h;
    memcpy(&f, one.data, type == CX_F32 ? 4 : 2);
    memcpy(&h, one.data, 2);
    return type == CX_F32 ? f : type == CX_F16 ? cx__f16_to_f32(h) : cx__bf16_to_f32(h);
}

/* Element by element in doubles, from the definition of MLX's packing: 32-bit little-endian words
 * for widths that divide 32, a stream of bits for the others. */
static void check_definition(check *t, const qmul_case *c)
{
    const cx__qmat *w = &c->w;
    size_t bits = (size_t)w->bits, stride = cx__qact_stride(w->cols);
    for (size_t m = 0; m < c->rows_x; m++)
        for (size_t r = 0; r < w->rows; r++) {
            double sum = 0, mag = 0;
            for (size_t i = 0; i < w->cols; i++) {
                const uint8_t *x = (const uint8_t *)c->x + m * stride;
                size_t code = 0, g = (r * w->cols + i) / (size_t)w->group;
                float a;
                for (size_t b = 0; b < bits; b++) {
                    size_t at = (r * w->cols + i) * bits + b;
                    code |= (size_t)(w->q[at / 8] >> at % 8 & 1) << b;
                }
                memcpy(&a, x + cx__qact_scale_at(w->cols) + i / 64 * 4, 4);
                double s = (double)value(w->scales, w->scale_dtype, g) * (double)code,
                       b = (double)value(w->biases, w->scale_dtype, g),
                       v = (double)a * (int8_t)x[i];
                sum += (s + b) * v;
                mag += (fabs(s) + fabs(b)) * fabs(v);
            }
            float y = c->want[m * c->ldy + r], want = (float)sum, bound = (float)mag;
            check_near(t, &y, &want, &bound, 1, 0x1p-21f);
        }
}

void qmul_run(check *t, const qmul_case *c, cx__qgemv_fn *fn)
{
    size_t rows = c->w.rows, split = check_below(t, rows + 1);
    cx__qgemm_ref(c->want, c->ldy, &c->w, 0, rows, c->x, c->rows_x, NULL);
    fn(c->got, c->ldy, &c->w, 0, split, c->x, c->rows_x, c->scratch);
    fn(c->got + split, c->ldy, &c->w, split, rows, c->x, c->rows_x, c->scratch);
    check_bits(t, c->got, c->want, (c->rows_x - 1) * c->ldy + rows);
    if (check_is_ref(t)) check_definition(t, c);
}

static void check_gemv(check *t, const char *slot, int bits, cx__qgemv_fn *fn)
{
    static const size_t cols[] = { 1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 35, 64, 67 };
    if (!check_new(t, slot, (check_any *)fn)) return;
    for (int group = 32; group <= 128; group *= 2)
        for (size_t i = 0; i < sizeof cols / sizeof *cols; i++)
            for (size_t m = 1; m <= CX__QGEMV_ROWS; m++) {
                size_t rows = 1 + check_below(t, i < 10 ? 40 : 4);
                qmul_case c = qmul_new(t, bits, group, rows, cols[i] * (size_t)group, m);
                qmul_run(t, &c, fn);
            }
    qmul_bench(t, bits, fn, (const size_t[]){ 1, 2, 4, 8, 0 });
}

CHECK(qgemv)
{
    check_gemv(t, "qgemv_b2", 2, k->qgemv_b2);
    check_gemv(t, "qgemv_b3", 3, k->qgemv_b3);
    check_gemv(t, "qgemv_b4", 4, k->qgemv_b4);
    check_gemv(t, "qgemv_b5", 5, k->qgemv_b5);
    check_gemv(t, "qgemv_b6", 6, k->qgemv_b6);
    check_gemv(t, "qgemv_b8", 8, k->qgemv_b8);
}

CHECK(qgemm)
{
    static const int widths[] = { 2, 3, 4, 5, 6, 8 };
    if (!check_new(t, "qgemm", (check_any *)k->qgemm)) return;
    for (int i = 0; i < 6 * 3 * 12; i++) {
        int bits = widths[i % 6], group = 32 << i / 6 % 3;
        size_t cols = (1 + check_below(t, i % 2 ? 40 : 6)) * (size_t)group;
        qmul_case c = qmul_new(t, bits, group, 1 + check_below(t, 150), cols,
                               1 + check_below(t, i % 4 ? 16 : 40));
        qmul_run(t, &c, k->qgemm);
    }
    for (int group = 32; group <= 128; group *= 2) { /* wide: two lanes a slice, a small panel */
        qmul_case c = qmul_new(t, 4, group, 70, 65536 + (size_t)group * 3, 2);
        qmul_run(t, &c, k->qgemm);
    }
    for (int i = 0; i < 6; i += 2) qmul_bench_gemm(t, widths[i], k->qgemm);
}

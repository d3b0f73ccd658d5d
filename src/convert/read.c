/* Elements of an entry, wherever they lie: in place where they lie together, else gathered. Tested
 * by tests/unit/test_convert_entries.c. */
#include "convert/entries.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TILE = 32 };

/* Number in the sequence of element `index`, counted over the first `count` axes. */
static size_t locate(const cx__axes *a, int count, size_t index)
{
    size_t at = 0;
    for (int i = count - 1; i >= 0; i--) {
        at += index % (size_t)a->size[i] * (size_t)a->stride[i];
        index /= (size_t)a->size[i];
    }
    return at;
}

static void fetch(const cx__stored *s, size_t first, size_t n, uint8_t *out)
{
    size_t size = cx_dtype_size(s->t.dtype);
    if (s->decode) s->decode(s, first, n, out);
    else memcpy(out, (const uint8_t *)s->t.data + first * size, n * size);
}

/* The last axis lies together: run by run. */
static void read_runs(const cx__entry *e, const cx__stored *s, size_t begin, size_t n, uint8_t *out)
{
    int last = e->axes.count - 1;
    size_t len = (size_t)e->axes.size[last], size = cx_dtype_size(e->from);
    for (size_t run; n; n -= run, begin += run, out += run * size) {
        size_t at = begin % len;
        run = len - at < n ? len - at : n;
        fetch(s, e->offset + locate(&e->axes, last, begin / len) + at, run, out);
    }
}

/* rows x cols of a column-wise sequence (columns `ld` apart) to row-major, in tiles, so that each
 * cache line of the source is read once per tile of rows. */
static void turn_plain(const cx__stored *s, size_t first, size_t ld, size_t rows, size_t cols,
                       uint8_t *out)
{
    size_t size = cx_dtype_size(s->t.dtype);
    const uint8_t *src = s->t.data;
    for (size_t r = 0; r < rows; r += TILE) {
        size_t r_end = r + TILE < rows ? r + TILE : rows;
        for (size_t c = 0; c < cols; c++) {
            const uint8_t *from = src + (first + c * ld + r) * size;
            for (size_t i = r; i < r_end; i++, from += size)
                memcpy(out + (i * cols + c) * size, from, size);
        }
    }
}

static void turn_decoded(const cx__stored *s, size_t first, size_t ld, size_t rows, size_t cols,
                         uint8_t *column, uint8_t *out)
{
    size_t size = cx_dtype_size(s->t.dtype);
    for (size_t c = 0; c < cols; c++) {
        s->decode(s, first + c * ld, rows, column);
        for (size_t i = 0; i < rows; i++)
            memcpy(out + (i * cols + c) * size, column + i * size, size);
    }
}

static void read_turned(const cx__entry *e, const cx__stored *s, size_t begin, size_t n,
                        const cx__gather *g, uint8_t *out)
{
    int last = e->axes.count - 1;
    size_t cols = (size_t)e->axes.size[last], height = (size_t)e->axes.size[last - 1];
    size_t ld = (size_t)e->axes.stride[last], row = begin / cols, end = row + n / cols;
    for (size_t run; row < end; row += run, out += run * cols * cx_dtype_size(e->from)) {
        size_t at = row % height;
        size_t first = e->offset + locate(&e->axes, last - 1, row / height) + at;
        run = height - at < end - row ? height - at : end - row;
        if (s->decode) turn_decoded(s, first, ld, run, cols, g->column, out);
        else turn_plain(s, first, ld, run, cols, out);
    }
}

static void read_singly(const cx__entry *e, const cx__stored *s, size_t begin, size_t n,
                        uint8_t *out)
{
    size_t size = cx_dtype_size(e->from);
    for (size_t i = 0; i < n; i++)
        fetch(s, e->offset + locate(&e->axes, e->axes.count, begin + i), 1, out + i * size);
}

const void *cx__entry_read(const cx__entry *e, size_t begin, size_t n, const cx__gather *g)
{
    size_t size = cx_dtype_size(e->from), at = begin % e->part_elements;
    const cx__origin *const *part = e->parts + begin / e->part_elements;
    bool together = e->axes.count == 1 && e->axes.stride[0] == 1;
    uint8_t *out = g->buf;
    if (together && !part[0]->s.decode && n <= e->part_elements - at)
        return (const uint8_t *)part[0]->s.t.data + (e->offset + at) * size;
    for (size_t run; n; n -= run, at = 0, part++, out += run * size) {
        run = e->part_elements - at < n ? e->part_elements - at : n;
        if (e->axes.stride[e->axes.count - 1] == 1) read_runs(e, &part[0]->s, at, run, out);
        else if (e->turned) read_turned(e, &part[0]->s, at, run, g, out);
        else read_singly(e, &part[0]->s, at, run, out);
    }
    return g->buf;
}

void cx__entry_codes(const cx__entry *e, size_t row, size_t n, uint8_t *q, uint8_t *scales,
                     uint8_t *biases, size_t q_row, size_t scale_row)
{
    size_t per_part = e->part_elements / e->cols;
    for (; n; n--, row++, q += q_row, scales += scale_row) {
        const cx__stored *s = &e->parts[row / per_part]->s;
        size_t at = e->row_offset + locate(&e->row_axes, e->row_axes.count, row % per_part);
        s->packed->rows(s, at, 1, q, scales, biases);
        if (biases) biases += scale_row;
    }
}

/* A window ahead of each piece: more at once would push out of memory what was not read yet. */
void cx__entry_prefetch(const cx__entry *e, size_t begin, size_t n)
{
    enum { AHEAD = 16 << 20 };
    const cx_tensor *t = &e->parts[begin / e->part_elements]->s.t;
    double part = (double)(begin % e->part_elements) / (double)e->part_elements;
    double step = (double)n / (double)e->part_elements;
    if (!t->data || !t->bytes) return;
    size_t page = (size_t)sysconf(_SC_PAGESIZE),
           ahead = begin ? (size_t)(step * (double)t->bytes) : 0;
    size_t at = (size_t)(part * (double)t->bytes) + (begin ? AHEAD : 0),
           len = begin ? ahead : AHEAD;
    if (at >= t->bytes) return;
    uintptr_t from = ((uintptr_t)t->data + at) & ~(uintptr_t)(page - 1);
    uintptr_t end = (uintptr_t)t->data + (t->bytes - at < len ? t->bytes : at + len);
    (void)madvise((void *)from, end - from, MADV_WILLNEED);
}

cx_status cx__gather_new(const cx__entries *e, cx__gather *out)
{
    cx__gather g = { NULL, NULL };
    size_t buf = 0, column = 0;
    for (size_t i = 0; i < e->count; i++) {
        const cx__entry *x = &e->list[i];
        size_t size = cx_dtype_size(x->from);
        if (buf < size) buf = size;
        for (size_t k = 0; k < x->part_count && x->turned && column < size; k++)
            if (x->parts[k]->s.decode) column = size;
    }
    if (buf) g.buf = cx__alloc_array(CX__PIECE, buf);
    if (column) g.column = cx__alloc_array(CX__PIECE, column);
    if ((buf && !g.buf) || (column && !g.column)) {
        cx__gather_free(&g);
        return CX_FAIL(CX_ENOMEM, "no memory to convert in");
    }
    *out = g;
    return CX_OK;
}

void cx__gather_free(cx__gather *g)
{
    cx__free(g->buf);
    cx__free(g->column);
    *g = (cx__gather){ NULL, NULL };
}

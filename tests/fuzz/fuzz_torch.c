/* PyTorch checkpoints: views must lie in the file, with every stride; what is refused leaves
 * nothing behind. Every input is also read as a zip archive and as a pickle. */
#include "format/torch.h"
#include "format/zip.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const uint8_t *data, size_t size, const uint8_t *p, size_t len)
{
    volatile uint8_t sink = 0;
    if (p < data || (size_t)(p - data) > size || len > size - (size_t)(p - data)) abort();
    for (size_t k = 0; k < len; k++) sink ^= p[k];
    (void)sink;
}

/* The last element, by shape and stride, is the last of the span. */
static void check_tensor(const uint8_t *data, size_t size, const cx__stored *s)
{
    size_t count, last = 0, bytes = cx_dtype_size(s->t.dtype);
    if (!cx__tensor_count(&s->t, &count) || s->decode || s->packed) abort();
    if (!bytes || s->t.bytes != s->span * bytes || (count == 0) != (s->span == 0)) abort();
    for (int i = 0; count && i < s->t.ndim; i++) {
        if (s->stride[i] < 0) abort();
        last += ((size_t)s->t.shape[i] - 1) * (size_t)s->stride[i];
    }
    if (count && last + 1 != s->span) abort();
    check_inside(data, size, s->t.data, s->t.bytes);
}

static void check_zip(const uint8_t *data, size_t size)
{
    zip z = { 0 };
    if (cx__zip_read(data, size, "input", &z) != CX_OK) {
        if (z.entries || strncmp(cx_error(), "input: ", 7)) abort();
        return;
    }
    for (size_t i = 0; i < z.count; i++) {
        const zip_entry *e = &z.entries[i];
        check_inside(data, size, e->data, e->len);
        if (cx__zip_find(&z, e->name, e->name_len) != e) abort();
    }
    cx__zip_free(&z);
}

static void check_pickle(const uint8_t *data, size_t size)
{
    pickle p = { 0 };
    if (cx__pickle_read(data, size, "input", &p) != CX_OK) {
        if (p.nodes || strncmp(cx_error(), "input: byte ", 12)) abort();
        return;
    }
    if (p.len > size || p.root >= p.node_count) abort();
    cx__pickle_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    torch_file f = { 0 };
    if (cx__torch_parse(data, size, "input", &f) == CX_OK) {
        for (size_t i = 0; i < f.count; i++) check_tensor(data, size, &f.tensors[i]);
    } else if (f.tensors || strncmp(cx_error(), "input: ", 7)) {
        abort();
    }
    cx__torch_file_free(&f);
    check_zip(data, size);
    check_pickle(data, size);
    return 0;
}

#include "source_case.h"

#include <stdlib.h>
#include <sys/stat.h>

static cx__source *opened;

static void close_source(void)
{
    cx__source_close(opened);
}

static void fill(unsigned char *data, const cx_tensor *t)
{
    size_t size = cx_dtype_size(t->dtype);
    for (size_t i = 0; i < t->bytes / size; i++) {
        uint64_t id = i;
        memcpy(data + i * size, &id, size < 8 ? size : 8);
    }
}

uint64_t source_id(const void *data, size_t size)
{
    uint64_t id = 0;
    memcpy(&id, data, size < 8 ? size : 8);
    return id;
}

cx__source *source_of(cx_tensor *list, size_t n)
{
    const char *dir = case_path(unit_dir(), "src");
    cx_tensor_writer *w = NULL;
    CHECK_INT(mkdir(dir, 0700), 0);
    CHECK_OK(cx_tensor_writer_open(case_path(dir, "model.safetensors"), list, n, NULL, 0, &w));
    for (size_t i = 0; i < n; i++) {
        size_t count = 0;
        CHECK(cx__tensor_count(&list[i], &count));
        list[i].bytes = count * cx_dtype_size(list[i].dtype);
        unsigned char *data = malloc(list[i].bytes + 1);
        CHECK(data != NULL);
        if (list[i].data) memcpy(data, list[i].data, list[i].bytes);
        else fill(data, &list[i]);
        CHECK_OK(cx_tensor_writer_write(w, i, 0, data, list[i].bytes));
        free(data);
    }
    CHECK_OK(cx_tensor_writer_finish(w));
    case_put(dir, "config.json", "{\"model_type\": \"none\"}");
    if (!opened) atexit(close_source);
    cx__source_close(opened);
    opened = NULL;
    CHECK_OK(cx__source_open(dir, &opened));
    return opened;
}

static cx__stored *stored(cx__source *s, size_t i)
{
    return &((cx__origin *)(uintptr_t)cx__source_at(s, i))->s;
}

static void decode(const cx__stored *s, size_t first, size_t n, void *out)
{
    size_t size = cx_dtype_size(s->t.dtype);
    if (first > s->span || n > s->span - first) abort();
    memcpy(out, (const uint8_t *)s->from + first * size, n * size);
}

void source_decode(cx__source *s, size_t i)
{
    cx__stored *x = stored(s, i);
    x->from = x->t.data;
    x->t.data = NULL;
    x->decode = decode;
    x->packing = "fake";
}

uint8_t source_code(size_t row, size_t byte)
{
    return (uint8_t)(row * 37 + byte * 11 + (row >> 8));
}

static void rows(const cx__stored *s, size_t row, size_t n, void *q, void *scales, void *biases)
{
    size_t cols = (size_t)s->t.shape[s->t.ndim - 1], len = cols * (size_t)s->packed->bits / 8;
    size_t groups = cols / (size_t)s->packed->group;
    if (row > s->span / cols || n > s->span / cols - row) abort();
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < len; i++) ((uint8_t *)q)[r * len + i] = source_code(row + r, i);
    for (size_t i = 0; i < n * groups; i++) {
        float scale = (float)((row * groups + i) % 1024), bias = -scale;
        uint16_t h[2] = { cx__f32_to_f16(scale), cx__f32_to_f16(bias) };
        bool half = s->packed->scale_dtype == CX_F16;
        memcpy((char *)scales + i * (half ? 2 : 4), half ? (void *)&h[0] : &scale, half ? 2 : 4);
        memcpy((char *)biases + i * (half ? 2 : 4), half ? (void *)&h[1] : &bias, half ? 2 : 4);
    }
}

const cx__packed source_four = { "affine", 4, 32, CX_F16, rows };
const cx__packed source_eight = { "affine", 8, 64, CX_F32, rows };

void source_pack(cx__source *s, size_t i, const cx__packed *packed)
{
    source_decode(s, i);
    stored(s, i)->packed = packed;
    stored(s, i)->packing = packed->bits == 4 ? "affine 4 bits, group 32" : "affine 8 bits";
}

void source_plan(cx__source *s, const cx__arch *arch, const cx_convert_options *options,
                 cx__layout *out)
{
    cx__entries entries = { 0 };
    cx__plan_table table = { 0 };
    cx_convert_options o = *options;
    json_t *config = json_object();
    CHECK_OK(cx__recipe_check(&o));
    CHECK_OK(cx__entries_make(s, arch, false, &entries));
    CHECK_OK(cx__entries_cast(&entries, arch, o.dtype_set, o.dtype));
    cx__layout_order(&entries);
    CHECK_OK(cx__choose(&entries, arch, config, "config.json", &o, NULL, &table));
    CHECK_OK(cx__layout_make(&entries, &table, out));
    json_decref(config);
}

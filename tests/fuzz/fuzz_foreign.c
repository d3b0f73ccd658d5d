/* Quantized weights: a config and a list of tensors, in text, so that shapes and names can change
 * without offsets. First line: the config. Others: name, dtype, shape as n,n,n, a byte that the
 * data are made of. What is merged is decoded, whole and in runs, and packed; the data of each
 * tensor end where their memory ends. */
#include "convert/foreign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENSORS = 16, BYTES = 1 << 16 };

typedef struct list {
    cx__origins o;
    void *data[TENSORS];
} list;

static bool read_tensor(const char *line, list *l)
{
    cx__origin *o = &l->o.list[l->o.count];
    char name[64], dtype[16], shape[64];
    unsigned byte;
    int64_t stride = 1;
    if (l->o.count == TENSORS || sscanf(line, "%63s %15s %63s %u", name, dtype, shape, &byte) != 4)
        return false;
    *o = (cx__origin){ .s = { .path = "input" } };
    cx_tensor *t = &o->s.t;
    if (cx_dtype_parse(dtype, &t->dtype) != CX_OK) return false;
    for (char *d = strtok(shape, ","); d && t->ndim < CX_MAX_DIMS && strcmp(d, "-");
         d = strtok(NULL, ","))
        t->shape[t->ndim++] = atoi(d) & 0xffff;
    size_t count, bytes;
    if (!cx__tensor_count(t, &count) || !cx__mul(count, cx_dtype_size(t->dtype), &bytes) ||
        bytes > BYTES)
        return false;
    for (int i = t->ndim - 1; i >= 0; i--) {
        o->s.stride[i] = stride;
        stride *= t->shape[i];
    }
    uint8_t *data = malloc(bytes ? bytes : 1);
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(byte > 255 ? byte * i : byte);
    int32_t two[] = { (int32_t)(byte & 255), (int32_t)(byte >> 8) }; /* a weight_shape */
    if (t->dtype == CX_I32 && bytes == sizeof two) memcpy(data, two, sizeof two);
    t->data = l->data[l->o.count++] = data;
    t->bytes = bytes;
    t->name = cx__origins_format(&l->o, "%s", name);
    o->s.span = count;
    return true;
}

static void use(const cx__stored *s)
{
    size_t size = cx_dtype_size(s->t.dtype), cols = (size_t)s->t.shape[s->t.ndim - 1];
    uint8_t *all = malloc(s->span * size), *run = malloc(s->span * size);
    s->decode(s, 0, s->span, all);
    for (size_t first = 0, n = 1; first + n <= s->span; first += n, n = n * 2 + 1) {
        s->decode(s, first, n, run);
        if (memcmp(run, all + first * size, n * size)) abort();
    }
    for (size_t i = 0; s->packed && i < s->span / cols; i++) {
        const cx__packed *p = s->packed;
        size_t scales = cols / (size_t)p->group * cx_dtype_size(p->scale_dtype);
        bool biased = !strcmp(p->mode, "affine");
        if (cols % (size_t)p->group || cols % 32) abort();
        uint8_t *q = malloc(cols / 8 * (size_t)p->bits), *sc = malloc(scales), *b = malloc(scales);
        p->rows(s, i, 1, q, sc, biased ? b : NULL);
        free(q);
        free(sc);
        free(b);
    }
    free(all);
    free(run);
}

static void check(list *l, json_t *config)
{
    const char *method;
    if (cx__foreign_merge(&l->o, config, "config", &method) != CX_OK) {
        if (!strstr(cx_error(), "config: ") && !strstr(cx_error(), "input: ")) abort();
        return;
    }
    for (size_t i = 0; i < l->o.count; i++)
        if (l->o.list[i].s.decode) use(&l->o.list[i].s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *next = text;
    json_t *config = NULL;
    list l = { { cx__calloc(TENSORS, sizeof *l.o.list), 0, NULL }, { NULL } };
    memcpy(text, data, size);
    text[size] = '\0';
    next += strcspn(text, "\n");
    if (*next) *next++ = '\0';
    if (cx__json_parse(text, strlen(text), "config", &config) == CX_OK && json_is_object(config)) {
        for (char *line = next; *line; line = next) {
            next += strcspn(next, "\n");
            if (*next) *next++ = '\0';
            if (!read_tensor(line, &l)) break;
        }
        check(&l, config);
    }
    for (size_t i = 0; i < TENSORS; i++) free(l.data[i]);
    cx__origins_free(&l.o);
    json_decref(config);
    free(text);
    return 0;
}

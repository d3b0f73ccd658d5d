/* GGUF files: what is accepted lies in the file, in order and without overlap; every element, every
 * packed row, every string of the metadata, all names and the config can be had. */
#include "convert/gguf.h"
#include <stdlib.h>
#include <string.h>

static void touch(const void *data, size_t len)
{
    const uint8_t *p = data;
    volatile uint8_t sink = 0;
    for (size_t i = 0; i < len; i++) sink ^= p[i];
    (void)sink;
}

static void decode(const cx__stored *s)
{
    float out[300];
    size_t last = s->span > 300 ? s->span - 300 : 0;
    s->decode(s, 0, s->span < 300 ? s->span : 300, out);
    s->decode(s, last, s->span - last, out);
    s->decode(s, s->span / 2, 1, out);
}

static void pack(const cx__stored *s)
{
    size_t cols = (size_t)s->t.shape[s->t.ndim - 1], rows = s->span / cols;
    char *q = malloc(cols), *scales = malloc(cols / 16), *biases = malloc(cols / 16);
    s->packed->rows(s, rows - 1, 1, q, scales, biases);
    free(q);
    free(scales);
    free(biases);
}

static void check_tensors(const cx__gguf *g, const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    cx__gguf_name name;
    for (size_t i = 0; i < cx__gguf_count(g); i++) {
        const cx__stored *s = cx__gguf_at(g, i);
        size_t count;
        if (!cx__tensor_count(&s->t, &count) || count != s->span) abort();
        if (cx__gguf_find(g, s->t.name) != s) abort();
        if (s->decode) decode(s);
        else {
            const uint8_t *p = s->t.data;
            if (p < at || s->t.bytes > (size_t)(data + size - p)) abort();
            touch(p, s->t.bytes);
            at = p + s->t.bytes;
        }
        if (s->packed) pack(s);
        if (cx__gguf_rename(g, s, &name) == CX_OK) {
            if (strlen(name.name) > 255 || (name.how == CX__GGUF_DROP) != !name.name[0]) abort();
            if (name.how == CX__GGUF_UNPERMUTE && s->t.shape[0] % (2 * (int64_t)name.heads))
                abort();
        }
    }
}

static void check_value(const cx__gguf *g, const char *key)
{
    const cx__gguf_value *v = cx__gguf_get(g, key);
    int64_t integer;
    double number;
    bool flag;
    const char *text;
    size_t len, known;
    for (size_t i = 0; v && i < v->count; i += 1 + i / 50) {
        known = cx__gguf_value_int(v, i, &integer) + cx__gguf_value_num(v, i, &number) +
                cx__gguf_value_bool(v, i, &flag);
        if (cx__gguf_value_str(v, i, &text, &len)) {
            touch(text, len);
            known++;
        }
        if (known != 1 && v->type != CX__GGUF_U64) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cx__gguf *g = NULL;
    json_t *config = NULL;
    if (cx__gguf_parse(data, size, "input", &g) != CX_OK) {
        if (g || strncmp(cx_error(), "input: ", 7)) abort();
        return 0;
    }
    check_tensors(g, data, size);
    check_value(g, "general.architecture");
    check_value(g, "tokenizer.ggml.tokens");
    check_value(g, "tokenizer.ggml.scores");
    check_value(g, "tokenizer.ggml.token_type");
    if (cx__gguf_config(g, &config) != CX_OK && config) abort();
    json_decref(config);
    cx__gguf_close(g);
    return 0;
}

/* safetensors files and shard indexes: views must lie in the file and cover it exactly, in order;
 * what is refused leaves nothing behind. Every byte of every view is read. */
#include "format/format.h"
#include <stdlib.h>
#include <string.h>

static void check_file(const uint8_t *data, size_t size, const cx__safetensors *s)
{
    const uint8_t *end = data + size;
    size_t count;
    uint64_t bytes;
    volatile uint8_t sink = 0;
    for (size_t i = s->count; i-- > 0;) {
        const cx_tensor *t = &s->tensors[i];
        const uint8_t *p = t->data;
        if (p < data + 10 || p + t->bytes != end) abort();
        if (!cx__tensor_count(t, &count) || !cx__tensor_bytes(t, &bytes) || bytes != t->bytes)
            abort();
        for (size_t k = 0; k < t->bytes; k++) sink ^= p[k];
        end = p;
        if (!cx__utf8_valid(t->name, strlen(t->name))) abort();
    }
    for (size_t i = 0; i < s->metadata_count; i++)
        sink ^= (uint8_t)(strlen(s->metadata[i].key) + strlen(s->metadata[i].value));
    (void)sink;
}

static void check_index(const cx__shard_index *x)
{
    for (size_t i = 0; i < x->count; i++) {
        if (x->entries[i].shard >= x->shard_count) abort();
        if (i && strcmp(x->entries[i - 1].name, x->entries[i].name) >= 0) abort();
    }
    for (size_t i = 0; i < x->shard_count; i++)
        if (!cx__shard_name_valid(x->shards[i]) || strchr(x->shards[i], '/')) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cx__safetensors s = { 0 };
    cx__shard_index x = { 0 };
    if (cx__safetensors_parse(data, size, "input", &s) == CX_OK) check_file(data, size, &s);
    else if (s.tensors || !strstr(cx_error(), "input: ")) abort();
    cx__safetensors_free(&s);
    if (cx__shard_index_parse((const char *)data, size, "index", &x) == CX_OK) check_index(&x);
    cx__shard_index_free(&x);
    return 0;
}

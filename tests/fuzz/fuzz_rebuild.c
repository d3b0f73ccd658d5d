/* Files of a folder without tokenizer.json. The first byte chooses which files there are; the rest
 * is cut at NUL NUL into their texts, in the order below. A tokenizer that is rebuilt must load
 * (or say what this build does not know) and encode. */
#include "base/base.h"
#include "text/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next text, up to NUL NUL or the end. */
static cx__str take(const char **p, const char *end)
{
    const char *stop = memmem(*p, (size_t)(end - *p), "\0", 2);
    cx__str s = { *p, (size_t)((stop ? stop : end) - *p) };
    *p = stop ? stop + 2 : end;
    return s;
}

static void check(const char *json)
{
    static const char text[] = "the  cat<s> \xC3\xA9\xF0\x9F\x98\x80 12\n";
    cx_tokenizer *t = NULL;
    int32_t *ids = NULL;
    size_t count;
    if (cx__tokenizer_parse(json, strlen(json), "fuzz", &t) != CX_OK) return;
    if (cx_tokenizer_encode(t, text, sizeof text - 1, true, &ids, &count) == CX_OK) {
        for (size_t i = 0; i < count; i++)
            if (ids[i] < 0 || ids[i] >= cx_tokenizer_size(t)) abort();
        cx_free(ids);
    }
    cx_tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data + 1, *end = (const char *)data + size;
    cx__rebuild_files f = { 0 };
    char *json = NULL, *config = NULL;
    json_t *o = NULL;
    if (size == 0) return 0;
    if (data[0] & 4) f.config = take(&p, end);
    if (data[0] & 8) f.special_tokens = take(&p, end);
    if (data[0] & 16) f.added = take(&p, end);
    if (data[0] & 2) f.merges = take(&p, end);
    if (data[0] & 1) f.pieces = (cx__str){ p, (size_t)(end - p) };
    else f.vocab = take(&p, end);
    if (cx__tokenizer_rebuild_files(&f, "fuzz", &json, &config) != CX_OK) {
        if (json || config || !strstr(cx_error(), "fuzz")) abort();
        return 0;
    }
    check(json);
    if (cx__json_parse(config, strlen(config), "config", &o) != CX_OK) abort();
    json_decref(o);
    cx__free(json);
    cx__free(config);
    return 0;
}

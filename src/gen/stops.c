/* Stop strings. See stops.h. Tested by tests/unit/test_stops.c. */
#include "gen/stops.h"
#include <string.h>

enum { MAX_STOPS = 64, MAX_STOP_BYTES = 4096, MAX_TEXT = 1 << 30 };

cx_status cx__stops_init(cx__stops *s, const char *const *strings, size_t count)
{
    *s = (cx__stops){ .strings = strings, .count = count, .text = { .max = MAX_TEXT } };
    if (count > MAX_STOPS)
        return CX_FAIL(CX_EARG, "%zu stop strings: at most %d", count, MAX_STOPS);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(strings[i]);
        if (len == 0 || len > MAX_STOP_BYTES)
            return CX_FAIL(CX_EARG, "stop string %zu has %zu bytes: 1 to %d expected", i, len,
                           MAX_STOP_BYTES);
        if (len > s->longest) s->longest = len;
    }
    return CX_OK;
}

void cx__stops_deinit(cx__stops *s)
{
    cx__buf_free(&s->text);
}

cx_status cx__stops_push(cx__stops *s, const char *text, size_t len)
{
    size_t from = s->text.len < s->longest ? 0 : s->text.len - s->longest + 1, end = SIZE_MAX;
    if (from < s->given) from = s->given;
    if (s->hit) return CX_OK;
    if (!cx__buf_append(&s->text, text, len)) return CX_FAIL(CX_ENOMEM, "text: out of memory");
    for (size_t i = 0; i < s->count && s->text.len > from; i++) {
        size_t n = strlen(s->strings[i]);
        const char *p = memmem(s->text.data + from, s->text.len - from, s->strings[i], n);
        if (p && (size_t)(p - s->text.data) < end) end = (size_t)(p - s->text.data);
    }
    if (end == SIZE_MAX) return CX_OK;
    s->hit = true;
    s->text.len = end;
    s->text.data[end] = '\0';
    return CX_OK;
}

/* Length of the longest tail of the text that a stop string begins with. */
static size_t held_back(const cx__stops *s)
{
    size_t most = s->text.len - s->given, n;
    if (most >= s->longest) most = s->longest ? s->longest - 1 : 0;
    for (n = most; n > 0; n--)
        for (size_t i = 0; i < s->count; i++)
            if (!strncmp(s->strings[i], s->text.data + s->text.len - n, n)) return n;
    return 0;
}

const char *cx__stops_ready(cx__stops *s, bool final, size_t *len)
{
    size_t begin = s->given, end = s->text.len;
    if (!s->text.data) return *len = 0, "";
    if (!final && !s->hit) end -= held_back(s);
    while (end > begin && !final && ((unsigned char)s->text.data[end] & 0xc0) == 0x80) end--;
    s->given = end;
    *len = end - begin;
    return s->text.data + begin;
}

/* JSON: whatever is accepted must be written and read back as the same value, in every form; the
 * streaming scanner must end, within its depth. */
#include "base/base.h"
#include <stdlib.h>
#include <string.h>

static void check_dump(const json_t *v, int indent, bool sort)
{
    cx__buf out = { .max = (size_t)1 << 30 };
    json_t *again = NULL;
    if (!cx__json_dump(&out, v, indent, sort)) abort();
    if (cx__json_parse(out.data, out.len, "again", &again) != CX_OK) abort();
    if (!json_equal(v, again)) abort();
    json_decref(again);
    cx__buf_free(&out);
}

static void scan(const char *text, size_t size)
{
    cx__json_scan s;
    cx__json_event e;
    cx__json_scan_init(&s, text, size, "scan");
    do {
        if (cx__json_next(&s, &e) != CX_OK) break;
        if (s.depth < 0 || s.depth > CX__JSON_DEPTH) abort();
        if ((e == CX__JSON_KEY || e == CX__JSON_STRING) &&
            (!cx__utf8_valid(s.text, s.len) || (s.len && memchr(s.text, 0, s.len))))
            abort();
    } while (e != CX__JSON_END);
    cx__json_scan_deinit(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *v = NULL;
    scan((const char *)data, size);
    if (cx__json_parse((const char *)data, size, "input", &v) != CX_OK) {
        if (v || !strstr(cx_error(), "input: JSON")) abort();
        return 0;
    }
    check_dump(v, 0, true);
    check_dump(v, -1, false);
    check_dump(v, 4, true);
    json_decref(v);
    return 0;
}

/* JSON: what is accepted, what is refused, Python's text form. The dump cases were printed by
 * Python 3.11's json.dumps; tests/oracle/oracle_json.py compares many more. */
#include "base/base.h"
#include "unit.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *parse(const char *text)
{
    json_t *v = NULL;
    CHECK_OK(cx__json_parse(text, strlen(text), "t", &v));
    return v;
}

static void refused(const char *text, size_t len, const char *part)
{
    json_t *v = NULL;
    CHECK_INT(cx__json_parse(text, len, "t.json", &v), CX_EFORMAT);
    CHECK(v == NULL);
    CHECK(strncmp(cx_error(), "t.json: ", 8) == 0);
    CHECK_HAS(cx_error(), part);
}

TEST(base_json, bad_texts_are_refused)
{
    static const char *const bad[][2] = {
        { "", "ends" },
        { " ", "ends" },
        { "{", "key" },
        { "[", "ends" },
        { "[1", "','" },
        { "[1,", "ends" },
        { "[1,]", "value" },
        { "{\"a\"}", "':'" },
        { "{\"a\":1,}", "key" },
        { "{\"a\":1 \"b\":2}", "','" },
        { "{1:2}", "key" },
        { "[1}", "','" },
        { "{\"a\":1]", "','" },
        { "1 2", "end" },
        { "{} x", "end" },
        { "01", "end" },
        { "-", "number" },
        { "+1", "value" },
        { "1.", "point" },
        { "1e", "exponent" },
        { ".5", "value" },
        { "0x10", "end" },
        { "1e400", "range" },
        { "nul", "value" },
        { "True", "value" },
        { "nan", "value" },
        { "-NaN", "number" },
        { "Infinit", "value" },
        { "\"a", "end" },
        { "\"\\x\"", "escape" },
        { "\"\\", "escape" },
        { "\"\\u12\"", "hexadecimal" },
        { "\"\\ud800\"", "surrogate" },
        { "\"\\ud800\\u0041\"", "surrogate" },
        { "\"\\udc00\"", "surrogate" },
        { "\"\\u0000\"", "NUL" },
        { "\"a\nb\"", "control" },
        { "\"\xff\"", "UTF-8" },
        { "\"\xc0\xaf\"", "UTF-8" },
        { "\"\xed\xa0\x80\"", "UTF-8" },
        { "\"\xf4\x90\x80\x80\"", "UTF-8" },
        { "\"\xe2\x82\"", "UTF-8" },
        { "\xef\xbb\xbf{}", "value" },
        { "{\"a\":1,\"a\":2}", "duplicate key \"a\"" },
        { "{\"a\":1,\"\\u0061\":2}", "duplicate" },
        { "'a'", "value" },
        { "[1 // no\n]", "','" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(bad[i][0], strlen(bad[i][0]), bad[i][1]);
    refused("1\0", 2, "end");
    refused("\"a\0b\"", 5, "control");
    refused("{\n \"a\": 1,\n  bad}", 17, "line 3, column 3");
}

TEST(base_json, depth_is_limited_to_64)
{
    char text[300000];
    json_t *v;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    CHECK_OK(cx__json_parse(text, 128, "t", &v));
    json_decref(v);
    memset(text, '[', sizeof text);
    refused(text, sizeof text, "64 levels");
    for (size_t i = 0; i + 5 <= sizeof text; i += 5) memcpy(text + i, "{\"a\":", 5);
    refused(text, sizeof text, "64 levels");
}

TEST(base_json, values_are_read)
{
    json_t *v = parse(
        " {\"s\":\"\\u00e9\\ud83d\\ude00\\n\\/\", \"i\":-9223372036854775808,"
        "\"big\":1000000000000000019884624838656, \"r\":1.5e-3, \"t\":[true,false,null]}\n");
    CHECK_STR(json_string_value(json_object_get(v, "s")), "\xc3\xa9\xf0\x9f\x98\x80\n/");
    CHECK(json_integer_value(json_object_get(v, "i")) == INT64_MIN);
    CHECK(json_real_value(json_object_get(v, "big")) == 1000000000000000019884624838656.0);
    CHECK(json_real_value(json_object_get(v, "r")) == 1.5e-3);
    CHECK_INT(json_array_size(json_object_get(v, "t")), 3);
    json_decref(v);
    v = parse("9223372036854775808");
    CHECK(json_is_real(v));
    json_decref(v);
    v = parse("9223372036854775807");
    CHECK(json_integer_value(v) == INT64_MAX);
    json_decref(v);
    v = parse("-0");
    CHECK(json_is_integer(v));
    json_decref(v);
}

/* A locale of our own with a decimal comma, as glibc compiles them (locale/loadlocale.c): magic,
 * number of items, their offsets, then the items. False where the C library is another one. */
static bool use_decimal_comma(void)
{
#ifdef __GLIBC__
    static const struct {
        uint32_t magic, count, at[6];
        char point[4], separator[4], grouping[4];
        uint32_t wide_point, wide_separator;
        char codeset[8];
    } file = {
        0x20031115u ^ LC_NUMERIC, 6, { 32, 36, 40, 44, 48, 52 }, ",", "", "", ',', 0, "UTF-8"
    };
    char dir[512];
    const char *path = unit_file("LC_NUMERIC", &file, sizeof file);
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    char *name = strrchr(dir, '/');
    *name++ = '\0';
    setenv("LOCPATH", dir, 1);
    return setlocale(LC_NUMERIC, name) && !strcmp(localeconv()->decimal_point, ",");
#else
    return false;
#endif
}

TEST(base_json, numbers_do_not_depend_on_the_locale)
{
    cx__buf out = { .max = 100 };
    if (!use_decimal_comma()) unit_skip("no locale with a decimal comma");
    json_t *v = parse("[1.25,1e-7]");
    CHECK(json_real_value(json_array_get(v, 0)) == 1.25);
    CHECK(cx__json_dump(&out, v, 0, false));
    CHECK_STR(out.data, "[1.25,1e-07]");
    cx__buf_free(&out);
    json_decref(v);
}

TEST(base_json, python_floats_become_objects)
{
    json_t *v = parse("{\"a\":NaN,\"b\":-Infinity,\"c\":[Infinity]}");
    double d = 0;
    cx__buf out = { .max = 1000 };
    CHECK(cx__json_dump(&out, v, 0, false));
    CHECK_STR(out.data, "{\"a\":{\"__float__\":\"NaN\"},\"b\":{\"__float__\":\"-Infinity\"},"
                        "\"c\":[{\"__float__\":\"Infinity\"}]}");
    CHECK_OK(cx__json_num(v, "t", "b", -(double)INFINITY, 0, &d));
    CHECK(isinf(d) && d < 0);
    CHECK_INT(cx__json_num(v, "t", "a", -1e308, 1e308, &d), CX_EFORMAT);
    CHECK_HAS(cx_error(), "found nan");
    cx__buf_free(&out);
    json_decref(v);
}

TEST(base_json, getters_name_file_and_key)
{
    json_t *v = parse("{\"n\":5,\"x\":0.5,\"s\":\"a\",\"b\":true,\"z\":null}");
    int64_t n = 7;
    double x = 1;
    bool b = false;
    const char *s = "d";
    CHECK_OK(cx__json_int(v, "f", "z", 0, 9, &n));
    CHECK_OK(cx__json_int(v, "f", "absent", 0, 9, &n));
    CHECK_INT(n, 7);
    CHECK_OK(cx__json_int(v, "f", "n", 0, 9, &n));
    CHECK_INT(n, 5);
    CHECK_OK(cx__json_num(v, "f", "n", 0, 9, &x));
    CHECK(x == 5.0);
    CHECK_OK(cx__json_bool(v, "f", "b", &b));
    CHECK(b);
    CHECK_OK(cx__json_str(v, "f", "s", &s));
    CHECK_STR(s, "a");
    CHECK_INT(cx__json_int(v, "f", "n", 6, 9, &n), CX_EFORMAT);
    CHECK_STR(cx_error(), "f: \"n\": expected 6 to 9, found 5");
    CHECK_INT(cx__json_int(v, "f", "x", 0, 9, &n), CX_EFORMAT);
    CHECK_STR(cx_error(), "f: \"x\": expected an integer, found a real number");
    CHECK_INT(cx__json_bool(v, "f", "n", &b), CX_EFORMAT);
    CHECK_INT(cx__json_str(v, "f", "n", &s), CX_EFORMAT);
    CHECK_INT(n, 5);
    json_decref(v);
}

static void dumps(const char *text, int indent, bool sort, const char *want)
{
    json_t *v = parse(text);
    cx__buf out = { .max = 10000 };
    CHECK(cx__json_dump(&out, v, indent, sort));
    CHECK_STR(out.data, want);
    cx__buf_free(&out);
    json_decref(v);
}

TEST(base_json, text_form_is_that_of_python)
{
    const char *text =
        "{\"b\":[1,{\"x\":[]},[2]],\"a\":{},\"\\u00e9\":\"\\u007f\\b\\ud83d\\ude00/\\\"\\\\\"}";
    dumps(text, 0, false,
          "{\"b\":[1,{\"x\":[]},[2]],\"a\":{},"
          "\"\\u00e9\":\"\\u007f\\b\\ud83d\\ude00/\\\"\\\\\"}");
    dumps(text, -1, true,
          "{\"a\": {}, \"b\": [1, {\"x\": []}, [2]], "
          "\"\\u00e9\": \"\\u007f\\b\\ud83d\\ude00/\\\"\\\\\"}");
    dumps(
        "{\"b\":[1,{\"x\":[]}],\"a\":{}}", 4, true,
        "{\n    \"a\": {},\n    \"b\": [\n        1,\n        {\n            \"x\": []\n        }\n"
        "    ]\n}");
}

TEST(base_json, floats_are_written_as_python_writes_them)
{
    static const char *const same[] = {
        "0.0",
        "-0.0",
        "5.0",
        "1e-05",
        "0.0001",
        "1e+16",
        "1000000000000000.0",
        "9999999999999998.0",
        "1.5e+300",
        "5e-324",
        "1.7976931348623157e+308",
        "2.2250738585072014e-308",
        "0.1",
        "0.30000000000000004",
        "3.141592653589793",
        "123456789.125",
        "5.684341886080802e-14",
        "9.5367431640625e-07",
        "1e+22",
        "1e+23",
        "-1.2345e-07",
        "6.103515625e-05",
        "1.1920928955078125e-07",
        "10000.0",
        "9007199254740993.0",
    };
    for (size_t i = 0; i + 1 < sizeof same / sizeof same[0]; i++) dumps(same[i], 0, false, same[i]);
    dumps("9007199254740993.0", 0, false, "9007199254740992.0");
    dumps("1E5", 0, false, "100000.0");
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, json_fails_cleanly)
{
    const char *text = "{\"abc\\n\":[1,2.5,\"x\\ty\",NaN,{\"k\":{}}],\"d\":{\"e\":null}}";
    cx_status st = CX_ENOMEM;
    bool ok = false;
    json_t *v = NULL;
    for (int n = 0; st != CX_OK || !ok; n++) {
        cx__buf out = { .max = 1000 };
        CHECK(n < 500);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx__json_parse(text, strlen(text), "t", &v);
        ok = st == CX_OK && cx__json_dump(&out, v, 0, true);
        cx__alloc_fault_set(NULL);
        CHECK(st == CX_OK || st == CX_ENOMEM);
        CHECK(ok == !out.failed || st != CX_OK);
        if (st == CX_OK) json_decref(v);
        cx__buf_free(&out);
    }
}

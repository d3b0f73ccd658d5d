/* GGUF files that are good: metadata of every type, tensors, files that are split. */
#include "format/format.h"
#include "gguf_bytes.h"
#include <math.h>
#include <unistd.h>

#define TENSORS                                                                                    \
    "s:plain d:2 q:3 q:2 d:1 q:0 s:blocks d:3 q:32 q:2 q:3 d:8 q:32 s:long d:1 q:2 d:27 q:256 "    \
    "a:32 w:1 w:2 w:3 w:4 w:5 w:6 a:32 z:204 a:32 q:-7 q:9"

static cx__gguf *parse(gguf_bytes b)
{
    cx__gguf *g = NULL;
    CHECK_OK(cx__gguf_parse(b.data, b.len, "m.gguf", &g));
    return g;
}

TEST(gguf, tensors_and_their_shapes)
{
    gguf_bytes b = gb_make("h:3,3,0 " TENSORS);
    cx__gguf *g = parse(b);
    CHECK_INT(cx__gguf_count(g), 3);
    const cx__stored *plain = cx__gguf_at(g, 0), *blocks = cx__gguf_find(g, "blocks");
    CHECK_STR(plain->t.name, "plain");
    CHECK_INT(plain->t.ndim, 2);
    CHECK_INT(plain->t.shape[0], 2); /* the file has the fastest one first */
    CHECK_INT(plain->t.shape[1], 3);
    CHECK_INT(plain->stride[0], 3);
    CHECK_INT(plain->stride[1], 1);
    CHECK_INT(plain->t.dtype, CX_F16);
    CHECK_INT(plain->t.bytes, 12);
    CHECK_INT(plain->span, 6);
    CHECK(!plain->decode && !plain->packed && !plain->packing);
    CHECK_INT(((const uint8_t *)plain->t.data)[4], 3);
    CHECK_INT(blocks->t.shape[0], 3);
    CHECK_INT(blocks->stride[0], 64);
    CHECK_INT(blocks->span, 192);
    CHECK_INT(blocks->t.bytes, 204);
    CHECK(blocks->decode && blocks->packed);
    CHECK_STR(blocks->packing, "Q8_0");
    CHECK_STR(blocks->path, "m.gguf");
    CHECK_INT(*(const uint8_t *)cx__gguf_find(g, "long")->t.data, 0xf9);
    CHECK(cx__gguf_find(g, "lon") == NULL);
    CHECK_OK(cx__gguf_check(g));
    cx__gguf_close(g);
    free(b.data);
}

TEST(gguf, version_2_other_alignments_and_files_without_tensors)
{
    static const char *const words[] = {
        "h:2,1,0 s:w d:1 q:8 d:0 q:0 a:32 z:32",
        "h:3,1,1 s:general.alignment d:4 d:64 s:w d:1 q:8 d:0 q:0 a:64 z:32",
        "h:3,1,1 s:general.alignment d:4 d:64 s:w d:1 q:8 d:0 q:0 a:64 z:64",
        "h:3,1,1 s:general.alignment d:4 d:1 s:w d:1 q:8 d:0 q:0 z:32",
        "h:3,0,0",
        "h:3,0,1 s:k d:9 d:4 q:0",
        "h:3,0,1 s:k d:9 d:8 q:0 a:32",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        gguf_bytes b = gb_make(words[i]);
        cx__gguf *g = parse(b);
        CHECK_INT(cx__gguf_count(g), i < 4);
        cx__gguf_close(g);
        free(b.data);
    }
}

TEST(gguf, integers_of_every_width)
{
    static const char *const keys[] = { "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64" };
    static const int64_t want[] = { 255, -1, 65535, -2, 4294967295, -3, INT64_MAX, INT64_MIN };
    gguf_bytes b = gb_make(
        "h:3,0,10 s:u8 d:0 b:255 s:i8 d:1 b:-1 s:u16 d:2 w:-1 s:i16 d:3 w:-2 "
        "s:u32 d:4 d:-1 s:i32 d:5 d:-3 s:u64 d:10 q:0x7fffffffffffffff "
        "s:i64 d:11 q:0x8000000000000000 s:big d:10 q:-1 s:list d:9 d:5 q:2 d:-5 d:6");
    cx__gguf *g = parse(b);
    int64_t v = 0;
    for (size_t i = 0; i < 8; i++) {
        CHECK_OK(cx__gguf_int(g, keys[i], INT64_MIN, INT64_MAX, &v));
        CHECK(v == want[i]);
    }
    v = 77;
    CHECK_OK(cx__gguf_int(g, "missing", 0, 1, &v));
    CHECK_INT(v, 77);
    CHECK_INT(cx__gguf_int(g, "big", 0, INT64_MAX, &v), CX_EFORMAT);
    CHECK_INT(cx__gguf_int(g, "u8", 0, 254, &v), CX_EFORMAT);
    CHECK_HAS(cx_error(), "m.gguf: 'u8': expected an integer from 0 to 254, found 255");
    CHECK_INT(cx__gguf_int(g, "list", -10, 10, &v), CX_EFORMAT);
    CHECK_HAS(cx_error(), "found an array of i32");
    CHECK_INT(v, 77);
    const cx__gguf_value *list = cx__gguf_get(g, "list");
    CHECK(list->array && list->count == 2 && list->type == CX__GGUF_I32);
    CHECK(cx__gguf_value_int(list, 0, &v) && v == -5);
    CHECK(cx__gguf_value_int(list, 1, &v) && v == 6);
    CHECK(!cx__gguf_value_int(list, 2, &v));
    cx__gguf_close(g);
    free(b.data);
}

TEST(gguf, numbers_bools_and_strings)
{
    gguf_bytes b = gb_make("h:3,0,6 s:f d:6 f:1.5 s:d d:12 q:0x3ff8000000000000 s:nan d:6 f:nan "
                           "s:yes d:7 b:1 s:text d:8 s:hello s:none d:8 s:");
    cx__gguf *g = parse(b);
    double d = 0;
    bool yes = false;
    const char *text = NULL;
    size_t len = 9;
    CHECK_OK(cx__gguf_num(g, "f", 0, 2, &d));
    CHECK(d == 1.5);
    d = 0;
    CHECK_OK(cx__gguf_num(g, "d", 0, 2, &d));
    CHECK(d == 1.5);
    CHECK_INT(cx__gguf_num(g, "nan", -1e300, 1e300, &d), CX_EFORMAT);
    CHECK_INT(cx__gguf_num(g, "f", 2, 3, &d), CX_EFORMAT);
    CHECK_HAS(cx_error(), "'f': expected a number from 2 to 3, found 1.5");
    CHECK_INT(cx__gguf_num(g, "yes", 0, 1, &d), CX_EFORMAT);
    CHECK_HAS(cx_error(), "found a bool");
    CHECK_OK(cx__gguf_bool(g, "yes", &yes));
    CHECK(yes);
    CHECK_INT(cx__gguf_bool(g, "f", &yes), CX_EFORMAT);
    CHECK_OK(cx__gguf_str(g, "text", &text, &len));
    CHECK(len == 5 && !memcmp(text, "hello", 5));
    CHECK_OK(cx__gguf_str(g, "none", &text, &len));
    CHECK_INT(len, 0);
    CHECK_INT(cx__gguf_str(g, "yes", &text, &len), CX_EFORMAT);
    CHECK_HAS(cx_error(), "'yes': expected a string, found a bool");
    cx__gguf_close(g);
    free(b.data);
}

TEST(gguf, strings_of_a_long_array)
{
    gguf_bytes b = gb_make("h:3,0,2 s:tokens d:9 d:8 q:1000");
    const char *text;
    char want[32];
    size_t len;
    for (int i = 0; i < 1000; i++) {
        snprintf(want, sizeof want, "%d", i * i);
        gb_int(&b, strlen(want), 8);
        gb_put(&b, want, strlen(want));
    }
    gb_int(&b, 1, 8);
    gb_put(&b, "z\7\0\0\0\1", 6); /* key "z", a bool */
    cx__gguf *g = parse(b);
    const cx__gguf_value *v = cx__gguf_get(g, "tokens");
    CHECK_INT(v->count, 1000);
    for (size_t i = 0; i < 1000; i += 1 + i % 7) {
        CHECK(cx__gguf_value_str(v, i, &text, &len));
        snprintf(want, sizeof want, "%zu", i * i);
        CHECK(len == strlen(want) && !memcmp(text, want, len));
    }
    CHECK(!cx__gguf_value_str(v, 1000, &text, &len));
    CHECK(cx__gguf_get(g, "z") != NULL);
    cx__gguf_close(g);
    free(b.data);
}

/* A file may change under its mapping: lengths are not trusted a second time. */
TEST(gguf, strings_that_grew_since_are_not_read)
{
    gguf_bytes b = gb_make("h:3,0,1 s:a d:9 d:8 q:2 s:x s:y");
    const char *text;
    size_t len;
    cx__gguf *g = parse(b);
    const cx__gguf_value *v = cx__gguf_get(g, "a");
    memset((void *)(uintptr_t)v->data, 0xff, 8);
    CHECK(!cx__gguf_value_str(v, 0, &text, &len));
    CHECK(!cx__gguf_value_str(v, 1, &text, &len));
    cx__gguf_close(g);
    free(b.data);
}

#define SPLIT(no, count) "s:split.no d:2 w:" #no " s:split.count d:2 w:" #count
#define FIRST "h:3,1,4 s:k d:4 d:5 " SPLIT(0, 3) " s:split.tensors.count d:5 d:3 "
#define W(name) " s:" name " d:1 q:8 d:0 q:0 a:32 z:32"

static char path[4096];
static const char *put(const char *dir, const char *name, const char *words)
{
    gguf_bytes b = gb_make(words);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(b.data, 1, b.len, f) == b.len);
    fclose(f);
    free(b.data);
    return path;
}

/* Parts two and three; returns the path of the first. */
static const char *put_parts(const char *dir, const char *first, const char *second)
{
    put(dir, "m-00002-of-00003.gguf", second);
    put(dir, "m-00003-of-00003.gguf", "h:3,1,2 " SPLIT(2, 3) W("c"));
    return put(dir, "m-00001-of-00003.gguf", first);
}

TEST(gguf, split_files)
{
    cx__gguf *g = NULL;
    int64_t k = 0;
    const char *first = put_parts(unit_dir(), FIRST W("b"), "h:3,1,2 " SPLIT(1, 3) W("a"));
    CHECK_OK(cx__gguf_open(first, &g));
    CHECK_INT(cx__gguf_count(g), 3);
    CHECK_STR(cx__gguf_at(g, 0)->t.name, "b");
    CHECK_HAS(cx__gguf_find(g, "a")->path, "m-00002-of-00003.gguf");
    CHECK_OK(cx__gguf_int(g, "k", 0, 9, &k));
    CHECK_INT(k, 5);
    CHECK_OK(cx__gguf_check(g));
    CHECK_STR(cx__gguf_path(g), first);
    cx__gguf_close(g);
}

static void refuse_split(const char *file, cx_status status, const char *says)
{
    cx__gguf *g = NULL;
    CHECK_INT(cx__gguf_open(file, &g), status);
    CHECK_HAS(cx_error(), says);
    CHECK(g == NULL);
}

TEST(gguf, split_files_that_do_not_fit)
{
    const char *dir = unit_dir(), *good = "h:3,1,2 " SPLIT(1, 3) W("a");
    char other[4200];
    refuse_split(put_parts(dir, FIRST W("b"), "h:3,1,2 " SPLIT(2, 3) W("a")), CX_EFORMAT,
                 "m-00002-of-00003.gguf: expected part 2 of 3, found 3 of 3");
    refuse_split(put_parts(dir, FIRST W("b"), "h:3,1,2 " SPLIT(1, 4) W("a")), CX_EFORMAT,
                 "found 2 of 4");
    refuse_split(put_parts(dir, FIRST W("b"), "h:3,1,0 " W("a")), CX_EFORMAT, "found 1 of 1");
    refuse_split(put_parts(dir, FIRST W("a"), good), CX_EFORMAT, "'a' is there twice");
    refuse_split(put_parts(dir, FIRST W("b"), "h:3,0,2 " SPLIT(1, 3)), CX_EFORMAT,
                 "'split.tensors.count': expected 2, found 3");
    refuse_split(put_parts(dir, "h:3,1,2 " SPLIT(0, 4) W("b"), good), CX_EFORMAT,
                 "expected a name that ends with -00001-of-00004.gguf");
    refuse_split(put(dir, "m.gguf", FIRST W("b")), CX_EFORMAT, "expected a name that ends with");
    refuse_split(put(dir, "x-00002-of-00003.gguf", good), CX_EFORMAT,
                 "expected the first part of a split file, found part 2 of 3");
    refuse_split(put(dir, "y-00001-of-00003.gguf", FIRST W("b")), CX_ENOTFOUND,
                 "y-00002-of-00003.gguf");
    put_parts(dir, FIRST W("b"), good);
    snprintf(other, sizeof other, "%s/m-00002-of-00003.gguf", dir);
    CHECK_INT(unlink(other), 0);
    CHECK_INT(symlink("/etc/passwd", other), 0);
    refuse_split(path, CX_EFORMAT, "a link that leads out of its folder");
}

TEST(gguf, missing_and_empty_files)
{
    const char *dir = unit_dir();
    char none[4200];
    snprintf(none, sizeof none, "%s/none.gguf", dir);
    refuse_split(none, CX_ENOTFOUND, "none.gguf");
    refuse_split(put(dir, "empty.gguf", ""), CX_EFORMAT, "empty.gguf: expected 'GGUF'");
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, gguf_open_fails_cleanly)
{
    const char *first = put_parts(unit_dir(), FIRST W("b"),
                                  "h:3,1,3 s:t d:9 d:8 q:1 s:x " SPLIT(1, 3) W("a"));
    cx_status st = CX_ENOMEM;
    int n = 0;
    for (; st != CX_OK; n++) {
        cx__gguf *g = NULL;
        CHECK(n < 1000);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx__gguf_open(first, &g);
        cx__alloc_fault_set(NULL);
        if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
        CHECK((st == CX_OK) == (g != NULL));
        cx__gguf_close(g);
    }
    CHECK(n > 20);
}

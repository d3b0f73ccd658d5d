/* The safetensors header: every bad case of docs/reliability (its section on safetensors) and the
 * odd but legal ones. Each case is a file in memory that ends at the end of its block, so that the
 * address sanitizer sees a read behind it. */
#include "format/format.h"
#include "safetensors_bytes.h"
#include <cortex/file.h>
#include <stdio.h>

typedef struct bad_case {
    const char *header;
    size_t data; /* bytes behind the header */
    cx_status status;
    const char *says; /* part of the sentence */
} bad_case;

/* Parses a copy of exactly its size, for files that are to be refused. */
static cx_status parse(const uint8_t *data, size_t len, cx__safetensors *out)
{
    uint8_t *copy = malloc(len ? len : 1);
    cx_status st;
    memcpy(copy, data, len);
    st = cx__safetensors_parse(copy, len, "m.safetensors", out);
    free(copy);
    return st;
}

static void refuse_bytes(const uint8_t *data, size_t len, cx_status status, const char *says)
{
    cx__safetensors out = { .count = 77 };
    cx_status st = parse(data, len, &out);
    if (st != status)
        fail_msg("got %s (%s), expected %s (%s)", cx_status_name(st), cx_error(),
                 cx_status_name(status), says);
    CHECK_INT(out.count, 77);
    CHECK(strncmp(cx_error(), "m.safetensors: ", 15) == 0);
    CHECK_HAS(cx_error(), says);
}

static void refuse(const bad_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        st_bytes b = st_text(cases[i].header, cases[i].data);
        refuse_bytes(b.data, b.len, cases[i].status, cases[i].says);
        free(b.data);
    }
}

/* Tensor "a" of a field each; the rest is good. */
#define ENTRY(dtype, shape, offsets)                                                               \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define GOOD ENTRY("\"U8\"", "[4]", "[0,4]")
#define TWO(shape1, offsets1, shape2, offsets2)                                                    \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":" shape1 ",\"data_offsets\":" offsets1 "},"                \
    "\"b\":{\"dtype\":\"U8\",\"shape\":" shape2 ",\"data_offsets\":" offsets2 "}}"
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

TEST(safetensors, length_field_is_checked)
{
    static const struct {
        uint64_t length;
        const char *says;
    } cases[] = {
        { 0, "header" },
        { 1, "header" },
        { 53, "header of 53 bytes in a file of" },
        { UINT64_C(0x7ffffffffffffff8), "header of 9223372036854775800 bytes in a file of" },
        { UINT64_MAX, "header of 18446744073709551615 bytes in a file of" },
        { UINT64_MAX - 7, "header of 18446744073709551608 bytes in a file of" },
        { 100000001, "header of 100000001 bytes in a file of" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        st_bytes b = st_make("{}", 2, cases[i].length, 40);
        refuse_bytes(b.data, b.len, CX_EFORMAT, cases[i].says);
        free(b.data);
    }
}

TEST(safetensors, files_shorter_than_the_length_field)
{
    const uint8_t zeros[8] = { 0 };
    refuse_bytes(zeros, 0, CX_EFORMAT, "at least 8 bytes, found 0");
    refuse_bytes(zeros, 7, CX_EFORMAT, "at least 8 bytes, found 7");
    refuse_bytes(zeros, 8, CX_EFORMAT, "header");
}

TEST(safetensors, header_over_100_million_bytes_is_refused)
{
    size_t len = 100000001;
    uint8_t *data = calloc(1, len + 8);
    cx__safetensors out;
    memset(data + 8, ' ', len);
    for (int i = 0; i < 8; i++) data[i] = (uint8_t)(len >> (8 * i));
    memcpy(data + 8, "{}", 2);
    CHECK_INT(cx__safetensors_parse(data, len + 8, "m", &out), CX_EFORMAT);
    CHECK_HAS(cx_error(), "expected at most 100000000 bytes, found 100000001");
    for (int i = 0; i < 8; i++) data[i] = (uint8_t)((len - 1) >> (8 * i));
    CHECK_OK(cx__safetensors_parse(data, len + 7, "m", &out));
    cx__safetensors_free(&out);
    free(data);
}

TEST(safetensors, header_text_is_strict_json)
{
    static const bad_case cases[] = {
        { " " GOOD, 4, CX_EFORMAT, "'{' as its first byte" },
        { "\xef\xbb\xbf" GOOD, 4, CX_EFORMAT, "'{' as its first byte" },
        { "[]", 0, CX_EFORMAT, "'{' as its first byte" },
        { "null", 0, CX_EFORMAT, "'{' as its first byte" },
        { GOOD "x", 4, CX_EFORMAT, "expected the end" },
        { GOOD "{}", 4, CX_EFORMAT, "expected the end" },
        { "{\"a\xff\":1}", 0, CX_EFORMAT, "UTF-8" },
        { "{\"\\ud800\":1}", 0, CX_EFORMAT, "lone surrogate" },
        { "{\"a\\u0000b\":1}", 0, CX_EFORMAT, "NUL" },
        { "{\"a\nb\":1}", 0, CX_EFORMAT, "control character" },
        { "{\"a\":1", 0, CX_EFORMAT, "found an integer" },
        { "{\"a\":", 0, CX_EFORMAT, "value was expected" },
        { "{", 0, CX_EFORMAT, "header" },
        { "{,}", 0, CX_EFORMAT, "key" },
        { "{\"a\":NaN}", 0, CX_EFORMAT, "'a': entry: expected an object, found a real number" },
        { "{\"a\":[]}", 0, CX_EFORMAT, "'a': entry: expected an object, found a list" },
    };
    refuse(cases, COUNT(cases));
    uint8_t nul[] = "\x05\0\0\0\0\0\0\0{\"\0\"}";
    refuse_bytes(nul, sizeof nul - 1, CX_EFORMAT, "control character");
    uint8_t ends[] = "\x03\0\0\0\0\0\0\0{}\0";
    refuse_bytes(ends, sizeof ends - 1, CX_EFORMAT, "expected the end");
}

/* {"a":[[[[ ... and {"a":{"x":{"x": ... of `depth` levels. */
static void refuse_depth(const char *open, size_t depth, const char *says)
{
    size_t n = strlen(open), len = 5 + n * depth;
    char *header = malloc(len);
    memcpy(header, "{\"a\":", 5);
    for (size_t i = 0; i < depth; i++) memcpy(header + 5 + n * i, open, n);
    st_bytes b = st_make(header, len, len, 0);
    refuse_bytes(b.data, b.len, CX_EFORMAT, says);
    free(b.data);
    free(header);
}

TEST(safetensors, deep_nesting_ends_at_once)
{
    refuse_depth("[", 100000, "found a list");
    refuse_depth("[", 5000000, "found a list");
    refuse_depth("{\"x\":", 100000, "found 'x'");
    refuse_depth("{\"shape\":[", 1000000, "found an object");
}

TEST(safetensors, dtype_is_checked)
{
    static const bad_case cases[] = {
        { ENTRY("\"F7\"", "[4]", "[0,4]"), 4, CX_ETYPE, "'a': unknown dtype 'F7'" },
        { ENTRY("\"u8\"", "[4]", "[0,4]"), 4, CX_ETYPE, "unknown dtype 'u8'" },
        { ENTRY("\"\"", "[4]", "[0,4]"), 4, CX_ETYPE, "unknown dtype" },
        { ENTRY("\"F4\"", "[4]", "[0,2]"), 2, CX_ETYPE, "unknown dtype 'F4'" },
        { ENTRY("\"U8UUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUU\"", "[4]", "[0,4]"), 4, CX_ETYPE,
          "unknown dtype 'U8UU" },
        { ENTRY("3", "[4]", "[0,4]"), 4, CX_EFORMAT,
          "'a': dtype: expected a string, found an int" },
        { ENTRY("null", "[4]", "[0,4]"), 4, CX_EFORMAT, "found null" },
    };
    refuse(cases, COUNT(cases));
}

TEST(safetensors, shape_is_checked)
{
    static const bad_case cases[] = {
        { ENTRY("\"U8\"", "[-2]", "[0,4]"), 4, CX_EFORMAT, "'a': shape: expected no negative" },
        { ENTRY("\"U8\"", "[-2,-2]", "[0,4]"), 4, CX_EFORMAT, "found -2" },
        { ENTRY("\"U8\"", "[4.0]", "[0,4]"), 4, CX_EFORMAT, "found a real number" },
        { ENTRY("\"U8\"", "[2.5]", "[0,4]"), 4, CX_EFORMAT, "found a real number" },
        { ENTRY("\"U8\"", "[\"4\"]", "[0,4]"), 4, CX_EFORMAT, "found a string" },
        { ENTRY("\"U8\"", "[true]", "[0,1]"), 1, CX_EFORMAT, "found true" },
        { ENTRY("\"U8\"", "[[4]]", "[0,4]"), 4, CX_EFORMAT, "found a list" },
        { ENTRY("\"U8\"", "4", "[0,4]"), 4, CX_EFORMAT, "shape: expected a list" },
        { ENTRY("\"U8\"", "[4294967300]", "[0,4]"), 4, CX_EFORMAT, "bytes for [4294967300]" },
        { ENTRY("\"U8\"", "[18446744073709551620]", "[0,4]"), 4, CX_EFORMAT, "real number" },
        { ENTRY("\"U8\"", "[65536,65536,65536,65536]", "[0,0]"), 0, CX_EFORMAT, "exceeds 64 bits" },
        { ENTRY("\"F64\"", "[2305843009213693952]", "[0,0]"), 0, CX_EFORMAT, "exceeds 64 bits" },
        { ENTRY("\"U8\"", "[4294967296,4294967296,0]", "[0,0]"), 0, CX_EFORMAT, "exceeds 64 bits" },
        { ENTRY("\"U8\"", "[0,4294967296,4294967296]", "[0,0]"), 0, CX_EFORMAT, "exceeds 64 bits" },
        { ENTRY("\"U8\"", "[1,1,1,1,1,1,1,1,4]", "[0,4]"), 4, CX_EUNSUPPORTED, "at most 8" },
        { ENTRY("\"U8\"", "[3]", "[0,4]"), 4, CX_EFORMAT, "expected 3 bytes for [3] U8, found 4" },
        { ENTRY("\"F32\"", "[4]", "[0,4]"), 4, CX_EFORMAT, "expected 16 bytes" },
        { ENTRY("\"U8\"", "[]", "[0,4]"), 4, CX_EFORMAT, "expected 1 bytes" },
    };
    refuse(cases, COUNT(cases));
}

TEST(safetensors, shape_of_a_million_numbers_is_refused)
{
    size_t n = 1000000, len = 0;
    char *header = malloc(2 * n + 200);
    len += (size_t)sprintf(header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1");
    for (size_t i = 1; i < n; i++, len += 2) memcpy(header + len, ",1", 2);
    len += (size_t)sprintf(header + len, "],\"data_offsets\":[0,1]}}");
    st_bytes b = st_make(header, len, len, 1);
    refuse_bytes(b.data, b.len, CX_EUNSUPPORTED, "'a': shape: expected at most 8 numbers");
    free(b.data);
    free(header);
}

TEST(safetensors, offsets_are_checked)
{
    static const bad_case cases[] = {
        { ENTRY("\"U8\"", "[4]", "[0,4,4]"), 4, CX_EFORMAT, "at most 2 numbers" },
        { ENTRY("\"U8\"", "[4]", "[4]"), 4, CX_EFORMAT, "expected 2 numbers, found 1" },
        { ENTRY("\"U8\"", "[4]", "[]"), 4, CX_EFORMAT, "expected 2 numbers, found 0" },
        { ENTRY("\"U8\"", "[4]", "[-4,0]"), 4, CX_EFORMAT, "no negative number, found -4" },
        { ENTRY("\"U8\"", "[4]", "[\"0\",4]"), 4, CX_EFORMAT, "found a string" },
        { ENTRY("\"U8\"", "[4]", "\"04\""), 4, CX_EFORMAT, "expected a list, found a string" },
        { ENTRY("\"U8\"", "[4]", "[0,1e400]"), 4, CX_EFORMAT, "beyond the range" },
        { ENTRY("\"U8\"", "[4]", "[0,4e0]"), 4, CX_EFORMAT, "found a real number" },
        { ENTRY("\"U8\"", "[4]", "[4,0]"), 4, CX_EFORMAT, "begin <= end <= 4, found [4, 0]" },
        { ENTRY("\"U8\"", "[4]", "[0,5]"), 4, CX_EFORMAT, "found [0, 5]" },
        { ENTRY("\"U8\"", "[4]", "[1,5]"), 4, CX_EFORMAT, "found [1, 5]" },
        /* added to a base these wrap around into the header */
        { ENTRY("\"U8\"", "[16]", "[18446744073709551584,18446744073709551600]"), 16, CX_EFORMAT,
          "found a real number" },
        { ENTRY("\"U8\"", "[16]", "[9223372036854775792,9223372036854775807]"), 16, CX_EFORMAT,
          "begin <= end <= 16" },
    };
    refuse(cases, COUNT(cases));
}

TEST(safetensors, data_and_tensors_cover_each_other)
{
    static const bad_case cases[] = {
        { TWO("[4]", "[0,4]", "[4]", "[2,6]"), 6, CX_EFORMAT, "'b' overlaps 'a'" },
        { TWO("[4]", "[0,4]", "[4]", "[0,4]"), 4, CX_EFORMAT, "'b' overlaps 'a'" },
        { TWO("[6]", "[0,6]", "[2]", "[2,4]"), 6, CX_EFORMAT, "'b' overlaps 'a'" },
        { TWO("[4]", "[0,4]", "[4]", "[5,9]"), 9, CX_EFORMAT,
          "'b': data_offsets: expected a begin "
          "of 4, found 5: a hole" },
        { TWO("[2]", "[1,3]", "[2]", "[3,5]"), 5, CX_EFORMAT,
          "'a': data_offsets: expected a begin" },
        { TWO("[4]", "[0,4]", "[0]", "[2,2]"), 4, CX_EFORMAT, "overlaps" },
        { GOOD, 5, CX_EFORMAT, "expected 4 bytes of data, found 5" },
        { "{}", 1, CX_EFORMAT, "expected 0 bytes of data, found 1" },
    };
    refuse(cases, COUNT(cases));
}

TEST(safetensors, fields_are_required_once_and_no_others)
{
    static const bad_case cases[] = {
        { "{\"a\":{}}", 0, CX_EFORMAT, "'a': dtype is missing" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, CX_EFORMAT, "data_offsets is missing" },
        { "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4, CX_EFORMAT, "shape is missing" },
        { "{\"a\":{\"shape\":[4],\"data_offsets\":[0,4]}}", 4, CX_EFORMAT, "dtype is missing" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4],\"crc\":1}}", 4,
          CX_EFORMAT, "'a': expected dtype, shape and data_offsets, found 'crc'" },
        { "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
          CX_EFORMAT, "'a': dtype is there twice" },
        { "{\"a\":{\"shape\":[4],\"shape\":[4],\"dtype\":\"U8\",\"data_offsets\":[0,4]}}", 4,
          CX_EFORMAT, "'a': shape is there twice" },
    };
    refuse(cases, COUNT(cases));
}

TEST(safetensors, duplicate_names_are_refused)
{
    static const bad_case cases[] = {
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
          "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
          4, CX_EFORMAT, "'a' is there twice" },
        { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
          "\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
          4, CX_EFORMAT, "'a' is there twice" },
        { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, CX_EFORMAT,
          "'__metadata__' is there tw" },
        { "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, CX_EFORMAT, "'k' is there twice" },
    };
    refuse(cases, COUNT(cases));
}

TEST(safetensors, metadata_maps_strings_to_strings)
{
    static const bad_case cases[] = {
        { "{\"__metadata__\":{\"k\":1}}", 0, CX_EFORMAT, "'__metadata__': k: expected a string" },
        { "{\"__metadata__\":{\"k\":null}}", 0, CX_EFORMAT, "found null" },
        { "{\"__metadata__\":{\"k\":{\"x\":\"y\"}}}", 0, CX_EFORMAT, "found an object" },
        { "{\"__metadata__\":[\"k\"]}", 0, CX_EFORMAT, "expected an object, found a list" },
        { "{\"__metadata__\":\"k\"}", 0, CX_EFORMAT, "expected an object, found a string" },
    };
    refuse(cases, COUNT(cases));
}

TEST(safetensors, control_characters_in_names_do_not_reach_the_terminal)
{
    static const bad_case cases[] = {
        { "{\"\\u001b[2J\\u009b\":{}}", 0, CX_EFORMAT,
          "'?[2J?"
          "?': dtype is missing" },
    };
    refuse(cases, COUNT(cases));
}

/* 100 thousand names: all on one range, then in order; both within a second. */
static st_bytes many(size_t n, bool overlap, size_t pad)
{
    char *header = malloc(n * (pad + 100)), *p = header;
    char *fill = calloc(1, pad + 1);
    memset(fill, 'x', pad);
    *p++ = '{';
    for (size_t i = 0; i < n; i++) {
        size_t at = overlap ? 0 : i;
        p += sprintf(p, "%s\"%s%06zu\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}",
                     i ? "," : "", fill, n - i, at, at + 1);
    }
    *p++ = '}';
    st_bytes b = st_make(header, (size_t)(p - header), (size_t)(p - header), overlap ? 1 : n);
    free(header);
    free(fill);
    return b;
}

TEST(safetensors, a_hundred_thousand_tensors)
{
    st_bytes b = many(100000, true, 0);
    cx__safetensors s;
    refuse_bytes(b.data, b.len, CX_EFORMAT, "overlaps");
    free(b.data);
    b = many(100000, false, 0);
    CHECK_OK(cx__safetensors_parse(b.data, b.len, "m", &s));
    CHECK_INT(s.count, 100000);
    CHECK_STR(s.tensors[0].name, "100000");
    CHECK_STR(s.tensors[99999].name, "000001");
    CHECK_INT(*(const uint8_t *)s.tensors[300].data, 300 % 256);
    cx__safetensors_free(&s);
    free(b.data);
}

/* The limit of five seconds (thirty under a sanitizer) leaves room for a slow machine; alone this
 * takes under one. */
TEST(safetensors, header_of_almost_100_million_bytes)
{
    st_bytes b = many(100000, false, 920);
    cx__safetensors s;
    double start = cx__now();
    CHECK(b.len > 98000000 && b.len < 100000000);
    CHECK_OK(cx__safetensors_parse(b.data, b.len, "m", &s));
    printf("%.3f s\n", cx__now() - start);
    CHECK_INT(s.count, 100000);
    cx__safetensors_free(&s);
    free(b.data);
}

TEST(safetensors, all_dtypes_are_read_as_bytes)
{
    static const struct {
        const char *name;
        cx_dtype dtype;
    } types[] = { { "BOOL", CX_BOOL },       { "U8", CX_U8 },          { "I8", CX_I8 },
                  { "U16", CX_U16 },         { "I16", CX_I16 },        { "U32", CX_U32 },
                  { "I32", CX_I32 },         { "U64", CX_U64 },        { "I64", CX_I64 },
                  { "F16", CX_F16 },         { "BF16", CX_BF16 },      { "F32", CX_F32 },
                  { "F64", CX_F64 },         { "C64", CX_C64 },        { "F8_E4M3", CX_F8_E4M3 },
                  { "F8_E5M2", CX_F8_E5M2 }, { "F8_E8M0", CX_F8_E8M0 } };
    CHECK_INT(COUNT(types), CX_DTYPES);
    for (size_t i = 0; i < COUNT(types); i++) {
        char header[200];
        size_t bytes = 6 * cx_dtype_size(types[i].dtype);
        cx__safetensors s;
        sprintf(header, "{\"t\":{\"dtype\":\"%s\",\"shape\":[2,3],\"data_offsets\":[0,%zu]}}",
                types[i].name, bytes);
        st_bytes b = st_text(header, bytes);
        CHECK_OK(cx__safetensors_parse(b.data, b.len, "m", &s));
        CHECK_INT(s.tensors[0].dtype, types[i].dtype);
        CHECK_INT(s.tensors[0].ndim, 2);
        CHECK_INT(s.tensors[0].shape[1], 3);
        CHECK_INT(s.tensors[0].bytes, bytes);
        CHECK(s.tensors[0].data == b.data + b.len - bytes);
        cx__safetensors_free(&s);
        free(b.data);
    }
}

TEST(safetensors, odd_but_legal_files_are_read)
{
    /* spaces at the end, metadata last, escapes, fields in any order, an empty name, F32 at an odd
     * offset, a scalar, zeros beside a large dimension */
    const char *header =
        "{\"byte\":{\"data_offsets\":[0,1],\"shape\":[1],\"dtype\":\"BOOL\"},"
        "\"\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[1,5]},"
        "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,2147483647],\"data_offsets\":[5,5]},"
        "\"\\u00e9\\/\\\"\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,2],\"data_offsets\":[5,7]},"
        "\"__metadata__\":{\"format\":\"mlx\",\"n\\n\":\"\"}} \n ";
    st_bytes b = st_text(header, 7);
    cx__safetensors s;
    CHECK_OK(cx__safetensors_parse(b.data, b.len, "m", &s));
    CHECK_INT(s.count, 4);
    CHECK_STR(s.tensors[0].name, "byte");
    CHECK_STR(s.tensors[1].name, "");
    CHECK_INT(s.tensors[1].ndim, 0);
    CHECK_INT(s.tensors[1].bytes, 4);
    CHECK_STR(s.tensors[2].name, "empty");
    CHECK_INT(s.tensors[2].bytes, 0);
    CHECK_STR(s.tensors[3].name, "\xc3\xa9/\"");
    CHECK(cx__tensor_f32(&s.tensors[1], 0) > 0); /* unaligned, under UBSan too */
    CHECK_INT(s.metadata_count, 2);
    CHECK_STR(s.metadata[0].value, "mlx");
    CHECK_STR(s.metadata[1].key, "n\n");
    CHECK_STR(s.metadata[1].value, "");
    cx__safetensors_free(&s);
    free(b.data);
    b = st_text("{}", 0);
    CHECK_OK(cx__safetensors_parse(b.data, b.len, "m", &s));
    CHECK_INT(s.count, 0);
    cx__safetensors_free(&s);
    free(b.data);
}

/* Cut at every byte: never the same result, never a read behind the end. */
TEST(safetensors, every_truncation_is_refused)
{
    st_bytes b = st_text(TWO("[2,2]", "[0,4]", "[3]", "[4,7]"), 7);
    for (size_t len = 0; len < b.len; len++) {
        cx__safetensors s;
        CHECK_INT(parse(b.data, len, &s), CX_EFORMAT);
    }
    free(b.data);
}

/* Every bit of length and header flipped: an error, or a file that holds its promises. */
TEST(safetensors, flipped_bits_never_give_views_outside_the_file)
{
    st_bytes b = st_text("{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"dtype\":\"F16\",\"shape\":[2,1],"
                         "\"data_offsets\":[0,4]}}",
                         4);
    for (size_t bit = 0; bit < 8 * (b.len - 4); bit++) {
        cx__safetensors s;
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (cx__safetensors_parse(b.data, b.len, "m", &s) == CX_OK) {
            for (size_t i = 0; i < s.count; i++) {
                const uint8_t *p = s.tensors[i].data;
                CHECK(p >= b.data + 8 && p + s.tensors[i].bytes <= b.data + b.len);
            }
            cx__safetensors_free(&s);
        }
        b.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(b.data);
}

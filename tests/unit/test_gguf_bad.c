/* GGUF files that must be refused: every case of the seed set that kills or fools other readers
 * (n_tensors 2^64-1, alignment 0, wrapping sizes, ...) and its neighbours. Each ends at the end of
 * its block, so that the address sanitizer sees a read behind it. */
#include "format/format.h"
#include "gguf_bytes.h"

typedef struct bad_case {
    const char *words;
    cx_status status;
    const char *says; /* part of the sentence */
} bad_case;

/* Parses a copy of exactly its size. */
static void refuse_bytes(const uint8_t *data, size_t len, const char *words, cx_status status,
                         const char *says)
{
    uint8_t *copy = malloc(len ? len : 1);
    cx__gguf *g = NULL;
    memcpy(copy, data, len);
    cx_status st = cx__gguf_parse(copy, len, "m.gguf", &g);
    if (st != status || !strstr(cx_error(), says))
        fail_msg("%s: got %s (%s), expected %s (%s)", words, cx_status_name(st),
                 st == CX_OK ? "" : cx_error(), cx_status_name(status), says);
    CHECK(g == NULL);
    CHECK(strncmp(cx_error(), "m.gguf: ", 8) == 0);
    free(copy);
}

static void refuse(const bad_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gguf_bytes b = gb_make(cases[i].words);
        refuse_bytes(b.data, b.len, cases[i].words, cases[i].status, cases[i].says);
        free(b.data);
    }
}

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define REFUSE(...)                                                                                \
    do {                                                                                           \
        static const bad_case cases_[] = { __VA_ARGS__ };                                          \
        refuse(cases_, COUNT(cases_));                                                             \
    } while (0)
#define BAD(words, says)                                                                           \
    {                                                                                              \
        words, CX_EFORMAT, says                                                                    \
    }
#define CANNOT(words, says)                                                                        \
    {                                                                                              \
        words, CX_EUNSUPPORTED, says                                                               \
    }
#define OVER(words, says)                                                                          \
    {                                                                                              \
        words, CX_ELIMIT, says                                                                     \
    }
/* Room, so that a count is refused for what it is. */
#define DATA " a:32 z:4096"

TEST(gguf_bad, magic_and_version)
{
    REFUSE(BAD("", "expected 'GGUF' as its first bytes, found the end"), BAD("c:GGU", "'GGUF'"),
           BAD("c:GGUF", "expected a version, found the end"), BAD("c:ggml" DATA, "'GGUF'"),
           BAD("c:FUGG" DATA, "'GGUF'"), BAD("c:GGJT" DATA, "'GGUF'"),
           BAD("h:0,0,0" DATA, "expected 2 or 3, found 0"),
           CANNOT("h:1,0,0" DATA, "expected 2 or 3, found 1: convert it again"),
           BAD("h:4,0,0" DATA, "found 4"), BAD("h:99,0,0" DATA, "found 99"),
           CANNOT("c:GGUF d:0x03000000 q:0 q:0" DATA, "a big-endian file"),
           CANNOT("c:GGUF d:0x02000000 q:0 q:0" DATA, "a big-endian file"),
           BAD("c:GGUF d:-1 q:0 q:0" DATA, "found 4294967295"));
}

TEST(gguf_bad, counts_beyond_the_file)
{
    REFUSE(BAD("c:GGUF d:3 q:-1 q:0" DATA, "number of tensors: expected at most"),
           BAD("c:GGUF d:3 q:0x10000000000 q:0" DATA, "found 1099511627776"),
           BAD("c:GGUF d:3 q:0x8000000000000000 q:0" DATA, "found 9223372036854775808"),
           BAD("c:GGUF d:3 q:0 q:0x4000000000000000" DATA, "found 4611686018427387904"),
           BAD("c:GGUF d:3 q:0 q:-1" DATA, "number of metadata: expected at most"),
           BAD("c:GGUF d:3 q:0", "found the end"), BAD("c:GGUF d:3 q:0 d:0", "found the end"),
           BAD("h:3,1,0", "number of tensors: expected at most 0"),
           BAD("h:3,0,1", "number of metadata: expected at most 0"),
           OVER("h:3,0,65537 z:1000000", "number of metadata: expected at most 65536"),
           OVER("h:3,131073,0 z:5000000", "number of tensors: expected at most 131072"));
}

TEST(gguf_bad, keys)
{
    REFUSE(BAD("h:3,0,1 q:0x40000000 c:key d:4 d:1" DATA, "key 0: expected 1 to 65535 bytes"),
           BAD("h:3,0,1 q:-1 c:key d:4 d:1" DATA, "found 18446744073709551615"),
           BAD("h:3,0,1 q:0x8000000000000000 c:key d:4 d:1" DATA, "key 0: expected"),
           BAD("h:3,0,1 s: d:4 d:1" DATA, "key 0: expected 1 to 65535 bytes, found 0"),
           BAD("h:3,0,1 q:65536 r:65536 d:4 d:1" DATA, "found 65536"),
           BAD("h:3,0,1 q:200 c:key d:4 d:1", "key 0 of 200 bytes, but the file ends after 11"),
           BAD("h:3,0,2 s:k d:4 d:1 s:k d:4 d:2" DATA, "'k' is there twice"),
           BAD("h:3,0,3 s:k d:4 d:1 s:a d:0 b:1 s:k d:7 b:1" DATA, "'k' is there twice"),
           BAD("h:3,0,1 q:3 c:a b:0 c:b d:4 d:1" DATA, "UTF-8 without NUL"),
           BAD("h:3,0,1 q:2 b:0xc3 b:0x28 d:4 d:1" DATA, "UTF-8 without NUL"),
           BAD("h:3,0,1 s:abcdefghij", "'abcdefghij': expected a type, found the end"));
}

TEST(gguf_bad, value_types)
{
    REFUSE(BAD("h:3,0,1 s:k d:13 z:64", "'k': expected a type from 0 to 12, found 13"),
           BAD("h:3,0,1 s:k d:-1 z:64", "found 4294967295"),
           BAD("h:3,0,1 s:k d:99 z:64", "found 99"),
           BAD("h:3,0,1 s:k d:7 b:7" DATA, "expected a bool of 0 or 1, found 7"),
           BAD("h:3,0,1 s:k d:7 b:255" DATA, "found 255"),
           BAD("h:3,0,1 s:k d:9 d:7 q:3 b:1 b:0 b:2" DATA, "found 2"),
           BAD("h:3,0,1 s:key d:4 b:1", "1 elements of u32, but the file ends after 1 bytes"),
           BAD("h:3,0,1 s:key d:10 d:1", "1 elements of u64"),
           BAD("h:3,0,1 s:key d:12 d:1", "1 elements of f64"),
           BAD("h:3,0,1 s:key d:6 w:1", "1 elements of f32"),
           BAD("h:3,0,1 s:key d:8 d:1", "1 elements of string"));
}

TEST(gguf_bad, strings_and_arrays)
{
    REFUSE(
        BAD("h:3,0,1 s:k d:8 q:0x40000000 c:abc" DATA, "a string of 1073741824 bytes, but"),
        BAD("h:3,0,1 s:k d:8 q:-1 c:abc" DATA, "a string of 18446744073709551615 bytes, but"),
        BAD("h:3,0,1 s:k d:8 q:0xfffffffffffffff8 c:abc" DATA, "but the file ends after"),
        BAD("h:3,0,1 s:k d:8 q:4 c:abc", "a string of 4 bytes, but the file ends after 3"),
        BAD("h:3,0,1 s:k d:9 d:4 d:1", "type and length of an array, found the end"),
        BAD("h:3,0,1 s:k d:9 d:10 q:0x2000000000000000" DATA,
            "2305843009213693952 elements of u64"),
        BAD("h:3,0,1 s:k d:9 d:8 q:0x2000000000000000" DATA, "elements of string, but"),
        BAD("h:3,0,1 s:k d:9 d:4 q:0x4000000000000001" DATA, "elements of u32, but"),
        BAD("h:3,0,1 s:k d:9 d:0 q:-1" DATA, "18446744073709551615 elements of u8"),
        BAD("h:3,0,1 s:k d:9 d:4 q:3 d:1 d:2", "3 elements of u32, but the file ends after 8"),
        CANNOT("h:3,0,1 s:k d:9 d:9 q:1 d:4 q:1 d:1" DATA, "an array of arrays"),
        BAD("h:3,0,1 s:k d:9 d:99 q:1 d:1" DATA, "expected a type from 0 to 12, found 99"),
        BAD("h:3,0,1 s:k d:9 d:-1 q:0" DATA, "found 4294967295"),
        BAD("h:3,0,1 s:k d:9 d:8 q:2 s:a q:9 c:b",
            "a string of 9 bytes, but the file ends after 1"),
        BAD("h:3,0,1 s:k d:9 d:8 q:3 s:a s: q:-1", "a string of 18446744073709551615 bytes"),
        BAD("h:3,0,1 s:k d:9 d:8 q:2 q:20 r:20", "expected the length of a string, found the end"));
}

TEST(gguf_bad, two_hundred_thousand_nested_arrays)
{
    enum { DEPTH = 200000, ITEM = 12 };
    static const uint8_t item[ITEM] = { CX__GGUF_ARRAY, 0, 0, 0, 1 }; /* type, length */
    gguf_bytes b = gb_make("h:3,0,1 s:k d:9");
    size_t head = b.len;
    gb_fill(&b, 0, (size_t)DEPTH * ITEM);
    for (size_t i = 0; i < DEPTH; i++) memcpy(b.data + head + i * ITEM, item, ITEM);
    refuse_bytes(b.data, b.len, "nested", CX_EUNSUPPORTED, "an array of arrays");
    free(b.data);
}

#define ALIGN(value) "h:3,1,1 s:general.alignment " value " s:w d:1 q:8 d:0 q:0" DATA
TEST(gguf_bad, alignment)
{
    REFUSE(BAD(ALIGN("d:4 d:0"), "'general.alignment': expected an integer from 1 to 65536"),
           BAD(ALIGN("d:4 d:3"), "expected a power of two, found 3"),
           BAD(ALIGN("d:4 d:13"), "expected a power of two, found 13"),
           BAD(ALIGN("d:4 d:0x80000000"), "found 2147483648"),
           BAD(ALIGN("d:4 d:131072"), "found 131072"), BAD(ALIGN("d:4 d:-1"), "found 4294967295"),
           BAD(ALIGN("d:5 d:32"), "expected an u32, found another type"),
           BAD(ALIGN("d:10 q:32"), "expected an u32"), BAD(ALIGN("d:0 b:32"), "expected an u32"),
           BAD(ALIGN("d:8 s:32"), "expected an u32"), BAD(ALIGN("d:7 b:1"), "expected an u32"),
           BAD(ALIGN("d:9 d:4 q:1 d:32"), "expected an u32"),
           BAD("h:3,1,1 s:general.alignment d:4 d:64 s:w d:1 q:8 d:0 q:0 a:32 z:32",
               "'w': expected 32 bytes of F32 at 128"));
}

#define FIELDS(rest) "h:3,1,0 s:w " rest DATA
TEST(gguf_bad, names)
{
    REFUSE(BAD("h:3,1,0 s: d:1 q:8 d:0 q:0" DATA, "tensor 0: expected 1 to 255 bytes, found 0"),
           BAD("h:3,1,0 q:256 r:256 d:1 q:8 d:0 q:0" DATA, "found 256"),
           BAD("h:3,1,0 q:65536 r:65536 d:1 q:8 d:0 q:0" DATA, "found 65536"),
           BAD("h:3,1,0 q:-1 c:w d:1 q:8 d:0 q:0" DATA, "found 18446744073709551615"),
           BAD("h:3,1,0 q:0x7fffffffffffffff c:w d:1 q:8 d:0 q:0" DATA, "tensor 0: expected"),
           BAD("h:3,1,0 q:100 c:w d:1 q:8 d:0 q:0", "tensor 0 of 100 bytes, but the file ends"),
           BAD("h:3,1,0 q:2 c:w b:0 d:1 q:8 d:0 q:0" DATA, "UTF-8 without NUL"),
           BAD("h:3,1,0 q:1 b:0xff d:1 q:8 d:0 q:0" DATA, "UTF-8 without NUL"),
           BAD("h:3,2,0 s:w d:1 q:8 d:0 q:0 s:w d:1 q:8 d:0 q:32 a:32 z:64", "'w' is there twice"),
           BAD("h:3,2,0 s:w d:1 q:8 d:0 q:0" DATA, "tensor 1: expected 1 to 255 bytes, found 0"),
           BAD("h:3,2,0 s:w d:1 q:8 d:0 q:0 q:0 q:0 q:0",
               "number of tensors: expected at most 1 in 81"));
}

TEST(gguf_bad, dimensions)
{
    REFUSE(BAD(FIELDS("d:0 d:0 q:0"), "'w': expected 1 to 4 dimensions, found 0"),
           BAD(FIELDS("d:5 q:1 q:1 q:1 q:1 q:1 d:0 q:0"), "found 5"),
           BAD(FIELDS("d:-1 q:1 d:0 q:0"), "found 4294967295"),
           BAD(FIELDS("d:0x80000001 q:1 d:0 q:0"), "found 2147483649"),
           BAD(FIELDS("d:1 q:0 d:0 q:0"), "dimensions from 1 to 2^63-1, found 0"),
           BAD(FIELDS("d:2 q:8 q:0 d:0 q:0"), "found 0"),
           BAD(FIELDS("d:1 q:0x8000000000000000 d:0 q:0"), "found 9223372036854775808"),
           BAD(FIELDS("d:1 q:-1 d:0 q:0"), "found 18446744073709551615"),
           BAD("h:3,1,0 q:20 r:20 d:2 q:8", "expected a dimension, found the end"),
           BAD("h:3,1,0 q:24 r:24 w:2", "expected a number of dimensions, found the end"),
           BAD("h:3,1,0 q:24 r:17 r:7 d:1 q:8 w:0", "expected a type of a tensor, found the end"),
           BAD("h:3,1,0 s:wwwwwwwwwwwwwwwwww d:1 q:8 d:0 d:0",
               "expected an offset of a tensor, found the end"));
}

TEST(gguf_bad, sizes_that_wrap)
{
    REFUSE(
        /* x 18 / 32 wraps to 2 bytes (llama.cpp 27200) */
        BAD(FIELDS("d:1 q:5124095576030431008 d:2 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:2 q:0x100000000 q:0x100000000 d:0 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:4 q:65536 q:65536 q:65536 q:65536 d:0 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:4 q:65536 q:65536 q:65536 q:65536 d:2 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:2 q:0x7fffffffffffffff q:2 d:24 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:3 q:32 q:0x400000000000000 q:32 d:8 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:1 q:0x4000000000000000 d:0 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:1 q:0x7fffffffffffffff d:24 q:0"), "exceeds 63 bits"),
        BAD(FIELDS("d:1 q:0x0fffffffffffffff d:24 q:0"),
            "expected 1152921504606846975 bytes of I8"),
        BAD(FIELDS("d:1 q:0x0fffffffffffffff d:27 q:0"),
            "expected 9223372036854775800 bytes of I64"),
        /* SIZE_MAX - 3 bytes: their padding would wrap (llama.cpp 24759) */
        BAD(FIELDS("d:1 q:0x3fffffffffffffff d:0 q:0"), "exceeds 63 bits"),
        /* two tensors whose sum wraps (test-gguf, MEM_SIZE_OVERFLOW) */
        BAD("h:3,2,0 s:v d:1 q:0x7fffffffffffffc0 d:24 q:0 s:w d:1 q:0x7fffffffffffffc0 d:24 "
            "q:0x7fffffffffffffc0" DATA,
            "'v': shape"),
        BAD("h:3,3,0 s:u d:1 q:0x0fffffffffffffff d:27 q:0 s:v d:1 q:0x0fffffffffffffff d:27 "
            "q:9223372036854775808 s:w d:1 q:0x0fffffffffffffff d:27 q:0" DATA,
            "'v': shape: all tensors together exceed 64 bits"));
}

TEST(gguf_bad, types)
{
    REFUSE(CANNOT(FIELDS("d:1 q:32 d:4 q:0"), "'w': type Q4_2 is no longer in use"),
           CANNOT(FIELDS("d:1 q:32 d:5 q:0"), "type Q4_3 is no longer in use"),
           CANNOT(FIELDS("d:1 q:32 d:31 q:0"), "type Q4_0_4_4 is no longer in use"),
           CANNOT(FIELDS("d:1 q:32 d:33 q:0"), "type Q4_0_8_8 is no longer in use"),
           CANNOT(FIELDS("d:1 q:32 d:36 q:0"), "type IQ4_NL_4_4 is no longer in use"),
           CANNOT(FIELDS("d:1 q:32 d:9 q:0"), "type Q8_1 is not supported"),
           CANNOT(FIELDS("d:1 q:256 d:16 q:0"), "type IQ2_XXS is not supported"),
           CANNOT(FIELDS("d:1 q:256 d:29 q:0"), "type IQ1_M is not supported"),
           CANNOT(FIELDS("d:1 q:256 d:21 q:0"), "type IQ3_S is not supported"),
           BAD(FIELDS("d:1 q:32 d:42 q:0"), "'w': type 42: expected a type of ggml"),
           BAD(FIELDS("d:1 q:32 d:999 q:0"), "type 999"),
           BAD(FIELDS("d:1 q:32 d:-1 q:0"), "type 4294967295"));
}

TEST(gguf_bad, rows_that_are_no_whole_blocks)
{
    REFUSE(BAD(FIELDS("d:1 q:31 d:2 q:0"), "multiple of 32 elements for Q4_0, found 31"),
           BAD(FIELDS("d:2 q:16 q:2 d:2 q:0"), "multiple of 32 elements for Q4_0, found 16"),
           BAD(FIELDS("d:2 q:128 q:2 d:12 q:0"), "multiple of 256 elements for Q4_K, found 128"),
           BAD(FIELDS("d:2 q:33 q:32 d:8 q:0"), "Q8_0, found 33"),
           BAD(FIELDS("d:1 q:257 d:14 q:0"), "Q6_K, found 257"),
           BAD(FIELDS("d:1 q:32 d:40 q:0"), "multiple of 64 elements for NVFP4, found 32"));
}

TEST(gguf_bad, offsets)
{
    REFUSE(BAD(FIELDS("d:1 q:8 d:0 q:32"), "'w': offset: expected 0, found 32"),
           BAD(FIELDS("d:1 q:8 d:0 q:1"), "found 1"),
           BAD(FIELDS("d:1 q:8 d:0 q:0xffffffffffffffe0"), "found 18446744073709551584"),
           BAD(FIELDS("d:1 q:8 d:0 q:1000000"), "found 1000000"),
           BAD("h:3,2,0 s:v d:1 q:8 d:0 q:0 s:w d:1 q:8 d:0 q:0" DATA,
               "'w': offset: expected 32, found 0"),
           BAD("h:3,2,0 s:v d:1 q:16 d:0 q:0 s:w d:1 q:8 d:0 q:32" DATA, "expected 64, found 32"),
           BAD("h:3,2,0 s:v d:1 q:8 d:0 q:0 s:w d:1 q:8 d:0 q:64" DATA, "expected 32, found 64"),
           BAD("h:3,2,0 s:v d:1 q:7 d:0 q:0 s:w d:1 q:8 d:0 q:28" DATA, "expected 32, found 28"),
           BAD("h:3,2,0 s:v d:1 q:8 d:0 q:32 s:w d:1 q:8 d:0 q:0" DATA, "expected 0, found 32"));
}

TEST(gguf_bad, data_too_short_or_too_long)
{
    REFUSE(BAD("h:3,1,0 s:w d:1 q:8 d:0 q:0 a:32 z:31", "expected 32 bytes of F32 at 64, but"),
           BAD("h:3,1,0 s:w d:1 q:8 d:0 q:0", "but the file ends at 57"),
           BAD("h:3,1,0 s:w d:1 q:8 d:0 q:0 a:32", "but the file ends at 64"),
           BAD("h:3,1,0 s:w d:1 q:32 d:2 q:0 a:32 z:17", "expected 18 bytes of Q4_0"),
           BAD("h:3,1,0 s:w d:1 q:256 d:14 q:0 a:32 z:209", "expected 210 bytes of Q6_K"),
           BAD("h:3,2,0 s:v d:1 q:8 d:0 q:0 s:w d:1 q:8 d:0 q:32 a:32 z:63", "'w': expected 32"),
           BAD("h:3,1,0 s:w d:1 q:8 d:0 q:0 a:32 z:33", "expected 96 bytes, found 97"),
           BAD("h:3,1,0 s:w d:1 q:1 d:24 q:0 a:32 z:33", "expected 96 bytes, found 97"));
}

/* A file that is good, with all kinds of fields. */
static gguf_bytes good(void)
{
    return gb_make("h:3,2,6 s:general.architecture d:8 s:llama s:general.alignment d:4 d:32 "
                   "s:a d:9 d:8 q:3 s:x s: s:yz s:b d:7 b:1 s:c d:9 d:7 q:2 b:1 b:0 s:f d:6 f:0.5 "
                   "s:v d:2 q:32 q:2 d:2 q:0 s:w d:1 q:8 d:0 q:64 a:32 z:36 a:32 z:32");
}

TEST(gguf_bad, every_truncation)
{
    gguf_bytes b = good();
    cx__gguf *g = NULL;
    CHECK_OK(cx__gguf_parse(b.data, b.len, "m", &g));
    cx__gguf_close(g);
    for (size_t len = 0; len < b.len; len++)
        refuse_bytes(b.data, len, "truncated", CX_EFORMAT, "m.gguf");
    free(b.data);
}

/* Reads all that a file that survived a change offers. */
static void read_all(const cx__gguf *g)
{
    float out[64];
    const char *text;
    size_t len;
    for (size_t i = 0; i < cx__gguf_count(g); i++) {
        const cx__stored *s = cx__gguf_at(g, i);
        if (s->decode && s->span <= 64) s->decode(s, 0, s->span, out);
    }
    const cx__gguf_value *v = cx__gguf_get(g, "a");
    for (size_t i = 0; v && i < v->count; i++) (void)cx__gguf_value_str(v, i, &text, &len);
}

TEST(gguf_bad, every_flipped_bit)
{
    gguf_bytes b = good();
    size_t refused = 0;
    for (size_t bit = 0; bit < b.len * 8; bit++) {
        cx__gguf *g = NULL;
        uint8_t *copy = malloc(b.len);
        memcpy(copy, b.data, b.len);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (cx__gguf_parse(copy, b.len, "m.gguf", &g) == CX_OK) read_all(g);
        else refused++;
        cx__gguf_close(g);
        free(copy);
    }
    CHECK(refused > 1000);
    free(b.data);
}

/* KV block store: layout, rotation, trimming, limits. */
#include "unit.h"

#include "cache/cache.h"
#include "core/core.h"

static cx__kv *new_kv(size_t context, size_t window, size_t keep, size_t rows, size_t sequences)
{
    cx__kv_shape shape = { .layers = 2,
                           .heads = 2,
                           .dim = 3,
                           .dtype = CX_F32,
                           .context = context,
                           .window = window,
                           .keep = keep,
                           .rows = rows,
                           .sequences = sequences };
    cx__kv *kv = NULL;
    CHECK_OK(cx__kv_new(&shape, &kv));
    return kv;
}

/* The value that position p of a head holds, different everywhere. */
static float mark(size_t layer, size_t head, size_t seq, size_t pos, size_t i)
{
    return (float)(pos * 64 + layer * 32 + head * 16 + seq * 4 + i);
}

static void put(cx__kv *kv, size_t seq, size_t n)
{
    size_t at = cx__kv_length(kv, seq);
    CHECK_OK(cx__kv_reserve(kv, seq, n));
    for (size_t p = at; p < at + n; p++)
        for (size_t l = 0; l < 2; l++)
            for (size_t h = 0; h < 2; h++) {
                float k[3], v[3];
                for (size_t i = 0; i < 3; i++) k[i] = mark(l, h, seq, p, i), v[i] = -k[i];
                cx__kv_put(kv, l, h, seq, p, k, v);
            }
    cx__kv_commit(kv, seq, n);
}

static void check_position(const cx__kv *kv, size_t seq, size_t pos)
{
    for (size_t l = 0; l < 2; l++)
        for (size_t h = 0; h < 2; h++) {
            cx__kv_span s;
            cx__kv_span_get(kv, l, h, seq, pos / 64, &s);
            CHECK_INT(s.first, pos / 64 * 64);
            for (size_t i = 0; i < 3; i++) {
                CHECK(((const float *)s.k)[i * 64 + pos % 64] == mark(l, h, seq, pos, i));
                CHECK(((const float *)s.v)[pos % 64 * 3 + i] == -mark(l, h, seq, pos, i));
            }
        }
}

TEST(cache, holds_what_was_put_for_each_sequence)
{
    cx__kv *kv = new_kv(200, 0, 0, 100, 2);
    put(kv, 0, 100);
    put(kv, 1, 7);
    put(kv, 0, 100);
    for (size_t p = 0; p < 200; p++) check_position(kv, 0, p);
    for (size_t p = 0; p < 7; p++) check_position(kv, 1, p);
    cx__kv_free(kv);
}

TEST(cache, full_context_is_refused_and_keeps_the_old)
{
    cx__kv *kv = new_kv(130, 0, 0, 100, 1);
    put(kv, 0, 100);
    CHECK_INT(cx__kv_reserve(kv, 0, 31), CX_ELIMIT);
    CHECK_HAS(cx_error(), "130 at most");
    put(kv, 0, 30);
    for (size_t p = 0; p < 130; p++) check_position(kv, 0, p);
    cx__kv_free(kv);
}

TEST(cache, rotating_keeps_the_first_and_the_window)
{
    enum { WINDOW = 150, KEEP = 4, ROWS = 70 };
    cx__kv *kv = new_kv(0, WINDOW, KEEP, ROWS, 1);
    for (size_t n = 0; n < 2000; n += ROWS) {
        put(kv, 0, ROWS);
        for (size_t q = cx__kv_length(kv, 0) - ROWS; q < cx__kv_length(kv, 0); q++) {
            size_t seen = 0, begin, end;
            for (int part = 0; part < 2; part++) {
                cx__kv_range(kv, q, part, &begin, &end);
                for (size_t p = begin; p < end; p++) check_position(kv, 0, p);
                seen += end - begin;
            }
            CHECK_INT(end, q + 1);
            CHECK_INT(seen, q + 1 < WINDOW ? q + 1 : WINDOW);
        }
    }
    CHECK(cx__kv_bytes(kv) <= 2u * 2 * 2 * 3 * 4 * 64 * (1 + 4 + 2));
    cx__kv_free(kv);
}

TEST(cache, trim_gives_blocks_back_and_refuses_what_rotation_dropped)
{
    cx__kv *kv = new_kv(0, 100, 4, 64, 1);
    size_t used;
    for (int i = 0; i < 10; i++) put(kv, 0, 64);
    CHECK_INT(cx__kv_trim(kv, 0, 641), CX_EARG);
    CHECK_OK(cx__kv_trim(kv, 0, 600));
    put(kv, 0, 40);
    for (size_t p = 545; p < 640; p++) check_position(kv, 0, p);
    CHECK_INT(cx__kv_trim(kv, 0, 300), CX_EARG);
    CHECK_HAS(cx_error(), "dropped");
    used = cx__kv_bytes(kv);
    CHECK_OK(cx__kv_trim(kv, 0, 0));
    CHECK_INT(cx__kv_bytes(kv), 0);
    for (int i = 0; i < 10; i++) put(kv, 0, 64);
    CHECK_INT(cx__kv_bytes(kv), used);
    cx__kv_free(kv);
}

TEST(cache, f16_rounds_to_nearest_even)
{
    cx__kv_shape shape = {
        .layers = 1, .heads = 1, .dim = 2, .dtype = CX_F16, .context = 64, .rows = 1, .sequences = 1
    };
    float k[2] = { 1.0f + 0x1p-11f, 65520 }, v[2] = { 0x1p-25f, -3 };
    cx__kv_span s;
    cx__kv *kv;
    CHECK_OK(cx__kv_new(&shape, &kv));
    CHECK_OK(cx__kv_reserve(kv, 0, 1));
    cx__kv_put(kv, 0, 0, 0, 0, k, v);
    cx__kv_span_get(kv, 0, 0, 0, 0, &s);
    CHECK_INT(((const uint16_t *)s.k)[0], 0x3c00);
    CHECK_INT(((const uint16_t *)s.k)[64], 0x7c00);
    CHECK_INT(((const uint16_t *)s.v)[0], 0);
    CHECK_INT(((const uint16_t *)s.v)[1], 0xc200);
    cx__kv_free(kv);
}

TEST(cache, sizes_beyond_the_address_space_are_refused)
{
    cx__kv_shape shape = { .layers = 1u << 30,
                           .heads = 1u << 30,
                           .dim = 1u << 30,
                           .dtype = CX_F32,
                           .context = (size_t)1 << 60,
                           .rows = 1,
                           .sequences = 1 };
    cx__kv *kv;
    CHECK(cx__kv_new(&shape, &kv) != CX_OK);
}

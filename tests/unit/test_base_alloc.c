/* Memory entry, checked arithmetic, growable buffers. */
#include "base/base.h"
#include "unit.h"
#include <cortex/tokenizer.h>

TEST(base_alloc, arithmetic_reports_overflow)
{
    size_t v = 7;
    CHECK(!cx__mul(SIZE_MAX / 2 + 1, 2, &v));
    CHECK(cx__mul(SIZE_MAX / 2, 2, &v) && v == SIZE_MAX - 1);
    CHECK(!cx__add(SIZE_MAX, 1, &v));
    CHECK(cx__pad(65, 64, &v) && v == 128);
    CHECK(cx__pad(64, 64, &v) && v == 64);
    CHECK(!cx__pad(SIZE_MAX - 3, 32, &v));
    CHECK_INT(v, 64);
}

TEST(base_alloc, large_blocks_are_aligned_and_zeroed)
{
    for (size_t n = 64; n < 5000; n = n * 3 / 2) {
        unsigned char *p = cx__alloc(n), *z = cx__calloc(n, 1);
        CHECK(p && z);
        CHECK_INT((uintptr_t)p % 64, 0);
        CHECK_INT((uintptr_t)z % 64, 0);
        memset(p, 1, n);
        for (size_t i = 0; i < n; i++) CHECK_INT(z[i], 0);
        cx__free(p);
        cx_free(z);
    }
}

TEST(base_alloc, impossible_sizes_fail)
{
    void *zero = cx__alloc(0);
    CHECK(zero != NULL);
    CHECK(cx__alloc(SIZE_MAX) == NULL);
    CHECK(cx__alloc((size_t)1 << 62) == NULL);
    CHECK(cx__calloc((size_t)1 << 33, (size_t)1 << 33) == NULL);
    CHECK(cx__alloc_array(SIZE_MAX, 2) == NULL);
    CHECK(cx__realloc(zero, SIZE_MAX) == NULL);
    cx__free(zero);
    cx__free(NULL);
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(base_alloc, faults_are_injected_and_allocations_counted)
{
    uint64_t before = cx__alloc_count();
    char *a, *b, *c;
    until_fault = 1;
    cx__alloc_fault_set(countdown);
    a = cx__strdup("one");
    b = cx__format("%d", 2);
    c = cx__strndup("three", 2);
    cx__alloc_fault_set(NULL);
    CHECK(a && !b && c);
    CHECK_STR(c, "th");
    CHECK_INT(cx__alloc_count() - before, 3);
    cx__free(a);
    cx__free(c);
}

TEST(base_alloc, buffer_grows_to_its_maximum)
{
    cx__buf b = { .max = 300 };
    char *text;
    for (int i = 0; i < 100; i++) CHECK(cx__buf_printf(&b, "%03d", i));
    CHECK_INT(b.len, 300);
    CHECK_HAS(b.data, "097098099");
    CHECK(!cx__buf_putc(&b, 'x'));
    CHECK(b.failed);
    cx__buf_clear(&b);
    CHECK(cx__buf_puts(&b, "ok") && cx__buf_append(&b, NULL, 0));
    text = cx__buf_take(&b);
    CHECK_STR(text, "ok");
    cx__free(text);
    CHECK(b.data == NULL && b.len == 0);
}

TEST(base_alloc, buffer_failure_is_sticky)
{
    cx__buf b = { .max = 8 };
    char *text;
    CHECK(!cx__buf_puts(&b, "123456789"));
    CHECK(!cx__buf_puts(&b, "1"));
    CHECK(cx__buf_take(&b) == NULL);
    CHECK(!b.failed);
    text = cx__buf_take(&b);
    CHECK_STR(text, "");
    cx__free(text);
}

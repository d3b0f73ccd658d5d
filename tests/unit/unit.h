/* Unit tests: TEST registers itself, unit.c runs each in a process of its own with a time limit.
 * Assertions are cmocka's. */
#ifndef CX_TESTS_UNIT_H
#define CX_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef skip /* cmocka's macro; a common name. unit_skip is ours */
#include <cortex/status.h>

void unit_register(const char *module, const char *claim, void (*run)(void **));

#define TEST(module, claim)                                                                        \
    static void test_##module##_##claim(void **unit_state);                                        \
    __attribute__((constructor)) static void register_##module##_##claim(void)                     \
    {                                                                                              \
        unit_register(#module, #claim, test_##module##_##claim);                                   \
    }                                                                                              \
    static void test_##module##_##claim(void **unit_state __attribute__((unused)))

#define CHECK(cond) assert_true(cond)
#define CHECK_INT(got, want) assert_int_equal(got, want)
#define CHECK_STR(got, want) assert_string_equal(got, want)
/* Shows the library's sentence when a call fails that should not. */
#define CHECK_OK(expr)                                                                             \
    do {                                                                                           \
        cx_status s_ = (expr);                                                                     \
        if (s_ != CX_OK) fail_msg("%s: %s", cx_status_name(s_), cx_error());                       \
    } while (0)
#define CHECK_HAS(text, part)                                                                      \
    do {                                                                                           \
        if (!strstr((text), (part))) fail_msg("'%s' lacks '%s'", (text), (part));                  \
    } while (0)

/* Path of a new file with this content, removed when the test ends. */
const char *unit_file(const char *name, const void *data, size_t len);
/* A new empty folder, removed (with its content) when the test ends. */
const char *unit_dir(void);
/* Folder of real material (CORTEX_DATA, else ../shared/data), or NULL: call unit_skip then. */
const char *unit_data(void);
/* Ends the test as skipped, by name; CI fails on a skip. */
void unit_skip(const char *why) __attribute__((noreturn));

#endif

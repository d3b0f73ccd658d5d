/* Failing with a sentence: CX_FAIL, CX_TRY, logging. Included through base/base.h. */
#ifndef CX_BASE_STATUS_H
#define CX_BASE_STATUS_H

#include <cortex/status.h>

/* Stores the sentence for cx_error() of this thread and returns `code`. At most 1 KiB; control
 * characters that come from hostile names are replaced by '?'. */
cx_status cx__fail(cx_status code, const char *fmt, ...) CX_PRINTF(2, 3);
/* Puts "prefix: " before the sentence of this thread and returns `code`; for callers that know
 * the file or entry which a deeper layer does not. */
cx_status cx__fail_in(cx_status code, const char *fmt, ...) CX_PRINTF(2, 3);
/* A worker's sentence travels with its job: copy it to the thread that waits. */
void cx__error_set(const char *text);
void cx__log(cx_log_level level, const char *fmt, ...) CX_PRINTF(2, 3);

#define CX_FAIL(code, ...) cx__fail(code, __VA_ARGS__)
#define CX_TRY(expr)                                                                               \
    do {                                                                                           \
        cx_status cx_try_status_ = (expr);                                                         \
        if (cx_try_status_ != CX_OK) return cx_try_status_;                                        \
    } while (0)
/* For our own bugs only, never for input. Compiled out with NDEBUG. */
#include <assert.h>
#define CX_ASSERT(cond) assert(cond)

#endif

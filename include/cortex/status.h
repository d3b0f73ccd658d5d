/* Status codes, error text, cancellation and logging: what every other header builds on. Source:
 * house rule "two idioms" (docs/architecture.md); tested by tests/unit/test_base_status.c. */
#ifndef CORTEX_STATUS_H
#define CORTEX_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CX_API __attribute__((visibility("default")))
#define CX_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define CX_WARN_UNUSED __attribute__((warn_unused_result))
#else
#define CX_API
#define CX_PRINTF(fmt, first)
#define CX_WARN_UNUSED
#endif

#define CX_VERSION_MAJOR 0
#define CX_VERSION_MINOR 1
#define CX_VERSION_PATCH 0
#define CX_VERSION "0.1.0"

/** Result of a call: 0 is success, negative values are failures. */
typedef enum cx_status {
    CX_OK = 0,
    CX_ENOMEM = -1,       /* an allocation failed or a memory limit was reached */
    CX_EIO = -2,          /* the operating system refused a read, write, open, ... */
    CX_EFORMAT = -3,      /* a file or a text is not what its format demands */
    CX_ESHAPE = -4,       /* a shape or size does not fit */
    CX_ETYPE = -5,        /* a dtype does not fit */
    CX_EARG = -6,         /* an argument is out of its range */
    CX_ENOTFOUND = -7,    /* a file, tensor, model, ... does not exist */
    CX_EUNSUPPORTED = -8, /* valid, but this build cannot do it */
    CX_ECANCELED = -9,    /* a progress callback asked to stop */
    CX_EEXIST = -10,      /* the target exists and must not be replaced */
    CX_ELIMIT = -11       /* a stated limit (depth, length, steps) was reached */
} cx_status;

/** Sentence that says what failed, where, what was expected and what was found.
 * Valid in the calling thread until its next failing call; "" if nothing failed yet. */
CX_API const char *cx_error(void);

/** Name of a status code, such as "CX_EFORMAT". Never NULL. */
CX_API const char *cx_status_name(cx_status status);

/** "0.1.0" of the library in use (compare with CX_VERSION, that of the header). */
CX_API const char *cx_version(void);

/** Frees what the library hands over as plain memory. NULL is fine. */
CX_API void cx_free(void *p);

/** Progress of long work. `what` is a short noun ("quantize"), `done` of `total` in `unit`
 * ("B", "tokens"); total 0 means unknown. Called from the thread that called the library.
 * Return 0 to go on, anything else to cancel: the call then returns CX_ECANCELED. */
typedef int (*cx_progress_fn)(void *user, const char *what, uint64_t done, uint64_t total,
                              const char *unit);

typedef enum cx_log_level { CX_LOG_WARN = 0, CX_LOG_INFO = 1, CX_LOG_DEBUG = 2 } cx_log_level;
/** Receives warnings and notes, one sentence each, no newline. Any thread. */
typedef void (*cx_log_fn)(void *user, cx_log_level level, const char *text);
/** Sets the receiver for the whole process; NULL (the default) drops messages.
 * Call before other threads use the library. */
CX_API void cx_log_set(cx_log_fn fn, void *user);

#ifdef __cplusplus
}
#endif
#endif

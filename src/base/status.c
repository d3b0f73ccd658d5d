/* Status names, the sentence of the calling thread, logging.
 * Tested by tests/unit/test_base_status.c. */
#include "base/status.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE 1024

static _Thread_local char sentence[SENTENCE];
static cx_log_fn log_fn;
static void *log_user;

const char *cx_error(void)
{
    return sentence;
}

const char *cx_version(void)
{
    return CX_VERSION;
}

const char *cx_status_name(cx_status status)
{
    switch (status) {
    case CX_OK: return "CX_OK";
    case CX_ENOMEM: return "CX_ENOMEM";
    case CX_EIO: return "CX_EIO";
    case CX_EFORMAT: return "CX_EFORMAT";
    case CX_ESHAPE: return "CX_ESHAPE";
    case CX_ETYPE: return "CX_ETYPE";
    case CX_EARG: return "CX_EARG";
    case CX_ENOTFOUND: return "CX_ENOTFOUND";
    case CX_EUNSUPPORTED: return "CX_EUNSUPPORTED";
    case CX_ECANCELED: return "CX_ECANCELED";
    case CX_EEXIST: return "CX_EEXIST";
    case CX_ELIMIT: return "CX_ELIMIT";
    }
    return "CX_?";
}

/* Names come out of hostile files and end on terminals: no control character (C0, DEL, and C1 in
 * its UTF-8 form) may pass. A sentence cut at the end of the buffer ends with a whole character. */
static void clean(char *s, bool cut)
{
    size_t len = strlen(s);
    if (cut) {
        size_t tail = 1; /* bytes of the last character that are here */
        while (tail < 4 && tail < len && ((unsigned char)s[len - tail] & 0xc0) == 0x80) tail++;
        unsigned char first = (unsigned char)s[len - tail];
        if (first >= 0xc0 && tail < (first < 0xe0 ? 2u : first < 0xf0 ? 3u : 4u))
            s[len - tail] = '\0';
    }
    for (unsigned char *p = (unsigned char *)s; *p; p++) {
        if (*p < 0x20 || *p == 0x7f) *p = '?';
        if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) p[0] = p[1] = '?';
    }
}

/* Formats aside first: the arguments may point into `sentence` itself. */
static void format(char out[SENTENCE], const char *fmt, va_list args) CX_PRINTF(2, 0);
static void format(char out[SENTENCE], const char *fmt, va_list args)
{
    int n = vsnprintf(out, SENTENCE, fmt, args);
    if (n < 0) out[0] = '\0';
    clean(out, n >= SENTENCE);
}

cx_status cx__fail(cx_status code, const char *fmt, ...)
{
    char text[SENTENCE];
    va_list args;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    memcpy(sentence, text, SENTENCE);
    return code;
}

cx_status cx__fail_in(cx_status code, const char *fmt, ...)
{
    char prefix[SENTENCE];
    va_list args;
    va_start(args, fmt);
    format(prefix, fmt, args);
    va_end(args);
    return cx__fail(code, "%s: %s", prefix, sentence);
}

void cx__error_set(const char *text)
{
    cx__fail(CX_OK, "%s", text);
}

void cx_log_set(cx_log_fn fn, void *user)
{
    log_fn = fn;
    log_user = user;
}

void cx__log(cx_log_level level, const char *fmt, ...)
{
    char text[SENTENCE];
    va_list args;
    if (!log_fn) return;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    log_fn(log_user, level, text);
}

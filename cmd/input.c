/* Reading texts and lists of ids, writing JSON. */
#include "cmd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 1 << 30 };

static cx_status read_all(int fd, const char *name, cx__buf *b)
{
    char part[65536];
    for (;;) {
        ssize_t n = read(fd, part, sizeof part);
        if (n == 0) return CX_OK;
        if (cx_interrupted()) return CX_FAIL(CX_ECANCELED, "%s: stopped", name);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return CX_FAIL(CX_EIO, "%s: %s", name, strerror(errno));
        if (!cx__buf_append(b, part, (size_t)n)) {
            if (b->len + (size_t)n > b->max)
                return CX_FAIL(CX_ELIMIT, "%s: longer than 1 GiB", name);
            return CX_FAIL(CX_ENOMEM, "%s: no memory for the text", name);
        }
    }
}

cx_status cx_input_read(const char *path, char **text, size_t *len)
{
    bool standard = !strcmp(path, "-");
    const char *name = standard ? "standard input" : path;
    cx__buf b = { .max = INPUT_MAX };
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return CX_FAIL(errno == ENOENT ? CX_ENOTFOUND : CX_EIO, "%s: %s", name, strerror(errno));
    cx_status st = read_all(fd, name, &b);
    if (!standard) close(fd);
    if (st == CX_OK && !b.data && !cx__buf_append(&b, "", 0))
        st = CX_FAIL(CX_ENOMEM, "%s: no memory for the text", name);
    if (st == CX_OK && !b.data && !(b.data = cx__calloc(1, 1)))
        st = CX_FAIL(CX_ENOMEM, "%s: no memory for the text", name);
    if (st != CX_OK) {
        cx__buf_free(&b);
        return st;
    }
    *len = b.len;
    *text = b.data; /* the buffer's memory changes hands */
    return CX_OK;
}

static bool is_gap(char c)
{
    return isspace((unsigned char)c) || c == ',';
}

/* Ids between blanks and commas; `[` and `]` only as the first and last of the text. */
cx_status cx_input_ids(const char *where, const char *text, size_t len, int32_t **ids,
                       size_t *count)
{
    size_t n = 0, cap = 0;
    const char *at = text, *end = text + len;
    int32_t *list = NULL;
    while (at < end && isspace((unsigned char)*at)) at++;
    while (end > at && isspace((unsigned char)end[-1])) end--;
    if (end - at >= 2 && *at == '[' && end[-1] == ']') {
        at++;
        end--;
    }
    while (at < end && is_gap(*at)) at++;
    while (at < end) {
        char *stop;
        errno = 0;
        long v = strtol(at, &stop, 10);
        if (stop == at || stop > end || (stop < end && !is_gap(*stop)) || errno || v < 0 ||
            v > INT32_MAX) {
            cx__free(list);
            return CX_FAIL(CX_EFORMAT, "%s: entry %zu, '%.*s', is not a token id", where, n + 1,
                           (int)(end - at < 20 ? end - at : 20), at);
        }
        if (n == cap) {
            cap = cap ? cap * 2 : 256;
            int32_t *more = cx__realloc(list, cap * sizeof *list);
            if (!more) {
                cx__free(list);
                return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu token ids", where, cap);
            }
            list = more;
        }
        list[n++] = (int32_t)v;
        for (at = stop; at < end && is_gap(*at); at++) {}
    }
    *ids = list;
    *count = n;
    return CX_OK;
}

cx_status cx_output_json(const json_t *v)
{
    cx__buf b = { .max = (size_t)INPUT_MAX * 4 };
    if (!v || !cx__json_dump(&b, v, 4, false) || !cx__buf_putc(&b, '\n')) {
        cx__buf_free(&b);
        return CX_FAIL(CX_ENOMEM, "no memory for the JSON output");
    }
    fwrite(b.data, 1, b.len, stdout);
    cx__buf_free(&b);
    return CX_OK;
}

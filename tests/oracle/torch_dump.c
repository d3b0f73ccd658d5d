/* For oracle_torch.py: opens each path on standard input as a PyTorch checkpoint and writes what it
 * reads. A line "error SENTENCE" or "ok COUNT", then for each tensor a line
 * "DTYPE NDIM SHAPE... NAME-LENGTH BYTES", its name and its elements in row-major order. */
#include "format/format.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Element by element, by the numbers that the stride gives. */
static void write_elements(const cx__stored *s, size_t count)
{
    size_t size = cx_dtype_size(s->t.dtype);
    int64_t at[CX_MAX_DIMS] = { 0 };
    for (size_t n = 0; n < count; n++) {
        size_t number = 0;
        for (int i = 0; i < s->t.ndim; i++) number += (size_t)(at[i] * s->stride[i]);
        if (number >= s->span) abort();
        fwrite((const char *)s->t.data + number * size, size, 1, stdout);
        for (int i = s->t.ndim; i-- > 0;) {
            if (++at[i] < s->t.shape[i]) break;
            at[i] = 0;
        }
    }
}

static void write_tensor(const cx__stored *s)
{
    size_t count = 0;
    if (!cx__tensor_count(&s->t, &count)) abort();
    printf("%s %d ", cx_dtype_name(s->t.dtype), s->t.ndim);
    for (int i = 0; i < s->t.ndim; i++) printf("%" PRId64 " ", s->t.shape[i]);
    printf("%zu %zu\n%s", strlen(s->t.name), count * cx_dtype_size(s->t.dtype), s->t.name);
    write_elements(s, count);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    while ((len = getline(&line, &room, stdin)) > 0) {
        cx__torch *t = NULL;
        line[len - 1] = '\0';
        if (cx__torch_open(line, &t) == CX_OK) {
            printf("ok %zu\n", cx__torch_count(t));
            for (size_t i = 0; i < cx__torch_count(t); i++) write_tensor(cx__torch_at(t, i));
            if (cx__torch_check(t) != CX_OK) abort();
        } else {
            printf("error %s\n", cx_error());
        }
        fflush(stdout);
        cx__torch_close(t);
    }
    free(line);
    return 0;
}

/* What Cortex reads in a GGUF file, for oracle_gguf.py:
 *   gguf_dump FILE OUT [names]
 * prints one line a tensor (name, dtype, shape, packing, packed mode, with `names` the name in the
 * checkpoint, how, heads) and the config as JSON on the last one; OUT gets, tensor by tensor, the
 * elements and, where there is MLX's packing, q, scales and biases. */
#include "convert/gguf.h"
#include <stdio.h>
#include <stdlib.h>

static int fail(void)
{
    fprintf(stderr, "%s\n", cx_error());
    return 1;
}

/* Odd pieces, so that runs begin and end within blocks. */
static void put_elements(const cx__stored *s, FILE *out)
{
    static float part[1000];
    if (!s->decode) {
        fwrite(s->t.data, 1, s->t.bytes, out);
        return;
    }
    for (size_t at = 0, n; at < s->span; at += n) {
        n = s->span - at < 777 ? s->span - at : 777;
        s->decode(s, at, n, part);
        fwrite(part, sizeof *part, n, out);
    }
}

static void put_packed(const cx__stored *s, FILE *out)
{
    const cx__packed *p = s->packed;
    size_t cols = (size_t)s->t.shape[s->t.ndim - 1], groups = cols / (size_t)p->group;
    size_t row = cols * (size_t)p->bits / 8, scale = groups * cx_dtype_size(p->scale_dtype);
    size_t rows = s->span / cols, first = rows / 2; /* two pieces */
    char *q = malloc(rows * row), *d = malloc(rows * scale), *b = malloc(rows * scale);
    bool biased = !strcmp(p->mode, "affine");
    p->rows(s, first, rows - first, q + first * row, d + first * scale,
            biased ? b + first * scale : NULL);
    p->rows(s, 0, first, q, d, biased ? b : NULL);
    fwrite(q, row, rows, out);
    fwrite(d, scale, rows, out);
    if (biased) fwrite(b, scale, rows, out);
    free(q);
    free(d);
    free(b);
}

int main(int argc, char **argv)
{
    cx__gguf *g = NULL;
    FILE *out;
    if (argc < 3 || cx__gguf_open(argv[1], &g) != CX_OK) return fail();
    if (!(out = fopen(argv[2], "wb"))) return 1;
    for (size_t i = 0; i < cx__gguf_count(g); i++) {
        const cx__stored *s = cx__gguf_at(g, i);
        cx__gguf_name n = { .name = "-" };
        if (argc > 3 && cx__gguf_rename(g, s, &n) != CX_OK) return fail();
        printf("%s\t%s\t", s->t.name, cx_dtype_name(s->t.dtype));
        for (int k = 0; k < s->t.ndim; k++) printf("%lld ", (long long)s->t.shape[k]);
        printf("\t%s\t%s\t%s\t%d\t%zu\n", s->packing ? s->packing : "-",
               s->packed ? s->packed->mode : "-", n.name, (int)n.how, n.heads);
        put_elements(s, out);
        if (s->packed) put_packed(s, out);
    }
    if (argc > 3) {
        json_t *config = NULL;
        cx__buf text = { .max = 1 << 20 };
        if (cx__gguf_config(g, &config) != CX_OK) return fail();
        if (cx__json_dump(&text, config, -1, true)) puts(text.data);
        cx__buf_free(&text);
        json_decref(config);
    }
    fclose(out);
    cx__gguf_close(g);
    return 0;
}

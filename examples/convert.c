/* A checkpoint becomes an MLX model of 4 bits: the guide's "Converting HuggingFace Models".
 *     cc convert.c $(pkg-config --cflags --libs cortex) && ./a.out [MODEL [TARGET]]
 * Without TARGET it goes to ~/.cortex/mlx_models. Run it twice: the second time answers at once. */
#include <cortex/convert.h>
#include <stdio.h>

static int show(void *user, const char *what, uint64_t done, uint64_t total, const char *unit)
{
    (void)unit;
    fprintf(user, "\r%s %3.0f %%", what, 100 * (double)done / (double)(total ? total : 1));
    return 0; /* anything else stops the conversion, which then leaves nothing */
}

int main(int argc, char **argv)
{
    const char *model = argc > 1 ? argv[1] : "models/cortex-stories";
    const char *target = argc > 2 ? argv[2] : NULL;
    const cx_convert_options options = {
        .recipe = CX_RECIPE_SPEED_4BIT, .group_size = 64, .progress = show, .user = stderr
    };
    cx_convert_result r;
    if (cx_convert(model, target, &options, &r) != CX_OK)
        return fprintf(stderr, "%s\n", cx_error()), 1; /* one sentence: file, entry, cause */
    fputc('\n', stderr);
    printf("%s: %s, %.2f bits per weight\n", r.path, r.cached ? "made before" : "made now",
           r.bits_per_weight);
    return 0;
}

/* A function of one's own chooses for each module: the guide's "Custom Quantization Predicates".
 *     cc predicate.c $(pkg-config --cflags --libs cortex) && ./a.out [MODEL [TARGET]] */
#include <cortex/convert.h>
#include <stdio.h>
#include <string.h>

/* Attention 6 bits, mlp 4, all others as they are. `choice` comes in as the recipe has it. */
static int choose(void *user, const cx_convert_module *m, cx_convert_choice *choice)
{
    int *count = user;
    if (strstr(m->path, "attn")) *choice = (cx_convert_choice){ .bits = 6, .group_size = 64 };
    else if (strstr(m->path, "mlp")) *choice = (cx_convert_choice){ .bits = 4, .group_size = 64 };
    else choice->leave = true;
    ++*count;
    return 0; /* anything else ends the conversion */
}

int main(int argc, char **argv)
{
    const char *model = argc > 1 ? argv[1] : "models/cortex-stories";
    const char *target = argc > 2 ? argv[2] : NULL;
    int count = 0;
    const cx_convert_options options = { .recipe = CX_RECIPE_MIXED_PRECISION,
                                         .predicate = choose,
                                         .predicate_user = &count };
    cx_convert_result r;
    if (cx_convert(model, target, &options, &r) != CX_OK)
        return fprintf(stderr, "%s\n", cx_error()), 1;
    printf("%s: asked for %d modules, %zu quantized, %.2f bits per weight\n", r.path, count,
           r.quantized, r.bits_per_weight);
    return 0;
}

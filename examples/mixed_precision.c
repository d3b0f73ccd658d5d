/* Critical layers at 6 bits, all others at 4: the guide's "Mixed Precision Configuration". Shows
 * the plan, module by module, and writes nothing.
 *     cc mixed_precision.c $(pkg-config --cflags --libs cortex) && ./a.out [MODEL] */
#include <cortex/convert.h>
#include <stdio.h>

static int show(void *user, const cx_convert_planned *p)
{
    (void)user;
    if (p->mode) printf("%-40s %s, %d bits\n", p->module.path, p->mode, p->bits);
    else printf("%-40s %s\n", p->module.path, p->dtype);
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const critical[] = { "lm_head", "embed_tokens", "wte", "wpe", NULL };
    const cx_convert_options options = { .recipe = CX_RECIPE_MIXED_PRECISION,
                                         .critical = critical,
                                         .critical_bits = 6,
                                         .standard_bits = 4,
                                         .plan = show,
                                         .dry_run = true };
    cx_convert_result r;
    const char *model = argc > 1 ? argv[1] : "models/cortex-stories";
    if (cx_convert(model, NULL, &options, &r) != CX_OK)
        return fprintf(stderr, "%s\n", cx_error()), 1;
    printf("%.2f bits per weight\n", r.bits_per_weight);
    return 0;
}

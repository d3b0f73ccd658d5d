/* cortex convert: a checkpoint becomes an MLX model folder. */
#include "cmd.h"

#include <cortex/convert.h>
#include <string.h>

typedef struct convert_args {
    const char *source, *output, *recipe, *dtype, *mode, *rule;
    int64_t bits, group_size, threads;
    bool force;
} convert_args;

#define AT(field) offsetof(convert_args, field)
static const cx_opt opts[] = {
    { 0, "SRC", CX_OPT_POS, AT(source), NULL, 0, 0, "SRC",
      "Hugging Face folder to read, or a name in the Hugging Face cache" },
    { 'o', "output", CX_OPT_STR, AT(output), NULL, 0, 0, "DIR",
      "folder to write; without it NAME-4bit (NAME-mlx unquantized) in the current folder" },
    { 'r', "recipe", CX_OPT_STR, AT(recipe), "speed", 0, 0, "speed|balanced|quality|none",
      "4, 5 or 8 bits per weight, or only the format" },
    { 'b', "bits", CX_OPT_INT, AT(bits), "0", 0, 8, "N", "2, 3, 4, 5, 6 or 8; 0: the recipe's" },
    { 'g', "group-size", CX_OPT_INT, AT(group_size), "0", 0, 128, "N",
      "weights per scale: 32, 64 or 128; 0: 64" },
    { 0, "mode", CX_OPT_CHOICE, AT(mode), "affine", 0, 0, "affine", "how weights are packed" },
    { 0, "dtype", CX_OPT_STR, AT(dtype), NULL, 0, 0, "f16|bf16|f32",
      "type of scales, biases and all that is not packed; without it config.json's" },
    { 0, "mlx-rule", CX_OPT_CHOICE, AT(rule), "gpu", 0, 0, "gpu|cpu",
      "round as MLX does on a GPU (as published models are) or on a CPU" },
    { 'f', "force", CX_OPT_FLAG, AT(force), NULL, 0, 0, NULL, "replace an existing folder" },
    { 't', "threads", CX_OPT_INT, AT(threads), "0", 0, 1024, "N",
      "threads; 0: all this process may use" },
    { .kind = CX_OPT_END }
};

/* Takes the names of safetensors and those of mlx-lm. */
static cx_status parse_dtype(const char *name, cx_dtype *out)
{
    static const struct {
        const char *name;
        cx_dtype dtype;
    } names[] = { { "f16", CX_F16 },       { "float16", CX_F16 }, { "bf16", CX_BF16 },
                  { "bfloat16", CX_BF16 }, { "f32", CX_F32 },     { "float32", CX_F32 } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(names[i].name, name)) return *out = names[i].dtype, CX_OK;
    }
    return CX_FAIL(CX_EARG, "--dtype: '%s' is none of f16, bf16, f32", name);
}

static cx_status options_of(const convert_args *a, cx_convert_options *o)
{
    static const int known_bits[] = { 0, 2, 3, 4, 5, 6, 8 }, known_groups[] = { 0, 32, 64, 128 };
    bool bits = false, group = false;
    *o = (cx_convert_options){ .bits = (int)a->bits,
                               .group_size = (int)a->group_size,
                               .cpu_rule = !strcmp(a->rule, "cpu"),
                               .force = a->force,
                               .threads = (int)a->threads,
                               .progress = cx_progress_show };
    for (size_t i = 0; i < 7; i++) bits = bits || known_bits[i] == o->bits;
    for (size_t i = 0; i < 4; i++) group = group || known_groups[i] == o->group_size;
    if (!bits) return CX_FAIL(CX_EARG, "--bits: %d is none of 2, 3, 4, 5, 6, 8", o->bits);
    if (!group) return CX_FAIL(CX_EARG, "--group-size: %d is none of 32, 64, 128", o->group_size);
    if (a->dtype) CX_TRY(parse_dtype(a->dtype, &o->dtype));
    o->dtype_set = a->dtype != NULL;
    cx_status st = cx_recipe_parse(a->recipe, &o->recipe);
    if (st == CX_OK && o->recipe == CX_RECIPE_NONE && (o->bits || o->group_size))
        return CX_FAIL(CX_EARG, "--recipe none: --bits and --group-size have no use with it");
    return st;
}

/* Last part of the source's name and the bits. A snapshot of the cache is called by its model. */
static char *default_target(const convert_args *a, const char *folder, const cx_convert_options *o)
{
    static const int recipe_bits[] = { 4, 5, 8 };
    const char *name = a->source && !cx__path_exists(a->source) ? a->source : folder;
    size_t len = strlen(name);
    while (len > 1 && name[len - 1] == '/') len--;
    size_t begin = len;
    while (begin > 0 && name[begin - 1] != '/') begin--;
    int width = (int)(len - begin);
    if (width == 0 || !strncmp(name + begin, ".", (size_t)width) ||
        !strncmp(name + begin, "..", (size_t)width))
        return cx__strdup("mlx_model");
    if (o->recipe == CX_RECIPE_NONE) return cx__format("%.*s-mlx", width, name + begin);
    return cx__format("%.*s-%dbit", width, name + begin,
                      o->bits ? o->bits : recipe_bits[o->recipe]);
}

static cx_status convert(const convert_args *a, const cx_convert_options *o)
{
    char *folder = NULL, *target = NULL, in[32], out[32], rate[32];
    cx_convert_result r = { 0 };
    CX_TRY(cx_model_find(a->source, &folder));
    target = a->output ? cx__strdup(a->output) : default_target(a, folder, o);
    cx_status st = target ? cx_convert(folder, target, o, &r)
                          : CX_FAIL(CX_ENOMEM, "no memory for the target's name");
    cx_progress_clear();
    if (st == CX_OK) {
        cx_bytes_text(r.bytes_in, in, sizeof in);
        cx_bytes_text(r.bytes_out, out, sizeof out);
        cx_bytes_text((uint64_t)((double)r.bytes_in / (r.seconds > 1e-9 ? r.seconds : 1e-9)), rate,
                      sizeof rate);
        cx_note("%zu tensors (%zu quantized), %s to %s, %.3f bits per weight, %.2f s (%s/s)",
                r.tensors, r.quantized, in, out, r.bits_per_weight, r.seconds, rate);
        printf("%s\n", target);
    }
    cx__free(target);
    cx__free(folder);
    return st;
}

static int run(void *p)
{
    const convert_args *a = p;
    cx_convert_options o;
    if (options_of(a, &o) != CX_OK) {
        fprintf(stderr, "cortex convert: %s\n", cx_error());
        return 2;
    }
    return convert(a, &o) == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_convert = {
    "convert",
    "turn a checkpoint into an MLX model, quantized or not",
    opts,
    sizeof(convert_args),
    run,
    "Prints the folder that was written. The folder appears when it is complete: a\n"
    "conversion that fails or is stopped leaves nothing.\n"
};

/* cortex convert: a checkpoint becomes an MLX model folder. */
#include "cmd.h"
#include "plan.h"

#include <cortex/convert.h>
#include <string.h>

typedef struct convert_args {
    const char *source, *output, *recipe, *dtype, *mode, *rule, *rules, *critical, *chip, *revision,
        *file;
    int64_t bits, group_size, critical_bits, standard_bits, threads;
    bool force, dequantize, dry_run, json, offline;
} convert_args;

#define AT(field) offsetof(convert_args, field)
static const cx_opt opts[] = {
    { 0, "SRC", CX_OPT_POS, AT(source), NULL, 0, 0, "SRC",
      "what to convert: a folder of safetensors or PyTorch files, a .gguf file, an MLX folder, "
      "or a name in the Hugging Face cache" },
    { 'o', "output", CX_OPT_STR, AT(output), NULL, 0, 0, "DIR",
      "folder to write; without it ~/.cortex/mlx_models/NAME_4bit (_5bit, _8bit, _mixed, ...)" },
    { 'r', "recipe", CX_OPT_STR, AT(recipe), NULL, 0, 0,
      "speed|balanced|quality|mixed|none|mixed_2_6|mixed_3_4|mixed_3_6|mixed_4_6",
      "4, 5, 8 bits; 4 with critical layers at 6; only the format; mlx-lm's mixes. Without it "
      "speed, but what is quantized already keeps its width" },
    { 'b', "bits", CX_OPT_INT, AT(bits), "0", 0, 8, "N", "1, 2, 3, 4, 5, 6 or 8; 0: the recipe's" },
    { 'g', "group-size", CX_OPT_INT, AT(group_size), "0", 0, 128, "N",
      "weights per scale: 32, 64 or 128 (mxfp4, mxfp8 32, nvfp4 16); 0: the mode's default" },
    { 0, "mode", CX_OPT_CHOICE, AT(mode), NULL, 0, 0, "affine|mxfp4|mxfp8|nvfp4",
      "how weights are packed; without it affine" },
    { 0, "dtype", CX_OPT_STR, AT(dtype), NULL, 0, 0, "f16|bf16|f32",
      "type of scales, biases and all that is not packed; without it config.json's" },
    { 0, "critical", CX_OPT_STR, AT(critical), NULL, 0, 0, "NAME,...",
      "recipe mixed: modules of more bits; without it lm_head,embed_tokens,wte,wpe" },
    { 0, "critical-bits", CX_OPT_INT, AT(critical_bits), "0", 0, 8, "N",
      "recipe mixed: theirs; 0: 6" },
    { 0, "standard-bits", CX_OPT_INT, AT(standard_bits), "0", 0, 8, "N",
      "recipe mixed: of all others; 0: 4" },
    { 0, "rules", CX_OPT_STR, AT(rules), NULL, 0, 0, "FILE",
      "bits, group, mode by module, line by line: PATTERN [layer<N ...] bits=N group=N mode=M | "
      "leave" },
    { 'd', "dequantize", CX_OPT_FLAG, AT(dequantize), NULL, 0, 0, NULL,
      "unpack what is quantized, pack nothing" },
    { 0, "chip", CX_OPT_STR, AT(chip), NULL, 0, 0, "NAME",
      "note a chip in config.json, a hint for tools: m1 ... m4_max, or cpu" },
    { 0, "mlx-rule", CX_OPT_CHOICE, AT(rule), "gpu", 0, 0, "gpu|cpu",
      "round as MLX does on a GPU (as published models are) or on a CPU" },
    { 'n', "dry-run", CX_OPT_FLAG, AT(dry_run), NULL, 0, 0, NULL,
      "print the plan, module by module, and write nothing" },
    { 'j', "json", CX_OPT_FLAG, AT(json), NULL, 0, 0, NULL,
      "print one JSON object: what was made, or with --dry-run the plan" },
    { 0, "revision", CX_OPT_STR, AT(revision), NULL, 0, 0, "REV",
      "branch, tag or commit on the hub; without it main" },
    { 0, "file", CX_OPT_STR, AT(file), NULL, 0, 0, "NAME",
      "weight file to take where the hub has several, such as '*Q4_K_M*.gguf'" },
    { 0, "offline", CX_OPT_FLAG, AT(offline), NULL, 0, 0, NULL,
      "look in the hub's cache only, download nothing" },
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

/* "a,b,c" in place. */
enum { CRITICAL_MAX = 64 };
static cx_status split_names(char *text, const char *names[CRITICAL_MAX + 1])
{
    size_t n = 0;
    for (char *name = strtok(text, ","); name; name = strtok(NULL, ",")) {
        if (n == CRITICAL_MAX)
            return CX_FAIL(CX_EARG, "--critical: more than %d names", CRITICAL_MAX);
        names[n++] = name;
    }
    names[n] = NULL;
    return n ? CX_OK : CX_FAIL(CX_EARG, "--critical: no names");
}

static cx_status options_of(const convert_args *a, cx_convert_options *o)
{
    *o = (cx_convert_options){ .bits = (int)a->bits,
                               .group_size = (int)a->group_size,
                               .mode = a->mode,
                               .cpu_rule = !strcmp(a->rule, "cpu"),
                               .dequantize = a->dequantize,
                               .critical_bits = (int)a->critical_bits,
                               .standard_bits = (int)a->standard_bits,
                               .rules = a->rules,
                               .chip = a->chip,
                               .dry_run = a->dry_run,
                               .force = a->force,
                               .threads = (int)a->threads,
                               .progress = cx_progress_show };
    if (a->dtype) CX_TRY(parse_dtype(a->dtype, &o->dtype));
    o->dtype_set = a->dtype != NULL;
    if (a->recipe) CX_TRY(cx_recipe_parse(a->recipe, &o->recipe));
    bool mixed = a->critical || a->critical_bits || a->standard_bits;
    if (mixed && o->recipe != CX_RECIPE_MIXED_PRECISION)
        return CX_FAIL(CX_EARG, "--critical, --critical-bits and --standard-bits go with --recipe "
                                "mixed only");
    return cx_convert_check(o);
}

static cx_status print_json(const cx_convert_result *r)
{
    json_t *v = json_pack("{s:s, s:b, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:f}", "path", r->path,
                          "cached", r->cached, "bytes_in", (json_int_t)r->bytes_in, "bytes",
                          (json_int_t)r->bytes_out, "parameters", (json_int_t)r->parameters,
                          "bits_per_weight", r->bits_per_weight, "tensors", (json_int_t)r->tensors,
                          "quantized", (json_int_t)r->quantized, "shards", (json_int_t)r->shards,
                          "seconds", r->seconds);
    cx_status st = cx_output_json(v);
    json_decref(v);
    return st;
}

static void print_text(const cx_convert_result *r)
{
    char in[32], out[32], rate[32];
    cx_bytes_text(r->bytes_in, in, sizeof in);
    cx_bytes_text(r->bytes_out, out, sizeof out);
    cx_bytes_text((uint64_t)((double)r->bytes_in / (r->seconds > 1e-9 ? r->seconds : 1e-9)), rate,
                  sizeof rate);
    if (r->cached)
        cx_note("made before from the same source in the same way: %s, %.3f bits per weight", out,
                r->bits_per_weight);
    else
        cx_note("%zu tensors (%zu quantized), %s to %s, %.3f bits per weight, %.2f s (%s/s)",
                r->tensors, r->quantized, in, out, r->bits_per_weight, r->seconds, rate);
    printf("%s\n", r->path);
}

static cx_status convert(const convert_args *a, cx_convert_options *o)
{
    char *folder = NULL;
    cx_convert_result r = { 0 };
    cx_plan plan = { .json = a->json };
    const cx_source_options hub = { .revision = a->revision,
                                    .file = a->file,
                                    .offline = a->offline,
                                    .download = !a->offline,
                                    .files = true };
    CX_TRY(cx_source_find(a->source, &hub, &folder));
    bool named = a->source && strchr(a->source, '/') && !cx__path_exists(a->source);
    o->name = named ? a->source : NULL;
    if (a->dry_run) {
        o->plan = cx_plan_add;
        o->plan_user = &plan;
    }
    cx_status st = cx_convert(folder, a->output, o, &r);
    cx_progress_clear();
    if (st == CX_OK && a->dry_run) st = cx_plan_print(&plan, &r);
    else if (st == CX_OK && a->json) st = print_json(&r);
    else if (st == CX_OK) print_text(&r);
    cx_plan_free(&plan);
    cx__free(folder);
    return st;
}

static int run(void *p)
{
    const convert_args *a = p;
    const char *names[CRITICAL_MAX + 1];
    char *critical = a->critical ? cx__strdup(a->critical) : NULL;
    cx_convert_options o;
    cx_status st = options_of(a, &o);
    if (a->critical && !critical) st = CX_FAIL(CX_ENOMEM, "no memory for the options");
    if (st == CX_OK && critical) st = split_names(critical, names);
    if (critical) o.critical = names;
    int status = 2;
    if (st != CX_OK) fprintf(stderr, "cortex convert: %s\n", cx_error());
    else status = convert(a, &o) == CX_OK ? 0 : cx_failed();
    cx__free(critical);
    return status;
}

const cx_command cx_cmd_convert = {
    "convert",
    "turn a checkpoint into an MLX model, quantized or not",
    opts,
    sizeof(convert_args),
    run,
    "Prints the folder that was written. The folder appears when it is complete: a\n"
    "conversion that fails or is stopped leaves nothing. Asked again for the same, it\n"
    "answers at once; asked for something else at the same place, it refuses.\n"
};

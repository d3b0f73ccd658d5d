/* cortex bench: tokens a second of prompts and decode, beside the roofs of this machine. */
#include "cmd.h"

#include <cortex/bench.h>
#include <stdlib.h>
#include <string.h>

typedef struct bench_args {
    const char *model, *batch, *threads, *format;
    int64_t prompt, decode, depth, runs;
    bool roofline, exact;
} bench_args;

enum { LIST_MAX = 32 };

static const cx_opt opts[] = {
    { 0, "MODEL", CX_OPT_POS, offsetof(bench_args, model), NULL, 0, 0, "MODEL",
      "folder, or a name in the Hugging Face cache" },
    { 'p', "prompt", CX_OPT_INT, offsetof(bench_args, prompt), "512", 0, 1 << 20, "N",
      "tokens of the prompt test; 0: none" },
    { 'n', "decode", CX_OPT_INT, offsetof(bench_args, decode), "128", 0, 1 << 20, "N",
      "tokens of the decode test; 0: none" },
    { 'b', "batch", CX_OPT_STR, offsetof(bench_args, batch), "1", 0, 0, "N,N",
      "sequences that are decoded together, a list" },
    { 'd', "depth", CX_OPT_INT, offsetof(bench_args, depth), "0", 0, 1 << 20, "N",
      "positions in the cache before a test begins" },
    { 'r', "runs", CX_OPT_INT, offsetof(bench_args, runs), "5", 1, 1000, "N",
      "runs of each test; one more before them does not count" },
    { 't', "threads", CX_OPT_STR, offsetof(bench_args, threads), "0", 0, 0, "N,N",
      "threads, a list; 0: all this process may use" },
    { 0, "format", CX_OPT_CHOICE, offsetof(bench_args, format), "md", 0, 0, "md|csv|json",
      "how results are printed" },
    { 0, "roofline", CX_OPT_FLAG, offsetof(bench_args, roofline), NULL, 0, 0, NULL,
      "measure memory bandwidth and int8 peak too, and the share that is reached" },
    { 0, "exact", CX_OPT_FLAG, offsetof(bench_args, exact), NULL, 0, 0, NULL,
      "f32 activations everywhere" },
    { .kind = CX_OPT_END }
};

/* One measured line. */
typedef struct line {
    char test[32];
    size_t batch, depth;
    int threads;
    cx_bench_result r;
    double first_token_s; /* of a start, else 0 */
} line;

typedef struct report {
    line *lines;
    size_t count, cap;
    bool roofline;
} report;

static cx_status add(report *rep, const line *l)
{
    if (rep->count == rep->cap) {
        size_t cap = rep->cap ? rep->cap * 2 : 16;
        line *more = cx__realloc(rep->lines, cap * sizeof *more);
        if (!more) return CX_FAIL(CX_ENOMEM, "no memory for the results");
        rep->lines = more;
        rep->cap = cap;
    }
    rep->lines[rep->count++] = *l;
    return CX_OK;
}

/* "1,8" to numbers in [lo, hi]. */
static cx_status parse_list(const char *name, const char *text, int lo, int hi, int32_t **out,
                            size_t *count)
{
    char where[32];
    snprintf(where, sizeof where, "--%s", name);
    CX_TRY(cx_input_ids(where, text, strlen(text), out, count));
    bool good = *count > 0 && *count <= LIST_MAX;
    for (size_t i = 0; good && i < *count; i++) good = (*out)[i] >= lo && (*out)[i] <= hi;
    if (good) return CX_OK;
    return CX_FAIL(CX_EARG, "%s: '%s' is no list of numbers from %d to %d", where, text, lo, hi);
}

static cx_status measure(cx_model *m, const bench_args *a, size_t prompt, size_t decode,
                         size_t batch, report *rep)
{
    const cx_bench_options o = { .prompt = prompt,
                                 .decode = decode,
                                 .batch = batch,
                                 .depth = (size_t)a->depth,
                                 .runs = (int)a->runs,
                                 .roofline = a->roofline };
    line l = { .batch = batch, .depth = (size_t)a->depth, .threads = cx_model_threads(m) };
    snprintf(l.test, sizeof l.test, "%s%zu", prompt ? "pp" : "tg", prompt ? prompt : decode);
    CX_TRY(cx_bench_run(m, &o, cx_progress_show, NULL, &l.r));
    return add(rep, &l);
}

/* What a user waits for: the model opened, a prompt of 20 tokens, the first token's logits. */
static cx_status measure_start(const char *folder, const cx_model_options *o, const bench_args *a,
                               report *rep)
{
    line l = { .test = "start20",
               .batch = 1,
               .threads = o->threads ? o->threads : cx__cpu_count() };
    CX_TRY(cx_bench_start(folder, o, 20, (int)a->runs, &l.first_token_s));
    l.r.tps_median = l.r.tps_min = l.r.tps_max = 20 / l.first_token_s;
    return add(rep, &l);
}

static cx_status measure_all(const bench_args *a, const char *folder, int32_t threads,
                             const int32_t *batch, size_t batches, report *rep)
{
    const cx_model_options mo = { .threads = threads, .exact = a->exact };
    cx_model *m = NULL;
    CX_TRY(cx_model_open(folder, &mo, &m));
    cx_status st = CX_OK;
    if (a->prompt) st = measure(m, a, (size_t)a->prompt, 0, 1, rep);
    for (size_t i = 0; i < batches && a->decode && st == CX_OK; i++)
        st = measure(m, a, 0, (size_t)a->decode, (size_t)batch[i], rep);
    cx_model_close(m);
    if (st == CX_OK && a->roofline) st = measure_start(folder, &mo, a, rep);
    return st;
}

/* ---- printing ---- */

static void print_table(const report *rep, bool csv)
{
    const char *sep = csv ? "," : " | ", *edge = csv ? "" : "| ", *end = csv ? "\n" : " |\n";
    static const char *const head[] = { "test",       "batch",   "depth",        "threads",
                                        "tps_median", "tps_min", "tps_max",      "read_gbps",
                                        "int8_gops",  "share",   "first_token_s" };
    size_t columns = rep->roofline ? 11 : 7;
    fputs(edge, stdout);
    for (size_t i = 0; i < columns; i++) printf("%s%s", head[i], i + 1 < columns ? sep : end);
    for (size_t i = 0; i < columns && !csv; i++)
        fputs(i + 1 < columns ? "|---" : "|---|\n", stdout);
    for (size_t i = 0; i < rep->count; i++) {
        const line *l = &rep->lines[i];
        printf("%s%s%s%zu%s%zu%s%d%s%.2f%s%.2f%s%.2f", edge, l->test, sep, l->batch, sep, l->depth,
               sep, l->threads, sep, l->r.tps_median, sep, l->r.tps_min, sep, l->r.tps_max);
        if (rep->roofline)
            printf("%s%.2f%s%.1f%s%.3f%s%.3f", sep, l->r.roof.read_gbps, sep, l->r.roof.int8_gops,
                   sep, l->r.share, sep, l->first_token_s);
        fputs(end, stdout);
    }
}

static cx_status print_json(const report *rep)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rep->count; i++) {
        const line *l = &rep->lines[i];
        json_t *v = json_pack("{s:s, s:I, s:I, s:i, s:f, s:f, s:f}", "test", l->test, "batch",
                              (json_int_t)l->batch, "depth", (json_int_t)l->depth, "threads",
                              l->threads, "tps_median", l->r.tps_median, "tps_min", l->r.tps_min,
                              "tps_max", l->r.tps_max);
        if (rep->roofline) {
            json_object_set_new(v, "read_gbps", json_real(l->r.roof.read_gbps));
            json_object_set_new(v, "int8_gops", json_real(l->r.roof.int8_gops));
            json_object_set_new(v, "share", json_real(l->r.share));
            json_object_set_new(v, "first_token_s", json_real(l->first_token_s));
        }
        json_array_append_new(list, v);
    }
    cx_status st = cx_output_json(list);
    json_decref(list);
    return st;
}

static cx_status print_report(const report *rep, const char *format)
{
    cx_progress_clear();
    if (!strcmp(format, "json")) return print_json(rep);
    print_table(rep, !strcmp(format, "csv"));
    return CX_OK;
}

static int run(void *p)
{
    const bench_args *a = p;
    int32_t *batch = NULL, *threads = NULL;
    size_t batches = 0, counts = 0;
    char *folder = NULL;
    report rep = { .roofline = a->roofline };
    cx_status st = parse_list("batch", a->batch, 1, 4096, &batch, &batches);
    if (st == CX_OK) st = parse_list("threads", a->threads, 0, 1024, &threads, &counts);
    bool usage = st == CX_EARG || st == CX_EFORMAT;
    if (usage) fprintf(stderr, "cortex bench: %s\n", cx_error());
    if (st == CX_OK) st = cx_model_find(a->model, &folder);
    for (size_t i = 0; i < counts && st == CX_OK; i++)
        st = measure_all(a, folder, threads[i], batch, batches, &rep);
    if (st == CX_OK) st = print_report(&rep, a->format);
    cx__free(rep.lines);
    cx__free(folder);
    cx__free(threads);
    cx__free(batch);
    return st == CX_OK ? 0 : usage ? 2 : cx_failed();
}

const cx_command cx_cmd_bench = {
    "bench",
    "measure the speed of a model on this machine",
    opts,
    sizeof(bench_args),
    run,
    "pp512 is a prompt of 512 tokens, tg128 the generation of 128. The share is that\n"
    "of the measured memory bandwidth for decode, of the int8 peak for prompts.\n"
    "start20 (with --roofline) opens the model and computes the first token after a\n"
    "prompt of 20: first_token_s is what a user waits.\n"
};

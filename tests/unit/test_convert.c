/* cx_convert: what it writes, refuses and leaves. Bytes against MLX: tests/oracle. */
#include "convert_case.h"

#include "base/base.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const cx_tensor *find(cx_tensors *t, const char *name)
{
    const cx_tensor *x = cx_tensors_find(t, name);
    if (!x) fail_msg("no tensor %s", name);
    return x;
}

TEST(convert, packs_what_divides_and_leaves_the_rest)
{
    const char *dir = unit_dir(), *out = case_path(dir, "out");
    cx_convert_result r;
    cx_tensors *t = NULL;
    CHECK_OK(cx_convert(case_llama(dir, "src"), out, NULL, &r));
    CHECK_INT(r.tensors, 11); /* inv_freq is dropped */
    CHECK_INT(r.quantized, 7);
    CHECK_INT(r.parameters, 80 * 64 + 4 * 64 * 64 + 3 * 96 * 64 + 3 * 64);
    CHECK_OK(cx_tensors_open(out, &t));
    const cx_tensor *q = find(t, "model.layers.0.mlp.gate_proj.weight");
    CHECK_INT(q->dtype, CX_U32);
    CHECK_INT(q->shape[0], 96);
    CHECK_INT(q->shape[1], 8);
    const cx_tensor *s = find(t, "model.layers.0.mlp.gate_proj.scales");
    CHECK_INT(s->dtype, CX_F32);
    CHECK_INT(s->shape[1], 1);
    CHECK_INT(find(t, "model.layers.0.mlp.down_proj.weight")->dtype, CX_F32);
    CHECK(!cx_tensors_find(t, "model.layers.0.mlp.down_proj.scales"));
    CHECK_INT(find(t, "model.norm.weight")->dtype, CX_F32);
    CHECK(!cx_tensors_find(t, "model.layers.0.self_attn.rotary_emb.inv_freq"));
    CHECK_STR(cx_tensors_metadata(t, "format"), "mlx");
    cx_tensors_close(t);
}

TEST(convert, transposes_conv1d)
{
    const char *dir = unit_dir(), *src = case_gpt2(dir, "src"), *out = case_path(dir, "out");
    cx_convert_options o = { .recipe = CX_RECIPE_NONE };
    cx_tensors *a = NULL, *b = NULL;
    CHECK_OK(cx_convert(src, out, &o, NULL));
    CHECK_OK(cx_tensors_open(src, &a));
    CHECK_OK(cx_tensors_open(out, &b));
    const cx_tensor *from = find(a, "h.0.attn.c_attn.weight"),
                    *to = find(b, "model.h.0.attn.c_attn.weight");
    CHECK_INT(to->shape[0], 192);
    CHECK_INT(to->shape[1], 64);
    const char *x = from->data, *y = to->data;
    for (int r = 0; r < 192; r++)
        for (int c = 0; c < 64; c++) CHECK(!memcmp(x + 2 * (c * 192 + r), y + 2 * (r * 64 + c), 2));
    CHECK(!memcmp(find(a, "wpe.weight")->data, find(b, "model.wpe.weight")->data, 32 * 64 * 2));
    cx_tensors_close(a);
    cx_tensors_close(b);
}

/* A matrix of several pieces, the last one shorter: rows [0, ROWS) of the result. */
enum { ROWS = 2112, COLS = 512 };
static const char *wide(const char *dir)
{
    static float values[COLS * ROWS]; /* Conv1D: [in, out] */
    cx_tensor t = {
        .name = "h.0.mlp.c_fc.weight", .dtype = CX_F32, .ndim = 2, .shape = { COLS, ROWS }
    };
    cx_tensor_writer *w = NULL;
    const char *src = case_path(dir, "src");
    CHECK_INT(mkdir(src, 0700), 0);
    for (size_t i = 0; i < (size_t)COLS * ROWS; i++)
        values[i] = (float)((int)(i * 2654435761u % 65537) - 32768) / 256.0f;
    CHECK_OK(cx_tensor_writer_open(case_path(src, "model.safetensors"), &t, 1, NULL, 0, &w));
    CHECK_OK(cx_tensor_writer_write(w, 0, 0, values, sizeof values));
    CHECK_OK(cx_tensor_writer_finish(w));
    case_put(src, "config.json", "{\"model_type\": \"gpt2\"}");
    return src;
}

TEST(convert, large_matrices_are_the_sum_of_their_pieces)
{
    const char *dir = unit_dir(), *src = wide(dir), *plain = case_path(dir, "plain");
    const char *packed = case_path(dir, "packed");
    cx_convert_options o = { .recipe = CX_RECIPE_NONE };
    cx_tensors *a = NULL, *b = NULL, *c = NULL;
    static uint8_t q[ROWS * COLS / 2], scales[ROWS * COLS / 64 * 4], biases[ROWS * COLS / 64 * 4];
    CHECK_OK(cx_convert(src, plain, &o, NULL));
    CHECK_OK(cx_convert(src, packed, NULL, NULL));
    CHECK_OK(cx_tensors_open(src, &a));
    CHECK_OK(cx_tensors_open(plain, &b));
    CHECK_OK(cx_tensors_open(packed, &c));
    const cx_tensor *w = find(b, "model.h.0.mlp.c_fc.weight");
    const float *from = find(a, "h.0.mlp.c_fc.weight")->data, *to = w->data;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t k = 0; k < COLS; k++)
            if (memcmp(&from[k * ROWS + r], &to[r * COLS + k], 4) != 0)
                fail_msg("row %zu, column %zu", r, k);
    CHECK_OK(cx_quantize(w, NULL, q, scales, biases));
    CHECK(!memcmp(find(c, "model.h.0.mlp.c_fc.weight")->data, q, sizeof q));
    CHECK(!memcmp(find(c, "model.h.0.mlp.c_fc.scales")->data, scales, sizeof scales));
    CHECK(!memcmp(find(c, "model.h.0.mlp.c_fc.biases")->data, biases, sizeof biases));
    CHECK_OK(cx_verify(packed, NULL, NULL, NULL));
    cx_tensors_close(a);
    cx_tensors_close(b);
    cx_tensors_close(c);
}

TEST(convert, result_does_not_depend_on_threads)
{
    const char *dir = unit_dir(), *src = case_gpt2(dir, "src");
    cx_convert_options o = { .recipe = CX_RECIPE_BALANCED_5BIT, .threads = 1 };
    size_t one_len = 0, many_len = 0;
    CHECK_INT(setenv("SOURCE_DATE_EPOCH", "0", 1), 0);
    CHECK_OK(cx_convert(src, case_path(dir, "one"), &o, NULL));
    o.threads = 5;
    CHECK_OK(cx_convert(src, case_path(dir, "many"), &o, NULL));
    static const char *const files[] = { "model.safetensors", "conversion.json" };
    for (int i = 0; i < 2; i++) {
        char *one = case_get(case_path(dir, "one"), files[i], &one_len);
        char *many = case_get(case_path(dir, "many"), files[i], &many_len);
        CHECK_INT(one_len, many_len);
        CHECK(!memcmp(one, many, one_len));
    }
}

TEST(convert, casts_to_the_dtype_asked_for)
{
    const char *dir = unit_dir(), *out = case_path(dir, "out");
    cx_convert_options o = { .dtype_set = true, .dtype = CX_F16 };
    cx_tensors *t = NULL;
    CHECK_OK(cx_convert(case_llama(dir, "src"), out, &o, NULL));
    CHECK_OK(cx_tensors_open(out, &t));
    CHECK_INT(find(t, "model.norm.weight")->dtype, CX_F16);
    CHECK_INT(find(t, "model.embed_tokens.scales")->dtype, CX_F16);
    cx_tensors_close(t);
}

TEST(convert, keeps_a_head_that_the_config_does_not_mention)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    cx_tensor head = { .name = "lm_head.weight", .dtype = CX_F32, .ndim = 2, .shape = { 80, 64 } };
    static const float zeros[80 * 64];
    cx_tensor_writer *w = NULL;
    cx_tensors *t = NULL;
    CHECK_OK(cx_tensor_writer_open(case_path(src, "model-2.safetensors"), &head, 1, NULL, 0, &w));
    CHECK_OK(cx_tensor_writer_write(w, 0, 0, zeros, sizeof zeros));
    CHECK_OK(cx_tensor_writer_finish(w));
    case_put(src, "config.json", "{\"model_type\": \"llama\"}");
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    CHECK_OK(cx_tensors_open(out, &t));
    CHECK(cx_tensors_find(t, "lm_head.scales"));
    cx_tensors_close(t);
    char *config = case_get(out, "config.json", NULL);
    CHECK_HAS(config, "\"tie_word_embeddings\": false"); /* for mlx-lm, whose default is true */
}

TEST(convert, keeps_the_codes_of_an_mlx_folder)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *four = case_path(dir, "four");
    cx_tensors *a, *b;
    CHECK_OK(cx_convert(src, four, NULL, NULL));
    CHECK_OK(cx_convert(four, case_path(dir, "out"), NULL, NULL));
    CHECK_OK(cx_tensors_open(four, &a));
    CHECK_OK(cx_tensors_open(case_path(dir, "out"), &b));
    CHECK_INT(cx_tensors_count(a), cx_tensors_count(b));
    for (size_t i = 0; i < cx_tensors_count(a); i++) {
        const cx_tensor *t = cx_tensors_at(a, i), *same = cx_tensors_find(b, t->name);
        CHECK(same && same->bytes == t->bytes && same->dtype == t->dtype);
        CHECK(!memcmp(t->data, same->data, t->bytes));
    }
    cx_tensors_close(a);
    cx_tensors_close(b);
}

TEST(convert, refuses_methods_that_it_does_not_know)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src");
    case_put(src, "config.json",
             "{\"model_type\": \"llama\", \"quantization_config\": {\"quant_method\": "
             "\"bitsandbytes\"}}");
    CHECK_INT(cx_convert(src, case_path(dir, "out"), NULL, NULL), CX_EUNSUPPORTED);
    CHECK_HAS(cx_error(), "src/config.json: quantization 'bitsandbytes' is not supported");
    CHECK(!cx__path_exists(case_path(dir, "out")));
}

TEST(convert, needs_force_for_an_existing_target)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    cx_convert_options o = { .recipe = CX_RECIPE_QUALITY_8BIT, .force = true };
    cx_convert_options eight = { .recipe = CX_RECIPE_QUALITY_8BIT };
    cx_convert_result r;
    CHECK_OK(cx_convert(src, out, NULL, &r));
    CHECK(!r.cached);
    CHECK_OK(cx_convert(src, out, NULL, &r)); /* the same again: answered at once */
    CHECK(r.cached);
    CHECK_INT(cx_convert(src, out, &eight, NULL), CX_EEXIST);
    CHECK_HAS(cx_error(), "made with another bits (4, asked for is 8)");
    CHECK_OK(cx_convert(src, out, &o, NULL));
    char *config = case_get(out, "config.json", NULL);
    CHECK_HAS(config, "\"bits\": 8");
    CHECK_INT(cx_convert(src, src, &o, NULL), CX_EARG);
    CHECK_HAS(cx_error(), "is the source itself");
    CHECK_INT(case_entries(dir), 2);
}

TEST(convert, force_replaces_only_model_folders)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *home = case_path(dir, "home");
    cx_convert_options o = { .force = true };
    CHECK_INT(mkdir(home, 0700), 0);
    case_put(home, "letters.txt", "dear");
    CHECK_INT(cx_convert(src, home, &o, NULL), CX_EEXIST);
    CHECK_HAS(cx_error(), "no model folder");
    CHECK(cx__path_exists(case_path(home, "letters.txt")));
}

static int cancel(void *user, const char *what, uint64_t done, uint64_t total, const char *unit)
{
    (void)what, (void)done, (void)total, (void)unit;
    return ++*(int *)user >= 3;
}

TEST(convert, leaves_nothing_when_cancelled)
{
    const char *dir = unit_dir();
    int calls = 0;
    cx_convert_options o = { .progress = cancel, .user = &calls, .threads = 1 };
    CHECK_INT(cx_convert(case_llama(dir, "src"), case_path(dir, "new/deep/out"), &o, NULL),
              CX_ECANCELED);
    CHECK_INT(case_entries(dir), 1); /* not even the folders made for it */
}

TEST(convert, makes_folders_above_the_target)
{
    const char *dir = unit_dir();
    CHECK_OK(cx_convert(case_llama(dir, "src"), case_path(dir, "new/deep/out/"), NULL, NULL));
    CHECK(cx__path_exists(case_path(dir, "new/deep/out/config.json")));
}

TEST(convert, removes_what_a_dead_process_left)
{
    const char *dir = unit_dir();
    /* No process has this number: the kernel's maximum is 2^22. */
    const char *stale = case_path(dir, ".out.tmp-99999999"),
               *other = case_path(dir, ".outer.tmp-99999999");
    char live[64];
    CHECK_INT(mkdir(stale, 0700), 0);
    case_put(stale, "model.safetensors", "half");
    CHECK_INT(mkdir(other, 0700), 0);
    snprintf(live, sizeof live, ".out.tmp-%ld", (long)getppid());
    CHECK_INT(mkdir(case_path(dir, live), 0700), 0);
    CHECK_OK(cx_convert(case_llama(dir, "src"), case_path(dir, "out"), NULL, NULL));
    CHECK(!cx__path_exists(stale));
    CHECK(cx__path_exists(other));                /* another target's */
    CHECK(cx__path_exists(case_path(dir, live))); /* its process lives */
}

TEST(convert, rejects_options_out_of_range)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    static const struct {
        cx_convert_options o;
        const char *says;
    } bad[] = { { { .bits = 7 }, "bits 7" },
                { { .group_size = 16 }, "group size 16" },
                { { .recipe = CX_RECIPES }, "recipe 10" },
                { { .dtype_set = true, .dtype = CX_I8 }, "dtype I8" },
                { { .threads = -1 }, "threads -1" } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(cx_convert(src, out, &bad[i].o, NULL), CX_EARG);
        CHECK_HAS(cx_error(), bad[i].says);
    }
    CHECK_INT(cx_convert(src, "..", NULL, NULL), CX_EARG);
    CHECK_INT(cx_convert(case_path(dir, "none"), out, NULL, NULL), CX_ENOTFOUND);
    CHECK_INT(case_entries(dir), 1);
}

TEST(convert, says_when_nothing_can_be_packed)
{
    const char *dir = unit_dir();
    cx_convert_options o = { .group_size = 128 };
    CHECK_INT(cx_convert(case_llama(dir, "src"), case_path(dir, "out"), &o, NULL), CX_ESHAPE);
    CHECK_HAS(cx_error(), "group size, 128");
}

TEST(convert, copies_files_but_no_link_that_leads_out)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    case_put(src, "tokenizer.json", "{}");
    case_put(src, "modeling.py", "pass");
    case_put(src, "LICENSE", "free");
    case_put(src, "optimizer.bin", "big");
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    CHECK(cx__path_exists(case_path(out, "tokenizer.json")));
    CHECK(cx__path_exists(case_path(out, "modeling.py")));
    CHECK(cx__path_exists(case_path(out, "LICENSE")));
    CHECK(!cx__path_exists(case_path(out, "optimizer.bin")));
    CHECK_INT(symlink("/etc/passwd", case_path(src, "vocab.txt")), 0);
    CHECK_INT(cx_convert(src, case_path(dir, "out2"), NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "vocab.txt");
    CHECK(!cx__path_exists(case_path(dir, "out2")));
}

static int until_fault;
static bool forever;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0 || (forever && until_fault < 0);
}

/* Every 7th allocation, and all of the first: a whole sweep takes minutes under sanitizers. */
TEST(alloc, convert_fails_cleanly)
{
    const char *dir = unit_dir(), *src = case_gpt2(dir, "src"), *out = case_path(dir, "out");
    cx_convert_options o = { .threads = 1 };
    for (int mode = 0; mode < 2; mode++) {
        cx_status st = CX_ENOMEM;
        forever = mode;
        for (int n = 0; st != CX_OK; n += n < 150 ? 1 : 7) {
            CHECK(n < 5000);
            until_fault = n;
            cx__alloc_fault_set(countdown);
            st = cx_convert(src, out, &o, NULL);
            cx__alloc_fault_set(NULL);
            if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
            if (st != CX_OK) CHECK_INT(case_entries(dir), 1);
            if (st != CX_OK) CHECK(*cx_error());
        }
        CHECK_OK(cx_verify(out, NULL, NULL, NULL));
        CHECK_OK(cx__remove_tree(out));
    }
}

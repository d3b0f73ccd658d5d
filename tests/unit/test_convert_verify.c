/* cx_verify: every flipped bit is found, and what does not fit together. */
#include "convert_case.h"

#include "base/base.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *converted(const char *dir, cx_recipe recipe)
{
    cx_convert_options o = { .recipe = recipe };
    const char *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    case_put(src, "tokenizer_config.json", "{\"bos_token\": \"<s>\"}");
    CHECK_OK(cx_convert(src, out, &o, NULL));
    return out;
}

/* Flips one bit of a file. */
static void flip(const char *path, size_t bit)
{
    unsigned char byte;
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    CHECK_INT(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (unsigned char)(1u << (bit % 8));
    CHECK_INT(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    close(fd);
}

TEST(convert_verify, whole_folder_passes)
{
    const char *out = converted(unit_dir(), CX_RECIPE_SPEED_4BIT);
    size_t checked = 0;
    CHECK_OK(cx_verify(out, NULL, NULL, &checked));
    CHECK_INT(checked, 11 + 2 * 7);
}

TEST(convert_verify, finds_any_flipped_bit)
{
    const char *out = converted(unit_dir(), CX_RECIPE_SPEED_4BIT), *names[16];
    size_t sizes[16], n = 0;
    struct stat info;
    DIR *d = opendir(out);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        names[n] = case_path(out, e->d_name);
        CHECK_INT(stat(names[n], &info), 0);
        sizes[n++] = (size_t)info.st_size;
    }
    closedir(d);
    CHECK_INT(n, 6);
    srand(42);
    for (size_t i = 0; i < 600; i++) { /* all files, then the weights */
        size_t f = i % n;
        size_t bit = ((size_t)rand() * 32768u + (size_t)rand() % 32768u) % (sizes[f] * 8);
        flip(names[f], bit);
        if (cx_verify(out, NULL, NULL, NULL) == CX_OK)
            fail_msg("%s: bit %zu flipped unseen", names[f], bit);
        flip(names[f], bit);
    }
    CHECK_OK(cx_verify(out, NULL, NULL, NULL));
}

TEST(convert_verify, names_the_tensor_and_the_file)
{
    const char *out = converted(unit_dir(), CX_RECIPE_NONE);
    const char *weights = case_path(out, "model.safetensors");
    struct stat info;
    CHECK_INT(stat(weights, &info), 0);
    flip(weights, ((size_t)info.st_size - 3) * 8); /* the last tensor is the last in use */
    CHECK_INT(cx_verify(out, NULL, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "model.safetensors: 'model.norm.weight': hash: expected");
    case_put(out, "tokenizer_config.json", "{}");
    CHECK_INT(cx_verify(out, NULL, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "tokenizer_config.json: hash: expected");
    CHECK_INT(remove(case_path(out, "README.md")), 0);
    CHECK_INT(cx_verify(out, NULL, NULL, NULL), CX_ENOTFOUND);
}

/* Without conversion.json, as mlx_lm.convert writes: what remains is checked against each other. */
static const char *anonymous(const char *dir, const char *config)
{
    const char *out = converted(dir, CX_RECIPE_SPEED_4BIT);
    CHECK_INT(remove(case_path(out, "conversion.json")), 0);
    if (config) case_put(out, "config.json", config);
    return out;
}

TEST(convert_verify, checks_a_folder_without_hashes)
{
    size_t checked = 7;
    CHECK_OK(cx_verify(anonymous(unit_dir(), NULL), NULL, NULL, &checked));
    CHECK_INT(checked, 0);
}

static void check_config(const char *config, const char *says)
{
    CHECK_INT(cx_verify(anonymous(unit_dir(), config), NULL, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), says);
}

TEST(convert_verify, packed_weights_need_a_quantization)
{
    check_config("{\"model_type\": \"llama\"}", "no 'quantization'");
}

TEST(convert_verify, quantization_has_one_meaning)
{
    check_config("{\"model_type\": \"llama\", \"quantization\": {\"bits\": 4, \"group_size\": 64}, "
                 "\"quantization_config\": {\"bits\": 8, \"group_size\": 64}}",
                 "differ");
}

TEST(convert_verify, overrides_need_their_module)
{
    check_config("{\"model_type\": \"llama\", \"quantization\": {\"bits\": 4, \"group_size\": 64, "
                 "\"model.layers.7.mlp\": {\"bits\": 8, \"group_size\": 64}}}",
                 "'model.layers.7.mlp': no such packed module");
}

TEST(convert_verify, false_means_not_packed)
{
    check_config("{\"model_type\": \"llama\", \"quantization\": {\"bits\": 4, \"group_size\": 64, "
                 "\"model.embed_tokens\": false}}",
                 "'model.embed_tokens' is false");
}

TEST(convert_verify, scales_must_be_numbers)
{
    const char *out = anonymous(unit_dir(), NULL);
    cx_tensors *t = NULL;
    CHECK_OK(cx_tensors_open(out, &t));
    const cx_tensor *s = cx_tensors_find(t, "model.embed_tokens.scales");
    CHECK(s != NULL);
    size_t len = 0;
    char *file = case_get(out, "model.safetensors", &len);
    char *at = memmem(file, len, s->data, s->bytes);
    CHECK(at != NULL);
    memcpy(at, "\0\0\xc0\x7f", 4); /* NaN */
    cx_tensors_close(t);
    CHECK_OK(cx__write_file(case_path(out, "model.safetensors"), file, len));
    CHECK_INT(cx_verify(out, NULL, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "'model.embed_tokens.scales': a value is not finite");
}

/* A folder with one tensor and nothing else. */
static const char *lone(const char *name, cx_dtype dtype)
{
    const char *dir = case_path(unit_dir(), "lone");
    cx_tensor t = { .name = name, .dtype = dtype, .ndim = 2, .shape = { 2, 8 } };
    static const char zeros[64];
    cx_tensor_writer *w = NULL;
    CHECK_INT(mkdir(dir, 0700), 0);
    CHECK_OK(cx_tensor_writer_open(case_path(dir, "model.safetensors"), &t, 1, NULL, 0, &w));
    CHECK_OK(cx_tensor_writer_write(w, 0, 0, zeros, 16 * cx_dtype_size(dtype)));
    CHECK_OK(cx_tensor_writer_finish(w));
    case_put(dir, "config.json", "{\"model_type\": \"llama\", \"quantization\": {}}");
    return dir;
}

TEST(convert_verify, packed_weight_without_scales)
{
    CHECK_INT(cx_verify(lone("a.weight", CX_U32), NULL, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "'a.weight' has no 'a.scales' beside it");
}

TEST(convert_verify, scales_without_weight)
{
    CHECK_INT(cx_verify(lone("a.scales", CX_F32), NULL, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "'a.weight' is missing");
}

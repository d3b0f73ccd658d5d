/* Chip metadata: one key of config.json, nothing else. */
#include "convert_case.h"

#include "base/base.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *config_of(const char *folder)
{
    json_t *config = NULL;
    CHECK_OK(cx__json_load(case_path(folder, "config.json"), 1 << 20, &config));
    return config;
}

static ino_t inode(const char *folder, const char *name)
{
    struct stat st;
    CHECK_INT(stat(case_path(folder, name), &st), 0);
    return st.st_ino;
}

TEST(convert_chip, changes_one_key_and_links_the_rest)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    case_put(src, "config.json",
             "{\"model_type\": \"llama\", \"zeta\": 1e-05, \"alpha\": "
             "[1, {\"b\": 1.0, \"a\": 12345678901234567}]}");
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    json_t *before = config_of(out);
    ino_t weights = inode(out, "model.safetensors"), card = inode(out, "README.md");
    size_t len = 0, checked = 0;
    char *index = case_get(out, "model.safetensors.index.json", &len);
    CHECK_OK(cx_convert_chip(out, "m3_pro"));
    CHECK(inode(out, "model.safetensors") == weights);
    CHECK(inode(out, "README.md") == card);
    CHECK_STR(case_get(out, "model.safetensors.index.json", NULL), index);
    json_t *after = config_of(out), *chip = json_object_get(after, "cortex_chip");
    CHECK_STR(json_string_value(json_object_get(chip, "name")), "m3_pro");
    CHECK_INT(json_integer_value(json_object_get(chip, "batch_size")), 3);
    CHECK_INT(json_integer_value(json_object_get(chip, "prefetch_size")), 2);
    CHECK(json_is_true(json_object_get(chip, "use_amx")));
    json_object_del(after, "cortex_chip");
    CHECK(json_equal(before, after));
    CHECK_OK(cx_verify(out, NULL, NULL, &checked));
    CHECK(checked > 0);
    CHECK_INT(case_entries(dir), 2); /* nothing is left beside */
    json_decref(before);
    json_decref(after);
}

TEST(convert_chip, again_with_another)
{
    const char *dir = unit_dir(), *out = case_path(dir, "out");
    cx_convert_options o = { .chip = "M1 Ultra" };
    cx_convert_result r;
    case_llama(dir, "src");
    CHECK_OK(cx_convert(case_path(dir, "src"), out, &o, NULL));
    CHECK_HAS(case_get(out, "config.json", NULL), "\"name\": \"m1_ultra\"");
    CHECK_OK(cx_convert_chip(out, "m4-max"));
    CHECK_HAS(case_get(out, "config.json", NULL), "\"name\": \"m4_max\"");
    CHECK_OK(cx_verify(out, NULL, NULL, NULL));
    o.chip = "cpu"; /* a folder that is there gets it, too */
    CHECK_OK(cx_convert(case_path(dir, "src"), out, &o, &r));
    CHECK(r.cached);
    CHECK_HAS(case_get(out, "config.json", NULL), "\"name\": \"cpu\"");
    CHECK_OK(cx_verify(out, NULL, NULL, NULL));
}

TEST(convert_chip, all_chips_of_the_guide)
{
    static const char *const chips[] = { "M1",     "M1 Pro", "M1 Max",   "M1 Ultra", "M2",
                                         "M2 Pro", "M2 Max", "M2 Ultra", "M3",       "M3 Pro",
                                         "M3 Max", "M4",     "M4 Pro",   "M4 Max" };
    for (size_t i = 0; i < sizeof chips / sizeof *chips; i++)
        CHECK_OK(cx_convert_check(&(cx_convert_options){ .chip = chips[i] }));
}

TEST(convert_chip, what_is_no_chip_changes_nothing)
{
    static const char *const bad[] = { "m5", "", "m3_", "m3 pro max", "m1_pro " };
    const char *dir = unit_dir(), *out = case_path(dir, "out");
    CHECK_OK(cx_convert(case_llama(dir, "src"), out, NULL, NULL));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(cx_convert_chip(out, bad[i]), CX_EARG);
        CHECK_HAS(cx_error(), "expected one of m1, m1_pro, ");
    }
    CHECK(!strstr(case_get(out, "config.json", NULL), "cortex_chip"));
    CHECK_INT(cx_convert_chip(case_path(dir, "none"), "m1"), CX_ENOTFOUND);
    case_put(out, "config.json", "[]");
    CHECK_INT(cx_convert_chip(out, "m1"), CX_EFORMAT);
    CHECK_INT(case_entries(dir), 2);
}

/* An MLX folder of others has no conversion.json, and gets none. */
TEST(convert_chip, folders_without_a_manifest)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src");
    CHECK_OK(cx_convert_chip(src, "m2"));
    CHECK_HAS(case_get(src, "config.json", NULL), "\"batch_size\": 2");
    CHECK_INT(case_entries(src), 2);
    CHECK_OK(cx_convert(src, case_path(dir, "out"), NULL, NULL));
}

TEST(convert_chip, a_broken_manifest_is_not_rewritten)
{
    const char *dir = unit_dir(), *out = case_path(dir, "out");
    CHECK_OK(cx_convert(case_llama(dir, "src"), out, NULL, NULL));
    case_put(out, "conversion.json", "{\"checksum\": \"0000000000000000\"}");
    CHECK_INT(cx_convert_chip(out, "m1"), CX_EFORMAT);
    CHECK_INT(case_entries(dir), 2);
    CHECK(!strstr(case_get(out, "config.json", NULL), "cortex_chip"));
}

TEST(convert_chip, folders_in_folders_are_refused_whole)
{
    const char *dir = unit_dir(), *out = case_path(dir, "out");
    CHECK_OK(cx_convert(case_llama(dir, "src"), out, NULL, NULL));
    CHECK_INT(mkdir(case_path(out, "more"), 0700), 0);
    CHECK(cx_convert_chip(out, "m1") != CX_OK);
    CHECK_HAS(cx_error(), "more");
    CHECK_INT(case_entries(dir), 2);
    CHECK_OK(cx_verify(out, NULL, NULL, NULL));
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, chip_fails_cleanly)
{
    const char *dir = unit_dir(), *out = case_path(dir, "out");
    cx_status st = CX_ENOMEM;
    CHECK_OK(cx_convert(case_llama(dir, "src"), out, NULL, NULL));
    for (int n = 0; st != CX_OK; n++) {
        CHECK(n < 3000);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx_convert_chip(out, "m1");
        cx__alloc_fault_set(NULL);
        if (st != CX_OK && st != CX_ENOMEM) fail_msg("%d: %d %s", n, st, cx_error());
        if (st != CX_OK) CHECK_INT(case_entries(dir), 2);
    }
    /* Without memory to remove it, the former folder stayed; the next one takes it away. */
    CHECK_OK(cx_convert_chip(out, "m2"));
    CHECK_INT(case_entries(dir), 2);
    CHECK_OK(cx_verify(out, NULL, NULL, NULL));
}

/* The folder of converted models: default places, the list, removing. */
#include "convert_case.h"

#include "base/base.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *home(void)
{
    const char *dir = unit_dir();
    CHECK_INT(setenv("CORTEX_HOME", dir, 1), 0);
    return dir;
}

/* The target's last part. */
static const char *target(const char *source, cx_convert_options o)
{
    static char text[256];
    char *path = NULL;
    CHECK_OK(cx_convert_target(source, &o, &path));
    snprintf(text, sizeof text, "%s", strrchr(path, '/') + 1);
    cx_free(path);
    return text;
}

TEST(convert_store, folder_of_models)
{
    char *dir = NULL;
    CHECK_INT(setenv("CORTEX_HOME", "/x", 1), 0);
    CHECK_OK(cx_models_dir(&dir));
    CHECK_STR(dir, "/x/mlx_models");
    cx_free(dir);
    CHECK_INT(setenv("CORTEX_HOME", "", 1), 0);
    CHECK_INT(setenv("HOME", "/home/u", 1), 0);
    CHECK_OK(cx_models_dir(&dir));
    CHECK_STR(dir, "/home/u/.cortex/mlx_models");
    cx_free(dir);
    CHECK_INT(unsetenv("HOME"), 0);
    CHECK_INT(cx_models_dir(&dir), CX_ENOTFOUND);
}

TEST(convert_store, suffix_says_the_packing)
{
    static const struct {
        cx_convert_options o;
        const char *name;
    } cases[] = {
        { { .recipe = CX_RECIPE_AUTO }, "org_m_4bit" },
        { { .recipe = CX_RECIPE_SPEED_4BIT }, "org_m_4bit" },
        { { .recipe = CX_RECIPE_BALANCED_5BIT }, "org_m_5bit" },
        { { .recipe = CX_RECIPE_QUALITY_8BIT }, "org_m_8bit" },
        { { .recipe = CX_RECIPE_QUALITY_8BIT, .bits = 6 }, "org_m_6bit" },
        { { .recipe = CX_RECIPE_MIXED_PRECISION }, "org_m_mixed" },
        { { .recipe = CX_RECIPE_MIXED_3_6 }, "org_m_mixed_3_6" },
        { { .recipe = CX_RECIPE_NONE }, "org_m" },
        { { .dequantize = true }, "org_m" },
        { { .bits = 3 }, "org_m_3bit" },
    };
    home();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(target("org/m", cases[i].o), cases[i].name);
}

TEST(convert_store, stem_of_names_and_paths)
{
    const cx_convert_options none = { .recipe = CX_RECIPE_NONE };
    const char *dir = home();
    case_put(dir, "Llama-Q4.gguf", "");
    case_put(dir, "a.safetensors", "");
    case_put(dir, "model", "");
    CHECK_INT(mkdir(case_path(dir, "v1.bin"), 0700), 0);
    CHECK_STR(target(case_path(dir, "Llama-Q4.gguf"), none), "Llama-Q4");
    CHECK_STR(target(case_path(dir, "a.safetensors"), none), "a");
    CHECK_STR(target(case_path(dir, "model"), none), "model");
    CHECK_STR(target(case_path(dir, "v1.bin"), none), "v1.bin"); /* a folder */
    CHECK_STR(target(case_path(dir, "v1.bin/"), none), "v1.bin");
    CHECK_INT(chdir(case_path(dir, "v1.bin")), 0);
    CHECK_STR(target(".", none), "v1.bin");
    CHECK_STR(target("/", none), "model");
}

/* Not "0123abc_4bit", the last part of the path. */
TEST(convert_store, snapshots_of_the_hub_cache_have_the_name_of_their_model)
{
    const char *dir = home();
    CHECK_INT(mkdir(case_path(dir, "models--org--m-1"), 0700), 0);
    CHECK_INT(mkdir(case_path(dir, "models--org--m-1/snapshots"), 0700), 0);
    CHECK_INT(mkdir(case_path(dir, "models--org--m-1/snapshots/0123abc"), 0700), 0);
    CHECK_STR(target(case_path(dir, "models--org--m-1/snapshots/0123abc"),
                     (cx_convert_options){ .recipe = CX_RECIPE_SPEED_4BIT }),
              "org_m-1_4bit");
}

TEST(convert_store, options_are_checked_first)
{
    char *path = NULL;
    cx_convert_options o = { .recipe = (cx_recipe)-7 };
    CHECK_INT(cx_convert_target("a", &o, &path), CX_EARG);
    CHECK_INT(cx_convert("a", NULL, &o, NULL), CX_EARG);
    CHECK(!path);
}

TEST(convert_store, conversions_go_there_and_are_answered)
{
    const char *dir = home(), *src = case_llama(dir, "src");
    cx_convert_result r;
    CHECK_OK(cx_convert(src, NULL, NULL, &r));
    CHECK(!r.cached);
    CHECK_STR(r.path, case_path(dir, "mlx_models/src_4bit"));
    double bits = r.bits_per_weight;
    CHECK_OK(cx_convert(src, NULL, NULL, &r));
    CHECK(r.cached);
    CHECK(r.bits_per_weight == bits);
    CHECK_STR(r.path, case_path(dir, "mlx_models/src_4bit"));
}

/* ---- the list ---- */

static int note(void *user, const cx_models_entry *e)
{
    char *text = user;
    sprintf(text + strlen(text), "%s from '%s' by '%s' %d;", e->name, e->source, e->recipe,
            e->bytes > 0);
    return !strcmp(e->name, "stop");
}

TEST(convert_store, list_is_by_name)
{
    const char *dir = home(), *src = case_llama(dir, "src"), *models = case_path(dir, "mlx_models");
    cx_convert_options eight = { .recipe = CX_RECIPE_QUALITY_8BIT };
    char text[512] = "";
    CHECK_OK(cx_models_list(note, text)); /* no folder yet */
    CHECK_STR(text, "");
    CHECK_OK(cx_convert(src, NULL, &eight, NULL));
    CHECK_OK(cx_convert(src, NULL, NULL, NULL));
    case_put(models, "a-file", "");
    CHECK_INT(mkdir(case_path(models, ".hidden"), 0700), 0);
    CHECK_INT(mkdir(case_path(models, "broken"), 0700), 0);
    case_put(models, "broken/conversion.json", "{");
    CHECK_OK(cx_models_list(note, text));
    CHECK_STR(text, "broken from '' by '' 1;src_4bit from 'src' by 'speed' 1;"
                    "src_8bit from 'src' by 'quality' 1;");
    CHECK_INT(mkdir(case_path(models, "stop"), 0700), 0);
    CHECK_INT(mkdir(case_path(models, "z"), 0700), 0);
    *text = '\0';
    CHECK_INT(cx_models_list(note, text), CX_ECANCELED);
    CHECK_HAS(text, "stop");
    CHECK(!strstr(text, "z from"));
}

/* ---- removing ---- */

TEST(convert_store, remove_by_name_and_by_path)
{
    const char *dir = home(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    const char *models = case_path(dir, "mlx_models");
    CHECK_OK(cx_convert(src, NULL, NULL, NULL));
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    CHECK_OK(cx_models_remove("src_4bit"));
    CHECK_INT(case_entries(models), 0);
    CHECK_OK(cx_models_remove(case_path(dir, "out///")));
    CHECK(!cx__path_exists(out));
    CHECK_INT(cx_models_remove("src_4bit"), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "src_4bit: no such model");
    CHECK_INT(cx_models_remove(out), CX_ENOTFOUND);
}

TEST(convert_store, remove_refuses_what_cortex_did_not_make)
{
    const char *dir = home(), *src = case_llama(dir, "src"), *mine = case_path(dir, "mine");
    CHECK_INT(cx_models_remove(src), CX_EARG);
    CHECK_HAS(cx_error(), "src: has no conversion.json, so Cortex did not make it");
    CHECK_INT(mkdir(mine, 0700), 0);
    case_put(mine, "conversion.json", "{\"cortex\": \"1\"}"); /* some other program's */
    CHECK_INT(cx_models_remove(mine), CX_EFORMAT);
    CHECK_HAS(cx_error(), "mine/conversion.json: no checksum");
    CHECK_INT(cx_models_remove(case_path(src, "config.json")), CX_ENOTFOUND);
    CHECK_INT(mkdir(case_path(dir, "mlx_models"), 0700), 0);
    CHECK_INT(cx_models_remove(""), CX_EARG); /* not the whole folder of models */
    CHECK_INT(cx_models_remove("/"), CX_EARG);
    CHECK_INT(chdir(mine), 0);
    CHECK_INT(cx_models_remove(".."), CX_EARG);
    CHECK(cx__path_exists(case_path(mine, "conversion.json")));
    CHECK(cx__path_exists(case_path(src, "model.safetensors")));
}

/* A link goes, what it points to stays. */
TEST(convert_store, remove_does_not_follow_links)
{
    const char *dir = home(), *src = case_llama(dir, "src"), *out = case_path(dir, "out"),
               *link = case_path(dir, "link");
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    CHECK_INT(symlink(out, link), 0);
    CHECK_OK(cx_models_remove(link));
    CHECK(!cx__path_exists(link));
    CHECK_OK(cx_verify(out, NULL, NULL, NULL));
}

/* What a killed removal left has the name of a stale stage. */
TEST(convert_store, next_conversion_clears_what_a_killed_removal_left)
{
    const char *dir = home(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    CHECK_INT(rename(out, case_path(dir, ".out.tmp-99999999")), 0);
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    CHECK_INT(case_entries(dir), 2);
}

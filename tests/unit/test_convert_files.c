/* The small files of a converted folder: config.json, README.md, names of recipes. */
#include "convert_case.h"

#include "base/base.h"

/* Converts a llama after putting some files into the source; returns the text of a result file. */
static char *result(const char *files[][2], const char *wanted)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    for (; (*files)[0]; files++) case_put(src, (*files)[0], (*files)[1]);
    CHECK_OK(cx_convert(src, out, NULL, NULL));
    return case_get(out, wanted, NULL);
}

TEST(convert_files, config_is_sorted_and_says_the_packing)
{
    const char *files[][2] = { { "config.json",
                                 "{\"z\": {\"b\": 1, \"a\": 1e-05}, \"model_type\": \"llama\","
                                 " \"_name_or_path\": \"x\", \"vision_config\": {}}" },
                               { NULL } };
    CHECK_STR(result(files, "config.json"), "{\n"
                                            "    \"model_type\": \"llama\",\n"
                                            "    \"quantization\": {\n"
                                            "        \"group_size\": 64,\n"
                                            "        \"bits\": 4,\n"
                                            "        \"mode\": \"affine\"\n"
                                            "    },\n"
                                            "    \"quantization_config\": {\n"
                                            "        \"group_size\": 64,\n"
                                            "        \"bits\": 4,\n"
                                            "        \"mode\": \"affine\"\n"
                                            "    },\n"
                                            "    \"z\": {\n"
                                            "        \"b\": 1,\n"
                                            "        \"a\": 1e-05\n"
                                            "    }\n"
                                            "}");
}

TEST(convert_files, eos_of_the_generation_config_counts)
{
    const char *files[][2] = { { "generation_config.json", "{\"eos_token_id\": [5, 6]}" },
                               { NULL } };
    CHECK_HAS(result(files, "config.json"), "\"eos_token_id\": [\n        5,\n        6\n    ]");
}

TEST(convert_files, eos_zero_of_the_generation_config_does_not)
{
    const char *files[][2] = { { "generation_config.json", "{\"eos_token_id\": 0}" }, { NULL } };
    CHECK_HAS(result(files, "config.json"), "\"eos_token_id\": 2"); /* mlx-lm tests for truth */
}

TEST(convert_files, broken_generation_config_is_ignored)
{
    const char *files[][2] = { { "generation_config.json", "{" }, { NULL } };
    CHECK_HAS(result(files, "config.json"), "\"eos_token_id\": 2");
}

TEST(convert_files, card_without_a_source_card)
{
    const char *files[][2] = { { NULL } };
    CHECK_STR(result(files, "README.md"), "---\nlanguage: en\nlibrary_name: mlx\n"
                                          "pipeline_tag: text-generation\ntags:\n- mlx\n---\n");
}

TEST(convert_files, card_keeps_the_licence_and_the_tags)
{
    const char *files[][2] = { { "README.md",
                                 "---\nlicense: mit\ntags:\n  - chat\nlibrary_name: transformers\n"
                                 "extra:\n- a: 1\n  b: 2\n---\n# Title\n" },
                               { NULL } };
    CHECK_STR(result(files, "README.md"),
              "---\nlicense: mit\ntags:\n  - chat\n  - mlx\nextra:\n- a: 1\n"
              "  b: 2\nlibrary_name: mlx\npipeline_tag: text-generation\n---\n");
}

TEST(convert_files, card_with_a_flow_list_of_tags)
{
    const char *files[][2] = { { "README.md", "---\ntags: [chat]\r\nlicense: mit\n---\n" },
                               { NULL } };
    CHECK_HAS(result(files, "README.md"), "tags: [mlx, chat]\nlicense: mit\n");
}

TEST(convert_files, card_that_does_not_end)
{
    const char *files[][2] = { { "README.md", "---\ntags:" }, { NULL } };
    CHECK_STR(result(files, "README.md"),
              "---\ntags:\n- mlx\nlibrary_name: mlx\npipeline_tag: text-generation\n---\n");
}

TEST(convert_files, config_must_be_an_object_with_a_type)
{
    const char *dir = unit_dir(), *src = case_llama(dir, "src"), *out = case_path(dir, "out");
    case_put(src, "config.json", "[]");
    CHECK_INT(cx_convert(src, out, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "config.json: expected a JSON object");
    case_put(src, "config.json", "{\"model_type\": 3}");
    CHECK_INT(cx_convert(src, out, NULL, NULL), CX_EFORMAT);
    CHECK_HAS(cx_error(), "'model_type' is missing or no string");
}

TEST(convert_files, recipes_have_three_names)
{
    cx_recipe r = CX_RECIPES;
    CHECK_OK(cx_recipe_parse("Balanced", &r));
    CHECK_INT(r, CX_RECIPE_BALANCED_5BIT);
    CHECK_OK(cx_recipe_parse("QUALITY_8BIT", &r));
    CHECK_INT(r, CX_RECIPE_QUALITY_8BIT);
    CHECK_OK(cx_recipe_parse("4bit", &r));
    CHECK_INT(r, CX_RECIPE_SPEED_4BIT);
    CHECK_INT(cx_recipe_parse("fast", &r), CX_EARG);
    CHECK_HAS(cx_error(), "recipe 'fast': expected one of auto, speed");
    CHECK_STR(cx_recipe_name(CX_RECIPE_NONE), "none");
}

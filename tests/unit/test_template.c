/* Chat templates against Jinja2: tests/golden/templates (made by
 * tests/oracle/golden_templates.py) and, when it is there, the material of real models. */
#include "unit.h"

#include "base/base.h"
#include <cortex/template.h>
#include <cortex/tokenizer.h> /* cx_free */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOW = 1721995200 }; /* 2024-07-26 12:00 UTC: the oracle's clock */

static cx_status render(const char *text, size_t len, const char *variables, char **out)
{
    cx_template *t = NULL;
    size_t out_len = 0;
    cx_status st = cx_template_parse("chat.jinja", text, len, &t);
    *out = NULL;
    if (st == CX_OK) st = cx_template_render(t, variables, strlen(variables), NOW, out, &out_len);
    CHECK((st == CX_OK) == (*out != NULL));
    if (*out) CHECK_INT((*out)[out_len], 0);
    cx_template_free(t);
    return st;
}

/* Compares one case; prints what differs. */
static int differs(const char *where, size_t line, const json_t *row, const char *variables)
{
    const json_t *template = json_object_get(row, "template"), *want;
    char *got = NULL;
    cx_status st;
    int bad;
    want = json_object_get(row, "expected");
    st = render(json_string_value(template), json_string_length(template), variables, &got);
    if (want) bad = st != CX_OK || strcmp(got, json_string_value(want)) != 0;
    else bad = st == CX_OK || !strstr(cx_error(), "chat.jinja:");
    if (bad)
        printf("%s:%zu: %s\n  got  %s\n  want %s\n", where, line, json_string_value(template),
               got ? got : cx_error(), want ? json_string_value(want) : "an error");
    cx_free(got);
    return bad;
}

/* The first line of a golden file has the variables of all others. */
static void check_golden(const char *feature, size_t least)
{
    char path[100], *text, *line, *rest, *variables = NULL;
    size_t len, n = 0;
    int bad = 0;
    snprintf(path, sizeof path, "tests/golden/templates/%s.jsonl", feature);
    setenv("TZ", "UTC", 1);
    CHECK_OK(cx__read_file(path, 1 << 20, &text, &len));
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), n++) {
        json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
        CHECK(row != NULL);
        if (n == 0)
            variables = json_dumps(json_object_get(row, "variables"), JSON_REAL_PRECISION(17));
        else bad += differs(path, n + 1, row, variables);
        json_decref(row);
    }
    free(variables);
    cx__free(text);
    CHECK_INT(bad, 0);
    CHECK(n > least);
}

TEST(template, reads_literals_as_jinja)
{
    check_golden("literals", 40);
}
TEST(template, computes_as_jinja)
{
    check_golden("operators", 40);
}
TEST(template, finds_attributes_as_jinja)
{
    check_golden("access", 45);
}
TEST(template, has_python_string_methods)
{
    check_golden("strings", 38);
}
TEST(template, filters_as_jinja)
{
    check_golden("filters", 50);
}
TEST(template, writes_json_as_python)
{
    check_golden("tojson", 20);
}
TEST(template, tests_as_jinja)
{
    check_golden("tests", 16);
}
TEST(template, runs_statements_as_jinja)
{
    check_golden("statements", 100);
}
TEST(template, calls_macros_as_jinja)
{
    check_golden("macros", 30);
}
TEST(template, trims_white_space_as_jinja)
{
    check_golden("whitespace", 45);
}

static char *real_template(const char *dir, const json_t *row, size_t *len)
{
    char *path = cx__format("%s/templates/%s", dir,
                            json_string_value(json_object_get(row, "template"))),
         *text;
    CHECK_OK(cx__read_file(path, 1 << 20, &text, len));
    cx__free(path);
    return text;
}

/* Variables as transformers passes them. */
static char *real_variables(const json_t *row)
{
    json_t *v = json_copy(json_object_get(row, "special"));
    char *text;
    json_object_set(v, "messages", json_object_get(row, "messages"));
    json_object_set(v, "add_generation_prompt", json_object_get(row, "add_generation_prompt"));
    json_object_set_new(v, "tools", json_null());
    json_object_set_new(v, "documents", json_null());
    text = json_dumps(v, JSON_REAL_PRECISION(17));
    json_decref(v);
    return text;
}

static int real_differs(const char *dir, const json_t *row)
{
    const json_t *want = json_object_get(row, "expected");
    size_t len;
    char *text = real_template(dir, row, &len), *variables = real_variables(row), *got = NULL;
    cx_status st = render(text, len, variables, &got);
    int bad = want ? st != CX_OK || strcmp(got, json_string_value(want)) != 0 : st == CX_OK;
    if (bad)
        printf("%s: %s\n", json_string_value(json_object_get(row, "template")),
               got ? got : cx_error());
    cx_free(got);
    cx__free(text);
    free(variables);
    return bad;
}

TEST(template, renders_real_templates)
{
    const char *dir = unit_data();
    char *path, *text, *line, *rest;
    size_t len, n = 0;
    int bad = 0;
    if (!dir) unit_skip("no ../shared/data");
    setenv("TZ", "UTC", 1);
    path = cx__format("%s/templates/expected_renders.jsonl", dir);
    CHECK_OK(cx__read_file(path, 4 << 20, &text, &len));
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), n++) {
        json_t *row = json_loads(line, JSON_ALLOW_NUL, NULL);
        CHECK(row != NULL);
        bad += real_differs(dir, row);
        json_decref(row);
    }
    cx__free(text);
    cx__free(path);
    CHECK_INT(bad, 0);
    CHECK(n >= 270);
}

static void check_error(const char *text, const char *variables, cx_status want, const char *part)
{
    char *out = NULL;
    CHECK_INT(render(text, strlen(text), variables, &out), want);
    CHECK_HAS(cx_error(), part);
}

TEST(template, names_template_and_line)
{
    check_error("a\nb {{ x.y }}", "{}", CX_EFORMAT, "chat.jinja:2: 'x' is undefined");
    check_error("\n\n{{ x", "{}", CX_EFORMAT, "chat.jinja:3: expected");
    check_error("{% for a in b %}\n", "{}", CX_EFORMAT, "chat.jinja:1: a block that begins here");
    check_error("{{ raise_exception('only user') }}", "{}", CX_EFORMAT,
                "chat.jinja:1: the template raises: only user");
    check_error("{% macro m() %}\n{{ 1 + 'a' }}{% endmacro %}\n\n{{ m() }}", "{}", CX_EFORMAT,
                "chat.jinja:2: '+' cannot be used between 'int' and 'str'");
    check_error("{{ [].append(1) }}", "{}", CX_EFORMAT, "'append' is not allowed");
    check_error("{{ ''.__class__.x }}", "{}", CX_EFORMAT, "'__class__' is not allowed");
}

TEST(template, rejects_bad_input)
{
    check_error("\xff", "{}", CX_EFORMAT, "UTF-8");
    check_error("x", "[]", CX_EFORMAT, "not a JSON object");
    check_error("x", "{", CX_EFORMAT, "chat.jinja");
    cx_template_free(NULL);
}

TEST(template, keeps_order_and_kind_of_variables)
{
    char *out = NULL;
    const char *text = "{{ v }}|{{ v.f }}|{{ v|tojson }}|{{ v.nan }}";
    CHECK_OK(render(text, strlen(text),
                    "{\"v\": {\"z\": 1, \"a\": [true, null], \"f\": 1.0,"
                    " \"nan\": NaN, \"q\": \"\\u00e9\"}}",
                    &out));
    CHECK_STR(out, "{'z': 1, 'a': [True, None], 'f': 1.0, 'nan': nan, 'q': '\xc3\xa9'}|1.0|"
                   "{\"z\": 1, \"a\": [true, null], \"f\": 1.0, \"nan\": NaN, \"q\": \"\xc3\xa9\"}"
                   "|nan");
    cx_free(out);
}

TEST(template, renders_again_from_the_same_parse)
{
    const char *text = "{% set x = x + 1 %}{{ x }}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}";
    cx_template *t = NULL;
    char *out;
    size_t len;
    CHECK_OK(cx_template_parse("t", text, strlen(text), &t));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(cx_template_render(t, "{\"x\": 1}", 8, NOW, &out, &len));
        CHECK_STR(out, "22");
        cx_free(out);
    }
    cx_template_free(t);
}

static void *render_often(void *arg)
{
    const cx_template *t = arg;
    for (int i = 0; i < 50; i++) {
        char *out = NULL;
        size_t len;
        cx_status st = cx_template_render(t, "{\"d\": {\"key\": \"v\"}}", 19, NOW, &out, &len);
        bool same = st == CX_OK && strcmp(out, "v\xc3\xa9x 3 [1, 'key'] \xc3\xa9") == 0;
        cx_free(out);
        if (!same) return arg;
    }
    return NULL;
}

/* Under the thread sanitizer this also shows that rendering writes nothing to the template. */
TEST(template, one_parse_serves_many_threads)
{
    const char *text = "{% macro m(a) %}{{ a['key'] ~ '\xc3\xa9x' }}{% endmacro %}{{ m(d) }} "
                       "{{ '\xc3\xa9x1'|length }} {{ [1, 'key'] }} {{ '\xc3\xa9' }}";
    pthread_t threads[4];
    cx_template *t = NULL;
    void *bad;
    CHECK_OK(cx_template_parse("t", text, strlen(text), &t));
    for (int i = 0; i < 4; i++) CHECK_INT(pthread_create(&threads[i], NULL, render_often, t), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(pthread_join(threads[i], &bad), 0);
        CHECK(bad == NULL);
    }
    cx_template_free(t);
}

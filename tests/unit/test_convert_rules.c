/* Rules files: conditions, actions, and a sentence for each mistake. */
#include "unit.h"

#include "convert/rules.h"
#include <stdio.h>
#include <stdlib.h>

static cx__rules *parse(const char *text)
{
    cx__rules *r = NULL;
    CHECK_OK(cx__rules_parse(text, strlen(text), "rules", &r));
    return r;
}

static const int64_t matrix[] = { 96, 64 }, stack[] = { 4, 96, 64 };

/* The choice for a module of layer `layer` of 10: bits, "leave" as -1, nothing as 0. */
static int bits_at(const cx__rules *r, const char *path, int64_t layer, int ndim)
{
    const cx_convert_module m = { .path = path,
                                  .shape = ndim == 3 ? stack : matrix,
                                  .ndim = ndim,
                                  .layer = layer,
                                  .layers = 10 };
    cx_convert_choice c = { 0 };
    CHECK_OK(cx__rules_choose(r, &m, &c));
    return c.leave ? -1 : c.bits;
}

static void expect(const char *text, const char *path, int64_t layer, int bits)
{
    cx__rules *r = parse(text);
    int found = bits_at(r, path, layer, 2);
    if (found != bits) fail_msg("'%s' for '%s': %d, not %d", text, path, found, bits);
    cx__rules_free(r);
}

TEST(convert_rules, globs_match_the_whole_path)
{
    expect("lm_head bits=6", "lm_head", -1, 6);
    expect("lm_head bits=6", "model.lm_head", -1, 0);
    expect("*.mlp.* bits=3", "model.layers.0.mlp.up_proj", 0, 3);
    expect("*.mlp bits=3", "model.layers.0.mlp.up_proj", 0, 0);
    expect("model.layers.?.mlp.* bits=3", "model.layers.7.mlp.up_proj", 7, 3);
    expect("model.layers.?.mlp.* bits=3", "model.layers.17.mlp.up_proj", 17, 0);
    expect("*.[qk]_proj leave", "a.k_proj", 0, -1);
    expect("*.[qk]_proj leave", "a.v_proj", 0, 0);
    expect("* leave", "anything.at.all", -1, -1);
    expect("a\\* leave", "a\\b", -1, -1); /* a backslash is itself */
}

TEST(convert_rules, regular_expressions_search)
{
    expect("/mlp/ bits=3", "model.layers.0.mlp.up_proj", 0, 3);
    expect("/^mlp/ bits=3", "model.layers.0.mlp.up_proj", 0, 0);
    expect("/layers\\.[0-3]\\.(q|k)_proj$/ bits=8", "layers.2.k_proj", 2, 8);
    expect("/layers\\.[0-3]\\.(q|k)_proj$/ bits=8", "layers.4.k_proj", 4, 0);
    expect("// bits=8", "x", 0, 8);
    expect("/ leave", "/", 0, -1); /* one slash is a name */
    expect("/a#b/ leave", "xa#b", 0, -1);
}

TEST(convert_rules, first_rule_that_fits_decides)
{
    const char *text = "*.a bits=2\n*.a bits=8\n* bits=5\n";
    expect(text, "x.a", 0, 2);
    expect(text, "x.b", 0, 5);
}

TEST(convert_rules, layers_count_from_both_ends)
{
    expect("* layer<2 bits=8", "x", 1, 8);
    expect("* layer<2 bits=8", "x", 2, 0);
    expect("* layer<=2 bits=8", "x", 2, 8);
    expect("* layer>8 bits=8", "x", 9, 8);
    expect("* layer>=8 layer!=9 bits=8", "x", 8, 8);
    expect("* layer>=8 layer!=9 bits=8", "x", 9, 0);
    expect("* layer=-1 bits=8", "x", 9, 8);
    expect("* layer>=-2 bits=8", "x", 8, 8);
    expect("* layer>=-2 bits=8", "x", 7, 0);
    expect("* layer<0 bits=8", "x", 0, 0);
    /* Outside of the layers no layer condition fits, not even "not". */
    expect("* layer!=3 bits=8", "lm_head", -1, 0);
    expect("* layer<100 bits=8", "lm_head", -1, 0);
}

TEST(convert_rules, sizes)
{
    expect("* rows=96 bits=8", "x", 0, 8);
    expect("* cols=96 bits=8", "x", 0, 0);
    expect("* cols=64 params=6144 dims=2 bits=8", "x", 0, 8);
    expect("* params>6144 bits=8", "x", 0, 0);
    cx__rules *r = parse("* dims=3 rows=384 params=24576 leave");
    CHECK_INT(bits_at(r, "x", 0, 3), -1);
    CHECK_INT(bits_at(r, "x", 0, 2), 0);
    cx__rules_free(r);
}

TEST(convert_rules, comments_blanks_and_line_ends)
{
    const char *text = "# a comment\n\n   \t\n  *.a \t bits=2 # for a\r\n*.b bits=3\r\n*.c bits=4";
    expect(text, "x.a", 0, 2);
    expect(text, "x.b", 0, 3);
    expect(text, "x.c", 0, 4);
    expect("", "x", 0, 0);
    expect("#", "x", 0, 0);
}

TEST(convert_rules, all_actions_reach_the_choice)
{
    cx__rules *r = parse("a mode=affine bits=8 group=32\nb group=128\nc leave\n");
    cx_convert_module m = { .path = "a", .shape = matrix, .ndim = 2, .layer = -1 };
    cx_convert_choice c = { .leave = true, .bits = 3, .group_size = 64 };
    CHECK_OK(cx__rules_choose(r, &m, &c));
    CHECK(!c.leave);
    CHECK_STR(c.mode, "affine");
    CHECK_INT(c.bits, 8);
    CHECK_INT(c.group_size, 32);
    m.path = "b";
    CHECK_OK(cx__rules_choose(r, &m, &c));
    CHECK(!c.mode);
    CHECK_INT(c.bits, 0); /* the conversion's: a rule is the whole choice */
    CHECK_INT(c.group_size, 128);
    m.path = "none";
    c.bits = 7;
    CHECK_OK(cx__rules_choose(r, &m, &c));
    CHECK_INT(c.bits, 7);
    CHECK_INT(c.group_size, 128);
    cx__rules_free(r);
}

static void refuse(const char *text, cx_status status, const char *says)
{
    cx__rules *r = NULL;
    CHECK_INT(cx__rules_parse(text, strlen(text), "f", &r), status);
    CHECK(!r);
    if (strcmp(cx_error(), says) != 0 && !strstr(cx_error(), says))
        fail_msg("'%s': '%s' lacks '%s'", text, cx_error(), says);
}

TEST(convert_rules, every_mistake_has_its_sentence)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "a", "f: line 1: expected bits=, group=, mode= or leave" },
        { "\n#\na layer<2", "f: line 3: expected bits=, group=, mode= or leave" },
        { "a bits=4 leave", "f: line 1: expected bits, group and mode, or leave, not both" },
        { "a bits=", "line 1: expected a number from 1 to 128, found 'bits='" },
        { "a bits=x", "expected a number from 1 to 128, found 'bits=x'" },
        { "a bits=4x", "expected a number from 1 to 128, found 'bits=4x'" },
        { "a bits=0", "found 'bits=0'" },
        { "a bits=-4", "found 'bits=-4'" },
        { "a group=129", "found 'group=129'" },
        { "a group=99999999999999999999", "found 'group=99999999999999999999'" },
        { "a mode=mlx", "line 1: quantization mode 'mlx' is not known" },
        { "a Leave", "found 'Leave'" },
        { "a bits", "bits=, group=, mode=, leave; found 'bits'" },
        { "a colour=3", "expected a condition (layer, rows, cols, params, dims)" },
        { "a layer bits=4", "found 'layer'" },
        { "a layer<x bits=4", "expected a whole number behind the sign, found 'layer<x'" },
        { "a layer< bits=4", "expected a whole number behind the sign, found 'layer<'" },
        { "a layer!3 bits=4", "expected a whole number behind the sign, found 'layer!3'" },
        { "a layer==3 bits=4", "expected a whole number behind the sign, found 'layer==3'" },
        { "a layer<1e3 bits=4", "found 'layer<1e3'" },
        { "a layer<1234567890123456 bits=4", "expected a whole number" },
        { "/(/ bits=4", "line 1: regular expression: missing closing parenthesis at its byte 1" },
        { "/a\\Cb/ bits=4", "regular expression: " },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(bad[i].text, CX_EFORMAT, bad[i].says);
}

TEST(convert_rules, limits)
{
    char text[700];
    refuse("a layer>0 layer>0 layer>0 layer>0 layer>0 layer>0 layer>0 layer>0 layer>0 bits=4",
           CX_ELIMIT, "line 1: expected at most 8 conditions");
    refuse("*a*a*a*a*a*a*a*a* bits=4", CX_ELIMIT, "line 1: expected at most 8 stars in a pattern");
    memset(text, 'a', 513);
    strcpy(text + 513, " bits=4");
    refuse(text, CX_ELIMIT, "line 1: expected a pattern of at most 512 bytes");
    memmove(text, text + 1, strlen(text));
    expect(text, "a", 0, 0);
}

TEST(convert_rules, a_nul_is_no_text)
{
    cx__rules *r = NULL;
    CHECK_INT(cx__rules_parse("* leave\n\0* leave", 16, "f", &r), CX_EFORMAT);
    CHECK_HAS(cx_error(), "f: expected text, found a NUL");
    CHECK_OK(cx__rules_parse(NULL, 0, "f", &r)); /* an empty file */
    cx__rules_free(r);
}

/* Text of n lines "PATTERN bits=4", the last for what no other fits. */
static char *lines(size_t n, const char *format)
{
    static cx__buf b;
    cx__buf_clear(&b);
    b.max = 1 << 24;
    for (size_t i = 0; i < n; i++) CHECK(cx__buf_printf(&b, format, i));
    return b.data;
}

TEST(convert_rules, ten_thousand_rules)
{
    cx__rules *r = parse(lines(10000, "layer.%zu.* bits=4\n"));
    CHECK_INT(bits_at(r, "layer.9999.x", 0, 2), 4);
    CHECK_INT(bits_at(r, "layer.10000.x", 0, 2), 0);
    cx__rules_free(r);
    refuse(lines(10001, "a%zu bits=4\n"), CX_ELIMIT, "line 10001: expected at most 10000 rules");
    r = parse(lines(10000, "/^layer\\.%zu\\./ bits=4\n"));
    CHECK_INT(bits_at(r, "layer.9999.x", 0, 2), 4);
    cx__rules_free(r);
}

/* Each compiles to some 40 KiB. */
TEST(convert_rules, compiled_expressions_are_bounded_together)
{
    refuse(lines(1000, "/(abcd){2000}%zu/ leave\n"), CX_ELIMIT,
           "regular expressions: together they take more than 8 MiB");
}

TEST(convert_rules, expressions_that_do_not_end_are_given_up)
{
    cx__rules *r = parse("/^(a+)+$/ bits=4");
    const cx_convert_module m = { .path = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
                                  .shape = matrix,
                                  .ndim = 2,
                                  .layer = -1 };
    cx_convert_choice c = { 0 };
    CHECK_INT(cx__rules_choose(r, &m, &c), CX_ELIMIT);
    CHECK_HAS(cx_error(), "gave up on 'aaaa");
    cx__rules_free(r);
}

TEST(convert_rules, globs_of_eight_stars_are_quick)
{
    char path[256];
    memset(path, 'a', 255);
    path[255] = '\0';
    expect("*a*a*a*a*a*a*ab*? bits=4", path, 0, 0);
    expect("*a*a*a*a*a*a*a*? bits=4", path, 0, 4);
}

TEST(convert_rules, files)
{
    cx__rules *r = NULL;
    CHECK_INT(cx__rules_open("/nonexistent/rules", &r), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "/nonexistent/rules: ");
    const char *path = unit_file("r.txt", "* bits=9", 8);
    CHECK_OK(cx__rules_open(path, &r)); /* what a mode has is the chooser's to say */
    uint64_t hash = cx__rules_hash(r);
    cx__rules_free(r);
    CHECK_OK(cx__rules_open(unit_file("r.txt", "* bits=8", 8), &r));
    CHECK(cx__rules_hash(r) != hash);
    cx__rules_free(r);
    char *big = calloc(1, (1 << 20) + 1);
    CHECK(big != NULL);
    memset(big, '#', (1 << 20) + 1);
    CHECK_INT(cx__rules_open(unit_file("big", big, (1 << 20) + 1), &r), CX_ELIMIT);
    free(big);
    cx__rules_free(NULL);
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, rules_fail_cleanly)
{
    static const char text[] =
        "# x\n/^model\\.(a|b)+/ layer<2 bits=4 group=32\n*.c leave\n/z/ leave";
    const cx_convert_module m = { .path = "model.x.d", .shape = matrix, .ndim = 2, .layer = 1 };
    cx_status st = CX_ENOMEM;
    for (int n = 0; st != CX_OK; n++) {
        cx__rules *r = NULL;
        cx_convert_choice c = { .bits = 3 };
        CHECK(n < 1000);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx__rules_parse(text, sizeof text - 1, "f", &r);
        if (st == CX_OK) st = cx__rules_choose(r, &m, &c);
        cx__alloc_fault_set(NULL);
        if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
        CHECK_INT(c.bits, 3);
        cx__rules_free(r);
    }
}

/* Patterns of names, rename rules, packing rules: models/registry.c. */
#include "unit.h"

#include "models/arch.h"
#include <stdlib.h>

TEST(registry, patterns)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } cases[] = {
        { "a.b", "a.b", true },
        { "a.b", "a.bc", false },
        { "a.b", "a", false },
        { "*", "a", true },
        { "*", "", false }, /* one or more */
        { "*", "a.b", false },
        { "a.*.c", "a.b.c", true },
        { "a.*.c", "a..c", false },
        { "a.*.c", "a.b.b.c", false },
        { "*.weight", "weight", false },
        { "h.*.attn.bias", "h.11.attn.bias", true },
        { "h.*.attn.bias", "h.11.attn.bias2", false },
        { "*norm*", "q_norm2", true },
        { "*norm*", "norm2", false },
        { "**", "", true },
        { "**", "a.b.c", true },
        { "**.c", "a.b.c", true },
        { "**.c", "c", false },
        { "**c", "c", true },
        { "a**b", "ab", true },
        { "a**b", "a.x.b.y.b", true },
        { "**.*.w", "a.b.w", true },
        { "**.*.w", "b.w", false },
        { "**a**a**", "a.a", true },
        { "**a**a**", "ba", false },
        { "e.#.w", "e.0.w", true },
        { "e.#.w", "e.123456.w", true },
        { "e.#.w", "e.1234567.w", false }, /* more than any model has */
        { "e.#.w", "e..w", false },
        { "e.#.w", "e.x.w", false },
        { "e.#", "e.7a", false },
        { "a.*.e.#.w", "a.3.e.12.w", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (cx__pattern_match(cases[i].pattern, cases[i].name) != cases[i].fits)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].name);
}

/* All results of a name, as "new name:how:expert" joined by spaces; "" if it is dropped. */
static const char *renamed(const cx__rename *rules, const char *name, bool tied)
{
    static char text[1024];
    size_t at = 0;
    const cx__facts facts = { .tied = tied };
    cx__renamed r = { .more = true };
    *text = '\0';
    for (size_t nth = 0; r.more; nth++) {
        CHECK_OK(cx__rename_apply(rules, name, nth, &facts, &r));
        if (r.how & CX__DROP) continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s:%u:%ld", at ? " " : "", r.name,
                               r.how, r.expert);
    }
    return text;
}

static const cx__rename rules[] = {
    { "*.drop", NULL, CX__DROP },
    { "head.w", NULL, CX__DROP_IF_TIED },
    { "head.*", "lm_head.*", CX__KEEP },
    { "model.*.mlp.*.**", "m.*.x.*.**", CX__KEEP },
    { "e.*.x.#.gate", "e.*.gate", CX__KEEP },
    { "*.both", "*.a", CX__FIRST_HALF },
    { "*.between", "*.b", CX__KEEP },
    { "*.both", "*.b", CX__SECOND_HALF | CX__TRANSPOSE },
    { "*.both", NULL, CX__ODD },
    { "stars", "st*rs", CX__KEEP },
    { NULL, NULL, CX__KEEP },
};

TEST(registry, first_rule_that_fits)
{
    CHECK_STR(renamed(rules, "a.drop", false), "");
    CHECK_STR(renamed(rules, "other.name", false), "other.name:0:-1");
    CHECK_STR(renamed(rules, "head.bias", false), "lm_head.bias:0:-1");
    CHECK_STR(renamed(rules, "stars", false), "st*rs:0:-1"); /* more stars than the pattern's */
    CHECK_STR(renamed(rules, "", false), ":0:-1");
}

TEST(registry, stars_repeat_what_they_stood_for)
{
    CHECK_STR(renamed(rules, "model.12.mlp.up.weight", false), "m.12.x.up.weight:0:-1");
    CHECK_STR(renamed(rules, "model.12.mlp.up.a.b.c", false), "m.12.x.up.a.b.c:0:-1");
    CHECK_STR(renamed(rules, "model.12.mlp.up.", false), "m.12.x.up.:0:-1");
}

TEST(registry, number_of_the_expert)
{
    CHECK_STR(renamed(rules, "e.3.x.17.gate", false), "e.3.gate:0:17");
    CHECK_STR(renamed(rules, "e.3.x.017.gate", false), "e.3.gate:0:17");
}

TEST(registry, rules_of_one_pattern_give_several_results)
{
    CHECK_STR(renamed(rules, "x.both", false), "x.a:16:-1 x.b:36:-1 x.both:128:-1");
    CHECK_STR(renamed(rules, "x.between", false), "x.b:0:-1");
}

TEST(registry, tied_heads_are_dropped)
{
    CHECK_STR(renamed(rules, "head.w", true), "");
    CHECK_STR(renamed(rules, "head.w", false), "lm_head.w:0:-1");
    CHECK_STR(renamed(cx__arch_renames(NULL), "lm_head.weight", true), "");
    CHECK_STR(renamed(cx__arch_renames(NULL), "lm_head.weight", false), "lm_head.weight:0:-1");
    CHECK_STR(renamed(cx__arch_renames(NULL), "a.b.rotary_emb.inv_freq", false), "");
}

TEST(registry, long_names)
{
    static const cx__rename longer[] = { { "a*", "a*-and-more", CX__KEEP },
                                         { NULL, NULL, CX__KEEP } };
    char name[257];
    const cx__facts facts = { 0 };
    cx__renamed r;
    memset(name, 'b', 256);
    name[256] = '\0';
    CHECK_INT(cx__rename_apply(longer, name, 0, &facts, &r), CX_ELIMIT);
    CHECK_HAS(cx_error(), "expected at most 255 bytes");
    name[255] = '\0';
    CHECK_STR(renamed(longer, name, false) + 255, ":0:-1");
    name[0] = 'a';
    CHECK_INT(cx__rename_apply(longer, name, 0, &facts, &r), CX_ELIMIT); /* what it becomes */
    name[246] = '\0';
    CHECK_STR(renamed(longer, name, false) + 246, "-and-more:0:-1");
}

/* Matching tries every split: a name of a megabyte must not be tried. */
TEST(registry, a_name_of_a_megabyte_ends_at_once)
{
    static const cx__rename stars[] = { { "**x**x**x**y", NULL, CX__DROP },
                                        { NULL, NULL, CX__KEEP } };
    static char name[1 << 20];
    const cx__facts facts = { 0 };
    cx__renamed r;
    memset(name, 'x', sizeof name - 1);
    CHECK_INT(cx__rename_apply(stars, name, 0, &facts, &r), CX_ELIMIT);
}

TEST(registry, packing_rules_and_kept_types)
{
    static const cx__pack_rule packs[] = {
        { "**.gate", 8, 64 }, { "**.router", 0, 0 }, { "**.gate", 2, 32 }, { NULL, 0, 0 }
    };
    static const char *const keeps[] = { "*.A_log", "**.D", NULL };
    const cx__arch arch = { .name = "made", .packs = packs, .keeps = keeps };
    CHECK_INT(cx__arch_pack(&arch, "l.0.gate")->bits, 8);
    CHECK_INT(cx__arch_pack(&arch, "l.0.router")->bits, 0);
    CHECK(!cx__arch_pack(&arch, "l.0.gate_proj"));
    CHECK(!cx__arch_pack(NULL, "l.0.gate"));
    CHECK(cx__arch_keeps_dtype(&arch, "a.A_log"));
    CHECK(!cx__arch_keeps_dtype(&arch, "a.b.A_log"));
    CHECK(cx__arch_keeps_dtype(&arch, "a.b.D"));
    CHECK(!cx__arch_keeps_dtype(NULL, "a.D"));
}

TEST(registry, architectures_by_type_and_alias)
{
    CHECK_STR(cx__arch_name(cx__arch_find("llama")), "llama");
    CHECK_STR(cx__arch_name(cx__arch_find("mistral")), "llama");
    CHECK(!cx__arch_find("Llama"));
    CHECK(!cx__arch_find(""));
    CHECK(cx__arch_runs(cx__arch_find("gpt2")));
    CHECK(!cx__arch_runs(&(cx__arch){ .name = "made" }));
}

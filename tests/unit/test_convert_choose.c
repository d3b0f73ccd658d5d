/* The table module -> packing: recipes, the architecture's rules, rules files, predicates, codes
 * that are kept. MLX's own choices: tests/oracle. */
#include "source_case.h"

#include "models/arch.h"
#include <stdlib.h>

#define M(name_, rows, cols)                                                                       \
    {                                                                                              \
        .name = name_, .dtype = CX_F16, .ndim = 2, .shape = { rows, cols }                         \
    }
#define L(i, name) "model.layers." #i "." name ".weight"
#define LAYER(i)                                                                                   \
    M(L(i, "self_attn.q_proj"), 2, 128), M(L(i, "self_attn.v_proj"), 2, 128),                      \
        M(L(i, "mlp.down_proj"), 2, 128)

/* Eight layers, embedding, head, and what is no module or does not divide. */
static cx__source *model(void)
{
    cx_tensor t[] = {
        M("model.embed_tokens.weight", 4, 128),
        M("lm_head.weight", 4, 128),
        M("model.norm.weight", 1, 128),   /* a norm */
        M("model.conv1d.weight", 4, 128), /* a convolution */
        M("model.table", 4, 128),         /* no ".weight" */
        M("model.narrow.weight", 4, 32),  /* 32: no group of 64 */
        M("model.layers.0.mlp.gate.weight", 4, 128),
        { .name = "model.whole.weight", .dtype = CX_I32, .ndim = 2, .shape = { 2, 64 } },
        { .name = "model.vector.weight", .dtype = CX_F16, .ndim = 1, .shape = { 64 } },
        { .name = "model.cube.weight", .dtype = CX_F16, .ndim = 3, .shape = { 2, 2, 64 } },
        { .name = "model.layers.1.mlp.switch_mlp.up_proj.weight",
          .dtype = CX_F16,
          .ndim = 3,
          .shape = { 2, 2, 64 } },
        LAYER(0),
        LAYER(1),
        LAYER(2),
        LAYER(3),
        LAYER(4),
        LAYER(5),
        LAYER(6),
        LAYER(7),
    };
    return source_of(t, sizeof t / sizeof *t);
}

typedef struct chosen {
    cx__entries entries;
    cx__plan_table table;
} chosen;

static cx_status try(cx__source *s, const cx__arch *arch, cx_convert_options o, const char *rules,
                     chosen *out)
{
    cx__rules *r = NULL;
    json_t *config = json_pack("{s:s}", "model_type", "made");
    *out = (chosen){ .table = { 0 } };
    if (rules) CHECK_OK(cx__rules_parse(rules, strlen(rules), "rules", &r));
    CHECK_OK(cx__recipe_check(&o));
    CHECK_OK(cx__entries_make(s, arch, false, &out->entries));
    CHECK_OK(cx__entries_cast(&out->entries, arch, false, CX_F16));
    cx_status st = cx__choose(&out->entries, arch, config, "here", &o, r, &out->table);
    cx__rules_free(r);
    json_decref(config);
    return st;
}

static chosen choose(cx__source *s, const cx__arch *arch, cx_convert_options o, const char *rules)
{
    chosen c;
    CHECK_OK(try(s, arch, o, rules, &c));
    return c;
}

static void release(chosen *c)
{
    cx__entries_free(&c->entries);
    cx__plan_table_free(&c->table);
}

static const cx__module *find(const chosen *c, const char *path)
{
    for (size_t i = 0; i < c->table.count; i++)
        if (!strcmp(c->table.list[i].path, path)) return &c->table.list[i];
    return NULL;
}

/* "4/64", "8/32 kept"; "" for a module that is left, "-" for what is no module. */
static const char *how(const chosen *c, const char *path)
{
    static char text[8][64];
    static int n;
    const cx__module *m = find(c, path);
    char *out = text[n++ % 8];
    if (!m) return "-";
    if (!m->how.mode) return "";
    snprintf(out, 64, "%d/%d%s", m->how.bits, m->how.group, m->kept ? " kept" : "");
    return out;
}

static void expect(const chosen *c, const char *path, const char *want)
{
    if (strcmp(how(c, path), want) != 0) fail_msg("%s: '%s', not '%s'", path, how(c, path), want);
}

TEST(convert_choose, what_is_a_module)
{
    chosen c = choose(model(), NULL, (cx_convert_options){ 0 }, NULL);
    CHECK_INT(c.table.count, 2 + 2 + 1 + 24);
    CHECK_INT(c.table.packed, 28); /* "narrow" does not divide */
    CHECK_INT(c.table.layers, 8);
    CHECK_INT(c.table.standard.bits, 4);
    expect(&c, "model.narrow", "");
    expect(&c, "model.norm", "-");
    expect(&c, "model.conv1d", "-");
    expect(&c, "model.table", "-");
    expect(&c, "model.whole", "-");
    expect(&c, "model.vector", "-");
    expect(&c, "model.cube", "-");
    expect(&c, "model.layers.1.mlp.switch_mlp.up_proj", "4/64");
    CHECK_INT(find(&c, "model.layers.3.mlp.down_proj")->layer, 3);
    CHECK_INT(find(&c, "lm_head")->layer, -1);
    release(&c);
}

TEST(convert_choose, recipes_of_one_width)
{
    static const struct {
        cx_convert_options o;
        const char *how;
    } cases[] = {
        { { .recipe = CX_RECIPE_AUTO }, "4/64" },
        { { .recipe = CX_RECIPE_SPEED_4BIT }, "4/64" },
        { { .recipe = CX_RECIPE_BALANCED_5BIT }, "5/64" },
        { { .recipe = CX_RECIPE_QUALITY_8BIT }, "8/64" },
        { { .recipe = CX_RECIPE_NONE }, "" },
        { { .dequantize = true }, "" },
        { { .bits = 3 }, "3/64" },
        { { .recipe = CX_RECIPE_QUALITY_8BIT, .bits = 2, .group_size = 128 }, "2/128" },
        { { .group_size = 32 }, "4/32" },
    };
    cx__source *s = model();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        chosen c = choose(s, NULL, cases[i].o, NULL);
        expect(&c, "lm_head", cases[i].how);
        expect(&c, "model.layers.7.self_attn.q_proj", cases[i].how);
        release(&c);
    }
}

TEST(convert_choose, mixed_gives_critical_layers_more)
{
    static const char *const names[] = { "q_proj", "gate", NULL };
    cx_convert_options o = { .recipe = CX_RECIPE_MIXED_PRECISION };
    cx__source *s = model();
    chosen c = choose(s, NULL, o, NULL);
    expect(&c, "lm_head", "6/64");
    expect(&c, "model.embed_tokens", "6/64");
    expect(&c, "model.layers.0.mlp.gate", "4/64");
    CHECK_INT(c.table.standard.bits, 4);
    release(&c);
    o.critical = names;
    o.critical_bits = 8;
    o.standard_bits = 3;
    o.group_size = 32;
    c = choose(s, NULL, o, NULL);
    expect(&c, "lm_head", "3/32");
    expect(&c, "model.narrow", "3/32"); /* divides now */
    expect(&c, "model.layers.0.mlp.gate", "8/32");
    expect(&c, "model.layers.5.self_attn.q_proj", "8/32");
    release(&c);
}

/* mlx_lm 0.32.2 on eight layers: the first eighth, the last, and every third between. */
TEST(convert_choose, mixes_of_mlx_lm)
{
    static const bool more[] = { true, false, false, true, false, false, true, true };
    static const struct {
        cx_recipe recipe;
        const char *low, *high;
    } cases[] = { { CX_RECIPE_MIXED_2_6, "2/64", "6/64" },
                  { CX_RECIPE_MIXED_3_4, "3/64", "4/64" },
                  { CX_RECIPE_MIXED_3_6, "3/64", "6/64" },
                  { CX_RECIPE_MIXED_4_6, "4/64", "6/64" } };
    cx__source *s = model();
    for (size_t k = 0; k < 4; k++) {
        char path[64];
        chosen c = choose(s, NULL, (cx_convert_options){ .recipe = cases[k].recipe }, NULL);
        for (int i = 0; i < 8; i++) {
            const char *want = more[i] ? cases[k].high : cases[k].low;
            snprintf(path, sizeof path, "model.layers.%d.self_attn.v_proj", i);
            expect(&c, path, want);
            snprintf(path, sizeof path, "model.layers.%d.mlp.down_proj", i);
            expect(&c, path, want);
            snprintf(path, sizeof path, "model.layers.%d.self_attn.q_proj", i);
            expect(&c, path, cases[k].low);
        }
        expect(&c, "lm_head", cases[k].high);
        expect(&c, "model.embed_tokens", cases[k].low);
        release(&c);
    }
}

TEST(convert_choose, mixes_of_mlx_lm_need_down_proj)
{
    cx_tensor t = M("model.layers.0.mlp.fc2.weight", 2, 64);
    chosen c;
    cx_convert_options o = { .recipe = CX_RECIPE_MIXED_3_6 };
    CHECK_INT(try(source_of(&t, 1), NULL, o, NULL, &c), CX_EUNSUPPORTED);
    CHECK_HAS(cx_error(), "here: recipe mixed_3_6 needs modules named down_proj");
    CHECK(!c.table.list);
    cx__entries_free(&c.entries);
}

/* ---- who decides ---- */

static const cx__pack_rule own[] = { { "**.gate", 8, 32 }, { "lm_head", 0, 0 }, { NULL, 0, 0 } };
static const cx__arch routed = { .name = "made", .packs = own };

TEST(convert_choose, the_architecture_has_rules_of_its_own)
{
    cx__source *s = model();
    chosen c = choose(s, &routed, (cx_convert_options){ .bits = 2 }, NULL);
    expect(&c, "model.layers.0.mlp.gate", "8/32");
    expect(&c, "lm_head", "-");
    CHECK_INT(c.table.standard.bits, 2);
    release(&c);
    c = choose(s, &routed, (cx_convert_options){ .recipe = CX_RECIPE_NONE }, NULL);
    expect(&c, "model.layers.0.mlp.gate", "");
    release(&c);
}

TEST(convert_choose, rules_go_before_recipe_and_architecture)
{
    cx_convert_options o = { .recipe = CX_RECIPE_MIXED_PRECISION };
    chosen c = choose(model(), &routed, o,
                      "*.gate bits=3\nmodel.embed_tokens leave\n* layer=-1 group=128\n");
    expect(&c, "model.layers.0.mlp.gate", "3/64");
    expect(&c, "model.embed_tokens", "");
    expect(&c, "model.layers.7.self_attn.q_proj", "4/128");
    expect(&c, "model.layers.6.self_attn.q_proj", "4/64");
    release(&c);
}

TEST(convert_choose, rules_pack_what_the_recipe_leaves)
{
    cx_convert_options o = { .recipe = CX_RECIPE_NONE };
    chosen c = choose(model(), NULL, o, "*.down_proj bits=8\n*.q_proj mode=affine");
    expect(&c, "model.layers.0.mlp.down_proj", "8/64");
    expect(&c, "model.layers.0.self_attn.q_proj", "4/64");
    expect(&c, "model.layers.0.self_attn.v_proj", "");
    CHECK_INT(c.table.packed, 16);
    CHECK(c.table.standard.mode != NULL); /* one of the two */
    release(&c);
}

TEST(convert_choose, what_is_most_common_is_the_standard)
{
    cx_convert_options o = { .recipe = CX_RECIPE_NONE };
    chosen c = choose(model(), NULL, o, "lm_head bits=8\n* layer<3 bits=3\n* layer>5 bits=2");
    CHECK_INT(c.table.standard.bits, 3);
    release(&c);
    c = choose(model(), NULL, (cx_convert_options){ .bits = 4 }, "* layer>=0 bits=3");
    CHECK_INT(c.table.standard.bits, 4); /* unless one was asked for */
    release(&c);
    c = choose(model(), NULL, o, NULL);
    CHECK(!c.table.standard.mode);
    release(&c);
}

typedef struct asked {
    int calls, stop_at;
    cx_convert_choice give; /* to q_proj of layer 2 */
    bool unchanged;
    cx_convert_choice saw;
    char source[64];
} asked;

static int answer(void *user, const cx_convert_module *m, cx_convert_choice *choice)
{
    asked *a = user;
    if (++a->calls == a->stop_at) return 1;
    CHECK_STR(m->config, "{\"model_type\": \"made\"}");
    CHECK_INT(m->layers, 8);
    if (strcmp(m->path, "model.layers.2.self_attn.q_proj") != 0) return 0;
    CHECK_INT(m->layer, 2);
    CHECK_INT(m->ndim, 2);
    CHECK_INT(m->shape[1], 128);
    a->saw = *choice;
    snprintf(a->source, sizeof a->source, "%s", m->source ? m->source : "");
    if (!a->unchanged) *choice = a->give;
    return 0;
}

TEST(convert_choose, the_predicate_has_the_last_word)
{
    asked a = { .give = { .bits = 2, .group_size = 128 } };
    cx_convert_options o = { .predicate = answer, .predicate_user = &a };
    chosen c = choose(model(), &routed, o, "*.q_proj bits=3");
    CHECK_INT(a.calls, c.table.count); /* also for what does not divide, not for the head */
    CHECK_INT(a.saw.bits, 3);
    CHECK_STR(a.source, "");
    expect(&c, "model.layers.2.self_attn.q_proj", "2/128");
    expect(&c, "model.layers.1.self_attn.q_proj", "3/64");
    release(&c);
    a.give = (cx_convert_choice){ .leave = true };
    c = choose(model(), NULL, o, NULL);
    expect(&c, "model.layers.2.self_attn.q_proj", "");
    release(&c);
}

TEST(convert_choose, a_predicate_can_stop)
{
    asked a = { .stop_at = 3 };
    chosen c;
    cx_convert_options o = { .predicate = answer, .predicate_user = &a };
    CHECK_INT(try(model(), NULL, o, NULL, &c), CX_ECANCELED);
    CHECK_HAS(cx_error(), "stopped at the choice for 'model.layers.0.");
    CHECK_INT(a.calls, 3);
    CHECK(!c.table.list);
    cx__entries_free(&c.entries);
}

TEST(convert_choose, choices_that_the_mode_does_not_have)
{
    static const struct {
        cx_convert_choice choice;
        cx_status status;
        const char *says;
    } bad[] = {
        { { .bits = 7 }, CX_EARG, "model.layers.2.self_attn.q_proj: mode affine has no 7 bits" },
        { { .bits = -1 }, CX_EARG, "no -1 bits in groups of 64" },
        { { .group_size = 48 }, CX_EARG, "mode affine has no 4 bits in groups of 48" },
        { { .mode = "fp4" }, CX_EUNSUPPORTED, "quantization mode 'fp4' is not known" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        asked a = { .give = bad[i].choice };
        chosen c;
        cx_convert_options o = { .predicate = answer, .predicate_user = &a };
        CHECK_INT(try(model(), NULL, o, NULL, &c), bad[i].status);
        CHECK_HAS(cx_error(), bad[i].says);
        cx__entries_free(&c.entries);
    }
}

/* ---- sources that are quantized ---- */

/* a: 4 bits, b: 8 bits, c: packed in a way that MLX has not (some 5 bits), d: plain. */
static cx__source *packed(void)
{
    static cx_tensor t[] = { M("model.layers.2.self_attn.q_proj.weight", 2, 128),
                             M("model.layers.7.b.weight", 2, 128), M("c.weight", 2, 128),
                             M("d.weight", 2, 128) };
    cx__source *s = source_of(t, 4);
    for (size_t i = 0; i < 4; i++) {
        cx__origin *o = (cx__origin *)(uintptr_t)cx__source_at(s, i);
        if (!strcmp(o->s.t.name, t[0].name)) source_pack(s, i, &source_four);
        if (!strcmp(o->s.t.name, t[1].name)) source_pack(s, i, &source_eight);
        if (strcmp(o->s.t.name, t[2].name) != 0) continue;
        source_decode(s, i);
        o->s.t.bytes = 2 * 128 * 11 / 16; /* 5.5 bits */
    }
    return s;
}
#define A "model.layers.2.self_attn.q_proj"
#define B "model.layers.7.b"

static void expect_four(cx_convert_options o, const char *rules, const char *const want[4])
{
    chosen c = choose(packed(), NULL, o, rules);
    static const char *const paths[] = { A, B, "c", "d" };
    for (int i = 0; i < 4; i++) expect(&c, paths[i], want[i]);
    release(&c);
}

#define FOUR(...) ((const char *const[4]){ __VA_ARGS__ })

TEST(convert_choose, auto_keeps_codes_and_widths)
{
    expect_four((cx_convert_options){ 0 }, NULL, FOUR("4/32 kept", "8/64 kept", "5/64", ""));
}

TEST(convert_choose, none_packs_nothing_more)
{
    expect_four((cx_convert_options){ .recipe = CX_RECIPE_NONE }, NULL,
                FOUR("4/32 kept", "8/64 kept", "", ""));
    expect_four((cx_convert_options){ .dequantize = true }, NULL, FOUR("", "", "", ""));
}

TEST(convert_choose, recipes_keep_codes_that_are_small_enough)
{
    expect_four((cx_convert_options){ .recipe = CX_RECIPE_SPEED_4BIT }, NULL,
                FOUR("4/32 kept", "4/64", "4/64", "4/64"));
    expect_four((cx_convert_options){ .recipe = CX_RECIPE_QUALITY_8BIT }, NULL,
                FOUR("4/32 kept", "8/64 kept", "8/64", "8/64"));
    expect_four((cx_convert_options){ .bits = 3 }, NULL, FOUR("3/64", "3/64", "3/64", "3/64"));
    /* A group size that is asked for is meant. */
    expect_four((cx_convert_options){ .recipe = CX_RECIPE_QUALITY_8BIT, .group_size = 64 }, NULL,
                FOUR("8/64", "8/64 kept", "8/64", "8/64"));
    expect_four((cx_convert_options){ .mode = "affine", .bits = 8 }, NULL,
                FOUR("4/32 kept", "8/64 kept", "8/64", "8/64"));
}

TEST(convert_choose, modules_that_are_chosen_get_just_that)
{
    cx_convert_options o = { 0 };
    expect_four(o, A " bits=4 group=64", FOUR("4/64", "8/64 kept", "5/64", ""));
    expect_four(o, A " bits=4 group=32", FOUR("4/32 kept", "8/64 kept", "5/64", ""));
    expect_four(o, A " bits=8\n" B " leave", FOUR("8/64", "", "5/64", ""));
    expect_four(o, "d bits=6 group=128", FOUR("4/32 kept", "8/64 kept", "5/64", "6/128"));
    o.recipe = CX_RECIPE_QUALITY_8BIT;
    expect_four(o, A " bits=6", FOUR("6/64", "8/64 kept", "8/64", "8/64"));
}

TEST(convert_choose, a_predicate_sees_what_would_be_kept)
{
    asked a = { .unchanged = true };
    cx_convert_options o = { .predicate = answer, .predicate_user = &a };
    chosen c = choose(packed(), NULL, o, NULL);
    CHECK_STR(a.source, "affine 4 bits, group 32");
    CHECK_STR(a.saw.mode, "affine");
    CHECK_INT(a.saw.bits, 4);
    CHECK_INT(a.saw.group_size, 32);
    expect(&c, A, "4/32 kept");
    CHECK_INT(c.table.kept, 2);
    release(&c);
    char mode[] = "affine"; /* another string, the same choice */
    a.unchanged = false;
    a.give = (cx_convert_choice){ .mode = mode, .bits = 4, .group_size = 32 };
    c = choose(packed(), NULL, o, NULL);
    expect(&c, A, "4/32 kept");
    release(&c);
}

/* Split between columns, 4 bit codes cannot stay; their width is that of the codes. */
TEST(convert_choose, codes_that_cannot_stay_keep_their_width)
{
    const cx__rename cut[] = { { A ".weight", NULL, CX__LAST_AXIS | CX__FIRST_HALF },
                               { "c.weight", NULL, CX__FIRST_HALF },
                               { NULL, NULL, CX__KEEP } };
    const cx__arch arch = { .name = "made", .renames = cut };
    chosen c = choose(packed(), &arch, (cx_convert_options){ 0 }, NULL);
    expect(&c, A, "4/64");
    expect(&c, "c", "5/64"); /* not the bytes of the whole over half of the elements */
    release(&c);
}

/* ---- options ---- */

TEST(convert_choose, options_that_do_not_go_together)
{
    static const struct {
        cx_convert_options o;
        const char *says;
    } bad[] = {
        { { .recipe = (cx_recipe)-1 }, "recipe -1: expected 0 to 9" },
        { { .recipe = CX_RECIPES }, "recipe 10: expected 0 to 9" },
        { { .dequantize = true, .bits = 4 }, "to dequantize goes with no recipe" },
        { { .dequantize = true, .recipe = CX_RECIPE_MIXED_3_6 }, "to dequantize goes with" },
        { { .recipe = CX_RECIPE_NONE, .group_size = 32 }, "recipe none goes with no bits" },
        { { .recipe = CX_RECIPE_MIXED_PRECISION, .bits = 4 }, "bits 4: recipe mixed has its own" },
        { { .recipe = CX_RECIPE_MIXED_PRECISION, .critical_bits = 7 }, "critical bits 7: mode" },
        { { .recipe = CX_RECIPE_MIXED_PRECISION, .standard_bits = 9 }, "standard bits 9: mode" },
        { { .recipe = CX_RECIPE_MIXED_3_6, .bits = 3 }, "bits 3: recipe mixed_3_6 has its own" },
        { { .bits = 7 }, "bits 7: mode affine has " },
        { { .bits = -4 }, "bits -4: mode affine has " },
        { { .group_size = 16 }, "group size 16: mode affine has 32, 64 or 128" },
        { { .chip = "m5" }, "chip 'm5': expected one of m1, " },
        { { .threads = -1 }, "threads -1" },
        { { .dtype_set = true, .dtype = CX_F64 }, "dtype F64: expected F16, BF16 or F32" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(cx_convert_check(&bad[i].o), CX_EARG);
        CHECK_HAS(cx_error(), bad[i].says);
    }
    CHECK_INT(cx_convert_check(&(cx_convert_options){ .mode = "fp4" }), CX_EUNSUPPORTED);
    CHECK_OK(cx_convert_check(&(cx_convert_options){ 0 }));
}

TEST(convert_choose, every_recipe_has_its_names)
{
    for (int i = 0; i < CX_RECIPES; i++) {
        cx_recipe r = CX_RECIPES;
        CHECK_OK(cx_recipe_parse(cx_recipe_name((cx_recipe)i), &r));
        CHECK_INT(r, i);
        CHECK_OK(cx_convert_check(&(cx_convert_options){ .recipe = r }));
    }
    CHECK_STR(cx_recipe_name(CX_RECIPES), "");
    CHECK_STR(cx_recipe_name((cx_recipe)-1), "");
}

TEST(convert_choose, layer_of_a_name)
{
    CHECK_INT(cx__layer_of("model.layers.12.mlp"), 12);
    CHECK_INT(cx__layer_of("h.0"), 0);
    CHECK_INT(cx__layer_of("3.x"), 3);
    CHECK_INT(cx__layer_of("conv1.w"), -1);
    CHECK_INT(cx__layer_of("a.1x.2"), 2);
    CHECK_INT(cx__layer_of("a.999999999.b"), -1); /* nine digits are no layer */
    CHECK_INT(cx__layer_of(""), -1);
    CHECK_INT(cx__layer_of("a."), -1);
}

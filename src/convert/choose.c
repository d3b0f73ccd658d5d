/* Bits, group and mode of each module. In this order: what the recipe says; the architecture's own
 * rules (routers); the rules file; the predicate; then, whether the source's codes can stay. Tested
 * by tests/unit/test_convert_choose.c and tests/oracle/oracle_convert.py. */
#include "convert/choose.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct chooser {
    const cx__entries *entries;
    const cx__arch *arch;
    const cx_convert_options *o;
    const cx__rules *rules;
    const char *where;
    char *config; /* as text, for a predicate */
    bool as_is;   /* recipe auto, and the source is quantized */
    cx__choice standard;
    cx__plan_table table;
} chooser;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the plan of the conversion");
}

long cx__layer_of(const char *name)
{
    for (const char *s = name; s && *s;) {
        size_t n = strspn(s, "0123456789");
        if (n && n < 9 && (s[n] == '.' || !s[n])) return strtol(s, NULL, 10);
        s = strchr(s, '.');
        if (s) s++;
    }
    return -1;
}

/* Linear, Embedding and stacked expert weights, by name and shape: in the architectures that are
 * known every other one has a rule. A norm or convolution is known by the last part of its name:
 * what is inside of one may be a matrix. */
static bool is_module(const cx__arch *arch, const cx__entry *e)
{
    static const char *const stacks[] = { "switch", "expert", "embed_q", "unembed_out" };
    size_t len = strlen(e->name), tail = strlen(".weight");
    bool wide = e->dtype == CX_F16 || e->dtype == CX_BF16 || e->dtype == CX_F32;
    if (e->ndim < 2 || !wide || !e->rows || !e->cols || !cx__ends_with(e->name, ".weight"))
        return false;
    const char *last = e->name + len - tail;
    while (last > e->name && last[-1] != '.') last--;
    if (strstr(last, "conv") || strstr(last, "norm")) return false;
    if (e->ndim == 2) return true;
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++)
        if (e->ndim == 3 && (arch || strstr(e->name, stacks[i]))) return true;
    return false;
}

/* ---- sources that are quantized ---- */

static const cx__packed *packed_of(const cx__entry *e)
{
    return e->whole_rows ? e->parts[0]->s.packed : NULL;
}

static bool is_quantized(const cx__entry *e)
{
    return e->parts[0]->s.packing || e->parts[0]->s.packed;
}

/* Bits of a weight in the source, rounded down to what affine has; 0: more than 8. */
static int stored_bits(const cx__entry *e)
{
    static const int known[] = { 8, 6, 5, 4, 3, 2 };
    const cx__stored *s = &e->parts[0]->s;
    double bits = s->packed ? s->packed->bits
                            : (double)s->t.bytes * 8 / (double)(s->span ? s->span : 1);
    if (bits >= 9) return 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] <= bits) return known[i];
    return 2;
}

/* ---- one module ---- */

static cx_convert_choice recipe_choice(const chooser *c, const cx__entry *e, const cx__module *m)
{
    const cx_convert_options *o = c->o;
    cx_convert_choice choice = { .leave = !c->standard.mode };
    const cx__packed *p = packed_of(e);
    if (c->as_is && p) return (cx_convert_choice){ false, p->mode, p->bits, p->group };
    if (c->as_is) {
        choice.bits = stored_bits(e);
        choice.leave = !is_quantized(e) || !choice.bits;
        choice.mode = "affine";
        return choice;
    }
    if (choice.leave) return choice;
    choice.bits = cx__recipe_bits(o, m->path, m->layer, c->table.layers);
    if (choice.bits) return choice;
    const cx__pack_rule *own = cx__arch_pack(c->arch, m->path);
    if (!own || !own->bits) return choice;
    choice.mode = "affine";
    choice.bits = own->bits;
    choice.group_size = own->group;
    return choice;
}

/* Fills in what a choice leaves open, and checks it. */
static cx_status resolve(const chooser *c, const cx__module *m, const cx_convert_choice *choice,
                         cx__choice *out)
{
    const cx_quant_mode *mode = c->standard.mode;
    *out = (cx__choice){ 0 };
    if (choice->leave) return CX_OK;
    if (choice->mode || !mode)
        CX_TRY(cx_quant_mode_find(choice->mode ? choice->mode : "affine", &mode));
    bool same = c->standard.mode && mode == c->standard.mode;
    int bits = choice->bits ? choice->bits : same ? c->standard.bits : mode->default_bits;
    int group = choice->group_size ? choice->group_size
                : same             ? c->standard.group
                                   : mode->default_group;
    bool bits_known = false, group_known = false;
    for (const int *b = mode->bits; *b; b++) bits_known = bits_known || *b == bits;
    for (const int *g = mode->groups; *g; g++) group_known = group_known || *g == group;
    if (!bits_known || !group_known)
        return CX_FAIL(CX_EARG, "%s: mode %s has no %d bits in groups of %d", m->path, mode->name,
                       bits, group);
    *out = (cx__choice){ mode, bits, group };
    return CX_OK;
}

/* Whether the codes of the source are what `how` asks for. touched: somebody chose this module in
 * particular, and gets just that. */
static bool keeps(const chooser *c, const cx__entry *e, bool touched, const cx__choice *how)
{
    const cx__packed *p = packed_of(e);
    const cx_convert_options *o = c->o;
    if (!p || o->dequantize) return false;
    bool same_mode = how->mode && !strcmp(p->mode, how->mode->name);
    if (touched) return same_mode && p->bits == how->bits && p->group == how->group;
    if (c->as_is || o->recipe == CX_RECIPE_NONE) return true;
    /* More bits than the codes have would add bytes and nothing else. */
    return how->mode && p->bits <= how->bits && (!o->mode || same_mode) &&
           (!o->group_size || p->group == o->group_size);
}

static void describe(const chooser *c, const cx__entry *e, const cx__module *m,
                     cx_convert_module *out)
{
    *out = (cx_convert_module){ .path = m->path,
                                .shape = e->shape,
                                .ndim = e->ndim,
                                .layer = m->layer,
                                .layers = c->table.layers,
                                .source = e->parts[0]->s.packing,
                                .config = c->config ? c->config : "{}" };
}

static bool same_choice(const cx_convert_choice *a, const cx_convert_choice *b)
{
    if (a->leave || b->leave) return a->leave == b->leave;
    return !strcmp(a->mode ? a->mode : "", b->mode ? b->mode : "") && a->bits == b->bits &&
           a->group_size == b->group_size;
}

static cx_status choose(const chooser *c, const cx__entry *e, cx__module *m)
{
    cx_convert_choice choice = recipe_choice(c, e, m), before = choice;
    cx_convert_module view;
    describe(c, e, m, &view);
    if (c->rules) CX_TRY(cx__rules_choose(c->rules, &view, &choice));
    if (c->o->predicate && c->o->predicate(c->o->predicate_user, &view, &choice))
        return CX_FAIL(CX_ECANCELED, "stopped at the choice for '%s'", m->path);
    CX_TRY(resolve(c, m, &choice, &m->how));
    m->kept = keeps(c, e, !same_choice(&before, &choice), &m->how);
    if (m->kept) {
        const cx__packed *p = packed_of(e);
        m->how = (cx__choice){ NULL, p->bits, p->group };
        return cx_quant_mode_find(p->mode, &m->how.mode);
    }
    if (m->how.mode && e->cols % (size_t)m->how.group) m->how = (cx__choice){ 0 };
    return CX_OK;
}

/* ---- the table ---- */

static bool left_by_arch(const chooser *c, const char *path)
{
    const cx__pack_rule *own = cx__arch_pack(c->arch, path);
    return own && !own->bits;
}

static cx_status add_module(chooser *c, cx__entries *entries, size_t i)
{
    cx__entry *e = &entries->list[i];
    cx__module *m = &c->table.list[c->table.count];
    e->module = SIZE_MAX;
    if (!is_module(c->arch, e)) return CX_OK;
    char *path = cx__strndup(e->name, strlen(e->name) - strlen(".weight"));
    if (!path) return no_memory();
    if (left_by_arch(c, path)) return cx__free(path), CX_OK;
    *m = (cx__module){ .path = path, .entry = i, .layer = cx__layer_of(path) };
    if (m->layer >= c->table.layers) c->table.layers = m->layer + 1;
    e->module = c->table.count++;
    return CX_OK;
}

static bool is_named(const cx__plan_table *t, const char *part)
{
    for (size_t i = 0; i < t->count; i++)
        if (strstr(t->list[i].path, part)) return true;
    return false;
}

static bool same(const cx__choice *a, const cx__choice *b)
{
    return a->mode == b->mode && a->bits == b->bits && a->group == b->group;
}

/* Modules that are not named in config.json have the packing that is most common, unless one was
 * asked for. There are fewer packings than the tally has places. */
static void find_standard(chooser *c)
{
    enum { PLACES = 64 };
    cx__choice seen[PLACES];
    size_t counts[PLACES] = { 0 }, places = 0, most = 0;
    cx__plan_table *t = &c->table;
    for (size_t i = 0; i < t->count; i++) {
        size_t k = 0;
        while (k < places && !same(&seen[k], &t->list[i].how)) k++;
        if (!t->list[i].how.mode || k == PLACES) continue;
        if (k == places) seen[places++] = t->list[i].how;
        if (++counts[k] > counts[most]) most = k;
    }
    bool asked = c->standard.mode && !t->kept && !c->as_is;
    if (!t->packed) t->standard = (cx__choice){ 0 };
    else t->standard = asked ? c->standard : seen[most];
}

static cx_status fill(chooser *c, cx__entries *entries)
{
    cx__plan_table *t = &c->table;
    if (!(t->list = cx__calloc(entries->count, sizeof *t->list))) return no_memory();
    for (size_t i = 0; i < entries->count; i++) CX_TRY(add_module(c, entries, i));
    if (c->o->recipe >= CX_RECIPE_MIXED_2_6 && !is_named(t, "down_proj"))
        return CX_FAIL(CX_EUNSUPPORTED, "%s: recipe %s needs modules named down_proj", c->where,
                       cx_recipe_name(c->o->recipe));
    for (size_t i = 0; i < t->count; i++) {
        CX_TRY(choose(c, &entries->list[t->list[i].entry], &t->list[i]));
        t->packed += t->list[i].how.mode != NULL;
        t->kept += t->list[i].kept;
    }
    find_standard(c);
    return CX_OK;
}

cx_status cx__choose(cx__entries *entries, const cx__arch *arch, const json_t *config,
                     const char *where, const cx_convert_options *o, const cx__rules *rules,
                     cx__plan_table *out)
{
    chooser c = { .entries = entries, .arch = arch, .o = o, .rules = rules, .where = where };
    cx__buf text = { .max = SIZE_MAX / 4 };
    cx_status st = cx__recipe_packing(o, &c.standard);
    for (size_t i = 0; i < entries->count && o->recipe == CX_RECIPE_AUTO && !c.as_is; i++)
        c.as_is = !o->dequantize && is_quantized(&entries->list[i]);
    if (st == CX_OK && o->predicate && !cx__json_dump(&text, config, -1, false)) st = no_memory();
    c.config = text.data;
    if (st == CX_OK) st = fill(&c, entries);
    cx__buf_free(&text);
    if (st == CX_OK) *out = c.table;
    else cx__plan_table_free(&c.table);
    return st;
}

void cx__plan_table_free(cx__plan_table *t)
{
    for (size_t i = 0; i < t->count; i++) cx__free(t->list[i].path);
    cx__free(t->list);
    *t = (cx__plan_table){ 0 };
}

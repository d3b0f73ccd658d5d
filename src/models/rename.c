/* Rules of architectures applied to names: patterns, conditions, results. Tested by
 * tests/unit/test_renames.c. */
#include "models/arch.h"
#include <stdlib.h>
#include <string.h>

enum { STARS = 6 };

/* What the stars of a pattern stood for, in order, and its '#'. */
typedef struct captures {
    const char *at[STARS];
    size_t len[STARS];
    int count;
    long number;
} captures;

static bool match(const char *pattern, const char *name, captures *c);

/* The rest of a pattern behind a star that stands for `least` or more bytes up to `most`: the
 * longest that fits. Patterns are ours, so the depth is their number of stars. */
static bool match_star(const char *rest, const char *name, size_t least, size_t most, captures *c)
{
    int mine = c->count++;
    if (mine == STARS) return false;
    for (size_t n = most + 1; n-- > least;) {
        c->count = mine + 1;
        c->at[mine] = name;
        c->len[mine] = n;
        if (match(rest, name + n, c)) return true;
    }
    return false;
}

static bool match(const char *pattern, const char *name, captures *c)
{
    for (; *pattern; pattern++) {
        if (!strncmp(pattern, "**", 2)) return match_star(pattern + 2, name, 0, strlen(name), c);
        if (*pattern == '*') return match_star(pattern + 1, name, 1, strcspn(name, "."), c);
        if (*pattern == '#') {
            size_t n = strspn(name, "0123456789");
            if (n == 0 || n > 6) return false;
            c->number = strtol(name, NULL, 10);
            name += n;
        } else if (*name++ != *pattern) {
            return false;
        }
    }
    return *name == '\0';
}

bool cx__pattern_match(const char *pattern, const char *name)
{
    captures c = { .number = -1 };
    return match(pattern, name, &c);
}

/* Writes `to` with each star replaced by what it stood for and '#' by `part`. */
static bool expand(const char *to, const captures *c, size_t part, char *out, size_t len)
{
    char number[24];
    size_t at = 0;
    int next = 0;
    snprintf(number, sizeof number, "%zu", part);
    for (; *to; to++) {
        const char *text = to;
        size_t n = 1;
        if (*to == '*' && next < c->count) {
            text = c->at[next];
            n = c->len[next++];
            if (to[1] == '*') to++;
        } else if (*to == '#') {
            text = number;
            n = strlen(number);
        }
        if (n >= len - at) return false;
        memcpy(out + at, text, n);
        at += n;
    }
    out[at] = '\0';
    return true;
}

/* Number behind "layers.", -1 if there is none. */
static long layer_of(const char *name)
{
    const char *s = strstr(name, "layers.");
    if (!s) return -1;
    s += strlen("layers.");
    size_t n = strspn(s, "0123456789");
    return n && n < 7 && (s[n] == '.' || !s[n]) ? strtol(s, NULL, 10) : -1;
}

static bool holds(unsigned how, const char *name, const cx__facts *f)
{
    int64_t shared = f->layers - f->shared_layers;
    if ((how & CX__DROP_IF_TIED) && !f->tied) return false;
    if ((how & CX__DROP_EXTRA) && !(f->layers && layer_of(name) >= f->layers)) return false;
    if ((how & CX__DROP_SHARED) && !(f->shared_layers && layer_of(name) >= shared)) return false;
    if ((how & CX__IF_DENSE) && f->experts) return false;
    if ((how & CX__IF_HEADLESS) && !f->headless) return false;
    return !(how & CX__IF_NORM_HEAD) || f->norm_head;
}

/* The first rule from `rules` on that is for this name; only those with the pattern `same`, if
 * given. */
static const cx__rename *find_rule(const cx__rename *rules, const char *same, const char *name,
                                   const cx__facts *f, captures *c)
{
    for (; rules->pattern; rules++) {
        if (same && strcmp(rules->pattern, same) != 0) continue;
        if (!holds(rules->how, name, f)) continue;
        *c = (captures){ .number = -1 };
        if (match(rules->pattern, name, c)) return rules;
    }
    return NULL;
}

static cx_status too_long(const char *name, size_t len)
{
    return CX_FAIL(CX_ELIMIT, "tensor name '%.64s...': expected at most %zu bytes", name, len - 1);
}

/* Results that a rule makes of one tensor. */
static size_t results(const cx__rename *rule, const cx__facts *f)
{
    return (rule->how & CX__PER_EXPERT) && f->experts > 0 ? (size_t)f->experts : 1;
}

cx_status cx__rename_apply(const cx__rename *rules, const char *name, size_t nth,
                           const cx__facts *facts, cx__renamed *out)
{
    enum { DROPS = CX__DROP | CX__DROP_IF_TIED | CX__DROP_EXTRA | CX__DROP_SHARED };
    char now[2][sizeof out->name];
    const char *seen = name;
    captures c;
    /* Before matching, whose time grows with the length. */
    if (strlen(name) >= sizeof out->name) return too_long(name, sizeof out->name);
    const cx__rename *rule = find_rule(rules, NULL, seen, facts, &c);
    for (int i = 0; rule && (rule->how & CX__ON); i = !i) {
        if (!expand(rule->to, &c, 0, now[i], sizeof now[i])) return too_long(name, sizeof now[i]);
        seen = now[i];
        rule = find_rule(rule + 1, NULL, seen, facts, &c);
    }
    while (rule && nth >= results(rule, facts)) {
        nth -= results(rule, facts);
        rule = find_rule(rule + 1, rule->pattern, seen, facts, &c);
    }
    *out = (cx__renamed){ .how = rule ? rule->how : CX__KEEP, .part = nth };
    bool done = rule && rule->to ? expand(rule->to, &c, nth, out->name, sizeof out->name)
                                 : strlen(seen) < sizeof out->name;
    if (!done) return too_long(name, sizeof out->name);
    if (!rule || !rule->to) memcpy(out->name, seen, strlen(seen) + 1);
    out->expert = rule ? c.number : -1;
    if (out->how & CX__JOIN)
        out->expert = (out->how & CX__JOIN_2ND) == CX__JOIN_2ND   ? 1
                      : (out->how & CX__JOIN_3RD) == CX__JOIN_3RD ? 2
                                                                  : 0;
    if (out->how & DROPS) out->how = CX__DROP;
    else if (rule)
        out->more = nth + 1 < results(rule, facts) ||
                    find_rule(rule + 1, rule->pattern, seen, facts, &c) != NULL;
    return CX_OK;
}

const cx__pack_rule *cx__arch_pack(const cx__arch *arch, const char *path)
{
    for (const cx__pack_rule *r = arch ? arch->packs : NULL; r && r->pattern; r++)
        if (cx__pattern_match(r->pattern, path)) return r;
    return NULL;
}

bool cx__arch_keeps_dtype(const cx__arch *arch, const char *name)
{
    for (const char *const *p = arch ? arch->keeps : NULL; p && *p; p++)
        if (cx__pattern_match(*p, name)) return true;
    return false;
}

/* The member under the first of the '|'-separated names that text_config, else the config has. */
static const json_t *find_fact(const json_t *config, const char *names)
{
    const json_t *in[] = { json_object_get(config, "text_config"), config };
    for (int i = 0; i < 2; i++) {
        for (const char *s = names; *s;) {
            char name[64];
            size_t n = strcspn(s, "|");
            snprintf(name, sizeof name, "%.*s", (int)n, s);
            const json_t *v = json_object_get(in[i], name);
            if (v && !json_is_null(v)) return v;
            s += n + (s[n] == '|');
        }
    }
    return NULL;
}

static int64_t number(const json_t *config, const char *names)
{
    json_int_t v = json_integer_value(find_fact(config, names));
    return v >= 0 && v <= 1 << 20 ? v : 0;
}

void cx__facts_read(const json_t *config, bool tied, cx__facts *out)
{
    const json_t *said = find_fact(config, "tie_word_embeddings|tie_embedding");
    cx__facts f = {
        .tied = json_is_boolean(said) ? json_is_true(said) : tied,
        .norm_head = json_is_true(find_fact(config, "norm_head")),
        .layers = number(config, "num_hidden_layers|num_layers|n_layers|n_layer"),
        .shared_layers = number(config, "num_kv_shared_layers"),
        .experts = number(config, "num_local_experts|num_experts|n_routed_experts|moe_num_experts"),
        .groups = number(config, "o_groups"),
        .hidden = number(config, "hidden_size|n_embd|d_model"),
        .heads = number(config, "num_attention_heads|n_head|n_heads"),
        .kv_heads = number(config, "num_key_value_heads"),
        .head_dim = number(config, "head_dim"),
        .nope_dim = number(config, "qk_nope_head_dim|head_dim"),
        .value_dim = number(config, "v_head_dim|head_dim"),
    };
    if (!f.experts) f.experts = number(json_object_get(config, "ffn_config"), "moe_num_experts");
    if (!f.head_dim && f.heads) f.head_dim = f.hidden / f.heads;
    *out = f;
}

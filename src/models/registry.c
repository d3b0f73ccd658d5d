/* Architectures by model_type, their config keys and rename rules. */
#include "models/arch.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CX_ARCH(arch) extern const cx__arch cx__arch_##arch;
#define CX_ALIAS(type, arch)
#include "models/models.def"
#undef CX_ARCH
#undef CX_ALIAS

static const struct {
    const char *model_type;
    const cx__arch *arch;
} archs[] = {
#define CX_ARCH(arch) { #arch, &cx__arch_##arch },
#define CX_ALIAS(type, arch) { #type, &cx__arch_##arch },
#include "models/models.def"
#undef CX_ARCH
#undef CX_ALIAS
};

const cx__arch *cx__arch_find(const char *model_type)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (!strcmp(archs[i].model_type, model_type)) return archs[i].arch;
    return NULL;
}

const char *cx__arch_name(const cx__arch *arch)
{
    return arch->name;
}

static const cx__rename any_renames[] = {
    { "**.rotary_emb.inv_freq", NULL, CX__DROP },
    { "lm_head.weight", NULL, CX__DROP_IF_TIED },
    { NULL, NULL, CX__KEEP },
};

bool cx__arch_runs(const cx__arch *arch)
{
    return arch->forward != NULL;
}

const cx__rename *cx__arch_renames(const cx__arch *arch)
{
    return arch && arch->renames ? arch->renames : any_renames;
}

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

/* Writes `to` with each star replaced by what it stood for. */
static bool expand(const char *to, const captures *c, char *out, size_t len)
{
    size_t at = 0;
    int next = 0;
    for (; *to; to++) {
        const char *part = to;
        size_t n = 1;
        if (*to == '*' && next < c->count) {
            part = c->at[next];
            n = c->len[next++];
            if (to[1] == '*') to++;
        }
        if (n >= len - at) return false;
        memcpy(out + at, part, n);
        at += n;
    }
    out[at] = '\0';
    return true;
}

/* The first rule from `rules` on that is for this name; only those with the pattern `same`, if
 * given. */
static const cx__rename *find_rule(const cx__rename *rules, const char *same, const char *name,
                                   bool tied, captures *c)
{
    for (; rules->pattern; rules++) {
        if (same && strcmp(rules->pattern, same) != 0) continue;
        if ((rules->how & CX__DROP_IF_TIED) && !tied) continue;
        *c = (captures){ .number = -1 };
        if (match(rules->pattern, name, c)) return rules;
    }
    return NULL;
}

static cx_status too_long(const char *name, size_t room)
{
    return CX_FAIL(CX_ELIMIT, "tensor name '%.64s...': expected at most %zu bytes", name, room - 1);
}

cx_status cx__rename_apply(const cx__rename **next, const char *name, bool tied, cx__renamed *out)
{
    captures c = { .number = -1 }, other;
    const cx__rename *more = NULL;
    /* Before matching, whose time grows with the length. */
    if (strlen(name) >= sizeof out->name) return too_long(name, sizeof out->name);
    const cx__rename *rule = find_rule(*next, NULL, name, tied, &c);
    if (!rule || !rule->to) memcpy(out->name, name, strlen(name) + 1);
    else if (!expand(rule->to, &c, out->name, sizeof out->name))
        return too_long(name, sizeof out->name);
    out->how = rule ? rule->how : CX__KEEP;
    out->expert = c.number;
    if (out->how & CX__DROP_IF_TIED) out->how = CX__DROP;
    if (rule && !(out->how & CX__DROP))
        more = find_rule(rule + 1, rule->pattern, name, tied, &other);
    *next = more;
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

/* The member under the first of the '|'-separated names that is there and not null. */
static json_t *find_key(const json_t *config, const char *names, char *name, size_t len)
{
    while (*names) {
        size_t n = strcspn(names, "|");
        json_t *v;
        snprintf(name, len, "%.*s", (int)n, names);
        v = json_object_get(config, name);
        if (v && !json_is_null(v)) return v;
        names += n + (names[n] == '|');
    }
    return NULL;
}

static cx_status read_key(const cx__key *key, const json_t *config, const char *where, char *out)
{
    char name[64];
    double num = key->def;
    int64_t integer = isnan(key->def) ? 0 : (int64_t)key->def;
    bool flag = key->def != 0;
    const char *text = key->def_str;
    if (!find_key(config, key->names, name, sizeof name) && isnan(key->def))
        return CX_FAIL(CX_EFORMAT, "%s: '%s' is missing", where, name);
    switch (key->kind) {
    case CX__KEY_INT_:
        CX_TRY(cx__json_int(config, where, name, (int64_t)key->lo, (int64_t)key->hi, &integer));
        memcpy(out, &integer, sizeof integer);
        break;
    case CX__KEY_FLT_:
        CX_TRY(cx__json_num(config, where, name, key->lo, key->hi, &num));
        memcpy(out, &num, sizeof num);
        break;
    case CX__KEY_BOOL_:
        CX_TRY(cx__json_bool(config, where, name, &flag));
        memcpy(out, &flag, sizeof flag);
        break;
    case CX__KEY_STR_:
        CX_TRY(cx__json_str(config, where, name, &text));
        memcpy(out, &text, sizeof text);
        break;
    }
    return CX_OK;
}

cx_status cx__keys_read(const cx__key *keys, const json_t *config, const char *where, void *out)
{
    for (; keys->names; keys++) CX_TRY(read_key(keys, config, where, (char *)out + keys->offset));
    return CX_OK;
}

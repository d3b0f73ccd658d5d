/* Architectures by model_type, their config keys and rename rules. */
#include "models/arch.h"
#include <math.h>
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

const cx__rename *cx__arch_renames(const cx__arch *arch)
{
    return arch && arch->renames ? arch->renames : any_renames;
}

/* Matches name against pattern; star[i] gets what the i-th '*' stood for. */
typedef struct capture {
    const char *at;
    size_t len;
} capture;

static bool match(const char *pattern, const char *name, capture *star, int *stars)
{
    *stars = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '*') {
            if (*name++ != *pattern) return false;
            continue;
        }
        size_t len = strcspn(name, ".");
        if (len == 0 || *stars == 4) return false;
        star[(*stars)++] = (capture){ name, len };
        name += len;
    }
    return *name == '\0';
}

static bool match_rule(const char *pattern, const char *name, capture *star, int *stars)
{
    size_t tail = strlen(pattern), len = strlen(name);
    if (strncmp(pattern, "**", 2)) return match(pattern, name, star, stars);
    *stars = 0;
    return len >= tail - 2 && !strcmp(name + len - (tail - 2), pattern + 2);
}

/* Writes `to` with each '*' replaced by its capture. */
static bool expand(const char *to, const capture *star, int stars, char *out, size_t len)
{
    size_t at = 0;
    int next = 0;
    for (; *to; to++) {
        const char *part = to;
        size_t n = 1;
        if (*to == '*' && next < stars) {
            part = star[next].at;
            n = star[next++].len;
        }
        if (n >= len - at) return false;
        memcpy(out + at, part, n);
        at += n;
    }
    out[at] = '\0';
    return true;
}

cx_status cx__rename_apply(const cx__rename *rules, const char *name, bool tied, char *out,
                           size_t len, int *how)
{
    capture star[4] = { { NULL, 0 } };
    int stars = 0;
    const char *to = name;
    *how = CX__KEEP;
    for (; rules->pattern; rules++) {
        if (!match_rule(rules->pattern, name, star, &stars)) continue;
        if (rules->how == CX__DROP_IF_TIED && !tied) continue;
        *how = rules->how == CX__DROP_IF_TIED ? CX__DROP : (int)rules->how;
        if (rules->to) to = rules->to;
        break;
    }
    if (!expand(to, star, to == name ? 0 : stars, out, len))
        return CX_FAIL(CX_ELIMIT, "tensor name '%.64s...' is longer than %zu bytes", name, len);
    return CX_OK;
}

/* The member under the first of the '|'-separated names that is there and not null. */
static json_t *find_key(const json_t *config, const char *names, char *name, size_t len)
{
    json_t *first = NULL;
    while (*names) {
        size_t n = strcspn(names, "|");
        json_t *v;
        snprintf(name, len, "%.*s", (int)n, names);
        v = json_object_get(config, name);
        if (v && !json_is_null(v)) return v;
        names += n + (names[n] == '|');
    }
    return first;
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

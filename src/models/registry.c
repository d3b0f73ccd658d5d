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
#define CX_ALIAS(type, arch) { type, &cx__arch_##arch },
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

static const cx__rename any_renames[] = { CX__RULES_ANY, CX__RULES_END };

bool cx__arch_runs(const cx__arch *arch)
{
    return arch->forward != NULL;
}

const cx__rename *cx__arch_renames(const cx__arch *arch)
{
    return arch && arch->renames ? arch->renames : any_renames;
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

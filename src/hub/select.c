/* Which files of a repository a model needs. Source: mlx-lm 0.32, DEFAULT_ALLOW_PATTERNS, whose '*'
 * crosses slashes as fnmatch(3)'s does; beyond it, other forms of weights where those are missing.
 * Tested by tests/unit/test_hub.c. */
#include "hub/hub.h"

#include <fnmatch.h>
#include <string.h>

static const char *const always[] = { "*.json",     "*.py",           "tokenizer.model",
                                      "*.tiktoken", "tiktoken.model", "*.txt",
                                      "*.jsonl",    "*.jinja",        NULL };

/* Forms of weights in the order of trial: the first with a file is taken, alone. `top`: only files
 * that are in no folder. */
static const struct {
    const char *glob;
    bool top;
} forms[] = { { "model*.safetensors", false },
              { "*.safetensors", true },
              { "pytorch_model*.bin", true },
              { "*.bin", true },
              { "*.pt", true },
              { "*.pth", true },
              { "*.npz", true },
              { "*.gguf", false } };

/* State of a training run, with the endings of weights. */
static const char *const never[] = { "training_args.*", "optimizer.*", "scheduler.*", "rng_state*",
                                     NULL };

static bool matches(const char *const *globs, const char *name)
{
    for (; *globs; globs++) {
        if (!fnmatch(*globs, name, 0)) return true;
    }
    return false;
}

bool cx__hub_is_weights(const char *name)
{
    for (size_t i = 1; i < sizeof forms / sizeof *forms; i++) {
        const char *ending = strrchr(forms[i].glob, '.'), *own = strrchr(name, '.');
        if (own && !strcmp(own, ending)) return !matches(never, name);
    }
    return false;
}

static bool has_form(const char *name, size_t form)
{
    return (!forms[form].top || !strchr(name, '/')) && !fnmatch(forms[form].glob, name, 0) &&
           !matches(never, name);
}

/* Length of a GGUF name without "-00001-of-00003.gguf": the parts of one model are equal in it. */
static size_t gguf_stem(const char *name)
{
    static const char part[] =
        "-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9].gguf"; /* 20 letters */
    size_t len = strlen(name);
    return len > 20 && !fnmatch(part, name + len - 20, 0) ? len - 20 : len;
}

/* Several models in one repository: the caller must say which. */
static cx_status check_gguf(const cx__hub_listing *l, const char *where)
{
    const cx__hub_file *first = NULL;
    cx__buf names = { .max = 600 };
    bool several = false;
    for (size_t i = 0; i < l->count; i++) {
        const cx__hub_file *f = &l->files[i];
        if (!f->wanted || fnmatch("*.gguf", f->name, 0)) continue;
        if (!first) first = f;
        size_t stem = gguf_stem(f->name);
        several = several || stem != gguf_stem(first->name) || strncmp(f->name, first->name, stem);
        if (!cx__buf_printf(&names, "%s%s", names.len ? ", " : "", f->name)) break;
    }
    cx_status st = several
                       ? CX_FAIL(CX_EARG,
                                 "%s: holds several GGUF models; choose one with --file: %s%s",
                                 where, names.data ? names.data : "", names.failed ? ", ..." : "")
                       : CX_OK;
    cx__buf_free(&names);
    return st;
}

/* Marks the weights; *found is their number. */
static cx_status select_weights(cx__hub_listing *l, const char *file, const char *where,
                                size_t *found)
{
    size_t form = 0, count = sizeof forms / sizeof *forms;
    *found = 0;
    for (; !*found && form < (file ? 1 : count); form++) {
        for (size_t i = 0; i < l->count; i++) {
            cx__hub_file *f = &l->files[i];
            bool takes = file ? !fnmatch(file, f->name, 0) : has_form(f->name, form);
            f->wanted = f->wanted || takes;
            *found += takes;
        }
    }
    if (file && !*found) return CX_FAIL(CX_ENOTFOUND, "%s: no file matches '%s'", where, file);
    return !file && *found && form == count ? check_gguf(l, where) : CX_OK;
}

cx_status cx__hub_select(cx__hub_listing *l, const char *file, const char *where)
{
    size_t found = 0, weights = 0;
    for (size_t i = 0; i < l->count; i++) {
        l->files[i].wanted = matches(always, l->files[i].name);
        found += l->files[i].wanted;
    }
    CX_TRY(select_weights(l, file, where, &weights));
    if (!found && !weights)
        return CX_FAIL(CX_ENOTFOUND, "%s: none of its %zu files belongs to a model", where,
                       l->count);
    for (size_t i = 0; i < l->count; i++) {
        if (l->files[i].wanted && !cx__hub_path_valid(l->files[i].name))
            return CX_FAIL(CX_EFORMAT, "%s: '%.200s' is not a name that a file may have", where,
                           l->files[i].name);
    }
    return CX_OK;
}

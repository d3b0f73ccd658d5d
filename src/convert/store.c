/* The folder of converted models: where a conversion goes by default, what is there, removing one.
 * Tested by tests/unit/test_convert_store.c and tests/cli/store.test. */
#include "convert/choose.h"
#include "convert/manifest.h"
#include "convert/request.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the path of a model");
}

cx_status cx_models_dir(char **dir)
{
    const char *home = getenv("CORTEX_HOME"), *user = getenv("HOME");
    char *path = NULL;
    if (home && *home) path = cx__format("%s/mlx_models", home);
    else if (user && *user) path = cx__format("%s/.cortex/mlx_models", user);
    else return CX_FAIL(CX_ENOTFOUND, "neither CORTEX_HOME nor HOME is set: no place for models");
    if (!path) return no_memory();
    *dir = path;
    return CX_OK;
}

/* ---- names ---- */

/* "_4bit", "_mixed", "_mxfp4", ...; "" for a conversion that packs nothing. Caller cx__free()s. */
static char *suffix_of(const cx_convert_options *o)
{
    cx__choice p;
    if (o->recipe == CX_RECIPE_MIXED_PRECISION) return cx__strdup("_mixed");
    if (o->recipe >= CX_RECIPE_MIXED_2_6) return cx__format("_%s", cx_recipe_name(o->recipe));
    if (cx__recipe_packing(o, &p) != CX_OK || !p.mode) return cx__strdup("");
    if (strcmp(p.mode->name, "affine") != 0) return cx__format("_%s", p.mode->name);
    return cx__format("_%dbit", p.bits);
}

/* A name of the hub as it is, also of a path in its cache; of other paths the last part without its
 * ending. "/" becomes "_". */
static char *stem_of(const char *source)
{
    static const char *const tails[] = { ".gguf", ".safetensors", ".bin", ".pt", ".pth" };
    char *hub = cx__path_exists(source) ? cx__hub_name(source) : cx__strdup(source);
    char *real = NULL, *stem;
    if (hub) {
        for (char *s = hub; *s; s++)
            if (*s == '/') *s = '_';
        return hub;
    }
    real = realpath(source, NULL); /* "." has a name too */
    const char *last = strrchr(real ? real : source, '/');
    last = last ? last + 1 : source;
    size_t len = strlen(last);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        size_t n = strlen(tails[i]);
        if (len > n && !strcmp(last + len - n, tails[i]) && !cx__path_is_dir(source)) len -= n;
    }
    stem = cx__strndup(last, len);
    free(real); /* libc's */
    return stem;
}

cx_status cx_convert_target(const char *source, const cx_convert_options *options, char **target)
{
    cx_convert_options o = { 0 };
    char *dir = NULL;
    if (options) o = *options;
    CX_TRY(cx__recipe_check(&o));
    CX_TRY(cx_models_dir(&dir));
    char *stem = stem_of(source), *suffix = suffix_of(&o), *path = NULL;
    if (stem && suffix) path = cx__format("%s/%s%s", dir, *stem ? stem : "model", suffix);
    cx__free(stem);
    cx__free(suffix);
    cx__free(dir);
    if (!path) return no_memory();
    *target = path;
    return CX_OK;
}

/* ---- what is there ---- */

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* Of the plain files of a folder. */
static uint64_t bytes_of(const char *folder)
{
    struct stat st;
    uint64_t sum = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_size;
    if (d) closedir(d);
    return sum;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static cx_status tell(const char *dir, const char *name, cx_models_fn fn, void *user)
{
    json_t *made = NULL;
    char *path = cx__path_join(dir, name);
    if (!path) return no_memory();
    cx_status st = CX_OK;
    if (cx__path_is_dir(path)) {
        if (cx__manifest_load(path, &made) != CX_OK) cx__log(CX_LOG_WARN, "%s", cx_error());
        cx_models_entry e = { .name = name,
                              .path = path,
                              .source = text_of(made, "source"),
                              .recipe = text_of(made, "recipe"),
                              .time = text_of(made, "time"),
                              .bytes = bytes_of(path) };
        if (fn(user, &e)) st = CX_FAIL(CX_ECANCELED, "stopped");
        json_decref(made);
    }
    cx__free(path);
    return st;
}

cx_status cx_models_list(cx_models_fn fn, void *user)
{
    struct dirent **list = NULL;
    char *dir;
    CX_TRY(cx_models_dir(&dir));
    int n = scandir(dir, &list, visible, alphasort);
    cx_status st = CX_OK;
    if (n < 0 && errno != ENOENT) st = CX_FAIL(CX_EIO, "%s: cannot list: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (st == CX_OK) st = tell(dir, list[i]->d_name, fn, user);
        free(list[i]); /* libc's */
    }
    free(list);
    cx__free(dir);
    return st;
}

/* ---- removing ---- */

/* A file of that name that somebody else's program wrote says nothing of Cortex. */
static cx_status check_ours(const char *path)
{
    json_t *made = NULL;
    if (!cx__path_is_dir(path)) return CX_FAIL(CX_ENOTFOUND, "%s: no such model", path);
    CX_TRY(cx__manifest_load(path, &made));
    bool ours = json_is_string(json_object_get(made, "cortex"));
    json_decref(made);
    if (ours) return CX_OK;
    return CX_FAIL(CX_EARG, "%s: has no %s, so Cortex did not make it: not removed", path,
                   CX__MANIFEST_FILE);
}

/* Renamed first: from then on nobody opens half a model. What a kill leaves has the name of an
 * unfinished conversion and goes with the next one to this place. */
static cx_status remove_folder(const char *path)
{
    const char *last = strrchr(path, '/');
    int dir_len = last ? (int)(last - path + 1) : 0;
    CX_TRY(check_ours(path));
    char *aside = cx__format("%.*s.%s.tmp-%ld", dir_len, path, path + dir_len, (long)getpid());
    cx_status st = aside ? CX_OK : no_memory();
    if (st == CX_OK && rename(path, aside) != 0)
        st = CX_FAIL(CX_EIO, "%s: cannot rename: %s", path, strerror(errno));
    if (st == CX_OK) st = cx__remove_tree(aside);
    cx__free(aside);
    return st;
}

cx_status cx_models_remove(const char *name)
{
    char *dir = NULL, *path = NULL;
    size_t len = strlen(name);
    while (len > 1 && name[len - 1] == '/') len--;
    if (!memchr(name, '/', len) && cx_models_dir(&dir) == CX_OK) path = cx__path_join(dir, name);
    if (!path || (!cx__path_is_dir(path) && cx__path_is_dir(name))) {
        cx__free(path);
        path = cx__strndup(name, len);
    }
    cx_status st = path ? remove_folder(path) : no_memory();
    cx__free(dir);
    cx__free(path);
    return st;
}

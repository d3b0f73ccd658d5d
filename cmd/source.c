/* Where a model is: a folder, the Hugging Face cache, among the converted ones, or beside the
 * program. */
#include "cmd.h"

#include <cortex/convert.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUNDLED "cortex-stories"

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the path of a model");
}

/* *folder: dir/tail if that is a folder, else unchanged (NULL). */
static cx_status try_folder(const char *dir, const char *tail, char **folder)
{
    char *path = cx__path_join(dir, tail);
    if (!path) return no_memory();
    if (cx__path_is_dir(path)) *folder = path;
    else cx__free(path);
    return CX_OK;
}

/* The build tree keeps the program in build/ or build/<variant>/, an installation in bin/. */
static cx_status find_bundled(char **folder)
{
    static const char *const tails[] = { "../models/" BUNDLED, "../../models/" BUNDLED,
                                         "../share/cortex/models/" BUNDLED };
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    *folder = NULL;
    if (n > 0) {
        exe[n] = '\0';
        char *slash = strrchr(exe, '/');
        if (slash) *slash = '\0';
        for (size_t i = 0; i < sizeof tails / sizeof *tails && !*folder; i++)
            CX_TRY(try_folder(exe, tails[i], folder));
    }
    if (*folder) return CX_OK;
    return CX_FAIL(CX_ENOTFOUND,
                   "no MODEL was named, CORTEX_MODEL is not set, and the bundled model "
                   "(models/" BUNDLED ") is not beside the program");
}

/* The cache's folder as huggingface_hub finds it. */
static char *hub_cache(void)
{
    const char *s;
    if ((s = getenv("HF_HUB_CACHE")) && *s) return cx__strdup(s);
    if ((s = getenv("HUGGINGFACE_HUB_CACHE")) && *s) return cx__strdup(s);
    if ((s = getenv("HF_HOME")) && *s) return cx__format("%s/hub", s);
    if ((s = getenv("XDG_CACHE_HOME")) && *s) return cx__format("%s/huggingface/hub", s);
    s = getenv("HOME");
    return cx__format("%s/.cache/huggingface/hub", s ? s : "");
}

/* Revision of the snapshot: refs/main, else the only folder in snapshots/. Caller cx__free()s. */
static char *snapshot_of(const char *repo)
{
    char *text = NULL, *found = NULL, *ref = cx__format("%s/refs/main", repo);
    size_t len = 0;
    if (ref && cx__path_exists(ref) && cx__read_file(ref, 256, &text, &len) == CX_OK) {
        text[strcspn(text, " \r\n")] = '\0';
        if (*text && !strchr(text, '/') && text[0] != '.')
            found = cx__format("%s/snapshots/%s", repo, text);
    }
    cx__free(text);
    cx__free(ref);
    if (found && cx__path_is_dir(found)) return found;
    cx__free(found);
    found = NULL;
    char *snapshots = cx__format("%s/snapshots", repo);
    DIR *d = snapshots ? opendir(snapshots) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        if (found) { /* two and no refs/main: neither is the one */
            cx__free(found);
            found = NULL;
            break;
        }
        found = cx__format("%s/%s", snapshots, e->d_name);
    }
    if (d) closedir(d);
    cx__free(snapshots);
    return found;
}

/* "org/name" of letters, digits, '-', '_', '.', with one slash. */
static bool is_hub_name(const char *s)
{
    const char *slash = strchr(s, '/');
    if (!slash || slash == s || !slash[1] || strchr(slash + 1, '/') || s[0] == '.' || s[0] == '-')
        return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") ==
               strlen(s) &&
           !strstr(s, "..");
}

static cx_status find_cached(const char *name, char **folder)
{
    char *cache = hub_cache(), *repo = NULL, *found = NULL;
    int org = (int)(strchr(name, '/') - name);
    cx_status st = CX_OK;
    if (cache) repo = cx__format("%s/models--%.*s--%s", cache, org, name, name + org + 1);
    if (!repo) st = no_memory();
    else if (cx__path_is_dir(repo)) found = snapshot_of(repo);
    if (st == CX_OK && !found)
        st = CX_FAIL(
            CX_ENOTFOUND,
            "%s: no such folder, and not in the Hugging Face cache (%s); this version does "
            "not download: `hf download %s` fetches it",
            name, repo, name);
    if (st == CX_OK) *folder = found;
    cx__free(repo);
    cx__free(cache);
    return st;
}

/* A model that cortex convert made, by its name in cortex list. */
static cx_status find_converted(const char *name, char **folder)
{
    char *dir = NULL;
    if (strchr(name, '/') || cx_models_dir(&dir) != CX_OK) return CX_OK;
    cx_status st = try_folder(dir, name, folder);
    cx__free(dir);
    return st;
}

cx_status cx_model_find(const char *name, char **folder)
{
    if (!name || !*name) name = getenv("CORTEX_MODEL");
    if (!name || !*name) return find_bundled(folder);
    if (!cx__path_exists(name) && is_hub_name(name)) return find_cached(name, folder);
    if (!cx__path_exists(name)) {
        *folder = NULL;
        CX_TRY(find_converted(name, folder));
        return *folder ? CX_OK : CX_FAIL(CX_ENOTFOUND, "%s: no such folder", name);
    }
    if (!cx__path_is_dir(name)) return CX_FAIL(CX_EARG, "%s: not a folder", name);
    char *copy = cx__strdup(name);
    if (!copy) return no_memory();
    *folder = copy;
    return CX_OK;
}

cx_status cx_source_find(const char *name, char **path)
{
    bool file = name && *name && cx__path_exists(name) && !cx__path_is_dir(name);
    if (!file) return cx_model_find(name, path);
    *path = cx__strdup(name);
    return *path ? CX_OK : no_memory();
}

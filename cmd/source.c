/* Where a model is: a folder, the Hugging Face cache or the hub itself, or beside the program. */
#include "cmd.h"

#include <cortex/convert.h>
#include <cortex/hub.h>
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

/* From the hub's cache; a name that is not whole there is downloaded. Names without a slash are too
 * easily a folder mistyped: those are only looked for. */
static cx_status find_hub(const char *name, const cx_source_options *o, char **folder)
{
    cx_hub_options hub = { .revision = o->revision,
                           .file = o->file,
                           .offline = o->offline,
                           .progress = cx_progress_show };
    cx_status st = cx_hub_find(name, &hub, folder);
    if (st == CX_ENOTFOUND && !strchr(name, '/'))
        return CX_FAIL(CX_ENOTFOUND, "%s: no such %sfolder", name, o->files ? "file or " : "");
    if (st == CX_ENOTFOUND && o->download) {
        st = cx_hub_snapshot(name, &hub, folder);
        cx_progress_clear();
    }
    if (st != CX_ENOTFOUND) return st;
    char *why = cx__strdup(cx_error());
    if (why) st = CX_FAIL(st, "%s; there is no such folder either", why);
    cx__free(why);
    return st;
}

/* *folder: the model of that name that convert made, else unchanged (NULL). */
static cx_status find_converted(const char *name, char **folder)
{
    char *dir;
    if (strchr(name, '/') || name[0] == '.' || cx_models_dir(&dir) != CX_OK) return CX_OK;
    cx_status st = try_folder(dir, name, folder);
    cx__free(dir);
    return st;
}

static cx_status find_named(const char *name, const cx_source_options *o, char **folder)
{
    *folder = NULL;
    CX_TRY(find_converted(name, folder));
    if (*folder) return CX_OK;
    if (cx_hub_name_valid(name)) return find_hub(name, o, folder);
    return CX_FAIL(CX_ENOTFOUND, "%s: no such %sfolder", name, o->files ? "file or " : "");
}

cx_status cx_source_find(const char *name, const cx_source_options *o, char **folder)
{
    if (!name || !*name) name = getenv("CORTEX_MODEL");
    if (!name || !*name) return find_bundled(folder);
    if (!cx__path_exists(name)) return find_named(name, o, folder);
    if (!o->files && !cx__path_is_dir(name)) return CX_FAIL(CX_EARG, "%s: not a folder", name);
    char *copy = cx__strdup(name);
    if (!copy) return no_memory();
    *folder = copy;
    return CX_OK;
}

cx_status cx_model_find(const char *name, char **folder)
{
    static const cx_source_options options = { .download = true };
    return cx_source_find(name, &options, folder);
}

/* cx_hub_find and cx_hub_snapshot: from a name to a folder. Tested by tests/hub. */
#include "hub/net.h"

#include <string.h>

static const char *revision_of(const cx_hub_options *o)
{
    return o && o->revision ? o->revision : "main";
}

static cx_status check_names(const char *name, const char *revision)
{
    if (!name || !cx_hub_name_valid(name))
        return CX_FAIL(CX_EARG, "%s: not a name of a model on the hub, such as org/name",
                       name ? name : "(none)");
    if (!cx__hub_revision_valid(revision))
        return CX_FAIL(CX_EARG, "%s: '%s' is not a revision", name, revision);
    return CX_OK;
}

cx_status cx_hub_find(const char *name, const cx_hub_options *options, char **folder)
{
    cx__hub_settings s;
    CX_TRY(check_names(name, revision_of(options)));
    CX_TRY(cx__hub_settings_init(options, &s));
    cx_status st = cx__hub_cache_find(&s, name, revision_of(options),
                                      options ? options->file : NULL, folder);
    cx__hub_settings_deinit(&s);
    return st;
}

#ifdef CX_HAVE_CURL
/* The order makes a kill harmless: refs name a commit only when all its files are there. */
static cx_status fill(cx__net *net, const char *name, const char *revision,
                      const cx__hub_listing *l, char **folder)
{
    char *repo = cx__hub_repo_dir(net->settings->cache, name), *found = NULL;
    cx_status st = CX_OK;
    if (repo) found = cx__format("%s/snapshots/%s", repo, l->commit);
    if (!found) st = CX_FAIL(CX_ENOMEM, "%s: no memory for its path", name);
    if (st == CX_OK) st = cx__hub_make_dirs(found);
    if (st == CX_OK) st = cx__hub_tree_write(repo, l);
    if (st == CX_OK) st = cx__hub_download(net, name, l, repo);
    if (st == CX_OK && strcmp(revision, l->commit) != 0)
        st = cx__hub_ref_write(repo, revision, l->commit);
    cx__free(repo);
    if (st == CX_OK) *folder = found;
    else cx__free(found);
    return st;
}

/* Nobody answers: what the cache holds will do. The first sentence stays if it holds nothing. */
static cx_status fall_back(const cx__hub_settings *s, const char *name, const char *revision,
                           const char *file, cx_status why, char **folder)
{
    char *sentence = cx__strdup(cx_error());
    cx_status st = cx__hub_cache_find(s, name, revision, file, folder);
    if (st == CX_OK) cx__log(CX_LOG_WARN, "%s; using what the cache holds", sentence);
    else if (sentence) cx__error_set(sentence);
    cx__free(sentence);
    return st == CX_OK ? CX_OK : why;
}

static cx_status snapshot(const cx__hub_settings *s, const char *name, const char *revision,
                          const char *file, char **folder)
{
    cx__net net;
    cx__hub_listing l = { 0 };
    CX_TRY(cx__net_init(&net, s));
    cx_status st = cx__net_listing(&net, name, revision, &l);
    if (st == CX_EIO && net.unreachable) {
        st = fall_back(s, name, revision, file, st, folder);
    } else if (st == CX_OK) {
        st = cx__hub_select(&l, file, name);
        if (st == CX_OK) st = fill(&net, name, revision, &l, folder);
    }
    cx__hub_listing_free(&l);
    cx__net_deinit(&net);
    return st;
}
#else
static cx_status snapshot(const cx__hub_settings *s, const char *name, const char *revision,
                          const char *file, char **folder)
{
    cx_status st = cx__hub_cache_find(s, name, revision, file, folder);
    if (st != CX_ENOTFOUND) return st;
    return CX_FAIL(CX_EUNSUPPORTED,
                   "%s: not whole in the Hugging Face cache (%s), and this build cannot download: "
                   "install libcurl4-openssl-dev and libssl-dev, then build again",
                   name, s->cache);
}
#endif

cx_status cx_hub_snapshot(const char *name, const cx_hub_options *options, char **folder)
{
    cx__hub_settings s;
    const char *revision = revision_of(options), *file = options ? options->file : NULL;
    CX_TRY(check_names(name, revision));
    CX_TRY(cx__hub_settings_init(options, &s));
    cx_status st = s.offline ? cx__hub_cache_find(&s, name, revision, file, folder)
                             : snapshot(&s, name, revision, file, folder);
    cx__hub_settings_deinit(&s);
    return st;
}

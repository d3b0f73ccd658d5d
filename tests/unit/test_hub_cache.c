/* The hub's cache on disk: what counts as whole, links, refs, locks. */
#include "hub/hub.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SHA "0123456789abcdef0123456789abcdef01234567"
#define TREE                                                                                       \
    "{\"format_version\": 1, \"files\": {\"config.json\": {\"size\": 2, \"blob_id\": \"" SHA       \
    "\"}, \"README.md\": {\"size\": 9, \"blob_id\": \"" SHA                                        \
    "\"}, \"model.safetensors\": {\"size\": 3, \"blob_id\": \"" SHA "\"}}}"

static const char *at(const char *dir, const char *name)
{
    static char kept[16][700];
    static unsigned n;
    char *path = kept[n++ % 16];
    snprintf(path, sizeof kept[0], "%s/%s", dir, name);
    return path;
}

static void put(const char *dir, const char *name, const char *text)
{
    const char *path = at(dir, name);
    CHECK_OK(cx__hub_make_parent(path));
    CHECK_OK(cx__write_file(path, text, strlen(text)));
}

/* A cache with org/x at SHA; its repository's folder. */
static const char *new_cache(const char **cache)
{
    *cache = unit_dir();
    const char *repo = at(*cache, "models--org--x");
    put(repo, "refs/main", SHA);
    put(repo, "snapshots/" SHA "/config.json", "{}");
    return repo;
}

static cx_status find(const char *cache, const char *revision, const char *file)
{
    cx_hub_options o = { .cache = cache, .revision = revision, .file = file };
    char *folder = NULL;
    cx_status st = cx_hub_find("org/x", &o, &folder);
    if (st == CX_OK) CHECK(strstr(folder, "/models--org--x/snapshots/" SHA) != NULL);
    else CHECK(folder == NULL);
    cx_free(folder);
    return st;
}

TEST(hub, a_snapshot_is_whole_by_its_tree)
{
    const char *cache, *repo = new_cache(&cache);
    put(repo, "trees/" SHA ".json", TREE);
    CHECK_INT(find(cache, NULL, NULL), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "model.safetensors is missing");
    put(repo, "snapshots/" SHA "/model.safetensors", "ab");
    CHECK_INT(find(cache, NULL, NULL), CX_ENOTFOUND); /* one byte short */
    put(repo, "snapshots/" SHA "/model.safetensors", "abc");
    CHECK_OK(find(cache, NULL, NULL));
    CHECK_OK(find(cache, SHA, NULL));
    CHECK_INT(find(cache, "other", NULL), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "revision other");
    CHECK_INT(find(cache, NULL, "*.md"), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "README.md is missing");
    CHECK_INT(find(cache, "../main", NULL), CX_EARG);
}

TEST(hub, a_snapshot_without_a_tree_is_whole_by_its_index)
{
    const char *cache, *repo = new_cache(&cache);
    CHECK_INT(find(cache, NULL, NULL), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "a file with weights is missing");
    put(repo, "snapshots/" SHA "/model-1.safetensors", "x");
    CHECK_OK(find(cache, NULL, NULL));
    put(repo, "snapshots/" SHA "/model.safetensors.index.json",
        "{\"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": \"model-2.safetensors\"}}");
    CHECK_INT(find(cache, NULL, NULL), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), "model-2.safetensors is missing");
    CHECK_INT(symlink("../../blobs/none", at(repo, "snapshots/" SHA "/model-2.safetensors")), 0);
    CHECK_INT(find(cache, NULL, NULL), CX_ENOTFOUND); /* a link to nothing */
    put(repo, "blobs/none", "x");
    CHECK_OK(find(cache, NULL, NULL));
    put(repo, "snapshots/" SHA "/model.safetensors.index.json",
        "{\"weight_map\": {\"a\": \"../../refs/main\"}}");
    CHECK_INT(find(cache, NULL, NULL), CX_EFORMAT);
}

TEST(hub, a_damaged_tree_is_no_tree)
{
    const char *cache, *repo = new_cache(&cache);
    put(repo, "trees/" SHA ".json", "{\"format_version\": 1, \"fil");
    put(repo, "snapshots/" SHA "/model.safetensors", "abc");
    CHECK_OK(find(cache, NULL, NULL));
    put(repo, "trees/" SHA ".json", TREE);
    CHECK_OK(find(cache, NULL, NULL));
}

TEST(hub, refs_lead_nowhere_else)
{
    const char *cache, *repo = new_cache(&cache);
    put(repo, "refs/main", "../../../etc");
    CHECK_INT(find(cache, NULL, NULL), CX_ENOTFOUND);
    put(repo, "refs/main", "..");
    CHECK_INT(find(cache, NULL, NULL), CX_ENOTFOUND);
    CHECK_OK(cx__hub_ref_write(repo, "refs/pr/1", SHA));
    char commit[CX__HUB_ETAG + 1];
    CHECK_OK(cx__hub_ref_read(repo, "refs/pr/1", commit));
    CHECK_STR(commit, SHA);
    CHECK_OK(cx__hub_ref_read(repo, "refs", commit)); /* a folder */
    CHECK_STR(commit, "");
}

TEST(hub, links_are_relative_and_replace_what_is_there)
{
    const char *cache, *repo = new_cache(&cache);
    char to[100] = "";
    put(repo, "blobs/e", "content");
    CHECK_OK(cx__hub_link(repo, SHA, "a/b/c.json", "e"));
    CHECK(readlink(at(repo, "snapshots/" SHA "/a/b/c.json"), to, sizeof to - 1) > 0);
    CHECK_STR(to, "../../../../blobs/e");
    CHECK(cx__path_exists(at(repo, "snapshots/" SHA "/a/b/c.json")));
    CHECK_OK(cx__hub_link(repo, SHA, "config.json", "e")); /* a file stood there */
    memset(to, 0, sizeof to);
    CHECK(readlink(at(repo, "snapshots/" SHA "/config.json"), to, sizeof to - 1) > 0);
    CHECK_STR(to, "../../blobs/e");
}

TEST(hub, a_lock_is_held_once)
{
    const char *cache, *repo = new_cache(&cache);
    int first = -1, second = -1;
    CHECK_OK(cx__hub_lock(cache, repo, "e", &first));
    CHECK(first >= 0);
    CHECK_OK(cx__hub_lock(cache, repo, "e", &second));
    CHECK_INT(second, -1);
    close(first);
    CHECK_OK(cx__hub_lock(cache, repo, "e", &second));
    CHECK(second >= 0);
    CHECK(cx__path_exists(at(cache, ".locks/models--org--x/e.lock")));
    close(second);
}

static int until_fault;
static bool forever;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0 || (forever && until_fault < 0);
}

/* Runs fn until no allocation fails. Failing memory must never look like a missing model. */
static void fail_each_allocation(cx_status (*fn)(const char *cache), const char *cache)
{
    for (int mode = 0; mode < 2; mode++) {
        cx_status st = CX_ENOMEM;
        forever = mode;
        for (int n = 0; st != CX_OK; n++) {
            CHECK(n < 2000);
            until_fault = n;
            cx__alloc_fault_set(countdown);
            st = fn(cache);
            cx__alloc_fault_set(NULL);
            if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
        }
    }
}

static cx_status find_main(const char *cache)
{
    cx_hub_options o = { .cache = cache };
    char *folder = NULL;
    cx_status st = cx_hub_find("org/x", &o, &folder);
    cx_free(folder);
    return st;
}

TEST(alloc, hub_find_fails_cleanly)
{
    const char *cache, *repo = new_cache(&cache);
    put(repo, "snapshots/" SHA "/model.safetensors", "abc");
    fail_each_allocation(find_main, cache);
    put(repo, "trees/" SHA ".json", TREE);
    fail_each_allocation(find_main, cache);
}

static cx_status write_all(const char *cache)
{
    static const char text[] = "{\"sha\":\"" SHA "\",\"siblings\":[{\"rfilename\":\"config.json\","
                               "\"size\":2,\"blobId\":\"" SHA "\"}]}";
    cx__hub_listing l = { 0 };
    char *repo = strdup(at(cache, "models--org--x"));
    unlink(at(repo, "trees/" SHA ".json"));
    unlink(at(repo, "refs/new"));
    cx_status st = cx__hub_listing_parse(text, sizeof text - 1, "org/x", &l);
    if (st == CX_OK) st = cx__hub_select(&l, NULL, "org/x");
    if (st == CX_OK) st = cx__hub_tree_write(repo, &l);
    if (st == CX_OK) st = cx__hub_ref_write(repo, "new", SHA);
    if (st == CX_OK) st = cx__hub_link(repo, SHA, "config.json", "e");
    if (st == CX_OK) CHECK(cx__path_exists(at(repo, "trees/" SHA ".json")));
    cx__hub_listing_free(&l);
    free(repo);
    return st;
}

TEST(alloc, hub_writing_fails_cleanly)
{
    const char *cache;
    new_cache(&cache);
    fail_each_allocation(write_all, cache);
}

/* The hub's answers: what is parsed has sorted names and bounded sizes, what is selected stays
 * below its folder, and the tree that is written is read back. */
#include "hub/hub.h"

#include <stdlib.h>
#include <string.h>

static void check_listing(const cx__hub_listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const cx__hub_file *f = &l->files[i];
        if (i && strcmp(l->files[i - 1].name, f->name) >= 0) abort();
        if (f->size > (uint64_t)1 << 50 || (!f->sized && f->size)) abort();
        if (f->blob[0] && !cx__hub_hex(f->blob, CX__HUB_SHA1)) abort();
        if (f->sha256[0] && !cx__hub_hex(f->sha256, CX__HUB_SHA256)) abort();
    }
}

/* No way out of the folder, by a check of its own. */
static void check_path(const char *path)
{
    int depth = 0;
    if (*path == '/' || !*path) abort();
    for (; *path; path += *path == '/') {
        size_t n = strcspn(path, "/");
        depth += n == 2 && !memcmp(path, "..", 2) ? -1 : 1;
        if (depth < 1) abort();
        path += n;
    }
}

static void check_tree(const cx__hub_listing *l)
{
    cx__buf b = { .max = (size_t)1 << 30 };
    cx__hub_listing again = { 0 };
    if (!cx__hub_tree_dump(&b, l)) abort();
    if (cx__hub_tree_parse(b.data, b.len, "tree", &again) != CX_OK) {
        for (size_t i = 0; i < l->count; i++) /* the form demands a blob's hash */
            if (!l->files[i].blob[0]) goto done;
        abort();
    }
    check_listing(&again);
    for (size_t i = 0; i < again.count; i++) check_path(again.files[i].name);
done:
    cx__hub_listing_free(&again);
    cx__buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cx__hub_listing l = { 0 };
    cx_status st = cx__hub_listing_parse((const char *)data, size, "input", &l);
    if (st != CX_OK && (l.files || strncmp(cx_error(), "input", 5) != 0)) abort();
    if (st == CX_OK) {
        check_listing(&l);
        check_tree(&l);
        if (cx__hub_select(&l, NULL, "input") == CX_OK) {
            for (size_t i = 0; i < l.count; i++)
                if (l.files[i].wanted) check_path(l.files[i].name);
        }
    }
    cx__hub_listing_free(&l);
    if (cx__hub_tree_parse((const char *)data, size, "input", &l) == CX_OK) check_listing(&l);
    cx__hub_listing_free(&l);
    return 0;
}

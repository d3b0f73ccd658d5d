/* The guide's chips: a hint for tools in config.json, nothing else. Cores and bandwidth: Apple's
 * newsroom pages of the chips; batch and prefetch follow from them by the rule at `fill`. Tested by
 * tests/unit/test_convert_chip.c. */
#include "convert/chip.h"
#include "convert/config.h"
#include "convert/manifest.h"
#include "convert/stage.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CONFIG_MAX = 64 << 20 };

typedef struct chip {
    const char *name;
    int gpu_cores; /* of the largest variant */
    int gbps;      /* memory bandwidth of the largest variant */
    bool bf16;     /* the GPU computes in bfloat16: from M2 on */
} chip;

static const chip chips[] = {
    { "m1", 8, 68, false },         { "m1_pro", 16, 200, false },  { "m1_max", 32, 400, false },
    { "m1_ultra", 64, 800, false }, { "m2", 10, 100, true },       { "m2_pro", 19, 200, true },
    { "m2_max", 38, 400, true },    { "m2_ultra", 76, 800, true }, { "m3", 10, 100, true },
    { "m3_pro", 18, 150, true },    { "m3_max", 40, 400, true },   { "m4", 10, 120, true },
    { "m4_pro", 20, 273, true },    { "m4_max", 40, 546, true },   { "cpu", 0, 0, true },
};
enum { CHIPS = sizeof chips / sizeof *chips };

/* "M3 Pro", "m3-pro" and "m3_pro" are one. */
static bool same_name(const char *name, const char *chip_name)
{
    for (; *name && *chip_name; name++, chip_name++) {
        int c = *name == ' ' || *name == '-' ? '_' : tolower((unsigned char)*name);
        if (c != *chip_name) return false;
    }
    return !*name && !*chip_name;
}

static cx_status find_chip(const char *name, const chip **out)
{
    char known[256] = "";
    size_t at = 0;
    for (size_t i = 0; i < CHIPS; i++) {
        if (same_name(name, chips[i].name)) return *out = &chips[i], CX_OK;
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "", chips[i].name);
    }
    return CX_FAIL(CX_EARG, "chip '%s': expected one of %s", name, known);
}

cx_status cx__chip_check(const char *name)
{
    const chip *c;
    return find_chip(name, &c);
}

/* batch_size: a sequence for every 50 GB/s, as decode is bound by memory. prefetch_size: two pieces
 * in flight, four where the bandwidth is that of a Max or more. */
static json_t *fill(const chip *c)
{
    int batch = c->gbps < 100 ? 1 : c->gbps / 50, cores = c->gpu_cores;
    if (!cores) cores = cx__cpu_count();
    return json_pack("{s:s, s:i, s:i, s:s, s:b, s:b, s:i}", "name", c->name, "batch_size", batch,
                     "prefetch_size", c->gbps >= 400 ? 4 : 2, "dtype",
                     c->bf16 ? "bfloat16" : "float16", "use_amx", c->gpu_cores > 0, "use_gpu",
                     c->gpu_cores > 0, "cores", cores);
}

cx_status cx__chip_set(json_t *config, const char *name)
{
    const chip *c;
    CX_TRY(find_chip(name, &c));
    if (json_object_set_new(config, "cortex_chip", fill(c)) == 0) return CX_OK;
    return CX_FAIL(CX_ENOMEM, "no memory for config.json");
}

/* ---- a folder that is there ---- */

/* Same file under both names; its bytes are copied where the file system has no such links. */
static cx_status link_or_copy(const char *from_dir, const char *to_dir, const char *name)
{
    cx__manifest copies = { 0 };
    char *from = cx__path_join(from_dir, name), *to = cx__path_join(to_dir, name);
    cx_status st = from && to ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: no memory", from_dir);
    if (st == CX_OK && link(from, to) != 0) {
        st = cx__manifest_new(to_dir, &copies);
        if (st == CX_OK) st = cx__manifest_copy(&copies, from_dir, name);
        cx__manifest_free(&copies);
    }
    cx__free(from);
    cx__free(to);
    return st;
}

/* All but the two files that change. */
static cx_status link_files(const char *folder, const char *to)
{
    DIR *d = opendir(folder);
    cx_status st = d ? CX_OK : CX_FAIL(CX_EIO, "%s: cannot list this folder", folder);
    for (struct dirent *e; st == CX_OK && (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && strcmp(e->d_name, "config.json") &&
            strcmp(e->d_name, CX__MANIFEST_FILE))
            st = link_or_copy(folder, to, e->d_name);
    if (d) closedir(d);
    return st;
}

static cx_status put_config(const char *to, const json_t *config, json_t *manifest)
{
    cx__manifest m = { .dir = to, .files = json_object_get(manifest, "files") };
    char *text = NULL;
    size_t len = 0;
    if (manifest && !json_is_object(m.files))
        return CX_FAIL(CX_EFORMAT, "%s: 'files' is missing", CX__MANIFEST_FILE);
    if (manifest) json_incref(m.files);
    else CX_TRY(cx__manifest_new(to, &m));
    cx_status st = cx__config_text(config, &text, &len);
    if (st == CX_OK) st = cx__manifest_put(&m, "config.json", text, len);
    cx__free(text);
    if (st == CX_OK && manifest) st = cx__manifest_write(to, manifest);
    cx__manifest_free(&m);
    return st;
}

cx_status cx_convert_chip(const char *folder, const char *name)
{
    json_t *config = NULL, *manifest = NULL;
    cx__stage stage = { .lock = -1 };
    char *path = cx__path_join(folder, "config.json");
    cx_status st = path ? cx__chip_check(name) : CX_FAIL(CX_ENOMEM, "%s: no memory", folder);
    if (st == CX_OK) st = cx__json_load(path, CONFIG_MAX, &config);
    if (st == CX_OK && !json_is_object(config))
        st = CX_FAIL(CX_EFORMAT, "%s: expected a JSON object", path);
    if (st == CX_OK) st = cx__chip_set(config, name);
    if (st == CX_OK) st = cx__manifest_load(folder, &manifest);
    if (st == CX_OK) st = cx__stage_begin(folder, true, &stage);
    if (st == CX_OK) st = link_files(folder, stage.path);
    if (st == CX_OK) st = put_config(stage.path, config, manifest);
    if (st == CX_OK) st = cx__stage_commit(&stage);
    cx__stage_end(&stage);
    json_decref(config);
    json_decref(manifest);
    cx__free(path);
    return st;
}

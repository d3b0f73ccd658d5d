/* cx_verify: is a converted folder whole? Files against their hashes, shards against the index,
 * packed tensors against the config, data against conversion.json. A folder without conversion.json
 * (of mlx_lm.convert) gets all but the hashes. Tested by tests/unit/test_convert_verify.c. */
#include "convert/manifest.h"
#include "convert/triplets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 64 << 20, PIECE_MIN = 1024, PIECE_MAX = 1 << 30, PIECE_PLAIN = 1 << 20 };

/* One tensor to be read through. */
typedef struct item {
    const cx_tensor *t;
    size_t piece, pieces, first;
    bool hashed, finite; /* compare with `want`; look for NaN and infinities */
    char want[17];
} item;

typedef struct verification {
    const char *folder;
    json_t *config, *manifest; /* manifest: NULL if there is none */
    cx_tensors *tensors;
    item *items;
    size_t count, pieces, hashed;
    uint64_t *hashes; /* [pieces] */
    cx__pool *pool;
} verification;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory to verify");
}

/* ---- files ---- */

static cx_status check_file(const verification *v, const char *name, const json_t *want)
{
    const char *said = json_string_value(want);
    uint64_t hash = 0;
    size_t len = SIZE_MAX;
    char found[17];
    if (!said || strchr(name, '/'))
        return CX_FAIL(CX_EFORMAT, "%s/%s: files: '%s': expected a plain name and a hash",
                       v->folder, CX__MANIFEST_FILE, name);
    char *path = cx__path_join(v->folder, name);
    cx_status st = path ? CX_OK : no_memory();
    if (st == CX_OK && cx__ends_with(name, ".safetensors")) st = cx__header_length(path, &len);
    if (st == CX_OK) st = cx__hash_copy(path, len, -1, NULL, &hash);
    cx__hash_text(hash, found);
    if (st == CX_OK && strcmp(found, said) != 0)
        st = CX_FAIL(CX_EFORMAT, "%s: hash%s: expected %s, found %s: the file was changed", path,
                     len == SIZE_MAX ? "" : " of its header", said, found);
    cx__free(path);
    return st;
}

static cx_status check_files(const verification *v)
{
    json_t *files = json_object_get(v->manifest, "files"), *want;
    const char *name;
    if (!v->manifest) return CX_OK;
    if (!json_is_object(files))
        return CX_FAIL(CX_EFORMAT, "%s/%s: 'files' is missing", v->folder, CX__MANIFEST_FILE);
    json_object_foreach(files, name, want) CX_TRY(check_file(v, name, want));
    return CX_OK;
}

static cx_status load_config(verification *v)
{
    char *path = cx__path_join(v->folder, "config.json");
    cx_status st = path ? cx__json_load(path, CONFIG_MAX, &v->config) : no_memory();
    if (st == CX_OK && !json_is_string(json_object_get(v->config, "model_type")))
        st = CX_FAIL(CX_EFORMAT, "%s: 'model_type' is missing or no string", path);
    cx__free(path);
    return st;
}

/* ---- tensors ---- */

/* Hash and piece length that conversion.json states for a tensor: ["hash", bytes]. */
static cx_status take_hash(const verification *v, item *it)
{
    const json_t *said = json_object_get(json_object_get(v->manifest, "tensors"), it->t->name);
    const char *hash = json_string_value(json_array_get(said, 0));
    json_int_t piece = json_integer_value(json_array_get(said, 1));
    if (!said)
        return CX_FAIL(CX_EFORMAT, "%s: '%s' is not in %s", cx_tensors_path(v->tensors, it->t),
                       it->t->name, CX__MANIFEST_FILE);
    if (!hash || strlen(hash) != 16 || piece < PIECE_MIN || piece > PIECE_MAX)
        return CX_FAIL(CX_EFORMAT,
                       "%s/%s: tensors: '%s': expected a hash of 16 digits and a length of "
                       "%d to %d",
                       v->folder, CX__MANIFEST_FILE, it->t->name, PIECE_MIN, PIECE_MAX);
    memcpy(it->want, hash, 17);
    it->piece = (size_t)piece;
    it->hashed = true;
    return CX_OK;
}

static cx_status list_items(verification *v)
{
    v->count = cx_tensors_count(v->tensors);
    if (!(v->items = cx__calloc(v->count ? v->count : 1, sizeof *v->items))) return no_memory();
    for (size_t i = 0; i < v->count; i++) {
        item *it = &v->items[i];
        *it = (item){ .t = cx_tensors_at(v->tensors, i), .piece = PIECE_PLAIN };
        it->finite = cx__ends_with(it->t->name, ".scales") || cx__ends_with(it->t->name, ".biases");
        if (v->manifest) CX_TRY(take_hash(v, it));
        it->first = v->pieces;
        it->pieces = it->t->bytes / it->piece + (it->t->bytes % it->piece != 0);
        v->pieces += it->pieces;
        v->hashed += it->hashed;
    }
    size_t said = json_object_size(json_object_get(v->manifest, "tensors"));
    if (v->manifest && said != v->count)
        return CX_FAIL(CX_EFORMAT, "%s: holds %zu tensors, %s names %zu", v->folder, v->count,
                       CX__MANIFEST_FILE, said);
    if (!(v->hashes = cx__calloc(v->pieces ? v->pieces : 1, sizeof *v->hashes))) return no_memory();
    return CX_OK;
}

/* Looks at whole elements only. */
static cx_status check_finite(const verification *v, const item *it, const void *data, size_t len)
{
    size_t size = cx_dtype_size(it->t->dtype);
    const cx_tensor view = { .dtype = it->t->dtype,
                             .ndim = 1,
                             .shape = { (int64_t)(len / size) },
                             .data = data,
                             .bytes = len };
    if (it->t->dtype != CX_F16 && it->t->dtype != CX_BF16 && it->t->dtype != CX_F32) return CX_OK;
    for (size_t i = 0; i < len / size; i++)
        if (!isfinite(cx__tensor_f32(&view, i)))
            return CX_FAIL(CX_EFORMAT, "%s: '%s': a value is not finite",
                           cx_tensors_path(v->tensors, it->t), it->t->name);
    return CX_OK;
}

static const item *item_of(const verification *v, size_t piece)
{
    size_t lo = 0, hi = v->count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->items[mid].first <= piece) lo = mid;
        else hi = mid;
    }
    return &v->items[lo];
}

static cx_status read_piece(void *arg, size_t piece, int thread, uint64_t *done)
{
    const verification *v = arg;
    const item *it = item_of(v, piece);
    size_t at = (piece - it->first) * it->piece;
    size_t len = it->t->bytes - at < it->piece ? it->t->bytes - at : it->piece;
    const uint8_t *data = (const uint8_t *)it->t->data + at;
    (void)thread;
    *done = len;
    if (it->hashed) v->hashes[piece] = cx__hash(data, len);
    return it->finite ? check_finite(v, it, data, len) : CX_OK;
}

static cx_status compare(const verification *v)
{
    char found[17];
    for (size_t i = 0; i < v->count; i++) {
        const item *it = &v->items[i];
        if (!it->hashed) continue;
        cx__hash_text(cx__hash_of_pieces(v->hashes + it->first, it->pieces, 1), found);
        if (strcmp(found, it->want) != 0)
            return CX_FAIL(CX_EFORMAT,
                           "%s: '%s': hash: expected %s, found %s: its data were changed",
                           cx_tensors_path(v->tensors, it->t), it->t->name, it->want, found);
    }
    return CX_OK;
}

/* ---- the whole ---- */

static cx_status verify(verification *v, cx_progress_fn progress, void *user)
{
    CX_TRY(cx__manifest_load(v->folder, &v->manifest));
    CX_TRY(check_files(v));
    CX_TRY(load_config(v));
    CX_TRY(cx_tensors_open(v->folder, &v->tensors));
    CX_TRY(cx__triplets_check(v->folder, v->config, v->tensors));
    CX_TRY(list_items(v));
    CX_TRY(cx__pool_new(0, &v->pool));
    CX_TRY(cx__pieces_run(v->pool, v->pieces, read_piece, v, progress, user, "verify",
                          cx_tensors_bytes(v->tensors)));
    CX_TRY(cx_tensors_check(v->tensors));
    return compare(v);
}

cx_status cx_verify(const char *folder, cx_progress_fn progress, void *user, size_t *checked)
{
    verification v = { .folder = folder };
    cx_status st = verify(&v, progress, user);
    if (st == CX_OK && checked) *checked = v.hashed;
    cx__pool_free(v.pool);
    cx__free(v.hashes);
    cx__free(v.items);
    cx_tensors_close(v.tensors);
    json_decref(v.config);
    json_decref(v.manifest);
    return st;
}

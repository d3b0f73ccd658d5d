/* Splitting tensors into shards, and the index that names them, as mlx-lm's make_shards and
 * save_model do (mlx-lm 0.32.2, utils.py). Tested by tests/unit/test_safetensors_writer.c. */
#include "format/format.h"
#include "format/strings.h"
#include <stdio.h>
#include <string.h>

bool cx__tensor_bytes(const cx_tensor *t, uint64_t *out)
{
    size_t n, size = cx_dtype_size(t->dtype);
    if (!size || t->ndim < 0 || t->ndim > CX_MAX_DIMS) return false;
    if (!cx__tensor_count(t, &n) || !cx__mul(n, size, &n)) return false;
    *out = n;
    return true;
}

static cx_status fail_size(const cx_tensor *t)
{
    return CX_FAIL(CX_EARG, "'%s': dtype or shape out of range", t->name);
}

cx_status cx__shards_split(const cx_tensor *plan, size_t count, uint64_t limit, size_t *shard_of,
                           size_t *shards)
{
    uint64_t filled = 0, bytes, sum;
    size_t shard = 0;
    bool empty = true;
    for (size_t i = 0; i < count; i++) {
        if (!cx__tensor_bytes(&plan[i], &bytes)) return fail_size(&plan[i]);
        if (!empty && (__builtin_add_overflow(filled, bytes, &sum) || sum > limit)) {
            shard++;
            filled = 0;
        }
        filled += bytes;
        shard_of[i] = shard;
        empty = false;
    }
    *shards = shard + 1;
    return CX_OK;
}

void cx__shard_file(char out[64], size_t shard, size_t shards)
{
    if (shards == 1) snprintf(out, 64, "model.safetensors");
    else snprintf(out, 64, "model-%05zu-of-%05zu.safetensors", shard + 1, shards);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const cx__shard_entry *)a)->name, ((const cx__shard_entry *)b)->name);
}

/* {tensor: file}, inserted in the order of names. */
static json_t *weight_map(const cx__shard_entry *entries, size_t count, size_t shards)
{
    json_t *map = json_object();
    char file[64];
    for (size_t i = 0; map && i < count; i++) {
        cx__shard_file(file, entries[i].shard, shards);
        if (json_object_set_new(map, entries[i].name, json_string(file)) == 0) continue;
        json_decref(map);
        map = NULL;
    }
    return map;
}

static json_t *index_tree(const cx_tensor *plan, size_t count, const size_t *shard_of,
                          size_t shards, uint64_t bytes, uint64_t parameters)
{
    cx__shard_entry *entries = cx__alloc_array(count, sizeof *entries);
    json_t *map;
    if (!entries) return NULL;
    for (size_t i = 0; i < count; i++) entries[i] = (cx__shard_entry){ plan[i].name, shard_of[i] };
    cx__sort(entries, count, sizeof *entries, compare_entries);
    map = weight_map(entries, count, shards);
    cx__free(entries);
    return map ? json_pack("{s:{s:I,s:I},s:o}", "metadata", "total_size", (json_int_t)bytes,
                           "total_parameters", (json_int_t)parameters, "weight_map", map)
               : NULL;
}

cx_status cx__shard_index_text(const cx_tensor *plan, size_t count, const size_t *shard_of,
                               size_t shards, uint64_t total_parameters, char **text, size_t *len)
{
    cx__buf b = { .max = SIZE_MAX / 4 };
    uint64_t total = 0, bytes;
    json_t *tree;
    bool ok;
    for (size_t i = 0; i < count; i++) {
        if (!cx__tensor_bytes(&plan[i], &bytes) || __builtin_add_overflow(total, bytes, &total))
            return fail_size(&plan[i]);
    }
    tree = index_tree(plan, count, shard_of, shards, total, total_parameters);
    ok = tree && cx__json_dump(&b, tree, 4, false);
    json_decref(tree);
    if (!ok) return cx__buf_free(&b), CX_FAIL(CX_ENOMEM, "index: no memory for %zu names", count);
    *len = b.len;
    *text = cx__buf_take(&b);
    return CX_OK;
}

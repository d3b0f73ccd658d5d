/* Sets of safetensors files: folders, indexes, links; what happens when a file shrinks. */
#include "format/format.h"
#include "safetensors_bytes.h"
#include <cortex/file.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX "model.safetensors.index.json"

static const char *put(const char *dir, const char *name, const void *data, size_t len)
{
    static char path[1024];
    FILE *f;
    CHECK(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
    f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK_INT(fwrite(data, 1, len, f), len);
    CHECK_INT(fclose(f), 0);
    return path;
}

/* A file with one U8 tensor of `bytes` bytes. */
static const char *put_shard(const char *dir, const char *name, const char *tensor, size_t bytes)
{
    char header[300];
    const char *path;
    sprintf(header,
            "{\"__metadata__\":{\"of\":\"%s\"},\"%s\":{\"dtype\":\"U8\",\"shape\":[%zu],"
            "\"data_offsets\":[0,%zu]}}",
            tensor, tensor, bytes, bytes);
    st_bytes b = st_text(header, bytes);
    path = put(dir, name, b.data, b.len);
    free(b.data);
    return path;
}

static void refuse(const char *dir, cx_status status, const char *says)
{
    cx_tensors *t = NULL;
    cx_status st = cx_tensors_open(dir, &t);
    if (st != status)
        fail_msg("got %s (%s), expected %s (%s)", cx_status_name(st), cx_error(),
                 cx_status_name(status), says);
    CHECK(t == NULL);
    CHECK_HAS(cx_error(), dir);
    CHECK_HAS(cx_error(), says);
}

TEST(safetensors, one_file_is_opened)
{
    const char *dir = unit_dir(), *path = put_shard(dir, "any name", "a", 300);
    cx_tensors *t;
    CHECK_OK(cx_tensors_open(path, &t));
    CHECK_INT(cx_tensors_count(t), 1);
    CHECK_INT(cx_tensors_files(t), 1);
    CHECK_INT(cx_tensors_bytes(t), 300);
    CHECK(cx_tensors_at(t, 0) == cx_tensors_find(t, "a"));
    CHECK(cx_tensors_find(t, "b") == NULL);
    CHECK_INT(((const uint8_t *)cx_tensors_at(t, 0)->data)[255], 255);
    CHECK_STR(cx_tensors_metadata(t, "of"), "a");
    CHECK(cx_tensors_metadata(t, "x") == NULL);
    CHECK_STR(cx_tensors_path(t, cx_tensors_at(t, 0)), path);
    cx_tensors_prefetch(t, cx_tensors_at(t, 0));
    cx_tensors_prefetch(t, NULL);
    CHECK_OK(cx_tensors_check(t));
    cx_tensors_close(t);
    cx_tensors_close(NULL);
}

TEST(safetensors, missing_and_empty_paths)
{
    const char *dir = unit_dir();
    char path[1024];
    snprintf(path, sizeof path, "%s/absent.safetensors", dir);
    refuse(path, CX_ENOTFOUND, "cannot open");
    refuse(dir, CX_ENOTFOUND, "no .safetensors file");
    put(dir, "a.safetensors", "", 0);
    refuse(dir, CX_EFORMAT, "a.safetensors: expected at least 8 bytes, found 0");
}

TEST(safetensors, folder_without_index_takes_the_model_files)
{
    const char *dir = unit_dir();
    cx_tensors *t;
    put_shard(dir, "model-00002-of-00002.safetensors", "a", 2);
    put_shard(dir, "model-00001-of-00002.safetensors", "z", 1);
    put_shard(dir, "adapter.safetensors", "q", 1);
    put_shard(dir, ".model.safetensors", "h", 1);
    put(dir, "model.txt", "x", 1);
    CHECK_OK(cx_tensors_open(dir, &t));
    CHECK_INT(cx_tensors_count(t), 2);
    CHECK_INT(cx_tensors_files(t), 2);
    CHECK_STR(cx_tensors_at(t, 0)->name, "z");
    CHECK_STR(cx_tensors_metadata(t, "of"), "z");
    CHECK_HAS(cx_tensors_path(t, cx_tensors_find(t, "a")), "model-00002-of-00002");
    cx_tensors_close(t);
    put_shard(dir, "model-00003-of-00003.safetensors", "b", 1);
    refuse(dir, CX_EFORMAT, "expected one of 2 shards, found one of 3");
}

TEST(safetensors, numbered_shards_must_be_complete)
{
    const char *dir = unit_dir();
    put_shard(dir, "model-00001-of-00003.safetensors", "a", 2);
    put_shard(dir, "model-00003-of-00003.safetensors", "c", 2);
    refuse(dir, CX_ENOTFOUND, "shard 2 of 3 is missing");
}

TEST(safetensors, only_other_file_of_a_folder_is_taken)
{
    const char *dir = unit_dir();
    cx_tensors *t;
    put_shard(dir, "weights.safetensors", "a", 2);
    CHECK_OK(cx_tensors_open(dir, &t));
    cx_tensors_close(t);
    put_shard(dir, "more.safetensors", "b", 2);
    refuse(dir, CX_EFORMAT, "found 2");
    put_shard(dir, "model (1).safetensors", "b", 2);
    refuse(dir, CX_EFORMAT, "found 'model (1).safetensors'");
}

TEST(safetensors, tensor_in_two_shards_is_refused)
{
    const char *dir = unit_dir();
    put_shard(dir, "model-00001-of-00002.safetensors", "a", 2);
    put_shard(dir, "model-00002-of-00002.safetensors", "a", 2);
    refuse(dir, CX_EFORMAT, "'a' is in ");
}

/* A folder of two shards, with `a` of 2 bytes in the first and `b` of 3 in the second. */
static const char *two_shards(void)
{
    const char *dir = unit_dir();
    put_shard(dir, "model-00001-of-00002.safetensors", "a", 2);
    put_shard(dir, "model-00002-of-00002.safetensors", "b", 3);
    return dir;
}
#define A "\"a\":\"model-00001-of-00002.safetensors\""
#define B "\"b\":\"model-00002-of-00002.safetensors\""

TEST(safetensors, index_is_followed)
{
    static const char *const good[] = {
        "{\"metadata\":{\"total_size\":5,\"other\":[1,{}]},\"weight_map\":{" B "," A "}}",
        "{\"weight_map\":{" A "," B "}}",
        "{\"weight_map\":{" A "," B "},\"metadata\":{\"total_size\":6.0},\"x\":[null,{\"y\":1}]}",
    };
    const char *dir = two_shards();
    put_shard(dir, "model.safetensors", "unlisted", 3); /* not a numbered shard: ignored */
    for (size_t i = 0; i < 3; i++) {
        cx_tensors *t;
        put(dir, INDEX, good[i], strlen(good[i]));
        CHECK_OK(cx_tensors_open(dir, &t));
        CHECK_INT(cx_tensors_count(t), 2);
        CHECK_INT(cx_tensors_find(t, "b")->bytes, 3);
        cx_tensors_close(t);
    }
}

TEST(safetensors, bad_indexes_are_refused)
{
    static const struct {
        const char *text;
        cx_status status;
        const char *says;
    } cases[] = {
        { "", CX_EFORMAT, "ends" },
        { "[]", CX_EFORMAT, "expected an object, found a list" },
        { "{}", CX_EFORMAT, "weight_map is missing" },
        { "{\"weight_map\":[]}", CX_EFORMAT, "weight_map: expected an object" },
        { "{\"weight_map\":{}}", CX_EFORMAT, "found none" },
        { "{\"weight_map\":{" A "," B "}} x", CX_EFORMAT, "expected the end" },
        { "{\"weight_map\":{" A "," B "," A "}}", CX_EFORMAT, "'a' is there twice" },
        { "{\"weight_map\":{" A "," B "},\"weight_map\":{}}", CX_EFORMAT, "'weight_map' is there" },
        { "{\"weight_map\":{" A "," B ",\"c\":3}}", CX_EFORMAT,
          "'c': expected a file name, found an " },
        { "{\"weight_map\":{" A "," B ",\"c\":null}}", CX_EFORMAT, "found null" },
        { "{\"weight_map\":{" A ",\"b\":\"../x.safetensors\"}}", CX_EFORMAT, "'../x.safetensors'" },
        { "{\"weight_map\":{" A ",\"b\":\"/etc/passwd\"}}", CX_EFORMAT, "'/etc/passwd'" },
        { "{\"weight_map\":{" A ",\"b\":\"a/../../x.safetensors\"}}", CX_EFORMAT, "plain name" },
        { "{\"weight_map\":{" A ",\"b\":\"a//b.safetensors\"}}", CX_EFORMAT, "plain name" },
        { "{\"weight_map\":{" A ",\"b\":\"b\\u0000.safetensors\"}}", CX_EFORMAT, "NUL" },
        { "{\"weight_map\":{" A ",\"b\":\"\"}}", CX_EFORMAT, "plain name" },
        { "{\"weight_map\":{" A ",\"b\":\".safetensors\"}}", CX_EFORMAT, "plain name" },
        { "{\"weight_map\":{" A ",\"b\":\"pytorch_model.bin\"}}", CX_EFORMAT, "plain name" },
        { "{\"weight_map\":{" A ",\"b\":\"absent.safetensors\"}}", CX_ENOTFOUND,
          "absent.safetensors: cannot open" },
        { "{\"weight_map\":{" A "}}", CX_EFORMAT,
          "model-00002-of-00002.safetensors is not listed" },
        { "{\"weight_map\":{" A ",\"b\":\"model-00001-of-00002.safetensors\"}}", CX_EFORMAT,
          "model-00002-of-00002.safetensors is not listed" },
        { "{\"weight_map\":{" A "," B ",\"c\":\"model-00002-of-00002.safetensors\"}}", CX_EFORMAT,
          "'c' is not in model-00002" },
        { "{\"weight_map\":{\"b\":\"model-00001-of-00002.safetensors\","
          "\"a\":\"model-00002-of-00002.safetensors\"}}",
          CX_EFORMAT, "'a' is not in model-00002" },
        { "{\"weight_map\":{" A ",\"c\":\"model-00002-of-00002.safetensors\"}}", CX_EFORMAT,
          "'c' is not in" },
        { "{\"metadata\":{\"total_size\":-5},\"weight_map\":{" A "," B "}}", CX_EFORMAT,
          "negative" },
        { "{\"metadata\":{\"total_size\":\"5\"},\"weight_map\":{" A "," B "}}", CX_EFORMAT,
          "found a string" },
        { "{\"metadata\":{\"total_size\":5.5},\"weight_map\":{" A "," B "}}", CX_EFORMAT, "real" },
        { "{\"metadata\":[],\"weight_map\":{" A "," B "}}", CX_EFORMAT,
          "metadata: expected an obj" },
    };
    const char *dir = two_shards();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(dir, INDEX, cases[i].text, strlen(cases[i].text));
        refuse(dir, cases[i].status, cases[i].says);
    }
}

TEST(safetensors, unlisted_tensor_of_a_shard_is_refused)
{
    const char *dir = unit_dir(), *index = "{\"weight_map\":{\"a\":\"model.safetensors\"}}";
    st_bytes b = st_text("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                         "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
                         2);
    put(dir, "model.safetensors", b.data, b.len);
    put(dir, INDEX, index, strlen(index));
    refuse(dir, CX_EFORMAT, "'b' of ");
    free(b.data);
}

TEST(safetensors, more_shards_than_a_thousand_are_refused)
{
    const char *dir = unit_dir();
    char *text = malloc(200000), *p = text;
    p += sprintf(p, "{\"weight_map\":{");
    for (int i = 0; i < 2000; i++)
        p += sprintf(p, "%s\"%d\":\"%d.safetensors\"", i ? "," : "", i, i);
    p += sprintf(p, "}}");
    put(dir, INDEX, text, (size_t)(p - text));
    refuse(dir, CX_ELIMIT, "at most 1000 files");
    free(text);
}

static void link_to(const char *dir, const char *name, const char *target)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_INT(symlink(target, path), 0);
}

TEST(safetensors, links_out_of_the_folder_are_refused)
{
    const char *dir = unit_dir(), *other = unit_dir();
    char *target = cx__strdup(put_shard(other, "secret.safetensors", "a", 1));
    link_to(dir, "model.safetensors", target);
    refuse(dir, CX_EFORMAT, "a link that leads out of its folder");
    link_to(dir, "x", target);
    put(dir, INDEX, "{\"weight_map\":{\"a\":\"model.safetensors\"}}", 40);
    refuse(dir, CX_EFORMAT, "a link that leads out of its folder");
    cx__free(target);
}

/* "model-private" begins with "model", but is another folder. */
TEST(safetensors, links_to_a_folder_with_a_longer_name_are_refused)
{
    char *dir = cx__path_join(unit_dir(), "model"), *other = cx__format("%s-private", dir);
    CHECK_INT(mkdir(dir, 0700) || mkdir(other, 0700), 0);
    put_shard(other, "x.safetensors", "a", 1);
    link_to(dir, "model.safetensors", "../model-private/x.safetensors");
    refuse(dir, CX_EFORMAT, "a link that leads out of its folder");
    cx__free(dir);
    cx__free(other);
}

/* NAME/snapshots/REVISION/model.safetensors -> ../../blobs/HASH */
TEST(safetensors, links_of_a_hub_cache_are_followed)
{
    const char *root = unit_dir();
    char blobs[600], snapshots[600], revision[600], path[700];
    cx_tensors *t;
    snprintf(blobs, sizeof blobs, "%s/blobs", root);
    snprintf(snapshots, sizeof snapshots, "%s/snapshots", root);
    snprintf(revision, sizeof revision, "%s/snapshots/0a1b", root);
    CHECK_INT(mkdir(blobs, 0700) || mkdir(snapshots, 0700) || mkdir(revision, 0700), 0);
    put_shard(blobs, "d00d", "a", 1);
    link_to(revision, "model.safetensors", "../../blobs/d00d");
    CHECK_OK(cx_tensors_open(revision, &t));
    cx_tensors_close(t);
    put_shard(root, "outside", "b", 1);
    link_to(revision, "model-2.safetensors", "../../outside");
    refuse(revision, CX_EFORMAT, "a link that leads out of its folder");
    snprintf(path, sizeof path, "%s/model-2.safetensors", revision);
    CHECK_INT(unlink(path), 0);
    link_to(revision, "model-2.safetensors", "../../blobs/absent");
    refuse(revision, CX_ENOTFOUND, "cannot open");
    CHECK_INT(unlink(path), 0);
    put_shard(revision, "inner.safetensors", "b", 1);
    link_to(revision, "model-2.safetensors", "inner.safetensors"); /* stays in the folder */
    CHECK_OK(cx_tensors_open(revision, &t));
    cx_tensors_close(t);
}

TEST(safetensors, file_cut_while_open_gives_zeros_and_an_error)
{
    const char *dir = unit_dir();
    size_t bytes = 1000000;
    char path[1024];
    cx_tensors *t;
    unsigned sum = 0;
    snprintf(path, sizeof path, "%s", put_shard(dir, "m.safetensors", "a", bytes));
    CHECK_OK(cx_tensors_open(path, &t));
    CHECK_INT(truncate(path, 5000), 0);
    const uint8_t *p = cx_tensors_find(t, "a")->data;
    for (size_t i = bytes; i-- > bytes / 2;) sum += p[i];
    CHECK_INT(sum, 0);
    CHECK_INT(cx_tensors_check(t), CX_EIO);
    CHECK_HAS(cx_error(), path);
    cx_tensors_close(t);
}

#define LONG 8000
static const char *cut_path;
static bool cut_now(size_t size)
{
    if (size > LONG && truncate(cut_path, 0) != 0) abort();
    return false;
}

/* The memory for a long header is asked for between mapping and parsing. */
TEST(safetensors, file_cut_while_its_header_is_read_is_an_io_error)
{
    char header[LONG + 100];
    cx_tensors *t = NULL;
    size_t len = (size_t)sprintf(header, "{\"__metadata__\":{\"k\":\"");
    memset(header + len, 'x', LONG);
    strcpy(header + len + LONG, "\"}}");
    st_bytes b = st_text(header, 0);
    cut_path = unit_file("m.safetensors", b.data, b.len);
    CHECK_OK(cx_tensors_open(cut_path, &t));
    cx_tensors_close(t);
    t = NULL;
    cx__alloc_fault_set(cut_now);
    CHECK_INT(cx_tensors_open(cut_path, &t), CX_EIO);
    cx__alloc_fault_set(NULL);
    CHECK_HAS(cx_error(), cut_path);
    CHECK(t == NULL);
    free(b.data);
}

TEST(safetensors, real_checkpoint_is_read)
{
    char path[1024];
    cx_tensors *t;
    const cx_tensor *x;
    if (!unit_data()) unit_skip("no CORTEX_DATA");
    snprintf(path, sizeof path, "%s/models/stories260K", unit_data());
    CHECK_OK(cx_tensors_open(path, &t));
    x = cx_tensors_find(t, "model.layers.0.self_attn.q_proj.weight");
    CHECK(x != NULL);
    CHECK_INT(x->ndim, 2);
    CHECK_INT(x->shape[0], 64);
    cx_tensors_close(t);
}

static int until_fault;
static bool forever;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0 || (forever && until_fault < 0);
}

static void fail_each_allocation(const char *path)
{
    for (int mode = 0; mode < 2; mode++) {
        cx_status st = CX_ENOMEM;
        forever = mode;
        for (int n = 0; st != CX_OK; n++) {
            cx_tensors *t = NULL;
            CHECK(n < 2000);
            until_fault = n;
            cx__alloc_fault_set(countdown);
            st = cx_tensors_open(path, &t);
            cx__alloc_fault_set(NULL);
            if (st == CX_OK) CHECK_INT(cx_tensors_count(t), 2);
            else CHECK(t == NULL);
            if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
            cx_tensors_close(t);
        }
    }
}

TEST(alloc, safetensors_open_fails_cleanly)
{
    const char *index = "{\"metadata\":{\"total_size\":5},\"weight_map\":{\"\\u0061\":"
                        "\"model-00001-of-00002.safetensors\"," B "}}";
    const char *dir = two_shards();
    fail_each_allocation(dir);
    put(dir, INDEX, index, strlen(index));
    fail_each_allocation(dir);
}

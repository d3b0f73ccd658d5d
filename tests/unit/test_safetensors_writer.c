/* The safetensors writer, shards and their index. */
#include "format/format.h"
#include "unit.h"
#include <cortex/file.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

static const cx_tensor plan[] = {
    { .name = "model.b", .dtype = CX_F16, .ndim = 2, .shape = { 3, 5 } },
    { .name = "model.a\"\xc3\xa9", .dtype = CX_U8, .ndim = 1, .shape = { 7 } },
    { .name = "scalar", .dtype = CX_F32, .ndim = 0 },
    { .name = "none", .dtype = CX_BF16, .ndim = 2, .shape = { 0, 9 } },
    { .name = "model.c", .dtype = CX_U32, .ndim = 3, .shape = { 2, 1, 4 } },
};
#define TENSORS 5
static const size_t sizes[TENSORS] = { 30, 7, 4, 0, 32 };
static const cx_metadata metadata[] = { { "format", "mlx" }, { "k", "line\n\xe2\x82\xac" } };

static char *path_in(const char *dir, const char *name)
{
    char *p = cx__path_join(dir, name);
    CHECK(p != NULL);
    return p;
}

TEST(safetensors, written_file_is_read_back)
{
    char *path = path_in(unit_dir(), "out.safetensors");
    uint8_t bytes[100];
    cx_tensor_writer *w;
    cx_tensors *t;
    for (int i = 0; i < 100; i++) bytes[i] = (uint8_t)(i * 7);
    CHECK_OK(cx_tensor_writer_open(path, plan, TENSORS, metadata, 2, &w));
    for (size_t i = TENSORS; i-- > 0;) { /* backwards, the second half first */
        size_t half = sizes[i] / 2;
        CHECK_OK(cx_tensor_writer_write(w, i, half, bytes + i + half, sizes[i] - half));
        CHECK_OK(cx_tensor_writer_write(w, i, 0, bytes + i, half));
    }
    CHECK_OK(cx_tensor_writer_finish(w));
    CHECK_OK(cx_tensors_open(path, &t));
    CHECK_INT(cx_tensors_count(t), TENSORS);
    CHECK_INT(cx_tensors_bytes(t), 73);
    CHECK_STR(cx_tensors_metadata(t, "format"), "mlx");
    CHECK_STR(cx_tensors_metadata(t, "k"), "line\n\xe2\x82\xac");
    for (size_t i = 0; i < TENSORS; i++) {
        const cx_tensor *x = cx_tensors_find(t, plan[i].name);
        CHECK(x != NULL);
        CHECK_INT(x->dtype, plan[i].dtype);
        CHECK_INT(x->ndim, plan[i].ndim);
        CHECK(memcmp(x->shape, plan[i].shape, sizeof x->shape) == 0);
        CHECK_INT(x->bytes, sizes[i]);
        CHECK(memcmp(x->data, bytes + i, sizes[i]) == 0);
    }
    CHECK(cx_tensors_at(t, 0) == cx_tensors_find(t, "model.b")); /* the plan's order */
    CHECK_INT((uintptr_t)cx_tensors_at(t, 0)->data % 64, 0);
    cx_tensors_close(t);
    cx__free(path);
}

TEST(safetensors, header_is_compact_and_padded_to_64_bytes)
{
    const cx_tensor one = { .name = "w", .dtype = CX_I8, .ndim = 1, .shape = { 3 } };
    char *path = path_in(unit_dir(), "out"), *text;
    cx_tensor_writer *w;
    size_t len;
    CHECK_OK(cx_tensor_writer_open(path, &one, 1, metadata, 1, &w));
    CHECK_OK(cx_tensor_writer_write(w, 0, 0, "abc", 3));
    CHECK_OK(cx_tensor_writer_finish(w));
    CHECK_OK(cx__read_file(path, 1000, &text, &len));
    CHECK_INT(len, 131);
    CHECK(memcmp(text,
                 "\x78\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"mlx\"},\"w\":{"
                 "\"data_offsets\":[0,3],\"dtype\":\"I8\",\"shape\":[3]}}",
                 8 + 85) == 0);
    CHECK_STR(text + 8 + 85, "                                   abc");
    cx__free(text);
    cx__free(path);
}

TEST(safetensors, empty_plan_makes_a_valid_file)
{
    char *path = path_in(unit_dir(), "out");
    cx_tensor_writer *w;
    cx_tensors *t;
    CHECK_OK(cx_tensor_writer_open(path, NULL, 0, NULL, 0, &w));
    CHECK_OK(cx_tensor_writer_finish(w));
    CHECK_OK(cx_tensors_open(path, &t));
    CHECK_INT(cx_tensors_count(t), 0);
    cx_tensors_close(t);
    cx__free(path);
}

TEST(safetensors, writer_refuses_bad_plans)
{
    static const struct {
        cx_tensor plan[2];
        size_t count;
        const char *says;
    } cases[] = {
        { { { .name = "a", .dtype = CX_U8 }, { .name = "a", .dtype = CX_U8 } },
          2,
          "'a' is there twice" },
        { { { .name = "__metadata__", .dtype = CX_U8 } }, 1, "'__metadata__' is there twice" },
        { { { .name = "a\xff", .dtype = CX_U8 } }, 1, "expected UTF-8" },
        { { { .name = "a", .dtype = CX_DTYPES } }, 1, "out of range" },
        { { { .name = "a", .dtype = CX_U8, .ndim = 9 } }, 1, "out of range" },
        { { { .name = "a", .dtype = CX_U8, .ndim = 1, .shape = { -1 } } }, 1, "out of range" },
        { { { .name = "a", .dtype = CX_F32, .ndim = 1, .shape = { INT64_MAX } } },
          1,
          "out of range" },
        { { { .name = "a", .dtype = CX_U8, .ndim = 1, .shape = { INT64_MAX } } }, 1, "too large" },
    };
    char *path = path_in(unit_dir(), "out");
    cx_tensor_writer *w = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(cx_tensor_writer_open(path, cases[i].plan, cases[i].count, NULL, 0, &w), CX_EARG);
        CHECK_HAS(cx_error(), path);
        CHECK_HAS(cx_error(), cases[i].says);
        CHECK(w == NULL && !cx__path_exists(path));
    }
    const cx_metadata bad = { "k", "\xff" };
    CHECK_INT(cx_tensor_writer_open(path, plan, 1, &bad, 1, &w), CX_EARG);
    cx__free(path);
}

TEST(safetensors, writer_refuses_pieces_outside_the_tensor)
{
    char *path = path_in(unit_dir(), "out");
    cx_tensor_writer *w;
    CHECK_OK(cx_tensor_writer_open(path, plan, TENSORS, NULL, 0, &w));
    CHECK_INT(cx_tensor_writer_write(w, 5, 0, "", 0), CX_EARG);
    CHECK_INT(cx_tensor_writer_write(w, 1, 7, "x", 1), CX_EARG);
    CHECK_INT(cx_tensor_writer_write(w, 1, UINT64_MAX, "xx", 2), CX_EARG);
    CHECK_INT(cx_tensor_writer_write(w, 1, 0, "12345678", 8), CX_EARG);
    CHECK_HAS(cx_error(), "'model.a\"\xc3\xa9': 8 bytes at 0 of 7");
    CHECK_OK(cx_tensor_writer_write(w, 1, 7, "", 0));
    cx_tensor_writer_abort(w);
    CHECK(!cx__path_exists(path));
    cx_tensor_writer_abort(NULL);
    cx__free(path);
}

TEST(safetensors, unfinished_file_is_removed)
{
    char *path = path_in(unit_dir(), "out");
    cx_tensor_writer *w;
    CHECK_OK(cx_tensor_writer_open(path, plan, 2, NULL, 0, &w));
    CHECK_OK(cx_tensor_writer_write(w, 0, 0, "123456789012345678901234567890", 30));
    CHECK_OK(cx_tensor_writer_write(w, 1, 2, "12345", 5));
    CHECK_INT(cx_tensor_writer_finish(w), CX_EARG);
    CHECK_HAS(cx_error(), "expected 7 bytes, 5 were written");
    CHECK(!cx__path_exists(path));
    cx__free(path);
}

TEST(safetensors, unwritable_places_are_named)
{
    char *path = path_in(unit_dir(), "absent/out");
    cx_tensor_writer *w = NULL;
    CHECK_INT(cx_tensor_writer_open(path, plan, 1, NULL, 0, &w), CX_EIO);
    CHECK_HAS(cx_error(), path);
    CHECK(w == NULL);
    cx__free(path);
}

/* The limit on file sizes stands for a full disk: both refuse the reservation. */
TEST(safetensors, full_disk_is_found_before_writing)
{
    const cx_tensor big = { .name = "big", .dtype = CX_U8, .ndim = 1, .shape = { 1 << 20 } };
    const struct rlimit small = { 1 << 16, 1 << 16 };
    char *path = path_in(unit_dir(), "out");
    cx_tensor_writer *w = NULL;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    CHECK_INT(cx_tensor_writer_open(path, &big, 1, NULL, 0, &w), CX_EIO);
    CHECK_HAS(cx_error(), "out: cannot reserve 1048704 bytes: File too large");
    CHECK(w == NULL && !cx__path_exists(path));
    cx__free(path);
}

#define PIECE 1000
typedef struct piece_job {
    cx_tensor_writer *w;
    int thread;
    cx_status status;
} piece_job;

static void *write_pieces(void *arg)
{
    piece_job *j = arg;
    uint8_t bytes[PIECE];
    for (int i = j->thread; i < 100 && j->status == CX_OK; i += 4) {
        memset(bytes, i, sizeof bytes);
        j->status = cx_tensor_writer_write(j->w, 0, (uint64_t)i * PIECE, bytes, PIECE);
    }
    return NULL;
}

TEST(safetensors, threads_write_one_tensor)
{
    const cx_tensor one = { .name = "w", .dtype = CX_U8, .ndim = 1, .shape = { 100 * PIECE } };
    char *path = path_in(unit_dir(), "out");
    pthread_t thread[4];
    piece_job job[4];
    cx_tensor_writer *w;
    cx_tensors *t;
    CHECK_OK(cx_tensor_writer_open(path, &one, 1, NULL, 0, &w));
    for (int i = 0; i < 4; i++) {
        job[i] = (piece_job){ w, i, CX_OK };
        CHECK_INT(pthread_create(&thread[i], NULL, write_pieces, &job[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        CHECK_INT(job[i].status, CX_OK);
    }
    CHECK_OK(cx_tensor_writer_finish(w));
    CHECK_OK(cx_tensors_open(path, &t));
    const uint8_t *p = cx_tensors_at(t, 0)->data;
    for (int i = 0; i < 100 * PIECE; i++) CHECK_INT(p[i], i / PIECE);
    cx_tensors_close(t);
    cx__free(path);
}

static int until_fault;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0;
}

TEST(alloc, safetensors_writer_fails_cleanly)
{
    char *path = path_in(unit_dir(), "out");
    cx_status st = CX_ENOMEM;
    for (int n = 0; st != CX_OK; n++) {
        cx_tensor_writer *w = NULL;
        CHECK(n < 100);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx_tensor_writer_open(path, plan, TENSORS, metadata, 2, &w);
        cx__alloc_fault_set(NULL);
        CHECK(st == CX_OK || (st == CX_ENOMEM && !w && !cx__path_exists(path)));
        cx_tensor_writer_abort(w);
    }
    cx__free(path);
}

static void split(const int64_t *bytes, size_t count, const size_t *want, size_t want_shards)
{
    cx_tensor t[8] = { { 0 } };
    size_t of[8], shards = 0;
    for (size_t i = 0; i < count; i++)
        t[i] = (cx_tensor){ .name = "t", .dtype = CX_U8, .ndim = 1, .shape = { bytes[i] } };
    CHECK_OK(cx__shards_split(t, count, 10, of, &shards));
    CHECK_INT(shards, want_shards);
    for (size_t i = 0; i < count; i++) CHECK_INT(of[i], want[i]);
}

TEST(safetensors, shards_are_split_as_mlx_lm_does)
{
    split(NULL, 0, NULL, 1);
    split((int64_t[]){ 4, 6, 1 }, 3, (size_t[]){ 0, 0, 1 }, 2);
    split((int64_t[]){ 11, 1, 12, 3 }, 4, (size_t[]){ 0, 1, 2, 3 }, 4); /* larger than a shard */
    split((int64_t[]){ 0, 11 }, 2, (size_t[]){ 0, 1 }, 2); /* mlx-lm: a shard with a tensor ends */
    split((int64_t[]){ 10, 0, 1 }, 3, (size_t[]){ 0, 0, 1 }, 2);
}

TEST(safetensors, shard_files_and_index_are_named_as_mlx_lm_does)
{
    const size_t of[TENSORS] = { 0, 0, 1, 1, 1 };
    char name[64], *text;
    size_t len;
    cx__shard_file(name, 0, 1);
    CHECK_STR(name, "model.safetensors");
    cx__shard_file(name, 1, 12);
    CHECK_STR(name, "model-00002-of-00012.safetensors");
    CHECK_OK(cx__shard_index_text(plan, 3, of, 2, 26, &text, &len));
    CHECK_STR(text, "{\n    \"metadata\": {\n        \"total_size\": 41,\n"
                    "        \"total_parameters\": 26\n    },\n    \"weight_map\": {\n"
                    "        \"model.a\\\"\\u00e9\": \"model-00001-of-00002.safetensors\",\n"
                    "        \"model.b\": \"model-00001-of-00002.safetensors\",\n"
                    "        \"scalar\": \"model-00002-of-00002.safetensors\"\n    }\n}");
    CHECK_INT(len, strlen(text));
    cx__shard_index index;
    CHECK_OK(cx__shard_index_parse(text, len, "index", &index));
    CHECK_INT(index.count, 3);
    CHECK_INT(index.total_size, 41);
    cx__shard_index_free(&index);
    cx__free(text);
}

TEST(alloc, safetensors_index_text_fails_cleanly)
{
    const size_t of[TENSORS] = { 0 };
    cx_status st = CX_ENOMEM;
    char *text = NULL;
    size_t len;
    json_t *warm; /* jansson takes our memory from the first parse on */
    CHECK_OK(cx__json_parse("1", 1, "t", &warm));
    json_decref(warm);
    for (int n = 0; st != CX_OK; n++) {
        CHECK(n < 500);
        until_fault = n;
        cx__alloc_fault_set(countdown);
        st = cx__shard_index_text(plan, TENSORS, of, 1, 1, &text, &len);
        cx__alloc_fault_set(NULL);
        CHECK(st == CX_OK || (st == CX_ENOMEM && !text));
    }
    cx__free(text);
}

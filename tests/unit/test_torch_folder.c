/* Sets of PyTorch files: golden files against what torch sees, folders, indexes, allocations that
 * fail, a file that shrinks. */
#include "format/format.h"
#include "torch_bytes.h"
#include <cortex/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GOLDEN "tests/golden/torch/"

/* Elements in row-major order, found by their strides. */
static void check_elements(const cx__stored *s, const cx_tensor *want)
{
    size_t size = cx_dtype_size(want->dtype), count = want->bytes / size;
    for (size_t n = 0; n < count; n++) {
        size_t left = n, number = 0;
        for (int i = want->ndim; i-- > 0;) {
            number += left % (size_t)want->shape[i] * (size_t)s->stride[i];
            left /= (size_t)want->shape[i];
        }
        CHECK(number < s->span);
        CHECK(!memcmp((const char *)s->t.data + number * size, (const char *)want->data + n * size,
                      size));
    }
}

static void check_golden(const char *name, size_t count)
{
    char path[200];
    cx__torch *t;
    cx_tensors *want;
    snprintf(path, sizeof path, GOLDEN "%s.pt", name);
    CHECK_OK(cx__torch_open(path, &t));
    snprintf(path, sizeof path, GOLDEN "%s.safetensors", name);
    CHECK_OK(cx_tensors_open(path, &want));
    CHECK_INT(cx__torch_count(t), count);
    CHECK_INT(cx_tensors_count(want), count);
    for (size_t i = 0; i < count; i++) {
        const cx__stored *s = cx__torch_at(t, i);
        const cx_tensor *w = cx_tensors_find(want, s->t.name);
        CHECK(w != NULL);
        CHECK_INT(s->t.dtype, w->dtype);
        CHECK_INT(s->t.ndim, w->ndim);
        CHECK(!memcmp(s->t.shape, w->shape, (size_t)w->ndim * sizeof *w->shape));
        check_elements(s, w);
    }
    CHECK_OK(cx__torch_check(t));
    cx__torch_close(t);
    cx_tensors_close(want);
}

TEST(torch, golden_archives_and_streams_of_protocols_2_to_5)
{
    static const char *const names[] = { "zip-2",    "zip-3",    "zip-4",    "zip-5",
                                         "stream-2", "stream-3", "stream-4", "stream-5" };
    for (size_t i = 0; i < 8; i++) check_golden(names[i], 8);
}

TEST(torch, golden_types)
{
    check_golden("types", 10);
    check_golden("new-types", 5);
}

TEST(torch, golden_training_checkpoint)
{
    check_golden("training", 5);
}

TEST(torch, tensors_of_one_storage_share_their_bytes)
{
    cx__torch *t;
    CHECK_OK(cx__torch_open(GOLDEN "zip-2.pt", &t));
    CHECK_STR(cx__torch_at(t, 0)->t.name, "whole");
    CHECK_STR(cx__torch_at(t, 3)->t.name, "same");
    CHECK(cx__torch_at(t, 0)->t.data == cx__torch_at(t, 3)->t.data);
    cx__torch_close(t);
    cx__torch_close(NULL);
}

/* ---- Folders --------------------------------------------------------------------------------- */

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

/* A file with one tensor of four floats. */
static const char *put_file(const char *dir, const char *name, char tensor)
{
    char bytes[] = TB_A(TB_GOOD);
    tb_entry e[] = { { "m/data.pkl", bytes, sizeof bytes - 1 },
                     { "m/data/0", "0123456789abcdef", 16 } };
    bytes[8] = tensor;
    tb_zip z = tb_archive(e, 2);
    const char *path = put(dir, name, z.b.data, z.b.len);
    free(z.b.data);
    return path;
}

static void refuse(const char *path, cx_status status, const char *says)
{
    cx__torch *t = NULL;
    cx_status st = cx__torch_open(path, &t);
    if (st != status)
        fail_msg("got %s (%s), expected %s (%s)", cx_status_name(st), cx_error(),
                 cx_status_name(status), says);
    CHECK(t == NULL);
    CHECK_HAS(cx_error(), says);
}

static void check_first(const char *path, size_t count, char name)
{
    cx__torch *t;
    CHECK_OK(cx__torch_open(path, &t));
    CHECK_INT(cx__torch_count(t), count);
    CHECK_INT(cx__torch_at(t, 0)->t.name[0], name);
    cx__torch_close(t);
}

TEST(torch, files_of_a_folder_are_taken_in_their_order_of_rank)
{
    const char *dir = unit_dir();
    refuse(dir, CX_ENOTFOUND, "no .bin, .pt or .pth file in this folder");
    put(dir, "training_args.bin", "x", 1);
    put(dir, "optimizer.pt", "x", 1);
    put(dir, "scheduler.pt", "x", 1);
    put(dir, "rng_state_0.pth", "x", 1);
    put(dir, ".hidden.bin", "x", 1);
    put(dir, "model.txt", "x", 1);
    refuse(dir, CX_ENOTFOUND, "no .bin");
    put_file(dir, "consolidated.00.pth", 'c');
    check_first(dir, 1, 'c');
    put_file(dir, "other.pt", 'o');
    refuse(dir, CX_EFORMAT, "or one .bin, .pt or .pth file, found 2");
    put_file(dir, "pytorch_model.bin", 'p');
    check_first(dir, 1, 'p');
    put_file(dir, "pytorch_model-00002-of-00002.bin", 'b');
    refuse(dir, CX_ENOTFOUND, "shard 1 of 2 is missing");
    put_file(dir, "pytorch_model-00001-of-00002.bin", 'z');
    check_first(dir, 2, 'z');
}

TEST(torch, numbered_shards_must_be_complete_and_differ)
{
    const char *dir = unit_dir();
    put_file(dir, "pytorch_model-00001-of-00003.bin", 'a');
    put_file(dir, "pytorch_model-00002-of-00003.bin", 'b');
    refuse(dir, CX_ENOTFOUND, "shard 3 of 3 is missing");
    put_file(dir, "pytorch_model-00003-of-00003.bin", 'a');
    refuse(dir, CX_EFORMAT, "'a' is in ");
    put_file(dir, "pytorch_model-00003-of-00004.bin", 'd');
    refuse(dir, CX_EFORMAT, "expected one of 3 shards, found one of 4");
}

#define INDEX "pytorch_model.bin.index.json"
static void put_index(const char *dir, const char *map)
{
    char text[500];
    snprintf(text, sizeof text, "{\"metadata\":{\"total_size\":32},\"weight_map\":{%s}}", map);
    put(dir, INDEX, text, strlen(text));
}

TEST(torch, index_names_the_shards)
{
    const char *dir = unit_dir();
    put_file(dir, "one.bin", 'a');
    put_file(dir, "two.bin", 'b');
    put_index(dir, "\"b\":\"two.bin\",\"a\":\"one.bin\"");
    check_first(dir, 2, 'b');
    put_index(dir, "\"a\":\"two.bin\",\"b\":\"one.bin\"");
    refuse(dir, CX_EFORMAT, "'a' is not in two.bin");
    put_index(dir, "\"a\":\"one.bin\",\"c\":\"one.bin\"");
    refuse(dir, CX_EFORMAT, "'c' is not in one.bin");
    put_index(dir, "\"a\":\"three.bin\"");
    refuse(dir, CX_ENOTFOUND, "three.bin: cannot open");
    put_index(dir, "\"a\":\"../one.bin\"");
    refuse(dir, CX_EFORMAT, "plain name of a .bin file");
    put_index(dir, "\"a\":\"one.safetensors\"");
    refuse(dir, CX_EFORMAT, "plain name of a .bin file");
}

TEST(torch, link_out_of_the_folder_is_refused)
{
    const char *dir = unit_dir(), *outside = unit_file("outside.bin", "x", 1);
    char path[1024];
    snprintf(path, sizeof path, "%s/sub", dir);
    CHECK_INT(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/sub/pytorch_model.bin", dir);
    CHECK_INT(symlink(outside, path), 0);
    snprintf(path, sizeof path, "%s/sub", dir);
    refuse(path, CX_EFORMAT, "a link that leads out of its folder");
}

TEST(torch, name_twice_in_one_file_is_refused)
{
    static const char bytes[] = "}(X\1\0\0\0a" TB_GOOD "X\1\0\0\0a" TB_GOOD "u.";
    tb_entry e[] = { { "m/data.pkl", bytes, sizeof bytes - 1 },
                     { "m/data/0", "0123456789abcdef", 16 } };
    tb_zip z = tb_archive(e, 2);
    refuse(unit_file("m.bin", z.b.data, z.b.len), CX_EFORMAT, "m.bin: 'a' is there twice");
    free(z.b.data);
}

TEST(torch, file_that_shrinks_while_in_use_is_reported)
{
    const char *dir = unit_dir();
    char path[1024];
    cx__torch *t;
    snprintf(path, sizeof path, "%s", put_file(dir, "m.bin", 'a'));
    CHECK_OK(cx__torch_open(path, &t));
    CHECK_INT(truncate(path, 0), 0);
    const cx__stored *s = cx__torch_at(t, 0);
    CHECK_INT(*(volatile const char *)s->t.data, 0);
    CHECK_INT(cx__torch_check(t), CX_EIO);
    CHECK_HAS(cx_error(), path);
    cx__torch_close(t);
}

/* ---- Allocations ----------------------------------------------------------------------------- */

static int until_fault;
static bool forever;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0 || (forever && until_fault < 0);
}

static void fail_each_allocation(const char *path, size_t count)
{
    for (int mode = 0; mode < 2; mode++) {
        cx_status st = CX_ENOMEM;
        forever = mode;
        for (int n = 0; st != CX_OK; n++) {
            cx__torch *t = NULL;
            CHECK(n < 2000);
            until_fault = n;
            cx__alloc_fault_set(countdown);
            st = cx__torch_open(path, &t);
            cx__alloc_fault_set(NULL);
            if (st == CX_OK) CHECK_INT(cx__torch_count(t), count);
            else CHECK(t == NULL);
            if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
            cx__torch_close(t);
        }
    }
}

TEST(alloc, torch_open_fails_cleanly)
{
    const char *dir = unit_dir();
    fail_each_allocation(GOLDEN "zip-2.pt", 8);
    fail_each_allocation(GOLDEN "stream-5.pt", 8);
    put_file(dir, "pytorch_model-00001-of-00002.bin", 'a');
    put_file(dir, "pytorch_model-00002-of-00002.bin", 'b');
    fail_each_allocation(dir, 2);
    put_index(dir, "\"a\":\"pytorch_model-00001-of-00002.bin\","
                   "\"b\":\"pytorch_model-00002-of-00002.bin\"");
    fail_each_allocation(dir, 2);
}

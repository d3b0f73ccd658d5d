/* One PyTorch file: views of the right bytes, storages that must fit, files of other kinds, every
 * truncation and every flipped bit. Golden files: tests/oracle/golden_torch.py. */
#include "format/torch.h"
#include "torch_bytes.h"
#include <cortex/file.h>
#include <stdio.h>

static const float floats[4] = { 1, 2, 3, 4 };

static tb_zip archive_of(const void *bytes, size_t len, size_t storage)
{
    tb_entry e[] = { { "m/data.pkl", bytes, len },
                     { "m/byteorder", "little", 6 },
                     { "m/data/0", floats, storage } };
    return tb_archive(e, 3);
}

static cx_status parse_copy(const void *bytes, size_t len, torch_file *out)
{
    uint8_t *copy = malloc(len + !len);
    cx_status st;
    if (len) memcpy(copy, bytes, len);
    st = cx__torch_parse(copy, len, "m.bin", out);
    free(copy);
    return st;
}

static void refuse_file(const void *bytes, size_t len, cx_status status, const char *says)
{
    torch_file out = { .count = 77 };
    cx_status st = parse_copy(bytes, len, &out);
    if (st != status)
        fail_msg("got %s (%s), expected %s (%s)", cx_status_name(st), cx_error(),
                 cx_status_name(status), says);
    CHECK_INT(out.count, 77);
    CHECK(!strncmp(cx_error(), "m.bin: ", 7));
    CHECK_HAS(cx_error(), says);
}

static void refuse_zip(tb_zip z, cx_status status, const char *says)
{
    refuse_file(z.b.data, z.b.len, status, says);
    free(z.b.data);
}

/* A pickle with storage '0' of 16 bytes. */
#define REFUSE(bytes, status, says)                                                                \
    refuse_zip(archive_of(bytes, sizeof(bytes) - 1, 16), status, says)

#define OPEN(bytes, out)                                                                           \
    tb_zip z = archive_of(bytes, sizeof(bytes) - 1, 16);                                           \
    CHECK_OK(cx__torch_parse(z.b.data, z.b.len, "m.bin", out))

#define CLOSE(out)                                                                                 \
    cx__torch_file_free(out);                                                                      \
    free(z.b.data)

TEST(torch, tensor_is_a_view_of_the_file)
{
    torch_file f;
    OPEN(TB_A(TB_TENSOR("K\1", "K\2K\1\x86", "K\2K\5\x86")), &f);
    CHECK_INT(f.count, 1);
    const cx__stored *s = f.tensors;
    CHECK_STR(s->t.name, "a");
    CHECK_STR(s->path, "m.bin");
    CHECK_INT(s->t.dtype, CX_F32);
    CHECK_INT(s->t.ndim, 2);
    CHECK_INT(s->t.shape[0], 2);
    CHECK_INT(s->stride[0], 2);
    CHECK_INT(s->span, 3);
    CHECK_INT(s->t.bytes, 12);
    CHECK(s->decode == NULL && s->packed == NULL && s->packing == NULL);
    CHECK((const uint8_t *)s->t.data == z.b.data + z.local[2] + 30 + 8 + 4);
    CHECK(!memcmp(s->t.data, floats + 1, 12));
    CLOSE(&f);
}

TEST(torch, two_tensors_may_share_a_storage)
{
    torch_file f;
    OPEN("}(X\1\0\0\0a" TB_GOOD "X\1\0\0\0b" TB_GOOD "u.", &f);
    CHECK_INT(f.count, 2);
    CHECK(f.tensors[0].t.data == f.tensors[1].t.data);
    CHECK_STR(f.tensors[1].t.name, "b");
    CLOSE(&f);
}

TEST(torch, values_beside_tensors_are_left_out)
{
    torch_file f;
    OPEN("}(X\1\0\0\0nNX\1\0\0\0a" TB_GOOD "K\7K\7X\1\0\0\0l](K\1N]eu.", &f);
    CHECK_INT(f.count, 1);
    CLOSE(&f);
}

TEST(torch, state_dict_of_a_training_run_is_found)
{
    torch_file f;
    OPEN("}(X\4\0\0\0best" TB_GOOD "X\5\0\0\0model}X\1\0\0\0w" TB_GOOD "su.", &f);
    CHECK_INT(f.count, 1);
    CHECK_STR(f.tensors[0].t.name, "w");
    CLOSE(&f);
}

TEST(torch, empty_and_0d_tensors)
{
    torch_file f;
    OPEN("}(X\1\0\0\0a" TB_TENSOR("K\3", ")", ")") "X\1\0\0\0b" TB_TENSOR("K\x09", "K\0K\2\x86",
                                                                          "K\2K\1\x86") "u.",
         &f);
    CHECK_INT(f.tensors[0].span, 1);
    CHECK(!memcmp(f.tensors[0].t.data, floats + 3, 4));
    CHECK_INT(f.tensors[1].span, 0);
    CHECK_INT(f.tensors[1].t.bytes, 0);
    CLOSE(&f);
}

TEST(torch, repeated_elements_have_stride_0)
{
    torch_file f;
    OPEN(TB_A(TB_TENSOR("K\0", "K\7K\4\x86", "K\0K\1\x86")), &f);
    CHECK_INT(f.tensors[0].stride[0], 0);
    CHECK_INT(f.tensors[0].span, 4);
    CLOSE(&f);
    REFUSE(TB_A(TB_TENSOR("K\0", "\x8a\5\0\0\0\0\1K\4\x86", "K\0K\1\x86")), CX_ELIMIT,
           "'a': expected at most 1073741824 bytes from a storage of 16, found 68719476736");
}

TEST(torch, views_outside_the_storage_are_refused)
{
    static const char says[] = "'a': expected elements in a storage of 4";
    REFUSE(TB_A(TB_TENSOR("K\1", "K\4\x85", "K\1\x85")), CX_EFORMAT, says);
    REFUSE(TB_A(TB_TENSOR("K\0", "K\5\x85", "K\1\x85")), CX_EFORMAT, says);
    REFUSE(TB_A(TB_TENSOR("K\0", "K\3\x85", "K\2\x85")), CX_EFORMAT, says);
    REFUSE(TB_A(TB_TENSOR("K\4", ")", ")")), CX_EFORMAT, says);
    REFUSE(TB_A(TB_TENSOR("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\4\x85", "K\1\x85")),
           CX_EFORMAT, says);
    REFUSE(TB_A(TB_TENSOR("K\0", "K\2\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85")),
           CX_EFORMAT, says);
}

TEST(torch, stride_products_that_wrap_are_refused)
{
    REFUSE(TB_A(TB_TENSOR("K\0", "K\3\x85", "\x8a\x08\0\0\0\0\0\0\0\x40\x85")), CX_EFORMAT,
           "'a': expected elements in a storage of 4"); /* 2 * 2^62 */
    REFUSE(TB_A(TB_TENSOR("K\0", "K\5K\5\x86",
                          "\x8a\x08\0\0\0\0\0\0\0\x40\x8a\x08\0\0\0\0\0\0\0\x40\x86")),
           CX_EFORMAT, "'a': expected elements in a storage of 4"); /* 2^64 + 2^64 */
    REFUSE(TB_A(TB_TENSOR("K\0", "K\x09K\2\x86", "\x8a\x08\0\0\0\0\0\0\0\x20K\1\x86")), CX_EFORMAT,
           "'a': expected elements in a storage of 4"); /* 8 * 2^61 = 2^64, which wraps to 0 */
}

TEST(torch, shape_products_that_wrap_are_refused)
{
    REFUSE(TB_A(TB_TENSOR("K\0", "\x8a\5\0\0\0\0\1\x8a\5\0\0\0\0\1\x86", "K\0K\0\x86")), CX_EFORMAT,
           "'a': shape: the size in bytes exceeds 64 bits");
    REFUSE(TB_A(TB_TENSOR("K\0", "\x8a\5\0\0\0\0\1\x8a\5\0\0\0\0\1K\0\x87", "K\0K\0K\0\x87")),
           CX_EFORMAT, "'a': shape: the size in bytes exceeds 64 bits");
}

TEST(torch, storage_must_have_the_bytes_of_its_record)
{
    static const char good[] = TB_A(TB_GOOD);
    refuse_zip(archive_of(good, sizeof good - 1, 15), CX_EFORMAT,
               "'m/data/0': expected 16 bytes, found 15");
    refuse_zip(archive_of(good, sizeof good - 1, 0), CX_EFORMAT, "expected 16 bytes, found 0");
    REFUSE(TB_A(TB_V2 "(" TB_STORAGE("torch\nHalfStorage", "K\4") "K\0))\x89" TB_DICT "tR"),
           CX_EFORMAT, "'m/data/0': expected 8 bytes, found 16");
    REFUSE(TB_A(TB_V2 "(" TB_STORAGE("torch\nDoubleStorage", "K\4") "K\0))\x89" TB_DICT "tR"),
           CX_EFORMAT, "'m/data/0': expected 32 bytes, found 16");
    REFUSE(TB_A(TB_V2 "(" TB_STORAGE("torch\nFloatStorage",
                                     "\x8a\x08\4\0\0\0\0\0\0\x40") "K\0))\x89" TB_DICT "tR"),
           CX_EFORMAT, "storage '0': 4611686018427387908 elements exceed 64 bits");
}

TEST(torch, storage_of_two_types_is_refused)
{
    REFUSE("}(X\1\0\0\0a" TB_GOOD "X\1\0\0\0b" TB_V2
           "(" TB_STORAGE("torch\nIntStorage", "K\4") "K\0))\x89" TB_DICT "tRu.",
           CX_EFORMAT, "storage '0': expected one type and length, found two");
}

TEST(torch, types_that_mlx_lacks_are_refused_by_name)
{
    REFUSE(TB_A(TB_V2 "(" TB_STORAGE("torch\nQInt8Storage", "K\x10") "K\0))\x89" TB_DICT "tR"),
           CX_ETYPE, "storage '0': expected a supported type, found 'QInt8Storage'");
    REFUSE(TB_A(TB_V3 "(" TB_STORAGE("torch.storage\nUntypedStorage",
                                     "K\x10") "K\0))\x89" TB_DICT "ctorch\nfloat8_e4m3fnuz\ntR"),
           CX_ETYPE, "'a': expected a supported dtype, found 'float8_e4m3fnuz'");
}

TEST(torch, dicts_that_would_lose_tensors_are_refused)
{
    REFUSE("}(X\1\0\0\0a" TB_GOOD "X\1\0\0\0b}X\1\0\0\0w" TB_GOOD "su.", CX_EFORMAT,
           "'b': expected no dict of tensors beside tensors");
    REFUSE("}(X\5\0\0\0model}X\1\0\0\0w" TB_GOOD "sX\x0a\0\0\0state_dict}X\1\0\0\0w" TB_GOOD "su.",
           CX_EFORMAT, "'state_dict' or 'model' of tensors, found two");
}

TEST(torch, objects_without_tensors_are_refused)
{
    REFUSE("N.", CX_EFORMAT, "expected a dict of tensors, found None");
    REFUSE("]" TB_GOOD "a.", CX_EFORMAT, "expected a dict of tensors, found a list");
    REFUSE("}.", CX_EFORMAT, "in 'state_dict' or 'model', found none");
    REFUSE(TB_GOOD ".", CX_EFORMAT, "found a tensor");
    REFUSE("}K\0" TB_GOOD "s.", CX_EFORMAT, "a text as the name of a tensor, found an integer");
    REFUSE("}X\3\0\0\0a\0b" TB_GOOD "s.", CX_EFORMAT, "expected a name without NUL");
    REFUSE(TB_A(TB_GOOD) "x", CX_EFORMAT, "data.pkl: expected a pickle of");
}

TEST(torch, name_that_is_used_a_thousand_times_is_refused)
{
    static const char tensor[] = "q\1" TB_GOOD "q\2s(";
    char *name = malloc(100000);
    tb b = { NULL, 0 };
    memset(name, 'n', 100000);
    tb_put(&b, "}X", 2);
    tb_le(&b, 100000, 4);
    tb_put(&b, name, 100000);
    tb_put(&b, tensor, sizeof tensor - 1);
    for (int i = 0; i < 1000; i++) tb_put(&b, "h\1h\2", 4);
    tb_put(&b, "u.", 2);
    refuse_zip(archive_of(b.data, b.len, 16), CX_EFORMAT, "is there twice");
    free(b.data);
    free(name);
}

/* ---- Archives -------------------------------------------------------------------------------- */

static void refuse_entries(const tb_entry *e, size_t count, cx_status status, const char *says)
{
    refuse_zip(tb_archive(e, count), status, says);
}

TEST(torch, archives_that_lack_parts_are_refused)
{
    static const char good[] = TB_A(TB_GOOD);
    tb_entry pkl = { "m/data.pkl", good, sizeof good - 1 }, zero = { "m/data/0", floats, 16 };
    refuse_entries((tb_entry[]){ zero }, 1, CX_EFORMAT, "'m/data.pkl' is missing");
    refuse_entries((tb_entry[]){ pkl }, 1, CX_EFORMAT, "'m/data/0' is missing");
    refuse_entries((tb_entry[]){ pkl, { "m/../data/0", floats, 16 } }, 2, CX_EFORMAT,
                   "name that stays in the archive");
    refuse_entries((tb_entry[]){ { "data.pkl", good, sizeof good - 1 }, { "data", "", 0 } }, 2,
                   CX_EFORMAT, "'NAME/data.pkl' in the archive");
    refuse_entries((tb_entry[]){ pkl, zero, { "n/data/0", floats, 16 } }, 3, CX_EFORMAT,
                   "'n/data/0': expected all entries in folder 'm/'");
    refuse_entries((tb_entry[]){ pkl, zero, { "m/byteorder", "big", 3 } }, 3, CX_EUNSUPPORTED,
                   "byteorder: expected 'little', found 'big'");
    refuse_entries((tb_entry[]){ pkl, zero, { "m/byteorder", "little\n", 7 } }, 3, CX_EUNSUPPORTED,
                   "byteorder");
    refuse_entries((tb_entry[]){ pkl, zero, zero }, 3, CX_EFORMAT, "'m/data/0' is there twice");
    refuse_entries((tb_entry[]){ pkl, pkl, zero }, 3, CX_EFORMAT, "'m/data.pkl' is there twice");
}

TEST(torch, key_that_climbs_out_of_the_archive_is_missing)
{
    REFUSE(TB_A(TB_V2
                "((X\7\0\0\0storagectorch\nFloatStorage\nX\x0b\0\0\0../../etc/xX\3\0\0\0cpuK\4tQ"
                "K\0))\x89" TB_DICT "tR"),
           CX_EFORMAT, "'m/data/../../etc/x' is missing");
}

/* ---- Streams --------------------------------------------------------------------------------- */

#define MAGIC "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define VERSION "\x80\2M\xe9\3."
#define SYSTEM "\x80\2}X\x0d\0\0\0little_endian\x88s."
#define KEYS "\x80\2]X\1\0\0\0000a."
#define NUMEL "\4\0\0\0\0\0\0\0"
#define DATA "0123456789abcdef"
#define REFUSE_STREAM(bytes, status, says) refuse_file(bytes, sizeof(bytes) - 1, status, says)

TEST(torch, stream_is_read_in_place)
{
    static const char bytes[] = MAGIC VERSION SYSTEM TB_A(TB_GOOD) KEYS NUMEL DATA;
    torch_file f;
    CHECK_OK(cx__torch_parse((const uint8_t *)bytes, sizeof bytes - 1, "m", &f));
    CHECK_INT(f.count, 1);
    CHECK((const char *)f.tensors[0].t.data == bytes + sizeof bytes - 17);
    cx__torch_file_free(&f);
}

TEST(torch, streams_that_lie_are_refused)
{
    REFUSE_STREAM(MAGIC "\x80\2M\xea\3." SYSTEM TB_A(TB_GOOD) KEYS NUMEL DATA, CX_EUNSUPPORTED,
                  "protocol: expected 1001");
    REFUSE_STREAM(MAGIC "N." SYSTEM TB_A(TB_GOOD) KEYS NUMEL DATA, CX_EUNSUPPORTED, "1001");
    REFUSE_STREAM(MAGIC VERSION "\x80\2}X\x0d\0\0\0little_endian\x89s." TB_A(TB_GOOD) KEYS,
                  CX_EUNSUPPORTED, "little_endian True");
    REFUSE_STREAM(MAGIC VERSION "}." TB_A(TB_GOOD) KEYS NUMEL DATA, CX_EUNSUPPORTED,
                  "little_endian");
    REFUSE_STREAM(MAGIC VERSION "N." TB_A(TB_GOOD) KEYS NUMEL DATA, CX_EUNSUPPORTED,
                  "little_endian");
    REFUSE_STREAM(MAGIC VERSION SYSTEM "cposix\nsystem\n." KEYS, CX_EFORMAT, "'posix.system'");
    REFUSE_STREAM(MAGIC VERSION SYSTEM TB_A(TB_GOOD) "]." NUMEL DATA, CX_EFORMAT,
                  "keys: expected a list of 1 storages");
    REFUSE_STREAM(MAGIC VERSION SYSTEM TB_A(TB_GOOD) "N." NUMEL DATA, CX_EFORMAT, "keys: expected");
    REFUSE_STREAM(MAGIC VERSION SYSTEM TB_A(TB_GOOD) "]X\1\0\0\0001a." NUMEL DATA, CX_EFORMAT,
                  "keys: item 0 is no storage");
    REFUSE_STREAM(MAGIC VERSION SYSTEM TB_A(TB_GOOD) "]K\0a." NUMEL DATA, CX_EFORMAT,
                  "item 0 is no");
    REFUSE_STREAM(MAGIC VERSION SYSTEM TB_A(TB_GOOD) KEYS "\5\0\0\0\0\0\0\0" DATA "ghij",
                  CX_EFORMAT, "expected 4 elements, found 5");
    REFUSE_STREAM(MAGIC VERSION SYSTEM TB_A(TB_GOOD) KEYS NUMEL "0123", CX_EFORMAT,
                  "expected 4 elements, found 4 and 12 bytes");
    REFUSE_STREAM(MAGIC VERSION SYSTEM TB_A(TB_GOOD) KEYS NUMEL DATA "x", CX_EFORMAT,
                  "found 1 bytes more");
    REFUSE_STREAM(MAGIC, CX_EFORMAT, "protocol at byte 15: byte 0: the pickle ends");
}

TEST(torch, files_of_other_kinds_get_a_sentence)
{
    char tar[512] = "sys_info";
    memcpy(tar + 257, "ustar", 5);
    refuse_file(tar, sizeof tar, CX_EUNSUPPORTED, "a tar archive");
    REFUSE_STREAM("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", CX_EFORMAT,
                  "Git LFS pointer");
    REFUSE_STREAM("\2\0\0\0\0\0\0\0{}", CX_EFORMAT, "found a safetensors file");
    REFUSE_STREAM("GGUF\3\0\0\0", CX_EFORMAT, "found a GGUF file");
    REFUSE_STREAM("\x80\2}.", CX_EFORMAT, "expected a checkpoint of torch.save");
    REFUSE_STREAM("", CX_EFORMAT, "found an empty file");
    REFUSE_STREAM("PK\5\6", CX_EFORMAT, "found other bytes");
    REFUSE_STREAM("PK\3\4", CX_EFORMAT, "at least 22 bytes of zip");
}

/* ---- Damage ---------------------------------------------------------------------------------- */

static void touch(const torch_file *f, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < f->count; i++) {
        const cx__stored *s = &f->tensors[i];
        const uint8_t *p = s->t.data;
        CHECK(p >= data && s->t.bytes <= (size_t)(data + len - p));
        CHECK_INT(s->t.bytes, s->span * cx_dtype_size(s->t.dtype));
        for (size_t k = 0; k < s->t.bytes; k++) *(volatile const uint8_t *)(p + k);
    }
}

/* A file that lost its end is refused; one with a flipped bit too, or it is read within bounds. */
static void damage(const uint8_t *data, size_t len)
{
    torch_file f;
    size_t read = 0;
    for (size_t n = 0; n < len; n++) CHECK(parse_copy(data, n, &f) != CX_OK);
    for (size_t bit = 0; bit < len * 8; bit++) {
        uint8_t *copy = malloc(len);
        memcpy(copy, data, len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (cx__torch_parse(copy, len, "m.bin", &f) == CX_OK) {
            touch(&f, copy, len);
            cx__torch_file_free(&f);
            read++;
        }
        free(copy);
    }
    CHECK(read >= 128 && read < len * 8); /* at least the bits of the elements */
}

TEST(torch, damaged_archive_is_refused_or_read_in_bounds)
{
    static const char good[] = TB_A(TB_GOOD);
    tb_zip z = archive_of(good, sizeof good - 1, 16);
    damage(z.b.data, z.b.len);
    free(z.b.data);
}

TEST(torch, damaged_stream_is_refused_or_read_in_bounds)
{
    static const char bytes[] = MAGIC VERSION SYSTEM TB_A(TB_GOOD) KEYS NUMEL DATA;
    damage((const uint8_t *)bytes, sizeof bytes - 1);
}

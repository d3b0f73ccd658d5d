/* Zip archives: what two readers could take in two ways is refused, and what is not plain. */
#include "format/zip.h"
#include "torch_bytes.h"

static const tb_entry entries[] = { { "m/data.pkl", "pickle", 6 },
                                    { "m/data/0", "0123456789", 10 } };

/* From a block of exactly its size, which is freed; `z` is freed too. */
static void refuse(tb_zip *z, cx_status status, const char *says)
{
    uint8_t *copy = malloc(z->b.len + !z->b.len);
    zip out = { .count = 77 };
    memcpy(copy, z->b.data, z->b.len);
    cx_status st = cx__zip_read(copy, z->b.len, "m.bin", &out);
    if (st != status)
        fail_msg("got %s (%s), expected %s (%s)", cx_status_name(st), cx_error(),
                 cx_status_name(status), says);
    CHECK_INT(out.count, 77);
    CHECK(!strncmp(cx_error(), "m.bin: ", 7));
    CHECK_HAS(cx_error(), says);
    free(copy);
    free(z->b.data);
}

/* The good archive with `bytes` bytes of `value` at `at` of the header at `base`. */
static tb_zip poked(size_t base, size_t at, uint64_t value, int bytes)
{
    tb_zip z = tb_archive(entries, 2);
    tb_poke(&z.b, base + at, value, bytes);
    return z;
}

static size_t local(size_t i)
{
    tb_zip z = tb_archive(entries, 2);
    free(z.b.data);
    return z.local[i];
}
static size_t central(size_t i)
{
    tb_zip z = tb_archive(entries, 2);
    free(z.b.data);
    return z.central[i];
}
static size_t end_at(void)
{
    tb_zip z = tb_archive(entries, 2);
    free(z.b.data);
    return z.end;
}

static void refuse_poke(size_t base, size_t at, uint64_t value, int bytes, cx_status status,
                        const char *says)
{
    tb_zip z = poked(base, at, value, bytes);
    refuse(&z, status, says);
}

TEST(zip, entries_are_found_in_place)
{
    tb_zip z = tb_archive(entries, 2);
    zip out;
    CHECK_OK(cx__zip_read(z.b.data, z.b.len, "m", &out));
    CHECK_INT(out.count, 2);
    const zip_entry *e = cx__zip_find(&out, "m/data/0", 8);
    CHECK(e && e->len == 10 && !memcmp(e->data, "0123456789", 10));
    CHECK(e->data > z.b.data && e->data < z.b.data + z.b.len);
    CHECK(cx__zip_find(&out, "m/data/", 7) == NULL);
    CHECK(cx__zip_find(&out, "m/data/00", 9) == NULL);
    cx__zip_free(&out);
    cx__zip_free(&out);
    free(z.b.data);
}

TEST(zip, archive_without_entries_is_read)
{
    tb_zip z = tb_archive(entries, 0);
    zip out;
    CHECK_OK(cx__zip_read(z.b.data, z.b.len, "m", &out));
    CHECK_INT(out.count, 0);
    CHECK(cx__zip_find(&out, "", 0) == NULL);
    cx__zip_free(&out);
    free(z.b.data);
}

TEST(zip, end_record_is_checked)
{
    size_t end = end_at();
    tb_zip z = tb_archive(entries, 2);
    z.b.len--;
    refuse(&z, CX_EFORMAT, "cut short");
    z = tb_archive(entries, 2);
    tb_put(&z.b, "x", 1);
    refuse(&z, CX_EFORMAT, "appended");
    z = tb_archive(entries, 2);
    z.b.len = 21;
    refuse(&z, CX_EFORMAT, "at least 22 bytes");
    refuse_poke(end, 20, 1, 2, CX_EFORMAT, "end record");
    refuse_poke(end, 4, 1, 2, CX_EFORMAT, "one disk");
    refuse_poke(end, 8, 1, 2, CX_EFORMAT, "one disk");
    refuse_poke(end, 16, 0xfffffff0, 4, CX_EFORMAT, "central directory directly before");
    refuse_poke(end, 12, 0xffffffff, 4, CX_EFORMAT, "central directory directly before");
}

TEST(zip, number_of_entries_is_checked)
{
    size_t end = end_at();
    refuse_poke(end, 8, 0x00010001, 4, CX_EFORMAT, "bytes behind them");
    refuse_poke(end, 8, 0x00030003, 4, CX_EFORMAT, "central zip header");
    refuse_poke(end, 8, 0, 4, CX_EFORMAT, "bytes behind them");
}

TEST(zip, name_twice_is_refused)
{
    tb_entry e[] = { { "m/a", "1", 1 }, { "m/b", "2", 1 }, { "m/a", "3", 1 } };
    tb_zip z = tb_archive(e, 3);
    refuse(&z, CX_EFORMAT, "'m/a' is there twice");
}

TEST(zip, local_header_that_differs_is_refused)
{
    size_t at = local(1);
    refuse_poke(at, 0, 0, 4, CX_EFORMAT, "'m/data/0': offset");
    refuse_poke(at, 6, 8, 2, CX_EFORMAT, "the same flags, found 8");
    refuse_poke(at, 8, 8, 2, CX_EFORMAT, "the same method, found 8");
    refuse_poke(at, 14, 1, 4, CX_EFORMAT, "the same checksum");
    refuse_poke(at, 18, 9, 4, CX_EFORMAT, "the same size");
    refuse_poke(at, 22, 9, 4, CX_EFORMAT, "the same size, found 9");
    refuse_poke(at, 26, 7, 2, CX_EFORMAT, "the same name");
    refuse_poke(at, 30, 'n', 1, CX_EFORMAT, "the same name");
    refuse_poke(at, 28, 0xffff, 2, CX_EFORMAT, "extra field before the directory");
    refuse_poke(at, 28, 1, 2, CX_EFORMAT, "before the directory");
}

TEST(zip, encryption_is_refused)
{
    size_t at = central(0);
    refuse_poke(at, 8, 1, 2, CX_EUNSUPPORTED, "'m/data.pkl' is encrypted");
    refuse_poke(at, 8, 0x41, 2, CX_EUNSUPPORTED, "encrypted");
    refuse_poke(at, 8, 0x2000, 2, CX_EUNSUPPORTED, "encrypted");
    refuse_poke(local(0), 6, 1, 2, CX_EFORMAT, "the same flags");
    refuse_poke(at, 8, 0x20, 2, CX_EFORMAT, "flags");
}

TEST(zip, compression_is_refused_so_nothing_can_inflate)
{
    refuse_poke(central(0), 10, 8, 2, CX_EUNSUPPORTED, "found compression method 8");
    refuse_poke(central(0), 10, 99, 2, CX_EUNSUPPORTED, "found compression method 99");
    refuse_poke(central(1), 20, 9, 4, CX_EFORMAT, "packed size");
    refuse_poke(central(1), 24, 9, 4, CX_EFORMAT, "packed size");
}

TEST(zip, sizes_beyond_the_directory_are_refused)
{
    tb_zip z = poked(central(1), 20, 0x0000000b0000000b, 8);
    tb_poke(&z.b, local(1) + 18, 0x0000000b0000000b, 8);
    refuse(&z, CX_EFORMAT, "its bytes before the directory, found 11");
    z = poked(central(1), 20, 0xfffffffefffffffe, 8);
    tb_poke(&z.b, local(1) + 18, 0xfffffffefffffffe, 8);
    refuse(&z, CX_EFORMAT, "its bytes before the directory");
    refuse_poke(central(1), 42, 0xfffffffe, 4, CX_EFORMAT, "one before the directory");
    refuse_poke(central(1), 42, 3, 4, CX_EFORMAT, "that of a local header");
    refuse_poke(central(1), 34, 1, 2, CX_EFORMAT, "disk");
}

TEST(zip, overlapping_entries_are_refused)
{
    tb_zip z = poked(central(1), 42, 0, 4); /* both at one header: names differ */
    refuse(&z, CX_EFORMAT, "the same name");
    /* An entry whose data hold the next entry's header. */
    tb inner = { NULL, 0 };
    tb_put(&inner, "PK\3\4\0\0\0\0\0\0\0\0\0\0\x11\x22\x33\x44\1\0\0\0\1\0\0\0\3\0\0\0m/bX", 34);
    tb_entry e[] = { { "m/a", inner.data, inner.len }, { "m/b", "X", 1 } };
    z = tb_archive(e, 2);
    tb_poke(&z.b, z.central[1] + 42, z.local[0] + 33, 4);
    refuse(&z, CX_EFORMAT, "'m/a' overlaps 'm/b'");
    free(inner.data);
}

TEST(zip, bytes_of_no_entry_are_refused)
{
    tb_entry e[] = { { "m/a", "1", 1 }, { "m/b", "2", 1 } };
    tb_zip z = tb_archive(e, 2), front = { .b = { NULL, 0 } };
    tb_put(&front.b, "#!/bin/sh\n", 10);
    tb_put(&front.b, z.b.data, z.b.len);
    tb_poke(&front.b, 10 + z.end + 16, z.dir + 10, 4);
    for (int i = 0; i < 2; i++) tb_poke(&front.b, 10 + z.central[i] + 42, z.local[i] + 10, 4);
    free(z.b.data);
    refuse(&front, CX_EFORMAT, "first zip entry at byte 0, found it at 10");
    z = tb_archive(e, 2); /* the first entry's name leaves the directory's list */
    tb_poke(&z.b, z.end + 8, 0x00010001, 4);
    tb_poke(&z.b, z.end + 12, z.end - z.central[1], 4);
    tb_poke(&z.b, z.end + 16, z.central[1], 4);
    refuse(&z, CX_EFORMAT, "first zip entry at byte 0");
}

TEST(zip, names_that_leave_the_archive_are_refused)
{
    static const char *const names[] = { "../data/0", "m/../../x", "m/..", "/etc/passwd",
                                         "m\\data",   "",          "..",   "m/../data/0" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tb_entry e = { names[i], "1", 1 };
        tb_zip z = tb_archive(&e, 1);
        refuse(&z, CX_EFORMAT, "name that stays in the archive");
    }
    tb_entry dots = { "m/..a/b..", "1", 1 };
    tb_zip z = tb_archive(&dots, 1);
    zip out;
    CHECK_OK(cx__zip_read(z.b.data, z.b.len, "m", &out));
    cx__zip_free(&out);
    tb_poke(&z.b, z.local[0] + 31, 0, 1);
    tb_poke(&z.b, z.central[0] + 47, 0, 1);
    refuse(&z, CX_EFORMAT, "name that stays in the archive");
}

TEST(zip, directory_of_200001_entries_is_refused_at_once)
{
    tb_zip z = tb_archive(entries, 0);
    z.b.len = 0;
    tb_put(&z.b, "PK\6\6\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    tb_le(&z.b, 200001, 8);
    tb_le(&z.b, 200001, 8);
    tb_le(&z.b, 0, 8);
    tb_le(&z.b, 0, 8);
    tb_put(&z.b, "PK\6\7\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 20);
    tb_put(&z.b, "PK\5\6\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0", 22);
    refuse(&z, CX_ELIMIT, "at most 200000 zip entries, found 200001");
}

/* As torch.save writes: sizes in a descriptor, or of all ones and in extra fields. */
static tb_zip zip64(uint64_t size, uint64_t offset, uint64_t extra_len)
{
    tb_zip z = { .b = { NULL, 0 } };
    tb_put(&z.b, "PK\3\4\0\0\0\0\0\0\0\0\0\0\x11\x22\x33\x44\xff\xff\xff\xff\xff\xff\xff\xff", 26);
    tb_put(&z.b, "\3\0\x14\0m/a\1\0\x10\0", 11);
    tb_le(&z.b, 5, 8);
    tb_le(&z.b, 5, 8);
    tb_put(&z.b, "12345", 5);
    z.dir = z.b.len;
    tb_put(&z.b, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0\x11\x22\x33\x44", 20);
    tb_put(&z.b, "\xff\xff\xff\xff\xff\xff\xff\xff\3\0\x1c\0\0\0\0\0\0\0\0\0\0\0", 22);
    tb_put(&z.b, "\xff\xff\xff\xffm/a\1\0", 9);
    tb_le(&z.b, extra_len, 2);
    tb_le(&z.b, size, 8);
    tb_le(&z.b, size, 8);
    tb_le(&z.b, offset, 8);
    size_t end = z.b.len;
    tb_put(&z.b, "PK\6\6\x2c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    tb_le(&z.b, 1, 8);
    tb_le(&z.b, 1, 8);
    tb_le(&z.b, end - z.dir, 8);
    tb_le(&z.b, z.dir, 8);
    tb_put(&z.b, "PK\6\7\0\0\0\0", 8);
    tb_le(&z.b, end, 8);
    tb_le(&z.b, 1, 4);
    z.end = z.b.len;
    tb_put(&z.b, "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 22);
    return z;
}

TEST(zip, zip64_fields_are_read)
{
    tb_zip z = zip64(5, 0, 24);
    zip out;
    CHECK_OK(cx__zip_read(z.b.data, z.b.len, "m", &out));
    CHECK_INT(out.entries[0].len, 5);
    CHECK(!memcmp(out.entries[0].data, "12345", 5));
    cx__zip_free(&out);
    free(z.b.data);
}

TEST(zip, zip64_fields_that_lie_are_refused)
{
    static const struct {
        uint64_t size, offset, extra_len;
        const char *says;
    } cases[] = {
        { 6, 0, 24, "its bytes before the directory|the same size" },
        { 4, 0, 24, "the same size" },
        { UINT64_MAX, 0, 24, "the same size" },
        { 5, UINT64_MAX, 24, "one before the directory" },
        { 5, 1, 24, "that of a local header" },
        { 5, 0, 16, "8 bytes for each" },
        { 5, 0, 8, "8 bytes for each" },
        { 5, 0, 25, "extra field" },
        { 5, 0, 65535, "extra field" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *bar = strchr(cases[i].says, '|');
        tb_zip z = zip64(cases[i].size, cases[i].offset, cases[i].extra_len);
        refuse(&z, CX_EFORMAT, bar ? bar + 1 : cases[i].says);
    }
    /* The end records. */
    static const struct {
        size_t before_end; /* from the old record backwards */
        uint64_t value;
        const char *says;
    } ends[] = {
        { 12, UINT64_MAX, "zip64 locator" },
        { 12, 0, "zip64 locator" },
        { 16, 1, "zip64 locator" },
        { 20 + 52, 45, "zip64 end record" },
        { 20 + 32, 2, "zip64 end record" },
        { 20 + 16, UINT64_MAX, "central directory" },
        { 20 + 8, UINT64_MAX, "central directory" },
        { 20 + 8, 0, "central directory" },
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        tb_zip z = zip64(5, 0, 24);
        tb_poke(&z.b, z.end - ends[i].before_end, ends[i].value, ends[i].before_end == 16 ? 4 : 8);
        refuse(&z, CX_EFORMAT, ends[i].says);
    }
    tb_zip z = zip64(5, 0, 24);
    tb_poke(&z.b, z.end + 10, 2, 2);
    tb_poke(&z.b, z.end + 8, 2, 2);
    refuse(&z, CX_EFORMAT, "differs from the end record");
}

/* One entry with bit 3: the sizes follow the data. */
static tb_zip described(const char *descriptor, size_t len)
{
    tb_zip z = { .b = { NULL, 0 } };
    tb_put(&z.b, "PK\3\4\0\0\x08\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0m/a12345", 38);
    tb_put(&z.b, descriptor, len);
    z.dir = z.b.len;
    tb_put(&z.b, "PK\1\2\0\0\0\0\x08\x08\0\0\0\0\0\0\x11\x22\x33\x44\5\0\0\0\5\0\0\0\3\0", 30);
    tb_le(&z.b, 0, 8);
    tb_le(&z.b, 0, 8);
    tb_put(&z.b, "m/a", 3);
    size_t end = z.b.len;
    tb_put(&z.b, "PK\5\6\0\0\0\0\1\0\1\0", 12);
    tb_le(&z.b, end - z.dir, 4);
    tb_le(&z.b, z.dir, 4);
    tb_le(&z.b, 0, 2);
    return z;
}

TEST(zip, descriptors_are_checked)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool good;
    } cases[] = {
        { "PK\7\x8\x11\x22\x33\x44\5\0\0\0\5\0\0\0", 16, true },
        { "PK\7\x8\x11\x22\x33\x44\5\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0", 24, true },
        { "PK\7\x8\x11\x22\x33\x45\5\0\0\0\5\0\0\0", 16, false },
        { "PK\7\x8\x11\x22\x33\x44\6\0\0\0\5\0\0\0", 16, false },
        { "PK\7\x8\x11\x22\x33\x44\5\0\0\0\5\0\0\0x", 17, false },
        { "", 0, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_zip z = described(cases[i].bytes, cases[i].len);
        zip out;
        if (!cases[i].good) {
            refuse(&z, CX_EFORMAT, "'m/a': expected its descriptor behind its data");
            continue;
        }
        CHECK_OK(cx__zip_read(z.b.data, z.b.len, "m", &out));
        CHECK_INT(out.entries[0].len, 5);
        cx__zip_free(&out);
        free(z.b.data);
    }
}

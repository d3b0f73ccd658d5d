/* Writing and reading conversion.json. Form: docs/formats/conversion.md. Tested by
 * tests/unit/test_convert_verify.c. */
#include "convert/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MANIFEST_MAX = 1 << 30 };

/* The checksum's place while the text is hashed. */
static const char checksum_key[] = "\"checksum\": \"", zeros[] = "0000000000000000";

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for %s", CX__MANIFEST_FILE);
}

static cx_status fail_errno(const char *path, const char *verb)
{
    int e = errno;
    return CX_FAIL(e == ENOENT ? CX_ENOTFOUND : CX_EIO, "%s: cannot %s: %s", path, verb,
                   strerror(e));
}

cx_status cx__manifest_new(const char *dir, cx__manifest *out)
{
    *out = (cx__manifest){ dir, json_object() };
    return out->files ? CX_OK : no_memory();
}

void cx__manifest_free(cx__manifest *m)
{
    json_decref(m->files);
    *m = (cx__manifest){ 0 };
}

static cx_status note(cx__manifest *m, const char *name, uint64_t hash)
{
    char text[17];
    cx__hash_text(hash, text);
    return json_object_set_new(m->files, name, json_string(text)) ? no_memory() : CX_OK;
}

/* ---- writing files ---- */

static cx_status create(const char *path, int *fd)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    return *fd >= 0 ? CX_OK : fail_errno(path, "create");
}

/* Syncs and closes; `st` is what happened before. */
static cx_status finish(int fd, const char *path, cx_status st)
{
    if (st == CX_OK && fsync(fd) != 0) st = fail_errno(path, "sync");
    if (close(fd) != 0 && st == CX_OK) st = fail_errno(path, "close");
    return st;
}

static cx_status write_file(const char *dir, const char *name, const void *data, size_t len)
{
    char *path = cx__path_join(dir, name);
    int fd = -1;
    cx_status st = path ? create(path, &fd) : no_memory();
    if (st == CX_OK) st = finish(fd, path, cx__write_all(fd, data, len, path));
    cx__free(path);
    return st;
}

cx_status cx__manifest_put(cx__manifest *m, const char *name, const void *data, size_t len)
{
    CX_TRY(write_file(m->dir, name, data, len));
    return note(m, name, cx__hash(data, len));
}

cx_status cx__manifest_copy(cx__manifest *m, const char *from_dir, const char *name)
{
    char *from = cx__path_join(from_dir, name), *to = cx__path_join(m->dir, name);
    uint64_t hash = 0;
    int fd = -1;
    cx_status st = from && to ? create(to, &fd) : no_memory();
    if (st == CX_OK) st = finish(fd, to, cx__hash_copy(from, SIZE_MAX, fd, to, &hash));
    cx__free(from);
    cx__free(to);
    return st == CX_OK ? note(m, name, hash) : st;
}

/* ---- shards ---- */

cx_status cx__header_length(const char *path, size_t *out)
{
    uint8_t head[8];
    cx__reader r = { head, sizeof head, 0 };
    uint64_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, "open");
    ssize_t got = pread(fd, head, sizeof head, 0);
    close(fd);
    if (got != sizeof head || !cx__read_u64(&r, &n) || n > SIZE_MAX - 8)
        return CX_FAIL(CX_EFORMAT, "%s: no safetensors header", path);
    *out = (size_t)n + 8;
    return CX_OK;
}

cx_status cx__manifest_add_shard(cx__manifest *m, const char *name)
{
    char *path = cx__path_join(m->dir, name);
    uint64_t hash = 0;
    size_t len = 0;
    cx_status st = path ? cx__header_length(path, &len) : no_memory();
    if (st == CX_OK) st = cx__hash_copy(path, len, -1, NULL, &hash);
    cx__free(path);
    return st == CX_OK ? note(m, name, hash) : st;
}

/* ---- conversion.json ---- */

static json_t *tensors_json(const cx__layout *plan, const cx__tensor_hash *hashes)
{
    json_t *o = json_object();
    for (size_t i = 0; i < plan->output_count && o; i++) {
        char text[17];
        cx__hash_text(hashes[i].hash, text);
        json_t *v = json_pack("[s, I]", text, (json_int_t)hashes[i].piece);
        if (!json_object_set_new(o, plan->outputs[i].name, v)) continue;
        json_decref(o);
        o = NULL;
    }
    return o;
}

/* Puts the text's own hash in the place of the zeros. */
static void seal(char *text, size_t len)
{
    char hash[17];
    char *at = strstr(text, checksum_key);
    cx__hash_text(cx__hash(text, len), hash);
    if (at) memcpy(at + strlen(checksum_key), hash, 16);
}

cx_status cx__manifest_write(const char *dir, json_t *all)
{
    cx__buf b = { .max = MANIFEST_MAX };
    int bad = json_object_set_new(all, "checksum", json_string(zeros)) ||
              !cx__json_dump(&b, all, 2, false) || !cx__buf_putc(&b, '\n');
    cx_status st = bad ? no_memory() : CX_OK;
    if (st == CX_OK) {
        seal(b.data, b.len);
        st = write_file(dir, CX__MANIFEST_FILE, b.data, b.len);
    }
    cx__buf_free(&b);
    return st;
}

cx_status cx__manifest_finish(cx__manifest *m, const cx__layout *plan,
                              const cx__tensor_hash *hashes, json_t *head)
{
    json_t *all = json_pack("{s:s}", "checksum", zeros);
    int bad = !all || !head || json_object_update(all, head);
    bad = bad || json_object_set_new(all, "hash", json_string("xxh3-64")) ||
          json_object_set(all, "files", m->files) ||
          json_object_set_new(all, "tensors", tensors_json(plan, hashes));
    cx_status st = bad ? no_memory() : cx__manifest_write(m->dir, all);
    json_decref(all);
    json_decref(head);
    return st;
}

/* Compares the checksum with the text around it. */
static cx_status check_seal(const char *path, char *text, size_t len)
{
    char said[17] = "", hash[17];
    char *at = strstr(text, checksum_key);
    if (!at || strlen(at) < strlen(checksum_key) + 17)
        return CX_FAIL(CX_EFORMAT, "%s: no checksum", path);
    memcpy(said, at + strlen(checksum_key), 16);
    memcpy(at + strlen(checksum_key), zeros, 16);
    cx__hash_text(cx__hash(text, len), hash);
    if (!strcmp(said, hash)) return CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: checksum: expected %s, found %s: the file was changed", path,
                   hash, said);
}

cx_status cx__manifest_load(const char *dir, json_t **out)
{
    char *path = cx__path_join(dir, CX__MANIFEST_FILE), *text = NULL;
    size_t len = 0;
    *out = NULL;
    if (!path) return no_memory();
    cx_status st = CX_OK;
    if (cx__path_exists(path)) {
        st = cx__read_file(path, MANIFEST_MAX, &text, &len);
        if (st == CX_OK) st = check_seal(path, text, len);
        if (st == CX_OK) st = cx__json_parse(text, len, path, out);
        cx__free(text);
    }
    cx__free(path);
    return st;
}

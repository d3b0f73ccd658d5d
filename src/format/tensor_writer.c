/* Writes a safetensors file piece by piece. Tested by tests/unit/test_safetensors_writer.c; read by
 * other readers in tests/oracle. */
#include "format/format.h"
#include "format/strings.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGN 64             /* of the first tensor's data */
#define HEADER_MAX 100000000 /* bytes; the limit of all readers */

typedef struct slot {
    uint64_t offset, bytes; /* in the file */
    atomic_uint_fast64_t written;
    const char *name;
} slot;

struct cx_tensor_writer {
    int fd;
    char *path, *names;
    slot *slots;
    size_t count;
    uint64_t size;
};

static cx_status fail_errno(const char *path, const char *verb)
{
    return CX_FAIL(CX_EIO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cx_status check_text(const char *path, const char *text)
{
    if (cx__utf8_valid(text, strlen(text))) return CX_OK;
    return CX_FAIL(CX_EARG, "%s: '%s': expected UTF-8", path, text);
}

/* names[count] is sorted by this. */
static cx_status check_names(const char *path, const char **names, size_t count)
{
    cx__sort(names, count, sizeof *names, compare_text);
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(names[i], "__metadata__") || (i && !strcmp(names[i - 1], names[i])))
            return CX_FAIL(CX_EARG, "%s: '%s' is there twice", path, names[i]);
        CX_TRY(check_text(path, names[i]));
    }
    return CX_OK;
}

static cx_status check_plan(const char *path, const cx_tensor *plan, size_t count,
                            const cx_metadata *metadata, size_t metadata_count)
{
    const char **names = cx__alloc_array(count > metadata_count ? count : metadata_count,
                                         sizeof *names);
    cx_status st;
    if (!names) return CX_FAIL(CX_ENOMEM, "%s: no memory for its header", path);
    for (size_t i = 0; i < count; i++) names[i] = plan[i].name;
    st = check_names(path, names, count);
    for (size_t i = 0; i < metadata_count; i++) names[i] = metadata[i].key;
    if (st == CX_OK) st = check_names(path, names, metadata_count);
    for (size_t i = 0; st == CX_OK && i < metadata_count; i++)
        st = check_text(path, metadata[i].value);
    cx__free(names);
    return st;
}

static void put_metadata(cx__buf *b, const cx_metadata *m, size_t count)
{
    cx__buf_puts(b, "\"__metadata__\":{");
    for (size_t i = 0; i < count; i++) {
        if (i) cx__buf_putc(b, ',');
        cx__json_put_string(b, m[i].key, strlen(m[i].key));
        cx__buf_putc(b, ':');
        cx__json_put_string(b, m[i].value, strlen(m[i].value));
    }
    cx__buf_putc(b, '}');
}

static void put_tensor(cx__buf *b, const cx_tensor *t, uint64_t begin, uint64_t end)
{
    cx__json_put_string(b, t->name, strlen(t->name));
    cx__buf_printf(b, ":{\"data_offsets\":[%" PRIu64 ",%" PRIu64 "],\"dtype\":\"%s\",\"shape\":[",
                   begin, end, cx_dtype_name(t->dtype));
    for (int i = 0; i < t->ndim; i++) cx__buf_printf(b, "%s%" PRId64, i ? "," : "", t->shape[i]);
    cx__buf_puts(b, "]}");
}

/* The length's 8 bytes, then JSON, then spaces up to the alignment. */
static cx_status make_header(const char *path, const cx_tensor *plan, const slot *slots,
                             size_t count, const cx_metadata *m, size_t m_count, cx__buf *b)
{
    cx__buf_append(b, "\0\0\0\0\0\0\0", 8);
    cx__buf_putc(b, '{');
    if (m_count) put_metadata(b, m, m_count);
    for (size_t i = 0; i < count; i++) {
        if (i || m_count) cx__buf_putc(b, ',');
        put_tensor(b, &plan[i], slots[i].offset, slots[i].offset + slots[i].bytes);
    }
    cx__buf_putc(b, '}');
    while (!b->failed && b->len % ALIGN) cx__buf_putc(b, ' ');
    if (b->failed)
        return CX_FAIL(CX_ENOMEM, "%s: no memory for its header, or it exceeds %d bytes", path,
                       HEADER_MAX);
    for (int i = 0; i < 8; i++) b->data[i] = (char)((b->len - 8) >> (8 * i));
    return CX_OK;
}

/* Offsets in the data, and copies of the names. */
static cx_status lay_out(cx_tensor_writer *w, const cx_tensor *plan, size_t count)
{
    size_t text = 0;
    char *name;
    w->slots = cx__calloc(count, sizeof *w->slots);
    for (size_t i = 0; i < count; i++) text += strlen(plan[i].name) + 1; /* of strings in memory */
    name = w->names = cx__alloc(text);
    if (!w->slots || !w->names) return CX_FAIL(CX_ENOMEM, "%s: no memory for its plan", w->path);
    w->count = count;
    for (size_t i = 0; i < count; i++) {
        slot *s = &w->slots[i];
        size_t len = strlen(plan[i].name) + 1;
        s->name = memcpy(name, plan[i].name, len);
        name += len;
        s->offset = w->size;
        if (!cx__tensor_bytes(&plan[i], &s->bytes))
            return CX_FAIL(CX_EARG, "%s: '%s': dtype or shape out of range", w->path, s->name);
        if (__builtin_add_overflow(w->size, s->bytes, &w->size) || w->size > INT64_MAX / 2)
            return CX_FAIL(CX_EARG, "%s: '%s': the file is too large", w->path, s->name);
    }
    return CX_OK;
}

/* A full disk is found now, not after hours. File systems that cannot reserve take the size as a
 * hole. */
static int reserve(int fd, off_t size)
{
#ifdef __linux__
    if (fallocate(fd, 0, 0, size) == 0) return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return -1;
#endif
    return ftruncate(fd, size);
}

static cx_status start_file(cx_tensor_writer *w, const cx__buf *header)
{
    w->fd = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) return fail_errno(w->path, "create");
    w->size += header->len;
    for (size_t i = 0; i < w->count; i++) w->slots[i].offset += header->len;
    if (reserve(w->fd, (off_t)w->size) != 0) {
        int e = errno;
        return CX_FAIL(CX_EIO, "%s: cannot reserve %" PRIu64 " bytes: %s", w->path, w->size,
                       strerror(e));
    }
    return cx__pwrite_all(w->fd, header->data, header->len, 0, w->path);
}

cx_status cx_tensor_writer_open(const char *path, const cx_tensor *plan, size_t count,
                                const cx_metadata *metadata, size_t metadata_count,
                                cx_tensor_writer **out)
{
    cx__buf header = { .max = 8 + HEADER_MAX };
    cx_tensor_writer *w;
    cx_status st;
    CX_TRY(check_plan(path, plan, count, metadata, metadata_count));
    if (!(w = cx__calloc(1, sizeof *w))) return CX_FAIL(CX_ENOMEM, "%s: no memory", path);
    w->fd = -1;
    w->path = cx__strdup(path);
    st = w->path ? lay_out(w, plan, count) : CX_FAIL(CX_ENOMEM, "%s: no memory", path);
    if (st == CX_OK)
        st = make_header(path, plan, w->slots, count, metadata, metadata_count, &header);
    if (st == CX_OK) st = start_file(w, &header);
    cx__buf_free(&header);
    if (st != CX_OK) return cx_tensor_writer_abort(w), st;
    *out = w;
    return CX_OK;
}

cx_status cx_tensor_writer_write(cx_tensor_writer *w, size_t index, uint64_t offset,
                                 const void *data, size_t len)
{
    if (index >= w->count)
        return CX_FAIL(CX_EARG, "%s: tensor %zu of %zu", w->path, index, w->count);
    slot *s = &w->slots[index];
    if (offset > s->bytes || len > s->bytes - offset)
        return CX_FAIL(CX_EARG, "%s: '%s': %zu bytes at %" PRIu64 " of %" PRIu64, w->path, s->name,
                       len, offset, s->bytes);
    CX_TRY(cx__pwrite_all(w->fd, data, len, s->offset + offset, w->path));
    atomic_fetch_add(&s->written, len);
    return CX_OK;
}

static void free_writer(cx_tensor_writer *w)
{
    cx__free(w->slots);
    cx__free(w->names);
    cx__free(w->path);
    cx__free(w);
}

static cx_status check_complete(cx_tensor_writer *w)
{
    for (size_t i = 0; i < w->count; i++) {
        uint64_t written = atomic_load(&w->slots[i].written);
        if (written != w->slots[i].bytes)
            return CX_FAIL(CX_EARG,
                           "%s: '%s': expected %" PRIu64 " bytes, %" PRIu64 " were "
                           "written",
                           w->path, w->slots[i].name, w->slots[i].bytes, written);
    }
    return CX_OK;
}

cx_status cx_tensor_writer_finish(cx_tensor_writer *w)
{
    cx_status st = check_complete(w);
    if (st == CX_OK) st = cx__fsync_fd(w->fd, w->path);
    if (close(w->fd) != 0 && st == CX_OK) st = fail_errno(w->path, "close");
    if (st != CX_OK) unlink(w->path);
    free_writer(w);
    return st;
}

/* Removes only what it created: fd is -1 where nothing was opened. */
void cx_tensor_writer_abort(cx_tensor_writer *w)
{
    if (!w) return;
    if (w->fd >= 0) {
        close(w->fd);
        unlink(w->path);
    }
    free_writer(w);
}

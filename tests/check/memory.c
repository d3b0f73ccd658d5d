/* Buffers of the checker: guard pages on both ends, canaries around outputs. */
#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Guards are wide, so that a stride too many does not jump over them. */
enum { BUFFERS = 64, CANARY = 64, GUARD = 4 << 20 };
static struct buffer {
    uint8_t *map, *data; /* map: guard, room, guard */
    size_t room, bytes;  /* room in whole pages */
    bool out;
} buffers[BUFFERS];
static size_t used, turn;

static uint8_t canary(size_t i)
{
    return (uint8_t)(0xa5 ^ i * 37);
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Where `bytes` go in the room between the guard pages; see check_in. */
static size_t place(size_t room, size_t bytes, size_t align, bool out)
{
    size_t last = (room - bytes) / align * align, gap = (turn / 3 % 31 * 2 + 1) * align;
    size_t end_gap = out ? CANARY : 0;
    if (turn++ % 3 == 2) return out ? (CANARY + align - 1) / align * align : 0;
    last = (last - end_gap) / align * align;
    return turn % 3 == 1 || gap > last ? last : last - gap;
}

static void *reserve(size_t bytes, size_t align, bool out)
{
    size_t page = page_size(), room = (bytes + 2 * CANARY + 64 * align + page - 1) / page * page;
    if (used == BUFFERS) {
        fprintf(stderr, "check: more than %d buffers in a case\n", BUFFERS);
        exit(2);
    }
    struct buffer *b = &buffers[used];
    void *map = mmap(NULL, room + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1, 0);
    if (map == MAP_FAILED || mprotect((uint8_t *)map + GUARD, room, PROT_READ | PROT_WRITE)) {
        perror("check: mmap");
        exit(2);
    }
    *b = (struct buffer){ .map = map, .room = room, .bytes = bytes, .out = out };
    b->data = b->map + GUARD + place(room, bytes, align, out);
    used++;
    for (uint8_t *p = b->map + GUARD; p < b->map + GUARD + room; p++) {
        if (p == b->data) p += bytes;
        if (p < b->map + GUARD + room) *p = canary((size_t)(p - b->map));
    }
    return b->data;
}

void *check_in(check *t, size_t bytes, size_t align)
{
    (void)t;
    return reserve(bytes, align, false);
}

void *check_out(check *t, size_t bytes, size_t align)
{
    void *p = reserve(bytes, align, true);
    check_memory_fill(t, p, bytes);
    return p;
}

void check_seal(check *t)
{
    (void)t;
    for (struct buffer *b = buffers; b < buffers + used; b++)
        if (!b->out && mprotect(b->map + GUARD, b->room, PROT_READ)) perror("check: mprotect");
}

static void look_for_damage(check *t, const struct buffer *b)
{
    const uint8_t *from = b->map + GUARD, *to = from + b->room;
    for (const uint8_t *p = from; p < to; p++) {
        if (p >= b->data && p < b->data + b->bytes) p = b->data + b->bytes;
        if (p >= to || *p == canary((size_t)(p - b->map))) continue;
        check_fail(t, "wrote %td bytes %s an output of %zu bytes",
                   p < b->data ? b->data - p : p - (b->data + b->bytes) + 1,
                   p < b->data ? "before" : "behind", b->bytes);
        return;
    }
}

void check_memory_end(check *t, bool report)
{
    for (struct buffer *b = buffers; b < buffers + used; b++) {
        if (b->out && report) look_for_damage(t, b);
        munmap(b->map, b->room + 2 * GUARD);
    }
    used = 0;
}

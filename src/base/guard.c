/* Turns SIGBUS in a mapped file (the file was truncated, or its disk failed) into zero pages and a
 * flag. Tested by tests/unit/test_base_file.c. */
#include "base/guard.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

#define SLOTS 1024

/* `version` is odd while begin and end change. The handler takes no lock: the slot of the mapping
 * that faults is live, so it is not being changed, and a slot in change is not the one it seeks. */
typedef struct slot {
    atomic_uint version;
    atomic_uintptr_t begin, end;
    atomic_bool broken;
} slot;

static slot slots[SLOTS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of those who change slots */
static bool installed;
static struct sigaction previous;
static uintptr_t page;

static bool find(uintptr_t at, int *index, uintptr_t *end)
{
    for (int i = 0; i < SLOTS; i++) {
        unsigned version = atomic_load(&slots[i].version);
        uintptr_t b = atomic_load(&slots[i].begin), e = atomic_load(&slots[i].end);
        if (version % 2 || version != atomic_load(&slots[i].version)) continue;
        if (at < b || at >= e) continue;
        *index = i;
        *end = e;
        return true;
    }
    return false;
}

/* Without the C library where possible: a sanitizer's mmap is not made for signal handlers, and the
 * thread sanitizer takes it for a write that races with the readers. */
static bool map_zeros(uintptr_t at, size_t len)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
#if defined(__linux__) && defined(__LP64__)
    return syscall(SYS_mmap, at, len, PROT_READ, flags, -1, 0) == (long)at;
#else
    return mmap((void *)at, len, PROT_READ, flags, -1, 0) != MAP_FAILED;
#endif
}

/* All from the faulting page to the end: behind the end of a file there is nothing to keep, and
 * pages mapped one by one, in any order, could exhaust the kernel's number of mappings. */
static bool patch(const siginfo_t *info)
{
    uintptr_t at = (uintptr_t)info->si_addr & ~(page - 1), end;
    int index;
    if (info->si_code <= 0) return false; /* sent by kill() */
    if (!find((uintptr_t)info->si_addr, &index, &end)) return false;
    atomic_store(&slots[index].broken, true);
    return map_zeros(at, end - at);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
    int saved = errno;
    if (!patch(info)) {
        if (previous.sa_flags & SA_SIGINFO) {
            previous.sa_sigaction(sig, info, context);
        } else if (previous.sa_handler == SIG_IGN && info->si_code <= 0) {
            /* a sent signal that the program chose to ignore */
        } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
            signal(sig, SIG_DFL);
            raise(sig); /* delivered on return */
        } else {
            previous.sa_handler(sig);
        }
    }
    errno = saved;
}

static void install(void)
{
    struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    page = (uintptr_t)sysconf(_SC_PAGESIZE);
    installed = sigaction(SIGBUS, &action, &previous) == 0;
}

static void set(slot *s, uintptr_t begin, uintptr_t end)
{
    atomic_fetch_add(&s->version, 1);
    atomic_store(&s->begin, begin);
    atomic_store(&s->end, end);
    atomic_store(&s->broken, false);
    atomic_fetch_add(&s->version, 1);
}

int cx__guard_add(const void *begin, size_t len)
{
    int found = -1;
    pthread_mutex_lock(&lock);
    if (!installed) install();
    for (int i = 0; installed && i < SLOTS && found < 0; i++)
        if (!atomic_load(&slots[i].end)) found = i;
    if (found >= 0) {
        /* Whole pages: the tail behind the last byte belongs to the mapping. */
        uintptr_t end = ((uintptr_t)begin + len + page - 1) & ~(page - 1);
        set(&slots[found], (uintptr_t)begin, end);
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void cx__guard_remove(int index)
{
    if (index < 0) return;
    pthread_mutex_lock(&lock);
    set(&slots[index], 0, 0);
    pthread_mutex_unlock(&lock);
}

bool cx__guard_broken(int index)
{
    return index >= 0 && atomic_load(&slots[index].broken);
}

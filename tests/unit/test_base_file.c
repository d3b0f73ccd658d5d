/* Mapped files, SIGBUS guard, bounded reader, durable writing. */
#include "base/base.h"
#include "unit.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(base_file, map_shows_the_bytes)
{
    cx__map m = { 0 };
    const char *path = unit_file("a", "hello", 5);
    CHECK_OK(cx__map_open(path, &m));
    CHECK_INT(m.len, 5);
    CHECK(memcmp(m.data, "hello", 5) == 0);
    CHECK_STR(m.path, path);
    cx__map_prefetch(&m, 3, 100);
    cx__map_prefetch(&m, 5, 1);
    CHECK_OK(cx__map_check(&m));
    cx__map_close(&m);
    cx__map_close(&m);
    CHECK_OK(cx__map_open(unit_file("empty", "", 0), &m));
    CHECK(m.data == NULL && m.len == 0);
    CHECK_OK(cx__map_check(&m));
    cx__map_close(&m);
}

TEST(base_file, only_regular_files_are_mapped)
{
    const char *dir = unit_dir();
    char path[512];
    cx__map m = { .len = 77 };
    CHECK_INT(cx__map_open(dir, &m), CX_EIO);
    CHECK_HAS(cx_error(), "found a folder");
    CHECK_INT(cx__map_open("/dev/zero", &m), CX_EIO);
    snprintf(path, sizeof path, "%s/fifo", dir);
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK_INT(cx__map_open(path, &m), CX_EIO); /* and does not wait for a writer */
    snprintf(path, sizeof path, "%s/absent", dir);
    CHECK_INT(cx__map_open(path, &m), CX_ENOTFOUND);
    CHECK_HAS(cx_error(), path);
    CHECK_INT(m.len, 77);
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static unsigned sum(const uint8_t *p, size_t len)
{
    unsigned s = 0;
    for (size_t i = 0; i < len; i++) s += p[i];
    return s;
}

TEST(base_file, truncated_map_reads_zeros_and_is_reported)
{
    size_t page = page_size(), len = 8 * page + 100;
    char *bytes = malloc(len);
    cx__map whole, cut;
    memset(bytes, 1, len);
    const char *path = unit_file("cut", bytes, len), *other = unit_file("whole", bytes, len);
    CHECK_OK(cx__map_open(path, &cut));
    CHECK_OK(cx__map_open(other, &whole));
    CHECK_INT(truncate(path, (off_t)(2 * page)), 0);
    CHECK_OK(cx__map_check(&cut));
    CHECK_INT(cut.data[6 * page], 0); /* backwards: later faults lie below */
    CHECK_INT(cut.data[4 * page + 5], 0);
    CHECK_INT(sum(cut.data, len), 2 * page);
    CHECK_INT(cx__map_check(&cut), CX_EIO);
    CHECK_HAS(cx_error(), path);
    CHECK_OK(cx__map_check(&whole));
    CHECK_INT(sum(whole.data, len), len);
    cx__map_close(&cut);
    CHECK_OK(cx__map_open(other, &cut)); /* the slot starts clean again */
    CHECK_OK(cx__map_check(&cut));
    cx__map_close(&cut);
    cx__map_close(&whole);
    free(bytes);
}

static atomic_bool stop;

static void *read_on(void *arg)
{
    const cx__map *m = arg;
    volatile unsigned got;
    while (!atomic_load(&stop)) got = sum(m->data, m->len);
    (void)got;
    return NULL;
}

TEST(base_file, truncation_while_threads_read_kills_nobody)
{
    size_t len = 64 * page_size();
    char *bytes = calloc(1, len);
    pthread_t reader[3];
    cx__map m;
    const char *path = unit_file("cut", bytes, len);
    CHECK_OK(cx__map_open(path, &m));
    for (int i = 0; i < 3; i++) CHECK_INT(pthread_create(&reader[i], NULL, read_on, &m), 0);
    usleep(10000);
    CHECK_INT(truncate(path, 10), 0);
    for (int i = 0; i < 1000 && cx__map_check(&m) == CX_OK; i++) usleep(1000);
    atomic_store(&stop, true);
    for (int i = 0; i < 3; i++) pthread_join(reader[i], NULL);
    CHECK_INT(cx__map_check(&m), CX_EIO);
    cx__map_close(&m);
    free(bytes);
}

static void previous_handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    _exit(42);
}

/* A fault that is not ours goes to whoever was there before. */
static int foreign_fault(void)
{
    size_t page = page_size();
    const char *path = unit_file("foreign", "x", 1);
    int fd = open(path, O_RDONLY), status;
    volatile uint8_t *p = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE, fd, 0);
    pid_t child = fork();
    if (child == 0) {
        cx__map m;
        struct sigaction a = { .sa_sigaction = previous_handler, .sa_flags = SA_SIGINFO };
        sigaction(SIGBUS, &a, NULL);
        if (cx__map_open(path, &m) != CX_OK) _exit(1);
        (void)p[page];
        _exit(2);
    }
    waitpid(child, &status, 0);
    munmap((void *)(uintptr_t)p, 2 * page);
    close(fd);
    return status;
}

TEST(base_file, foreign_faults_reach_the_previous_handler)
{
    int status = foreign_fault();
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 42);
}

TEST(base_file, sent_sigbus_still_kills)
{
    const char *path = unit_file("a", "x", 1);
    int status;
    pid_t child = fork();
    if (child == 0) {
        cx__map m;
        signal(SIGBUS, SIG_DFL);
        if (cx__map_open(path, &m) != CX_OK) _exit(1);
        raise(SIGBUS);
        _exit(2);
    }
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

TEST(base_file, read_is_bounded)
{
    const char *path = unit_file("a", "12345", 5);
    char *text = NULL;
    size_t len = 0;
    CHECK_INT(cx__read_file(path, 4, &text, &len), CX_ELIMIT);
    CHECK(text == NULL);
    CHECK_OK(cx__read_file(path, 5, &text, &len));
    CHECK_INT(len, 5);
    CHECK_STR(text, "12345");
    cx__free(text);
    CHECK(cx__path_exists(path) && !cx__path_is_dir(path) && cx__path_is_dir("/"));
}

TEST(base_file, paths_join)
{
    static const char *const cases[][3] = { { "a", "b", "a/b" },
                                            { "a/", "b", "a/b" },
                                            { "", "b", "b" } };
    for (int i = 0; i < 3; i++) {
        char *p = cx__path_join(cases[i][0], cases[i][1]);
        CHECK_STR(p, cases[i][2]);
        cx__free(p);
    }
}

TEST(base_file, reader_never_passes_the_end)
{
    const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    cx__reader r = { bytes, sizeof bytes, 0 };
    const uint8_t *p = NULL;
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d = 5;
    CHECK(cx__read_u8(&r, &a) && a == 1);
    CHECK(cx__read_u16(&r, &b) && b == 0x0302);
    CHECK(cx__read_u32(&r, &c) && c == 0x07060504);
    CHECK(cx__read_bytes(&r, 1, &p) && *p == 8);
    CHECK(!cx__read_u64(&r, &d) && d == 5);
    CHECK(!cx__read_bytes(&r, SIZE_MAX, &p));
    CHECK(cx__read_bytes(&r, 7, &p) && p[6] == 15);
    CHECK(cx__read_bytes(&r, 0, &p));
    CHECK(!cx__read_u8(&r, &a));
    r.at = 100;
    CHECK(!cx__read_bytes(&r, 0, &p));
    r.at = 7;
    CHECK(cx__read_u64(&r, &d) && d == UINT64_C(0x0f0e0d0c0b0a0908));
}

TEST(base_file, write_replaces_whole_files)
{
    const char *path = unit_file("a", "old", 3), *dir = unit_dir();
    char absent[512], *text;
    size_t len;
    CHECK_OK(cx__write_file(path, "newer", 5));
    CHECK_OK(cx__read_file(path, 100, &text, &len));
    CHECK_STR(text, "newer");
    cx__free(text);
    snprintf(absent, sizeof absent, "%s/no/file", dir);
    CHECK_INT(cx__write_file(absent, "x", 1), CX_ENOTFOUND);
    CHECK_INT(cx__write_file(dir, "x", 1), CX_EIO); /* a folder is in the way */
    snprintf(absent, sizeof absent, "%s/..", dir);
    CHECK_OK(cx__fsync_path(absent));
}

TEST(base_file, disk_full_is_named)
{
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) unit_skip("no /dev/full");
    CHECK_INT(cx__write_all(fd, "x", 1, "out.bin"), CX_EIO);
    CHECK_HAS(cx_error(), "out.bin: cannot write: No space left");
    close(fd);
}

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    fclose(f);
}

TEST(base_file, remove_tree_follows_no_links)
{
    const char *dir = unit_dir(), *kept = unit_dir();
    char *root = cx__path_join(dir, "a"), *path = cx__strdup(root);
    char *file = cx__path_join(kept, "file");
    touch(file);
    CHECK_INT(mkdir(path, 0700), 0);
    for (int i = 0; i < 20; i++) {
        static const char *const entries[] = { "file", "beside", "link", "x" };
        char *entry[4];
        for (int k = 0; k < 4; k++) entry[k] = cx__path_join(path, entries[k]);
        touch(entry[0]);
        CHECK_INT(mkdir(entry[1], 0700), 0);
        CHECK_INT(symlink(kept, entry[2]), 0);
        CHECK_INT(mkdir(entry[3], 0700), 0);
        cx__free(path);
        path = entry[3];
        for (int k = 0; k < 3; k++) cx__free(entry[k]);
    }
    CHECK_OK(cx__remove_tree(root));
    CHECK(!cx__path_exists(root));
    CHECK(cx__path_is_dir(dir));
    CHECK_OK(cx__remove_tree(root));
    CHECK(cx__path_exists(file));
    cx__free(root);
    cx__free(path);
    cx__free(file);
}

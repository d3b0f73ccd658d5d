/* Runs each registered test in a child process with a time limit.
 * Usage: unit [--list] [PART...]: tests whose module_claim contains a PART, all without one.
 * Prints failed and skipped tests with their output, then one line of totals. With CI=true in the
 * environment a skipped test counts as failed. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SECONDS 30
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SECONDS 30
#endif
#endif
#ifndef SECONDS
#define SECONDS 5
#endif

#define SKIPPED 77
#define OUTPUT_MAX 16384 /* bytes of a failed test's output that are shown */

typedef struct test {
    char name[160];
    void (*run)(void **);
} test;

typedef struct totals {
    int passed, failed, skipped;
} totals;

static test *tests;
static size_t count;
static char root[512];   /* temporary folder of the whole run */
static char folder[600]; /* of the current test, made by its first file */
static int files;

/* Runs before main: there is nobody to report to but the standard error. */
void unit_register(const char *module, const char *claim, void (*run)(void **))
{
    test *grown = realloc(tests, (count + 1) * sizeof *tests);
    if (!grown) abort();
    tests = grown;
    snprintf(tests[count].name, sizeof tests[count].name, "%s_%s", module, claim);
    tests[count++].run = run;
}

static const char *test_folder(void)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        fail_msg("mkdir %s: %s", folder, strerror(errno));
    return folder;
}

/* Names live as long as the process, which is one test; the list keeps them reachable. */
static const char *keep(char *name)
{
    static char *kept[4096];
    static size_t n;
    if (!name || n == sizeof kept / sizeof kept[0]) fail_msg("too many unit_file()s");
    return kept[n++] = name;
}

const char *unit_file(const char *name, const void *data, size_t len)
{
    const char *dir = test_folder();
    size_t room = strlen(dir) + strlen(name) + 32;
    char *path = malloc(room);
    FILE *f;
    keep(path);
    snprintf(path, room, "%s/%d", dir, files++);
    if (mkdir(path, 0700) != 0) fail_msg("mkdir %s: %s", path, strerror(errno));
    strcat(strcat(path, "/"), name);
    f = fopen(path, "wb");
    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
        fail_msg("%s: %s", path, strerror(errno));
    return path;
}

const char *unit_dir(void)
{
    const char *dir = test_folder();
    size_t room = strlen(dir) + 32;
    char *path = malloc(room);
    keep(path);
    snprintf(path, room, "%s/%d", dir, files++);
    if (mkdir(path, 0700) != 0) fail_msg("mkdir %s: %s", path, strerror(errno));
    return path;
}

const char *unit_data(void)
{
    const char *dir = getenv("CORTEX_DATA");
    struct stat st;
    if (!dir || !*dir) dir = "../shared/data";
    return stat(dir, &st) == 0 && S_ISDIR(st.st_mode) ? dir : NULL;
}

void unit_skip(const char *why)
{
    fflush(stdout);
    printf("\nskipped: %s\n", why);
    fflush(stdout);
    _exit(SKIPPED);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    remove(path);
    return 0;
}

static void remove_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void run_in_child(const test *t, int out)
{
    const struct CMUnitTest one[] = { { t->name, t->run, NULL, NULL, NULL } };
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    close(out);
    alarm(SECONDS);
    exit(_cmocka_run_group_tests(t->name, one, 1, NULL, NULL) ? 1 : 0);
}

/* All output until the child and whoever inherited its pipe are gone; keeps the first bytes. */
static void read_output(int fd, char *text, size_t room)
{
    char chunk[4096];
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
        size_t take = n < 0 ? 0 : (size_t)n;
        if (take > room - 1 - len) take = room - 1 - len;
        memcpy(text + len, chunk, take);
        len += take;
    }
    text[len] = '\0';
}

static void report(const char *verdict, const test *t, const char *text)
{
    printf("%s %s\n", verdict, t->name);
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        /* cmocka's own frame says nothing that the verdict does not */
        if (len && strncmp(line, "[=====", 6) && strncmp(line, "[ RUN ", 6) &&
            strncmp(line, "[  PASSED", 9) && strncmp(line, "[  FAILED", 9) &&
            !memmem(line, len, "FAILED TEST(S)", 14))
            printf("    %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static void judge(const test *t, int status, const char *text, totals *sum)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        sum->passed++;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        const char *why = strstr(text, "\nskipped: ");
        printf("SKIP %s: %s", t->name, why ? why + 10 : "\n");
        sum->skipped++;
    } else {
        report("FAIL", t, text);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
            printf("    exceeded %d s\n", SECONDS);
        else if (WIFSIGNALED(status))
            printf("    killed by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
        sum->failed++;
    }
    fflush(stdout);
}

static void run_one(const test *t, size_t index, totals *sum)
{
    static char text[OUTPUT_MAX];
    int ends[2], status = 0;
    pid_t child;
    snprintf(folder, sizeof folder, "%s/%zu", root, index);
    fflush(stdout);
    if (pipe(ends) != 0 || (child = fork()) < 0) {
        perror("unit");
        exit(2);
    }
    if (child == 0) {
        close(ends[0]);
        run_in_child(t, ends[1]);
    }
    close(ends[1]);
    read_output(ends[0], text, sizeof text);
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    judge(t, status, text, sum);
    remove_folder(folder);
}

static bool wanted(const test *t, int parts, char **part)
{
    for (int i = 0; i < parts; i++)
        if (strstr(t->name, part[i])) return true;
    return parts == 0;
}

static int list(void)
{
    for (size_t i = 0; i < count; i++) printf("%s\n", tests[i].name);
    return 0;
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR"), *ci = getenv("CI");
    totals sum = { 0, 0, 0 };
    if (argc == 2 && !strcmp(argv[1], "--list")) return list();
    snprintf(root, sizeof root, "%s/cortex-unit-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(root)) {
        perror(root);
        return 2;
    }
    for (size_t i = 0; i < count; i++)
        if (wanted(&tests[i], argc - 1, argv + 1)) run_one(&tests[i], i, &sum);
    remove_folder(root);
    printf("%d passed, %d failed", sum.passed, sum.failed);
    if (sum.skipped) printf(", %d skipped", sum.skipped);
    printf("\n");
    if (sum.passed + sum.failed + sum.skipped == 0) return 1; /* a misspelt PART */
    return sum.failed || (sum.skipped && ci && !strcmp(ci, "true")) ? 1 : 0;
}

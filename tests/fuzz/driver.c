/* Replays a corpus through a fuzz target that was built without libFuzzer, with any compiler.
 * Usage: replay FILE-OR-FOLDER...  Each input runs in a process of its own, with a time limit,
 * from a block of memory of exactly its size; so does the empty input. A target that accepts an
 * input and one that refuses it both pass; only a crash or a timeout fails. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int passed, failed;

/* Owner: caller. NULL with errno set. */
static uint8_t *read_whole(const char *path, size_t *size)
{
    struct stat st;
    uint8_t *data = NULL;
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    if (fstat(fileno(f), &st) == 0 && (data = malloc((size_t)st.st_size + !st.st_size))) {
        *size = fread(data, 1, (size_t)st.st_size, f);
    }
    fclose(f);
    return data;
}

static void run_one(const char *name, const uint8_t *data, size_t size)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        LLVMFuzzerTestOneInput(data, size);
        exit(0); /* not _exit: leaks are reported at exit */
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        passed++;
        return;
    }
    failed++;
    if (child > 0 && WIFSIGNALED(status))
        printf("FAIL %s: %s\n", name, strsignal(WTERMSIG(status)));
    else printf("FAIL %s: exit status %d\n", name, child > 0 ? WEXITSTATUS(status) : -1);
}

static void run_file(const char *path)
{
    size_t size = 0;
    uint8_t *data = read_whole(path, &size);
    if (data) {
        run_one(path, data, size);
    } else {
        printf("FAIL %s: %s\n", path, strerror(errno));
        failed++;
    }
    free(data);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void run_folder(const char *path)
{
    struct dirent **entries;
    char file[4096];
    int n = scandir(path, &entries, visible, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        run_file(file);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
}

int main(int argc, char **argv)
{
    uint8_t none = 0;
    setvbuf(stdout, NULL, _IOLBF, 0); /* so that children do not print it again */
    run_one("the empty input", &none, 0);
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) run_folder(argv[i]);
        else run_file(argv[i]);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

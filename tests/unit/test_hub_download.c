/* cx_hub_snapshot as a program calls it, from a small server in a thread: progress, cancellation,
 * and each allocation failing in turn. Faults of the network: tests/hub. */
#include "hub/hub.h"
#include "unit.h"

#ifdef CX_HAVE_CURL
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Pro Git, chapter 10.2: git's hash of "what is up, doc?"; FIPS 180-4: SHA-256 of "abc". */
#define DOC "bd9dbf5aae1a3862dd1526723246b20206e5fc37"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static const struct {
    const char *path, *body;
} pages[] = {
    { "/api/models/org/x/revision/main?blobs=true",
      "{\"sha\":\"" COMMIT
      "\",\"siblings\":[{\"rfilename\":\"a.json\",\"size\":16,\"blobId\":\"" DOC
      "\"},{\"rfilename\":\"model.safetensors\",\"size\":3,\"blobId\":\"" COMMIT
      "\",\"lfs\":{\"sha256\":\"" ABC "\",\"size\":3}}]}" },
    { "/org/x/resolve/" COMMIT "/a.json", "what is up, doc?" },
    { "/org/x/resolve/" COMMIT "/model.safetensors", "abc" },
};

static void answer(int fd)
{
    char request[4096], reply[4096], path[1024] = "";
    size_t len = 0;
    ssize_t n;
    while (len < sizeof request - 1 &&
           (n = read(fd, request + len, sizeof request - 1 - len)) > 0) {
        request[len += (size_t)n] = '\0';
        if (strstr(request, "\r\n\r\n")) break;
    }
    if (len == 0 || sscanf(request, "GET %1023s", path) != 1) return;
    const char *body = NULL;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (!strcmp(pages[i].path, path)) body = pages[i].body;
    int size = snprintf(
        reply, sizeof reply, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
        body ? "200 OK" : "404 Not Found", body ? strlen(body) : 0, body ? body : "");
    if (write(fd, reply, (size_t)size) != size) perror("write");
}

static void *serve(void *listener)
{
    for (;;) {
        int fd = accept(*(int *)listener, NULL, NULL);
        if (fd < 0) return NULL;
        answer(fd);
        close(fd);
    }
}

/* Address of a server that lives as long as the test's process. */
static const char *new_server(void)
{
    static int listener;
    static char address[64];
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    pthread_t thread;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(listener >= 0);
    CHECK_INT(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    CHECK_INT(listen(listener, 64), 0);
    CHECK_INT(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    CHECK_INT(pthread_create(&thread, NULL, serve, &listener), 0);
    pthread_detach(thread);
    snprintf(address, sizeof address, "http://127.0.0.1:%d", ntohs(at.sin_port));
    unsetenv("http_proxy");
    unsetenv("HF_HUB_OFFLINE");
    return address;
}

typedef struct progress {
    uint64_t last, total;
    int calls, stop_at;
} progress;

static int on_progress(void *user, const char *what, uint64_t done, uint64_t total,
                       const char *unit)
{
    progress *p = user;
    CHECK_STR(what, "download");
    CHECK_STR(unit, "B");
    CHECK(done >= p->last);
    CHECK(done <= total);
    p->last = done;
    p->total = total;
    return ++p->calls == p->stop_at;
}

TEST(hub, download_reports_progress_and_can_be_stopped)
{
    progress p = { 0 };
    cx_hub_options o = { .endpoint = new_server(),
                         .token = "",
                         .cache = unit_dir(),
                         .progress = on_progress,
                         .user = &p };
    char *folder = NULL, *text = NULL;
    size_t len;
    for (p.stop_at = 1; p.stop_at < 4; p.stop_at++) {
        p.calls = 0;
        p.last = 0;
        CHECK_INT(cx_hub_snapshot("org/x", &o, &folder), CX_ECANCELED);
        CHECK(folder == NULL);
        CHECK_INT(cx_hub_find("org/x", &o, &folder), CX_ENOTFOUND);
    }
    p = (progress){ 0 };
    CHECK_OK(cx_hub_snapshot("org/x", &o, &folder));
    CHECK_INT(p.total, 19);
    char *file = cx__path_join(folder, "model.safetensors");
    CHECK_OK(cx__read_file(file, 100, &text, &len));
    CHECK_STR(text, "abc");
    cx__free(text);
    cx__free(file);
    cx_free(folder);
    folder = NULL;
    CHECK_OK(cx_hub_find("org/x", &o, &folder));
    cx_free(folder);
    folder = NULL;
    CHECK_INT(cx_hub_snapshot("org/y", &o, &folder), CX_ENOTFOUND);
    CHECK_INT(cx_hub_snapshot("../y", &o, &folder), CX_EARG);
    CHECK(folder == NULL);
}

static int until_fault;
static bool forever;
static bool countdown(size_t size)
{
    (void)size;
    return until_fault-- == 0 || (forever && until_fault < 0);
}

TEST(alloc, hub_download_fails_cleanly)
{
    cx_hub_options o = { .endpoint = new_server(), .token = "", .cache = unit_dir() };
    for (int mode = 0; mode < 2; mode++) {
        cx_status st = CX_ENOMEM;
        forever = mode;
        /* Each run syncs files, seconds in all: memory that stays away is tried at every fourth. */
        for (int n = 0; st != CX_OK; n += mode ? 4 : 1) {
            char *folder = NULL;
            CHECK(n < 2000);
            CHECK_OK(cx__remove_tree(o.cache));
            until_fault = n;
            cx__alloc_fault_set(countdown);
            st = cx_hub_snapshot("org/x", &o, &folder);
            cx__alloc_fault_set(NULL);
            if (st != CX_OK) CHECK_INT(st, CX_ENOMEM);
            if (st != CX_OK) CHECK(folder == NULL);
            cx_free(folder);
        }
    }
}
#endif

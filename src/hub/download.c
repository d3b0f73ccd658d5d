/* Downloads what a snapshot lacks: several files at once, each under its lock into
 * blobs/ETAG.incomplete, hashed as it comes, renamed when it is right. A file that broke off goes
 * on where it stopped, in this run or the next. Tested by tests/hub. */
#include "hub/net.h"

#ifdef CX_HAVE_CURL
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const uint64_t PROGRESS_BYTES = 65536; /* that many more make a fresh count of tries */
static const double LOCK_POLL_S = 0.25;

typedef enum job_state { JOB_WAITING, JOB_ASKING, JOB_RUNNING, JOB_DONE } job_state;
typedef enum verdict { TAKEN, TOO_LONG, CHANGED } verdict;

/* One file on its way. */
typedef struct job {
    const cx__hub_file *file;
    job_state state;
    char etag[CX__HUB_ETAG + 1]; /* "": the server must be asked */
    bool asked;                  /* ... and was, so that etag and size are not the listing's */
    uint64_t size, have;         /* bytes; of them in the partial file */
    int lock, fd;                /* -1: none */
    char *blob, *partial;        /* paths; owned */
    cx__hub_digest *digest;      /* of the first `have` bytes */
    cx__net_transfer *t;         /* while asking or running */
    verdict verdict;
    bool begun;    /* the body's first bytes have come */
    bool again;    /* wrong content came once */
    int tries;     /* that failed in a row */
    uint64_t mark; /* `have` when tries was 0 */
    double not_before;
    struct fetch *fetch;
} job;

typedef struct fetch {
    cx__net *net;
    const char *name, *repo, *commit;
    job *jobs;
    size_t count, first; /* jobs before `first` are done */
    job *active[64];
    int running;
} fetch;

static cx_status no_memory(const job *j)
{
    return CX_FAIL(CX_ENOMEM, "%s: %s: no memory", j->fetch->name, j->file->name);
}

static cx_status fail_errno(const char *path, const char *verb)
{
    return CX_FAIL(CX_EIO, "%s: cannot %s: %s", path, verb, strerror(errno));
}

/* Closes and frees all that the job holds; the partial file stays. */
static void release(job *j)
{
    if (j->t) cx__net_end(j->fetch->net, j->t);
    cx__free(j->t);
    cx__hub_digest_free(j->digest);
    if (j->fd >= 0) close(j->fd);
    if (j->lock >= 0) close(j->lock);
    cx__free(j->blob);
    cx__free(j->partial);
    j->t = NULL;
    j->digest = NULL;
    j->fd = j->lock = -1;
    j->blob = j->partial = NULL;
}

/* ---- the partial file ---- */

static cx_status new_digest(job *j)
{
    cx__hub_digest_free(j->digest);
    j->digest = cx__hub_digest_new(j->etag, j->size);
    return j->digest ? CX_OK : no_memory(j);
}

/* From the beginning again. */
static cx_status restart(job *j)
{
    j->fetch->net->total += j->have;
    j->have = j->mark = 0;
    if (ftruncate(j->fd, 0) != 0) return fail_errno(j->partial, "shorten");
    return new_digest(j);
}

/* Hashes what an earlier run left, so that only the rest is fetched. */
static cx_status read_partial(job *j)
{
    static const size_t room = 1 << 20;
    cx__net *net = j->fetch->net;
    char *part = cx__alloc(room);
    cx_status st = part ? CX_OK : no_memory(j);
    for (unsigned n = 0; st == CX_OK; n++) {
        ssize_t got = pread(j->fd, part, room, (off_t)j->have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) st = fail_errno(j->partial, "read");
        if (got <= 0) break;
        cx__hub_digest_add(j->digest, part, (size_t)got);
        j->have += (uint64_t)got;
        if (n % 64 == 63) st = cx__net_turn(net, 0); /* other files go on, Ctrl-C is seen */
    }
    cx__free(part);
    return st;
}

static cx_status open_partial(job *j)
{
    struct stat info;
    j->fd = open(j->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (j->fd < 0) return fail_errno(j->partial, "open");
    if (fstat(j->fd, &info) != 0) return fail_errno(j->partial, "examine");
    if ((uint64_t)info.st_size > j->size && ftruncate(j->fd, 0) != 0)
        return fail_errno(j->partial, "shorten");
    CX_TRY(new_digest(j));
    j->have = 0;
    CX_TRY(read_partial(j));
    j->mark = j->have;
    return CX_OK;
}

/* ---- the end of a file ---- */

/* Of a job in the list of active ones. */
static void leave(job *j, job_state state)
{
    fetch *f = j->fetch;
    for (int i = 0; i < f->running; i++) {
        if (f->active[i] != j) continue;
        f->active[i] = f->active[--f->running];
        break;
    }
    j->state = state;
}

static cx_status finish(job *j)
{
    CX_TRY(cx__hub_link(j->fetch->repo, j->fetch->commit, j->file->name, j->etag));
    release(j);
    leave(j, JOB_DONE);
    return CX_OK;
}

/* Wrong content is removed and fetched once more: a proxy or a disk may have been at fault. */
static cx_status reject(job *j, const char *expected, const char *found)
{
    if (unlink(j->partial) != 0 && errno != ENOENT) return fail_errno(j->partial, "remove");
    if (j->again)
        return CX_FAIL(CX_EFORMAT, "%s: %s: expected %s, found %s", j->fetch->name, j->file->name,
                       expected, found);
    j->again = true;
    j->fetch->net->total += j->have;
    release(j);
    leave(j, JOB_WAITING);
    return CX_OK;
}

static cx_status complete(job *j)
{
    char found[CX__HUB_SHA256 + 1], want[160];
    if (!cx__hub_digest_fits(j->digest, found)) {
        snprintf(want, sizeof want, "the hash %s", j->etag);
        return reject(j, want, found);
    }
    CX_TRY(cx__fsync_fd(j->fd, j->partial));
    if (rename(j->partial, j->blob) != 0) return fail_errno(j->partial, "rename");
    return finish(j);
}

/* ---- bytes that come ---- */

/* The first bytes of an answer: is it the range that was asked for, of the file that was meant? */
static cx_status begin_body(job *j)
{
    const cx__net_transfer *t = j->t;
    j->begun = true;
    if (j->asked && strcmp(cx__net_etag(t), j->etag) != 0) {
        j->verdict = CHANGED;
        return CX_FAIL(CX_EFORMAT, "changed on the server during the download");
    }
    if (t->status == 206 && (!t->ranged || t->range_from != j->have))
        return CX_FAIL(CX_EFORMAT, "asked for bytes from %" PRIu64 ", got others", j->have);
    return t->status != 206 && j->have ? restart(j) : CX_OK;
}

static cx_status take(void *user, const void *data, size_t len)
{
    job *j = user;
    if (!j->begun) CX_TRY(begin_body(j));
    if (len > j->size - j->have) {
        j->verdict = TOO_LONG;
        return CX_FAIL(CX_EFORMAT, "longer than its %" PRIu64 " bytes", j->size);
    }
    CX_TRY(cx__pwrite_all(j->fd, data, len, j->have, j->partial));
    cx__hub_digest_add(j->digest, data, len);
    j->have += len;
    j->fetch->net->done += len;
    return CX_OK;
}

/* ---- the beginning of a file ---- */

static cx_status request(job *j, bool head)
{
    fetch *f = j->fetch;
    cx__buf url = { .max = 16384 };
    cx__buf_printf(&url, "%s/%s/resolve/%s/", f->net->settings->endpoint, f->name, f->commit);
    cx__hub_escape(&url, j->file->name, true);
    j->t = cx__calloc(1, sizeof *j->t);
    cx_status st = j->t && !url.failed ? CX_OK : no_memory(j);
    if (st == CX_OK) {
        *j->t = (cx__net_transfer){ .head = head, .from = j->have, .sink = take, .user = j };
        if (head) j->t->from = 0;
        j->begun = false;
        j->verdict = TAKEN;
        j->state = head ? JOB_ASKING : JOB_RUNNING;
        f->active[f->running++] = j;
        st = cx__net_begin(f->net, j->t, url.data);
    }
    cx__buf_free(&url);
    return st;
}

/* A blob of another size is the rest of an accident: huggingface_hub would take it for whole. */
static bool blob_exists(const job *j)
{
    struct stat info;
    if (stat(j->blob, &info) != 0 || !S_ISREG(info.st_mode)) return false;
    if ((uint64_t)info.st_size == j->size) return true;
    unlink(j->blob);
    return false;
}

static cx_status make_paths(job *j)
{
    if (j->blob) return CX_OK;
    j->blob = cx__format("%s/blobs/%s", j->fetch->repo, j->etag);
    if (j->blob) j->partial = cx__format("%s.incomplete", j->blob);
    if (!j->partial) return no_memory(j);
    return cx__hub_make_parent(j->blob);
}

static cx_status start(job *j)
{
    fetch *f = j->fetch;
    if (!j->etag[0]) return request(j, true);
    if (j->fd < 0) {
        CX_TRY(make_paths(j));
        if (blob_exists(j)) return finish(j);
        CX_TRY(cx__hub_lock(f->net->settings->cache, f->repo, j->etag, &j->lock));
        if (j->lock < 0) { /* another process, or another file of the same content */
            j->not_before = cx__now() + LOCK_POLL_S;
            return CX_OK;
        }
        if (blob_exists(j)) return finish(j);
        CX_TRY(open_partial(j));
    }
    return j->have == j->size ? complete(j) : request(j, false);
}

/* ---- the end of a request ---- */

/* After an error that may pass: again later, from where it stopped. */
static cx_status try_later(job *j, cx_status st, double wait_s)
{
    if (wait_s < 0) return st;
    j->tries++;
    j->not_before = cx__now() + wait_s;
    leave(j, JOB_WAITING);
    return CX_OK;
}

/* The server's ETag and size become the job's. */
static cx_status answered(job *j, const cx__net_transfer *t)
{
    const char *etag = cx__net_etag(t);
    if (!cx__hub_etag_valid(etag))
        return CX_FAIL(CX_EFORMAT, "%s: %s: the server sends no valid ETag", j->fetch->name,
                       j->file->name);
    if (!t->sized)
        return CX_FAIL(CX_EFORMAT, "%s: %s: the server does not say its size", j->fetch->name,
                       j->file->name);
    if (j->file->sized && j->file->size != t->size)
        return CX_FAIL(CX_EFORMAT, "%s: %s: expected %" PRIu64 " bytes as listed, found %" PRIu64,
                       j->fetch->name, j->file->name, j->file->size, t->size);
    strcpy(j->etag, etag);
    j->asked = true;
    j->size = t->size;
    j->fetch->net->total += j->size;
    leave(j, JOB_WAITING);
    return CX_OK;
}

/* The file has another ETag now: what came under the old one is of no use. */
static cx_status forget(job *j)
{
    unlink(j->partial);
    j->fetch->net->total -= j->size - j->have;
    release(j);
    j->etag[0] = '\0';
    j->have = j->mark = 0;
    j->tries++;
    leave(j, JOB_WAITING);
    return CX_OK;
}

static cx_status body_ended(job *j, const cx__net_transfer *t, cx_status st, double wait_s)
{
    char want[64], found[64];
    snprintf(want, sizeof want, "%" PRIu64 " bytes", j->size);
    if (j->verdict == TOO_LONG) return reject(j, want, "more");
    if (j->verdict == CHANGED && j->tries < 3) return forget(j);
    if (j->have == j->size && t->sink_status == CX_OK && (st == CX_OK || t->code != CURLE_OK))
        return complete(j);
    if (t->status == 416) {
        snprintf(found, sizeof found, "%" PRIu64, j->have);
        return reject(j, want, found);
    }
    if (st != CX_OK) return try_later(j, st, wait_s);
    st = CX_FAIL(CX_EIO, "%s: %s: ended after %" PRIu64 " of %" PRIu64 " bytes", j->fetch->name,
                 j->file->name, j->have, j->size);
    return try_later(j, st, j->tries < 5 ? 0.5 * (double)(1 << j->tries) : -1);
}

static cx_status ended(job *j)
{
    cx__net_transfer *t = j->t; /* ours until the end of this function */
    double wait_s;
    char *what = cx__format("%s: %s", j->fetch->name, j->file->name);
    j->t = NULL;
    if (j->have >= j->mark + PROGRESS_BYTES) {
        j->mark = j->have;
        j->tries = 0;
    }
    cx_status st = what ? cx__net_judge(j->fetch->net, t, what, j->tries, &wait_s) : no_memory(j);
    if (!what) wait_s = -1;
    if (j->state == JOB_RUNNING) st = body_ended(j, t, st, wait_s);
    else st = st == CX_OK ? answered(j, t) : try_later(j, st, wait_s);
    cx__net_end(j->fetch->net, t);
    cx__free(t);
    cx__free(what);
    return st;
}

/* ---- all files ---- */

static cx_status start_some(fetch *f)
{
    double now = cx__now();
    while (f->first < f->count && f->jobs[f->first].state == JOB_DONE) f->first++;
    for (size_t i = f->first; i < f->count && f->running < f->net->settings->connections; i++) {
        job *j = &f->jobs[i];
        if (j->state == JOB_WAITING && j->not_before <= now) CX_TRY(start(j));
    }
    return CX_OK;
}

static cx_status run(fetch *f)
{
    for (;;) {
        CX_TRY(start_some(f));
        if (f->first == f->count) return CX_OK;
        CX_TRY(cx__net_turn(f->net, 100));
        for (int i = f->running; i-- > 0;) {
            if (i < f->running && f->active[i]->t->done) CX_TRY(ended(f->active[i]));
        }
    }
}

/* Bytes that are still to come for a job whose size is known; it is done if the snapshot has it. */
static uint64_t examine(job *j)
{
    const fetch *f = j->fetch;
    struct stat info;
    uint64_t need = j->file->sized ? j->size : 0;
    char *path = cx__format("%s/snapshots/%s/%s", f->repo, f->commit, j->file->name);
    if (path && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
        (!j->file->sized || (uint64_t)info.st_size == j->size))
        j->state = JOB_DONE;
    cx__free(path);
    if (j->state == JOB_DONE || !j->etag[0]) return 0;
    for (int i = 0; i < 2; i++) {
        path = cx__format("%s/blobs/%s%s", f->repo, j->etag, i ? ".incomplete" : "");
        if (path && stat(path, &info) == 0 && (uint64_t)info.st_size <= need)
            need -= (uint64_t)info.st_size;
        cx__free(path);
    }
    return need;
}

static cx_status check_space(const fetch *f)
{
    struct statvfs disk;
    if (statvfs(f->repo, &disk) != 0) return CX_OK; /* writing will tell */
    uint64_t block = disk.f_frsize ? disk.f_frsize : disk.f_bsize;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * block;
    if (f->net->total <= free_bytes) return CX_OK;
    return CX_FAIL(CX_EIO,
                   "%s: %" PRIu64 " bytes are to be downloaded, and %s has room for %" PRIu64,
                   f->name, f->net->total, f->repo, free_bytes);
}

static cx_status plan(fetch *f, const cx__hub_listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const cx__hub_file *file = &l->files[i];
        if (!file->wanted) continue;
        job *j = &f->jobs[f->count++];
        *j = (job){ .file = file, .lock = -1, .fd = -1, .fetch = f, .size = file->size };
        if (file->sized) strcpy(j->etag, file->sha256[0] ? file->sha256 : file->blob);
        uint64_t need = examine(j); /* sizes stay below 2^50 and files below 2^16: no overflow */
        f->net->total += need;
    }
    return check_space(f);
}

cx_status cx__hub_download(cx__net *net, const char *name, const cx__hub_listing *l,
                           const char *repo)
{
    fetch f = { .net = net, .name = name, .repo = repo, .commit = l->commit };
    f.jobs = cx__alloc_array(l->count, sizeof *f.jobs);
    if (!f.jobs) return CX_FAIL(CX_ENOMEM, "%s: no memory for %zu files", name, l->count);
    cx_status st = plan(&f, l);
    if (st == CX_OK) st = run(&f);
    for (size_t i = 0; i < f.count; i++) release(&f.jobs[i]);
    cx__free(f.jobs);
    return st;
}
#endif

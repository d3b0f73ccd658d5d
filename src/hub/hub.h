/* Level 2: the Hugging Face hub. Settings, the listing of a repository, the cache on disk; and,
 * built with libcurl, requests and downloads. The public side is <cortex/hub.h>. */
#ifndef CX_HUB_H
#define CX_HUB_H

#include "base/base.h"
#include <cortex/hub.h>

enum {
    CX__HUB_ETAG = 128,  /* most letters of an ETag; it names a file of the cache */
    CX__HUB_SHA1 = 40,   /* hexadecimal letters */
    CX__HUB_SHA256 = 64, /* ... */
    CX__HUB_FILES = 50000,
    CX__HUB_DEPTH = 16,
    CX__HUB_JSON = 32 << 20 /* bytes of a listing; that of a repository of 10,000 files is 3 MB */
};

/* ---- settings.c: options over environment over defaults ---- */
typedef struct cx__hub_settings {
    char *endpoint; /* http or https, no slash at the end */
    char *cache;
    char *token; /* NULL: none */
    bool offline;
    int connections, timeout_s; /* seconds without a byte until a transfer counts as broken */
    cx_progress_fn progress;
    void *user;
} cx__hub_settings;
cx_status cx__hub_settings_init(const cx_hub_options *o, cx__hub_settings *out);
void cx__hub_settings_deinit(cx__hub_settings *s); /* accepts a zeroed struct */

/* ---- names.c ---- */
/* A file of a repository as a path below a folder: no "..", no empty part, no control character,
 * at most CX__HUB_DEPTH parts of at most 255 bytes. */
bool cx__hub_path_valid(const char *path);
bool cx__hub_revision_valid(const char *revision);
/* Lower-case hexadecimal digits, exactly `digits` of them. */
bool cx__hub_hex(const char *s, size_t digits);
bool cx__hub_etag_valid(const char *etag); /* may name a file of the cache */
/* Percent-encodes all but letters, digits, "-._~" and, with slashes, '/'. */
bool cx__hub_escape(cx__buf *out, const char *text, bool slashes);

/* ---- listing.c ---- */
typedef struct cx__hub_file {
    char *name;
    uint64_t size;
    bool sized;
    char blob[CX__HUB_SHA1 + 1];     /* git's hash of the file, of its pointer for LFS; or "" */
    char sha256[CX__HUB_SHA256 + 1]; /* LFS files only; else "" */
    bool wanted;                     /* set by cx__hub_select */
} cx__hub_file;
typedef struct cx__hub_listing {
    char commit[CX__HUB_SHA1 + 1];
    cx__hub_file *files; /* sorted by name, no name twice; names are hostile until selected */
    size_t count;
} cx__hub_listing;
/* What the hub answers to /api/models/NAME/revision/REVISION?blobs=true. `where` begins sentences.
 * *out is set on success only. */
cx_status cx__hub_listing_parse(const char *text, size_t len, const char *where,
                                cx__hub_listing *out);
void cx__hub_listing_free(cx__hub_listing *l); /* accepts a zeroed struct */
/* huggingface_hub's trees/COMMIT.json: the same, kept beside the snapshots. */
cx_status cx__hub_tree_parse(const char *text, size_t len, const char *where, cx__hub_listing *out);
bool cx__hub_tree_dump(cx__buf *out, const cx__hub_listing *l);

/* ---- select.c ---- */
/* Marks the files that a model needs: configuration, tokenizer and one form of its weights (docs/
 * formats/hub.md), or the weights that match the glob `file`. CX_EFORMAT if a wanted name is not
 * valid, CX_EARG if the caller must choose among GGUF files, CX_ENOTFOUND if nothing fits. */
cx_status cx__hub_select(cx__hub_listing *l, const char *file, const char *where);
bool cx__hub_is_weights(const char *name); /* by the ending */

/* ---- cache.c: CACHE/models--ORG--NAME/{blobs,refs,snapshots,trees} ---- */
char *cx__hub_repo_dir(const char *cache, const char *name); /* owned or NULL */
/* Commit of a revision: what refs/REVISION holds, or the revision itself; "" if neither is one.
 * `commit` has CX__HUB_ETAG + 1 bytes. */
cx_status cx__hub_ref_read(const char *repo, const char *revision, char *commit);
cx_status cx__hub_ref_write(const char *repo, const char *revision, const char *commit);
cx_status cx__hub_tree_write(const char *repo, const cx__hub_listing *l);
cx_status cx__hub_make_dirs(const char *path); /* with all folders above it */
cx_status cx__hub_make_parent(const char *path);
/* The whole snapshot, or CX_ENOTFOUND naming what it lacks. Caller cx__free()s. */
cx_status cx__hub_cache_find(const cx__hub_settings *s, const char *name, const char *revision,
                             const char *file, char **folder);
/* Makes snapshots/COMMIT/FILE a link to blobs/ETAG; where there are no links, moves it. */
cx_status cx__hub_link(const char *repo, const char *commit, const char *file, const char *etag);
/* Takes the lock that huggingface_hub takes for a blob. *fd: -1 if another process holds it. */
cx_status cx__hub_lock(const char *cache, const char *repo, const char *etag, int *fd);

/* ---- digest.c (libcrypto) ---- */
typedef struct cx__hub_digest cx__hub_digest;
/* The hash that `expected` is, by its length: 64 letters SHA-256, 40 that of git for a blob of
 * `size` bytes, others none (then all fits). NULL: out of memory. */
cx__hub_digest *cx__hub_digest_new(const char *expected, uint64_t size);
void cx__hub_digest_free(cx__hub_digest *d); /* NULL is fine */
bool cx__hub_digest_add(cx__hub_digest *d, const void *data, size_t len);
/* Ends it. `found` has CX__HUB_SHA256 + 1 bytes; "" if nothing is compared. */
bool cx__hub_digest_fits(cx__hub_digest *d, char *found);

/* ---- download.c (libcurl) ---- */
typedef struct cx__net cx__net; /* src/hub/net.h */
/* Fetches what is wanted and not there. `name` begins sentences. */
cx_status cx__hub_download(cx__net *net, const char *name, const cx__hub_listing *l,
                           const char *repo);

#endif

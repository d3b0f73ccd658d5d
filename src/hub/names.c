/* Names from users and from the server: models, revisions, files. Source of the rules for models:
 * huggingface_hub, validate_repo_id. Tested by tests/unit/test_hub.c and tests/fuzz/fuzz_hub.c. */
#include "hub/hub.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_LETTERS = 96, REVISION_MAX = 255, PATH_BYTES = 1024, PART_BYTES = 255 };

static bool plain(const char *s, size_t len, const char *extra)
{
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)s[i]) && !strchr(extra, s[i])) return false;
    }
    return true;
}

/* One part of a model's name. */
static bool part_valid(const char *s, size_t len)
{
    return len > 0 && len <= NAME_MAX_LETTERS && plain(s, len, "-_.") && !strchr("-.", s[0]) &&
           !strchr("-.", s[len - 1]);
}

bool cx_hub_name_valid(const char *name)
{
    const char *slash = strchr(name, '/');
    size_t len = strlen(name), first = slash ? (size_t)(slash - name) : len;
    if (!part_valid(name, first) || (slash && !part_valid(slash + 1, len - first - 1)))
        return false;
    return !strstr(name, "--") && !strstr(name, "..");
}

/* Parts between slashes, none of them empty, "." or "..". */
static bool parts_valid(const char *path, size_t max_parts)
{
    for (size_t parts = 1;; parts++) {
        size_t len = strcspn(path, "/");
        if (len == 0 || len > PART_BYTES || parts > max_parts) return false;
        if (!strncmp(path, ".", len) || (len == 2 && !memcmp(path, "..", 2))) return false;
        if (!path[len]) return true;
        path += len + 1;
    }
}

bool cx__hub_path_valid(const char *path)
{
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (*p < 0x20 || *p == 0x7f || *p == '\\') return false;
    }
    return strlen(path) <= PATH_BYTES && parts_valid(path, CX__HUB_DEPTH);
}

/* Branches and tags as git takes them, less those that need quoting anywhere. */
bool cx__hub_revision_valid(const char *revision)
{
    size_t len = strlen(revision);
    return len <= REVISION_MAX && plain(revision, len, "-_./+@#=") && !strstr(revision, "..") &&
           parts_valid(revision, CX__HUB_DEPTH);
}

bool cx__hub_hex(const char *s, size_t digits)
{
    return strlen(s) == digits && strspn(s, "0123456789abcdef") == digits;
}

bool cx__hub_etag_valid(const char *etag)
{
    size_t len = strlen(etag);
    return len > 0 && len <= CX__HUB_ETAG && etag[0] != '.' && plain(etag, len, "-_.");
}

bool cx__hub_escape(cx__buf *out, const char *text, bool slashes)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (isalnum(*p) || strchr("-._~", *p) || (slashes && *p == '/'))
            cx__buf_putc(out, (char)*p);
        else cx__buf_printf(out, "%%%02X", *p);
    }
    return !out->failed;
}

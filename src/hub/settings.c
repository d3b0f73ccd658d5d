/* Where the hub and its cache are: options, then the environment, then defaults. Source:
 * huggingface_hub, constants.py. Tested by tests/unit/test_hub.c. */
#include "hub/hub.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CONNECTIONS = 8, CONNECTIONS_MAX = 64, TIMEOUT_S = 30, TOKEN_BYTES = 4096 };

static const char *env(const char *name)
{
    const char *s = getenv(name);
    return s && *s ? s : NULL;
}

static bool env_is_true(const char *name)
{
    static const char *const words[] = { "1", "on", "yes", "true" };
    const char *s = env(name);
    for (size_t i = 0; s && i < sizeof words / sizeof *words; i++) {
        if (!strcasecmp(s, words[i])) return true;
    }
    return false;
}

/* A path with ~/ at its beginning replaced, and `tail` behind it. Owned or NULL. */
static char *expand(const char *path, const char *tail)
{
    const char *home = env("HOME");
    if (home && path[0] == '~' && (path[1] == '/' || !path[1]))
        return cx__format("%s%s%s", home, path + 1, tail);
    return cx__format("%s%s", path, tail);
}

/* $HF_HOME, with `tail` behind it. Owned or NULL. */
static char *hf_home(const char *tail)
{
    const char *s;
    char *out = NULL;
    if ((s = env("HF_HOME"))) return expand(s, tail);
    char *whole = cx__format("/huggingface%s", tail);
    if (whole && (s = env("XDG_CACHE_HOME"))) out = expand(s, whole);
    else if (whole) out = cx__format("%s/.cache%s", env("HOME") ? env("HOME") : "", whole);
    cx__free(whole);
    return out;
}

static char *find_cache(const cx_hub_options *o)
{
    const char *s = o->cache;
    if (!s) s = env("HF_HUB_CACHE");
    if (!s) s = env("HUGGINGFACE_HUB_CACHE");
    return s ? expand(s, "") : hf_home("/hub");
}

/* Text without blanks around it. Owned or NULL. */
static char *trimmed(const char *s)
{
    static const char blanks[] = " \t\r\n";
    s += strspn(s, blanks);
    size_t len = strlen(s);
    while (len && strchr(blanks, s[len - 1])) len--;
    return cx__strndup(s, len);
}

/* The token that `hf auth login` left; a file that cannot be read is no token. */
static cx_status token_file(char **out)
{
    char *text = NULL,
         *path = env("HF_TOKEN_PATH") ? expand(env("HF_TOKEN_PATH"), "") : hf_home("/token");
    size_t len = 0;
    cx_status st = CX_OK;
    if (!path) return CX_FAIL(CX_ENOMEM, "no memory for the path of the hub's token");
    if (cx__path_exists(path)) st = cx__read_file(path, TOKEN_BYTES, &text, &len);
    if (st == CX_OK && text && !(*out = trimmed(text)))
        st = CX_FAIL(CX_ENOMEM, "%s: no memory for the token", path);
    if (st == CX_EIO || st == CX_ENOTFOUND) st = CX_OK;
    cx__free(text);
    cx__free(path);
    return st;
}

static cx_status find_token(const cx_hub_options *o, char **out)
{
    const char *s = o->token;
    if (!s && env_is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return CX_OK;
    if (!s) s = env("HF_TOKEN");
    if (!s) s = env("HUGGING_FACE_HUB_TOKEN");
    if (!s) CX_TRY(token_file(out));
    else if (!(*out = trimmed(s))) return CX_FAIL(CX_ENOMEM, "no memory for the hub's token");
    for (const char *p = *out; p && *p; p++) { /* it becomes a header line */
        if (*p <= 0x20 || *p >= 0x7f)
            return CX_FAIL(CX_EARG, "the hub's token (HF_TOKEN) has a character that no token has");
    }
    if (*out && !**out) {
        cx__free(*out);
        *out = NULL;
    }
    return CX_OK;
}

static cx_status find_endpoint(const cx_hub_options *o, char **out)
{
    const char *s = o->endpoint ? o->endpoint : env("HF_ENDPOINT");
    if (!s) s = "https://huggingface.co";
    size_t len = strlen(s), scheme = !strncmp(s, "https://", 8) ? 8 : 7;
    while (len && s[len - 1] == '/') len--;
    if ((scheme == 7 && strncmp(s, "http://", 7) != 0) || len <= scheme)
        return CX_FAIL(CX_EARG, "HF_ENDPOINT: '%s' is no address of the form https://host", s);
    *out = cx__strndup(s, len);
    return *out ? CX_OK : CX_FAIL(CX_ENOMEM, "no memory for the hub's address");
}

static cx_status find_numbers(const cx_hub_options *o, cx__hub_settings *s)
{
    const char *text = env("HF_HUB_DOWNLOAD_TIMEOUT");
    s->timeout_s = TIMEOUT_S;
    if (text) {
        char *end;
        long v = strtol(text, &end, 10);
        if (end == text || *end || v < 1 || v > 86400)
            return CX_FAIL(CX_EARG, "HF_HUB_DOWNLOAD_TIMEOUT: '%s' is not a number of seconds",
                           text);
        s->timeout_s = (int)v;
    }
    if (o->connections < 0 || o->connections > CONNECTIONS_MAX)
        return CX_FAIL(CX_EARG, "%d connections: expected 0 to %d", o->connections,
                       CONNECTIONS_MAX);
    s->connections = o->connections ? o->connections : CONNECTIONS;
    return CX_OK;
}

cx_status cx__hub_settings_init(const cx_hub_options *o, cx__hub_settings *out)
{
    static const cx_hub_options none;
    if (!o) o = &none;
    cx__hub_settings s = { .progress = o->progress, .user = o->user };
    s.offline = o->offline || env_is_true("HF_HUB_OFFLINE") || env_is_true("TRANSFORMERS_OFFLINE");
    cx_status st = find_numbers(o, &s);
    if (st == CX_OK) st = find_endpoint(o, &s.endpoint);
    if (st == CX_OK) st = find_token(o, &s.token);
    if (st == CX_OK && !(s.cache = find_cache(o)))
        st = CX_FAIL(CX_ENOMEM, "no memory for the path of the hub's cache");
    if (st != CX_OK) return cx__hub_settings_deinit(&s), st;
    *out = s;
    return CX_OK;
}

void cx__hub_settings_deinit(cx__hub_settings *s)
{
    cx__free(s->endpoint);
    cx__free(s->cache);
    cx__free(s->token);
    *s = (cx__hub_settings){ 0 };
}

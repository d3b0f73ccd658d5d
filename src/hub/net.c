/* Requests over libcurl: headers, redirects, what an answer means, when to try again. The hub's
 * headers: X-Linked-Etag, X-Linked-Size, X-Error-Code (huggingface_hub, file_download.py and
 * utils/_http.py). Tested by tests/hub. */
#include "hub/net.h"

#ifdef CX_HAVE_CURL
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    HOPS = 8,
    TRIES = 5,        /* failures in a row without progress */
    WAIT_MAX_S = 300, /* a longer Retry-After is an error, not a wait */
    CONNECT_S = 20,
    BUFFER_BYTES = 256 << 10
};

static bool started;
static void start_curl(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT) == 0;
}

cx_status cx__net_init(cx__net *net, const cx__hub_settings *settings)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    *net = (cx__net){ .settings = settings, .multi = started ? curl_multi_init() : NULL };
    return net->multi ? CX_OK : CX_FAIL(CX_ENOMEM, "libcurl does not start");
}

void cx__net_deinit(cx__net *net)
{
    curl_multi_cleanup(net->multi);
    net->multi = NULL;
}

/* ---- one request ---- */

/* Value of a header line if it is called `name`; *len without blanks and quotes around it. */
static const char *header(const char *line, size_t size, const char *name, size_t *len)
{
    size_t n = strlen(name);
    if (size <= n || line[n] != ':' || strncasecmp(line, name, n) != 0) return NULL;
    const char *at = line + n + 1, *end = line + size;
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    if (end - at >= 2 && !strncmp(at, "W/", 2)) at += 2;
    if (at < end && *at == '"') at++;
    while (end > at && strchr(" \t\r\n\"", end[-1])) end--;
    *len = (size_t)(end - at);
    return at;
}

static void keep(char *to, size_t room, const char *value, size_t len)
{
    if (len >= room) len = 0; /* none of the hub's values is so long */
    memcpy(to, value, len);
    to[len] = '\0';
}

static bool number(const char *value, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < len && value[i] >= '0' && value[i] <= '9'; i++) {
        if (n > (UINT64_MAX >> 1) / 10) return false;
        n = n * 10 + (uint64_t)(value[i] - '0');
    }
    *out = n;
    return i > 0;
}

static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    cx__net_transfer *t = user;
    const char *v;
    size_t len;
    (void)one;
    if (size > 5 && !strncmp(line, "HTTP/", 5)) {
        t->ranged = false;
        t->reason[0] = '\0';
    }
    if ((v = header(line, size, "etag", &len)) && !t->foreign)
        keep(t->etag, sizeof t->etag, v, len);
    if ((v = header(line, size, "x-linked-etag", &len)) && !t->foreign)
        keep(t->linked_etag, sizeof t->linked_etag, v, len);
    if ((v = header(line, size, "x-linked-size", &len)) && !t->foreign)
        t->sized = number(v, len, &t->size);
    if ((v = header(line, size, "x-error-code", &len)) && !t->foreign)
        keep(t->reason, sizeof t->reason, v, len);
    if ((v = header(line, size, "content-range", &len)) && len > 6 && !strncasecmp(v, "bytes ", 6))
        t->ranged = number(v + 6, len - 6, &t->range_from);
    return size;
}

/* Bodies of errors and redirects are for browsers. */
static size_t on_body(char *data, size_t one, size_t size, void *user)
{
    cx__net_transfer *t = user;
    (void)one;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    if (t->status / 100 != 2 || !t->sink) return size;
    t->sink_status = t->sink(t->user, data, size);
    if (t->sink_status == CX_OK) return size;
    snprintf(t->why, sizeof t->why, "%s", cx_error());
    return size ? 0 : 1; /* anything but size ends the transfer */
}

/* Length of "scheme://host:port". Compared as text: what looks different counts as another host. */
static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

static bool is_endpoint(const cx__net *net, const char *url)
{
    const char *endpoint = net->settings->endpoint;
    size_t len = origin_length(endpoint);
    return origin_length(url) == len && !strncmp(url, endpoint, len);
}

static bool set_headers(const cx__net *net, cx__net_transfer *t)
{
    struct curl_slist *list = curl_slist_append(NULL, "Accept-Encoding: identity"), *more = list;
    if (list && net->settings->token && is_endpoint(net, t->url)) {
        char *line = cx__format("Authorization: Bearer %s", net->settings->token);
        more = line ? curl_slist_append(list, line) : NULL;
        cx__free(line);
    }
    curl_slist_free_all(t->headers);
    t->headers = list;
    return more && curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, list) == CURLE_OK;
}

static bool set_options(const cx__net *net, cx__net_transfer *t)
{
    CURL *e = t->easy;
    const char *certificates = getenv("SSL_CERT_FILE");
    char range[32];
    bool ok = true;
#define SET(option, value) ok = ok && curl_easy_setopt(e, option, value) == CURLE_OK
    SET(CURLOPT_URL, t->url);
    SET(CURLOPT_PRIVATE, (void *)t);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_USERAGENT, "cortex/" CX_VERSION);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)net->settings->timeout_s);
    /* A connection for each file: HTTP/2 would send all files through one. */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, (void *)t);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, (void *)t);
    SET(CURLOPT_NOBODY, t->head ? 1L : 0L);
    if (certificates && *certificates) SET(CURLOPT_CAINFO, certificates);
    if (t->from) {
        snprintf(range, sizeof range, "%" PRIu64 "-", t->from);
        SET(CURLOPT_RANGE, range);
    }
#undef SET
    return ok && set_headers(net, t);
}

/* A hop of its own: no state of the last one but what this file keeps. */
static cx_status send_hop(cx__net *net, cx__net_transfer *t)
{
    if (!t->easy) t->easy = curl_easy_init();
    else curl_easy_reset(t->easy);
    if (!t->easy || !set_options(net, t) || curl_multi_add_handle(net->multi, t->easy) != CURLM_OK)
        return CX_FAIL(CX_ENOMEM, "%s: no memory for the request", t->url);
    return CX_OK;
}

cx_status cx__net_begin(cx__net *net, cx__net_transfer *t, const char *url)
{
    t->url = cx__strdup(url);
    if (!t->url) return CX_FAIL(CX_ENOMEM, "%s: no memory for the request", url);
    return send_hop(net, t);
}

void cx__net_end(cx__net *net, cx__net_transfer *t)
{
    if (t->easy) curl_multi_remove_handle(net->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    cx__free(t->url);
    *t = (cx__net_transfer){ 0 };
}

const char *cx__net_etag(const cx__net_transfer *t)
{
    return t->linked_etag[0] ? t->linked_etag : t->etag;
}

/* ---- the loop ---- */

static cx_status refuse(cx__net_transfer *t, const char *why)
{
    snprintf(t->why, sizeof t->why, "%s", why);
    t->sink_status = CX_EFORMAT;
    t->done = true;
    return CX_OK;
}

/* The answer was a redirect. HEAD stops where the hub sends one elsewhere: that answer has all. */
static cx_status follow(cx__net *net, cx__net_transfer *t, const char *to)
{
    bool leaves = !is_endpoint(net, to);
    if (t->head && leaves) {
        t->done = true;
        return CX_OK;
    }
    if (++t->hops > HOPS) return refuse(t, "redirected too often");
    if (strncmp(to, "https://", 8) != 0 &&
        (strncmp(to, "http://", 7) != 0 || !strncmp(t->url, "https://", 8)))
        return refuse(t, "redirected to an address that is not https");
    char *url = cx__strdup(to);
    if (!url) return CX_FAIL(CX_ENOMEM, "%s: no memory for the request", t->url);
    cx__free(t->url);
    t->url = url;
    t->foreign = t->foreign || leaves;
    return send_hop(net, t);
}

static cx_status settle(cx__net *net, CURL *easy, CURLcode code)
{
    cx__net_transfer *t = NULL;
    char *to = NULL;
    curl_off_t length = -1;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &t->status);
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &to);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_multi_remove_handle(net->multi, easy);
    t->code = code;
    if (code == CURLE_OK && t->status / 100 == 3 && to) return follow(net, t, to);
    if (t->head && !t->sized && t->status == 200 && length >= 0) {
        t->size = (uint64_t)length;
        t->sized = true;
    }
    t->done = true;
    return CX_OK;
}

cx_status cx__net_turn(cx__net *net, int ms)
{
    const cx__hub_settings *s = net->settings;
    const CURLMsg *m;
    int running = 0, left = 0;
    cx_status st = CX_OK;
    if (s->progress && s->progress(s->user, "download", net->done, net->total, "B"))
        return CX_FAIL(CX_ECANCELED, "the download was stopped");
    if (curl_multi_perform(net->multi, &running) != CURLM_OK)
        return CX_FAIL(CX_ENOMEM, "libcurl: no memory");
    while (st == CX_OK && (m = curl_multi_info_read(net->multi, &left))) {
        if (m->msg != CURLMSG_DONE) continue;
        st = settle(net, m->easy_handle, m->data.result);
        ms = 0;
    }
    if (st == CX_OK && ms) curl_multi_poll(net->multi, NULL, 0, ms, NULL);
    return st;
}

/* ---- what it means ---- */

static bool is_lasting(CURLcode code)
{
    return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_OUT_OF_MEMORY;
}

static cx_status refused(const cx__net *net, const cx__net_transfer *t, const char *what)
{
    const char *end = net->settings->endpoint, *token = net->settings->token;
    int name = (int)strcspn(what, ":");
    if (!strcmp(t->reason, "GatedRepo"))
        return CX_FAIL(CX_ENOTFOUND,
                       "%s: gated: accept its terms at %s/%.*s, then set HF_TOKEN to a token from "
                       "%s/settings/tokens%s",
                       what, end, name, what, end, token ? " (this token has no access)" : "");
    if (!strcmp(t->reason, "RevisionNotFound"))
        return CX_FAIL(CX_ENOTFOUND, "%s: the model has no such revision", what);
    if (!strcmp(t->reason, "EntryNotFound"))
        return CX_FAIL(CX_ENOTFOUND, "%s: the model has no such file", what);
    if (t->status == 403)
        return CX_FAIL(CX_ENOTFOUND, "%s: %s refuses access (403)%s", what, end,
                       token ? " with this token" : "; HF_TOKEN is not set");
    return CX_FAIL(CX_ENOTFOUND, "%s: no such model at %s (%ld)%s", what, end, t->status,
                   token ? ", or this token has no access to it"
                         : "; for a private one set HF_TOKEN");
}

static double backoff(int tries)
{
    return tries < TRIES ? 0.5 * (double)(1 << tries) : -1;
}

/* 408, 429, 5xx. */
static cx_status busy(const cx__net *net, const cx__net_transfer *t, const char *what, int tries,
                      double *wait_s)
{
    curl_off_t after = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
    *wait_s = backoff(tries);
    if (after > WAIT_MAX_S) *wait_s = -1;
    else if (*wait_s >= 0 && (double)after > *wait_s) *wait_s = (double)after;
    if (after > 0)
        return CX_FAIL(CX_EIO, "%s: %s is busy (%ld) and asks to come back in %ld s", what,
                       net->settings->endpoint, t->status, (long)after);
    return CX_FAIL(CX_EIO, "%s: %s is busy (%ld)", what, net->settings->endpoint, t->status);
}

cx_status cx__net_judge(const cx__net *net, const cx__net_transfer *t, const char *what, int tries,
                        double *wait_s)
{
    long class = t->status / 100;
    *wait_s = -1;
    if (t->sink_status != CX_OK) return CX_FAIL(t->sink_status, "%s: %s", what, t->why);
    if (t->code != CURLE_OK) {
        if (!is_lasting(t->code)) *wait_s = backoff(tries);
        return CX_FAIL(t->code == CURLE_OUT_OF_MEMORY ? CX_ENOMEM : CX_EIO, "%s: %.*s: %s", what,
                       (int)origin_length(t->url), t->url, curl_easy_strerror(t->code));
    }
    if (class == 2 || (t->head && class == 3)) return CX_OK;
    if (t->status == 408 || t->status == 429 || class == 5)
        return busy(net, t, what, tries, wait_s);
    if (t->status == 401 || t->status == 403 || t->status == 404) return refused(net, t, what);
    return CX_FAIL(CX_EIO, "%s: %.*s answers %ld", what, (int)origin_length(t->url), t->url,
                   t->status);
}

/* ---- the listing ---- */

static cx_status to_text(void *user, const void *data, size_t len)
{
    cx__buf *b = user;
    if (cx__buf_append(b, data, len)) return CX_OK;
    if (b->len + len > b->max)
        return CX_FAIL(CX_ELIMIT, "the list of files is longer than %d bytes", (int)CX__HUB_JSON);
    return CX_FAIL(CX_ENOMEM, "no memory for the list of files");
}

/* One try; *wait_s as cx__net_judge has it. */
static cx_status get_text(cx__net *net, const char *url, const char *what, int tries, cx__buf *text,
                          double *wait_s)
{
    cx__net_transfer t = { .sink = to_text, .user = text };
    *wait_s = -1;
    cx__buf_clear(text);
    cx_status st = cx__net_begin(net, &t, url);
    while (st == CX_OK && !t.done) st = cx__net_turn(net, 100);
    if (st == CX_OK) st = cx__net_judge(net, &t, what, tries, wait_s);
    /* Nobody there at the first contact: most likely this machine is offline. */
    if (t.code == CURLE_COULDNT_RESOLVE_HOST || t.code == CURLE_COULDNT_CONNECT) *wait_s = -1;
    if (st == CX_EIO && *wait_s < 0 && !is_lasting(t.code)) net->unreachable = true;
    cx__net_end(net, &t);
    return st;
}

static cx_status wait_for(cx__net *net, double seconds)
{
    double until = cx__now() + seconds;
    while (cx__now() < until) CX_TRY(cx__net_turn(net, 100));
    return CX_OK;
}

cx_status cx__net_listing(cx__net *net, const char *name, const char *revision,
                          cx__hub_listing *out)
{
    cx__buf url = { .max = 8192 }, text = { .max = CX__HUB_JSON };
    double wait_s = 0;
    bool plain = !strcmp(revision, "main");
    char *what = plain ? cx__strdup(name) : cx__format("%s: revision %s", name, revision);
    cx__buf_printf(&url, "%s/api/models/%s/revision/", net->settings->endpoint, name);
    cx__hub_escape(&url, revision, false);
    cx__buf_puts(&url, "?blobs=true");
    cx_status st = what && !url.failed ? CX_EIO : CX_FAIL(CX_ENOMEM, "%s: no memory", name);
    for (int tries = 0; st == CX_EIO && wait_s >= 0; tries++) {
        st = get_text(net, url.data, what, tries, &text, &wait_s);
        if (st == CX_EIO && wait_s >= 0) {
            cx_status stop = wait_for(net, wait_s);
            if (stop != CX_OK) st = stop;
        }
    }
    if (st == CX_OK) {
        char *where = cx__format("%s: the hub's list of files", what);
        st = where ? cx__hub_listing_parse(text.data ? text.data : "", text.len, where, out)
                   : CX_FAIL(CX_ENOMEM, "%s: no memory", name);
        cx__free(where);
    }
    cx__buf_free(&text);
    cx__buf_free(&url);
    cx__free(what);
    return st;
}
#endif

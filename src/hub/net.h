/* Requests to the hub, many at a time in one thread, over libcurl's multi interface. Redirects are
 * followed here, not by libcurl, so that the token provably goes to the endpoint only. */
#ifndef CX_HUB_NET_H
#define CX_HUB_NET_H

#include "hub/hub.h"

#ifdef CX_HAVE_CURL
#include <curl/curl.h>

struct cx__net {
    CURLM *multi;
    const cx__hub_settings *settings;
    uint64_t done, total; /* bytes, for the progress callback */
    bool unreachable;     /* the listing failed for lack of an answer */
};

typedef struct cx__net_transfer {
    /* the caller's */
    bool head;                                                   /* ask for the headers only */
    uint64_t from;                                               /* first byte to ask for */
    cx_status (*sink)(void *user, const void *data, size_t len); /* sees successful bodies only */
    void *user;
    /* this file's */
    CURL *easy;
    struct curl_slist *headers;
    char *url;
    int hops;
    bool foreign; /* redirected to another host */
    /* the answer */
    bool done;
    CURLcode code;
    cx_status sink_status; /* what the sink returned, its sentence in `why` */
    long status;           /* HTTP's */
    char etag[CX__HUB_ETAG + 1], linked_etag[CX__HUB_ETAG + 1], reason[32];
    uint64_t size, range_from; /* of the whole file; of a 206 answer's first byte */
    bool sized, ranged;
    char why[1024];
} cx__net_transfer;

cx_status cx__net_init(cx__net *net, const cx__hub_settings *settings);
void cx__net_deinit(cx__net *net); /* all transfers ended before */
/* Sends the request; the struct stays where it is until cx__net_end. */
cx_status cx__net_begin(cx__net *net, cx__net_transfer *t, const char *url);
void cx__net_end(cx__net *net, cx__net_transfer *t); /* done or not; accepts a zeroed struct */
/* Moves all transfers on, waits up to `ms` for something to happen, reports progress.
 * CX_ECANCELED if that asks to stop. */
cx_status cx__net_turn(cx__net *net, int ms);
/* What became of a done transfer: CX_OK, or a sentence that begins with `what`. *wait_s: seconds
 * after which another try makes sense, `tries` having failed in a row; negative: never. */
cx_status cx__net_judge(const cx__net *net, const cx__net_transfer *t, const char *what, int tries,
                        double *wait_s);
/* The hub's ETag of the file, without quotes; "" if it sent none. */
const char *cx__net_etag(const cx__net_transfer *t);
/* Asks what a revision holds. */
cx_status cx__net_listing(cx__net *net, const char *name, const char *revision,
                          cx__hub_listing *out);
#endif
#endif

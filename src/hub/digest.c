/* Hashes of what is downloaded, by libcrypto: libcurl loads it already, and it uses the processor's
 * SHA instructions. Tested by tests/unit/test_hub.c with published values. */
#include "hub/hub.h"

#ifdef CX_HAVE_CURL
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

struct cx__hub_digest {
    EVP_MD_CTX *state; /* NULL: nothing is compared */
    bool failed;
    char expected[CX__HUB_ETAG + 1];
};

/* git hashes "blob SIZE", a NUL and the content. */
static bool begin(cx__hub_digest *d, const EVP_MD *kind, uint64_t size)
{
    char head[40];
    int len = snprintf(head, sizeof head, "blob %llu", (unsigned long long)size);
    d->state = EVP_MD_CTX_new();
    if (!d->state || !EVP_DigestInit_ex(d->state, kind, NULL)) return false;
    return kind != EVP_sha1() || EVP_DigestUpdate(d->state, head, (size_t)len + 1);
}

cx__hub_digest *cx__hub_digest_new(const char *expected, uint64_t size)
{
    const EVP_MD *kind = cx__hub_hex(expected, CX__HUB_SHA256) ? EVP_sha256()
                         : cx__hub_hex(expected, CX__HUB_SHA1) ? EVP_sha1()
                                                               : NULL;
    cx__hub_digest *d = cx__calloc(1, sizeof *d);
    if (!d || strlen(expected) > CX__HUB_ETAG) return cx__free(d), NULL;
    strcpy(d->expected, expected);
    if (kind && !begin(d, kind, size)) {
        cx__hub_digest_free(d);
        return NULL;
    }
    return d;
}

void cx__hub_digest_free(cx__hub_digest *d)
{
    if (!d) return;
    EVP_MD_CTX_free(d->state);
    cx__free(d);
}

bool cx__hub_digest_add(cx__hub_digest *d, const void *data, size_t len)
{
    if (d->state && !EVP_DigestUpdate(d->state, data, len)) d->failed = true;
    return !d->failed;
}

bool cx__hub_digest_fits(cx__hub_digest *d, char *found)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    *found = '\0';
    if (!d->state) return true;
    if (d->failed || !EVP_DigestFinal_ex(d->state, bytes, &len) || len > CX__HUB_SHA256 / 2)
        return false;
    for (unsigned i = 0; i < len; i++) snprintf(found + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return !strcmp(found, d->expected);
}
#endif

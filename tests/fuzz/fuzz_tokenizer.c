/* Tokenizer files: the input is a tokenizer.json, and after a NUL the text to encode (without a
 * NUL there is a fixed one). Decoding at once and in a stream must agree. */
#include "text/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_stream(const cx_tokenizer *t, const int32_t *ids, size_t count, const char *text,
                         size_t len)
{
    cx_detokenizer *d = NULL;
    size_t at = 0;
    if (cx_detokenizer_new(t, true, &d) != CX_OK) return;
    for (size_t i = 0; i <= count; i++) {
        const char *part;
        size_t n;
        cx_status st = i < count ? cx_detokenizer_push(d, ids[i], &part, &n)
                                 : cx_detokenizer_finish(d, &part, &n);
        if (st != CX_OK || n > len - at || memcmp(text + at, part, n) || cx__utf8_bad(part, n) < n)
            abort();
        at += n;
    }
    if (at != len) abort();
    cx_detokenizer_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char fixed[] =
        "It's  a <s> w\xC3\xA9rd \xF0\x9F\x98\x80 123\r\n\nab e\xCC\x81\xFF \xE2\x96\x81";
    const char *json = (const char *)data, *nul = size ? memchr(json, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - json) : size, count, text_len;
    const char *input = nul ? nul + 1 : fixed;
    size_t input_len = nul ? size - len - 1 : sizeof fixed - 1;
    cx_tokenizer *t = NULL;
    int32_t *ids = NULL;
    char *text = NULL;
    if (cx__tokenizer_parse(json, len, "fuzz", &t) != CX_OK) return 0;
    if (cx_tokenizer_encode(t, input, input_len, true, &ids, &count) == CX_OK) {
        for (size_t i = 0; i < count; i++)
            if (ids[i] < 0 || ids[i] >= cx_tokenizer_size(t)) abort();
        if (cx_tokenizer_decode(t, ids, count, true, &text, &text_len) == CX_OK) {
            check_stream(t, ids, count, text, text_len);
            cx_free(text);
        }
        cx_free(ids);
    }
    cx_tokenizer_close(t);
    return 0;
}

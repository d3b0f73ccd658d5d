/* Text through fixed small tokenizers (the first byte chooses one): encode, decode, stream. A
 * byte-level tokenizer without a normalizer must give back valid text as it was. */
#include "text/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOKENIZERS = 5 };
static const char *const names[TOKENIZERS] = { "bytes_llama3", "bytes_qwen2", "chars_llama2",
                                               "chars_nfkc", "bytes_sequence" };

static cx_tokenizer *tokenizer(int i)
{
    static cx_tokenizer *open[TOKENIZERS];
    char path[100] = "tests/golden/tokenizers/";
    strcat(strcat(path, names[i]), ".json");
    if (!open[i] && cx_tokenizer_open(path, &open[i]) != CX_OK) abort();
    return open[i];
}

static void check_stream(const cx_tokenizer *t, const int32_t *ids, size_t count, const char *text,
                         size_t len)
{
    cx_detokenizer *d = NULL;
    size_t at = 0;
    if (cx_detokenizer_new(t, true, &d) != CX_OK) abort();
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
    const cx_tokenizer *t;
    const char *input = (const char *)data + 1;
    int32_t *ids = NULL;
    char *text = NULL;
    size_t count, len;
    int which;
    if (size == 0) return 0;
    which = data[0] % TOKENIZERS;
    t = tokenizer(which);
    if (cx_tokenizer_encode(t, input, size - 1, false, &ids, &count) != CX_OK) abort();
    if (cx_tokenizer_decode(t, ids, count, true, &text, &len) != CX_OK) abort();
    check_stream(t, ids, count, text, len);
    /* Not when an added token takes spaces away (<pad>, <both>, three spaces). */
    if (which == 4 && cx__utf8_bad(input, size - 1) == size - 1 &&
        (len != size - 1 || memcmp(text, input, len) != 0))
        abort();
    cx_free(text);
    cx_free(ids);
    return 0;
}

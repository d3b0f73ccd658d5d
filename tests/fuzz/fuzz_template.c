/* Chat templates: parse and render. The input is template text, a NUL, and JSON variables; without
 * a NUL there are fixed variables. */
#include <cortex/template.h>
#include <cortex/tokenizer.h> /* cx_free */

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fixed[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"H\\u00e4llo <b>\"}, {\"role\": "
    "\"assistant\","
    " \"content\": null, \"tool_calls\": [{\"name\": \"f\", \"arguments\": {\"x\": 1.5}}]}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"g\", \"parameters\": {}}}],"
    " \"add_generation_prompt\": true, \"bos_token\": \"<s>\", \"n\": 3, \"l\": [3, 1, 2],"
    " \"s\": \"a, b\", \"d\": {\"b\": 1, \"a\": [true, null]}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *nul = size ? memchr(text, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - text) : size, out_len;
    cx_template *t = NULL;
    char *out = NULL;
    if (cx_template_parse("fuzz", text, len, &t) != CX_OK) return 0;
    if (cx_template_render(t, nul ? nul + 1 : fixed, nul ? size - len - 1 : sizeof fixed - 1, 0,
                           &out, &out_len) == CX_OK) {
        if (strlen(out) > out_len || out[out_len]) abort();
        cx_free(out);
    }
    cx_template_free(t);
    return 0;
}

/* Tokenizers and chat templates: the one header of this folder for higher levels and tests.
 * The public interface is <cortex/tokenizer.h> and <cortex/template.h>. */
#ifndef CX_TEXT_H
#define CX_TEXT_H

#include <cortex/tokenizer.h>

/* A tokenizer from the text of a tokenizer.json, without the files beside it. `where` begins the
 * error sentence. Errors and owner as cx_tokenizer_open. */
cx_status cx__tokenizer_parse(const char *json, size_t len, const char *where, cx_tokenizer **out);

/* UTF-8 (utf8.c). cx__utf8_next and cx__utf8_len want valid text, *s < end. */
uint32_t cx__utf8_next(const char **s, const char *end);
size_t cx__utf8_put(uint32_t c, char out[4]);   /* bytes written, 1..4 */
size_t cx__utf8_bad(const char *s, size_t len); /* offset of the first bad byte, or len */

#endif

/* Tokenizers from Hugging Face `tokenizer.json`: text to ids and back.
 * Same ids as the `tokenizers` library 0.23; tested on its output (tests/unit/test_tokenizer.c).
 * A tokenizer is immutable after opening: any number of threads may use it at once. */
#ifndef CORTEX_TOKENIZER_H
#define CORTEX_TOKENIZER_H

#include <cortex/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cx_tokenizer cx_tokenizer;

/** Opens `path`: a tokenizer.json, or a folder that holds one (tokenizer_config.json and
 * special_tokens_map.json beside it, when present, name the bos and eos tokens).
 * Errors: CX_EIO, CX_ENOTFOUND, CX_EFORMAT, CX_EUNSUPPORTED (a model type or component that this
 * version lacks; the sentence names it), CX_ENOMEM. Owner: caller, cx_tokenizer_close. */
CX_API cx_status cx_tokenizer_open(const char *path, cx_tokenizer **out) CX_WARN_UNUSED;
CX_API void cx_tokenizer_close(cx_tokenizer *t); /* NULL is fine */

/** Ids of `len` bytes of UTF-8 (invalid bytes are taken as U+FFFD, as Python's errors="replace").
 * add_special: also what the post-processor adds (bos and the like). Special tokens that occur in
 * the text are recognized either way, as in the `tokenizers` library.
 * *ids: `*count` ids, caller frees with cx_free. Time linear in len. */
CX_API cx_status cx_tokenizer_encode(const cx_tokenizer *t, const char *text, size_t len,
                                     bool add_special, int32_t **ids, size_t *count) CX_WARN_UNUSED;

/** Text of ids: *text is NUL-terminated UTF-8 of *len bytes, caller frees with cx_free.
 * keep_special: also the text of special tokens. Ids outside the vocabulary are CX_EARG. */
CX_API cx_status cx_tokenizer_decode(const cx_tokenizer *t, const int32_t *ids, size_t count,
                                     bool keep_special, char **text, size_t *len) CX_WARN_UNUSED;

/** Largest id + 1. */
CX_API int32_t cx_tokenizer_size(const cx_tokenizer *t);
/** Id of a token by its exact content ("</s>"), -1 if there is none. */
CX_API int32_t cx_tokenizer_id(const cx_tokenizer *t, const char *token);
/** Content of a token as the vocabulary spells it, NULL if there is none. Borrowed. */
CX_API const char *cx_tokenizer_token(const cx_tokenizer *t, int32_t id);
CX_API bool cx_tokenizer_is_special(const cx_tokenizer *t, int32_t id);
/** From tokenizer_config.json or special_tokens_map.json; -1 if not named. */
CX_API int32_t cx_tokenizer_bos(const cx_tokenizer *t);
CX_API int32_t cx_tokenizer_eos(const cx_tokenizer *t);
/** Text of the named special token ("bos_token", "eos_token", "unk_token", "pad_token"), NULL if
 * not named. Borrowed. */
CX_API const char *cx_tokenizer_special(const cx_tokenizer *t, const char *name);
/** Chat template text: chat_template.jinja beside it, else "chat_template" of
 * tokenizer_config.json (of a list: the one named "default"); NULL if there is none. Borrowed. */
CX_API const char *cx_tokenizer_chat_template(const cx_tokenizer *t);

/** Streaming decoder: feeds ids one at a time and gives text that is final. Never half a
 * character; the concatenation of all pieces and of finish equals cx_tokenizer_decode. */
typedef struct cx_detokenizer cx_detokenizer;
CX_API cx_status cx_detokenizer_new(const cx_tokenizer *t, bool keep_special,
                                    cx_detokenizer **out) CX_WARN_UNUSED;
CX_API void cx_detokenizer_free(cx_detokenizer *d);
/** *text: new final text (may be ""), borrowed until the next call on d. */
CX_API cx_status cx_detokenizer_push(cx_detokenizer *d, int32_t id, const char **text,
                                     size_t *len) CX_WARN_UNUSED;
/** What was held back at the end (an incomplete character becomes U+FFFD). */
CX_API cx_status cx_detokenizer_finish(cx_detokenizer *d, const char **text,
                                       size_t *len) CX_WARN_UNUSED;
CX_API void cx_detokenizer_reset(cx_detokenizer *d);

#ifdef __cplusplus
}
#endif
#endif

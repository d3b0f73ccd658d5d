/* What the rebuild_*.c files share: how a vocabulary without tokenizer.json becomes one.
 *   rebuild_source.c  checks a cx__vocab_source and indexes it
 *   rebuild_merges.c  merges, given or derived from the vocabulary
 *   rebuild_pre.c     how byte-level text is split, by name
 *   rebuild_write.c   tokenizer.json      rebuild_config.c  tokenizer_config.json
 *   rebuild_spm.c, rebuild_tiktoken.c, rebuild_folder.c  what a folder holds as a source */
#ifndef CX_TEXT_REBUILD_H
#define CX_TEXT_REBUILD_H

#include "text/parts.h"

typedef enum cx__rebuild_model {
    CX__REBUILD_BYTES,  /* BPE over the alphabet of bytes */
    CX__REBUILD_PIECES, /* SentencePiece BPE */
    CX__REBUILD_UNIGRAM
} cx__rebuild_model;

/* One way to split byte-level text: a list of steps that ends with NULL. A step is a regular
 * expression whose matches stand alone, or one of the names below. */
#define CX__PRE_GPT2 "@ByteLevel with GPT-2's pattern"
#define CX__PRE_BYTES "@ByteLevel"
#define CX__PRE_DIGITS "@Digits one by one"
#define CX__PRE_DIGIT_RUNS "@Digits"
#define CX__PRE_PUNCTUATION "@Punctuation"
typedef struct cx__pre {
    const char *const *names; /* ends with NULL */
    const char *const *steps;
    bool nfc, ignore_merges;
    bool add_bos; /* when the source does not say */
} cx__pre;
const cx__pre *cx__pre_find(const char *name); /* NULL: none */

/* A checked source. */
typedef struct cx__rebuild {
    const cx__vocab_source *v;
    const char *where;
    cx__rebuild_model model;
    const cx__pre *pre;         /* byte-level models only */
    cx__vocab vocab;            /* the tokens, by text */
    uint8_t *type;              /* by id, CX__TOKEN_...; 0 is a hole */
    const cx__vocab_added **at; /* by id; NULL: not in v->added */
    int32_t bos, eos, unk, pad; /* -1: none */
    bool add_bos, add_eos, prefix, byte_fallback, user_defined;
} cx__rebuild;
cx_status cx__rebuild_init(cx__rebuild *r, const cx__vocab_source *v, const char *where);
void cx__rebuild_deinit(cx__rebuild *r);
/* Tokens by text; at NULL is a hole. */
cx_status cx__rebuild_index(const cx__str *tokens, size_t count, const char *where, cx__vocab *out);

/* Appends UTF-8 as a JSON string, as it is: a vocabulary of \u escapes is twice as large. */
bool cx__rebuild_put(cx__buf *out, const char *s, size_t len);
/* Appends the list of merges, as pairs. */
cx_status cx__rebuild_merges(const cx__rebuild *r, cx__buf *out);
/* Appends the file. */
cx_status cx__rebuild_tokenizer(const cx__rebuild *r, cx__buf *out);
/* Sets the members of o, what the tokenizer_config.json of the source held, and appends it. */
cx_status cx__rebuild_config(const cx__rebuild *r, json_t *o, cx__buf *out);
/* cx__tokenizer_rebuild on top of the members of `config` (borrowed, changed). */
cx_status cx__rebuild_both(const cx__vocab_source *v, const char *where, json_t *config,
                           char **tokenizer_json, char **tokenizer_config_json);

/* Strings that live as long as the pool; a list that grows. */
typedef struct cx__rebuild_tokens {
    cx__str *tokens;
    float *scores;
    int32_t *types;
    size_t count, cap;
} cx__rebuild_tokens;
cx_status cx__rebuild_tokens_add(cx__rebuild_tokens *t, cx__str token, float score, int32_t type,
                                 const char *where);
void cx__rebuild_tokens_deinit(cx__rebuild_tokens *t);

/* rebuild_added.c: tokens that the files beside a vocabulary add or name. */
enum {
    CX__ROLE_BOS,
    CX__ROLE_EOS,
    CX__ROLE_UNK,
    CX__ROLE_PAD,
    CX__ROLE_SEP,
    CX__ROLE_CLS,
    CX__ROLE_MASK,
    CX__ROLE_COUNT
};
typedef struct cx__rebuild_added {
    cx__vocab_added *at;
    cx__str *content;
    size_t count, cap;
    json_t *known;               /* content: index in the list */
    int64_t ids[CX__ROLE_COUNT]; /* -1: none, or not named */
    bool named[CX__ROLE_COUNT];  /* the files say which, or that there is none */
} cx__rebuild_added;
/* config, map, list: tokenizer_config.json, special_tokens_map.json, added_tokens.json or NULL;
 * defaults: by role the token of a vocabulary whose files do not say, or NULL. Adds to t what it
 * lacks. */
cx_status cx__rebuild_added_init(cx__rebuild_added *a, const json_t *config, const json_t *map,
                                 const json_t *list, const char *const *defaults, const char *where,
                                 cx__rebuild_tokens *t);
void cx__rebuild_added_deinit(cx__rebuild_added *a);

/* Reads a SentencePiece model (a protobuf message); fills v, whose lists are those of t. Strings
 * are borrowed from data. */
cx_status cx__rebuild_spm(const uint8_t *data, size_t len, const char *where, cx__rebuild_tokens *t,
                          cx__vocab_source *v);
/* Reads a tiktoken vocabulary (lines of base64 and rank); pool holds the strings. */
bool cx__rebuild_is_tiktoken(const char *data, size_t len);
cx_status cx__rebuild_tiktoken(const char *data, size_t len, const char *where, cx__buf *pool,
                               cx__rebuild_tokens *t, cx__vocab_source *v);

#endif

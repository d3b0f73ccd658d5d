/* Tokenizers and chat templates: the one header of this folder for higher levels and tests.
 * The public interface is <cortex/tokenizer.h> and <cortex/template.h>. */
#ifndef CX_TEXT_H
#define CX_TEXT_H

#include <cortex/tokenizer.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tokenizer from the text of a tokenizer.json, without the files beside it. `where` begins the
 * error sentence. Errors and owner as cx_tokenizer_open. */
cx_status cx__tokenizer_parse(const char *json, size_t len, const char *where, cx_tokenizer **out);

/* UTF-8 (utf8.c). cx__utf8_next and cx__utf8_len want valid text, *s < end. */
uint32_t cx__utf8_next(const char **s, const char *end);
size_t cx__utf8_put(uint32_t c, char out[4]);   /* bytes written, 1..4 */
size_t cx__utf8_bad(const char *s, size_t len); /* offset of the first bad byte, or len */

/* ---- rebuild_*.c: a tokenizer.json for models that come without one ---- */

typedef struct cx__str {
    const char *at; /* UTF-8, not terminated; NULL: none */
    size_t len;
} cx__str;

/* Kinds of a token, numbered as in SentencePiece and in GGUF's tokenizer.ggml.token_type. */
enum {
    CX__TOKEN_NORMAL = 1,
    CX__TOKEN_UNKNOWN,
    CX__TOKEN_CONTROL,
    CX__TOKEN_USER_DEFINED,
    CX__TOKEN_UNUSED,
    CX__TOKEN_BYTE
};

/* A token that is cut out of the text before the rest is split, with its flags in tokenizer.json.
 * Every control token is one, and every user-defined token; this list says so of others, or gives
 * other flags. */
typedef struct cx__vocab_added {
    int64_t id;
    bool special, lstrip, rstrip, single_word, normalized;
} cx__vocab_added;

/* A vocabulary as a GGUF file, a SentencePiece model or a vocab.json holds it; everything is
 * borrowed. cx__vocab_source_init first: then what is not set counts as not said. Lists may be NULL
 * with a count of 0; scores and types otherwise have one entry a token. */
typedef struct cx__vocab_source {
    const char *model; /* GGUF's tokenizer.ggml.model: "gpt2" (BPE of bytes), "llama" (SentencePiece
                        * BPE, merges by score), "gemma4" (the same with merges), "t5" (Unigram) */
    const char *pre; /* "gpt2" only: GGUF's tokenizer.ggml.pre, how text is split; NULL: default */
    const cx__str *tokens; /* by id; at NULL is a hole */
    size_t count;
    const float *scores;
    size_t score_count;
    const int32_t *types; /* CX__TOKEN_... */
    size_t type_count;
    const cx__str *merges; /* "left right", best first */
    size_t merge_count;
    const cx__vocab_added *added;
    size_t added_count;
    int64_t bos, eos, unk, pad;            /* ids; -1 or 2^32 - 1: none */
    int add_bos, add_eos;                  /* 0, 1, -1: not said (the default of the model) */
    int add_space_prefix;                  /* the same */
    bool space_prefix_once;                /* before the text only, not after each added token */
    bool remove_extra_spaces, keep_spaces; /* SentencePiece: strip and join; spaces stay spaces */
    bool user_defined_in_text;             /* SentencePiece finds these in normalized text */
    cx__str charsmap;                      /* SentencePiece: precompiled_charsmap, bytes */
    cx__str chat_template;
} cx__vocab_source;
void cx__vocab_source_init(cx__vocab_source *v);

/* The text of a tokenizer.json and of a tokenizer_config.json for this vocabulary. `where` begins
 * error sentences. Errors: CX_EFORMAT (bad token, score, merge, id, ...), CX_EUNSUPPORTED (model or
 * pre unknown), CX_ELIMIT, CX_ENOMEM. Owner: the caller, of two strings (cx__free). */
cx_status cx__tokenizer_rebuild(const cx__vocab_source *v, const char *where, char **tokenizer_json,
                                char **tokenizer_config_json);
/* The same for a folder that has no tokenizer.json: vocab.json and merges.txt, or tokenizer.model
 * (SentencePiece or tiktoken), with tokenizer_config.json, special_tokens_map.json and
 * added_tokens.json where present. CX_ENOTFOUND: there is nothing to rebuild from. */
cx_status cx__tokenizer_rebuild_folder(const char *folder, char **tokenizer_json,
                                       char **tokenizer_config_json);
/* The same from the texts of these files; at NULL: not there. */
typedef struct cx__rebuild_files {
    cx__str vocab, merges;                 /* vocab.json, merges.txt */
    cx__str pieces;                        /* tokenizer.model */
    cx__str config, special_tokens, added; /* tokenizer_config.json, special_tokens_map.json, ... */
    cx__str model_config;                  /* config.json */
} cx__rebuild_files;
cx_status cx__tokenizer_rebuild_files(const cx__rebuild_files *f, const char *where,
                                      char **tokenizer_json, char **tokenizer_config_json);

#endif

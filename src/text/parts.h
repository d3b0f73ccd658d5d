/* What the files of the tokenizer share: text, vocabulary, component tables, regular expressions.
 * A component of tokenizer.json (normalizer, pre-tokenizer, decoder) is one row of the table in
 * normalize.c, pretokenize.c or decode.c: a name, how its parameters are read, what it does. */
#ifndef CX_TEXT_PARTS_H
#define CX_TEXT_PARTS_H

#include "base/base.h"
#include "text/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Longest text that one call takes, and longest that a normalizer may make of it, in bytes. */
#define CX__TEXT_MAX ((size_t)1 << 30)

/* ---- utf8.c ---- */
/* Appends text with every maximal bad part as U+FFFD. With `final` false an incomplete character
 * at the end stays unread; *used bytes were consumed. False: out failed. */
bool cx__utf8_lossy(cx__buf *out, const char *s, size_t len, bool final, size_t *used);

/* ---- chars.c: classes of code points ---- */
bool cx__char_number(uint32_t c); /* \p{N} */
bool cx__char_space(uint32_t c);  /* White_Space */
bool cx__char_word(uint32_t c);   /* \w of UTS 18: Alphabetic, M, Nd, Pc, joiners */
bool cx__char_punct(uint32_t c);  /* \p{P} of Unicode 8, and ASCII symbols */
bool cx__char_mark(uint32_t c);   /* \p{M} of Unicode 9 */
/* The same in one lookup, for splitters. */
typedef enum cx__class { CX__OTHER, CX__LETTER, CX__NUMBER, CX__SPACE } cx__class;
cx__class cx__char_class(uint32_t c);

/* ---- ages.c: code points that only some versions of Unicode know ---- */
char cx__age_class_15(uint32_t c); /* 'L' 'M' 'N': of Unicode 15, 15.1 or 16; else 0 */
/* Appends what Unicode 15 to 16 added to category L, Lo, N, Nd, No or M, as members of a class. */
void cx__age_put_15(cx__buf *out, const char *name);
bool cx__age_normal_after_9(uint32_t c); /* a mark or decomposable character after Unicode 9 */
bool cx__age_punct_after_8(uint32_t c);

/* ---- vocab.c: strings with ids; sized once, then read only ---- */
typedef struct cx__vocab_slot {
    uint32_t hash, id; /* id + 1; 0 is empty */
    uint32_t start, size;
} cx__vocab_slot;
typedef struct cx__vocab {
    char *pool;             /* all strings, each followed by NUL */
    uint32_t *start, *size; /* by id; size UINT32_MAX is a hole */
    int32_t ids;            /* largest id + 1 */
    size_t count;           /* strings */
    cx__vocab_slot *slots;
    uint32_t mask;
    uint64_t seed;
} cx__vocab;
typedef struct cx__vocab_entry {
    uint32_t start, size, id;
} cx__vocab_entry;
/* Takes `pool` in every case. Duplicate strings and ids are CX_EFORMAT. */
cx_status cx__vocab_init(cx__vocab *v, char *pool, const cx__vocab_entry *entries, size_t count,
                         const char *where);
void cx__vocab_deinit(cx__vocab *v);
int32_t cx__vocab_find(const cx__vocab *v, const char *s, size_t len); /* -1: none */
/* The same in three steps, so that many searches can wait for memory together. */
uint32_t cx__vocab_hash(const cx__vocab *v, const char *s, size_t len); /* fetches the slot */
void cx__vocab_fetch(const cx__vocab *v, uint32_t hash);                /* fetches the text */
int32_t cx__vocab_find_hash(const cx__vocab *v, uint32_t hash, const char *s, size_t len);
/* NULL if there is no such id; borrowed. */
const char *cx__vocab_text(const cx__vocab *v, int32_t id, size_t *len);

/* ---- trie.c ---- */
typedef struct cx__trie {
    uint64_t *keys;  /* node << 8 | byte, UINT64_MAX is empty */
    uint32_t *nodes; /* node that the key leads to */
    int32_t *token;  /* by node: index of the token that ends here, -1 */
    size_t slots, node_count;
    bool start[256]; /* bytes that begin a token */
} cx__trie;
/* bytes: of all tokens that will be added. */
cx_status cx__trie_init(cx__trie *t, size_t bytes, const char *where);
void cx__trie_add(cx__trie *t, const char *s, size_t len, int32_t token);
/* Longest token that begins at s; -1: none. */
int32_t cx__trie_longest(const cx__trie *t, const char *s, size_t len, size_t *token_len);
/* From a node (0 is the root) along a byte; t->token[*node] is the token that ends there or -1. */
bool cx__trie_step(const cx__trie *t, uint32_t *node, uint8_t byte);
void cx__trie_deinit(cx__trie *t);

/* ---- scan.c: JSON read in place, without a tree, for the large parts ---- */
typedef struct cx__scan {
    const char *at, *begin, *end;
    const char *where;
    size_t strings; /* read so far */
} cx__scan;
void cx__scan_init(cx__scan *s, const char *json, size_t len, const char *where);
char cx__scan_peek(cx__scan *s);         /* next byte that is no space, 0 at the end */
bool cx__scan_take(cx__scan *s, char c); /* consumes it if it comes next */
cx_status cx__scan_expect(cx__scan *s, char c);
cx_status cx__scan_fail(cx__scan *s, const char *expected); /* CX_EFORMAT with the offset */
/* A string: *raw is what stands between the quotes, *escaped tells of a backslash in it. UTF-8 is
 * checked. cx__scan_unescape writes at most `len` bytes to out; false: bad escape. */
cx_status cx__scan_string(cx__scan *s, const char **raw, size_t *len, bool *escaped);
bool cx__scan_unescape(const char *raw, size_t len, char *out, size_t *out_len);
cx_status cx__scan_uint(cx__scan *s, uint32_t *out);
/* Skips one value; brackets must pair, depth at most 64; the rest is not checked. */
cx_status cx__scan_skip(cx__scan *s, const char **raw, size_t *len);

/* ---- regex.c ---- */
typedef struct cx__regex cx__regex;
typedef struct cx__match {
    uint32_t start, end;
    bool hit; /* false: text between matches */
} cx__match;
typedef struct cx__matches {
    cx__match *at;
    size_t count, cap;
} cx__matches;
bool cx__matches_add(cx__matches *m, size_t start, size_t end, bool hit);
/* A pattern in Oniguruma's syntax, or `literal` text. Errors: CX_EFORMAT, CX_EUNSUPPORTED,
 * CX_ENOMEM. Owner: caller, cx__regex_free. */
cx_status cx__regex_new(const char *pattern, size_t len, bool literal, const char *where,
                        cx__regex **out);
void cx__regex_free(cx__regex *re);
/* Covers s with matches and what lies between them, in order; m is emptied first.
 * CX_ELIMIT when the pattern needs too many steps on this text. */
cx_status cx__regex_matches(const cx__regex *re, const char *s, size_t len, cx__matches *m);
/* regex_syntax.c: the same pattern for PCRE2. */
cx_status cx__regex_translate(const char *pattern, size_t len, const char *where, cx__buf *out);

/* ---- split.c: splitters written by hand for well-known patterns ---- */
/* End of the match that begins at `at` (there always is one, never empty). */
typedef size_t cx__splitter(const char *s, size_t len, size_t at);
cx__splitter *cx__splitter_find(const char *pattern, size_t len); /* NULL: not one of them */
const char *cx__splitter_pattern(size_t i);                       /* the i-th pattern or NULL */
extern const char cx__pattern_gpt2[]; /* what the ByteLevel pre-tokenizer splits with */

/* ---- steps.c: components ---- */
typedef struct cx__step cx__step;
typedef struct cx__norm cx__norm;
typedef struct cx__pieces cx__pieces;
typedef struct cx__decoding cx__decoding;
typedef struct cx__kind {
    const char *name; /* "type" in tokenizer.json */
    /* Reads the parameters into a zeroed step; NULL: there are none. */
    cx_status (*init)(const json_t *o, const char *where, cx__step *step);
    cx_status (*normalize)(const cx__step *step, cx__norm *n);
    cx_status (*split)(const cx__step *step, cx__pieces *p);
    /* data: whole characters of a token; `end`: the token ends here. */
    cx_status (*decode)(const cx__step *step, cx__decoding *d, size_t stage, const char *data,
                        size_t len, bool end);
    cx_status (*finish)(const cx__step *step, cx__decoding *d, size_t stage);
} cx__kind;
/* One component with its parameters; each kind says which fields it uses. */
struct cx__step {
    const cx__kind *kind;
    cx__regex *regex;
    char *text; /* owned */
    size_t len; /* of text */
    uint32_t ch;
    int mode;
    bool flag[4];
    size_t n[2];
};
typedef struct cx__steps {
    cx__step *at;
    size_t count;
    bool present; /* the component is there, though it may be an empty sequence */
} cx__steps;
/* o: the component or null. Sequences (members under `list_key`) are flattened. An unknown type is
 * CX_EUNSUPPORTED. */
cx_status cx__steps_init(cx__steps *s, const json_t *o, const char *where, const char *list_key,
                         const cx__kind *kinds, size_t kind_count);
void cx__steps_deinit(cx__steps *s);
/* Required members; the sentence names where and key. */
cx_status cx__step_string(const json_t *o, const char *where, const char *key, char **out,
                          size_t *len);
cx_status cx__step_char(const json_t *o, const char *where, const char *key, uint32_t *out);
cx_status cx__step_pattern(const json_t *o, const char *where, cx__regex **out);

/* ---- normalize.c ---- */
struct cx__norm {
    cx__buf text;     /* in and out */
    cx__buf other;    /* scratch, swapped with text */
    cx__matches hits; /* scratch */
    bool first;       /* the first character still stands at offset 0 of the original text */
};
cx_status cx__normalizers_init(cx__steps *s, const json_t *o, const char *where);
cx_status cx__normalize(const cx__steps *s, cx__norm *n);
void cx__norm_deinit(cx__norm *n);

/* ---- pretokenize.c ---- */
typedef struct cx__span {
    uint32_t start, len;
} cx__span;
struct cx__pieces {
    cx__buf text; /* what the spans point into */
    cx__span *at;
    size_t count, cap;
    bool first; /* span 0 begins at offset 0 of the original text */
    cx__buf other;
    cx__span *next; /* scratch, swapped with at */
    size_t next_count, next_cap;
    cx__matches hits;
};
cx_status cx__pretokenizers_init(cx__steps *s, const json_t *o, const char *where);
/* text is set, the rest is scratch; afterwards `at` holds the words. */
cx_status cx__pretokenize(const cx__steps *s, cx__pieces *p);
void cx__pieces_deinit(cx__pieces *p);
/* bytes.c: the 256 characters that stand for bytes in byte-level vocabularies. */
bool cx__bytes_encode(cx__buf *out, const char *s, size_t len);
int cx__bytes_decode(uint32_t c); /* the byte, -1 if c stands for none */

/* ---- bpe.c ---- */
typedef struct cx__merge {
    uint64_t pair; /* left id << 32 | right id; UINT64_MAX is empty */
    uint32_t rank, id;
} cx__merge;
typedef struct cx__bpe {
    cx__vocab vocab;
    cx__merge *merges; /* open addressing */
    size_t merge_count;
    uint64_t seed;
    int shift;             /* slot = hash >> shift */
    uint32_t *rank_id;     /* what the merge of this rank makes */
    uint64_t *pairs;       /* bits of characters side by side in some token; NULL: not known */
    int32_t byte_id[256];  /* "<0x00>" ... , -1 */
    int32_t char_id[512];  /* code points below 512, -1 */
    int32_t unk;           /* -1: none */
    char *unk_name;        /* owned; set though the vocabulary may lack it */
    char *prefix, *suffix; /* owned; continuing_subword_prefix, end_of_word_suffix; NULL if empty */
    bool fuse_unk, byte_fallback, ignore_merges;
} cx__bpe;
typedef struct cx__symbol {
    int32_t id, prev, next; /* id -1: merged away */
} cx__symbol;
typedef struct cx__bpe_work {
    cx__symbol *symbols;
    uint64_t *heap; /* rank << 32 | position */
    size_t symbol_cap, heap_count;
    cx__buf word; /* with prefix or suffix */
} cx__bpe_work;
typedef struct cx__ids {
    int32_t *at;
    size_t count, cap;
} cx__ids;
bool cx__ids_add(cx__ids *ids, int32_t id);
enum { CX__PAIR_BITS = 18 };
static inline uint32_t cx__bpe_pair_bit(uint32_t left, uint32_t right)
{
    return (left * 0x9E3779B1u ^ right * 0x85EBCA77u) >> (32 - CX__PAIR_BITS);
}
/* model: the members of "model" besides vocab and merges. */
cx_status cx__bpe_init(cx__bpe *b, const json_t *model, const char *where);
cx_status cx__bpe_vocab(cx__bpe *b, cx__scan *s); /* reads the object at s */
/* Reads the list at s, after init and vocab; at most `strings` strings are in it. */
cx_status cx__bpe_merges(cx__bpe *b, cx__scan *s, size_t strings);
/* Learns which characters stand side by side in tokens: for long words. */
cx_status cx__bpe_learn_pairs(cx__bpe *b, const char *where);
void cx__bpe_deinit(cx__bpe *b);
cx_status cx__bpe_encode(const cx__bpe *b, cx__bpe_work *w, const char *s, size_t len,
                         cx__ids *ids);
void cx__bpe_work_deinit(cx__bpe_work *w);

/* ---- unigram.c ---- */
typedef struct cx__unigram {
    double *score; /* by id; NULL: the model is no Unigram */
    cx__trie trie;
    int32_t unk; /* -1: none */
    double unk_score;
    int32_t byte_id[256];
    bool byte_fallback;
} cx__unigram;
typedef struct cx__unigram_node {
    double score;         /* of the best path that ends here */
    uint32_t start, next; /* of its last piece; of the piece that begins here, its end */
    int32_t id;           /* of its last piece; -1: no path */
} cx__unigram_node;
typedef struct cx__unigram_work {
    cx__unigram_node *at;
    size_t cap;
} cx__unigram_work;
/* model: the members of "model" besides vocab; the list of pieces and scores is text at `list`.
 * Fills the vocabulary too. */
cx_status cx__unigram_init(cx__unigram *u, cx__vocab *vocab, const json_t *model, const char *list,
                           size_t len, const char *where);
void cx__unigram_deinit(cx__unigram *u);
cx_status cx__unigram_encode(const cx__unigram *u, const cx__vocab *vocab, cx__unigram_work *w,
                             const char *s, size_t len, cx__ids *ids);

/* ---- added.c ---- */
typedef struct cx__added_token {
    char *content;    /* owned */
    char *normalized; /* owned; what the normalizer makes of it, NULL if the same */
    size_t len, normalized_len;
    int32_t id;
    bool single_word, lstrip, rstrip, is_normalized, special;
} cx__added_token;
typedef struct cx__added {
    cx__added_token *at;
    size_t count;
    cx__trie raw, normalized;
    int32_t ids; /* largest id + 1 */
} cx__added;
/* list: "added_tokens" or NULL. Ids come from the vocabulary, as in the library. */
cx_status cx__added_init(cx__added *a, const json_t *list, const cx__vocab *vocab,
                         const cx__steps *normalizers, const char *where);
void cx__added_deinit(cx__added *a);
const cx__added_token *cx__added_find(const cx__added *a, const char *s, size_t len);
/* Cuts s at added tokens, in order: at each token and each stretch between, calls part(); id -1 is
 * a stretch of text. Stops at the first error. */
typedef cx_status cx__added_part(void *arg, const char *s, size_t start, size_t end, int32_t id);
cx_status cx__added_cut(const cx__added *a, const cx__trie *trie, const char *s, size_t len,
                        cx__added_part *part, void *arg);

/* ---- post.c ---- */
typedef struct cx__post {
    int32_t *with, *without; /* ids and CX__POST_TEXT, with and without special tokens */
    size_t with_count, without_count;
} cx__post;
#define CX__POST_TEXT (-1) /* here come the ids of the text */
cx_status cx__post_init(cx__post *p, const json_t *o, int32_t ids, const char *where);
void cx__post_deinit(cx__post *p);
/* Moves what it makes of `ids` into ids. */
cx_status cx__post_apply(const cx__post *p, bool special, cx__ids *ids);

/* ---- decode.c ---- */
typedef struct cx__stage {
    cx__buf hold;     /* parts of a token that has not ended */
    cx__buf bytes;    /* what later tokens may still change */
    cx__buf text;     /* scratch for what goes to the next stage */
    cx__matches hits; /* scratch */
    size_t tokens, chars, held;
    bool some;
} cx__stage;
struct cx__decoding {
    const cx__steps *steps;
    cx__stage *stages; /* one per step */
    cx__buf *out;
    bool join; /* no decoder: tokens joined by spaces */
    bool some; /* a token went out */
};
cx_status cx__decoders_init(cx__steps *s, const json_t *o, const char *where);
cx_status cx__decoding_init(cx__decoding *d, const cx__steps *s, cx__buf *out);
cx_status cx__decoding_token(cx__decoding *d, const char *text, size_t len);
cx_status cx__decoding_finish(cx__decoding *d);
void cx__decoding_reset(cx__decoding *d);
void cx__decoding_deinit(cx__decoding *d);

/* ---- config.c: what stands beside tokenizer.json ---- */
enum { CX__NAMED_BOS, CX__NAMED_EOS, CX__NAMED_UNK, CX__NAMED_PAD, CX__NAMED_COUNT };
typedef struct cx__named {
    char *text[CX__NAMED_COUNT]; /* owned */
    char *chat_template;         /* owned */
} cx__named;
cx_status cx__named_load(cx__named *n, const char *dir);
int cx__named_index(const char *name); /* "bos_token" ...; -1 */
void cx__named_deinit(cx__named *n);

/* ---- tokenizer.c ---- */
typedef struct cx__piece {
    const char *text; /* what decoders see; NULL is a hole */
    uint32_t len;
    bool special, hidden; /* hidden: left out unless special tokens are kept */
} cx__piece;
struct cx_tokenizer {
    cx__bpe bpe; /* its vocabulary is that of any model */
    cx__unigram unigram;
    cx__added added;
    cx__steps normalizers, pretokenizers, decoders;
    cx__post post;
    cx__piece *pieces; /* by id */
    int32_t ids;
    cx__named named;
    int32_t bos, eos;
};
/* Any failed growth of these buffers. */
cx_status cx__text_nomem(const char *what);

#endif

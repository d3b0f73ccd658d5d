/* Writes tokenizer.json in the form of the tokenizers library (version "1.0"). What its parts do is
 * in parts.h; the choice of parts follows transformers' conversion of slow tokenizers
 * (convert_slow_tokenizer.py: GPT2Converter, LlamaConverter, build_tokenizer_from_spm_proto).
 * Checked against that library by tests/oracle/oracle_rebuild.py. */
#include "text/rebuild.h"

#define SPACE "\xE2\x96\x81" /* U+2581, a space in SentencePiece's pieces */

bool cx__rebuild_put(cx__buf *out, const char *s, size_t len)
{
    size_t done = 0;
    cx__buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)s[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        cx__buf_append(out, s + done, i - done);
        if (c >= 0x20) cx__buf_printf(out, "\\%c", c);
        else cx__buf_printf(out, "\\u%04x", c);
        done = i + 1;
    }
    cx__buf_append(out, s + done, len - done);
    return cx__buf_putc(out, '"');
}

static void put_string(cx__buf *out, const char *s)
{
    cx__rebuild_put(out, s, strlen(s));
}

static void put_token(const cx__rebuild *r, cx__buf *out, int32_t id)
{
    cx__rebuild_put(out, r->v->tokens[id].at, r->v->tokens[id].len);
}

static const char *boolean(bool b)
{
    return b ? "true" : "false";
}

/* ---- added tokens ---- */

/* Control tokens, those with a role, user-defined ones and what the source lists. In SentencePiece
 * user-defined pieces are found in the normalized text: without a prefix an added token that is
 * "normalized" is just that; with one they are words of the pre-tokenizer (put_user_defined). */
static bool is_added(const cx__rebuild *r, int32_t id, cx__vocab_added *a)
{
    bool user = r->type[id] == CX__TOKEN_USER_DEFINED, text = r->v->user_defined_in_text;
    bool role = id == r->bos || id == r->eos || id == r->pad ||
                (id == r->unk && r->type[id] == CX__TOKEN_UNKNOWN);
    *a = (cx__vocab_added){ .id = id, .special = role || r->type[id] == CX__TOKEN_CONTROL };
    if (r->at[id]) {
        *a = *r->at[id];
        a->special |= role;
        return true;
    }
    if (user && text && r->prefix && r->model == CX__REBUILD_PIECES) return false;
    a->normalized = user && text && !r->prefix;
    return a->special || user;
}

static cx_status put_added(const cx__rebuild *r, cx__buf *out)
{
    bool first = true;
    cx__buf_puts(out, "[");
    for (int32_t id = 0; id < (int32_t)r->v->count; id++) {
        cx__str s = r->v->tokens[id];
        cx__vocab_added a;
        if (!r->type[id] || !is_added(r, id, &a)) continue;
        if (s.len == 0 || memchr(s.at, 0, s.len))
            return CX_FAIL(CX_EFORMAT, "%s: token %d: a special token that is empty or has NUL",
                           r->where, id);
        cx__buf_printf(out, "%s\n    {\"id\": %d, \"content\": ", first ? "" : ",", id);
        put_token(r, out, id);
        cx__buf_printf(out,
                       ", \"single_word\": %s, \"lstrip\": %s, \"rstrip\": %s, "
                       "\"normalized\": %s, \"special\": %s}",
                       boolean(a.single_word), boolean(a.lstrip), boolean(a.rstrip),
                       boolean(a.normalized), boolean(a.special));
        first = false;
    }
    cx__buf_puts(out, "\n  ]");
    return CX_OK;
}

/* ---- lists of components ---- */

/* Between the members of a list that was opened with `[`. */
static void next(cx__buf *out)
{
    if (out->data && out->data[out->len - 1] != '[') cx__buf_puts(out, ", ");
}

static void put_replace(cx__buf *out, const char *kind, const char *pattern, const char *content)
{
    next(out);
    cx__buf_printf(out, "{\"type\": \"Replace\", \"pattern\": {\"%s\": ", kind);
    put_string(out, pattern);
    cx__buf_puts(out, "}, \"content\": ");
    put_string(out, content);
    cx__buf_putc(out, '}');
}

static void put_base64(cx__buf *out, const char *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = (const uint8_t *)data;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (n > 2 ? p[i + 2] : 0);
        char four[4] = { digits[v >> 18], digits[v >> 12 & 63], '=', '=' };
        if (n > 1) four[2] = digits[v >> 6 & 63];
        if (n > 2) four[3] = digits[v & 63];
        cx__buf_append(out, four, 4);
    }
}

/* ---- SentencePiece: the normalizer does the work, in its order ---- */

static void put_normalizer(const cx__rebuild *r, cx__buf *out)
{
    const cx__vocab_source *v = r->v;
    if (r->model == CX__REBUILD_BYTES) {
        cx__buf_puts(out, r->pre->nfc ? "{\"type\": \"NFC\"}" : "null");
        return;
    }
    cx__buf_puts(out, "{\"type\": \"Sequence\", \"normalizers\": [");
    if (v->charsmap.at) {
        cx__buf_puts(out, "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"");
        put_base64(out, v->charsmap.at, v->charsmap.len);
        cx__buf_puts(out, "\"}");
    }
    if (v->remove_extra_spaces) {
        put_replace(out, "Regex", "\\A +| +\\z", "");
        put_replace(out, "Regex", " {2,}", " ");
    }
    if (r->prefix && !v->space_prefix_once) {
        next(out);
        cx__buf_puts(out, "{\"type\": \"Prepend\", \"prepend\": ");
        put_string(out, v->keep_spaces ? " " : SPACE);
        cx__buf_putc(out, '}');
    }
    if (!v->keep_spaces) put_replace(out, "String", " ", SPACE);
    cx__buf_puts(out, "]}");
}

/* A regular expression of all user-defined pieces, the longest first. */
static int by_length(const void *a, const void *b)
{
    const cx__str *x = a, *y = b;
    return (x->len < y->len) - (x->len > y->len);
}

static bool put_escaped(cx__buf *out, cx__str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] && strchr("\\^$.|?*+()[]{}", s.at[i])) cx__buf_putc(out, '\\');
        cx__buf_putc(out, s.at[i]);
    }
    return !out->failed;
}

static cx_status put_user_defined(const cx__rebuild *r, cx__buf *out)
{
    cx__str *pieces = cx__alloc_array(r->v->count, sizeof *pieces);
    cx__buf pattern = { .max = CX__TEXT_MAX };
    size_t n = 0;
    bool ok = pieces != NULL;
    for (size_t i = 0; ok && i < r->v->count; i++)
        if (r->type[i] == CX__TOKEN_USER_DEFINED && !r->at[i] && r->v->tokens[i].len)
            pieces[n++] = r->v->tokens[i];
    if (ok && n) qsort(pieces, n, sizeof *pieces, by_length);
    for (size_t i = 0; ok && i < n; i++) {
        if (i) cx__buf_putc(&pattern, '|');
        ok = put_escaped(&pattern, pieces[i]);
    }
    if (ok && n) {
        next(out);
        cx__buf_puts(out, "{\"type\": \"Split\", \"pattern\": {\"Regex\": ");
        cx__rebuild_put(out, pattern.data, pattern.len);
        cx__buf_puts(out, "}, \"behavior\": \"Isolated\", \"invert\": false}");
    }
    cx__buf_free(&pattern);
    cx__free(pieces);
    return ok ? CX_OK : CX_FAIL(CX_ENOMEM, "%s: user-defined pieces", r->where);
}

/* Whether user-defined pieces are words of their own. */
static bool splits_user_defined(const cx__rebuild *r)
{
    return r->user_defined && r->v->user_defined_in_text && r->prefix &&
           r->model == CX__REBUILD_PIECES;
}

static cx_status put_pieces_pre(const cx__rebuild *r, cx__buf *out)
{
    bool once = r->prefix && r->v->space_prefix_once, split = splits_user_defined(r);
    if (!once && !split) {
        cx__buf_puts(out, "null");
        return CX_OK;
    }
    cx__buf_puts(out, "{\"type\": \"Sequence\", \"pretokenizers\": [");
    if (once)
        cx__buf_puts(out, "{\"type\": \"Metaspace\", \"replacement\": \"" SPACE "\", "
                          "\"prepend_scheme\": \"first\", \"split\": false}");
    if (split) CX_TRY(put_user_defined(r, out));
    cx__buf_puts(out, "]}");
    return CX_OK;
}

/* ---- byte level ---- */

static void put_byte_level(cx__buf *out, bool prefix, bool regex)
{
    cx__buf_printf(out,
                   "{\"type\": \"ByteLevel\", \"add_prefix_space\": %s, \"trim_offsets\": %s, "
                   "\"use_regex\": %s}",
                   boolean(prefix), boolean(regex), boolean(regex));
}

static void put_step(cx__buf *out, const char *step, bool prefix)
{
    next(out);
    if (strcmp(step, CX__PRE_GPT2) == 0 || strcmp(step, CX__PRE_BYTES) == 0) {
        put_byte_level(out, prefix, strcmp(step, CX__PRE_GPT2) == 0);
    } else if (strcmp(step, CX__PRE_DIGITS) == 0 || strcmp(step, CX__PRE_DIGIT_RUNS) == 0) {
        cx__buf_printf(out, "{\"type\": \"Digits\", \"individual_digits\": %s}",
                       boolean(strcmp(step, CX__PRE_DIGITS) == 0));
    } else if (strcmp(step, CX__PRE_PUNCTUATION) == 0) {
        cx__buf_puts(out, "{\"type\": \"Punctuation\", \"behavior\": \"Contiguous\"}");
    } else {
        cx__buf_puts(out, "{\"type\": \"Split\", \"pattern\": {\"Regex\": ");
        put_string(out, step);
        cx__buf_puts(out, "}, \"behavior\": \"Isolated\", \"invert\": false}");
    }
}

static cx_status put_pre_tokenizer(const cx__rebuild *r, cx__buf *out)
{
    if (r->model != CX__REBUILD_BYTES) return put_pieces_pre(r, out);
    cx__buf_puts(out, "{\"type\": \"Sequence\", \"pretokenizers\": [");
    for (const char *const *s = r->pre->steps; *s; s++) put_step(out, *s, r->prefix);
    cx__buf_puts(out, "]}");
    return CX_OK;
}

/* ---- after the ids ---- */

static void put_special(const cx__rebuild *r, cx__buf *out, int32_t id, int type_id)
{
    next(out);
    cx__buf_puts(out, "{\"SpecialToken\": {\"id\": ");
    put_token(r, out, id);
    cx__buf_printf(out, ", \"type_id\": %d}}", type_id);
}

static void put_around(const cx__rebuild *r, cx__buf *out, const char *text, int type_id)
{
    if (r->add_bos) put_special(r, out, r->bos, type_id);
    next(out);
    cx__buf_printf(out, "{\"Sequence\": {\"id\": \"%s\", \"type_id\": %d}}", text, type_id);
    if (r->add_eos) put_special(r, out, r->eos, type_id);
}

static void put_post(const cx__rebuild *r, cx__buf *out)
{
    int32_t ids[2] = { r->add_bos ? r->bos : -1, r->add_eos && r->eos != r->bos ? r->eos : -1 };
    if (!r->add_bos && !r->add_eos) {
        if (r->model == CX__REBUILD_BYTES) put_byte_level(out, true, false);
        else cx__buf_puts(out, "null");
        return;
    }
    if (ids[0] < 0 && r->add_eos) ids[1] = r->eos;
    cx__buf_puts(out, "{\"type\": \"TemplateProcessing\", \"single\": [");
    put_around(r, out, "A", 0);
    cx__buf_puts(out, "], \"pair\": [");
    put_around(r, out, "A", 0);
    put_around(r, out, "B", 1);
    cx__buf_puts(out, "], \"special_tokens\": {");
    for (int i = 0; i < 2; i++) {
        if (ids[i] < 0) continue;
        if (i == 1 && ids[0] >= 0) cx__buf_puts(out, ", ");
        put_token(r, out, ids[i]);
        cx__buf_puts(out, ": {\"id\": ");
        put_token(r, out, ids[i]);
        cx__buf_printf(out, ", \"ids\": [%d], \"tokens\": [", ids[i]);
        put_token(r, out, ids[i]);
        cx__buf_puts(out, "]}");
    }
    cx__buf_puts(out, "}}");
}

static void put_decoder(const cx__rebuild *r, cx__buf *out)
{
    if (r->model == CX__REBUILD_BYTES) {
        put_byte_level(out, true, true);
        return;
    }
    cx__buf_puts(out, "{\"type\": \"Sequence\", \"decoders\": [");
    if (!r->v->keep_spaces) put_replace(out, "String", SPACE, " ");
    next(out);
    cx__buf_puts(out, "{\"type\": \"ByteFallback\"}, {\"type\": \"Fuse\"}");
    if (r->prefix)
        cx__buf_puts(out, ", {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}");
    cx__buf_puts(out, "]}");
}

/* ---- the model ---- */

static cx_status put_unigram(const cx__rebuild *r, cx__buf *out)
{
    const cx__vocab_source *v = r->v;
    if (!v->scores) return CX_FAIL(CX_EFORMAT, "%s: a Unigram model without scores", r->where);
    cx__buf_puts(out, "{\"type\": \"Unigram\", \"unk_id\": ");
    if (r->unk < 0) cx__buf_puts(out, "null");
    else cx__buf_printf(out, "%d", r->unk);
    cx__buf_printf(out, ", \"byte_fallback\": %s, \"vocab\": [", boolean(r->byte_fallback));
    for (size_t i = 0; i < v->count; i++) {
        if (!r->type[i])
            return CX_FAIL(CX_EFORMAT, "%s: token %zu is missing: a Unigram model has no holes",
                           r->where, i);
        cx__buf_puts(out, i ? ",\n      [" : "\n      [");
        put_token(r, out, (int32_t)i);
        cx__buf_printf(out, ", %.17g]", (double)v->scores[i]);
    }
    cx__buf_puts(out, "\n    ]}");
    return CX_OK;
}

static cx_status put_bpe(const cx__rebuild *r, cx__buf *out)
{
    bool bytes = r->model == CX__REBUILD_BYTES, first = true;
    if (!bytes && !r->v->merges && !r->v->scores)
        return CX_FAIL(CX_EFORMAT, "%s: neither merges nor scores", r->where);
    cx__buf_puts(out, "{\"type\": \"BPE\", \"dropout\": null, \"unk_token\": ");
    if (bytes || r->unk < 0) cx__buf_puts(out, "null");
    else put_token(r, out, r->unk);
    cx__buf_printf(
        out,
        ", \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
        "\"fuse_unk\": %s, \"byte_fallback\": %s, \"ignore_merges\": %s,\n    "
        "\"vocab\": {",
        boolean(!bytes), boolean(!bytes && r->byte_fallback),
        boolean(bytes ? r->pre->ignore_merges || !r->v->merges : splits_user_defined(r)));
    for (size_t i = 0; i < r->v->count; i++) {
        if (!r->type[i]) continue;
        cx__buf_puts(out, first ? "\n      " : ",\n      ");
        put_token(r, out, (int32_t)i);
        cx__buf_printf(out, ": %zu", i);
        first = false;
    }
    cx__buf_puts(out, "\n    },\n    \"merges\": ");
    CX_TRY(cx__rebuild_merges(r, out));
    cx__buf_putc(out, '}');
    return CX_OK;
}

cx_status cx__rebuild_tokenizer(const cx__rebuild *r, cx__buf *out)
{
    cx__buf_puts(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"
                      "  \"added_tokens\": ");
    CX_TRY(put_added(r, out));
    cx__buf_puts(out, ",\n  \"normalizer\": ");
    put_normalizer(r, out);
    cx__buf_puts(out, ",\n  \"pre_tokenizer\": ");
    CX_TRY(put_pre_tokenizer(r, out));
    cx__buf_puts(out, ",\n  \"post_processor\": ");
    put_post(r, out);
    cx__buf_puts(out, ",\n  \"decoder\": ");
    put_decoder(r, out);
    cx__buf_puts(out, ",\n  \"model\": ");
    if (r->model == CX__REBUILD_UNIGRAM) CX_TRY(put_unigram(r, out));
    else CX_TRY(put_bpe(r, out));
    return cx__buf_puts(out, "\n}\n")
               ? CX_OK
               : CX_FAIL(CX_ELIMIT, "%s: no memory for tokenizer.json, or more than %zu bytes",
                         r->where, out->max);
}

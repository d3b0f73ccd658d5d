/* Decoders of tokenizer.json, one row of `kinds` each: tokens into text.
 * A decoder is a stage that takes tokens, whole or in parts, and gives tokens to the next; it
 * holds back only what later tokens may still change. Decoding everything at once and streaming
 * are the same code, so they cannot differ. Results as in the tokenizers library (decoders/). */
#include "text/parts.h"

enum { HOLD_MAX = 1 << 30 };
static const char replacement[] = "\xEF\xBF\xBD";

/* Gives (a part of) a token to stage `stage`; after the last one it is text. */
static cx_status emit(cx__decoding *d, size_t stage, const char *data, size_t len, bool end)
{
    if (stage < d->steps->count) {
        const cx__step *step = &d->steps->at[stage];
        return step->kind->decode(step, d, stage, data, len, end);
    }
    return cx__buf_append(d->out, data, len) ? CX_OK : cx__text_nomem("decoded text");
}

/* For stages that need whole tokens: collects parts in hold. *data, *len: the whole token, when
 * *whole; the caller then clears hold. */
static cx_status collect(cx__stage *s, const char **data, size_t *len, bool end, bool *whole)
{
    *whole = end;
    if (end && s->hold.len == 0) return CX_OK;
    if (!cx__buf_append(&s->hold, *data, *len)) return cx__text_nomem("a token");
    *data = s->hold.data;
    *len = s->hold.len;
    return CX_OK;
}

/* ---- ByteLevel: characters of the byte alphabet into bytes, all of it into UTF-8 ---- */

static bool append_bytes(cx__buf *out, const char *s, size_t len)
{
    const char *p = s, *end = s + len;
    size_t before = out->len;
    while (p < end) {
        int byte = cx__bytes_decode(cx__utf8_next(&p, end));
        if (byte < 0) { /* a token with any other character stands for itself */
            out->len = before;
            return cx__buf_append(out, s, len);
        }
        if (!cx__buf_putc(out, (char)byte)) return false;
    }
    return true;
}

/* Emits what is complete of the bytes in s->bytes. */
static cx_status emit_bytes(cx__decoding *d, size_t stage, bool final)
{
    cx__stage *s = &d->stages[stage];
    size_t used = 0;
    cx__buf_clear(&s->text);
    if (!cx__utf8_lossy(&s->text, s->bytes.data, s->bytes.len, final, &used))
        return cx__text_nomem("decoded text");
    memmove(s->bytes.data, s->bytes.data + used, s->bytes.len - used);
    s->bytes.len -= used;
    if (s->text.len == 0 && !final) return CX_OK;
    return emit(d, stage + 1, s->text.len ? s->text.data : "", s->text.len, final);
}

static cx_status byte_level(const cx__step *step, cx__decoding *d, size_t stage, const char *data,
                            size_t len, bool end)
{
    cx__stage *s = &d->stages[stage];
    bool whole;
    (void)step;
    CX_TRY(collect(s, &data, &len, end, &whole));
    if (!whole) return CX_OK;
    if (!append_bytes(&s->bytes, data, len)) return cx__text_nomem("decoded text");
    cx__buf_clear(&s->hold);
    return emit_bytes(d, stage, false);
}

static cx_status byte_level_finish(const cx__step *step, cx__decoding *d, size_t stage)
{
    (void)step;
    if (!cx__buf_puts(&d->stages[stage].bytes, "")) return cx__text_nomem("decoded text");
    return emit_bytes(d, stage, true);
}

/* ---- ByteFallback: runs of <0x00> tokens into characters, or one U+FFFD each ---- */

static int byte_token(const char *s, size_t len)
{
    int high, low;
    if (len != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>') return -1;
    high = s[3] >= '0' && s[3] <= '9' ? s[3] - '0' : (s[3] | 32) - 'a' + 10;
    low = s[4] >= '0' && s[4] <= '9' ? s[4] - '0' : (s[4] | 32) - 'a' + 10;
    if (s[3] == '+') high = 0; /* as Rust parses a number */
    return high < 0 || high > 15 || low < 0 || low > 15 ? -1 : high * 16 + low;
}

/* A run is known to be good or bad only when it ends. */
static cx_status flush_bytes(cx__decoding *d, size_t stage)
{
    cx__stage *s = &d->stages[stage];
    size_t len = s->bytes.len;
    if (len == 0) return CX_OK;
    s->bytes.len = 0;
    if (cx__utf8_bad(s->bytes.data, len) == len)
        return emit(d, stage + 1, s->bytes.data, len, true);
    for (size_t i = 0; i < len; i++) CX_TRY(emit(d, stage + 1, replacement, 3, true));
    return CX_OK;
}

static cx_status byte_fallback(const cx__step *step, cx__decoding *d, size_t stage,
                               const char *data, size_t len, bool end)
{
    cx__stage *s = &d->stages[stage];
    bool whole;
    int byte;
    (void)step;
    CX_TRY(collect(s, &data, &len, end, &whole));
    if (!whole) return CX_OK;
    byte = byte_token(data, len);
    if (byte >= 0) {
        cx__buf_clear(&s->hold);
        return cx__buf_putc(&s->bytes, (char)byte) ? CX_OK : cx__text_nomem("bytes");
    }
    CX_TRY(flush_bytes(d, stage));
    CX_TRY(emit(d, stage + 1, data, len, true));
    cx__buf_clear(&s->hold);
    return CX_OK;
}

static cx_status byte_fallback_finish(const cx__step *step, cx__decoding *d, size_t stage)
{
    (void)step;
    return flush_bytes(d, stage);
}

/* ---- Fuse: all tokens become one ---- */

static cx_status fuse(const cx__step *step, cx__decoding *d, size_t stage, const char *data,
                      size_t len, bool end)
{
    (void)step;
    (void)end;
    return len ? emit(d, stage + 1, data, len, false) : CX_OK;
}

static cx_status fuse_finish(const cx__step *step, cx__decoding *d, size_t stage)
{
    (void)step;
    return emit(d, stage + 1, "", 0, true);
}

/* ---- Strip: up to n[0] characters ch at the start of a token, n[1] at its end ---- */

static cx_status strip_init(const json_t *o, const char *where, cx__step *step)
{
    int64_t start = 0, stop = 0;
    CX_TRY(cx__step_char(o, where, "content", &step->ch));
    CX_TRY(cx__json_int(o, where, "start", 0, 1 << 20, &start));
    CX_TRY(cx__json_int(o, where, "stop", 0, 1 << 20, &stop));
    step->n[0] = (size_t)start;
    step->n[1] = (size_t)stop;
    return CX_OK;
}

/* s->chars: characters cut at the start, SIZE_MAX after another one; s->held: characters ch at
 * the end so far that may have to go. */
static cx_status strip_char(const cx__step *step, cx__stage *s, uint32_t c, const char *utf8,
                            size_t n)
{
    if (c == step->ch && s->chars < step->n[0]) {
        s->chars++;
        return CX_OK;
    }
    s->chars = SIZE_MAX;
    if (c == step->ch && s->held < step->n[1]) {
        s->held++;
        return CX_OK;
    }
    for (; c != step->ch && s->held > 0; s->held--) {
        char held[4];
        cx__buf_append(&s->text, held, cx__utf8_put(step->ch, held));
    }
    return cx__buf_append(&s->text, utf8, n) ? CX_OK : cx__text_nomem("decoded text");
}

static cx_status strip(const cx__step *step, cx__decoding *d, size_t stage, const char *data,
                       size_t len, bool end)
{
    cx__stage *s = &d->stages[stage];
    const char *p = data, *stop = data + len;
    cx__buf_clear(&s->text);
    while (p < stop) {
        const char *at = p;
        uint32_t c = cx__utf8_next(&p, stop);
        CX_TRY(strip_char(step, s, c, at, (size_t)(p - at)));
    }
    if (end) s->chars = s->held = 0;
    return emit(d, stage + 1, s->text.len ? s->text.data : "", s->text.len, end);
}

/* ---- Metaspace: ch becomes a space, or nothing in the first token unless flag[0] ---- */

static cx_status metaspace_init(const json_t *o, const char *where, cx__step *step)
{
    const char *scheme = "always";
    bool prefix = true;
    CX_TRY(cx__step_char(o, where, "replacement", &step->ch));
    CX_TRY(cx__json_str(o, where, "prepend_scheme", &scheme));
    CX_TRY(cx__json_bool(o, where, "add_prefix_space", &prefix));
    if (strcmp(scheme, "always") && strcmp(scheme, "first") && strcmp(scheme, "never"))
        return CX_FAIL(CX_EFORMAT, "%s: prepend_scheme '%.40s' is unknown", where, scheme);
    step->flag[0] = !strcmp(scheme, "never") || !prefix;
    return CX_OK;
}

static cx_status metaspace(const cx__step *step, cx__decoding *d, size_t stage, const char *data,
                           size_t len, bool end)
{
    cx__stage *s = &d->stages[stage];
    const char *p = data, *stop = data + len;
    bool drop = s->tokens == 0 && !step->flag[0];
    cx__buf_clear(&s->text);
    while (p < stop) {
        const char *at = p;
        if (cx__utf8_next(&p, stop) != step->ch) cx__buf_append(&s->text, at, (size_t)(p - at));
        else if (!drop) cx__buf_putc(&s->text, ' ');
    }
    if (end) s->tokens++;
    if (s->text.failed) return cx__text_nomem("decoded text");
    return emit(d, stage + 1, s->text.len ? s->text.data : "", s->text.len, end);
}

/* ---- Replace: regex, text ---- */

static cx_status replace_init(const json_t *o, const char *where, cx__step *step)
{
    CX_TRY(cx__step_string(o, where, "content", &step->text, &step->len));
    return cx__step_pattern(o, where, &step->regex);
}

static cx_status replace(const cx__step *step, cx__decoding *d, size_t stage, const char *data,
                         size_t len, bool end)
{
    cx__stage *s = &d->stages[stage];
    bool whole;
    CX_TRY(collect(s, &data, &len, end, &whole));
    if (!whole) return CX_OK;
    CX_TRY(cx__regex_matches(step->regex, data, len, &s->hits));
    cx__buf_clear(&s->text);
    for (size_t i = 0; i < s->hits.count; i++) {
        cx__match m = s->hits.at[i];
        if (m.hit) cx__buf_append(&s->text, step->text, step->len);
        else cx__buf_append(&s->text, data + m.start, m.end - m.start);
    }
    cx__buf_clear(&s->hold);
    if (s->text.failed) return cx__text_nomem("decoded text");
    return emit(d, stage + 1, s->text.len ? s->text.data : "", s->text.len, true);
}

/* ---- BPEDecoder: the suffix text becomes a space, or nothing in the last token ---- */

static cx_status bpe_init(const json_t *o, const char *where, cx__step *step)
{
    if (!json_object_get(o, "suffix")) {
        step->text = cx__strdup("</w>");
        step->len = 4;
        return step->text ? CX_OK : CX_FAIL(CX_ENOMEM, "%s", where);
    }
    return cx__step_string(o, where, "suffix", &step->text, &step->len);
}

static cx_status bpe_flush(const cx__step *step, cx__decoding *d, size_t stage, const char *space)
{
    cx__stage *s = &d->stages[stage];
    const char *p, *end;
    if (!s->some) return CX_OK;
    cx__buf_clear(&s->text);
    p = s->bytes.data;
    end = p + s->bytes.len;
    while (p < end) {
        const char *hit = step->len ? memmem(p, (size_t)(end - p), step->text, step->len) : NULL;
        cx__buf_append(&s->text, p, (size_t)((hit ? hit : end) - p));
        if (hit) cx__buf_puts(&s->text, space);
        p = hit ? hit + step->len : end;
    }
    if (s->text.failed) return cx__text_nomem("decoded text");
    s->some = false;
    return emit(d, stage + 1, s->text.len ? s->text.data : "", s->text.len, true);
}

static cx_status bpe(const cx__step *step, cx__decoding *d, size_t stage, const char *data,
                     size_t len, bool end)
{
    cx__stage *s = &d->stages[stage];
    bool whole;
    CX_TRY(collect(s, &data, &len, end, &whole));
    if (!whole) return CX_OK;
    CX_TRY(bpe_flush(step, d, stage, " "));
    cx__buf_clear(&s->bytes);
    if (!cx__buf_append(&s->bytes, data, len)) return cx__text_nomem("a token");
    cx__buf_clear(&s->hold);
    s->some = true;
    return CX_OK;
}

static cx_status bpe_finish(const cx__step *step, cx__decoding *d, size_t stage)
{
    return bpe_flush(step, d, stage, "");
}

static const cx__kind kinds[] = {
    { .name = "BPEDecoder", .init = bpe_init, .decode = bpe, .finish = bpe_finish },
    { .name = "ByteFallback", .decode = byte_fallback, .finish = byte_fallback_finish },
    { .name = "ByteLevel", .decode = byte_level, .finish = byte_level_finish },
    { .name = "Fuse", .decode = fuse, .finish = fuse_finish },
    { .name = "Metaspace", .init = metaspace_init, .decode = metaspace },
    { .name = "Replace", .init = replace_init, .decode = replace },
    { .name = "Strip", .init = strip_init, .decode = strip },
};

cx_status cx__decoders_init(cx__steps *s, const json_t *o, const char *where)
{
    return cx__steps_init(s, o, where, "decoders", kinds, sizeof kinds / sizeof *kinds);
}

cx_status cx__decoding_init(cx__decoding *d, const cx__steps *s, cx__buf *out)
{
    *d = (cx__decoding){ .steps = s, .out = out, .join = !s->present };
    d->stages = cx__calloc(s->count + 1, sizeof *d->stages);
    if (!d->stages) return cx__text_nomem("a decoder");
    for (size_t i = 0; i < s->count; i++)
        d->stages[i].hold.max = d->stages[i].bytes.max = d->stages[i].text.max = HOLD_MAX;
    return CX_OK;
}

cx_status cx__decoding_token(cx__decoding *d, const char *text, size_t len)
{
    if (d->join && d->some && !cx__buf_putc(d->out, ' ')) return cx__text_nomem("decoded text");
    d->some = true;
    return emit(d, 0, text, len, true);
}

cx_status cx__decoding_finish(cx__decoding *d)
{
    for (size_t i = 0; i < d->steps->count; i++) {
        const cx__step *step = &d->steps->at[i];
        if (step->kind->finish) CX_TRY(step->kind->finish(step, d, i));
    }
    return CX_OK;
}

void cx__decoding_reset(cx__decoding *d)
{
    d->some = false;
    for (size_t i = 0; i < d->steps->count; i++) {
        cx__stage *s = &d->stages[i];
        cx__buf_clear(&s->hold);
        cx__buf_clear(&s->bytes);
        s->tokens = s->chars = s->held = 0;
        s->some = false;
    }
}

void cx__decoding_deinit(cx__decoding *d)
{
    for (size_t i = 0; d->stages && i < d->steps->count; i++) {
        cx__buf_free(&d->stages[i].hold);
        cx__buf_free(&d->stages[i].bytes);
        cx__buf_free(&d->stages[i].text);
        cx__free(d->stages[i].hits.at);
    }
    cx__free(d->stages);
}

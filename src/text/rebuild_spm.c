/* Reads a SentencePiece model: the few fields of the protobuf message ModelProto that decide how
 * text becomes pieces. Source: sentencepiece_model.proto. Every length is checked against what is
 * left of the message around it; groups (wire types 3 and 4) are refused, so nothing nests deeper
 * than the three messages below. Tested by tests/unit/test_rebuild_spm.c and fuzz_rebuild. */
#include "text/rebuild.h"

enum { VARINT = 0, I64 = 1, BYTES = 2, I32 = 5 }; /* wire types */

/* One field of a message. */
typedef struct field {
    uint32_t number;
    int wire;
    uint64_t value;  /* VARINT, I64, I32 */
    cx__reader body; /* BYTES */
} field;

static bool read_varint(cx__reader *r, uint64_t *out)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        uint8_t byte;
        if (!cx__read_u8(r, &byte)) return false;
        if (shift == 63 && byte > 1) return false; /* more than 64 bits */
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) return *out = v, true;
    }
    return false;
}

static bool read_body(cx__reader *r, cx__reader *body)
{
    uint64_t len;
    const uint8_t *p;
    if (!read_varint(r, &len) || len > r->len - r->at) return false;
    if (!cx__read_bytes(r, (size_t)len, &p)) return false;
    *body = (cx__reader){ .data = p, .len = (size_t)len };
    return true;
}

/* The next field; *more is false at the end of the message. */
static cx_status next_field(cx__reader *r, const char *where, const char *what, field *f,
                            bool *more)
{
    size_t at = r->at;
    uint64_t key;
    uint32_t half;
    bool ok;
    *f = (field){ 0 };
    *more = r->at < r->len;
    if (!*more) return CX_OK;
    if (!read_varint(r, &key) || key >> 3 == 0 || key >> 32)
        return CX_FAIL(CX_EFORMAT, "%s: %s: offset %zu: no field begins here", where, what, at);
    f->number = (uint32_t)(key >> 3);
    f->wire = (int)(key & 7);
    switch (f->wire) {
    case VARINT: ok = read_varint(r, &f->value); break;
    case I64: ok = cx__read_u64(r, &f->value); break;
    case BYTES: ok = read_body(r, &f->body); break;
    case I32:
        ok = cx__read_u32(r, &half);
        f->value = ok ? half : 0;
        break;
    default:
        return CX_FAIL(CX_EFORMAT, "%s: %s: offset %zu: field %u has wire type %d", where, what, at,
                       f->number, f->wire);
    }
    if (!ok)
        return CX_FAIL(CX_EFORMAT, "%s: %s: offset %zu: field %u is longer than the %zu bytes left",
                       where, what, at, f->number, r->len - at);
    return CX_OK;
}

static cx_status expect(const field *f, int wire, const char *where, const char *what)
{
    if (f->wire == wire) return CX_OK;
    return CX_FAIL(CX_EFORMAT, "%s: %s: field %u has wire type %d, expected %d", where, what,
                   f->number, f->wire, wire);
}

static float as_float(uint64_t bits)
{
    uint32_t half = (uint32_t)bits;
    float v;
    memcpy(&v, &half, sizeof v);
    return v;
}

/* SentencePiece: piece 1, score 2, type 3. */
static cx_status read_piece(cx__reader *r, const char *where, cx__rebuild_tokens *t)
{
    cx__str text = { "", 0 };
    float score = 0;
    int32_t type = CX__TOKEN_NORMAL;
    char what[40];
    bool more;
    snprintf(what, sizeof what, "piece %zu", t->count);
    for (field f;;) {
        CX_TRY(next_field(r, where, what, &f, &more));
        if (!more) return cx__rebuild_tokens_add(t, text, score, type, where);
        if (f.number == 1) {
            CX_TRY(expect(&f, BYTES, where, what));
            text = (cx__str){ (const char *)f.body.data, f.body.len };
        } else if (f.number == 2) {
            CX_TRY(expect(&f, I32, where, what));
            score = as_float(f.value);
        } else if (f.number == 3) {
            CX_TRY(expect(&f, VARINT, where, what));
            type = f.value > INT32_MAX ? -1 : (int32_t)f.value;
        }
    }
}

enum { UNIGRAM = 1, BPE = 2 };
typedef struct trainer {
    uint64_t model;
    bool suffix;
} trainer;

/* TrainerSpec: model_type 3, treat_whitespace_as_suffix 24, unk_id 40, bos_id, eos_id, pad_id. */
static cx_status read_trainer(cx__reader *r, const char *where, trainer *t, cx__vocab_source *v)
{
    bool more;
    for (field f;;) {
        int64_t *id = NULL;
        CX_TRY(next_field(r, where, "trainer_spec", &f, &more));
        if (!more) return CX_OK;
        if (f.number == 40) id = &v->unk;
        if (f.number == 41) id = &v->bos;
        if (f.number == 42) id = &v->eos;
        if (f.number == 43) id = &v->pad;
        if (!id && f.number != 3 && f.number != 24) continue;
        CX_TRY(expect(&f, VARINT, where, "trainer_spec"));
        if (f.number == 3) t->model = f.value;
        else if (f.number == 24) t->suffix = f.value != 0;
        else *id = (int64_t)f.value < 0 ? -1 : (int64_t)f.value;
    }
}

/* NormalizerSpec: precompiled_charsmap 2, add_dummy_prefix 3, remove_extra_whitespaces 4,
 * escape_whitespaces 5. */
static cx_status read_normalizer(cx__reader *r, const char *where, cx__vocab_source *v)
{
    bool more;
    for (field f;;) {
        CX_TRY(next_field(r, where, "normalizer_spec", &f, &more));
        if (!more) return CX_OK;
        if (f.number == 2) {
            CX_TRY(expect(&f, BYTES, where, "normalizer_spec"));
            v->charsmap = (cx__str){ f.body.len ? (const char *)f.body.data : NULL, f.body.len };
        }
        if (f.number < 3 || f.number > 5) continue;
        CX_TRY(expect(&f, VARINT, where, "normalizer_spec"));
        if (f.number == 3) v->add_space_prefix = f.value != 0;
        if (f.number == 4) v->remove_extra_spaces = f.value != 0;
        if (f.number == 5) v->keep_spaces = f.value == 0;
    }
}

/* ModelProto: pieces 1, trainer_spec 2, normalizer_spec 3. */
static cx_status read_model(cx__reader *r, const char *where, cx__rebuild_tokens *t, trainer *train,
                            cx__vocab_source *v)
{
    bool more;
    for (field f;;) {
        CX_TRY(next_field(r, where, "model", &f, &more));
        if (!more) return CX_OK;
        if (f.number < 1 || f.number > 3) continue;
        CX_TRY(expect(&f, BYTES, where, "model"));
        if (f.number == 1) CX_TRY(read_piece(&f.body, where, t));
        if (f.number == 2) CX_TRY(read_trainer(&f.body, where, train, v));
        if (f.number == 3) CX_TRY(read_normalizer(&f.body, where, v));
    }
}

cx_status cx__rebuild_spm(const uint8_t *data, size_t len, const char *where, cx__rebuild_tokens *t,
                          cx__vocab_source *v)
{
    cx__reader r = { .data = data, .len = len };
    trainer train = { .model = UNIGRAM };
    /* Defaults of the message. */
    v->unk = 0;
    v->bos = 1;
    v->eos = 2;
    v->add_space_prefix = 1;
    v->remove_extra_spaces = true;
    CX_TRY(read_model(&r, where, t, &train, v));
    if (t->count == 0) return CX_FAIL(CX_EFORMAT, "%s: expected pieces, found none", where);
    if (train.model != UNIGRAM && train.model != BPE)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: model type %llu, expected 1 (Unigram) or 2 (BPE)",
                       where, (unsigned long long)train.model);
    if (train.suffix)
        return CX_FAIL(CX_EUNSUPPORTED, "%s: treat_whitespace_as_suffix is not supported", where);
    v->model = train.model == BPE ? "llama" : "t5";
    v->user_defined_in_text = true;
    v->tokens = t->tokens;
    v->scores = t->scores;
    v->types = t->types;
    v->count = v->score_count = v->type_count = t->count;
    return CX_OK;
}

/* tojson: json.dumps with the options of transformers' filter.
 * Tested by tests/unit/test_template.c. */
#include "jinja.h"
#include <math.h>

static void put(jctx *c, cx__buf *b, const char *text)
{
    cx__jput(c, b, text, strlen(text));
}

static void json_escape(jctx *c, cx__buf *b, uint32_t cp)
{
    static const char plain[] = "\"\\\n\r\t\b\f", letter[] = "\"\\nrtbf";
    const char *at = cp && cp < 0x80 ? strchr(plain, (int)cp) : NULL;
    char text[16];
    if (at) snprintf(text, sizeof text, "\\%c", letter[at - plain]);
    else if (cp < 0x10000) snprintf(text, sizeof text, "\\u%04x", cp);
    else
        snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
                 0xdc00 + ((cp - 0x10000) & 0x3ff));
    put(c, b, text);
}

static void json_str(jctx *c, cx__buf *b, const jstr *s, bool ascii)
{
    size_t from = 0;
    if (!cx__jstep_chars(c, s->len)) return;
    put(c, b, "\"");
    for (size_t i = 0, n; i < s->len; i += n) {
        uint32_t cp;
        n = cx__jutf8_get(s->p + i, s->len - i, &cp);
        if (cp >= 0x20 && cp != '"' && cp != '\\' && !(ascii && cp >= 0x7f)) continue;
        cx__jput(c, b, s->p + from, i - from);
        json_escape(c, b, cp);
        from = i + n;
    }
    cx__jput(c, b, s->p + from, s->len - from);
    put(c, b, "\"");
}

static void json_num(jctx *c, cx__buf *b, jval v)
{
    char text[40];
    if (v.type == J_FLOAT && (isnan(v.d) || isinf(v.d)))
        put(c, b, isnan(v.d) ? "NaN" : v.d < 0 ? "-Infinity" : "Infinity");
    else if (v.type == J_FLOAT) cx__jput(c, b, text, cx__jfloat_repr(v.d, text));
    else cx__jput(c, b, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v.i));
}

static void json_line(jctx *c, cx__buf *b, const jjson *how, int depth)
{
    if (!how->indent) return;
    put(c, b, "\n");
    for (int i = 0; i < depth; i++) cx__jput(c, b, how->indent->p, how->indent->len);
}

static void json_at(jctx *c, cx__buf *b, jval v, const jjson *how, int depth);

static void json_list(jctx *c, cx__buf *b, const jlist *l, const jjson *how, int depth)
{
    put(c, b, "[");
    for (size_t i = 0; i < l->len && c->status == CX_OK; i++) {
        if (i) cx__jput(c, b, how->item->p, how->item->len);
        json_line(c, b, how, depth + 1);
        json_at(c, b, l->items[i], how, depth + 1);
    }
    if (l->len) json_line(c, b, how, depth);
    put(c, b, "]");
}

static void json_key(jctx *c, cx__buf *b, jval key, const jjson *how)
{
    if (key.type == J_STR) {
        json_str(c, b, key.s, how->ascii);
    } else if (key.type == J_NONE || cx__jis_num(key)) {
        put(c, b, "\"");
        json_at(c, b, key, how, 0);
        put(c, b, "\"");
    } else {
        cx__jfail(c, CX_EFORMAT, "tojson: a key is a '%s'", cx__jtype_name(key));
    }
}

static jentry *sorted(jctx *c, const jdict *d)
{
    jval *rows = cx__jarray(c, d->len, 2 * sizeof *rows);
    jentry *out = cx__jarray(c, d->len, sizeof *out);
    if (!rows || !out) return d->items;
    for (size_t i = 0; i < d->len; i++)
        rows[2 * i] = d->items[i].key, rows[2 * i + 1] = cx__jint((int64_t)i);
    cx__jsort(c, rows, d->len, 2, 1, false);
    for (size_t i = 0; i < d->len; i++) out[i] = d->items[rows[2 * i + 1].i];
    return out;
}

static void json_dict(jctx *c, cx__buf *b, const jdict *d, const jjson *how, int depth)
{
    jentry *items = how->sort ? sorted(c, d) : d->items;
    put(c, b, "{");
    for (size_t i = 0; i < d->len && c->status == CX_OK; i++) {
        if (i) cx__jput(c, b, how->item->p, how->item->len);
        json_line(c, b, how, depth + 1);
        json_key(c, b, items[i].key, how);
        cx__jput(c, b, how->key->p, how->key->len);
        json_at(c, b, items[i].value, how, depth + 1);
    }
    if (d->len) json_line(c, b, how, depth);
    put(c, b, "}");
}

static void json_at(jctx *c, cx__buf *b, jval v, const jjson *how, int depth)
{
    if (!cx__jstep(c, 1)) return;
    if (depth > J_MAX_NEST) {
        cx__jfail(c, CX_ELIMIT, "tojson: nested deeper than %d", J_MAX_NEST);
        return;
    }
    switch (v.type) {
    case J_NONE: put(c, b, "null"); break;
    case J_BOOL: put(c, b, v.b ? "true" : "false"); break;
    case J_INT:
    case J_FLOAT: json_num(c, b, v); break;
    case J_STR: json_str(c, b, v.s, how->ascii); break;
    case J_LIST:
    case J_TUPLE: json_list(c, b, v.l, how, depth); break;
    case J_DICT: json_dict(c, b, v.m, how, depth); break;
    default: cx__jfail(c, CX_EFORMAT, "tojson: a '%s' is not JSON serializable", cx__jtype_name(v));
    }
}

void cx__jput_json(jctx *c, cx__buf *b, jval v, const jjson *how)
{
    json_at(c, b, v, how, 0);
}

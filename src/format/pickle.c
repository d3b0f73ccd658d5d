/* The opcodes of a pickle. Source: Python's pickletools module, which documents every one, and what
 * its pickler writes in protocols 1 to 5 (0 cannot hold a storage). Tested by
 * tests/unit/test_pickle.c, tests/fuzz/fuzz_torch.c and tests/oracle/oracle_torch.py. */
#include "format/pickle.h"
#include "format/strings.h"
#include <inttypes.h>
#include <string.h>

/* Limits; with those of pickle_node.c all of it is below 40 MB. */
#define LEN_MAX ((size_t)32 << 20)
#define STACK_MAX ((size_t)1 << 19)
#define MARKS_MAX ((size_t)1 << 12) /* how deep values nest */
#define LINE_MAX_LEN 256            /* bytes of a module, a name, a number as text */

enum opcode {
    MARK = '(',
    STOP = '.',
    INT = 'I',
    BININT = 'J',
    BININT1 = 'K',
    LONG = 'L',
    BININT2 = 'M',
    NONE = 'N',
    BINPERSID = 'Q',
    REDUCE = 'R',
    BINSTRING = 'T',
    SHORT_BINSTRING = 'U',
    BINUNICODE = 'X',
    APPEND = 'a',
    BUILD = 'b',
    GLOBAL = 'c',
    EMPTY_DICT = '}',
    APPENDS = 'e',
    BINGET = 'h',
    LONG_BINGET = 'j',
    EMPTY_LIST = ']',
    BINPUT = 'q',
    LONG_BINPUT = 'r',
    SETITEM = 's',
    TUPLE = 't',
    EMPTY_TUPLE = ')',
    SETITEMS = 'u',
    BINFLOAT = 'G',
    BINBYTES = 'B',
    SHORT_BINBYTES = 'C',
    PROTO = 0x80,
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    LONG1 = 0x8a,
    LONG4 = 0x8b,
    SHORT_BINUNICODE = 0x8c,
    BINUNICODE8 = 0x8d,
    BINBYTES8 = 0x8e,
    STACK_GLOBAL = 0x93,
    MEMOIZE = 0x94,
    FRAME = 0x95
};

/* Names of the others, which run code, fetch objects or belong to protocol 0. */
static const char *const refused[256] = {
    ['i'] = "INST",       ['o'] = "OBJ",         [0x81] = "NEWOBJ",      [0x92] = "NEWOBJ_EX",
    [0x82] = "EXT1",      [0x83] = "EXT2",       [0x84] = "EXT4",        ['P'] = "PERSID",
    ['0'] = "POP",        ['1'] = "POP_MARK",    ['2'] = "DUP",          ['S'] = "STRING",
    ['V'] = "UNICODE",    ['F'] = "FLOAT",       ['d'] = "DICT",         ['l'] = "LIST",
    ['g'] = "GET",        ['p'] = "PUT",         [0x8f] = "EMPTY_SET",   [0x90] = "ADDITEMS",
    [0x91] = "FROZENSET", [0x96] = "BYTEARRAY8", [0x97] = "NEXT_BUFFER", [0x98] = "READONLY_BUFFER",
};

typedef struct machine {
    pickle p;
    cx__reader in; /* len: the end of the frame, or total */
    size_t total;
    size_t at; /* the current opcode */
    bool done, framed;
    uint32_t *stack;
    size_t depth, stack_cap;
    uint32_t *marks; /* depths */
    size_t mark_count, mark_cap;
    uint32_t *memo; /* [memo_cap], PICKLE_NOTHING where nothing was put */
    size_t memo_count, memo_cap;
} machine;

static cx_status fail_end(void)
{
    return CX_FAIL(CX_EFORMAT, "the pickle or its frame ends in an opcode");
}

/* ---- Stack and memo -------------------------------------------------------------------------- */

static cx_status push(machine *m, uint32_t node)
{
    if (m->depth == STACK_MAX) return cx__pickle_too_many("values on the stack", STACK_MAX);
    if (!cx__grow(&m->stack, &m->stack_cap, m->depth, sizeof *m->stack))
        return cx__pickle_no_memory();
    m->stack[m->depth++] = node;
    return CX_OK;
}

static cx_status push_new(machine *m, pickle_node node)
{
    uint32_t id = 0;
    CX_TRY(cx__pickle_add(&m->p, node, &id));
    return push(m, id);
}

/* The `count` values on top, above the last mark. */
static cx_status need_depth(const machine *m, size_t count)
{
    size_t base = m->mark_count ? m->marks[m->mark_count - 1] : 0;
    if (m->depth - base < count)
        return CX_FAIL(CX_EFORMAT, "expected %zu values on the stack, found %zu", count,
                       m->depth - base);
    return CX_OK;
}

static cx_status push_mark(machine *m)
{
    if (m->mark_count == MARKS_MAX) return cx__pickle_too_many("marks", MARKS_MAX);
    if (!cx__grow(&m->marks, &m->mark_cap, m->mark_count, sizeof *m->marks))
        return cx__pickle_no_memory();
    m->marks[m->mark_count++] = (uint32_t)m->depth;
    return CX_OK;
}

/* *begin: depth of the first value above the mark, of which `below` must lie under it. */
static cx_status pop_mark(machine *m, size_t below, size_t *begin)
{
    if (!m->mark_count) return CX_FAIL(CX_EFORMAT, "expected a mark, found none");
    *begin = m->marks[--m->mark_count];
    size_t base = m->mark_count ? m->marks[m->mark_count - 1] : 0;
    if (*begin - base < below)
        return CX_FAIL(CX_EFORMAT, "expected a value below the mark, found none");
    return CX_OK;
}

/* Every put takes an opcode: an index beyond the position was never counted up to. */
static cx_status memo_put(machine *m, size_t index)
{
    size_t old = m->memo_cap;
    CX_TRY(need_depth(m, 1));
    if (index > m->at || index >= PICKLE_NODES_MAX)
        return CX_FAIL(CX_EFORMAT, "memo: expected a number that counts up, found %zu", index);
    while (m->memo_cap <= index) {
        if (!cx__grow(&m->memo, &m->memo_cap, m->memo_cap, sizeof *m->memo))
            return cx__pickle_no_memory();
        memset(m->memo + old, 0xff, (m->memo_cap - old) * sizeof *m->memo);
        old = m->memo_cap;
    }
    m->memo_count += m->memo[index] == PICKLE_NOTHING;
    m->memo[index] = m->stack[m->depth - 1];
    return CX_OK;
}

static cx_status memo_get(machine *m, size_t index)
{
    if (index >= m->memo_cap || m->memo[index] == PICKLE_NOTHING)
        return CX_FAIL(CX_EFORMAT, "memo: expected a number that was put, found %zu", index);
    return push(m, m->memo[index]);
}

/* ---- Reading arguments ----------------------------------------------------------------------- */

static cx_status read_number(machine *m, int bytes, uint64_t *out)
{
    const uint8_t *p;
    if (!cx__read_bytes(&m->in, (size_t)bytes, &p)) return fail_end();
    *out = 0;
    for (int i = bytes; i-- > 0;) *out = *out << 8 | p[i];
    return CX_OK;
}

/* A length of `bytes` bytes and as many bytes as it says. */
static cx_status read_counted(machine *m, int bytes, const uint8_t **out, uint32_t *len)
{
    uint64_t n = 0;
    CX_TRY(read_number(m, bytes, &n));
    if (n > m->in.len - m->in.at)
        return CX_FAIL(CX_EFORMAT, "expected at most %zu bytes, found a length of %" PRIu64,
                       m->in.len - m->in.at, n);
    *len = (uint32_t)n; /* LEN_MAX */
    return cx__read_bytes(&m->in, *len, out) ? CX_OK : fail_end();
}

static cx_status read_line(machine *m, const char **out, size_t *len)
{
    size_t left = m->in.len - m->in.at;
    const char *p = (const char *)m->in.data + m->in.at;
    const char *end = memchr(p, '\n', left < LINE_MAX_LEN ? left : LINE_MAX_LEN);
    if (!end) return CX_FAIL(CX_EFORMAT, "expected a line of at most %d bytes", LINE_MAX_LEN);
    *out = p;
    *len = (size_t)(end - p);
    m->in.at += *len + 1;
    return CX_OK;
}

/* Text of Python 2 may be bytes. */
static cx_status push_text(machine *m, int bytes, bool must)
{
    const uint8_t *p = NULL;
    uint32_t len = 0;
    CX_TRY(read_counted(m, bytes, &p, &len));
    if (cx__utf8_valid((const char *)p, len))
        return push_new(
            m, (pickle_node){ .kind = PICKLE_TEXT, .count = len, .u.text = (const char *)p });
    if (must) return CX_FAIL(CX_EFORMAT, "expected UTF-8, found other bytes");
    return push_new(m, (pickle_node){ .kind = PICKLE_OTHER });
}

static cx_status push_int(machine *m, int64_t v)
{
    return push_new(m, (pickle_node){ .kind = PICKLE_INT, .u.integer = v });
}

static cx_status push_bool(machine *m, bool v)
{
    return push_new(m, (pickle_node){ .kind = PICKLE_BOOL, .u.integer = v });
}

static cx_status push_other(machine *m, int bytes)
{
    const uint8_t *p;
    uint32_t len;
    CX_TRY(read_counted(m, bytes, &p, &len));
    return push_new(m, (pickle_node){ .kind = PICKLE_OTHER });
}

/* Two's complement of any length, lowest byte first. */
static cx_status push_long(machine *m, int bytes)
{
    const uint8_t *p = NULL;
    uint32_t len = 0;
    CX_TRY(read_counted(m, bytes, &p, &len));
    uint64_t v = len && p[len - 1] & 0x80 ? UINT64_MAX : 0;
    if (len > 8) return push_new(m, (pickle_node){ .kind = PICKLE_OTHER });
    for (uint32_t i = len; i-- > 0;) v = v << 8 | p[i];
    return push_int(m, (int64_t)v);
}

/* Protocol 1 writes "01" and "00" for bools, and with an L behind what exceeds 32 bits. */
static cx_status push_decimal(machine *m, bool is_long)
{
    const char *p = NULL;
    size_t len = 0, i = 0;
    uint64_t v = 0;
    bool wide = false;
    CX_TRY(read_line(m, &p, &len));
    if (!is_long && len == 2 && p[0] == '0' && (p[1] == '0' || p[1] == '1'))
        return push_bool(m, p[1] == '1');
    if (is_long && len && p[len - 1] == 'L') len--;
    bool minus = len && p[0] == '-';
    for (i = minus; i < len && p[i] >= '0' && p[i] <= '9'; i++) {
        wide = wide || v > (INT64_MAX - 9) / 10;
        if (!wide) v = v * 10 + (uint64_t)(p[i] - '0');
    }
    if (i < len || len == minus) return CX_FAIL(CX_EFORMAT, "expected a decimal integer");
    if (wide) return push_new(m, (pickle_node){ .kind = PICKLE_OTHER });
    return push_int(m, minus ? -(int64_t)v : (int64_t)v);
}

/* ---- Containers ------------------------------------------------------------------------------ */

static cx_status push_list(machine *m, pickle_kind kind)
{
    return push_new(
        m, (pickle_node){ .kind = (uint8_t)kind, .u.list = { PICKLE_NOTHING, PICKLE_NOTHING } });
}

/* The values from `begin` on become a tuple. */
static cx_status make_tuple(machine *m, size_t begin)
{
    static const pickle_node none = { .kind = PICKLE_TUPLE,
                                      .u.list = { PICKLE_NOTHING, PICKLE_NOTHING } };
    uint32_t id = 0;
    CX_TRY(cx__pickle_add(&m->p, none, &id));
    for (size_t i = begin; i < m->depth; i++) CX_TRY(cx__pickle_append(&m->p, id, m->stack[i]));
    m->depth = begin;
    return push(m, id);
}

static cx_status make_tuple_of(machine *m, size_t count)
{
    CX_TRY(need_depth(m, count));
    return make_tuple(m, m->depth - count);
}

/* The values from `begin` on go into the list or dict below them. */
static cx_status add_items(machine *m, size_t begin, pickle_kind kind)
{
    uint32_t id = m->stack[begin - 1];
    if (m->p.nodes[id].kind != kind)
        return CX_FAIL(CX_EFORMAT, "expected %s to add to, found %s", cx__pickle_kind_name(kind),
                       cx__pickle_kind(&m->p, id));
    if (kind == PICKLE_DICT && (m->depth - begin) % 2)
        return CX_FAIL(CX_EFORMAT, "expected pairs of key and value, found a key alone");
    for (size_t i = begin; i < m->depth; i++) {
        uint32_t item = m->stack[i];
        CX_TRY(cx__pickle_append(&m->p, id, item));
        if (kind == PICKLE_DICT && (i - begin) % 2 && m->p.nodes[item].kind == PICKLE_TENSOR)
            m->p.nodes[id].holds_tensors = true;
    }
    m->depth = begin;
    return CX_OK;
}

static cx_status add_top(machine *m, size_t count, pickle_kind kind)
{
    CX_TRY(need_depth(m, count + 1));
    return add_items(m, m->depth - count, kind);
}

static cx_status add_marked(machine *m, pickle_kind kind)
{
    size_t begin = 0;
    CX_TRY(pop_mark(m, 1, &begin));
    return add_items(m, begin, kind);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static cx_status global(machine *m)
{
    const char *module = NULL, *name = NULL;
    size_t module_len = 0, name_len = 0;
    uint32_t id = 0;
    CX_TRY(read_line(m, &module, &module_len));
    CX_TRY(read_line(m, &name, &name_len));
    CX_TRY(cx__pickle_global(&m->p, module, module_len, name, name_len, &id));
    return push(m, id);
}

static cx_status stack_global(machine *m)
{
    uint32_t id = 0;
    CX_TRY(need_depth(m, 2));
    const pickle_node *name = &m->p.nodes[m->stack[m->depth - 1]];
    const pickle_node *module = &m->p.nodes[m->stack[m->depth - 2]];
    if (module->kind != PICKLE_TEXT || name->kind != PICKLE_TEXT)
        return CX_FAIL(CX_EFORMAT, "STACK_GLOBAL: expected two texts, found %s and %s",
                       cx__pickle_kind_name(module->kind), cx__pickle_kind_name(name->kind));
    CX_TRY(cx__pickle_global(&m->p, module->u.text, module->count, name->u.text, name->count, &id));
    m->depth -= 2;
    return push(m, id);
}

static cx_status reduce(machine *m)
{
    uint32_t id = 0;
    CX_TRY(need_depth(m, 2));
    CX_TRY(cx__pickle_call(&m->p, m->stack[m->depth - 2], m->stack[m->depth - 1], &id));
    m->depth -= 2;
    return push(m, id);
}

static cx_status persistent(machine *m)
{
    uint32_t id = 0;
    CX_TRY(need_depth(m, 1));
    CX_TRY(cx__pickle_persistent(&m->p, m->stack[m->depth - 1], &id));
    m->depth--;
    return push(m, id);
}

/* A state_dict carries its modules' versions as an attribute, which is dropped. */
static cx_status build(machine *m)
{
    CX_TRY(need_depth(m, 2));
    uint32_t state = m->stack[m->depth - 1], object = m->stack[m->depth - 2];
    if (m->p.nodes[object].kind != PICKLE_DICT || m->p.nodes[state].kind != PICKLE_DICT)
        return CX_FAIL(CX_EFORMAT, "BUILD: expected a dict and its attributes, found %s and %s",
                       cx__pickle_kind(&m->p, object), cx__pickle_kind(&m->p, state));
    m->depth--;
    return CX_OK;
}

/* ---- Opcodes --------------------------------------------------------------------------------- */

static cx_status proto(machine *m)
{
    uint64_t version = 0;
    CX_TRY(read_number(m, 1, &version));
    if (m->at) return CX_FAIL(CX_EFORMAT, "PROTO: expected at the beginning only");
    if (version > 5)
        return CX_FAIL(CX_EUNSUPPORTED, "protocol: expected at most 5, found %" PRIu64, version);
    return CX_OK;
}

static cx_status frame(machine *m)
{
    uint64_t len = 0;
    CX_TRY(read_number(m, 8, &len));
    if (m->framed) return CX_FAIL(CX_EFORMAT, "a frame begins in a frame");
    if (len > m->total - m->in.at)
        return CX_FAIL(CX_EFORMAT, "frame: expected at most %zu bytes, found %" PRIu64,
                       m->total - m->in.at, len);
    m->in.len = m->in.at + (size_t)len;
    m->framed = true;
    return CX_OK;
}

static cx_status stop(machine *m)
{
    if (m->depth != 1 || m->mark_count)
        return CX_FAIL(CX_EFORMAT, "STOP: expected one value on the stack, found %zu and %zu marks",
                       m->depth, m->mark_count);
    if (m->framed && m->in.at != m->in.len)
        return CX_FAIL(CX_EFORMAT, "STOP: expected the end of the frame, found %zu bytes more",
                       m->in.len - m->in.at);
    m->p.root = m->stack[0];
    m->p.len = m->in.at;
    m->done = true;
    return CX_OK;
}

static cx_status memo_op(machine *m, enum opcode op)
{
    uint64_t n = m->memo_count;
    if (op != MEMOIZE) CX_TRY(read_number(m, op == BINPUT || op == BINGET ? 1 : 4, &n));
    return op == BINGET || op == LONG_BINGET ? memo_get(m, (size_t)n) : memo_put(m, (size_t)n);
}

static cx_status number_op(machine *m, enum opcode op)
{
    uint64_t n = 0;
    switch (op) {
    case INT: return push_decimal(m, false);
    case LONG: return push_decimal(m, true);
    case LONG1: return push_long(m, 1);
    case LONG4: return push_long(m, 4);
    case BININT: CX_TRY(read_number(m, 4, &n)); return push_int(m, (int32_t)(uint32_t)n);
    case BINFLOAT:
        CX_TRY(read_number(m, 8, &n));
        return push_new(m, (pickle_node){ .kind = PICKLE_OTHER });
    default: CX_TRY(read_number(m, op == BININT1 ? 1 : 2, &n)); return push_int(m, (int64_t)n);
    }
}

static cx_status list_op(machine *m, enum opcode op)
{
    size_t begin = 0;
    switch (op) {
    case EMPTY_DICT: return push_list(m, PICKLE_DICT);
    case EMPTY_TUPLE: return push_list(m, PICKLE_TUPLE);
    case TUPLE: CX_TRY(pop_mark(m, 0, &begin)); return make_tuple(m, begin);
    case TUPLE1: return make_tuple_of(m, 1);
    case TUPLE2: return make_tuple_of(m, 2);
    case TUPLE3: return make_tuple_of(m, 3);
    case APPEND: return add_top(m, 1, PICKLE_LIST);
    case SETITEM: return add_top(m, 2, PICKLE_DICT);
    case SETITEMS: return add_marked(m, PICKLE_DICT);
    case APPENDS: return add_marked(m, PICKLE_LIST);
    default: return push_list(m, PICKLE_LIST);
    }
}

static cx_status step(machine *m, enum opcode op)
{
    switch (op) {
    case PROTO: return proto(m);
    case FRAME: return frame(m);
    case STOP: return stop(m);
    case MARK: return push_mark(m);
    case NONE: return push_new(m, (pickle_node){ .kind = PICKLE_NONE });
    case NEWTRUE: return push_bool(m, true);
    case NEWFALSE: return push_bool(m, false);
    case INT:
    case LONG:
    case LONG1:
    case LONG4:
    case BININT:
    case BININT1:
    case BININT2:
    case BINFLOAT: return number_op(m, op);
    case BINUNICODE: return push_text(m, 4, true);
    case SHORT_BINUNICODE: return push_text(m, 1, true);
    case BINUNICODE8: return push_text(m, 8, true);
    case BINSTRING: return push_text(m, 4, false);
    case SHORT_BINSTRING: return push_text(m, 1, false);
    case SHORT_BINBYTES: return push_other(m, 1);
    case BINBYTES: return push_other(m, 4);
    case BINBYTES8: return push_other(m, 8);
    case EMPTY_DICT:
    case EMPTY_LIST:
    case EMPTY_TUPLE:
    case TUPLE:
    case TUPLE1:
    case TUPLE2:
    case TUPLE3:
    case APPEND:
    case APPENDS:
    case SETITEM:
    case SETITEMS: return list_op(m, op);
    case BINPUT:
    case LONG_BINPUT:
    case BINGET:
    case LONG_BINGET:
    case MEMOIZE: return memo_op(m, op);
    case GLOBAL: return global(m);
    case STACK_GLOBAL: return stack_global(m);
    case REDUCE: return reduce(m);
    case BUILD: return build(m);
    case BINPERSID: return persistent(m);
    }
    if (refused[op])
        return CX_FAIL(CX_EFORMAT, "expected tensors and plain values, found %s", refused[op]);
    return CX_FAIL(CX_EFORMAT, "expected an opcode, found byte 0x%02x", (unsigned)op);
}

static cx_status run(machine *m)
{
    while (!m->done) {
        uint8_t op;
        if (m->in.at == m->in.len) { /* the end of a frame */
            m->in.len = m->total;
            m->framed = false;
        }
        m->at = m->in.at;
        if (!cx__read_u8(&m->in, &op)) {
            if (m->total == LEN_MAX) return cx__pickle_too_many("bytes", LEN_MAX);
            return CX_FAIL(CX_EFORMAT, "the pickle ends without STOP");
        }
        CX_TRY(step(m, op));
    }
    return CX_OK;
}

cx_status cx__pickle_read(const uint8_t *data, size_t len, const char *where, pickle *out)
{
    size_t total = len < LEN_MAX ? len : LEN_MAX;
    machine m = { .in = { data, total, 0 }, .total = total };
    cx_status st = run(&m);
    cx__free(m.stack);
    cx__free(m.marks);
    cx__free(m.memo);
    if (st != CX_OK) {
        cx__pickle_free(&m.p);
        return cx__fail_in(st, "%s: byte %zu", where, m.at);
    }
    *out = m.p;
    return CX_OK;
}

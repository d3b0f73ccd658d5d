/* Arithmetic with Python's rules: // and % round down, / gives a float, ** may give either.
 * Integers are 64 bits; what would not fit fails instead of growing.
 * Tested by tests/unit/test_template.c. */
#include "jinja.h"
#include <math.h>

static const char *const signs[] = { "+", "-", "*", "/", "//", "%", "**" };

static jval type_error(jctx *c, int op, jval a, jval b)
{
    if (a.type == J_UNDEF || b.type == J_UNDEF) cx__jfail_undef(c, a.type == J_UNDEF ? a : b);
    cx__jfail(c, CX_EFORMAT, "'%s' cannot be used between '%s' and '%s'", signs[op],
              cx__jtype_name(a), cx__jtype_name(b));
    return cx__jundef(NULL, J_MISSING);
}

bool cx__jint_pow(int64_t base, int64_t exp, int64_t *out)
{
    int64_t result = 1;
    for (; exp; exp >>= 1) {
        if ((exp & 1) && __builtin_mul_overflow(result, base, &result)) return false;
        if (exp > 1 && __builtin_mul_overflow(base, base, &base)) return false;
    }
    *out = result;
    return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static bool int_math(int op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case J_OP_ADD: return !__builtin_add_overflow(a, b, out);
    case J_OP_SUB: return !__builtin_sub_overflow(a, b, out);
    case J_OP_MUL: return !__builtin_mul_overflow(a, b, out);
    case J_OP_FLOORDIV:
        return b == -1 ? !__builtin_sub_overflow(0, a, out) : (*out = floor_div(a, b), true);
    case J_OP_MOD: return *out = b == -1 ? 0 : a - floor_div(a, b) * b, true;
    default: return cx__jint_pow(a, b, out);
    }
}

/* Python's float_divmod: the remainder has the divisor's sign. */
static double float_mod(double a, double b)
{
    double m = fmod(a, b);
    if (m != 0) return (b < 0) != (m < 0) ? m + b : m;
    return copysign(0, b);
}

static double float_floor_div(double a, double b)
{
    double div = (a - float_mod(a, b)) / b, down = floor(div);
    if (div == 0) return copysign(0, a / b);
    return div - down > 0.5 ? down + 1 : down;
}

static double float_math(int op, double a, double b)
{
    switch (op) {
    case J_OP_ADD: return a + b;
    case J_OP_SUB: return a - b;
    case J_OP_MUL: return a * b;
    case J_OP_DIV: return a / b;
    case J_OP_FLOORDIV: return float_floor_div(a, b);
    case J_OP_MOD: return float_mod(a, b);
    default: return pow(a, b);
    }
}

static jval num_math(jctx *c, int op, jval a, jval b)
{
    bool ints = cx__jis_int(a) && cx__jis_int(b);
    double x = cx__jnum_of(a), y = cx__jnum_of(b);
    int64_t out;
    if ((y == 0 && (op == J_OP_DIV || op == J_OP_FLOORDIV || op == J_OP_MOD)) ||
        (op == J_OP_POW && x == 0 && y < 0)) {
        cx__jfail(c, CX_EFORMAT, "division by zero");
        return cx__jundef(NULL, J_MISSING);
    }
    if (ints && op != J_OP_DIV && !(op == J_OP_POW && y < 0)) {
        if (int_math(op, cx__jint_of(a), cx__jint_of(b), &out)) return cx__jint(out);
        cx__jfail(c, CX_ELIMIT, "an integer does not fit in 64 bits");
        return cx__jundef(NULL, J_MISSING);
    }
    if (op == J_OP_POW && x < 0 && y != floor(y)) {
        cx__jfail(c, CX_EFORMAT, "a power of a negative number is complex");
        return cx__jundef(NULL, J_MISSING);
    }
    return cx__jfloat(float_math(op, x, y));
}

static jval list_add(jctx *c, jval a, jval b)
{
    jval out = cx__jlist(c, a.type, a.l->len + b.l->len);
    if (!cx__jstep(c, (a.l->len + b.l->len) / 8) || out.l->cap < a.l->len + b.l->len) return out;
    if (a.l->len) memcpy(out.l->items, a.l->items, a.l->len * sizeof a);
    if (b.l->len) memcpy(out.l->items + a.l->len, b.l->items, b.l->len * sizeof a);
    out.l->len = a.l->len + b.l->len;
    return out;
}

static jval repeat_str(jctx *c, jval s, size_t times)
{
    size_t len;
    char *p;
    if (!cx__mul(s.s->len, times, &len)) len = SIZE_MAX;
    if (len > J_MAX_OUTPUT) {
        cx__jfail(c, CX_ELIMIT, "the text is longer than %d MB", J_MAX_OUTPUT >> 20);
        return s;
    }
    if (!len) return cx__jstr_slice(c, s, 0, 0);
    if (!cx__jstep_bytes(c, len) || !(p = cx__jalloc(c, len))) return s;
    for (size_t at = 0; at < len; at += s.s->len) memcpy(p + at, s.s->p, s.s->len);
    return cx__jstr_markup(c, cx__jstr_view(c, p, len), s.s->markup);
}

static jval repeat_list(jctx *c, jval l, size_t times)
{
    size_t len;
    jval out;
    if (!cx__mul(l.l->len, times, &len)) len = SIZE_MAX;
    out = cx__jlist(c, l.type, len);
    if (!cx__jstep(c, len / 8)) return out;
    for (size_t i = 0; i < len; i++)
        if (!cx__jlist_push(c, out, l.l->items[i % l.l->len])) break;
    return out;
}

jval cx__jarith(jctx *c, int op, jval a, jval b)
{
    jval swap;
    if (cx__jis_num(a) && cx__jis_num(b)) return num_math(c, op, a, b);
    if (op == J_OP_ADD && a.type == J_STR && b.type == J_STR) return cx__jstr_concat(c, a, b);
    if (op == J_OP_ADD && cx__jis_seq(a) && a.type == b.type) return list_add(c, a, b);
    if (op == J_OP_MUL && cx__jis_int(a) && (b.type == J_STR || cx__jis_seq(b)))
        swap = a, a = b, b = swap;
    if (op == J_OP_MUL && cx__jis_int(b) && (a.type == J_STR || cx__jis_seq(a))) {
        int64_t n = cx__jint_of(b);
        size_t times = n > 0 ? (size_t)n : 0;
        return a.type == J_STR ? repeat_str(c, a, times) : repeat_list(c, a, times);
    }
    return type_error(c, op, a, b);
}

jval cx__jnegate(jctx *c, jval v, bool minus)
{
    if (v.type == J_FLOAT) return cx__jfloat(minus ? -v.d : v.d);
    if (cx__jis_int(v) && !(minus && cx__jint_of(v) == INT64_MIN))
        return cx__jint(minus ? -cx__jint_of(v) : cx__jint_of(v));
    if (v.type == J_UNDEF) cx__jfail_undef(c, v);
    cx__jfail(c, CX_EFORMAT, "'%s' cannot be negated", cx__jtype_name(v));
    return v;
}

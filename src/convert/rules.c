/* Rules files: parsing and matching. Globs by fnmatch, regular expressions by PCRE2 with limits.
 * Tested by tests/unit/test_convert_rules.c and tests/fuzz/fuzz_rules.c. */
#include "convert/rules.h"
#include "convert/hash.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fnmatch.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20, RULES_MAX = 10000, CONDITIONS = 8 };
/* Of regular expressions: bytes compiled of a whole file; steps and KiB of one match. */
enum { COMPILED_MAX = 8 << 20, STEPS_MAX = 100000, HEAP_MAX_KIB = 16 << 10 };

typedef enum subject { OF_LAYER, OF_ROWS, OF_COLS, OF_PARAMS, OF_DIMS } subject;

typedef struct condition {
    subject of;
    char op[3]; /* "<", "<=", ">", ">=", "=", "!=" */
    int64_t value;
} condition;

typedef struct rule {
    char *glob;        /* or */
    pcre2_code *regex; /* searched for, not anchored */
    condition conditions[CONDITIONS];
    int count;
    cx_convert_choice choice;
} rule;

struct cx__rules {
    rule *list;
    size_t count, cap;
    uint64_t hash;
    pcre2_general_context *memory;
    size_t compiled; /* bytes of all regular expressions */
};

/* One line being read. */
typedef struct line {
    cx__rules *rules;
    const char *where;
    size_t number;
    char *at; /* NUL-terminated rest */
} line;

static void *allocate(size_t size, void *unused)
{
    (void)unused;
    return cx__alloc(size);
}

static void release(void *p, void *unused)
{
    (void)unused;
    cx__free(p);
}

#define LINE_FAIL(l, code, ...) line_fail(l, code, cx__format(__VA_ARGS__))
static cx_status line_fail(const line *l, cx_status code, char *text)
{
    cx_status st = CX_FAIL(code, "%s: line %zu: %s", l->where, l->number, text ? text : "");
    cx__free(text);
    return st;
}

/* ---- words ---- */

/* Next word, NULL at the end or at a comment. */
static char *next_word(line *l)
{
    char *word = l->at + strspn(l->at, " \t\r");
    if (!*word || *word == '#') return NULL;
    l->at = word + strcspn(word, " \t\r");
    if (*l->at) *l->at++ = '\0';
    return word;
}

static bool parse_number(const char *text, int64_t *out)
{
    char *end;
    if (strlen(text) > 15 || !*text) return false;
    *out = strtoll(text, &end, 10);
    return !*end;
}

static cx_status read_condition(const line *l, rule *r, const char *word)
{
    static const char *const names[] = { "layer", "rows", "cols", "params", "dims" };
    static const char *const ops[] = { "<=", ">=", "!=", "<", ">", "=" };
    condition c = { OF_LAYER, "", 0 };
    size_t len = strcspn(word, "<>=!"), op = 0;
    for (size_t i = 0; i < 5; i++)
        if (strlen(names[i]) == len && !strncmp(names[i], word, len)) c.of = (subject)i;
    while (op < 6 && strncmp(word + len, ops[op], strlen(ops[op])) != 0) op++;
    if (op == 6 || !parse_number(word + len + strlen(ops[op]), &c.value))
        return LINE_FAIL(l, CX_EFORMAT, "expected a whole number behind the sign, found '%s'",
                         word);
    if (r->count == CONDITIONS)
        return LINE_FAIL(l, CX_ELIMIT, "expected at most %d conditions", CONDITIONS);
    snprintf(c.op, sizeof c.op, "%s", ops[op]);
    r->conditions[r->count++] = c;
    return CX_OK;
}

static bool is_condition(const char *word)
{
    static const char *const names[] = { "layer", "rows", "cols", "params", "dims" };
    size_t len = strcspn(word, "<>=!");
    for (size_t i = 0; i < 5 && word[len]; i++)
        if (strlen(names[i]) == len && !strncmp(names[i], word, len)) return true;
    return false;
}

static cx_status read_action(const line *l, rule *r, const char *word)
{
    int64_t n = 0;
    const cx_quant_mode *mode;
    if (!strcmp(word, "leave")) return r->choice.leave = true, CX_OK;
    if (!strncmp(word, "mode=", 5)) {
        if (cx_quant_mode_find(word + 5, &mode) != CX_OK)
            return LINE_FAIL(l, CX_EFORMAT, "%s", cx_error());
        r->choice.mode = mode->name;
        return CX_OK;
    }
    bool bits = !strncmp(word, "bits=", 5), group = !strncmp(word, "group=", 6);
    if (!bits && !group)
        return LINE_FAIL(l, CX_EFORMAT,
                         "expected a condition (layer, rows, cols, params, dims) or bits=, group=, "
                         "mode=, leave; found '%s'",
                         word);
    if (!parse_number(strchr(word, '=') + 1, &n) || n < 1 || n > 128)
        return LINE_FAIL(l, CX_EFORMAT, "expected a number from 1 to 128, found '%s'", word);
    if (bits) r->choice.bits = (int)n;
    else r->choice.group_size = (int)n;
    return CX_OK;
}

/* ---- patterns ---- */

static cx_status read_regex(const line *l, rule *r, const char *text, size_t len)
{
    int error = 121;
    PCRE2_SIZE at = 0, size = 0;
    char why[128] = "";
    pcre2_compile_context *context = pcre2_compile_context_create(l->rules->memory);
    if (context)
        r->regex = pcre2_compile((PCRE2_SPTR)text, len, PCRE2_NEVER_BACKSLASH_C, &error, &at,
                                 context);
    pcre2_compile_context_free(context);
    if (r->regex) {
        pcre2_pattern_info(r->regex, PCRE2_INFO_SIZE, &size);
        l->rules->compiled += size;
        if (l->rules->compiled <= COMPILED_MAX) return CX_OK;
        return LINE_FAIL(l, CX_ELIMIT, "regular expressions: together they take more than %d MiB",
                         COMPILED_MAX >> 20);
    }
    if (error == 121 || error == PCRE2_ERROR_NOMEMORY) /* 121: the same, while compiling */
        return LINE_FAIL(l, CX_ENOMEM, "no memory");
    pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
    return LINE_FAIL(l, CX_EFORMAT, "regular expression: %s at its byte %zu", why, (size_t)at);
}

static cx_status read_pattern(const line *l, rule *r, const char *word)
{
    size_t len = strlen(word);
    if (len > 512) return LINE_FAIL(l, CX_ELIMIT, "expected a pattern of at most 512 bytes");
    if (len >= 2 && word[0] == '/' && word[len - 1] == '/')
        return read_regex(l, r, word + 1, len - 2);
    /* fnmatch backtracks from star to star. */
    size_t stars = 0;
    for (const char *p = word; *p; p++) stars += *p == '*';
    if (stars > 8) return LINE_FAIL(l, CX_ELIMIT, "expected at most 8 stars in a pattern");
    r->glob = cx__strdup(word);
    return r->glob ? CX_OK : LINE_FAIL(l, CX_ENOMEM, "no memory");
}

static void free_rule(rule *r)
{
    cx__free(r->glob);
    pcre2_code_free(r->regex);
}

static cx_status read_words(line *l, rule *r, const char *word)
{
    const cx_convert_choice *c = &r->choice;
    CX_TRY(read_pattern(l, r, word));
    while ((word = next_word(l)))
        CX_TRY(is_condition(word) ? read_condition(l, r, word) : read_action(l, r, word));
    bool packs = c->bits || c->group_size || c->mode;
    if (packs != c->leave) return CX_OK;
    return LINE_FAIL(l, CX_EFORMAT, "expected %s",
                     packs ? "bits, group and mode, or leave, not both"
                           : "bits=, group=, mode= or leave");
}

static cx_status read_line(line *l)
{
    cx__rules *rules = l->rules;
    const char *word = next_word(l);
    if (!word) return CX_OK;
    if (rules->count == RULES_MAX)
        return LINE_FAIL(l, CX_ELIMIT, "expected at most %d rules", RULES_MAX);
    if (!cx__grow(&rules->list, &rules->cap, rules->count, sizeof *rules->list))
        return LINE_FAIL(l, CX_ENOMEM, "no memory");
    rule *r = &rules->list[rules->count++];
    *r = (rule){ 0 };
    return read_words(l, r, word);
}

/* ---- the file ---- */

cx_status cx__rules_parse(const char *text, size_t len, const char *where, cx__rules **out)
{
    cx__rules *rules = cx__calloc(1, sizeof *rules);
    char *copy = cx__strndup(text, len);
    if (rules) rules->memory = pcre2_general_context_create(allocate, release, NULL);
    cx_status st = copy && rules && rules->memory ? CX_OK
                                                  : CX_FAIL(CX_ENOMEM, "%s: no memory", where);
    line l = { rules, where, 0, NULL };
    if (st == CX_OK && strlen(copy) < len)
        st = CX_FAIL(CX_EFORMAT, "%s: expected text, found a NUL", where);
    for (char *next = copy; next && st == CX_OK;) {
        l.at = next;
        l.number++;
        next = strchr(next, '\n');
        if (next) *next++ = '\0';
        st = read_line(&l);
    }
    cx__free(copy);
    if (st != CX_OK) {
        cx__rules_free(rules);
        return st;
    }
    rules->hash = cx__hash(text, len);
    *out = rules;
    return CX_OK;
}

cx_status cx__rules_open(const char *path, cx__rules **out)
{
    char *text;
    size_t len;
    CX_TRY(cx__read_file(path, FILE_MAX, &text, &len));
    cx_status st = cx__rules_parse(text, len, path, out);
    cx__free(text);
    return st;
}

void cx__rules_free(cx__rules *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->count; i++) free_rule(&r->list[i]);
    pcre2_general_context_free(r->memory);
    cx__free(r->list);
    cx__free(r);
}

uint64_t cx__rules_hash(const cx__rules *r)
{
    return r->hash;
}

/* ---- matching ---- */

static cx_status matches(const cx__rules *rules, const rule *r, const char *path, bool *out)
{
    *out = false;
    if (r->glob) return *out = fnmatch(r->glob, path, FNM_NOESCAPE) == 0, CX_OK;
    pcre2_match_data *data = pcre2_match_data_create(1, rules->memory);
    pcre2_match_context *limits = pcre2_match_context_create(rules->memory);
    int found = PCRE2_ERROR_NOMEMORY;
    if (data && limits) {
        pcre2_set_match_limit(limits, STEPS_MAX);
        pcre2_set_heap_limit(limits, HEAP_MAX_KIB);
        found = pcre2_match(r->regex, (PCRE2_SPTR)path, strlen(path), 0, 0, data, limits);
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    *out = found >= 0;
    if (found >= 0 || found == PCRE2_ERROR_NOMATCH) return CX_OK;
    return CX_FAIL(found == PCRE2_ERROR_NOMEMORY ? CX_ENOMEM : CX_ELIMIT,
                   "a rule's regular expression gave up on '%s'", path);
}

static int64_t value_of(const cx_convert_module *m, subject of)
{
    int64_t cols = m->ndim ? m->shape[m->ndim - 1] : 1, rows = 1;
    for (int i = 0; i + 1 < m->ndim; i++) rows *= m->shape[i];
    switch (of) {
    case OF_LAYER: return m->layer;
    case OF_ROWS: return rows;
    case OF_COLS: return cols;
    case OF_PARAMS: return rows * cols;
    case OF_DIMS: return m->ndim;
    }
    return 0;
}

/* A negative layer counts from the end; a module outside of the layers fits no layer condition. */
static bool holds(const condition *c, const cx_convert_module *m)
{
    int64_t have = value_of(m, c->of), want = c->value;
    if (c->of == OF_LAYER && m->layer < 0) return false;
    if (c->of == OF_LAYER && want < 0) want += m->layers;
    if (!strcmp(c->op, "<")) return have < want;
    if (!strcmp(c->op, "<=")) return have <= want;
    if (!strcmp(c->op, ">")) return have > want;
    if (!strcmp(c->op, ">=")) return have >= want;
    return (have == want) == (c->op[0] == '=');
}

cx_status cx__rules_choose(const cx__rules *r, const cx_convert_module *m,
                           cx_convert_choice *choice)
{
    for (size_t i = 0; i < r->count; i++) {
        const rule *x = &r->list[i];
        bool fits = true;
        for (int k = 0; k < x->count && fits; k++) fits = holds(&x->conditions[k], m);
        if (fits) CX_TRY(matches(r, x, m->path, &fits));
        if (!fits) continue;
        *choice = x->choice;
        return CX_OK;
    }
    return CX_OK;
}

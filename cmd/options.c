/* The option parser and the help texts. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cx_opt cx_common_opts[] = { { 'q', "quiet", CX_OPT_FLAG, offsetof(cx_common_args, quiet),
                                    NULL, 0, 0, NULL,
                                    "no progress and no notes on standard error" },
                                  { 'h', "help", CX_OPT_FLAG, offsetof(cx_common_args, help), NULL,
                                    0, 0, NULL, "show this help" },
                                  { .kind = CX_OPT_END } };

#define CX_ALIAS(name, command)
#define CX_COMMAND(name) extern const cx_command cx_cmd_##name;
#include "commands.def"
#undef CX_COMMAND
#define CX_COMMAND(name) &cx_cmd_##name,
const cx_command *const cx_commands[] = {
#include "commands.def"
    NULL
};
#undef CX_COMMAND
#undef CX_ALIAS

const cx_command *cx_command_find(const char *name)
{
#define CX_COMMAND(command)
#define CX_ALIAS(other, command)                                                                   \
    if (!strcmp(name, #other)) return &cx_cmd_##command;
#include "commands.def"
#undef CX_COMMAND
#undef CX_ALIAS
    for (size_t i = 0; cx_commands[i]; i++) {
        if (!strcmp(cx_commands[i]->name, name)) return cx_commands[i];
    }
    return NULL;
}

/* Edit distance with swaps of neighbours; words over 31 letters are never near. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 32 };
    size_t d[MAX][MAX], n = strlen(a), m = strlen(b);
    if (n >= MAX || m >= MAX) return SIZE_MAX;
    for (size_t i = 0; i <= n; i++) d[i][0] = i;
    for (size_t j = 0; j <= m; j++) d[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        for (size_t j = 1; j <= m; j++) {
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n][m];
}

const char *cx_word_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t least = strlen(word) / 3 + 2; /* one slip in short words, a third of the long ones */
    for (; *words; words++) {
        size_t d = strncmp(*words, word, strlen(word)) ? distance(word, *words) : 1;
        if (d < least) {
            least = d;
            best = *words;
        }
    }
    return best;
}

/* ---- parsing ---- */

static bool one_of(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; n && at; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (!strncmp(at, word, n) && (at[n] == '|' || !at[n])) return true;
    }
    return false;
}

static cx_status store_int(const cx_opt *o, const char *text, char *at)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || (double)v < o->lo || (double)v > o->hi)
        return CX_FAIL(CX_EARG, "--%s: '%s' is not a whole number from %.15g to %.15g", o->name,
                       text, o->lo, o->hi);
    int64_t value = v;
    memcpy(at, &value, sizeof value);
    return CX_OK;
}

static cx_status store_num(const cx_opt *o, const char *text, char *at)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v >= o->lo && v <= o->hi))
        return CX_FAIL(CX_EARG, "--%s: '%s' is not a number from %g to %g", o->name, text, o->lo,
                       o->hi);
    memcpy(at, &v, sizeof v);
    return CX_OK;
}

static cx_status store_item(const cx_opt *o, const char *text, char *at)
{
    cx_opt_list *list = (cx_opt_list *)(void *)at;
    if (list->count == CX_OPT_LIST_MAX)
        return CX_FAIL(CX_EARG, "--%s: given more than %d times", o->name, CX_OPT_LIST_MAX);
    list->item[list->count++] = text;
    return CX_OK;
}

static cx_status store(const cx_opt *o, const char *text, void *args)
{
    char *at = (char *)args + o->offset;
    bool yes = true;
    switch (o->kind) {
    case CX_OPT_FLAG: memcpy(at, &yes, sizeof yes); return CX_OK;
    case CX_OPT_INT: return store_int(o, text, at);
    case CX_OPT_NUM: return store_num(o, text, at);
    case CX_OPT_LIST: return store_item(o, text, at);
    case CX_OPT_CHOICE:
        if (!one_of(o->value, text))
            return CX_FAIL(CX_EARG, "--%s: '%s' is none of %s", o->name, text, o->value);
        break;
    default: break;
    }
    memcpy(at, &text, sizeof text);
    return CX_OK;
}

/* One command line on its way. */
typedef struct parse {
    const cx_command *c;
    void *args;
    cx_common_args *common;
    char **argv;
    int argc, at;
    size_t positions; /* arguments by position so far */
} parse;

/* The option called name (len bytes) or letter; *args: the struct that it fills. */
static const cx_opt *lookup(const parse *p, const char *name, size_t len, char letter, void **args)
{
    const cx_opt *tables[] = { p->c->opts, cx_common_opts };
    for (size_t t = 0; t < 2; t++) {
        *args = t ? (void *)p->common : p->args;
        for (const cx_opt *o = tables[t]; o->kind != CX_OPT_END; o++) {
            if (o->kind == CX_OPT_POS) continue;
            if (letter ? o->letter == letter
                       : strlen(o->name) == len && !memcmp(o->name, name, len))
                return o;
        }
    }
    return NULL;
}

static cx_status unknown_option(const parse *p, const char *name, size_t len)
{
    const char *words[64];
    size_t n = 0;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(len < 63 ? len : 63), name);
    for (const cx_opt *o = p->c->opts; o->kind != CX_OPT_END && n < 60; o++) {
        if (o->kind != CX_OPT_POS) words[n++] = o->name;
    }
    words[n++] = "quiet";
    words[n++] = "help";
    words[n] = NULL;
    const char *near = cx_word_nearest(word, words);
    if (near) return CX_FAIL(CX_EARG, "no option --%s; did you mean --%s?", word, near);
    return CX_FAIL(CX_EARG, "no option --%s", word);
}

static cx_status parse_long(parse *p, const char *arg)
{
    const char *eq = strchr(arg, '=');
    size_t len = eq ? (size_t)(eq - arg) : strlen(arg);
    void *args;
    const cx_opt *o = lookup(p, arg, len, 0, &args);
    if (!o) return unknown_option(p, arg, len);
    if (o->kind == CX_OPT_FLAG) {
        if (eq) return CX_FAIL(CX_EARG, "--%s takes no value", o->name);
        return store(o, "", args);
    }
    if (eq) return store(o, eq + 1, args);
    if (p->at >= p->argc)
        return CX_FAIL(CX_EARG, "--%s: a value (%s) must follow", o->name, o->value);
    return store(o, p->argv[p->at++], args);
}

/* -x, -x VALUE, -xVALUE, and flags together: -qx. */
static cx_status parse_short(parse *p, const char *letters)
{
    for (; *letters; letters++) {
        void *args;
        const cx_opt *o = lookup(p, NULL, 0, *letters, &args);
        if (!o)
            return CX_FAIL(CX_EARG, "no option -%c",
                           isprint((unsigned char)*letters) ? *letters : '?');
        if (o->kind == CX_OPT_FLAG) {
            CX_TRY(store(o, "", args));
            continue;
        }
        if (letters[1]) return store(o, letters + 1, args);
        if (p->at >= p->argc)
            return CX_FAIL(CX_EARG, "-%c: a value (%s) must follow", o->letter, o->value);
        return store(o, p->argv[p->at++], args);
    }
    return CX_OK;
}

static cx_status parse_position(parse *p, const char *arg)
{
    size_t i = 0;
    for (const cx_opt *o = p->c->opts; o->kind != CX_OPT_END; o++) {
        if (o->kind == CX_OPT_POS && i++ == p->positions) {
            p->positions++;
            return store(o, arg, p->args);
        }
    }
    return CX_FAIL(CX_EARG, "'%s' is one argument too many", arg);
}

static cx_status check_positions(const parse *p)
{
    size_t i = 0;
    for (const cx_opt *o = p->c->opts; o->kind != CX_OPT_END; o++) {
        if (o->kind == CX_OPT_POS && i++ >= p->positions && o->lo > 0)
            return CX_FAIL(CX_EARG, "%s is missing: %s", o->name, o->help);
    }
    return CX_OK;
}

cx_status cx_options_parse(const cx_command *c, int argc, char **argv, void *args,
                           cx_common_args *common)
{
    parse p = { .c = c, .args = args, .common = common, .argv = argv, .argc = argc };
    bool only_positions = false;
    for (const cx_opt *o = c->opts; o->kind != CX_OPT_END; o++) {
        if (o->fallback) CX_TRY(store(o, o->fallback, args));
    }
    while (p.at < argc) {
        const char *arg = argv[p.at++];
        if (only_positions || arg[0] != '-' || !arg[1]) CX_TRY(parse_position(&p, arg));
        else if (!strcmp(arg, "--")) only_positions = true;
        else if (arg[1] == '-') CX_TRY(parse_long(&p, arg + 2));
        else CX_TRY(parse_short(&p, arg + 1));
    }
    return common->help ? CX_OK : check_positions(&p);
}

/* ---- help ---- */

enum { HELP_COLUMN = 28, HELP_WIDTH = 80 };

/* Prints text wrapped to the width, continued at `column`; the cursor stands at `at`. */
static void print_wrapped(FILE *out, const char *text, int at, int column)
{
    fprintf(out, "%*s", at < column ? column - at : 0, "");
    at = at < column ? column : at;
    for (bool first = true; *text; first = false) {
        int n = (int)strcspn(text, " ");
        if (!first && at + 1 + n > HELP_WIDTH) {
            fprintf(out, "\n%*s", column, "");
            at = column;
            first = true;
        }
        at += fprintf(out, "%s%.*s", first ? "" : " ", n, text);
        text += n + (text[n] == ' ');
    }
    fputc('\n', out);
}

static void describe(const cx_opt *o, char *text, size_t len)
{
    const char *again = o->kind == CX_OPT_LIST ? "; may be repeated" : "";
    if (o->fallback && *o->fallback) snprintf(text, len, "%s%s (%s)", o->help, again, o->fallback);
    else snprintf(text, len, "%s%s", o->help, again);
}

static void print_option(FILE *out, const cx_opt *o)
{
    char text[512], head[128];
    describe(o, text, sizeof text);
    if (o->kind == CX_OPT_POS) {
        print_wrapped(out, text, fprintf(out, "  %s ", o->name), HELP_COLUMN);
        return;
    }
    snprintf(head, sizeof head, "  %c%c%c --%s%s%s", o->letter ? '-' : ' ',
             o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name, o->value ? " " : "",
             o->value ? o->value : "");
    fputs(head, out);
    if (strlen(head) >= HELP_COLUMN) fputc('\n', out);
    print_wrapped(out, text, strlen(head) >= HELP_COLUMN ? 0 : (int)strlen(head), HELP_COLUMN);
}

static void print_usage(const cx_command *c, FILE *out)
{
    fprintf(out, "usage: cortex %s", c->name);
    for (const cx_opt *o = c->opts; o->kind != CX_OPT_END; o++) {
        if (o->kind == CX_OPT_POS) fprintf(out, o->lo > 0 ? " %s" : " [%s]", o->name);
    }
    fputs(" [options]\n", out);
}

void cx_options_help(const cx_command *c, FILE *out)
{
    print_usage(c, out);
    fprintf(out, "\n%c%s.\n\n", toupper((unsigned char)c->summary[0]), c->summary + 1);
    for (const cx_opt *o = c->opts; o->kind != CX_OPT_END; o++) print_option(out, o);
    for (const cx_opt *o = cx_common_opts; o->kind != CX_OPT_END; o++) print_option(out, o);
    if (c->more) fprintf(out, "\n%s", c->more);
}

void cx_commands_help(FILE *out)
{
    fputs("usage: cortex COMMAND [arguments]\n\n", out);
    for (size_t i = 0; cx_commands[i]; i++)
        fprintf(out, "  %-12s %s\n", cx_commands[i]->name, cx_commands[i]->summary);
    fputs("\n`cortex COMMAND --help` says more. MODEL is a folder, or the name of a model on the\n"
          "Hugging Face hub (org/name); without it the bundled model is used.\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.\n",
          out);
}

void cx_options_markdown(const cx_command *c, FILE *out)
{
    const cx_opt *tables[] = { c->opts, cx_common_opts };
    for (size_t t = 0; t < 2; t++) {
        for (const cx_opt *o = tables[t]; o->kind != CX_OPT_END; o++) {
            char text[512];
            describe(o, text, sizeof text);
            if (o->kind == CX_OPT_POS) fprintf(out, "*%s*", o->name);
            else if (o->letter) fprintf(out, "**-%c**, **--%s**", o->letter, o->name);
            else fprintf(out, "**--%s**", o->name);
            if (o->value && o->kind != CX_OPT_POS) fprintf(out, " *%s*", o->value);
            fprintf(out, "\n:   %s\n\n", text);
        }
    }
}

/* cortex completions: scripts for bash, zsh and fish, made from the option tables. */
#include "cmd.h"

#include <string.h>

typedef struct completions_args {
    const char *shell;
} completions_args;

static const cx_opt opts[] = { { 0, "SHELL", CX_OPT_POS, offsetof(completions_args, shell), NULL, 1,
                                 0, "bash|zsh|fish", "bash, zsh or fish" },
                               { .kind = CX_OPT_END } };

/* What stands where a value is expected. */
typedef enum value_kind {
    VALUE_NONE,
    VALUE_WORDS,
    VALUE_FOLDER,
    VALUE_FILE,
    VALUE_COMMAND
} value_kind;

static value_kind kind_of(const cx_opt *o)
{
    static const char *const folders[] = { "DIR", "MODEL", "SRC" };
    const char *v = o->value;
    if (!v) return VALUE_NONE;
    if (strchr(v, '|')) return VALUE_WORDS;
    for (size_t i = 0; i < 3; i++) {
        if (!strcmp(v, folders[i])) return VALUE_FOLDER;
    }
    if (!strcmp(v, "COMMAND")) return VALUE_COMMAND;
    return strcmp(v, "FILE") ? VALUE_NONE : VALUE_FILE;
}

/* Calls fn for each option of a command, common ones last. */
static void each_option(const cx_command *c, void (*fn)(const cx_command *c, const cx_opt *o))
{
    const cx_opt *tables[] = { c->opts, cx_common_opts };
    for (size_t t = 0; t < 2; t++) {
        for (const cx_opt *o = tables[t]; o->kind != CX_OPT_END; o++) fn(c, o);
    }
}

/* The words of "a|b|c" with blanks between; for COMMAND the commands. */
static void print_words(const cx_opt *o)
{
    if (kind_of(o) == VALUE_COMMAND) {
        for (size_t i = 0; cx_commands[i]; i++) printf("%s%s", i ? " " : "", cx_commands[i]->name);
        return;
    }
    for (const char *s = o->value; *s; s++) putchar(*s == '|' ? ' ' : *s);
}

/* ---- bash ---- */

static void bash_value(const cx_command *c, const cx_opt *o)
{
    value_kind k = kind_of(o);
    if (o->kind == CX_OPT_POS || o->kind == CX_OPT_FLAG) return;
    printf("        %s:--%s", c->name, o->name);
    if (o->letter) printf("|%s:-%c", c->name, o->letter);
    fputs(") COMPREPLY=(", stdout);
    if (k == VALUE_WORDS) {
        fputs("$(compgen -W '", stdout);
        print_words(o);
        fputs("' -- \"$cur\")", stdout);
    } else if (k == VALUE_FOLDER || k == VALUE_FILE) {
        printf("$(compgen -%c -- \"$cur\")", k == VALUE_FOLDER ? 'd' : 'f');
    }
    fputs("); return ;;\n", stdout);
}

static void bash_name(const cx_command *c, const cx_opt *o)
{
    (void)c;
    if (o->kind != CX_OPT_POS) printf(" --%s", o->name);
}

static void bash_position(const cx_command *c, const cx_opt *o)
{
    value_kind k = kind_of(o);
    if (o->kind != CX_OPT_POS) return;
    printf("        %s) COMPREPLY=($(compgen ", c->name);
    if (k == VALUE_WORDS || k == VALUE_COMMAND) {
        fputs("-W '", stdout);
        print_words(o);
        putchar('\'');
    } else {
        printf("-%c", k == VALUE_FILE ? 'f' : 'd');
    }
    fputs(" -- \"$cur\")) ;;\n", stdout);
}

static void bash(void)
{
    fputs("# bash completion for cortex; source it, or install as\n"
          "# /usr/share/bash-completion/completions/cortex\n"
          "_cortex()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]}\n"
          "    COMPREPLY=()\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        COMPREPLY=($(compgen -W '--help --version",
          stdout);
    for (size_t i = 0; cx_commands[i]; i++) printf(" %s", cx_commands[i]->name);
    fputs("' -- \"$cur\"))\n        return\n    fi\n    case $command:$prev in\n", stdout);
    for (size_t i = 0; cx_commands[i]; i++) each_option(cx_commands[i], bash_value);
    fputs("    esac\n    if [[ $cur == -* ]]; then\n        case $command in\n", stdout);
    for (size_t i = 0; cx_commands[i]; i++) {
        printf("        %s) COMPREPLY=($(compgen -W '", cx_commands[i]->name);
        each_option(cx_commands[i], bash_name);
        fputs("' -- \"$cur\")) ;;\n", stdout);
    }
    fputs("        esac\n        return\n    fi\n    case $command in\n", stdout);
    for (size_t i = 0; cx_commands[i]; i++) {
        /* One kind of argument by position is enough to complete: the first. */
        for (const cx_opt *o = cx_commands[i]->opts; o->kind != CX_OPT_END; o++) {
            if (o->kind != CX_OPT_POS) continue;
            bash_position(cx_commands[i], o);
            break;
        }
    }
    fputs("    esac\n}\ncomplete -o filenames -F _cortex cortex\n", stdout);
}

/* ---- zsh ---- */

/* Text inside a '...[...]' of _arguments: no quotes, brackets or colons. */
static void print_zsh_text(const char *s)
{
    for (; *s; s++) {
        if (*s == '\'') fputs("'\\''", stdout);
        else if (strchr("[]:\\", *s)) printf("\\%c", *s);
        else putchar(*s);
    }
}

static void zsh_action(const cx_opt *o)
{
    switch (kind_of(o)) {
    case VALUE_WORDS:
    case VALUE_COMMAND:
        putchar('(');
        print_words(o);
        putchar(')');
        break;
    case VALUE_FOLDER: fputs("_files -/", stdout); break;
    case VALUE_FILE: fputs("_files", stdout); break;
    case VALUE_NONE: putchar(' '); break;
    }
}

static void zsh_option(const cx_command *c, const cx_opt *o)
{
    (void)c;
    if (o->kind == CX_OPT_POS) {
        fputs(" \\\n            ':", stdout);
        print_zsh_text(o->name);
        putchar(':');
        zsh_action(o);
        putchar('\'');
        return;
    }
    for (int shorter = 0; shorter < (o->letter ? 2 : 1); shorter++) {
        fputs(" \\\n            '", stdout);
        if (o->kind == CX_OPT_LIST) putchar('*');
        if (shorter) printf("-%c", o->letter);
        else printf("--%s", o->name);
        if (o->kind != CX_OPT_FLAG && !shorter) putchar('=');
        putchar('[');
        print_zsh_text(o->help);
        putchar(']');
        if (o->kind != CX_OPT_FLAG) {
            printf(":%s:", o->name);
            zsh_action(o);
        }
        putchar('\'');
    }
}

static void zsh(void)
{
    fputs("#compdef cortex\n# zsh completion for cortex; install as _cortex in a folder of $fpath\n"
          "_cortex()\n{\n    if ((CURRENT == 2)); then\n        local -a commands=(\n",
          stdout);
    for (size_t i = 0; cx_commands[i]; i++)
        printf("            '%s:%s'\n", cx_commands[i]->name, cx_commands[i]->summary);
    fputs("        )\n        _describe command commands\n        return\n    fi\n"
          "    local command=$words[2]\n    shift words\n    ((CURRENT--))\n    case $command in\n",
          stdout);
    for (size_t i = 0; cx_commands[i]; i++) {
        printf("        %s) _arguments", cx_commands[i]->name);
        each_option(cx_commands[i], zsh_option);
        fputs(" ;;\n", stdout);
    }
    fputs("    esac\n}\nif [ \"$funcstack[1]\" = _cortex ]; then\n    _cortex \"$@\"\nelse\n"
          "    compdef _cortex cortex\nfi\n",
          stdout);
}

/* ---- fish ---- */

static void print_fish_text(const char *s)
{
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\') putchar('\\');
        putchar(*s);
    }
}

static void fish_option(const cx_command *c, const cx_opt *o)
{
    value_kind k = kind_of(o);
    bool words = k == VALUE_WORDS || k == VALUE_COMMAND;
    if (o->kind == CX_OPT_POS && !words && k != VALUE_FOLDER) return;
    printf("complete -c cortex -n '__fish_seen_subcommand_from %s'", c->name);
    if (o->kind != CX_OPT_POS) printf(" -l %s", o->name);
    if (o->letter) printf(" -s %c", o->letter);
    if (o->kind != CX_OPT_FLAG && o->kind != CX_OPT_POS)
        fputs(k == VALUE_FILE ? " -rF" : " -x", stdout);
    if (words) {
        fputs(" -a '", stdout);
        print_words(o);
        putchar('\'');
    } else if (k == VALUE_FOLDER) {
        fputs(" -a '(__fish_complete_directories)'", stdout);
    }
    fputs(" -d '", stdout);
    print_fish_text(o->help);
    fputs("'\n", stdout);
}

static void fish(void)
{
    fputs("# fish completion for cortex; install as ~/.config/fish/completions/cortex.fish\n"
          "complete -c cortex -f\n",
          stdout);
    for (size_t i = 0; cx_commands[i]; i++) {
        printf("complete -c cortex -n __fish_use_subcommand -a %s -d '", cx_commands[i]->name);
        print_fish_text(cx_commands[i]->summary);
        fputs("'\n", stdout);
    }
    for (size_t i = 0; cx_commands[i]; i++) each_option(cx_commands[i], fish_option);
}

static int run(void *p)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
    const completions_args *a = p;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, a->shell) != 0) continue;
        shells[i].print();
        return 0;
    }
    fprintf(stderr, "cortex completions: no shell '%s': bash, zsh or fish\n", a->shell);
    return 2;
}

const cx_command cx_cmd_completions = { "completions", "print a completion script for a shell",
                                        opts,          sizeof(completions_args),
                                        run,           NULL };

/* Options of a command as one table: the parser, --help, shell completions and the OPTIONS part of
 * the man pages all read it. Tested by tests/cli. */
#ifndef CX_CMD_OPTIONS_H
#define CX_CMD_OPTIONS_H

#include "base/base.h"
#include <stdio.h>

typedef enum cx_opt_kind {
    CX_OPT_END,
    CX_OPT_FLAG,   /* bool */
    CX_OPT_INT,    /* int64_t in [lo, hi] */
    CX_OPT_NUM,    /* double in [lo, hi] */
    CX_OPT_STR,    /* const char * */
    CX_OPT_CHOICE, /* const char *, one of the words of `value`, "a|b|c" */
    CX_OPT_LIST,   /* cx_opt_list: may be given again and again */
    CX_OPT_POS     /* const char *: an argument by position; lo 1: must be there */
} cx_opt_kind;

typedef struct cx_opt {
    char letter;      /* 0: long form only */
    const char *name; /* without dashes */
    cx_opt_kind kind;
    size_t offset;        /* into the command's argument struct */
    const char *fallback; /* text of the default; NULL: stays zero. Help shows it */
    double lo, hi;
    const char
        *value; /* "N", "FILE", "DIR", "MODEL", "a|b|c": what help shows and the shell completes */
    const char *help;
} cx_opt;

enum { CX_OPT_LIST_MAX = 64 };
typedef struct cx_opt_list {
    const char *item[CX_OPT_LIST_MAX];
    size_t count;
} cx_opt_list;

typedef struct cx_command {
    const char *name;
    const char *summary; /* one line, no full stop */
    const cx_opt *opts;  /* CX_OPT_END terminated */
    size_t args_size;
    int (*run)(void *args); /* exit status */
    const char *more;       /* paragraphs below the options in --help; may be NULL */
} cx_command;

/* What every command takes. */
typedef struct cx_common_args {
    bool help, quiet;
} cx_common_args;
extern const cx_opt cx_common_opts[];

/* All commands, sorted by name, NULL at the end. */
extern const cx_command *const cx_commands[];
const cx_command *cx_command_find(const char *name);

/* Fills args (zeroed, args_size bytes) with defaults, then with argv[0 .. argc). Strings are
 * borrowed from argv. CX_EARG with a sentence that begins with the option. */
cx_status cx_options_parse(const cx_command *c, int argc, char **argv, void *args,
                           cx_common_args *common);
/* --help of one command; all commands. */
void cx_options_help(const cx_command *c, FILE *out);
void cx_commands_help(FILE *out);
/* The OPTIONS part of a man page, in Markdown. */
void cx_options_markdown(const cx_command *c, FILE *out);
/* The closest of the NULL-terminated words, NULL if none is near. */
const char *cx_word_nearest(const char *word, const char *const *words);

#endif

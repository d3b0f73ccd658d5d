/* The program: finds the command, parses its options, runs it. */
#include "cmd.h"

#include <string.h>

int cx_no_command(const char *name)
{
    const char *words[32];
    size_t n = 0;
    for (; cx_commands[n] && n < 31; n++) words[n] = cx_commands[n]->name;
    words[n] = NULL;
    const char *near = cx_word_nearest(name, words);
    if (near) fprintf(stderr, "cortex: no command '%s'; did you mean '%s'?\n", name, near);
    else fprintf(stderr, "cortex: no command '%s'; see `cortex help`\n", name);
    return 2;
}

static void show_log(void *user, cx_log_level level, const char *text)
{
    (void)user;
    if (level > CX_LOG_INFO) return;
    cx_note("%s%s", level == CX_LOG_WARN ? "warning: " : "", text);
}

static int run_command(const cx_command *c, int argc, char **argv)
{
    cx_common_args common = { 0 };
    void *args = cx__calloc(1, c->args_size ? c->args_size : 1);
    int status;
    if (!args) {
        fputs("cortex: no memory\n", stderr);
        return 1;
    }
    if (cx_options_parse(c, argc, argv, args, &common) != CX_OK) {
        fprintf(stderr, "cortex %s: %s\ncortex %s --help says more\n", c->name, cx_error(),
                c->name);
        cx__free(args);
        return 2;
    }
    if (common.help) {
        cx_options_help(c, stdout);
        status = 0;
    } else {
        cx_terminal_init(common.quiet);
        cx_log_set(show_log, NULL);
        status = c->run(args);
    }
    cx__free(args);
    return status ? status : cx_finished();
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        cx_commands_help(stderr);
        return 2;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        printf("cortex %s\n", cx_version());
        return cx_finished();
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        cx_commands_help(stdout);
        return cx_finished();
    }
    const cx_command *c = cx_command_find(name);
    return c ? run_command(c, argc - 2, argv + 2) : cx_no_command(name);
}

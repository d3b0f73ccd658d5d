/* cortex help: the commands, or one of them; also the man pages' OPTIONS. */
#include "cmd.h"

typedef struct help_args {
    const char *command;
    bool markdown;
} help_args;

static const cx_opt opts[] = { { 0, "COMMAND", CX_OPT_POS, offsetof(help_args, command), NULL, 0, 0,
                                 "COMMAND", "show the help of this command" },
                               { 0, "markdown", CX_OPT_FLAG, offsetof(help_args, markdown), NULL, 0,
                                 0, NULL, "only the options, as Markdown for the man page" },
                               { .kind = CX_OPT_END } };

static int run(void *p)
{
    const help_args *a = p;
    if (!a->command) {
        cx_commands_help(stdout);
        return 0;
    }
    const cx_command *c = cx_command_find(a->command);
    if (!c) return cx_no_command(a->command);
    if (a->markdown) cx_options_markdown(c, stdout);
    else cx_options_help(c, stdout);
    return 0;
}

const cx_command cx_cmd_help = { "help", "show the commands, or one in full",
                                 opts,   sizeof(help_args),
                                 run,    NULL };

/* cortex remove: deletes converted models. */
#include "cmd.h"

#include <cortex/convert.h>

typedef struct remove_args {
    const char *model;
} remove_args;

static const cx_opt opts[] = { { 0, "MODEL", CX_OPT_POS, offsetof(remove_args, model), NULL, 1, 0,
                                 "MODEL", "name from cortex list, or a folder that convert made" },
                               { .kind = CX_OPT_END } };

static int run(void *p)
{
    const remove_args *a = p;
    return cx_models_remove(a->model) == CX_OK ? cx_finished() : cx_failed();
}

const cx_command cx_cmd_remove = { "remove", "delete a model that convert made",
                                   opts,     sizeof(remove_args),
                                   run,      "Other folders are refused.\n" };

/* cortex list: the models that cortex convert made. */
#include "cmd.h"

#include <cortex/convert.h>

typedef struct list_args {
    bool json;
} list_args;

static const cx_opt opts[] = { { 'j', "json", CX_OPT_FLAG, offsetof(list_args, json), NULL, 0, 0,
                                 NULL, "print a JSON list of objects" },
                               { .kind = CX_OPT_END } };

static int print_line(void *user, const cx_models_entry *e)
{
    char bytes[32];
    (void)user;
    printf("%-40s  %9s  %-10s  %s\n", e->name, cx_bytes_text(e->bytes, bytes, sizeof bytes),
           *e->recipe ? e->recipe : "-", *e->source ? e->source : "-");
    return 0;
}

static int add_json(void *user, const cx_models_entry *e)
{
    return json_array_append_new(user, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "name", e->name,
                                                 "path", e->path, "source", e->source, "recipe",
                                                 e->recipe, "time", e->time, "bytes",
                                                 (json_int_t)e->bytes));
}

static int run(void *p)
{
    const list_args *a = p;
    json_t *all = a->json ? json_array() : NULL;
    cx_status st = a->json ? cx_models_list(add_json, all) : cx_models_list(print_line, NULL);
    if (st == CX_OK && a->json) st = cx_output_json(all);
    json_decref(all);
    return st == CX_OK ? cx_finished() : cx_failed();
}

const cx_command cx_cmd_list = { "list",
                                 "list the models that convert made",
                                 opts,
                                 sizeof(list_args),
                                 run,
                                 "They are in ~/.cortex/mlx_models ($CORTEX_HOME/mlx_models); each "
                                 "can be named as MODEL.\n" };

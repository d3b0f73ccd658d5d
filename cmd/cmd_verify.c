/* cortex verify: every hash, shape and quantization triplet of a converted folder. */
#include "cmd.h"

#include <cortex/convert.h>
#include <cortex/model.h>

typedef struct verify_args {
    const char *model;
} verify_args;

static const cx_opt opts[] = { { 0, "MODEL", CX_OPT_POS, offsetof(verify_args, model), NULL, 0, 0,
                                 "MODEL", "folder that cortex convert wrote, or any MLX folder" },
                               { .kind = CX_OPT_END } };

/* What the engine expects of its architecture: shapes against config.json. */
static cx_status check_model(const char *folder)
{
    cx_model *m = NULL;
    cx_status st = cx_model_open(folder, NULL, &m);
    cx_model_close(m);
    return st == CX_EUNSUPPORTED ? CX_OK : st;
}

static int run(void *p)
{
    const verify_args *a = p;
    char *folder = NULL;
    size_t checked = 0;
    cx_status st = cx_model_find(a->model, &folder);
    if (st == CX_OK) st = cx_verify(folder, cx_progress_show, NULL, &checked);
    if (st == CX_OK) st = check_model(folder);
    cx_progress_clear();
    if (st == CX_OK && checked) printf("%s: whole; %zu hashes compared\n", folder, checked);
    if (st == CX_OK && !checked)
        printf("%s: consistent; it carries no hashes, so content is not compared\n", folder);
    cx__free(folder);
    return st == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_verify = { "verify", "check all hashes, shapes and quantization of a model",
                                   opts,     sizeof(verify_args),
                                   run,      "`cortex validate` is the same.\n" };

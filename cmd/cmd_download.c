/* cortex download: a model of the Hugging Face hub, into its cache. */
#include "cmd.h"

#include <cortex/hub.h>

typedef struct download_args {
    const char *name, *revision, *file;
    int64_t connections;
    bool offline;
} download_args;

#define AT(field) offsetof(download_args, field)
static const cx_opt opts[] = {
    { 0, "NAME", CX_OPT_POS, AT(name), NULL, 1, 0, "NAME", "name of a model, such as org/name" },
    { 0, "revision", CX_OPT_STR, AT(revision), NULL, 0, 0, "REV",
      "branch, tag or commit; without it main" },
    { 0, "file", CX_OPT_STR, AT(file), NULL, 0, 0, "GLOB",
      "weight files to take, such as '*Q4_K_M*.gguf'; without it safetensors, else the next best" },
    { 0, "connections", CX_OPT_INT, AT(connections), "8", 1, 64, "N", "files at once" },
    { 0, "offline", CX_OPT_FLAG, AT(offline), NULL, 0, 0, NULL,
      "ask no server: say whether the model is whole in the cache" },
    { .kind = CX_OPT_END }
};

static int run(void *p)
{
    const download_args *a = p;
    cx_hub_options o = { .revision = a->revision,
                         .file = a->file,
                         .offline = a->offline,
                         .connections = (int)a->connections,
                         .progress = cx_progress_show };
    char *folder = NULL;
    if (cx_hub_snapshot(a->name, &o, &folder) != CX_OK) return cx_failed();
    cx_progress_clear();
    printf("%s\n", folder);
    cx_free(folder);
    return 0;
}

const cx_command cx_cmd_download = {
    "download",
    "fetch a model from the Hugging Face hub, or bring it up to date",
    opts,
    sizeof(download_args),
    run,
    "Prints the folder, which is in the Hugging Face cache. What a stopped download\n"
    "leaves goes on where it stopped. HF_TOKEN opens gated and private models.\n"
};

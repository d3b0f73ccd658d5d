/* cortex info: what a model is, what this machine is. */
#include "cmd.h"

#include <cortex/device.h>
#include <cortex/model.h>
#include <cortex/tokenizer.h>
#include <string.h>

typedef struct info_args {
    const char *model;
    bool devices, kernels, json;
} info_args;

static const cx_opt opts[] = {
    { 0, "MODEL", CX_OPT_POS, offsetof(info_args, model), NULL, 0, 0, "MODEL",
      "folder of any architecture, or a name in the Hugging Face cache" },
    { 0, "devices", CX_OPT_FLAG, offsetof(info_args, devices), NULL, 0, 0, NULL,
      "show the processor and what of it is used, no model" },
    { 0, "kernels", CX_OPT_FLAG, offsetof(info_args, kernels), NULL, 0, 0, NULL,
      "show which variant of each kernel this machine uses, no model" },
    { 'j', "json", CX_OPT_FLAG, offsetof(info_args, json), NULL, 0, 0, NULL,
      "print one JSON object" },
    { .kind = CX_OPT_END }
};

static void print_text(const char *text)
{
    size_t len = strlen(text);
    fputs(text, stdout);
    if (len && text[len - 1] != '\n') putchar('\n');
}

static cx_status show_devices(bool json)
{
    cx_device_info d;
    cx_device_info_get(&d);
    if (!json) {
        printf("%s  %s, %d threads, %s\n", d.name, d.model, d.threads,
               *d.isa ? d.isa : "no extensions");
        return CX_OK;
    }
    json_t *v = json_pack("{s:[{s:s, s:s, s:i, s:s, s:b}]}", "devices", "device", d.name, "name",
                          d.model, "threads", d.threads, "isa", d.isa, "gpu", d.is_gpu);
    cx_status st = cx_output_json(v);
    json_decref(v);
    return st;
}

static cx_status show_kernels(bool json)
{
    char *text = NULL;
    CX_TRY(cx_kernels_describe(json, &text));
    print_text(text);
    cx_free(text);
    return CX_OK;
}

static cx_status show_model(const info_args *a)
{
    char *folder = NULL, *text = NULL;
    cx_status st = cx_model_find(a->model, &folder);
    if (st == CX_OK) st = cx_model_inspect(folder, a->json, &text);
    if (st == CX_OK) print_text(text);
    cx_free(text);
    cx__free(folder);
    return st;
}

static int run(void *p)
{
    const info_args *a = p;
    cx_status st = a->devices   ? show_devices(a->json)
                   : a->kernels ? show_kernels(a->json)
                                : show_model(a);
    return st == CX_OK ? 0 : cx_failed();
}

const cx_command cx_cmd_info = { "info", "show what a model or this machine is",
                                 opts,   sizeof(info_args),
                                 run,    NULL };

/* Describes a model folder of any architecture from its headers alone, for `cortex info`. */
#include "models/arch.h"
#include <stdio.h>

static cx_status write_json(const cx_model_info *i, cx__buf *b)
{
    json_t *o = json_pack("{s:s, s:I, s:I, s:f, s:s, s:I}", "model_type", i->model_type,
                          "parameters", (json_int_t)i->parameters, "bytes", (json_int_t)i->bytes,
                          "bits_per_weight", i->bits_per_weight, "quantization", i->quantization,
                          "context", (json_int_t)i->context);
    bool ok = o && cx__json_dump(b, o, -1, false) && cx__buf_putc(b, '\n');
    json_decref(o);
    return ok ? CX_OK : CX_FAIL(CX_ENOMEM, "info: out of memory");
}

static void write_text(const cx_model_info *i, bool runs, cx__buf *b)
{
    cx__buf_printf(b, "architecture     %s%s\n", i->model_type,
                   runs ? "" : " (converts, but cannot run in this version)");
    cx__buf_printf(b, "parameters       %.2f M\n", (double)i->parameters * 1e-6);
    cx__buf_printf(b, "size             %.2f MB\n", (double)i->bytes * 1e-6);
    cx__buf_printf(b, "bits per weight  %.2f\n", i->bits_per_weight);
    cx__buf_printf(b, "quantization     %s\n", i->quantization);
    if (i->context) cx__buf_printf(b, "context          %lld\n", (long long)i->context);
}

cx_status cx_model_inspect(const char *folder, bool json, char **text)
{
    cx_model *m = NULL;
    cx_model_info info;
    cx__buf b = { .max = 1 << 20 };
    *text = NULL;
    CX_TRY(cx__model_open_files(folder, &m));
    cx_model_info_get(m, &info);
    const cx__arch *arch = cx__arch_find(info.model_type);
    if (!json) write_text(&info, arch && cx__arch_runs(arch), &b);
    cx_status st = json ? write_json(&info, &b) : CX_OK;
    cx_model_close(m);
    *text = cx__buf_take(&b);
    if (st == CX_OK && !*text) st = CX_FAIL(CX_ENOMEM, "info: out of memory");
    return st;
}

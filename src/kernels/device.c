/* Describes the processor and the kernels chosen for it. */
#include "kernels/kernels.h"
#include <cortex/device.h>
#include <stdio.h>

void cx_device_info_get(cx_device_info *out)
{
    *out = (cx_device_info){ .name = "cpu", .threads = cx__cpu_count() };
    snprintf(out->model, sizeof out->model, "%s", cx__cpu_model());
    cx__cpu_isa_name(cx__cpu_isa(), out->isa, sizeof out->isa);
}

static void add_line(void *user, const char *slot, const char *variant)
{
    cx__buf_printf(user, "%-16s %s\n", slot, variant);
}

static void add_member(void *user, const char *slot, const char *variant)
{
    cx__buf *b = user;
    cx__buf_printf(b, "%s\"%s\": \"%s\"", b->len > 1 ? ", " : "", slot, variant);
}

cx_status cx_kernels_describe(bool json, char **text)
{
    cx__buf b = { .max = 1 << 20 };
    if (json) cx__buf_putc(&b, '{');
    cx__kernels_list(cx__cpu_isa(), json ? add_member : add_line, &b);
    if (json) cx__buf_puts(&b, "}\n");
    *text = cx__buf_take(&b);
    return *text ? CX_OK : CX_FAIL(CX_ENOMEM, "kernels: out of memory");
}

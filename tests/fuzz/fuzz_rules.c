/* Rules files: whatever is accepted must choose for modules of all kinds within its limits, and
 * nothing but what a rule can say. */
#include "convert/rules.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void choose(const cx__rules *r, const char *path, int ndim, int64_t layer)
{
    static const int64_t shape[] = { 8, 4096, 64 };
    const cx_convert_module m = {
        .path = path, .shape = shape + 3 - ndim, .ndim = ndim, .layer = layer, .layers = 32
    };
    cx_convert_choice c = { .bits = -1 };
    if (cx__rules_choose(r, &m, &c) != CX_OK || c.bits == -1) return; /* no rule fits */
    if (c.bits < 0 || c.bits > 128 || c.group_size < 0 || c.group_size > 128) abort();
    if (c.leave == (c.bits || c.group_size || c.mode)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cx__rules *r = NULL;
    if (size > 4096) return 0; /* longer ones are more of the same */
    if (cx__rules_parse((const char *)data, size, "input", &r) != CX_OK) {
        if (r || strncmp(cx_error(), "input: ", 7) != 0) abort();
        return 0;
    }
    choose(r, "lm_head", 2, -1);
    choose(r, "model.layers.0.self_attn.q_proj", 2, 0);
    choose(r, "model.layers.31.mlp.switch_mlp.down_proj", 3, 31);
    choose(r, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", 1, 7);
    cx__rules_free(r);
    return 0;
}

/* Shared layers: rotary frequencies, activation names. */
#include "models/arch.h"
#include <math.h>
#include <string.h>

/* Llama 3's scaling (mlx_lm/models/rope_utils.py Llama3RoPE): long waves are stretched by `factor`,
 * short ones stay, those between are blended. In f32 as there. */
static float llama3_freq(float period, double factor, double low, double high, double old_context)
{
    float wave = 2 * (float)M_PI * period;
    if (wave > (float)(old_context / low)) return period * (float)factor;
    if (!(wave > (float)(old_context / high) && wave < (float)(old_context / low))) return period;
    float smooth = ((float)old_context / wave - (float)low) / (float)(high - low);
    return period / ((1 - smooth) / (float)factor + smooth);
}

typedef struct scaling {
    const char *type;
    double factor, low, high, old_context, theta;
} scaling;

static cx_status read_scaling(const cx__builder *b, scaling *s)
{
    const json_t *o = json_object_get(b->config, "rope_scaling");
    if (!json_is_object(o)) o = json_object_get(b->config, "rope_parameters");
    if (!o || json_is_null(o)) return CX_OK;
    if (!json_is_object(o)) return CX_FAIL(CX_EFORMAT, "%s: rope_scaling is no object", b->where);
    CX_TRY(cx__json_str(o, b->where, "type", &s->type));
    CX_TRY(cx__json_str(o, b->where, "rope_type", &s->type));
    CX_TRY(cx__json_num(o, b->where, "factor", 1e-6, 1e6, &s->factor));
    CX_TRY(cx__json_num(o, b->where, "low_freq_factor", 1e-6, 1e6, &s->low));
    CX_TRY(cx__json_num(o, b->where, "high_freq_factor", 1e-6, 1e6, &s->high));
    CX_TRY(cx__json_num(o, b->where, "rope_theta", 1e-3, 1e15, &s->theta));
    return cx__json_num(o, b->where, "original_max_position_embeddings", 1, CX__MAX_CONTEXT,
                        &s->old_context);
}

static cx_status fill_freqs(const scaling *s, const char *where, size_t dim, float *freq)
{
    bool llama3 = !strcmp(s->type, "llama3"), linear = !strcmp(s->type, "linear");
    if (!llama3 && !linear && strcmp(s->type, "default"))
        return CX_FAIL(CX_EUNSUPPORTED,
                       "%s: rope_scaling type '%s' (known: default, linear, "
                       "llama3)",
                       where, s->type);
    if (llama3 && s->high <= s->low)
        return CX_FAIL(CX_EFORMAT,
                       "%s: rope_scaling: high_freq_factor %g is not above "
                       "low_freq_factor %g",
                       where, s->high, s->low);
    for (size_t i = 0; i < dim / 2; i++) {
        float period = powf((float)s->theta, (float)(2 * i) / (float)dim);
        if (llama3) period = llama3_freq(period, s->factor, s->low, s->high, s->old_context);
        freq[i] = 1 / period;
        if (linear) freq[i] *= (float)(1 / s->factor);
    }
    return CX_OK;
}

const cx__rope_spec *cx__rope(const cx__builder *b, size_t dim, double theta, bool interleaved)
{
    scaling s = { "default", 1, 1, 4, 8192, theta };
    cx__rope_spec *spec = cx__weights_alloc(b->w, sizeof *spec);
    float *freq = cx__weights_alloc(b->w, dim / 2 * sizeof *freq + 1);
    if (!spec || !freq) return NULL;
    if (cx__weights_keep(b->w, read_scaling(b, &s)) != CX_OK ||
        cx__weights_keep(b->w, fill_freqs(&s, b->where, dim, freq)) != CX_OK)
        return NULL;
    *spec = (cx__rope_spec){
        .freq = freq, .half = dim / 2, .interleaved = interleaved, .mscale = 1
    };
    return spec;
}

cx_status cx__act_parse(const char *name, const char *where, cx__act *out)
{
    static const struct {
        const char *name;
        cx__act act;
    } acts[] = {
        { "silu", CX__ACT_SILU },
        { "swish", CX__ACT_SILU },
        { "gelu", CX__ACT_GELU_ERF },
        { "gelu_new", CX__ACT_GELU_TANH },
        { "gelu_fast", CX__ACT_GELU_TANH },
        { "gelu_pytorch_tanh", CX__ACT_GELU_TANH },
        { "quick_gelu", CX__ACT_GELU_QUICK },
        { "relu", CX__ACT_RELU },
        { "relu2", CX__ACT_RELU2 },
        { "tanh", CX__ACT_TANH },
    };
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (!strcmp(name, acts[i].name)) return *out = acts[i].act, CX_OK;
    return CX_FAIL(CX_EUNSUPPORTED, "%s: activation '%s'", where, name);
}

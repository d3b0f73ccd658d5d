/* Checkpoints that are quantized already. */
#include "convert/source.h"

#include <string.h>

cx_status cx__foreign_merge(cx__origins *o, json_t *config, const char *where, const char **method)
{
    static const char *const keys[] = { "quantization", "quantization_config" };
    const json_t *places[] = { config, json_object_get(config, "text_config") };
    (void)o;
    *method = NULL;
    for (size_t i = 0; i < 4; i++) {
        const json_t *q = json_object_get(places[i / 2], keys[i % 2]);
        if (q && !json_is_null(q))
            return CX_FAIL(CX_EUNSUPPORTED,
                           "%s: '%s' is set: this checkpoint is quantized already, expected one "
                           "that is not",
                           where, keys[i % 2]);
    }
    return CX_OK;
}

/* What cortex verify asks of packed tensors, in modes without biases and of experts. */
#include "safetensors_bytes.h"

#include "base/base.h"
#include "convert/triplets.h"
#include <cortex/file.h>
#include <stdio.h>

static cx_status check(const char *header, size_t data, const char *config)
{
    char path[512];
    st_bytes b = st_text(header, data);
    cx_tensors *t = NULL;
    json_t *json = json_loads(config, 0, NULL);
    snprintf(path, sizeof path, "%s/model.safetensors", unit_dir());
    CHECK_OK(cx__write_file(path, b.data, b.len));
    free(b.data);
    CHECK(json != NULL);
    CHECK_OK(cx_tensors_open(path, &t));
    cx_status st = cx__triplets_check("m", json, t);
    cx_tensors_close(t);
    json_decref(json);
    return st;
}

/* Two experts of [2, 32]: weight 64 bytes, scales 8, global scales 8. */
#define WEIGHT "\"e.weight\":{\"dtype\":\"U32\",\"shape\":[2,2,4],\"data_offsets\":[0,64]}"
#define SCALES "\"e.scales\":{\"dtype\":\"U8\",\"shape\":[2,2,2],\"data_offsets\":[64,72]}"
#define GLOBAL "\"e.global_scale\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[72,80]}"
#define NVFP4                                                                                      \
    "{\"quantization\":{\"bits\":4,\"group_size\":16,\"mode\":\"nvfp4\","                          \
    "\"e\":{\"bits\":4,\"group_size\":16,\"mode\":\"nvfp4\",\"global_scale\":true}}}"

TEST(quant_triplets, experts_of_nvfp4_may_have_global_scales)
{
    CHECK_OK(check("{" WEIGHT "," SCALES "}", 72, NVFP4));
    CHECK_OK(check("{" WEIGHT "," SCALES "," GLOBAL "}", 80, NVFP4));
    CHECK_INT(
        check("{" WEIGHT "," SCALES
              ",\"e.global_scale\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[72,76]}}",
              76, NVFP4),
        CX_ESHAPE);
    CHECK_HAS(cx_error(), "global scale of tensor 'e': expected F32 with one value for each");
    CHECK_INT(check("{\"e.global_scale\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                    8, NVFP4),
              CX_EFORMAT);
    CHECK_HAS(cx_error(), "'e.global_scale' has no 'e.scales' beside it");
}

TEST(quant_triplets, modes_without_biases_have_none)
{
    const char *config = "{\"quantization\":{\"bits\":4,\"group_size\":null,\"mode\":\"nvfp4\","
                         "\"lm_head\":false}}";
    CHECK_OK(check("{" WEIGHT "," SCALES "}", 72, config));
    CHECK_INT(check("{" WEIGHT "," SCALES
                    ",\"e.biases\":{\"dtype\":\"U8\",\"shape\":[2,2,2],\"data_offsets\":[72,80]}}",
                    80, config),
              CX_EFORMAT);
    CHECK_HAS(cx_error(), "'e' has biases, which mode 'nvfp4' has not");
    CHECK_INT(check("{" WEIGHT "," SCALES "}", 72,
                    "{\"quantization\":{\"bits\":4,\"group_size\":32,\"mode\":\"mxfp4\","
                    "\"e\":{\"bits\":4,\"group_size\":32,\"mode\":\"mxfp4\"}}}"),
              CX_EFORMAT);
    CHECK_HAS(cx_error(), "config.json says mxfp4, 4 bits in groups of 32, but a group has 64");
}

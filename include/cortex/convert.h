/* Conversion: a checkpoint becomes an MLX model folder. */
#ifndef CORTEX_CONVERT_H
#define CORTEX_CONVERT_H

#include <cortex/array.h>
#include <cortex/quant.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cx_recipe {
    CX_RECIPE_SPEED_4BIT,
    CX_RECIPE_BALANCED_5BIT,
    CX_RECIPE_QUALITY_8BIT,
    CX_RECIPE_NONE,
    CX_RECIPES
} cx_recipe;
/** "speed", "SPEED_4BIT", "4bit", ... in any case; CX_EARG lists what is known. */
CX_API cx_status cx_recipe_parse(const char *name, cx_recipe *out) CX_WARN_UNUSED;
CX_API const char *cx_recipe_name(cx_recipe recipe); /* "speed", ... */

typedef struct cx_convert_options {
    cx_recipe recipe;
    int bits;       /* 0: the recipe's */
    int group_size; /* 0: 64 */
    bool dtype_set; /* else config.json's torch_dtype; without it each tensor keeps its own */
    cx_dtype dtype; /* F16, BF16 or F32: dtype of what is not packed, scales and biases */
    bool cpu_rule;  /* MLX's CPU rounding rule; default is the GPU rule (mlx.md 1.4) */
    bool force;     /* replace an existing target */
    int threads;    /* 0: all */
    cx_progress_fn progress;
    void *user;
} cx_convert_options;

typedef struct cx_convert_result {
    uint64_t bytes_in, bytes_out, parameters;
    double bits_per_weight;
    double seconds;
    size_t tensors, quantized, shards;
} cx_convert_result;

/** Converts folder `source` to a new folder `target`. The target is built beside itself, synced and
 * renamed: a failure or a kill leaves nothing (or the old folder, with force).
 * options NULL: recipe speed. result may be NULL.
 * Errors: CX_EEXIST, CX_ENOTFOUND, CX_EFORMAT, CX_EIO, CX_ECANCELED, ... */
CX_API cx_status cx_convert(const char *source, const char *target,
                            const cx_convert_options *options,
                            cx_convert_result *result) CX_WARN_UNUSED;

/** Checks all hashes, shapes and quantization triplets of a converted folder.
 * checked: tensors whose hash was compared (0 if the folder has no hashes). */
CX_API cx_status cx_verify(const char *folder, cx_progress_fn progress, void *user,
                           size_t *checked) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif

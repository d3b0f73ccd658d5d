/* Conversion: a checkpoint becomes an MLX model folder. Guide: "Model Conversion"; files and rules:
 * mlx_lm.convert 0.32.2. Tested by tests/unit/test_convert*.c and, against mlx-lm, tests/oracle. */
#ifndef CORTEX_CONVERT_H
#define CORTEX_CONVERT_H

#include <cortex/array.h>
#include <cortex/quant.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is packed to how many bits. */
typedef enum cx_recipe {
    /* 4 bits; weights that are quantized already keep their width, and their codes where MLX's
     * format can express them */
    CX_RECIPE_AUTO,
    CX_RECIPE_SPEED_4BIT,
    CX_RECIPE_BALANCED_5BIT,
    CX_RECIPE_QUALITY_8BIT,
    CX_RECIPE_MIXED_PRECISION, /* critical layers 6 bits, all others 4: see `critical` below */
    CX_RECIPE_NONE,            /* nothing is packed that is not packed already */
    /* mlx-lm's: low_high bits; high for lm_head, and in some layers for v_proj and down_proj */
    CX_RECIPE_MIXED_2_6,
    CX_RECIPE_MIXED_3_4,
    CX_RECIPE_MIXED_3_6,
    CX_RECIPE_MIXED_4_6,
    CX_RECIPES
} cx_recipe;
/** "speed", "SPEED_4BIT", "4bit", "mixed_3_6", ... in any case; CX_EARG lists what is known. */
CX_API cx_status cx_recipe_parse(const char *name, cx_recipe *out) CX_WARN_UNUSED;
CX_API const char *cx_recipe_name(cx_recipe recipe); /* "speed", ... */

/** A module (a weight with its scales) as a choice sees it. All borrowed. */
typedef struct cx_convert_module {
    const char *path; /* MLX's, without ".weight": "model.layers.0.mlp.up_proj" */
    const int64_t *shape;
    int ndim;              /* 2; 3 for stacked experts */
    int64_t layer, layers; /* number of its layer, -1 outside of them; how many there are */
    const char
        *source; /* how the source packs it: "Q4_K", "affine 4 bits, ..."; NULL: it does not */
    const char *config; /* config.json as text */
} cx_convert_module;

/** How a module is packed. */
typedef struct cx_convert_choice {
    bool leave;       /* not at all */
    const char *mode; /* a mode's name, static; NULL: the conversion's */
    int bits;         /* 0: the conversion's (or the mode's default, if a mode is given) */
    int group_size;   /* likewise */
} cx_convert_choice;

/** Custom predicate, asked once for each module that can be packed, before any weight is read.
 * choice: what would happen without it, to be changed. Return 0 to go on, else the conversion ends
 * with CX_ECANCELED. A combination that the mode does not have is CX_EARG naming the module; one
 * whose group does not divide the rows leaves the module as it is. */
typedef int (*cx_convert_predicate)(void *user, const cx_convert_module *module,
                                    cx_convert_choice *choice);

/** One line of the plan. All borrowed. */
typedef struct cx_convert_planned {
    cx_convert_module module;
    const char *mode; /* NULL: left as it is */
    int bits, group_size;
    bool kept;                  /* the codes of the source are taken as they are */
    const char *dtype;          /* of the weight if it is left, of the scales if it is packed */
    uint64_t parameters, bytes; /* of the result */
} cx_convert_planned;
/** Receives the plan, line by line in the order of the file. Return 0 to go on. */
typedef int (*cx_convert_plan_fn)(void *user, const cx_convert_planned *line);

/** All zero: recipe auto. */
typedef struct cx_convert_options {
    cx_recipe recipe;
    int bits;         /* 0: the recipe's */
    int group_size;   /* 0: the mode's default, 64 for affine */
    const char *mode; /* "affine", "mxfp4", "mxfp8", "nvfp4"; NULL: affine */
    bool dtype_set;   /* else config.json's torch_dtype; without it each tensor keeps its own */
    cx_dtype dtype;   /* F16, BF16 or F32: dtype of what is not packed, scales and biases */
    bool cpu_rule;    /* MLX's CPU rounding rule; default is the GPU rule, as published models */
    bool dequantize;  /* unpacks what the source packs; packs nothing */

    /* Recipe mixed: modules whose last path component is one of `critical` (ends with NULL; NULL:
     * lm_head, embed_tokens, wte, wpe) get critical_bits (0: 6), others standard_bits (0: 4). */
    const char *const *critical;
    int critical_bits, standard_bits;
    const char *rules;              /* path of a rules file (docs/formats/rules.md); NULL: none */
    cx_convert_predicate predicate; /* goes before the rules, these before the recipe; NULL: none */
    void *predicate_user;

    cx_convert_plan_fn plan; /* NULL: not told */
    void *plan_user;
    bool dry_run; /* ends after the plan; nothing is written */

    const char *chip; /* as cx_convert_chip; NULL: none */
    const char
        *name; /* "org/name" of the source, for the card and the default target; NULL: found */
    const char *revision; /* commit of the source, for conversion.json; NULL: found in its path */
    bool force;           /* replace an existing target */
    int threads;          /* 0: all */
    cx_progress_fn progress;
    void *user;
} cx_convert_options;

/** Whether options go together: recipe, bits, group size, mode, dtype, chip. CX_EARG. */
CX_API cx_status cx_convert_check(const cx_convert_options *options) CX_WARN_UNUSED;

typedef struct cx_convert_result {
    uint64_t bytes_in, bytes_out, parameters;
    double bits_per_weight;
    double seconds;
    size_t tensors, quantized, shards;
    bool cached;     /* the target was there, made from the same source in the same way */
    char path[4096]; /* of the target */
} cx_convert_result;

/** Converts `source` (a folder of safetensors or PyTorch files, a .gguf, .safetensors, .bin or .pt
 * file, an MLX folder) to the new folder `target` (NULL: cx_convert_target's). The target is built
 * beside itself, synced and renamed: a failure or a kill leaves nothing (or the old folder, with
 * force). A target that holds what the same call made before is left as it is, `cached`.
 * options NULL: recipe auto. result may be NULL.
 * Memory: at most 512 MiB besides mapped files, whatever the model.
 * Errors: CX_EEXIST (says in what the target differs), CX_ENOTFOUND, CX_EFORMAT, CX_EIO,
 * CX_EUNSUPPORTED, CX_ECANCELED, ... */
CX_API cx_status cx_convert(const char *source, const char *target,
                            const cx_convert_options *options,
                            cx_convert_result *result) CX_WARN_UNUSED;

/** Folder of converted models: $CORTEX_HOME/mlx_models, else ~/.cortex/mlx_models.
 * Caller cx_free()s. */
CX_API cx_status cx_models_dir(char **dir) CX_WARN_UNUSED;
/** Where a conversion goes by default: the name with "/" as "_", and "_4bit", "_5bit", "_mixed",
 * ...; nothing for recipe none. source: a name or a path. Caller cx_free()s. */
CX_API cx_status cx_convert_target(const char *source, const cx_convert_options *options,
                                   char **target) CX_WARN_UNUSED;
/** Removes a converted model: a folder of cx_models_dir by its name, or one anywhere that has a
 * conversion.json. It is renamed first, so that a kill leaves it whole or gone.
 * Errors: CX_ENOTFOUND, CX_EARG (no converted model), CX_EIO. */
CX_API cx_status cx_models_remove(const char *name) CX_WARN_UNUSED;

/** A converted model in cx_models_dir. */
typedef struct cx_models_entry {
    const char *name, *path;            /* borrowed */
    const char *source, *recipe, *time; /* of conversion.json; "" if it cannot be read */
    uint64_t bytes;                     /* of all files */
} cx_models_entry;
/** Calls fn for each, by name. Return 0 to go on. A missing folder is an empty list. */
typedef int (*cx_models_fn)(void *user, const cx_models_entry *entry);
CX_API cx_status cx_models_list(cx_models_fn fn, void *user) CX_WARN_UNUSED;

/** Writes metadata for a chip ("m1", "m3_pro", "M4 Max", ..., "cpu" for this machine) into the
 * config.json of a converted folder: key "cortex_chip" with batch_size, prefetch_size and flags.
 * A hint for tools: weights and all other keys stay as they are. The folder is replaced as a whole,
 * its weights linked, not copied. Errors: CX_EARG (lists the chips), CX_EFORMAT, CX_EIO. */
CX_API cx_status cx_convert_chip(const char *folder, const char *chip) CX_WARN_UNUSED;

/** Checks all hashes, shapes and quantization triplets of a converted folder.
 * checked: tensors whose hash was compared (0 if the folder has no hashes). */
CX_API cx_status cx_verify(const char *folder, cx_progress_fn progress, void *user,
                           size_t *checked) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif

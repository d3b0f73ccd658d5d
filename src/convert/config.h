/* config.json of source and target, the model card. */
#ifndef CX_CONVERT_CONFIG_H
#define CX_CONVERT_CONFIG_H

#include "convert/choose.h"

/* config.json of a checkpoint as mlx_lm.convert would write it: eos_token_id from
 * generation_config.json, no _name_or_path, no vision_config; hf_quant_config.json, if it is there,
 * under the key hf_quant_config. *config: caller json_decref()s. */
cx_status cx__config_load(const char *folder, json_t **config);
/* Adds "quantization" and "quantization_config": the standard, and modules that differ from it. */
cx_status cx__config_quantize(json_t *config, const cx__plan_table *table);
/* Text of config.json: top-level keys sorted, indent 4. Caller cx__free()s. */
cx_status cx__config_text(const json_t *config, char **text, size_t *len);
/* Text of README.md: front matter of the source's card (may be missing) with what mlx-lm sets.
 * base_model: "org/name" or NULL. Caller cx__free()s. */
cx_status cx__card_text(const char *source, const char *base_model, char **text, size_t *len);

#endif

/* Metadata for a chip in config.json. */
#ifndef CX_CONVERT_CHIP_H
#define CX_CONVERT_CHIP_H

#include "base/base.h"

/* CX_EARG with the list of chips if it is none. */
cx_status cx__chip_check(const char *name);
/* Sets "cortex_chip" in a config. */
cx_status cx__chip_set(json_t *config, const char *name);

#endif

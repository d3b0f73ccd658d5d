/* Quantized checkpoints as lists of tensors, for test_foreign*.c. */
#ifndef CX_TESTS_FOREIGN_CASE_H
#define CX_TESTS_FOREIGN_CASE_H

#include "unit.h"

#include "convert/foreign.h"

#define FOREIGN_GOLDEN "tests/golden/foreign"

typedef struct foreign_case {
    cx_tensors *file;
    cx__origins o;
    json_t *config;
    const char *weight, *packed, *method;
} foreign_case;

/* The list and the config of a golden file; *want (NULL is fine): its values. */
void foreign_open(foreign_case *c, const char *name, cx_tensor *want);
void foreign_close(foreign_case *c);
cx_status foreign_merge(foreign_case *c);
/* NULL if there is none. */
cx__origin *foreign_find(foreign_case *c, const char *name);
/* The object that describes the quantization. */
json_t *foreign_config(foreign_case *c);

#endif

/* Sources for the tests of src/convert: a checkpoint on disk, opened, its origins changed to what
 * other formats would make of them. */
#ifndef CX_TESTS_SOURCE_CASE_H
#define CX_TESTS_SOURCE_CASE_H

#include "convert_case.h"

#include "convert/layout.h"

/* Writes the tensors (name, dtype, shape; data NULL: element i holds the number i) and opens them.
 * The source lives as long as the test. */
cx__source *source_of(cx_tensor *list, size_t n);
/* Element i of a tensor that source_of filled, as its bytes say: the number i in as many. */
uint64_t source_id(const void *data, size_t size);

/* From now on decoded: the fake checks that all that is asked for is in the sequence. */
void source_decode(cx__source *s, size_t i);
/* From now on also packed: affine codes whose bytes tell row and place (source_code). */
void source_pack(cx__source *s, size_t i, const cx__packed *packed);
/* Fake packings: 4 bits in groups of 32 with scales in F16, 8 bits in groups of 64 in F32. */
extern const cx__packed source_four, source_eight;
uint8_t source_code(size_t row, size_t byte);

/* All tensors under their names, packed as options say. */
void source_plan(cx__source *s, const cx__arch *arch, const cx_convert_options *options,
                 cx__layout *out);

#endif

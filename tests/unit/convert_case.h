/* Tiny checkpoints for the tests of src/convert. */
#ifndef CX_TESTS_CONVERT_CASE_H
#define CX_TESTS_CONVERT_CASE_H

#include "unit.h"

#include <cortex/convert.h>
#include <cortex/file.h>

/* Folder dir/name with a llama of one layer: dim 64, vocabulary 80, in F32. Matrices hold a fixed
 * pattern of values. Returns its path, which lives as long as the test. */
const char *case_llama(const char *dir, const char *name);
/* The same shapes as a gpt2 (wte, wpe, one block with Conv1D matrices), in BF16. */
const char *case_gpt2(const char *dir, const char *name);
/* dir/name; lives until 64 more were made. */
const char *case_path(const char *dir, const char *name);
/* Writes a text file. */
void case_put(const char *dir, const char *name, const char *text);
/* Reads one; valid as long as the test. NULL if it is not there. */
char *case_get(const char *dir, const char *name, size_t *len);
/* Number of entries of a folder, hidden ones too. */
int case_entries(const char *dir);

#endif

/* Slots that the SIGBUS handler knows. Used by file.c only. */
#ifndef CX_BASE_GUARD_H
#define CX_BASE_GUARD_H

#include "base/status.h"
#include <stdbool.h>

/* Registers a mapping; its slot or -1 when the table is full. Installs the handler at first use. */
int cx__guard_add(const void *begin, size_t len);
/* To be called before the memory is unmapped. */
void cx__guard_remove(int slot);
bool cx__guard_broken(int slot);

#endif

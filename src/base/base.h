/* Level 0: what every other folder stands on. The one header that they include from here. */
#ifndef CX_BASE_H
#define CX_BASE_H

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/status.h"
#include "base/threads.h"

/* Seconds of a monotonic clock. */
double cx__now(void);

#endif

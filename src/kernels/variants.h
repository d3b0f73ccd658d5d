/* Prototypes of all kernels of kernels.def, checked against the type of their slot. For files that
 * define kernels or name one (dispatch.c, tests/check); everyone else calls through cx__kernels. */
#ifndef CX_KERNELS_VARIANTS_H
#define CX_KERNELS_VARIANTS_H

#include "kernels/kernels.h"

#define CX_KERNEL(slot, variant, need)                                                             \
    __typeof__(*((cx__kernels *)NULL)->slot) cx__##slot##_##variant;
#include "kernels/kernels.def"
#undef CX_KERNEL

#endif

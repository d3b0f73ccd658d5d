/* Chooses the kernels of this machine from kernels.def. Tested by tests/check. */
#include "kernels/qmul.h"
#include "kernels/variants.h"
#include <pthread.h>

void cx__kernels_fill(cx__kernels *k, unsigned isa)
{
    memset(k, 0, sizeof *k);
#define CX_KERNEL(slot, variant, need)                                                             \
    if (!((unsigned)(need) & ~isa)) k->slot = cx__##slot##_##variant;
#include "kernels/kernels.def"
#undef CX_KERNEL
}

static cx__kernels process_kernels;

static void fill_process(void)
{
    cx__kernels_fill(&process_kernels, cx__cpu_isa());
}

const cx__kernels *cx__kernels_get(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fill_process);
    return &process_kernels;
}

static const struct {
    const char *slot, *variant;
    unsigned need;
} lines[] = {
#define CX_KERNEL(slot, variant, need) { #slot, #variant, (unsigned)(need) },
#include "kernels/kernels.def"
#undef CX_KERNEL
};

/* The line of slot `name` that wins for these flags; NULL when none is usable. */
static const char *chosen(const char *name, unsigned isa)
{
    const char *variant = NULL;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!(lines[i].need & ~isa) && !strcmp(lines[i].slot, name)) variant = lines[i].variant;
    return variant;
}

void cx__kernels_list(unsigned isa, void (*fn)(void *user, const char *slot, const char *variant),
                      void *user)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t first = 0;
        while (strcmp(lines[first].slot, lines[i].slot)) first++;
        const char *variant = first == i ? chosen(lines[i].slot, isa) : NULL;
        if (variant) fn(user, lines[i].slot, variant);
    }
}

/* The most that a variant of qgemv or qgemm keeps for `cols` columns. */
size_t cx__qmul_scratch(size_t cols)
{
    /* qgemv: codes, and 8 bytes a unit, of each row, up to whole blocks of 16 units */
    size_t gemv = CX__QGEMV_ROWS * ((cols + 1023) / 1024 * 1024 + (cols + 511) / 512 * 128);
    /* qgemm: units of 32 columns, 640 bytes for 16 weight rows, 40 for an activation row */
    size_t units = (cols + 1023) / 1024 * 2 * cx__qmul_lanes(cols);
    size_t gemm = units * (cx__qmul_panel_rows(cols) / 16 * 640 + CX__QMUL_TILE_ROWS * 40);
    return gemm > gemv ? gemm : gemv; /* both multiples of 64 */
}

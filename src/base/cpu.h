/* What the processor and the operating system allow. Via base/base.h. */
#ifndef CX_BASE_CPU_H
#define CX_BASE_CPU_H

#include "base/status.h"

/* Levels are cumulative sets; a kernel names the flags it needs. */
enum {
    CX__ISA_AVX2 = 1 << 0,    /* with FMA and F16C */
    CX__ISA_AVXVNNI = 1 << 1, /* VEX-coded vpdpbusd */
    CX__ISA_AVX512 = 1 << 2,  /* F, BW, VL, DQ, CD */
    CX__ISA_VNNI512 = 1 << 3, /* AVX512_VNNI */
    CX__ISA_BF16 = 1 << 4,    /* AVX512_BF16 */
    CX__ISA_VBMI = 1 << 5,    /* AVX512_VBMI */
    CX__ISA_NEON = 1 << 8,
    CX__ISA_DOTPROD = 1 << 9,
    CX__ISA_I8MM = 1 << 10
};
/* Flags usable by this process: CPUID and XGETBV, lowered by CORTEX_CPU=ref|avx2|avxvnni|avx512|
 * vnni512|native (an unknown word: all, with a warning). Read once. */
unsigned cx__cpu_isa(void);
unsigned cx__cpu_isa_of(const char *level, unsigned native, int *known); /* pure; for tests */
void cx__cpu_isa_name(unsigned isa, char *out, size_t len);              /* "avx2 avx512 vnni512" */
const char *cx__cpu_model(void); /* "AMD EPYC ...", static */
/* CPUs this process may use: affinity mask, cut by the cgroup quota (rounded up), at least 1. */
int cx__cpu_count(void);
/* CPUs that the quotas of this process's control groups allow, INFINITY if none; the file and the
 * folder are parameters for tests. */
double cx__cpu_quota(const char *proc_cgroup, const char *sys_cgroup);

#endif

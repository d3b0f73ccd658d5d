/* What this process may use of the machine: instruction sets, CPUs.
 * Tested by tests/unit/test_base_cpu.c. Source of the bits: Intel SDM volume 2, CPUID; Linux
 * Documentation/admin-guide/cgroup-v2.rst; arm64 elf_hwcaps.rst. */
#include "base/cpu.h"
#include "base/alloc.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

static char model[128];

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* Register sets that the operating system saves. */
static uint64_t xcr0(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static bool has(unsigned reg, int bit)
{
    return reg >> bit & 1;
}

static unsigned detect(void)
{
    unsigned a, b, c, d, a1 = 0, ignored, isa = 0;
    uint64_t saved;
    bool fma_f16c;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, 27) || !has(c, 28)) return 0;
    fma_f16c = has(c, 12) && has(c, 29);
    saved = xcr0();
    if ((saved & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    if (!fma_f16c || !has(b, 5)) return 0;
    if (a >= 1) __get_cpuid_count(7, 1, &a1, &ignored, &ignored, &ignored);
    isa = CX__ISA_AVX2;
    if (has(a1, 4)) isa |= CX__ISA_AVXVNNI;
    if ((saved & 0xe6) != 0xe6) return isa; /* opmask and upper halves of zmm */
    if (!has(b, 16) || !has(b, 17) || !has(b, 28) || !has(b, 30) || !has(b, 31)) return isa;
    isa |= CX__ISA_AVX512;
    if (has(c, 11)) isa |= CX__ISA_VNNI512;
    if (has(c, 1)) isa |= CX__ISA_VBMI;
    if (has(a1, 5)) isa |= CX__ISA_BF16;
    return isa;
}

static void read_model(void)
{
    unsigned r[12] = { 0 };
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002 + i, r + 4 * i, r + 4 * i + 1, r + 4 * i + 2, r + 4 * i + 3))
            return;
    memcpy(model, r, sizeof r); /* 48 bytes of 128: stays terminated */
}

#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

static unsigned detect(void)
{
    unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
    return CX__ISA_NEON | (cap >> 20 & 1 ? CX__ISA_DOTPROD : 0) |
           (cap2 >> 13 & 1 ? CX__ISA_I8MM : 0);
}

static void read_model(void)
{
}

#elif defined(__aarch64__) && defined(__APPLE__)

static bool sysctl_flag(const char *name)
{
    int v = 0;
    size_t len = sizeof v;
    return sysctlbyname(name, &v, &len, NULL, 0) == 0 && v;
}

static unsigned detect(void)
{
    return CX__ISA_NEON | (sysctl_flag("hw.optional.arm.FEAT_DotProd") ? CX__ISA_DOTPROD : 0) |
           (sysctl_flag("hw.optional.arm.FEAT_I8MM") ? CX__ISA_I8MM : 0);
}

static void read_model(void)
{
    size_t len = sizeof model - 1;
    if (sysctlbyname("machdep.cpu.brand_string", model, &len, NULL, 0) != 0) model[0] = '\0';
}

#else

static unsigned detect(void)
{
    return 0;
}

static void read_model(void)
{
}

#endif

static const struct {
    const char *name;
    unsigned flag, level; /* level: what CORTEX_CPU=name leaves */
} levels[] = {
    { "avx2", CX__ISA_AVX2, CX__ISA_AVX2 },
    { "avxvnni", CX__ISA_AVXVNNI, CX__ISA_AVX2 | CX__ISA_AVXVNNI },
    { "avx512", CX__ISA_AVX512, CX__ISA_AVX2 | CX__ISA_AVXVNNI | CX__ISA_AVX512 },
    { "vnni512", CX__ISA_VNNI512,
      CX__ISA_AVX2 | CX__ISA_AVXVNNI | CX__ISA_AVX512 | CX__ISA_VNNI512 },
    { "bf16", CX__ISA_BF16, ~0u },
    { "vbmi", CX__ISA_VBMI, ~0u },
    { "neon", CX__ISA_NEON, CX__ISA_NEON },
    { "dotprod", CX__ISA_DOTPROD, CX__ISA_NEON | CX__ISA_DOTPROD },
    { "i8mm", CX__ISA_I8MM, CX__ISA_NEON | CX__ISA_DOTPROD | CX__ISA_I8MM },
};
#define LEVELS (sizeof levels / sizeof levels[0])

unsigned cx__cpu_isa_of(const char *level, unsigned native, int *known)
{
    *known = 1;
    if (!level || !*level || !strcmp(level, "native")) return native;
    if (!strcmp(level, "ref")) return 0;
    for (size_t i = 0; i < LEVELS; i++)
        if (levels[i].level != ~0u && !strcmp(level, levels[i].name))
            return native & levels[i].level;
    *known = 0;
    return native;
}

void cx__cpu_isa_name(unsigned isa, char *out, size_t len)
{
    size_t at = 0;
    if (len) out[0] = '\0';
    for (size_t i = 0; i < LEVELS; i++)
        if (isa & levels[i].flag && at < len)
            at += (size_t)snprintf(out + at, len - at, "%s%s", at ? " " : "", levels[i].name);
    if (!isa && len) snprintf(out, len, "ref");
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned isa_used;

static void detect_once(void)
{
    const char *level = getenv("CORTEX_CPU"), *start;
    int known;
    isa_used = cx__cpu_isa_of(level, detect(), &known);
    if (!known)
        cx__log(CX_LOG_WARN,
                "CORTEX_CPU: expected ref, avx2, avxvnni, avx512, vnni512, neon, "
                "dotprod, i8mm or native, found '%s'; all is used",
                level);
    read_model();
    start = model + strspn(model, " ");
    memmove(model, start, strlen(start) + 1);
    for (size_t n = strlen(model); n && model[n - 1] == ' '; n--) model[n - 1] = '\0';
    if (!model[0]) snprintf(model, sizeof model, "unknown processor");
}

unsigned cx__cpu_isa(void)
{
    pthread_once(&once, detect_once);
    return isa_used;
}

const char *cx__cpu_model(void)
{
    pthread_once(&once, detect_once);
    return model;
}

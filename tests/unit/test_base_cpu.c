/* Instruction sets and CPU counts. */
#include "base/base.h"
#include "unit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

TEST(base_cpu, levels_are_cumulative_and_never_add)
{
    unsigned all = CX__ISA_AVX2 | CX__ISA_AVXVNNI | CX__ISA_AVX512 | CX__ISA_VNNI512 | CX__ISA_BF16;
    int known;
    CHECK_INT(cx__cpu_isa_of("ref", all, &known), 0);
    CHECK(known);
    CHECK_INT(cx__cpu_isa_of("avx2", all, &known), CX__ISA_AVX2);
    CHECK_INT(cx__cpu_isa_of("avxvnni", all, &known), CX__ISA_AVX2 | CX__ISA_AVXVNNI);
    CHECK_INT(cx__cpu_isa_of("avx512", all & ~(unsigned)CX__ISA_AVXVNNI, &known),
              CX__ISA_AVX2 | CX__ISA_AVX512);
    CHECK_INT(cx__cpu_isa_of("vnni512", all, &known), all & ~(unsigned)CX__ISA_BF16);
    CHECK_INT(cx__cpu_isa_of("vnni512", CX__ISA_AVX2, &known), CX__ISA_AVX2);
    CHECK_INT(cx__cpu_isa_of("native", all, &known), all);
    CHECK_INT(cx__cpu_isa_of(NULL, all, &known), all);
    CHECK_INT(cx__cpu_isa_of("i8mm", CX__ISA_NEON | CX__ISA_DOTPROD, &known),
              CX__ISA_NEON | CX__ISA_DOTPROD);
    CHECK(known);
    CHECK_INT(cx__cpu_isa_of("sse9", all, &known), all);
    CHECK(!known);
}

TEST(base_cpu, names_are_spelled)
{
    char text[64];
    cx__cpu_isa_name(CX__ISA_AVX2 | CX__ISA_AVX512 | CX__ISA_VNNI512, text, sizeof text);
    CHECK_STR(text, "avx2 avx512 vnni512");
    cx__cpu_isa_name(CX__ISA_AVX2 | CX__ISA_AVX512, text, 6);
    CHECK_STR(text, "avx2 ");
    cx__cpu_isa_name(0, text, sizeof text);
    CHECK_STR(text, "ref");
}

/* Compares with what the kernel says it found and enabled. */
TEST(base_cpu, detection_agrees_with_proc_cpuinfo)
{
    static const struct {
        const char *word;
        unsigned flag;
    } flags[] = { { " avx2 ", CX__ISA_AVX2 },        { " avx_vnni ", CX__ISA_AVXVNNI },
                  { " avx512vl ", CX__ISA_AVX512 },  { " avx512_vnni ", CX__ISA_VNNI512 },
                  { " avx512_bf16 ", CX__ISA_BF16 }, { " avx512vbmi ", CX__ISA_VBMI } };
    char line[8192] = "";
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) found = !strncmp(line, "flags", 5);
    if (f) fclose(f);
    if (!found) unit_skip("no x86 flags in /proc/cpuinfo");
    if (getenv("CORTEX_CPU")) unit_skip("CORTEX_CPU is set");
    line[strcspn(line, "\n")] = ' ';
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        CHECK_INT(!!(cx__cpu_isa() & flags[i].flag), strstr(line, flags[i].word) != NULL);
    CHECK(strlen(cx__cpu_model()) > 2);
}

TEST(base_cpu, count_is_at_least_one)
{
    CHECK(cx__cpu_count() >= 1);
}

static void put(const char *root, const char *dir, const char *name, const char *text)
{
    char path[1024], *slash;
    FILE *f;
    snprintf(path, sizeof path, "%s/%s/", root, dir);
    for (slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    strcat(path, name);
    f = fopen(path, "w");
    CHECK(f != NULL);
    fputs(text, f);
    fclose(f);
}

TEST(base_cpu, quota_is_the_least_of_all_groups_above)
{
    const char *root = unit_dir();
    const char *self = unit_file("cgroup", "0::/a/b\n", 8);
    CHECK(isinf(cx__cpu_quota(self, root)));
    CHECK(isinf(cx__cpu_quota("/nonexistent", root)));
    put(root, "a/b", "cpu.max", "max 100000\n");
    CHECK(isinf(cx__cpu_quota(self, root)));
    put(root, "a", "cpu.max", "150000 100000\n");
    CHECK(cx__cpu_quota(self, root) == 1.5);
    put(root, ".", "cpu.max", "400000 100000\n");
    CHECK(cx__cpu_quota(self, root) == 1.5);
    put(root, "a/b", "cpu.max", "50000 100000\n");
    CHECK(cx__cpu_quota(self, root) == 0.5);
}

TEST(base_cpu, quota_of_version_1_groups)
{
    const char text[] = "5:cpuset,cpuacct:/z\n4:cpuacct,cpu:/a\n0::/\n";
    const char *root = unit_dir(), *self = unit_file("cgroup", text, sizeof text - 1);
    put(root, "cpu/a", "cpu.cfs_period_us", "100000\n");
    put(root, "cpu/a", "cpu.cfs_quota_us", "-1\n");
    CHECK(isinf(cx__cpu_quota(self, root)));
    put(root, "cpu/a", "cpu.cfs_quota_us", "250000\n");
    CHECK(cx__cpu_quota(self, root) == 2.5);
}

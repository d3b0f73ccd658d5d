/* How many CPUs this process may use: affinity mask, cut by the quotas of its control groups.
 * Tested by tests/unit/test_base_cpu.c. */
#include "base/alloc.h"
#include "base/cpu.h"
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

/* Small files of the kernel; false if absent. No allocation. */
static bool read_text(const char *path, char *out, size_t len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, len - 1) : -1;
    if (fd >= 0) close(fd);
    if (n < 0) return false;
    out[n] = '\0';
    return true;
}

static double read_number(const char *path)
{
    char text[64];
    return read_text(path, text, sizeof text) ? atof(text) : 0;
}

/* CPUs that the quota of one group allows; INFINITY if it has none. Version 2 has "max 100000" or
 * "150000 100000" (quota and period in us) in one file, version 1 has two files and -1. */
static double group_quota(const char *dir, bool v2)
{
    char path[PATH_MAX], text[64];
    double quota = 0, period = 0;
    if (v2) {
        if (snprintf(path, sizeof path, "%s/cpu.max", dir) >= (int)sizeof path ||
            !read_text(path, text, sizeof text) || sscanf(text, "%lf %lf", &quota, &period) != 2)
            return INFINITY;
    } else {
        if (snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir) >= (int)sizeof path)
            return INFINITY;
        quota = read_number(path);
        if (snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir) >= (int)sizeof path)
            return INFINITY;
        period = read_number(path);
    }
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* The least quota of the group and all groups above it. */
static double chain_quota(const char *root, const char *group, bool v2)
{
    char dir[PATH_MAX];
    size_t base = strlen(root);
    double least = INFINITY;
    if (snprintf(dir, sizeof dir, "%s%s", root, group) >= (int)sizeof dir) return least;
    for (;;) {
        least = fmin(least, group_quota(dir, v2));
        char *slash = strrchr(dir + base, '/');
        if (!slash) return least;
        *slash = '\0';
    }
}

static bool lists_cpu(const char *controllers, size_t len)
{
    while (len) {
        const char *comma = memchr(controllers, ',', len);
        size_t n = comma ? (size_t)(comma - controllers) : len;
        if (n == 3 && !memcmp(controllers, "cpu", 3)) return true;
        if (!comma) return false;
        controllers += n + 1;
        len -= n + 1;
    }
    return false;
}

/* A line of /proc/self/cgroup is "id:controllers:/group"; version 2 has no controllers. Where both
 * versions are mounted, version 2 is in the folder `unified`. */
double cx__cpu_quota(const char *proc_cgroup, const char *sys_cgroup)
{
    char text[8192], root[PATH_MAX];
    double least = INFINITY;
    char *save = NULL;
    if (!read_text(proc_cgroup, text, sizeof text)) return least;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
        if (!group) continue;
        list++;
        size_t len = (size_t)(group++ - list);
        if (!len) {
            least = fmin(least, chain_quota(sys_cgroup, group, true));
            snprintf(root, sizeof root, "%s/unified", sys_cgroup);
            least = fmin(least, chain_quota(root, group, true));
        } else if (lists_cpu(list, len)) {
            snprintf(root, sizeof root, "%s/cpu", sys_cgroup);
            least = fmin(least, chain_quota(root, group, false));
        }
    }
    return least;
}

static int affinity(void)
{
#ifdef __linux__
    /* The kernel refuses a mask that is smaller than its own. */
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
        size_t size = CPU_ALLOC_SIZE(cpus);
        cpu_set_t *set = cx__calloc(1, size);
        int n = set && sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        cx__free(set);
        if (n > 0) return n;
    }
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < INT_MAX ? (int)n : 1;
}

int cx__cpu_count(void)
{
    int n = affinity();
    double quota = ceil(cx__cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup"));
    if (quota < n) n = (int)quota;
    return n > 1 ? n : 1;
}

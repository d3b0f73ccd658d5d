/* What computes here: processor, instruction sets, threads, and which kernel serves each slot. */
#ifndef CORTEX_DEVICE_H
#define CORTEX_DEVICE_H

#include <cortex/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cx_device_info {
    char name[16];   /* "cpu" */
    char model[128]; /* "AMD EPYC ..." */
    char isa[128];   /* "avx2 avx512 vnni512", after CORTEX_CPU */
    int threads;     /* that this process may use: affinity mask and cgroup quota */
    bool is_gpu;
} cx_device_info;
CX_API void cx_device_info_get(cx_device_info *out);

/** One line per kernel slot with the variant in use ("qgemv_b4  vnni512"), or a JSON object.
 * *text: caller cx_free()s. */
CX_API cx_status cx_kernels_describe(bool json, char **text) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif

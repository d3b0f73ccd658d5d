/* Element types and tensor views. */
#ifndef CORTEX_ARRAY_H
#define CORTEX_ARRAY_H

#include <cortex/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Element types as safetensors names them; F8 types have no arithmetic here, only bytes. */
typedef enum cx_dtype {
    CX_BOOL,
    CX_U8,
    CX_I8,
    CX_U16,
    CX_I16,
    CX_U32,
    CX_I32,
    CX_U64,
    CX_I64,
    CX_F16,
    CX_BF16,
    CX_F32,
    CX_F64,
    CX_C64,
    CX_F8_E4M3,
    CX_F8_E5M2,
    CX_F8_E8M0,
    CX_DTYPES /* how many there are */
} cx_dtype;

/** Bytes of one element. */
CX_API size_t cx_dtype_size(cx_dtype dtype);
/** Safetensors spelling, "BF16". Never NULL. */
CX_API const char *cx_dtype_name(cx_dtype dtype);
/** By that spelling; CX_ETYPE if unknown. */
CX_API cx_status cx_dtype_parse(const char *name, cx_dtype *out);

#define CX_MAX_DIMS 8

/** A view of contiguous row-major elements. Owns nothing; `data` may have any alignment. */
typedef struct cx_tensor {
    const char *name;
    cx_dtype dtype;
    int ndim;
    int64_t shape[CX_MAX_DIMS]; /* each >= 0 */
    const void *data;
    size_t bytes; /* product of shape times the element size */
} cx_tensor;

#ifdef __cplusplus
}
#endif
#endif

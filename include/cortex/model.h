/* Models: opening a folder, asking what it is, running tokens through it.
 * A folder is a Hugging Face checkpoint (safetensors, unquantized) or an MLX one (quantized or
 * not), as transformers or mlx_lm.convert wrote it. Weights are mapped, never copied where the
 * kernels can read them in place. */
#ifndef CORTEX_MODEL_H
#define CORTEX_MODEL_H

#include <cortex/array.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cx_model cx_model;
typedef struct cx_session cx_session;

typedef struct cx_model_options {
    int threads; /* 0: as many as this process may use */
    bool exact;  /* f32 activations and f32 KV cache: compares with MLX to rounding, slower */
} cx_model_options;

/** Opens a model folder. options NULL: all defaults. The files must stay in place while open; a
 * file that shrinks meanwhile makes later calls fail with CX_EIO, never crash.
 * Errors: CX_ENOTFOUND, CX_EIO, CX_EFORMAT, CX_ESHAPE, CX_EUNSUPPORTED (architecture), CX_ENOMEM.
 * Owner: caller, cx_model_close, after all its sessions are freed. */
CX_API cx_status cx_model_open(const char *folder, const cx_model_options *options,
                               cx_model **out) CX_WARN_UNUSED;
CX_API void cx_model_close(cx_model *m); /* NULL is fine */

typedef struct cx_model_info {
    const char *model_type;   /* borrowed from the model */
    const char *quantization; /* "affine 4 bits, group 64", "mixed ...", "none"; borrowed */
    uint64_t parameters;      /* logical: packed weights count as their elements */
    uint64_t bytes;           /* of all tensors */
    double bits_per_weight;   /* bytes * 8 / parameters */
    int64_t context;          /* max_position_embeddings, 0 if not said */
    int32_t vocabulary;       /* columns of the logits */
    int32_t layers;
    int32_t eos[16]; /* ids that end a text: config.json, generation_config.json */
    int32_t eos_count;
} cx_model_info;
CX_API void cx_model_info_get(const cx_model *m, cx_model_info *out);
/** The same as text for people or as one JSON object (model_type, parameters, bytes,
 * bits_per_weight, quantization, context), from the headers of a folder of any architecture, also
 * one that cannot run. *text: caller cx_free()s. */
CX_API cx_status cx_model_inspect(const char *folder, bool json, char **text) CX_WARN_UNUSED;
/** Number of threads in use. */
CX_API int cx_model_threads(const cx_model *m);

typedef struct cx_session_options {
    size_t context;   /* positions per sequence; 0: the model's context, at most 8192 */
    size_t window;    /* rotating cache: at most so many positions are kept; 0: off */
    size_t keep;      /* of these, so many from the start; rotating cache only */
    size_t sequences; /* independent sequences; 0: 1 */
    size_t rows;      /* most tokens in one pass; 0: 512 */
} cx_session_options;

/** A session is the state of one or more texts: their KV cache and work memory.
 * One thread at a time. Owner: caller, cx_session_free. */
CX_API cx_status cx_session_new(cx_model *m, const cx_session_options *options,
                                cx_session **out) CX_WARN_UNUSED;
CX_API void cx_session_free(cx_session *s);

/** Which rows of a pass give logits. */
typedef enum cx_logits { CX_LOGITS_NONE, CX_LOGITS_LAST, CX_LOGITS_ALL } cx_logits;
/** Receives logits of tokens [first, first + rows) of the call: [rows, vocabulary] f32, valid
 * during the call. Return 0 to go on, else the eval returns CX_ECANCELED. */
typedef int (*cx_logits_fn)(void *user, size_t first, size_t rows, const float *logits);

/** Appends n tokens to sequence `seq` (0 .. sequences-1) and computes them, in passes of at most
 * `rows`. Logits: see cx_logits; fn may be NULL with CX_LOGITS_NONE.
 * Errors: CX_EARG (a token outside the vocabulary: nothing is changed), CX_ELIMIT (context full),
 * CX_EIO, CX_ECANCELED. */
CX_API cx_status cx_session_eval(cx_session *s, size_t seq, const int32_t *tokens, size_t n,
                                 cx_logits want, cx_logits_fn fn, void *user) CX_WARN_UNUSED;
/** One token for each of n different sequences in one pass: a decode step of a batch.
 * logits: [n, vocabulary], written by this call. Allocates nothing. */
CX_API cx_status cx_session_step(cx_session *s, const size_t *seqs, const int32_t *tokens, size_t n,
                                 float *logits) CX_WARN_UNUSED;
/** Positions that the sequence holds (as numbered by the model, also when the cache rotates). */
CX_API size_t cx_session_length(const cx_session *s, size_t seq);
/** Cuts the sequence back to `length` positions (0 empties it). CX_EARG if it is shorter, or if a
 * rotating cache has already dropped what would be needed. */
CX_API cx_status cx_session_trim(cx_session *s, size_t seq, size_t length) CX_WARN_UNUSED;
/** Checks logits-consuming callbacks between passes: called with tokens done and their total. */
CX_API void cx_session_progress(cx_session *s, cx_progress_fn fn, void *user);
/** Bytes of KV cache in use, and of the session's work memory. */
CX_API void cx_session_memory(const cx_session *s, size_t *kv_bytes, size_t *work_bytes);

/** Time and traffic of each kind of step since the session began, as a table; caller cx_free()s. */
CX_API cx_status cx_session_profile(cx_session *s, char **text) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif

/* Text generation: sampling in mlx-lm's order and formulas, stop strings, streaming, metrics. */
#ifndef CORTEX_GENERATE_H
#define CORTEX_GENERATE_H

#include <cortex/model.h>
#include <cortex/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Order (mlx-lm 0.32.2 sample_utils.py): repetition, presence, frequency penalties on the logits;
 * log-softmax; top_p, min_p, top_k filters at temperature 1; then one draw at `temperature`.
 * Temperature 0 takes the largest logit (lowest id on a tie) and skips the filters. */
typedef struct cx_sampling {
    float temperature;        /* >= 0; 0: greedy */
    float top_p;              /* 0 < p < 1; 0 or 1: off */
    float min_p;              /* 0 .. 1; 0: off */
    int32_t top_k;            /* > 0; 0 (or >= vocabulary): off */
    float repetition_penalty; /* > 0; 0 or 1: off */
    float presence_penalty;   /* 0: off */
    float frequency_penalty;  /* 0: off */
    int32_t penalty_window;   /* last tokens the penalties look at; 0: 20 as mlx-lm */
    uint64_t seed;            /* same seed, same text on this engine */
} cx_sampling;

typedef struct cx_sampler cx_sampler;
CX_API cx_status cx_sampler_new(const cx_sampling *sampling, int32_t vocabulary,
                                cx_sampler **out) CX_WARN_UNUSED; /* CX_EARG names what is off */
CX_API void cx_sampler_free(cx_sampler *s);
/** Tells the sampler a token of the text (prompt tokens too), for the penalties. */
CX_API void cx_sampler_accept(cx_sampler *s, int32_t token);
/** Picks a token; logits [vocabulary] are changed. Allocates nothing. */
CX_API int32_t cx_sampler_pick(cx_sampler *s, float *logits);

typedef struct cx_generate_options {
    size_t max_tokens; /* 0: 100 as mlx-lm; the context's rest caps it */
    cx_sampling sampling;
    const char *const *stop; /* strings that end the text (and are not in it); matched on the
                                 * text, across token borders */
    size_t stop_count;       /* at most 64 */
    bool ignore_eos;         /* benchmarks */
    bool keep_special;       /* show special tokens in the text */
    /** New final text, never half a character. Return 0 to go on, else the text ends there with
     * finish "canceled". NULL: no streaming. */
    int (*on_text)(void *user, const char *text, size_t len);
    void *user;
} cx_generate_options;

typedef enum cx_finish { CX_FINISH_STOP, CX_FINISH_LENGTH, CX_FINISH_CANCELED } cx_finish;

typedef struct cx_generation {
    char *text; /* NUL-terminated */
    size_t text_len;
    int32_t *tokens;
    size_t token_count;
    size_t prompt_tokens;
    cx_finish finish;
    double prompt_tps, decode_tps; /* tokens a second; 0 if nothing to measure */
    double first_token_s;          /* from the call to the first sampled token */
    uint64_t peak_bytes;           /* peak resident memory of the process */
} cx_generation;

/** Appends the prompt to sequence 0 of the session and generates. The prompt must have a token.
 * *out: caller cx_generation_deinit. On failure *out is zeroed.
 * Errors: those of cx_session_eval, CX_EARG for options out of range. */
CX_API cx_status cx_generate(cx_session *s, const cx_tokenizer *t, const int32_t *prompt, size_t n,
                             const cx_generate_options *options, cx_generation *out) CX_WARN_UNUSED;
CX_API void cx_generation_deinit(cx_generation *g);
/** "stop", "length", "canceled". */
CX_API const char *cx_finish_name(cx_finish finish);

typedef struct cx_perplexity {
    double perplexity; /* exp of the mean negative log-likelihood */
    uint64_t tokens;   /* tokens scored */
    double kl_mean;    /* with `against`: mean KL(against || model), nats per token */
    double kl_p999;    /* its 99.9th percentile */
    double top1;       /* share of tokens whose most likely next token agrees */
} cx_perplexity;

/** Perplexity of a token list: split in windows of `window` tokens (0: the context, at most 512),
 * each begun with an empty cache (and `bos` in front, if >= 0); the first token of a window without
 * bos is not scored. against: a second model with the same vocabulary, or NULL. */
CX_API cx_status cx_perplexity_run(cx_model *m, cx_model *against, const int32_t *tokens, size_t n,
                                   size_t window, int32_t bos, cx_progress_fn progress, void *user,
                                   cx_perplexity *out) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif

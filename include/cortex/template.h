/* Chat templates: the Jinja subset that published models use, rendered as transformers renders
 * them (ImmutableSandboxedEnvironment, trim_blocks, lstrip_blocks). Bounded: a template that
 * loops, recurses or grows without end fails with CX_ELIMIT. */
#ifndef CORTEX_TEMPLATE_H
#define CORTEX_TEMPLATE_H

#include <cortex/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cx_template cx_template;

/** Parses `len` bytes of template text; `name` begins error sentences. Immutable afterwards. */
CX_API cx_status cx_template_parse(const char *name, const char *text, size_t len,
                                   cx_template **out) CX_WARN_UNUSED;
CX_API void cx_template_free(cx_template *t);

/** Renders with the variables of the JSON object `variables` (UTF-8 text of `len` bytes): usually
 * messages, tools, add_generation_prompt, bos_token, eos_token. `now`: Unix time that
 * strftime_now() shows (local time zone). *text: NUL-terminated, caller frees with cx_free.
 * Errors: CX_EFORMAT (with line; also raise_exception()), CX_ELIMIT. */
CX_API cx_status cx_template_render(const cx_template *t, const char *variables, size_t len,
                                    int64_t now, char **text, size_t *text_len) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif

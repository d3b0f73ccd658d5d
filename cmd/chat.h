/* Messages through a model's chat template. */
#ifndef CX_CMD_CHAT_H
#define CX_CMD_CHAT_H

#include "cmd.h"
#include <cortex/tokenizer.h>

typedef struct cx_chat {
    const json_t *messages; /* list */
    const json_t *tools;    /* list or NULL */
    const json_t *extra;    /* object of further variables or NULL */
    bool add_generation_prompt;
    int64_t now;
} cx_chat;

/* The text that the template of `t` makes of the chat. `where` begins errors (the model's folder).
 * CX_ENOTFOUND if the model has no template. Caller cx_free()s *text. */
cx_status cx_chat_render(const cx_tokenizer *t, const char *where, const cx_chat *chat, char **text,
                         size_t *len);

#endif

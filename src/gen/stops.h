/* Stop strings matched on text, across token borders. Own folder only. */
#ifndef CX_GEN_STOPS_H
#define CX_GEN_STOPS_H

#include "base/base.h"

typedef struct cx__stops {
    const char *const *strings; /* borrowed */
    size_t count, longest;
    cx__buf text; /* all text so far, up to the stop */
    size_t given; /* bytes of it handed out */
    bool hit;
} cx__stops;

cx_status cx__stops_init(cx__stops *s, const char *const *strings, size_t count);
/* Appends new text. Looks for the earliest stop string; on a hit the text ends before it. */
cx_status cx__stops_push(cx__stops *s, const char *text, size_t len);
/* Text that can be handed out now: it cannot become part of a stop string any more, unless
 * `final`. Whole characters only. Borrowed until the next push. */
const char *cx__stops_ready(cx__stops *s, bool final, size_t *len);
void cx__stops_deinit(cx__stops *s);

#endif

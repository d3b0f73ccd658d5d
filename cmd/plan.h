/* The plan of a conversion as a table: what --dry-run prints. */
#ifndef CX_CMD_PLAN_H
#define CX_CMD_PLAN_H

#include "cmd.h"

#include <cortex/convert.h>

typedef struct cx_plan {
    bool json;
    json_t *lines; /* one object each */
} cx_plan;

/* A cx_convert_plan_fn; user: the cx_plan. */
int cx_plan_add(void *user, const cx_convert_planned *line);
/* Standard output: a table with a line of totals, or one JSON object. */
cx_status cx_plan_print(const cx_plan *p, const cx_convert_result *r);
void cx_plan_free(cx_plan *p);

#endif

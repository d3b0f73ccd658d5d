/* Level 6: sessions, sampling, generation, measuring. */
#ifndef CX_GEN_H
#define CX_GEN_H

#include <cortex/generate.h>

/* Positions a sequence may hold; 0 when the cache rotates without limit. */
size_t cx__session_context(const cx_session *s);
cx_model *cx__session_model(const cx_session *s);
/* Per token: weight bytes of a decode step, multiplies and adds of body and head. */
void cx__session_traffic(const cx_session *s, size_t *weight_bytes, size_t *ops, size_t *head_ops);

#endif

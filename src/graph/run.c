/* Running a plan: all threads walk the steps, a barrier after each phase that shares results. */
#include "graph/step.h"

static void walk(void *arg, int thread, int threads)
{
    cx__run *r = arg;
    cx__plan *p = r->plan;
    double before = thread == 0 ? cx__now() : 0;
    (void)threads;
    for (int i = r->from; i < r->to; i++) {
        cx__step *s = &p->steps[i];
        for (int phase = 0; phase < s->kind->phases; phase++) {
            if (s->kind->skip && s->kind->skip(s, r, phase)) continue;
            s->kind->phase(s, r, phase, thread);
            cx__pool_barrier(p->pool, thread);
        }
        if (thread != 0) continue;
        double now = cx__now();
        s->seconds += now - before;
        s->runs++;
        before = now;
    }
}

static void run_steps(cx__run *r, int from, int to)
{
    cx__counter *c = r->plan->counters;
    r->from = from;
    r->to = to;
    for (int i = from * CX__PHASES; i < to * CX__PHASES; i++)
        atomic_store_explicit(&c[i].next, 0, memory_order_relaxed);
    cx__pool_run(r->plan->pool, walk, r);
}

static cx_status check(const cx__plan *p, const cx__pass *pass)
{
    if (pass->rows > p->options.rows)
        return CX_FAIL(CX_EARG, "pass of %zu rows: the plan takes %zu", pass->rows,
                       p->options.rows);
    for (size_t i = 0; i < pass->rows; i++) {
        if (pass->tokens[i] < 0 || (size_t)pass->tokens[i] >= p->vocabulary)
            return CX_FAIL(CX_EARG, "token %d: ids go from 0 to %zu", (int)pass->tokens[i],
                           p->vocabulary - 1);
        if (pass->pos[i] >= p->positions)
            return CX_FAIL(CX_ELIMIT, "position %u: the model knows %zu", (unsigned)pass->pos[i],
                           p->positions);
    }
    return CX_OK;
}

cx_status cx__plan_run(cx__plan *p, const cx__pass *pass)
{
    cx__run r = { .plan = p, .pass = pass };
    CX_TRY(check(p, pass));
    if (pass->rows == 0) return CX_OK;
    run_steps(&r, 0, p->body);
    for (; r.first < pass->selected; r.first += r.selected) {
        size_t left = pass->selected - r.first;
        r.selected = left < p->options.select ? left : p->options.select;
        run_steps(&r, p->body, p->count);
        if (pass->sink(pass->user, r.first, r.selected, cx__value_row(p, p->result, 0)))
            return CX_FAIL(CX_ECANCELED, "stopped");
    }
    return CX_OK;
}

/* for loops and the `loop` variable. Items are filtered when they are needed: loop.last and the
 * like look ahead, nothing else does, so a filter sees what the body changed before.
 * Tested by tests/unit/test_template.c. */
#include "jinja_run.h"

/* Sets the loop's variables for one item and asks the filter, in a scope of its own. */
static bool passes(jloop *l, jval item)
{
    jrun *r = l->run;
    jscope *saved = r->scope;
    bool yes = false;
    if (!l->stmt->filter) return true;
    if ((r->scope = cx__jscope_new(r, l->outer))) {
        cx__jassign(r, l->stmt->target, item);
        yes = cx__jtruth(cx__jeval(r, l->stmt->filter));
    }
    r->scope = saved;
    return yes;
}

/* Takes the next item from the source that passes the filter. */
static bool pull(jloop *l, jval *out)
{
    while (l->at < l->len && cx__jstep(&l->run->c, 1)) {
        jval item = l->items ? l->items->items[l->at] : cx__jrange_at(l->source.r, l->at);
        l->at++;
        if (!passes(l, item)) continue;
        *out = item;
        return l->run->c.status == CX_OK;
    }
    return false;
}

static bool next_item(jloop *l, jval *out)
{
    jlist *q = l->queue.l;
    if (q->at < q->len) return *out = q->items[q->at++], true;
    q->at = q->len = 0;
    return pull(l, out);
}

static bool peek(jloop *l, jval *out)
{
    jlist *q = l->queue.l;
    if (q->at < q->len) return *out = q->items[q->at], true;
    q->at = q->len = 0;
    return pull(l, out) && cx__jlist_push(&l->run->c, l->queue, *out);
}

/* As Jinja: with a filter, all the rest is taken now. */
size_t cx__jloop_length(jloop *l)
{
    jval item;
    if (!l->stmt->filter) return l->len;
    while (pull(l, &item))
        if (!cx__jlist_push(&l->run->c, l->queue, item)) break;
    return l->index0 + 1 + l->queue.l->len - l->queue.l->at;
}

static jval loop_cycle(jrun *r, jval self, const jargs *args)
{
    const jloop *l = self.loop;
    if (args->npos && !args->nkw) return args->pos[l->index0 % args->npos];
    cx__jfail(&r->c, CX_EFORMAT, "loop.cycle needs items");
    return self;
}

static jval loop_changed(jrun *r, jval self, const jargs *args)
{
    jloop *l = self.loop;
    jval now = cx__jlist(&r->c, J_TUPLE, args->npos);
    for (size_t i = 0; i < args->npos; i++)
        if (!cx__jlist_push(&r->c, now, args->pos[i])) break;
    if (l->changed.type != J_MISSING && cx__jeq(&r->c, l->changed, now)) return cx__jbool(false);
    l->changed = now;
    return cx__jbool(true);
}

static const jmethod_def methods[] = {
    { "cycle", NULL, NULL, loop_cycle },
    { "changed", NULL, NULL, loop_changed },
};

static jval loop_method(jrun *r, jloop *l, const jstr *name)
{
    for (size_t i = 0; i < 2; i++) {
        jmethod *m;
        if (!cx__jstr_is(name, methods[i].name)) continue;
        if (!(m = cx__jalloc(&r->c, sizeof *m))) break;
        *m = (jmethod){ &methods[i], { .type = J_LOOP, .loop = l } };
        return (jval){ .type = J_METHOD, .bound = m };
    }
    return J_MISSING_VALUE;
}

static jval size_value(size_t n)
{
    return cx__jint((int64_t)n);
}

jval cx__jloop_attr(jrun *r, jloop *l, const jstr *name)
{
    jval item;
    if (cx__jstr_is(name, "index")) return size_value(l->index0 + 1);
    if (cx__jstr_is(name, "index0")) return size_value(l->index0);
    if (cx__jstr_is(name, "first")) return cx__jbool(l->index0 == 0);
    if (cx__jstr_is(name, "last")) return cx__jbool(!peek(l, &item));
    if (cx__jstr_is(name, "length")) return size_value(cx__jloop_length(l));
    if (cx__jstr_is(name, "revindex")) return size_value(cx__jloop_length(l) - l->index0);
    if (cx__jstr_is(name, "revindex0")) return size_value(cx__jloop_length(l) - l->index0 - 1);
    if (cx__jstr_is(name, "depth")) return cx__jint(l->depth0 + 1);
    if (cx__jstr_is(name, "depth0")) return cx__jint(l->depth0);
    if (cx__jstr_is(name, "previtem"))
        return l->index0 ? l->before : cx__jundef((jstr *)name, J_LOOP);
    if (cx__jstr_is(name, "nextitem"))
        return peek(l, &item) ? item : cx__jundef((jstr *)name, J_LOOP);
    return loop_method(r, l, name);
}

/* The name `loop` of this template, NULL if nothing uses it. */
static void set_loop(jrun *r, jloop *l)
{
    if (r->loop_name)
        cx__jscope_set(r, r->scope, r->loop_name, (jval){ .type = J_LOOP, .loop = l });
}

static bool start(jrun *r, jloop *l, jval source)
{
    if (source.type == J_UNDEF && source.sub == J_UNDEF_UNSAFE) cx__jfail_undef(&r->c, source);
    l->source = source;
    l->queue = cx__jlist(&r->c, J_LIST, 0);
    if (source.type == J_RANGE) {
        l->len = source.r->len;
    } else {
        l->items = cx__jitems(&r->c, source);
        l->len = l->items->len;
    }
    return r->c.status == CX_OK;
}

static void iterate(jrun *r, jloop *l)
{
    const jstmt *s = l->stmt;
    jscope *scope = cx__jscope_new(r, l->outer);
    bool any = false;
    jval item;
    if (!scope) return;
    while (next_item(l, &item)) {
        l->index0 += any;
        l->before = l->current;
        l->current = item;
        any = true;
        scope->len = 0; /* what an item's body sets, the next does not see */
        r->scope = scope;
        set_loop(r, l);
        cx__jassign(r, s->target, item);
        if (r->c.status != CX_OK || cx__jexec(r, s->body) == JF_BREAK) break;
        r->scope = l->outer;
    }
    r->scope = l->outer;
    if (!any && r->c.status == CX_OK && s->other && (r->scope = cx__jscope_new(r, l->outer)))
        cx__jexec(r, s->other);
}

static void run_loop(jrun *r, const jstmt *s, jval source, jscope *outer, int depth0)
{
    jscope *saved = r->scope;
    jloop *l = cx__jalloc(&r->c, sizeof *l);
    if (!l) return;
    *l = (jloop){ .stmt = s, .outer = outer, .depth0 = depth0, .run = r };
    if (start(r, l, source)) iterate(r, l);
    r->scope = saved;
}

void cx__jexec_for(jrun *r, const jstmt *s)
{
    jval source = cx__jeval(r, s->expr);
    run_loop(r, s, source, r->scope, 0);
}

/* loop(items): the recursive loop's body over other items, as text. */
jval cx__jcall_loop(jrun *r, jloop *l, const jargs *args)
{
    size_t mark = r->out.len;
    int line = r->c.line;
    r->calls++;
    if (!l->stmt->recursive || args->npos != 1)
        cx__jfail(&r->c, CX_EFORMAT, "only a loop marked 'recursive' can be called, with one list");
    else if (r->calls > J_MAX_NEST)
        cx__jfail(&r->c, CX_ELIMIT, "calls are nested deeper than %d", J_MAX_NEST);
    else run_loop(r, l->stmt, args->pos[0], l->outer, l->depth0 + 1);
    r->calls--;
    if (r->c.status == CX_OK) r->c.line = line;
    return cx__jcapture(r, mark);
}

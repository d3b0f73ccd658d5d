/* Values of a pickle. Tested by tests/unit/test_pickle.c. */
#include "format/pickle.h"
#include "format/strings.h"
#include <string.h>

#define CELLS_MAX ((size_t)1 << 20)

cx_status cx__pickle_no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the pickle");
}

cx_status cx__pickle_too_many(const char *what, size_t max)
{
    return CX_FAIL(CX_ELIMIT, "expected at most %zu %s, found more", max, what);
}

const char *cx__pickle_kind_name(pickle_kind kind)
{
    static const char *const names[] = { "None",   "a bool",    "an integer", "a value",
                                         "a text", "a tuple",   "a list",     "a dict",
                                         "a type", "a storage", "a tensor" };
    return names[kind];
}

const char *cx__pickle_kind(const pickle *p, uint32_t node)
{
    return cx__pickle_kind_name(p->nodes[node].kind);
}

cx_status cx__pickle_add(pickle *p, pickle_node node, uint32_t *out)
{
    if (p->node_count == PICKLE_NODES_MAX) return cx__pickle_too_many("values", PICKLE_NODES_MAX);
    if (!cx__grow(&p->nodes, &p->node_cap, p->node_count, sizeof node))
        return cx__pickle_no_memory();
    p->nodes[p->node_count] = node;
    *out = (uint32_t)p->node_count++;
    return CX_OK;
}

cx_status cx__pickle_append(pickle *p, uint32_t list, uint32_t item)
{
    pickle_node *n = &p->nodes[list];
    uint32_t cell = (uint32_t)p->cell_count;
    if (p->cell_count == CELLS_MAX) return cx__pickle_too_many("items", CELLS_MAX);
    if (!cx__grow(&p->cells, &p->cell_cap, p->cell_count, sizeof *p->cells))
        return cx__pickle_no_memory();
    p->cells[p->cell_count++] = (pickle_cell){ item, PICKLE_NOTHING };
    if (n->count++) p->cells[n->u.list.last].next = cell;
    else n->u.list.first = cell;
    n->u.list.last = cell;
    return CX_OK;
}

uint32_t cx__pickle_item(const pickle *p, uint32_t node, uint32_t i)
{
    uint32_t cell = p->nodes[node].u.list.first;
    while (i--) cell = p->cells[cell].next;
    return p->cells[cell].node;
}

bool cx__pickle_is(const pickle *p, uint32_t node, const char *text)
{
    const pickle_node *n = &p->nodes[node];
    return n->kind == PICKLE_TEXT && n->count == strlen(text) && !memcmp(n->u.text, text, n->count);
}

void cx__pickle_free(pickle *p)
{
    cx__free(p->nodes);
    cx__free(p->cells);
    *p = (pickle){ 0 };
}

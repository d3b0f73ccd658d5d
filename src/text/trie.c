/* Tokens by their bytes: nodes by (parent, byte) in a hash table, sized once. Memory is 24 to 52
 * bytes per byte of all tokens. Tested through added tokens and Unigram models. */
#include "text/parts.h"

static size_t trie_slot(const cx__trie *t, uint64_t key)
{
    size_t mask = t->slots - 1, slot = (size_t)(key * 0x9E3779B97F4A7C15u >> 20) & mask;
    while (t->keys[slot] != key && t->keys[slot] != UINT64_MAX) slot = (slot + 1) & mask;
    return slot;
}

cx_status cx__trie_init(cx__trie *t, size_t bytes, const char *where)
{
    t->slots = 16;
    while (t->slots < 2 * bytes) t->slots *= 2;
    t->keys = cx__alloc_array(t->slots, sizeof *t->keys);
    t->nodes = cx__alloc_array(t->slots, sizeof *t->nodes);
    t->token = cx__alloc_array(bytes + 1, sizeof *t->token);
    if (!t->keys || !t->nodes || !t->token)
        return CX_FAIL(CX_ENOMEM, "%s: %zu bytes of tokens", where, bytes);
    memset(t->keys, 0xFF, t->slots * sizeof *t->keys);
    t->token[0] = -1;
    t->node_count = 1;
    return CX_OK;
}

void cx__trie_add(cx__trie *t, const char *s, size_t len, int32_t token)
{
    uint32_t node = 0;
    if (len == 0) return;
    t->start[(uint8_t)s[0]] = true;
    for (size_t i = 0; i < len; i++) {
        uint64_t key = (uint64_t)node << 8 | (uint8_t)s[i];
        size_t slot = trie_slot(t, key);
        if (t->keys[slot] == UINT64_MAX) {
            t->keys[slot] = key;
            t->nodes[slot] = (uint32_t)t->node_count;
            t->token[t->node_count++] = -1;
        }
        node = t->nodes[slot];
    }
    t->token[node] = token;
}

int32_t cx__trie_longest(const cx__trie *t, const char *s, size_t len, size_t *token_len)
{
    uint32_t node = 0;
    int32_t best = -1;
    for (size_t i = 0; i < len; i++) {
        size_t slot = trie_slot(t, (uint64_t)node << 8 | (uint8_t)s[i]);
        if (t->keys[slot] == UINT64_MAX) break;
        node = t->nodes[slot];
        if (t->token[node] >= 0) {
            best = t->token[node];
            *token_len = i + 1;
        }
    }
    return best;
}

bool cx__trie_step(const cx__trie *t, uint32_t *node, uint8_t byte)
{
    size_t slot = trie_slot(t, (uint64_t)*node << 8 | byte);
    if (t->keys[slot] == UINT64_MAX) return false;
    *node = t->nodes[slot];
    return true;
}

void cx__trie_deinit(cx__trie *t)
{
    cx__free(t->keys);
    cx__free(t->nodes);
    cx__free(t->token);
}

/* The model card: YAML front matter only, as mlx_lm.convert 0.32.2 writes it (create_model_card).
 * Keys of the source's card are kept as text, so a licence travels with the weights; YAML is not
 * parsed: a top-level key and the lines below it that are indented or list items are one block. */
#include "convert/config.h"

#include <string.h>

enum { CARD_MAX = 4 << 20 };

/* Length of the line at s without its end. */
static size_t line_length(const char *s)
{
    return strcspn(s, "\r\n");
}

static const char *next_line(const char *s)
{
    s += line_length(s);
    if (*s == '\r') s++;
    return *s == '\n' ? s + 1 : s;
}

static bool is_line(const char *s, const char *text)
{
    size_t n = line_length(s);
    return n == strlen(text) && !memcmp(s, text, n);
}

/* True if the line begins the block of `key`. */
static bool has_key(const char *s, const char *key)
{
    size_t n = strlen(key);
    return !strncmp(s, key, n) && s[n] == ':';
}

/* Lines of the block that begins at s: up to the next top-level key. */
static const char *block_end(const char *s)
{
    for (s = next_line(s); *s && strchr(" \t-#\r\n", *s); s = next_line(s))
        if (is_line(s, "---")) break;
    return s;
}

/* Copies the tags block and adds mlx unless it is there, in the list's own form. */
static bool put_tags(cx__buf *b, const char *s, const char *end)
{
    int indent = 0;
    bool there = false;
    const char *value = s + strlen("tags:");
    value += strspn(value, " ");
    if (*value == '[')
        return cx__buf_printf(b, "tags: [mlx%s%.*s\n", value[1] == ']' ? "" : ", ",
                              (int)line_length(value + 1), value + 1);
    if (!cx__buf_puts(b, "tags:\n")) return false;
    for (s = next_line(s); s < end; s = next_line(s)) {
        size_t n = line_length(s), at = strspn(s, " ");
        if (at >= n) continue;
        if (s[at] == '-') indent = (int)at;
        there = there || is_line(s + at, "- mlx");
        if (!cx__buf_printf(b, "%.*s\n", (int)n, s)) return false;
    }
    return there || cx__buf_printf(b, "%*s- mlx\n", indent, "");
}

/* The front matter between "---" lines, without the keys that are set below. */
static bool put_source(cx__buf *b, const char *s, bool *tags)
{
    static const char *const ours[] = { "library_name", "pipeline_tag", "base_model" };
    while (*s && !is_line(s, "---")) {
        const char *end = block_end(s);
        bool skip = false;
        for (size_t i = 0; i < 3; i++) skip = skip || has_key(s, ours[i]);
        if (has_key(s, "tags")) {
            *tags = true;
            if (!put_tags(b, s, end)) return false;
        } else {
            for (; !skip && s < end; s = next_line(s))
                if (!cx__buf_printf(b, "%.*s\n", (int)line_length(s), s)) return false;
        }
        s = end;
    }
    return true;
}

cx_status cx__card_text(const char *source, const char *base_model, char **text, size_t *len)
{
    cx__buf b = { .max = 2 * CARD_MAX };
    char *path = cx__path_join(source, "README.md"), *card = NULL;
    size_t card_len = 0;
    bool tags = false, ok = path && cx__buf_puts(&b, "---\n");
    if (path && cx__path_exists(path) && cx__read_file(path, CARD_MAX, &card, &card_len) != CX_OK)
        cx__log(CX_LOG_WARN, "%s; left out", cx_error());
    if (card && is_line(card, "---")) ok = ok && put_source(&b, next_line(card), &tags);
    else ok = ok && cx__buf_puts(&b, "language: en\n");
    ok = ok && cx__buf_puts(&b, "library_name: mlx\npipeline_tag: text-generation\n");
    if (ok && !tags) ok = cx__buf_puts(&b, "tags:\n- mlx\n");
    if (ok && base_model) ok = cx__buf_printf(&b, "base_model: %s\n", base_model);
    ok = ok && cx__buf_puts(&b, "---\n");
    cx__free(card);
    cx__free(path);
    if (!ok) {
        cx__buf_free(&b);
        return CX_FAIL(CX_ENOMEM, "no memory for README.md");
    }
    *len = b.len;
    *text = b.data;
    return CX_OK;
}

/* The library in a program of its own: opens a model folder, streams the answer to a prompt.
 *     cc generate.c $(pkg-config --cflags --libs cortex) && ./a.out FOLDER PROMPT */
#include <cortex/generate.h>
#include <stdio.h>
#include <string.h>

static int show(void *user, const char *text, size_t len)
{
    fwrite(text, 1, len, user);
    return fflush(user); /* not 0 ends the generation */
}

int main(int argc, char **argv)
{
    const cx_generate_options options = { .max_tokens = 150, .on_text = show, .user = stdout };
    cx_tokenizer *tokenizer = NULL;
    cx_model *model = NULL;
    cx_session *session = NULL;
    cx_generation g = { 0 };
    int32_t *ids = NULL;
    size_t n = 0;
    if (argc != 3) return fprintf(stderr, "usage: generate FOLDER PROMPT\n"), 2;
    cx_status st = cx_tokenizer_open(argv[1], &tokenizer);
    if (st == CX_OK) st = cx_tokenizer_encode(tokenizer, argv[2], strlen(argv[2]), true, &ids, &n);
    if (st == CX_OK) st = cx_model_open(argv[1], NULL, &model);
    if (st == CX_OK) st = cx_session_new(model, NULL, &session);
    if (st == CX_OK) st = cx_generate(session, tokenizer, ids, n, &options, &g);
    if (st == CX_OK) printf("\n[%zu tokens, %.1f a second]\n", g.token_count, g.decode_tps);
    else fprintf(stderr, "%s\n", cx_error());
    cx_generation_deinit(&g);
    cx_session_free(session);
    cx_model_close(model);
    cx_free(ids);
    cx_tokenizer_close(tokenizer);
    return st != CX_OK;
}

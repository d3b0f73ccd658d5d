/* The small files of a folder: config, index, card, tokenizer. Tested by
 * tests/unit/test_convert_files.c and tests/oracle/oracle_convert.py. */
#include "convert/config.h"
#include "convert/files.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

typedef struct files {
    const cx__source *source;
    cx__manifest *manifest;
    bool rebuilt; /* the tokenizer: its files of the source stay behind */
} files;

static cx_status no_memory(void)
{
    return CX_FAIL(CX_ENOMEM, "no memory for the files beside the weights");
}

static int wanted(const struct dirent *e)
{
    static const char *const patterns[] = {
        "*.py",
        "*.jinja",
        "*.tiktoken",
        "*.model",
        "tokenizer*.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "LICENSE*",
        "chat_template.json",
        "added_tokens.json",
        "special_tokens_map.json",
        "generation_config.json",
        "NOTICE*",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (fnmatch(patterns[i], e->d_name, FNM_PERIOD) == 0) return 1;
    return 0;
}

static cx_status copy_one(const files *f, const char *name)
{
    if (f->rebuilt && !strcmp(name, "tokenizer_config.json")) return CX_OK;
    char *path = cx__path_join(cx__source_folder(f->source), name);
    struct stat info;
    cx_status st = path ? CX_OK : no_memory();
    bool file = st == CX_OK && stat(path, &info) == 0 && S_ISREG(info.st_mode);
    if (file) st = cx__link_check(cx__source_folder(f->source), path);
    if (file && st == CX_OK)
        st = cx__manifest_copy(f->manifest, cx__source_folder(f->source), name);
    cx__free(path);
    return st;
}

static cx_status copy_files(const files *f)
{
    struct dirent **list = NULL;
    cx_status st = CX_OK;
    int n = scandir(cx__source_folder(f->source), &list, wanted, alphasort);
    if (n < 0) return CX_FAIL(CX_EIO, "%s: cannot list this folder", cx__source_folder(f->source));
    for (int i = 0; i < n; i++) {
        if (st == CX_OK) st = copy_one(f, list[i]->d_name);
        free(list[i]); /* libc's */
    }
    free(list);
    return st;
}

static bool has_file(const files *f, const char *name)
{
    if (!cx__source_has_files(f->source)) return false;
    char *path = cx__path_join(cx__source_folder(f->source), name);
    bool there = path && cx__path_exists(path);
    cx__free(path);
    return there;
}

/* Takes over text. */
static cx_status put_text(const files *f, const char *name, char *text, size_t len)
{
    cx_status st = cx__manifest_put(f->manifest, name, text, len);
    cx__free(text);
    return st;
}

/* Checkpoints older than tokenizer.json get one, and the tokenizer_config.json that goes with it.
 * What cannot be rebuilt is no reason to keep the weights back. */
static cx_status put_tokenizer(files *f)
{
    char *tokenizer = NULL, *config = NULL;
    if (has_file(f, "tokenizer.json")) return CX_OK;
    cx_status st = cx__source_tokenizer(f->source, &tokenizer, &config);
    if (st == CX_ENOMEM) return st;
    if (st != CX_OK) {
        cx__log(CX_LOG_WARN, "%s: the result has no tokenizer", cx_error());
        return CX_OK;
    }
    f->rebuilt = true;
    st = put_text(f, "tokenizer.json", tokenizer, strlen(tokenizer));
    if (st == CX_OK) return put_text(f, "tokenizer_config.json", config, strlen(config));
    cx__free(config);
    return st;
}

cx_status cx__files_put(const cx__source *source, const cx__layout *plan, const char *base_model,
                        cx__manifest *manifest)
{
    files f = { source, manifest, false };
    char *text = NULL, name[64];
    size_t len = 0;
    for (size_t i = 0; i < plan->shards; i++) {
        cx__shard_file(name, i, plan->shards);
        CX_TRY(cx__manifest_add_shard(manifest, name));
    }
    CX_TRY(cx__config_text(cx__source_config(source), &text, &len));
    CX_TRY(put_text(&f, "config.json", text, len));
    CX_TRY(cx__shard_index_text(plan->outputs, plan->output_count, plan->shard_of, plan->shards,
                                plan->parameters, &text, &len));
    CX_TRY(put_text(&f, "model.safetensors.index.json", text, len));
    CX_TRY(cx__card_text(cx__source_folder(source), base_model, &text, &len));
    CX_TRY(put_text(&f, "README.md", text, len));
    CX_TRY(put_tokenizer(&f));
    return cx__source_has_files(source) ? copy_files(&f) : CX_OK;
}

/* For oracle_rebuild.py and golden_rebuild.py: rebuilds a tokenizer and writes tokenizer.json and
 * tokenizer_config.json into a folder.
 *   rebuild FOLDER OUT          from the files in FOLDER
 *   rebuild --source FILE OUT   from a cx__vocab_source written as JSON */
#include "base/base.h"
#include "text/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cx__str text_of(const json_t *v)
{
    return (cx__str){ json_string_value(v), json_string_length(v) };
}

static cx__str *texts_of(const json_t *list, size_t *count)
{
    cx__str *out = calloc(json_array_size(list) + 1, sizeof *out);
    *count = json_array_size(list);
    for (size_t i = 0; i < *count; i++) out[i] = text_of(json_array_get(list, i));
    return out;
}

static int64_t id_of(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static cx_status from_source(const char *path, char **out)
{
    json_t *o = json_load_file(path, 0, NULL);
    const json_t *scores = json_object_get(o, "scores"), *types = json_object_get(o, "types");
    cx__vocab_source v;
    float *score = calloc(json_array_size(scores) + 1, sizeof *score);
    int32_t *type = calloc(json_array_size(types) + 1, sizeof *type);
    cx__vocab_source_init(&v);
    v.model = json_string_value(json_object_get(o, "model"));
    v.pre = json_string_value(json_object_get(o, "pre"));
    v.tokens = texts_of(json_object_get(o, "tokens"), &v.count);
    if (json_object_get(o, "merges"))
        v.merges = texts_of(json_object_get(o, "merges"), &v.merge_count);
    v.score_count = json_array_size(scores);
    for (size_t i = 0; i < v.score_count; i++)
        score[i] = (float)json_number_value(json_array_get(scores, i));
    v.type_count = json_array_size(types);
    for (size_t i = 0; i < v.type_count; i++)
        type[i] = (int32_t)json_integer_value(json_array_get(types, i));
    v.scores = scores ? score : NULL;
    v.types = types ? type : NULL;
    v.bos = id_of(o, "bos");
    v.eos = id_of(o, "eos");
    v.unk = id_of(o, "unk");
    v.pad = id_of(o, "pad");
    v.add_bos = (int)id_of(o, "add_bos");
    v.add_eos = (int)id_of(o, "add_eos");
    v.add_space_prefix = (int)id_of(o, "add_space_prefix");
    v.chat_template = text_of(json_object_get(o, "chat_template"));
    return cx__tokenizer_rebuild(&v, path, &out[0], &out[1]); /* the process ends with this */
}

static int write_file(const char *folder, const char *name, const char *text)
{
    char *path = cx__path_join(folder, name);
    FILE *f = path ? fopen(path, "w") : NULL;
    int bad = !f || fputs(text, f) < 0;
    if (f && fclose(f) != 0) bad = 1;
    return bad;
}

int main(int argc, char **argv)
{
    char *out[2] = { NULL, NULL };
    cx_status st;
    if (argc == 4) st = from_source(argv[2], out);
    else if (argc == 3) st = cx__tokenizer_rebuild_folder(argv[1], &out[0], &out[1]);
    else return fprintf(stderr, "usage: rebuild [--source] FROM OUT\n"), 2;
    if (st != CX_OK) return fprintf(stderr, "%s\n", cx_error()), 1;
    return write_file(argv[argc - 1], "tokenizer.json", out[0]) ||
           write_file(argv[argc - 1], "tokenizer_config.json", out[1]);
}

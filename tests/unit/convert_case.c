#include "convert_case.h"

#include "base/base.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

const char *case_path(const char *dir, const char *name)
{
    static char kept[64][600];
    static int n;
    char *path = kept[n++ % 64];
    snprintf(path, sizeof kept[0], "%s/%s", dir, name);
    return path;
}

void case_put(const char *dir, const char *name, const char *text)
{
    CHECK_OK(cx__write_file(case_path(dir, name), text, strlen(text)));
}

char *case_get(const char *dir, const char *name, size_t *len)
{
    static char *kept[64]; /* reachable until the process, which is one test, ends */
    static int kept_count;
    char *text = NULL;
    size_t n = 0;
    const char *path = case_path(dir, name);
    if (!cx__path_exists(path)) return NULL;
    CHECK_OK(cx__read_file(path, (size_t)1 << 30, &text, &n));
    if (len) *len = n;
    CHECK(kept_count < 64);
    return kept[kept_count++] = text;
}

int case_entries(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    CHECK(d != NULL);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(d);
    return n;
}

/* A pattern that no two groups share, of both signs. */
static void fill(cx_tensor *t)
{
    size_t count = 1;
    for (int i = 0; i < t->ndim; i++) count *= (size_t)t->shape[i];
    t->bytes = count * cx_dtype_size(t->dtype);
    unsigned char *p = malloc(t->bytes);
    CHECK(p != NULL);
    for (size_t i = 0; i < count; i++) {
        float f = (float)((int)(i * 7919 % 1009) - 500) * 0.001f * (1 + (float)(i / 64 % 13));
        uint32_t bits;
        memcpy(&bits, &f, 4);
        bits &= 0xffff0000; /* exact in BF16 too */
        if (t->dtype == CX_F32) memcpy(p + 4 * i, &bits, 4);
        else memcpy(p + 2 * i, (char *)&bits + 2, 2);
    }
    t->data = p;
}

static void save(const char *folder, cx_tensor *list, size_t n)
{
    const cx_metadata metadata = { "format", "pt" };
    cx_tensor_writer *w = NULL;
    CHECK_OK(
        cx_tensor_writer_open(case_path(folder, "model.safetensors"), list, n, &metadata, 1, &w));
    for (size_t i = 0; i < n; i++) {
        fill(&list[i]);
        CHECK_OK(cx_tensor_writer_write(w, i, 0, list[i].data, list[i].bytes));
        free((void *)(uintptr_t)list[i].data);
    }
    CHECK_OK(cx_tensor_writer_finish(w));
}

#define T(name_, dtype_, rows, cols)                                                               \
    {                                                                                              \
        .name = name_, .dtype = dtype_, .ndim = 2, .shape = { rows, cols }                         \
    }
#define V(name_, dtype_, n)                                                                        \
    {                                                                                              \
        .name = name_, .dtype = dtype_, .ndim = 1, .shape = { n }                                  \
    }

const char *case_llama(const char *dir, const char *name)
{
#define L "model.layers.0."
    cx_tensor list[] = {
        T("model.embed_tokens.weight", CX_F32, 80, 64),
        V(L "input_layernorm.weight", CX_F32, 64),
        T(L "self_attn.q_proj.weight", CX_F32, 64, 64),
        T(L "self_attn.k_proj.weight", CX_F32, 64, 64),
        T(L "self_attn.v_proj.weight", CX_F32, 64, 64),
        T(L "self_attn.o_proj.weight", CX_F32, 64, 64),
        V(L "self_attn.rotary_emb.inv_freq", CX_F32, 16),
        V(L "post_attention_layernorm.weight", CX_F32, 64),
        T(L "mlp.gate_proj.weight", CX_F32, 96, 64),
        T(L "mlp.up_proj.weight", CX_F32, 96, 64),
        T(L "mlp.down_proj.weight", CX_F32, 64, 96), /* 96: no multiple of 64 */
        V("model.norm.weight", CX_F32, 64),
    };
#undef L
    const char *folder = case_path(dir, name);
    CHECK_INT(mkdir(folder, 0700), 0);
    save(folder, list, sizeof list / sizeof *list);
    case_put(folder, "config.json",
             "{\"model_type\": \"llama\", \"vocab_size\": 80, \"hidden_size\": 64, "
             "\"intermediate_size\": 96, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, "
             "\"rms_norm_eps\": 1e-05, \"tie_word_embeddings\": true, \"eos_token_id\": 2, "
             "\"_name_or_path\": \"x\", \"torch_dtype\": \"float32\"}");
    return folder;
}

const char *case_gpt2(const char *dir, const char *name)
{
    cx_tensor list[] = {
        T("wte.weight", CX_BF16, 80, 64),
        T("wpe.weight", CX_BF16, 32, 64),
        V("h.0.ln_1.weight", CX_BF16, 64),
        V("h.0.ln_1.bias", CX_BF16, 64),
        T("h.0.attn.c_attn.weight", CX_BF16, 64, 192),
        V("h.0.attn.c_attn.bias", CX_BF16, 192),
        T("h.0.attn.c_proj.weight", CX_BF16, 64, 64),
        T("h.0.mlp.c_fc.weight", CX_BF16, 64, 256),
        T("h.0.mlp.c_proj.weight", CX_BF16, 256, 64),
        V("ln_f.weight", CX_BF16, 64),
    };
    const char *folder = case_path(dir, name);
    CHECK_INT(mkdir(folder, 0700), 0);
    save(folder, list, sizeof list / sizeof *list);
    case_put(folder, "config.json",
             "{\"model_type\": \"gpt2\", \"n_embd\": 64, \"n_head\": 2, \"n_layer\": 1, "
             "\"n_positions\": 32, \"vocab_size\": 80}");
    return folder;
}

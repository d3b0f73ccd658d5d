/* How byte-level vocabularies split text, by the name that GGUF files give it (tokenizer.ggml.pre).
 * The patterns are those of the models' own tokenizer.json where one is public, else llama.cpp's
 * (llama-vocab.cpp, list of llm_tokenizer_bpe). A name that is not here is refused: text split in
 * another way would give other tokens, and nobody would notice. */
#include "text/rebuild.h"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define TAIL "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CL100K(numbers)                                                                            \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" TAIL
/* Words that begin with an upper case letter and go on in lower case: o200k and its kin. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(contractions, numbers)                                                               \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" contractions "|[^\\r\\n\\p{L}\\p{N}]?" UPPER      \
    "+" LOWER "*" contractions "|" numbers "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" TAIL
/* An ASCII sign and letters, words, signs: DeepSeek V3 and its kin. */
#define SIGN_WORDS                                                                                 \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"                                       \
    "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*" TAIL
#define CJK "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"

/* Cased letters, as a list. */
static const char deepseek_letters[] =
    "\\s?["
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293"
    "\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c"
    "\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5"
    "\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77"
    "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59"
    "\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc"
    "\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107"
    "\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee"
    "\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e"
    "\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2"
    "\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
    "]+";

#define STEPS(name) static const char *const name[]
STEPS(gpt2) = { CX__PRE_GPT2, NULL };
STEPS(llama3) = { CL100K("\\p{N}{1,3}"), CX__PRE_BYTES, NULL };
STEPS(qwen2) = { CL100K("\\p{N}"), CX__PRE_BYTES, NULL };
STEPS(qwen35) = { CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
                               "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" TAIL,
                  CX__PRE_BYTES, NULL };
STEPS(tekken) = { CASED("", "\\p{N}"), CX__PRE_BYTES, NULL };
STEPS(gpt4o) = { CASED(CONTRACTIONS "?", "\\p{N}{1,3}"), CX__PRE_BYTES, NULL };
STEPS(digits) = { CX__PRE_DIGITS, CX__PRE_GPT2, NULL };
STEPS(falcon) = { CX__PRE_PUNCTUATION, CX__PRE_GPT2, CX__PRE_DIGIT_RUNS, "[0-9][0-9][0-9]", NULL };
STEPS(deepseek_llm) = { "[\\r\\n]",
                        deepseek_letters,
                        "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
                        "\\s+$",
                        CJK,
                        "\\p{N}+",
                        CX__PRE_BYTES,
                        NULL };
STEPS(deepseek_coder) = { "[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", CJK,
                          "\\p{N}",   CX__PRE_BYTES, NULL };
STEPS(deepseek3) = { "\\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", SIGN_WORDS,
                     CX__PRE_BYTES, NULL };
STEPS(bloom) = { " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+", CX__PRE_BYTES,
                 NULL };
STEPS(viking) = { " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+", "\\p{N}",
                  CX__PRE_BYTES, NULL };
STEPS(bailing) = { "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
                   "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
                   CX__PRE_BYTES, NULL };
STEPS(seed_coder) = { CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
                                   "| ?[^\\s\\p{L}\\p{N}\\r\\n]+" TAIL,
                      CX__PRE_BYTES, NULL };
/* What llama.cpp does with files that do not say. */
STEPS(unsaid) = { "[\\p{P}\\$\\+<=>\\^~\\|]+", CX__PRE_GPT2, "\\p{N}+", "[0-9][0-9][0-9]", NULL };

#define NAMES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
static const cx__pre pres[] = {
    { NAMES("default"), unsaid, false, false, false },
    { NAMES("gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat",
            "a.x-4.0", "mellum", "modern-bert", "exaone4", "jais", "trillion", "granite-docling",
            "jina-v1-en", "jina-v2-code", "roberta-bpe"),
      gpt2, false, false, false },
    { NAMES("olmo", "mpt"), gpt2, true, false, false },
    { NAMES("llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0",
            "lfm2", "jina-v5-nano"),
      llama3, false, true, true },
    { NAMES("dbrx", "smaug-bpe", "chatglm-bpe", "glm4"), llama3, false, false, false },
    { NAMES("qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2"), qwen2, true,
      false, false },
    { NAMES("hunyuan", "grok-2"), qwen2, false, false, false },
    { NAMES("qwen35"), qwen35, true, false, false },
    { NAMES("tekken"), tekken, false, true, true },
    { NAMES("gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"), gpt4o, false, false, false },
    { NAMES("command-r"), digits, true, false, false },
    { NAMES("starcoder", "refact", "smollm", "codeshell", "exaone", "minerva-7b"), digits, false,
      false, false },
    { NAMES("falcon"), falcon, false, false, false },
    { NAMES("deepseek-llm"), deepseek_llm, false, false, false },
    { NAMES("deepseek-coder"), deepseek_coder, false, false, false },
    { NAMES("deepseek-v3", "hunyuan-dense"), deepseek3, false, false, false },
    { NAMES("bloom", "gpt3-finnish", "poro-chat"), bloom, false, false, false },
    { NAMES("viking"), viking, false, false, false },
    { NAMES("bailingmoe", "bailingmoe2", "llada-moe"), bailing, false, false, false },
    { NAMES("seed-coder"), seed_coder, false, false, false },
};

const cx__pre *cx__pre_find(const char *name)
{
    for (size_t i = 0; i < sizeof pres / sizeof *pres; i++)
        for (const char *const *n = pres[i].names; *n; n++)
            if (strcmp(*n, name) == 0) return &pres[i];
    return NULL;
}

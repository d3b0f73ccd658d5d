/* src/hub without a network: names, listings, the choice of files, settings, hashes. Downloads are
 * tested by tests/hub. */
#include "hub/hub.h"
#include "unit.h"

#include <stdlib.h>

#define SHA "0123456789abcdef0123456789abcdef01234567"
#define SHA256 SHA "0123456789abcdef01234567"

/* ---- names ---- */

TEST(hub, names_of_models)
{
    static const char *const good[] = { "org/name", "gpt2", "a/b", "Qwen/Qwen2.5-0.5B_x", "1/2" };
    static const char *const bad[] = { "",       "/",       "a/",     "/a",     "a/b/c",
                                       "../a",   "a/..",    "a--b/c", "a/b..c", "-a/b",
                                       "a/b-",   ".a/b",    "a b/c",  "a/b\n",  "a/\xc3\xa9",
                                       "a\\b/c", "a/b?x=1", "a/b%2f" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(cx_hub_name_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!cx_hub_name_valid(bad[i]));
    char longest[98];
    memset(longest, 'a', 97);
    longest[97] = '\0';
    CHECK(!cx_hub_name_valid(longest));
    CHECK(cx_hub_name_valid(longest + 1));
}

TEST(hub, names_of_files_stay_below_their_folder)
{
    static const char *const good[] = { "a", "a/b.json", "..a", "a..", "...", "a b", "\xc3\xa9/x" };
    static const char *const bad[] = { "",       ".",     "..",
                                       "/a",     "a/",    "a//b",
                                       "a/../b", "./a",   "a/.",
                                       "../a",   "a/..",  "a\nb",
                                       "a\\b",   "a\x7f", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q" };
    char part[258];
    memset(part, 'a', 256);
    part[256] = '\0';
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(cx__hub_path_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!cx__hub_path_valid(bad[i]));
    CHECK(!cx__hub_path_valid(part));
    CHECK(cx__hub_path_valid(part + 1));
    CHECK(cx__hub_path_valid("a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p"));
}

TEST(hub, revisions)
{
    static const char *const good[] = { "main", "refs/pr/1", "v1.0", SHA, "feature/a+b" };
    static const char *const bad[] = { "", "/main", "main/", "a..b", "a b", "../x", "a?b", "a\nb" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(cx__hub_revision_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!cx__hub_revision_valid(bad[i]));
}

TEST(hub, addresses_are_escaped)
{
    cx__buf b = { .max = 100 };
    CHECK(cx__hub_escape(&b, "refs/pr/1", false));
    CHECK_STR(b.data, "refs%2Fpr%2F1");
    cx__buf_clear(&b);
    CHECK(cx__hub_escape(&b, "a b/\xc3\xa9?#%.txt", true));
    CHECK_STR(b.data, "a%20b/%C3%A9%3F%23%25.txt");
    cx__buf_free(&b);
}

/* ---- listings ---- */

#define ANSWER(siblings) "{\"sha\":\"" SHA "\",\"siblings\":[" siblings "]}"
#define NAMED(name) "{\"rfilename\":\"" name "\"}"

static cx_status parse(const char *text, cx__hub_listing *l)
{
    return cx__hub_listing_parse(text, strlen(text), "org/x", l);
}

TEST(hub, listing_with_sizes_and_hashes)
{
    cx__hub_listing l;
    CHECK_OK(
        parse(ANSWER("{\"rfilename\":\"z.json\",\"size\":5,\"blobId\":\"" SHA "\",\"lfs\":null},"
                     "{\"rfilename\":\"model.safetensors\",\"size\":7,\"blobId\":\"" SHA
                     "\",\"lfs\":{\"sha256\":\"" SHA256 "\",\"size\":7,\"pointerSize\":1}},"
                     "{\"rfilename\":\"a\"}"),
              &l));
    CHECK_STR(l.commit, SHA);
    CHECK_INT(l.count, 3);
    CHECK_STR(l.files[0].name, "a");
    CHECK(!l.files[0].sized);
    CHECK_STR(l.files[0].blob, "");
    CHECK_STR(l.files[1].name, "model.safetensors");
    CHECK_STR(l.files[1].sha256, SHA256);
    CHECK_INT(l.files[1].size, 7);
    CHECK_STR(l.files[2].blob, SHA);
    CHECK_STR(l.files[2].sha256, "");
    cx__hub_listing_free(&l);
}

TEST(hub, bad_listings_are_refused_with_a_sentence)
{
    static const struct {
        const char *text, *part;
    } bad[] = {
        { "", "org/x" },
        { "[]", "expected a JSON object" },
        { "{\"siblings\":[]}", "no sha" },
        { "{\"sha\":\"main\",\"siblings\":[]}", "40 hexadecimal digits" },
        { "{\"sha\":\"../../../../../../../../../../../../../../x\",\"siblings\":[]}", "sha" },
        { "{\"sha\":\"" SHA "\"}", "no siblings" },
        { "{\"sha\":\"" SHA "\",\"siblings\":{}}", "no siblings" },
        { ANSWER("1"), "entry 0 of siblings" },
        { ANSWER("{\"size\":1}"), "no rfilename" },
        { ANSWER("{\"rfilename\":1}"), "rfilename" },
        { ANSWER(NAMED("a") "," NAMED("a")), "lists 'a' twice" },
        { ANSWER("{\"rfilename\":\"a\",\"size\":-1}"), "size" },
        { ANSWER("{\"rfilename\":\"a\",\"size\":1e300}"), "size" },
        { ANSWER("{\"rfilename\":\"a\",\"size\":9223372036854775807}"), "size" },
        { ANSWER("{\"rfilename\":\"a\",\"blobId\":\"xyz\"}"), "blobId" },
        { ANSWER("{\"rfilename\":\"a\",\"lfs\":1}"), "lfs" },
        { ANSWER("{\"rfilename\":\"a\",\"lfs\":{\"sha256\":\"" SHA "\"}}"), "sha256" },
        { ANSWER("{\"rfilename\":\"a\",\"size\":1,\"lfs\":{\"size\":2}}"), "two sizes" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cx__hub_listing l = { 0 };
        CHECK(parse(bad[i].text, &l) != CX_OK);
        CHECK_HAS(cx_error(), bad[i].part);
        CHECK(!strncmp(cx_error(), "org/x: ", 7));
        CHECK(l.files == NULL);
    }
}

TEST(hub, tree_is_read_back_as_it_was)
{
    cx__hub_listing l, again;
    cx__buf b = { .max = 10000 };
    CHECK_OK(parse(ANSWER("{\"rfilename\":\"q\\\"uote.json\",\"size\":5,\"blobId\":\"" SHA "\"},"
                          "{\"rfilename\":\"../up\",\"size\":5,\"blobId\":\"" SHA "\"},"
                          "{\"rfilename\":\"m.bin\",\"size\":7,\"blobId\":\"" SHA
                          "\",\"lfs\":{\"sha256\":\"" SHA256 "\",\"size\":7}}"),
                   &l));
    CHECK(cx__hub_tree_dump(&b, &l));
    CHECK_OK(cx__hub_tree_parse(b.data, b.len, "tree", &again));
    CHECK_INT(again.count, 2); /* less the name that is no path */
    CHECK_STR(again.files[0].name, "m.bin");
    CHECK_STR(again.files[0].sha256, SHA256);
    CHECK_INT(again.files[0].size, 7);
    CHECK_STR(again.files[1].name, "q\"uote.json");
    CHECK_STR(again.files[1].blob, SHA);
    cx__hub_listing_free(&l);
    cx__hub_listing_free(&again);
    cx__buf_clear(&b);
    CHECK(cx__hub_tree_dump(&b, &l)); /* empty */
    CHECK_OK(cx__hub_tree_parse(b.data, b.len, "tree", &again));
    CHECK_INT(again.count, 0);
    cx__hub_listing_free(&again);
    cx__buf_free(&b);
    CHECK_INT(cx__hub_tree_parse("{\"format_version\":2,\"files\":{}}", 31, "tree", &again),
              CX_EFORMAT);
    CHECK_HAS(cx_error(), "format_version");
}

/* ---- which files ---- */

/* Names, NULL at the end, to what is selected, joined by blanks; or the error's sentence. */
static const char *selected(const char *file, const char *const *names)
{
    static char out[1024];
    cx__hub_file files[16] = { 0 };
    cx__hub_listing l = { .files = files };
    for (; names[l.count]; l.count++) files[l.count].name = (char *)(uintptr_t)names[l.count];
    out[0] = '\0';
    if (cx__hub_select(&l, file, "org/x") != CX_OK) return strcpy(out, cx_error());
    for (size_t i = 0; i < l.count; i++) {
        if (files[i].wanted) strcat(strcat(out, *out ? " " : ""), files[i].name);
    }
    return out;
}
#define SELECTED(file, ...) selected(file, (const char *const[]){ __VA_ARGS__, NULL })

TEST(hub, safetensors_are_taken_before_all_else)
{
    CHECK_STR(SELECTED(NULL, "README.md", "config.json", "flax_model.msgpack", "merges.txt",
                       "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                       "model.safetensors.index.json", "pytorch_model.bin", "tokenizer.model",
                       "x.gguf", "x.safetensors"),
              "config.json merges.txt model-00001-of-00002.safetensors "
              "model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.model");
}

TEST(hub, other_forms_of_weights_in_their_order)
{
    CHECK_STR(SELECTED(NULL, "a.bin", "c.json", "onnx/x.bin", "pytorch_model-1.bin",
                       "pytorch_model.bin", "training_args.bin", "z.pt"),
              "c.json pytorch_model-1.bin pytorch_model.bin");
    CHECK_STR(SELECTED(NULL, "adapter_model.safetensors", "pytorch_model.bin"),
              "adapter_model.safetensors");
    CHECK_STR(SELECTED(NULL, "a.bin", "training_args.bin", "z.pt"), "a.bin");
    CHECK_STR(SELECTED(NULL, "optimizer.pt", "training_args.bin", "x.pth"), "x.pth");
    CHECK_STR(SELECTED(NULL, "c.json", "optimizer.pt"), "c.json");
    CHECK_STR(SELECTED(NULL, "a.npz", "b.gguf"), "a.npz");
    CHECK_HAS(SELECTED(NULL, "README.md", "a.onnx"), "none of its 2 files");
}

TEST(hub, several_gguf_models_must_be_chosen_from)
{
    CHECK_STR(SELECTED(NULL, "a.gguf"), "a.gguf");
    CHECK_STR(SELECTED(NULL, "q8/a-00001-of-00002.gguf", "q8/a-00002-of-00002.gguf"),
              "q8/a-00001-of-00002.gguf q8/a-00002-of-00002.gguf");
    CHECK_STR(SELECTED(NULL, "a-Q4.gguf", "a-Q8.gguf"),
              "org/x: holds several GGUF models; choose one with --file: a-Q4.gguf, a-Q8.gguf");
    CHECK_HAS(SELECTED(NULL, "a.gguf", "ab.gguf"), "choose one");
    CHECK_STR(SELECTED("*Q8*", "a-Q4.gguf", "a-Q8.gguf", "c.json"), "a-Q8.gguf c.json");
    CHECK_STR(SELECTED("a.bin", "a.bin", "model.safetensors"), "a.bin");
    CHECK_STR(SELECTED("*Q5*", "a-Q4.gguf"), "org/x: no file matches '*Q5*'");
}

TEST(hub, wanted_names_must_be_paths)
{
    CHECK_HAS(SELECTED(NULL, "../../x.json", "model.safetensors"), "'../../x.json' is not a name");
    CHECK_HAS(SELECTED(NULL, "/etc/x.json", "model.safetensors"), "'/etc/x.json' is not a name");
    CHECK_HAS(SELECTED(NULL, "a", "model/../../../x.safetensors"), "is not a name");
    CHECK_STR(SELECTED(NULL, "../x.exe", "model.safetensors"), "model.safetensors");
}

/* ---- settings ---- */

static void clear_environment(void)
{
    static const char *const names[] = { "HF_HUB_CACHE",
                                         "HUGGINGFACE_HUB_CACHE",
                                         "HF_HOME",
                                         "XDG_CACHE_HOME",
                                         "HF_ENDPOINT",
                                         "HF_TOKEN",
                                         "HF_TOKEN_PATH",
                                         "HUGGING_FACE_HUB_TOKEN",
                                         "HF_HUB_OFFLINE",
                                         "TRANSFORMERS_OFFLINE",
                                         "HF_HUB_DOWNLOAD_TIMEOUT",
                                         "HF_HUB_DISABLE_IMPLICIT_TOKEN" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
}

static void check_cache(const char *want)
{
    cx__hub_settings s;
    CHECK_OK(cx__hub_settings_init(NULL, &s));
    CHECK_STR(s.cache, want);
    cx__hub_settings_deinit(&s);
}

TEST(hub, cache_is_where_huggingface_hub_has_it)
{
    clear_environment();
    setenv("HOME", "/h", 1);
    check_cache("/h/.cache/huggingface/hub");
    setenv("XDG_CACHE_HOME", "/xdg", 1);
    check_cache("/xdg/huggingface/hub");
    setenv("HF_HOME", "~/hf", 1);
    check_cache("/h/hf/hub");
    setenv("HUGGINGFACE_HUB_CACHE", "/old", 1);
    check_cache("/old");
    setenv("HF_HUB_CACHE", "/new", 1);
    check_cache("/new");
}

TEST(hub, token_from_option_environment_or_file)
{
    cx__hub_settings s;
    cx_hub_options o = { .token = "mine" };
    clear_environment();
    setenv("HF_TOKEN_PATH", unit_file("token", "  filed \n", 9), 1);
    CHECK_OK(cx__hub_settings_init(NULL, &s));
    CHECK_STR(s.token, "filed");
    cx__hub_settings_deinit(&s);
    setenv("HF_TOKEN", "named", 1);
    CHECK_OK(cx__hub_settings_init(NULL, &s));
    CHECK_STR(s.token, "named");
    cx__hub_settings_deinit(&s);
    CHECK_OK(cx__hub_settings_init(&o, &s));
    CHECK_STR(s.token, "mine");
    cx__hub_settings_deinit(&s);
    setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", 1);
    CHECK_OK(cx__hub_settings_init(NULL, &s));
    CHECK(s.token == NULL);
    cx__hub_settings_deinit(&s);
    o.token = "a\r\nHost: evil";
    CHECK_INT(cx__hub_settings_init(&o, &s), CX_EARG);
    CHECK(!strstr(cx_error(), "evil")); /* tokens are secrets */
}

TEST(hub, settings_are_checked)
{
    cx__hub_settings s;
    cx_hub_options o = { .endpoint = "https://mirror.example//" };
    clear_environment();
    CHECK_OK(cx__hub_settings_init(&o, &s));
    CHECK_STR(s.endpoint, "https://mirror.example");
    cx__hub_settings_deinit(&s);
    o.endpoint = "ftp://x";
    CHECK_INT(cx__hub_settings_init(&o, &s), CX_EARG);
    o = (cx_hub_options){ .connections = 65 };
    CHECK_INT(cx__hub_settings_init(&o, &s), CX_EARG);
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "soon", 1);
    CHECK_INT(cx__hub_settings_init(NULL, &s), CX_EARG);
    CHECK_HAS(cx_error(), "'soon'");
}

/* ---- hashes ---- */

#ifdef CX_HAVE_CURL
static void check_hash(const char *text, const char *expected, bool fits)
{
    char found[CX__HUB_SHA256 + 1];
    cx__hub_digest *d = cx__hub_digest_new(expected, strlen(text));
    CHECK(d != NULL);
    CHECK(cx__hub_digest_add(d, text, strlen(text)));
    CHECK_INT(cx__hub_digest_fits(d, found), fits);
    cx__hub_digest_free(d);
}

/* FIPS 180-4's example; Pro Git, chapter 10.2; git's empty blob. */
TEST(hub, hashes_of_published_values)
{
    check_hash("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", true);
    check_hash("abd", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false);
    check_hash("what is up, doc?", "bd9dbf5aae1a3862dd1526723246b20206e5fc37", true);
    check_hash("what is up, dog?", "bd9dbf5aae1a3862dd1526723246b20206e5fc37", false);
    check_hash("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", true);
    check_hash("anything", "an-etag", true);
}
#endif

/* Models of the Hugging Face hub: found in its cache, or downloaded to it. The cache is that of
 * huggingface_hub, in both directions (docs/formats/hub.md). Tested by tests/unit/test_hub.c and,
 * against a server with every fault that we know, by tests/hub. */
#ifndef CORTEX_HUB_H
#define CORTEX_HUB_H

#include <cortex/status.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Strings are borrowed for the call. NULL takes what the environment says, as huggingface_hub
 * does: HF_ENDPOINT; HF_TOKEN, HUGGING_FACE_HUB_TOKEN, the file HF_TOKEN_PATH or $HF_HOME/token;
 * HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub. */
typedef struct cx_hub_options {
    const char *revision; /* branch, tag or commit; NULL: main */
    const char *file;     /* weight files to take, such as "*Q4_K_M*.gguf"; NULL: by rule */
    const char *endpoint; /* https://huggingface.co */
    const char *token;    /* goes to the endpoint only, never to where that redirects */
    const char *cache;    /* ~/.cache/huggingface/hub */
    bool offline;         /* the cache only; also HF_HUB_OFFLINE=1 */
    int connections;      /* files at once, up to 64; 0: 8 */
    cx_progress_fn progress;
    void *user;
} cx_hub_options;

/** "org/name" or "name", as the hub allows them. */
CX_API bool cx_hub_name_valid(const char *name);

/** Folder of a model that is whole in the cache; asks no server. CX_ENOTFOUND, with what is
 * missing, otherwise. options NULL: all defaults. Caller cx_free()s *folder. */
CX_API cx_status cx_hub_find(const char *name, const cx_hub_options *options,
                             char **folder) CX_WARN_UNUSED;

/** Asks the hub what the revision is now, downloads what the cache lacks, and gives the folder. A
 * hub that cannot be reached is no error if the model is whole in the cache. What a failure, a
 * cancellation or a kill leaves goes on where it stopped. Errors: CX_ENOTFOUND (no such model,
 * revision or access), CX_EIO (network, disk), CX_EFORMAT (wrong content), CX_EARG,
 * CX_ECANCELED, CX_EUNSUPPORTED (built without libcurl). Caller cx_free()s *folder. */
CX_API cx_status cx_hub_snapshot(const char *name, const cx_hub_options *options,
                                 char **folder) CX_WARN_UNUSED;

#ifdef __cplusplus
}
#endif
#endif

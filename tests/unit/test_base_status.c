/* Status names, sentences, logging. */
#include "base/base.h"
#include "unit.h"
#include <pthread.h>

TEST(base_status, names_every_code)
{
    CHECK_STR(cx_status_name(CX_OK), "CX_OK");
    for (int code = CX_ELIMIT; code < 0; code++)
        CHECK(strncmp(cx_status_name((cx_status)code), "CX_E", 4) == 0);
    CHECK_STR(cx_status_name((cx_status)-99), "CX_?");
    CHECK_STR(cx_version(), CX_VERSION);
}

TEST(base_status, sentence_stays_until_the_next_failure)
{
    CHECK_STR(cx_error(), "");
    CHECK_INT(CX_FAIL(CX_EIO, "%s: expected %d", "a", 3), CX_EIO);
    CHECK_STR(cx_error(), "a: expected 3");
    CHECK_INT(cx__fail_in(CX_EFORMAT, "%s", "model"), CX_EFORMAT);
    CHECK_STR(cx_error(), "model: a: expected 3");
    CX_FAIL(CX_EIO, "again: %s", cx_error()); /* argument inside the buffer itself */
    CHECK_STR(cx_error(), "again: model: a: expected 3");
}

TEST(base_status, control_characters_do_not_reach_the_terminal)
{
    CX_FAIL(CX_EFORMAT, "name '%s'", "a\x1b[2Jb\nc\x7f\xc2\x9b\xc3\xa9");
    CHECK_STR(cx_error(), "name 'a?[2Jb?c???\xc3\xa9'");
}

TEST(base_status, long_sentence_is_cut_at_a_character)
{
    char name[2049];
    for (size_t i = 0; i < sizeof name - 1; i += 2) memcpy(name + i, "\xc3\xa9", 2);
    name[2048] = '\0';
    CX_FAIL(CX_EFORMAT, "%s", name);
    CHECK_INT(strlen(cx_error()), 1022);
    CX_FAIL(CX_EFORMAT, "x%s", name);
    CHECK_INT(strlen(cx_error()), 1023);
}

static void *other_thread(void *arg)
{
    (void)arg;
    if (strcmp(cx_error(), "")) return "sentence of another thread";
    CX_FAIL(CX_EIO, "worker");
    return NULL;
}

TEST(base_status, sentences_belong_to_threads)
{
    pthread_t t;
    void *bad;
    CX_FAIL(CX_EIO, "main");
    CHECK_INT(pthread_create(&t, NULL, other_thread, NULL), 0);
    pthread_join(t, &bad);
    CHECK(bad == NULL);
    CHECK_STR(cx_error(), "main");
    cx__error_set("from a worker");
    CHECK_STR(cx_error(), "from a worker");
}

static void remember(void *user, cx_log_level level, const char *text)
{
    snprintf(user, 64, "%d %s", (int)level, text);
}

TEST(base_status, log_goes_to_the_receiver)
{
    char got[64] = "";
    cx__log(CX_LOG_WARN, "dropped");
    cx_log_set(remember, got);
    cx__log(CX_LOG_INFO, "read %d\n", 5);
    CHECK_STR(got, "1 read 5?");
    cx_log_set(NULL, NULL);
    cx__log(CX_LOG_WARN, "dropped");
    CHECK_STR(got, "1 read 5?");
}

/* Stop strings on text: across token borders, held-back text, whole characters. */
#include "unit.h"

#include "gen/stops.h"

/* Feeds pieces, collects what is handed out. */
static char *feed(const char *const *stops, size_t count, const char *const *pieces, bool *hit)
{
    static char out[256];
    cx__stops s;
    size_t len;
    out[0] = '\0';
    CHECK_OK(cx__stops_init(&s, stops, count));
    for (; *pieces; pieces++) {
        CHECK_OK(cx__stops_push(&s, *pieces, strlen(*pieces)));
        const char *t = cx__stops_ready(&s, false, &len);
        strncat(out, t, len);
        strcat(out, "|");
    }
    const char *t = cx__stops_ready(&s, true, &len);
    strncat(out, t, len);
    *hit = s.hit;
    cx__stops_deinit(&s);
    return out;
}

TEST(stops, string_split_over_tokens_ends_the_text_before_it)
{
    bool hit;
    CHECK_STR(
        feed((const char *[]){ "STOP" }, 1, (const char *[]){ "a S", "TO", "Pb", NULL }, &hit),
        "a |||");
    CHECK(hit);
}

TEST(stops, false_start_is_handed_out_later)
{
    bool hit;
    CHECK_STR(feed((const char *[]){ "STOP" }, 1, (const char *[]){ "a ST", "ART", NULL }, &hit),
              "a |START|");
    CHECK(!hit);
}

TEST(stops, earliest_of_several_wins)
{
    bool hit;
    CHECK_STR(feed((const char *[]){ "cd", "bcx", "b" }, 3, (const char *[]){ "abcd", NULL }, &hit),
              "a|");
    CHECK(hit);
}

TEST(stops, end_hands_out_what_was_held_back)
{
    bool hit;
    CHECK_STR(feed((const char *[]){ "xyz" }, 1, (const char *[]){ "axy", NULL }, &hit), "a|xy");
    CHECK(!hit);
}

TEST(stops, empty_and_too_many_are_refused)
{
    cx__stops s;
    const char *empty = "", *many[65];
    for (int i = 0; i < 65; i++) many[i] = "x";
    CHECK_INT(cx__stops_init(&s, &empty, 1), CX_EARG);
    CHECK_INT(cx__stops_init(&s, many, 65), CX_EARG);
}

/* Chat templates that loop, grow or nest without end: each ends soon, with a sentence. */
#include "unit.h"

#include "base/base.h"
#include <cortex/template.h>
#include <cortex/tokenizer.h> /* cx_free */
#include <stdio.h>
#include <time.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW 1
#endif
#endif
#if defined(SLOW) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { LIMIT_MS = 4000 };
#else
enum { LIMIT_MS = 200 };
#endif

static cx_status render(const char *text, size_t len, char **out)
{
    static const char variables[] = "{\"s\": \"text\", \"l\": [1, 2, 3], \"d\": {\"a\": 1},"
                                    "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]}";
    cx_template *t = NULL;
    size_t out_len;
    cx_status st = cx_template_parse("bomb", text, len, &t);
    *out = NULL;
    if (st == CX_OK) st = cx_template_render(t, variables, sizeof variables - 1, 0, out, &out_len);
    cx_template_free(t);
    return st;
}

/* Processor time, because the machine may be busy. */
static void check_bomb(const char *text, size_t len, cx_status want)
{
    char *out;
    clock_t begin = clock();
    cx_status st = render(text, len, &out);
    double ms = 1e3 * (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (st != want) fail_msg("%.60s: %s: %s", text, cx_status_name(st), cx_error());
    if (ms > LIMIT_MS) fail_msg("%.60s: %.0f ms", text, ms);
    if (st != CX_OK) CHECK_HAS(cx_error(), "bomb:");
    cx_free(out);
}

static void check_all(const char *const *bombs, size_t n, cx_status want)
{
    for (size_t i = 0; i < n; i++) check_bomb(bombs[i], strlen(bombs[i]), want);
}
#define CHECK_ALL(bombs, want) check_all(bombs, sizeof(bombs) / sizeof *(bombs), want)

TEST(template_limits, ends_loops_and_growth)
{
    static const char *const bombs[] = {
        "{% for i in range(10**9) %}{% endfor %}",
        "{% for i in range(10**5) %}{% for j in range(10**5) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ range(99999)|list * 10**6 }}",
        "{{ 'x' * 10**9 }}",
        "{{ 'x' * 10**18 }}",
        "{{ 'xyz' * 5000000 }}{{ 'xyz' * 5000000 }}",
        "{% for i in range(9999) %}{{ 'x' * 10**6 }}{% endfor %}",
        "{{ s|indent(10**9) }}",
        "{{ s|center(10**9) }}",
        "{{ d|tojson(indent=10**9) }}",
        "{{ '%*d' % (10**9, 1) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '%.1000000f' % 1.5 }}",
        "{{ s.zfill(10**10) }}",
        "{{ '\t'.expandtabs(10**9) }}",
    };
    CHECK_ALL(bombs, CX_ELIMIT);
}

TEST(template_limits, ends_recursion_and_sharing)
{
    static const char *const bombs[] = {
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m(x) %}{{ m(x) }}{{ m(x) }}{% endmacro %}{{ m(1) }}",
        "{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace(seq=[]) %}{% for i in range(10**5) %}"
        "{% set ns.seq = ns.seq + [i] %}{% endfor %}",
        "{% set ns = namespace(s='') %}{% for i in range(10**5) %}"
        "{% set ns.s = ns.s ~ 'aaaaaaaa' %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(50) %}"
        "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(50) %}"
        "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(50) %}{% set ns.x = [ns.x, ns.x] "
        "%}"
        "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=(1,)) %}{% for i in range(50) %}"
        "{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
        "{% set ns = namespace(x=1) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}"
        "{{ ns.x }}",
        "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns.me }}",
        "{{ strftime_now('%1000000d') }}",
        "{{ strftime_now('%Y' * 10**6) }}",
    };
    CHECK_ALL(bombs, CX_ELIMIT);
}

TEST(template_limits, ends_slow_searches)
{
    static const char *const bombs[] = {
        "{% set x = 'a' * 10**7 %}{% for i in range(10**5) %}{% if 'b' in x %}{% endif %}{% endfor "
        "%}",
        "{% set x = 'a' * 10**7 %}{% for i in range(10**5) %}{{ x.count('ab') }}{% endfor %}",
        "{% set x = 'a' * 10**7 %}{% set y = 'a' * 200 ~ 'b' %}"
        "{% for i in range(10**5) %}{{ x.count(y) }}{% if y in x %}{% endif %}{% endfor %}",
        "{% set x = 'a' * 10**7 %}{% set y = 'a' * 250 ~ 'ba' %}"
        "{% for i in range(10**5) %}{{ x.find(y) }}{{ x|replace(y, 1)|length }}{% endfor %}",
        "{% set x = 'a' * 10**7 %}{% set y = 'a' * 120 ~ 'ba' ~ 'a' * 100 %}"
        "{% for i in range(10**5) %}{{ x.find(y) }}{{ x.split(y)|length }}{% endfor %}",
        "{% set x = 'a' * 10**7 %}{% for i in range(10**5) %}{{ x|length }}{{ x[1:]|length }}{% "
        "endfor %}",
        "{% set x = 'a' * 10**7 %}{% for i in range(10**5) %}{% if x.isalpha() %}{% endif %}{% "
        "endfor %}",
        "{% set x = ' ' * 10**7 %}{% for i in range(10**5) %}{{ x.strip() }}{% endfor %}",
        "{% set x = '\xc3\xa9' * 10**6 %}{% for i in range(10**5) %}{{ x[-1] }}{% endfor %}",
        "{{ ('a' * 10**6).rfind('a' * 5 * 10**5 ~ 'b') }}",
        "{{ ('a' * 10**7).split('a') }}",
        "{{ ('a' * 10**7)|list }}",
        "{{ ('a ' * 10**6).split()|join('x' * 10**6) }}",
        "{{ ('a' * 10**6)|replace('a', 'b' * 10**6) }}",
        "{{ ('a' * 10**6)|replace('', 'b' * 10**6) }}",
        "{{ ('<' * 10**7)|e }}",
        "{{ 2 ** 64 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ range(99999)|map('string')|map('center', 10**6)|list }}",
        "{{ range(99999)|list|sort|map('tojson')|join|length }}{{ range(99999)|list|sort }}",
        "{{ [1]|batch(10**9, 0)|list }}",
        "{{ [1]|slice(10**9)|list }}",
    };
    CHECK_ALL(bombs, CX_ELIMIT);
}

/* head, n times middle, tail */
static void check_repeated(const char *head, const char *middle, size_t n, const char *tail,
                           cx_status want)
{
    cx__buf b = { .max = 64 << 20 };
    cx__buf_puts(&b, head);
    for (size_t i = 0; i < n; i++) cx__buf_puts(&b, middle);
    cx__buf_puts(&b, tail);
    CHECK(!b.failed);
    check_bomb(b.data, b.len, want);
    cx__buf_free(&b);
}

TEST(template_limits, ends_deep_nesting)
{
    static const size_t counts[] = { 150, 5000, 60000 };
    for (size_t i = 0; i < 3; i++) {
        check_repeated("{{ ", "(", counts[i], "", CX_ELIMIT);
        check_repeated("{{ ", "[", counts[i], "", CX_ELIMIT);
        check_repeated("{{ ", "{1:", counts[i], "", CX_ELIMIT);
        check_repeated("{{ ", "-", counts[i], "1 }}", CX_ELIMIT);
        check_repeated("{{ ", "s[", counts[i], "", CX_ELIMIT);
        check_repeated("{{ ", "f(", counts[i], "", CX_ELIMIT);
        check_repeated("{{ ", "1 if 1 else ", counts[i], "1 }}", CX_ELIMIT);
        check_repeated("", "{% if 1 %}", counts[i], "", CX_ELIMIT);
        check_repeated("", "{% for x in l %}", counts[i], "", CX_ELIMIT);
        check_repeated("", "{% macro m() %}", counts[i], "", CX_ELIMIT);
        check_repeated("", "{% filter upper %}", counts[i], "", CX_ELIMIT);
    }
    check_repeated("{{ 1", " if 1", 60000, " }}", CX_ELIMIT);
}

TEST(template_limits, long_is_not_deep)
{
    check_repeated("{{ 1", " + 1", 60000, " }}", CX_OK);
    check_repeated("{{ s", " ~ s", 60000, " }}", CX_OK);
    check_repeated("{{ s", "|upper", 20000, " }}", CX_OK);
    check_repeated("{{ 1", " and 1", 60000, " }}", CX_OK);
    check_repeated("{{ ", "not ", 60000, "1 }}", CX_OK);
    check_repeated("{{ 1", " < 2 != 1", 20000, " }}", CX_OK);
    check_repeated("{% if 0 %}", "{% elif 0 %}", 20000, "{% endif %}", CX_OK);
    check_repeated("", "some text {{ s }}\n", 50000, "", CX_OK);
    check_repeated("", "{# comment #}", 80000, "", CX_OK);
}

/* A body of 8 levels, called 12 times in itself, must run: real templates recurse over schemas. */
TEST(template_limits, real_depth_works)
{
    static const char text[] =
        "{% macro m(n) %}{% if n > 0 %}{% for x in [1] %}{% if true %}({{ ((m(n - 1))) }})"
        "{% endif %}{% endfor %}{% endif %}{% endmacro %}{{ m(60) }}";
    char *out;
    CHECK_OK(render(text, sizeof text - 1, &out));
    CHECK_INT(strlen(out), 120);
    cx_free(out);
}

TEST(template_limits, closes_the_sandbox)
{
    static const char *const bombs[] = {
        "{{ lipsum.__globals__['os'].popen('id') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ (s|attr('__class__')).x }}",
        "{{ '{0.__class__.__base__}'.format(s) }}",
        "{{ l.append(1) }}",
        "{{ d.update(a=2) }}",
        "{% set d.a = 2 %}",
        "{% include 'etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ 1 // 0 }}",
        "{{ nothing + 1 }}",
        "{{ 'x' + nothing }}",
        "{% if 1 %}",
    };
    CHECK_ALL(bombs, CX_EFORMAT);
}

/* ---- failing allocations ---- */

static size_t left;

static bool countdown(size_t size)
{
    (void)size;
    return left-- == 0;
}

TEST(template_limits, survives_every_failed_allocation)
{
    static const char text[] =
        "{% macro m(a, b=[1, {'k': 2}]) %}{{ a }}{{ b }}{{ kwargs }}{% endmacro %}"
        "{% set ns = namespace(x=[]) %}{% for x in range(150) if x %}"
        "{% set ns.x = ns.x + [x|string * 3] %}{% endfor %}{{ m(s|upper|e, q=1) }}"
        "{{ ns.x|sort|join(',')|replace('1', 'one') }}{{ d|tojson(indent=2) }}"
        "{{ '%s {}'.format(s) % 5 }}{% set b %}{{ l|map('string')|list }}{% endset %}{{ b }}";
    char *out, *want;
    size_t failures = 0;
    cx_status st;
    CHECK_OK(render(text, sizeof text - 1, &want));
    for (size_t n = 0;; n++) {
        left = n;
        cx__alloc_fault_set(countdown);
        st = render(text, sizeof text - 1, &out);
        cx__alloc_fault_set(NULL);
        if (st == CX_OK) break;
        CHECK_INT(st, CX_ENOMEM);
        CHECK(out == NULL);
        failures++;
    }
    CHECK_STR(out, want);
    CHECK(failures > 10);
    cx_free(out);
    cx_free(want);
}

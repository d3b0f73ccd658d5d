#!/usr/bin/env python3
"""Renders our small template cases with transformers' Jinja environment.

usage: templates.py tests/golden/templates

Writes one JSON-lines file per feature: {"template", "variables", "expected"} or, where Jinja
raises, {"template", "variables", "error"} (the kind of exception; texts differ by version).
Needs transformers and jinja2 >= 3.1.6. The clock stands at 2024-07-26 12:00:00.
"""
import datetime
import json
import os
import sys

import transformers.utils.chat_template_utils as chat

CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hällo <b> & \"wörld\" 你好 😀"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": [1.5, True, None]}}}]},
        {"role": "user", "content": "  two  words \n"},
    ],
    "add_generation_prompt": True,
    "bos_token": "<s>",
}
DATA = {
    "n": 5, "z": 0, "neg": -7, "f": 2.5, "t": True, "no": False, "none": None, "s": "Hello, World",
    "u": "äöü 你好 😀", "empty": "", "l": [3, 1, 2], "words": ["b", "A", "c", "B"], "nothing": [],
    "d": {"b": 1, "a": 2, "C": 3}, "nested": {"k": {"list": [1, {"x": "y"}]}},
    "users": [{"name": "Bo", "age": 30, "city": "x"}, {"name": "al", "age": 25, "city": "Y"},
              {"name": "Cy", "age": 30, "city": "X"}], "html": "<a href='x'>\"&\"</a>",
    "big": 9007199254740993, "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}],
    "bits": "a\u0301\u2028b\x1f\x7f\\\n\t'", "floats": [0.1, 1e16, 1e15, 1e-5, 0.0001, 1e22, 123456789.125, 5e-324,
    1.7976931348623157e308, 100.0, 0.30000000000000004],
}


def each(text):
    """One expression a line: each becomes a template of its own."""
    return ["{{ " + line.strip() + " }}" for line in text.strip().splitlines() if line.strip()]


CASES = {
    "literals": each(r"""
        1
        -1
        1_000
        0x1f
        0b101 + 0o17
        1.5
        1e3
        1.5e-7
        2.0
        "a'b"
        'a"b'
        'it\'s\n\t\\ \x41 \u00e9 \U0001F600 \101 \q'
        "a" "b" 'c'
        true, True, false, False, none, None
        [1, 'a', none, [2.0, true], {}]
        []
        ()
        (1,)
        (1, 2)
        1, 2
        {'a': 1, 2: 'b', none: [1]}
        {'a': 1, 'a': 2}
        {1: 'x', 1.0: 'y', true: 'z'}
        (1)
        floats
        floats|tojson
        bits
        [bits]
        ["'", '"', "'\""]
        big
        [u]
        9223372036854775807
        -5 // 2
        'line
        break'
    """) + ["{{ 'a\r\nb' }}", "{{ 'a\\\nb' }}", "{{ 1.foo }}", "{{ 01 }}", "{{ 1__0 }}", "{{ \"a }}"],
    "operators": each(r"""
        1 + 2 * 3 - 4
        (1 + 2) * 3
        7 / 2, 6 / 2, 7 // 2, -7 // 2, 7 // -2, 7 % 3, -7 % 3, 7 % -3
        7.5 // 2, -7.5 // 2, 7.5 % 2, -7.5 % 2, 7.5 % -2, 1e300 * 1e10, 0.1 + 0.2
        2 ** 10, 2 ** -1, 2 ** 0.5, 2 ** 3 ** 2, -2 ** 2
        -n, +n, - -n, -f
        true + true, true * 3, 5 % true
        'a' + 'b' ~ 1 ~ none ~ true ~ 2.0
        'ab' * 3, 3 * 'ab', 'ab' * 0, 'ab' * -1
        [1, 2] * 2, [1] + [2], (1,) + (2,)
        1 == 1.0, 1 == true, 'a' == 'a', none == none, [1] == [1], [1] == (1,), {'a': 1} == {'a': 1.0}
        1 != 2, 'a' != 'b', nope == nada, nope != 1
        1 < 2 < 3, 1 < 3 < 2, 3 > 2 >= 2, 'a' < 'b', 'a' < 'B', [1, 2] < [1, 3], (1,) < (1, 2), 'Z' < 'a'
        1 in [1, 2], 4 not in [1, 2], 'el' in s, 'xx' not in s, 'a' in d, 1 in d, '' in 'a', 1 in (1,)
        1 in range(3), 'x' in {'x': 1}, 2 in l and 3 in l
        not true, not not true, not 0, not '' and 1
        0 or 'x', 'y' or 'x', 1 and 0, '' and 1, none or false or 0
        1 if true else 2, 1 if false, (1 if false) is defined, 1 if 0 else 2 if 0 else 3
        'a' if 1 else 'b' if 1 else 'c'
        n > 3 and s or none
        not n in l, not (n in l)
        1 + 1 == 2 and 2 * 2 == 4
        'x' ~ 1 + 2 ~ 'y'
        big + 0.0 == big, big == 9007199254740992.0, big > 9007199254740992.0
        10 ** 18, 3 * 1.5, 1 / 3, 1e16 / 3
        1 / 0
        1 // 0
        1 % 0
        1.5 % 0
        'a' + 1
        1 + 'a'
        none + 1
        'a' - 'b'
        1 < 'a'
        none < 1
        {} < {}
        1 in 5
        1 in 'a'
        -'a'
        [1] + (1,)
        'a' * 1.5
        nope + 1
        nope ~ 'x'
        nope < 1
        -nope
    """),
    "access": each(r"""
        d.a, d['a'], d.nope, d['nope'], nope
        nested.k.list[1].x, nested['k']['list'][0], nested.k.list.1.x
        l[0], l[-1], l[5] is defined, l.0, s[0], s[-1], u[0], u[-1], u[3:6], u[99] is defined
        nope.x
        nope['x']
        d.nope.x
        none.x
        none.x.y
        n.x is defined
        d.items()|list, d.keys()|list, d.values()|list
        d.items(), d.keys(), d.values()
        {'items': 1}.items is callable, {'items': 1}['items']
        {'get': 1}.get('get')
        d.get('a'), d.get('q'), d.get('q', 9)
        s[1:4], s[:5], s[7:], s[-3:], s[::2], s[::-1], s[5:1:-1], s[100:], s[:-100], s[2:2]
        u[::-1], u[1:], u[-2:], u[:2], u[::2]
        l[1:], l[::-1], l[:-1], (1, 2, 3)[1:], l[::2], l[-100:100]
        range(10)[2:5]|list, range(10)[::-2]|list, range(10)[3], range(5)[-1]
        l[1:2, 0] is defined
        s[none:3]
        l['a'] is defined, s['upper']()
        d[[1]] is defined
        d[1:2]
        l['x':]
        l[::0]
        nope[1:]
        l[true], l[false]
        s.__class__, d.__class__ is defined, ''.__class__ is defined
        s.__class__.__mro__
        l.append(1)
        l.append is defined
        l.pop()
        d.update({'x': 1})
        d.pop('a')
        s.nope()
        n()
        s.nope is defined
        users[0].name.upper()[0]
        users|map(attribute='name')|first|upper
        d.a.b.c is defined
        range(3), range(1, 7, 2), range(5, 0, -2), range(0)
        range(10**6)
        range(1.5)
        range()
        range(1, 2, 0)
        range(5)|length, range(10, 0, -3)|list, range(3) == range(3)
        dict(a=1, b=2), dict([('x', 1)]), dict({'q': 1}, r=2), dict()
        dict(1)
        (1, 2).count(1), [1, 2, 1].count(1), [1, 2].index(2)
        [3].index(4)
    """),
    "strings": each(r"""
        s.upper(), s.lower(), s.title(), s.capitalize(), s.swapcase(), 'ß straße'.upper(), u.upper(), 'ÀÉ'.lower()
        "they're bill's".title(), 'hELLO wORLD'.capitalize(), 'ǆ'.title(), 'a1b c-d_e'.title()
        '  x '.strip() ~ '|', '  x '.lstrip() ~ '|', '  x '.rstrip() ~ '|', 'xxaxx'.strip('x'), 'abcba'.lstrip('ab'), 'äxä'.strip('ä')
        'a,b,,c'.split(','), 'a,b,c'.split(',', 1), ' a  b '.split(), ' a  b c '.split(none, 1), ''.split(), ''.split(','), 'abc'.split('abc')
        'a,b,c'.rsplit(',', 1), ' a  b c '.rsplit(none, 1), 'a b c'.rsplit(), 'a--b--c'.rsplit('--', 1), ' a b '.rsplit(none, 5)
        'a\nb\r\nc\rd\x0be'.splitlines(), 'a\nb\n'.splitlines(true), ''.splitlines(), '\n'.splitlines()
        s.startswith('He'), s.endswith('ld'), s.startswith('x'), s.startswith(('x', 'H')), s.startswith('llo', 2), s.endswith('lo', 0, 5), ''.startswith('')
        s.replace('l', 'L'), s.replace('l', 'L', 1), s.replace('', '-'), 'abc'.replace('', '-', 2), 'aaa'.replace('aa', 'b'), s.replace('zz', 'y')
        s.find('o'), s.find('zz'), s.rfind('o'), s.index('W'), u.find('你'), s.find('o', 5), s.count('l'), s.count(''), s.find('', 3), s.find('', 99)
        s.index('zz')
        ', '.join(['a', 'b']), ''.join([]), '-'.join('abc'), ','.join({'a': 1, 'b': 2})
        ','.join([1, 2])
        'x'.center(5) ~ '|', 'x'.ljust(4, '.'), 'x'.rjust(4, '.'), '7'.zfill(3), '-7'.zfill(4), 'ab'.center(5, '*'), 'abc'.center(6, '*')
        'a-b-c'.partition('-'), 'a-b-c'.rpartition('-'), 'abc'.partition('-'), 'abc'.rpartition('-')
        'prefix'.removeprefix('pre'), 'prefix'.removesuffix('fix'), 'abc'.removeprefix('x')
        'abc'.isalpha(), 'a1'.isalnum(), '12'.isdigit(), ' '.isspace(), 'AB'.isupper(), 'ab'.islower(), 'Ab Cd'.istitle(), ''.isalpha(), 'ä你'.isalpha(), 'a'.isascii()
        'a\tb'.expandtabs(4), 'Straße'.casefold()
        '{} {}'.format(1, 'a'), '{1}{0}'.format(1, 2), '{a}'.format(a=3), '{{}}'.format(), '{:>5}|{:<5}|{:^5}'.format(1, 'a', 'b')
        '{:.2f} {:5d} {:05d} {:x} {:,} {:+d} {:%}'.format(3.14159, 42, 42, 255, 1234567, 5, 0.25)
        '{!r} {!s}'.format('a', 'b'), '{0[0]} {0[1]}'.format([1, 2]), '{0.x}'.format({'x': 5}), '{:*^9}'.format('mid'), '{:.2}'.format('abcdef')
        '{} {} {}'.format(none, true, [1]), '{:e}'.format(12345.678), '{:g}'.format(0.00001), '{}'.format(1.0), '{:5}|'.format(true)
        '{}'.format()
        '{x}'.format(y=1)
        '{:d}'.format('a')
        '%s %d %r' % ('a', 5, 'b'), '%s' % 'x', '%5d|%-5d|%05d' % (1, 2, 3), '%.2f' % 3.14159, '%x %X %o' % (255, 255, 8), '%%' % (), '%s' % [1]
        '%(a)s %(b)d' % {'a': 1, 'b': 2}, '%5s|%-5s|%.2s' % ('ab', 'cd', 'xyz'), '%+d % d' % (5, 5), '%c' % 'x', '%e' % 12345.678, '%g' % 1e-5, '%d' % 3.9
        '%d' % 'a'
        '%s %s' % 'a'
        '%s' % ('a', 'b')
        'abc' % ()
        'abc' % 1
        s[0].upper() ~ s[1:].lower()
        ('a' ~ 1).upper()
        'a'.upper().lower().title().strip()
        'a'.split('')
        u|length, u.split(' '), u.split('你'), u|reverse
        'x' in s.lower(), s.lower() == 'hello, world'
        s.split(', ')[-1].split('o')[0]
        'a</think>b'.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')
    """),
    "filters": each(r"""
        s|upper, s|lower, s|title, s|capitalize, 'foo-bar baz(qux)'|title, 'hELLO wORLD'|title
        '  x '|trim ~ '|', 'xxaxx'|trim('x'), 5|trim
        s|length, l|length, d|length, s|count, ''|length, nope|length, u|count
        n|length
        l|first, l|last, s|first, s|last, nothing|first is defined, nope|first is defined, d|first, range(3)|last
        l|join, l|join(', '), 'abc'|join('-'), users|join(', ', attribute='name'), nothing|join(','), l|join(1), nope|join
        l|sort, l|sort(reverse=true), words|sort, words|sort(case_sensitive=true), users|sort(attribute='age')|map(attribute='name')|list
        users|sort(attribute='age,name')|map(attribute='name')|list, users|sort(reverse=true, attribute='age')|map(attribute='name')|list
        d|dictsort, d|dictsort(true), d|dictsort(false, 'value'), d|dictsort(reverse=true), d|dictsort(by='value')
        l|reverse|list, s|reverse, words|unique|list, [1, 1.0, true, 2]|unique|list, users|unique(attribute='city')|map(attribute='name')|list
        l|min, l|max, l|sum, users|sum(attribute='age'), words|min, words|max, users|max(attribute='age'), nothing|max is defined, l|sum(start=10)
        nope|default('x'), none|default('x'), ''|default('x', true), none|default('x', boolean=true), nope|d, 0|d(1), nope.x|d if false else 1
        '3'|int, 'x'|int, 'x'|int(7), 3.9|int, '3.9'|int, 'ff'|int(base=16), '0x1f'|int(0, 16), true|int, none|int, ' 12 '|int, '1_0'|int, [1]|int(5)
        '3.5'|float, 'x'|float, 3|float, 'x'|float(1.5), none|float, '1e3'|float, 'inf'|float, 'nan'|float
        -3|abs, (-3)|abs, (-3.5)|abs, 2.5|round, 3.5|round, 2.567|round(2), 2.5|round(method='ceil'), 2.5|round(0, 'floor'), 42|round, 1234|round(-2), 1.005|round(2), 2.675|round(2, 'ceil')
        5|string, none|string, [1]|string, 1.0|string ~ 'x'
        s|replace('l', 'L'), s|replace('l', 'L', 1), 5|replace(5, 6), s|replace('o', 0)
        s|list, d|list, 'ab'|list, range(3)|list, d.items()|list, (1, 2)|list, nope|list, u|list
        l|map('string')|list, words|map('upper')|join, users|map(attribute='name')|list, users|map(attribute='zip')|list, users|map(attribute='zip', default='?')|list, words|map('replace', 'b', 'q')|list, [[1, 2], [3, 4]]|map(attribute=1)|list, [{'a': {'b': 1}}]|map(attribute='a.b')|list
        [1, 2, 3, 4]|select('odd')|list, [1, 2, 3]|reject('odd')|list, [0, 1, '', 'a']|select|list, [0, 1]|reject|list, [1, 2, 3]|select('>', 1)|list, words|select('in', ['b'])|list, [1, 5]|select('gt', 2)|list, none|select|list, nope|map('upper')|list
        users|selectattr('age', 'equalto', 30)|map(attribute='name')|list, users|rejectattr('age', 'eq', 30)|list|length, users|selectattr('zip', 'defined')|list, users|selectattr('name')|list|length, users|selectattr('city', 'in', ['x', 'Y'])|map(attribute='name')|join(',')
        users|groupby('age')|map('first')|list, users|groupby('city')|map(attribute='grouper')|list, (users|groupby('city'))[0].list|length, users|groupby('city', case_sensitive=true)|length
        [1, 2, 3, 4, 5]|batch(2)|list, [1, 2, 3]|batch(2, 0)|list, [1, 2, 3, 4, 5]|slice(3)|list, [1, 2, 3, 4]|slice(3, 'x')|list
        d|items|list, nope|items|list
        'a b c'|wordcount, 'foo bar baz qux'|truncate(9), 'foo bar baz qux'|truncate(9, true), 'foo bar baz qux'|truncate(11), 'foo bar baz qux'|truncate(9, end='>', leeway=0)
        'a\nb\n\nc'|indent, 'a\nb\n\nc'|indent(2, true), 'a\n\nb'|indent(1, blank=true), 'a\nb'|indent('> '), 'a\nb\n'|indent(2), ''|indent
        'x'|center(7) ~ '|', '%s-%s'|format('a', 1), '%(x)s'|format(x=2), 1000|filesizeformat, 1|filesizeformat, 123456789|filesizeformat, 1048576|filesizeformat(true)
        'a b&c/ü'|urlencode, s|attr('upper') is defined, d|attr('a') is defined
        html|e, html|escape, html|safe, html|forceescape, (html|safe)|e, html|e|e, html|e|forceescape, 5|e
        '<' + ('<b>'|safe), ('<b>'|safe) + '<', '<' ~ ('<b>'|safe), ('<b>'|safe)|upper, ('<b>'|safe)|string + '<', ['<b>'|safe]
        ('%s'|safe) % '<', ('<{}>'|safe).format('<'), ('<'|safe).join(['<', '>'|safe]), ('<a>'|safe).replace('a', '<'), (('<b>'|safe) ~ '') + '<', ('<'|safe) * 2 + '<', ('a<b'|safe).split('<')[0] + '<', ('<b>'|safe)[0] + '<', ('<b>'|safe)|replace('b', '<'), ['<'|safe, '<']|join('<')
        1|nofilter
        s|upper()|lower
        none|upper, true|lower, 5|upper
        nope|upper ~ '|'
        5|join
        none|list
        5|first
        {}|abs
        'a'|round
        {'a': 1}|dictsort(by='x')
        l|dictsort
        l|map('nofilter')|list
        l|select('notest')|list
        [1, 'a']|sort
        [{}]|unique|list
        s|default(1, 2, 3)
        s|upper(1)
        s|replace('x')
        -1|abs
        'x'|int(default='d'), 'x'|float(default=none)
    """) + ["{% filter upper %}a{{ s }}{% endfilter %}|{% filter replace('a', 'b')|upper %}aa{% endfilter %}",
            "{% set x | upper | trim %} ab {{ n }} {% endset %}[{{ x }}]"],
    "tojson": each(r"""
        d|tojson, l|tojson, s|tojson, n|tojson, f|tojson, none|tojson, true|tojson, (1, 2)|tojson, u|tojson, html|tojson, bits|tojson
        nested|tojson(indent=2)
        nested|tojson(indent=4, sort_keys=true)
        {'b': [], 'a': {}, 'c': [[], {}]}|tojson(indent=2)
        d|tojson(sort_keys=true), d|tojson(separators=(',', ':')), d|tojson(separators=[' , ', ' = '])
        u|tojson(ensure_ascii=true), bits|tojson(true), '\x7f'|tojson(ensure_ascii=true)
        d|tojson(indent='\t'), d|tojson(indent=0), [1]|tojson(indent=-1), d|tojson(indent=2, separators=(',', ':'))
        {1: 2, none: 3, true: 4, 1.5: 5, 'x': 6}|tojson, {(1,): 2} is mapping
        {(1,): 2}|tojson
        nope|tojson
        range(3)|tojson
        d.items()|tojson
        [nope]|tojson
        l|map('string')|tojson
        d.items()|list|tojson
        {2: 1, 'a': 2}|tojson(sort_keys=true)
        [1e100, -0.0, 1e-7, 123.0, 'inf'|float, 'nan'|float]|tojson
        d|tojson|length, d|tojson|upper, '<' + (d|tojson)
        messages|tojson, messages[2].tool_calls[0].function|tojson, messages[1].content|tojson
        messages[2].tool_calls
        messages
    """),
    "tests": each(r"""
        n is defined, nope is defined, nope is undefined, none is none, n is none, n is not none, nope is none
        n is number, f is number, s is number, t is number, n is integer, t is integer, f is integer, f is float, n is float
        s is string, n is string, d is mapping, l is mapping, l is sequence, s is sequence, d is sequence, n is sequence, range(3) is sequence
        l is iterable, s is iterable, n is iterable, d is iterable, nope is iterable, l|map('string') is iterable, l|map('string') is sequence
        t is true, t is false, no is false, n is true, t is boolean, n is boolean, 1 is true
        n is odd, n is even, n is divisibleby 5, n is divisibleby(3), n is eq 5, n is eq(5), n is ne 5, n is equalto(5)
        n is lt 6, n is gt 6, n is le 5, n is ge 5, n is lessthan(6), n is greaterthan 4, n is sameas 5, none is sameas none
        'abc' is lower, 'ABC' is upper, 'aB' is lower, n is in [5, 6], n is in(l), n is not in l, 'a' is in 'abc'
        s.upper is callable, n is callable, range is callable, s is escaped, (s|safe) is escaped, 'upper' is filter, 'nope' is filter, 'odd' is test
        not n is defined, not nope is defined and n is defined, n is defined and n is not none, n is not defined or true
        n + 1 is odd, (n + 1) is odd, -n is number, n is defined == true
        d.a is defined, d.q is defined, d['q'] is not defined, nope.x is defined if false else 1
        n is notest
        s is odd
        nope.x is defined
        none is mapping, none is iterable, {} is mapping, [] is sequence, () is sequence, namespace() is mapping
        n is number is true
    """),
    "statements": [
        "{% if n > 3 %}big{% elif n > 1 %}mid{% else %}small{% endif %}", "{% if z %}a{% elif no %}b{% elif t %}c{% else %}d{% endif %}",
        "{% if nope %}a{% endif %}{% if not nope %}b{% endif %}{% if d.q is defined and d.q %}c{% endif %}",
        "{% for x in l %}{{ x }}{{ ', ' if not loop.last }}{% endfor %}",
        "{% for x in nothing %}{{ x }}{% else %}none{% endfor %}{% for x in nope %}{% else %}no{% endfor %}",
        "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
        "{% for x in l if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}",
        "{% for x in l if x > 5 %}{{ x }}{% else %}E{% endfor %}",
        "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}{{ loop.previtem }}{{ loop.nextitem }}|{% endfor %}",
        "{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{{ loop.cycle('a', 'b') }}{% endfor %}",
        "{% for x in l|map('string') %}{{ x }}{{ loop.last }}{% endfor %}{% for c in u %}[{{ c }}]{% endfor %}",
        "{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}",
        "{% for x in l %}{% set outer = loop %}{% for y in [1] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
        "{% for x in tree recursive %}{{ x.v }}{{ loop.depth }}{% if x.c %}({{ loop(x.c) }}){% endif %}{% endfor %}",
        "{% for x in range(10) %}{% if x == 2 %}{% continue %}{% endif %}{% if x > 4 %}{% break %}{% endif %}{{ x }}{% endfor %}",
        "{% for x in l %}{% if x == 1 %}{% break %}{% else %}{{ x }}{% endif %}{% else %}E{% endfor %}",
        "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
        "{% for i in [1, 2] %}{{ y }}{% set y = i %}{{ y }}{% endfor %}{{ y }}",
        "{% set ns = namespace(a=1, b='x') %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}{{ ns['a'] }}",
        "{% set ns = namespace({'q': 1}) %}{% set ns.r = [ns.q] %}{{ ns }}{{ ns.r }}", "{% set ns = namespace(f=false) %}{% for x in l if not ns.f %}{{ x }}{% set ns.f = true %}{% endfor %}",
        "{% set ns = namespace(f=false) %}{% for x in l if not ns.f %}{{ x }}{{ loop.last }}{% set ns.f = true %}{% endfor %}",
        "{% set ns = namespace(_a=1) %}", "{% set ns = namespace() %}{% set ns._a = 1 %}", "{% set d.x = 1 %}", "{% set nope.x = 1 %}", "{{ namespace() }}",
        "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, e) = [3, 4] %}{{ c }}{{ e }}{% set t2 = 1, 2 %}{{ t2 }}", "{% set a, b = [1] %}", "{% set a, b = 5 %}",
        "{% set x %}a{{ n }}{% endset %}[{{ x }}]{% set y %}{% endset %}[{{ y }}]{{ x is string }}",
        "{% if t %}{% set v = 1 %}{% endif %}{{ v }}{% if no %}{% set w = 1 %}{% endif %}{{ w }}{{ w is defined }}",
        "{% with a = 1, b = n %}{{ a }}{{ b }}{% set q = 3 %}{% endwith %}{{ a }}{{ q }}{% with %}{% set z = 9 %}{{ z }}{% endwith %}{{ z }}",
        "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}", "{% raw %}{{ x }}{% if %}{# c #}{% endraw %}", "{%- raw -%}  a  {%- endraw -%} b",
        "a{# comment #}b{#- c -#} d {# multi\nline #}\ne", "{% print s %}", "{% generation %}a{{ n }}{% endgeneration %}b",
        "{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}", "{% block x %}a{{ n }}{% endblock %}{% block y %}b{% endblock y %}",
        "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set _ = c.reset() %}{{ c.next() }}",
        "{% set j = joiner('|') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}{% set k = joiner() %}{{ k() }}{{ k() }}",
        "{{ raise_exception('bad ' ~ n) }}", "{% if no %}{{ raise_exception('x') }}{% endif %}ok",
        "{{ strftime_now('%Y-%m-%d %d %b %B %A %H:%M:%S %j %-d %%|%z|%Z|%f') }}", "{{ strftime_now('%d %b %Y').upper() }}",
        "{% for x in 5 %}{% endfor %}", "{% for a, b in l %}{% endfor %}", "{% for x in none %}{% endfor %}", "{% break %}", "{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
        "{% if %}{% endif %}", "{% if n %}", "{% endif %}", "{% for x in l %}", "{% nosuch %}", "{{ }}", "{{ n", "{{ n }", "{% if n }}", "{{ (n }}", "{{ n) }}", "{{ [1, }}", "{{ n n }}", "{% set 1 = 2 %}", "{% set x %}",
        "{# open", "{% raw %}x", "{{ 'a' 1 }}", "{{ a..b }}", "{{ a. }}", "{{ |upper }}", "{{ s| }}", "{{ {'a' 1} }}", "{{ f(a=1, 2) }}", "{% for loop in l %}{% endfor %}", "{{ n ! }}", "{{ n ? 1 : 2 }}", "{{ not }}", "{{ n is }}", "{{ {1} }}", "{% set true = 1 %}", "{% elif %}",
        "{{ loop.index }}", "{{ loop is defined }}", "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}",
        "{% for x in l %}{{ loop }}{% endfor %}", "{%for x in l%}{{x}}{%endfor%}", "{%- for x in l -%} {{- x -}} {%- endfor -%}", "{% if n == 5 %}{{ n }}{% endif -%}\n  x", "{% if a.b.c is defined %}x{% endif %}",
        "{% set messages = messages[1:] %}{{ messages|length }}{{ messages[0].role }}", "{% for message in messages %}{{ message.role }}{% if message.content is string %}:{{ message.content|trim }}{% endif %}\n{% endfor %}",
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ m['role'] }}{% endif %}{% endfor %}", "{% for i in range(3) %}{% set loop2 = i %}{% endfor %}{{ loop2 is defined }}",
        "{% filter upper %}{% for x in words %}{{ x }}{% endfor %}{% endfilter %}", "{% set x = [] %}{% set x = x + [1] %}{{ x }}", "{% set x = x %}{{ x is defined }}", "{% for i in l %}{% set s = s ~ i %}{% endfor %}{{ s }}",
        "{% for x in l recursive %}{{ loop(1, 2) }}{% endfor %}", "{% for x in l %}{{ loop([1]) }}{% endfor %}",
    ],
    "macros": [
        "{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(a=5, c=6) }}{{ m() }}{{ m(1, c=n) }}",
        "{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}{{ m() }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=1) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
        "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body{{ n }}{% endcall %}", "{% macro m() %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b, c=3) m() %}{{ a }}{{ b }}{{ c }}{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
        "{% macro m(x) %}{{ x }}{% if x > 0 %}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% macro r(x) -%}\n  {{ x }}\n{%- endmacro %}[{{ r(1) }}]",
        "{% macro m() %}{{ g }}{% endmacro %}{% set g = 1 %}{{ m() }}{% set g = 2 %}{{ m() }}", "{% macro m() %}{% set q = 1 %}{{ q }}{% endmacro %}{{ m() }}{{ q is defined }}", "{% macro m(a=n) %}{{ a }}{% endmacro %}{{ m() }}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(7) }}",
        "{% macro m(x) %}{{ x|upper }}{% endmacro %}{{ m('a') ~ m('b') }}{{ m('a')|length }}{{ m is callable }}{{ m.name }}{{ m.arguments }}", "{% macro a() %}A{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% macro m(a, b) %}{{ a is defined }}{{ b is defined }}{% endmacro %}{{ m(1) }}", "{{ m() }}{% macro m() %}{% endmacro %}",
        "{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m(*a) %}{% endmacro %}", "{% macro f(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(*[1, 2], **{'c': 3}) }}{{ f(1, *[2, 3]) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(**{'a': 1}) }}{{ f(*nope) }}",
        "{% macro m() %}{{ caller }}{% endmacro %}{% call m() %}{% endcall %}", "{% set f = none %}{{ f() }}", "{% macro m() %}a{% endmacro %}{{ m }}", "{% macro m(x) %}{{ x }}{% endmacro %}{% for w in words %}{{ m(w) }}{% endfor %}", "{% macro m() %}{% for x in l %}{{ loop.index }}{% endfor %}{% endmacro %}{{ m() }}",
        "{% macro list_items(items, depth=0) %}{% for i in items %}{{ '  ' * depth }}- {{ i.v }}\n{{ list_items(i.c, depth + 1) }}{% endfor %}{% endmacro %}{{ list_items(tree) }}", "{% macro m(kwargs) %}{{ kwargs }}{% endmacro %}{{ m(1) }}", "{% call nope() %}{% endcall %}", "{% call 5 %}{% endcall %}", "{% macro m() %}{{ raise_exception('in') }}{% endmacro %}{{ m() }}",
    ],
    "whitespace": [
        "a\n{% if t %}\nb\n{% endif %}\nc\n", "a\n  {% if t %}  \n  b\n  {% endif %}\nc", "a\n  {{ n }}\nb", "a {% if t %} b {% endif %} c", "  {% if t %}x{% endif %}", "  \t{%- if t -%}  \n x \n {%- endif -%}  \n y", "a\n  {%+ if t %}b{% endif %}", "a{% if t +%}\nb{% endif %}", "{{- n -}}  x", "x  {{- n -}}  y", "a  {{ n -}}\n\n b", "{# c #}\na\n  {# c #}\nb {# d #}\nc", "a\n  {#- c -#}  \nb", "a\n{% set x = 1 %}\n{% set y = 2 %}\nb", "\n\na\n\n", "a\n", "a\n\n", "\n", "", "a\r\nb\r\n{% if t %}\r\nc{% endif %}\r\n", "a\rb\r",
        "a\n  {% raw %}\n x {% endraw %}\nb", "a\n {%- raw %} x \n  {% endraw -%}\n b", "{% if t %}\n\n\na{% endif %}", "x\n\u00a0\u2003{% if t %}y{% endif %}", "{{ 1 }}\n{{ 2 }}\n", "{% for x in l %}\n  {{ x }}\n{% endfor %}\nend", "{%- for x in l %}\n  {{- x }}\n{%- endfor %}\nend", "{{ '\n' }}{{ \"a\\n\" }}\n  {%- if t %} b{% endif %}", "a   {%- set x = 1 %}   b", "{%+ if t +%}\n x{%+ endif +%}\n", "{{+ 1 }}", "{{-1}}", "{{- -1 -}} ", "{% if t %}  {% endif %}|", "a  \n  \n  {% if t %}b{% endif %}  \n", "}} %} #} { { {", "{{ '}}' }}{{ '{%' }}{{ \"#}\" }}", "{{ {'a': {'b': 1}}.a.b }}{{ {'a': {}} }}", "{#}#}x", "{#-#}x", "a {#+ c +#}\n b", "{%if t%}a{%else%}b{%endif%}", "{% if t -%}\n\n  a\n\n  {%- endif %}\n\nb", "  {{ n }}  {% if t %}{% endif %}  \n", "\t{% if t %}\n\t\ta\n\t{% endif %}\n", "a{{ n }}{# x #}{% if t %}{% endif %}b", "{% if t %}{{ n }}\n{% endif %}\n{% if t %}\n{% endif %}{{ n }}", "{%\n if\n t\n %}x{%\nendif\n%}",
    ],
}


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 12, 0, 0)


def render(template, variables):
    try:
        return {"expected": chat._compile_jinja_template(template).render(**variables)}
    except Exception as e:  # noqa: BLE001, any failure is what we record
        return {"error": type(e).__name__}


def main():
    chat.datetime = Clock
    for feature, templates in CASES.items():
        variables = {**DATA, **CHAT}
        path = os.path.join(sys.argv[1], feature + ".jsonl")
        with open(path, "w", encoding="utf-8") as out:
            out.write(json.dumps({"variables": variables}, ensure_ascii=False) + "\n")
            for template in templates:
                row = {"template": template, **render(template, variables)}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


main()

"""The language of SimpleTemplate: what a template prints, what it refuses and in which line, how long that takes."""

from __future__ import annotations

import time
import traceback
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottle.errors import StplSyntaxError, TemplateError
from bottle.stpl import StplParser
from bottle.templating import SimpleTemplate

CASES: list[tuple[str, dict[str, Any], str]] = [
    # Text
    ('plain\n', {}, 'plain\n'),
    ('\n', {}, '\n'),
    ('a\r\nb', {}, 'a\r\nb'),
    ('"quotes\' {braces} \\n\0', {}, '"quotes\' {braces} \\n\0'),
    # Expressions
    ('{{x}}', {'x': '<a&"\'>'}, '&lt;a&amp;&quot;&#039;&gt;'),
    ('{{!x}} {{ !x }}', {'x': '<i>'}, '<i> <i>'),
    ('[{{x}}|{{!x}}]', {'x': None}, '[|]'),
    ('{{x}}{{!x}}', {'x': 'ä'.encode()}, 'ää'),
    ('{{x}} {{y}} {{z}}', {'x': 5, 'y': True, 'z': ['<']}, '5 True [&#039;&lt;&#039;]'),
    ('{{"}}"}}{{\'{{\'}}', {}, '}}{{'),
    ('{{ {1: {2: "x"}}[1][2] }}', {}, 'x'),
    ('{{{1:{2:3}}}}', {}, '{1: {2: 3}}'),
    ("{{'''a\nb'''}}|{{r'\\''}}|{{'\\''}}|{{''}}", {}, 'a\nb|\\&#039;|&#039;|'),
    ('{{x', {}, '{{x'),
    ('{{x\n}}', {}, '{{x\n}}'),
    ("it's {{ ' {{x}}", {'x': 1}, "it's {{ ' 1"),
    ('{{x}}}} {{{ }', {'x': 1}, '1}} {{{ }'),
    # Lines of code
    ('% x = 1\n{{x}}', {}, '1'),
    ('  \t%x = 1  # a comment\nfoo {{x}}\n', {}, 'foo 1\n'),
    ('%\n%# comment\n% x = "#"  # "\n{{x}}', {}, '#'),
    ('%x = 1\r\n{{x}}\r\n% y = 2\r\n', {}, '1\r\n'),
    ('a % b\n50 %\n', {}, 'a % b\n50 %\n'),
    ('% x = "a\\\nb"\n{{x}}', {}, 'ab'),
    ('% x = """a\n% b"""\n{{x}}', {}, 'a\n% b'),
    ('% x = (1,\n%   2,\n% )\n{{x}}', {}, '(1, 2)'),
    ('% x = [1,  # one\n  2]\n{{x}}', {}, '[1, 2]'),
    ('% x = 1 + \\\n%  2 + \\\n 3\n{{x}}', {}, '6'),
    ('% x = {"if": 1,\n%  "end": 2}["end"]; y = 3\n{{x}}{{y}}', {}, '23'),
    # Blocks of code
    ('<% x = 1 %>\n{{x}}', {}, '1'),
    ('  <%\n  x = 1\n    y = 2\n\n  %>  \n{{x + y}}', {}, '3'),
    ('<%\nx = "%>"\n# a comment %> inside\n%>\n{{x}}', {}, '%&gt;'),
    ('<% x = 1 # the end counts %>\n{{x}}', {}, '1'),
    ('<%\nx = [1,\n  2]\ny = """a\n  b"""\n%>\n{{x}}{{y}}', {}, '[1, 2]a\n  b'),
    ('<%\nif x:\n  y = "yes"\nelse:\n  y = "no"\nend\n%>\n{{y}}', {'x': 0}, 'no'),
    ('<% if x: %>\nyes\n<% end %>\nend', {'x': 1}, 'yes\nend'),
    ('<% x = 1', {}, ''),
    ('a <% x %> b', {}, 'a <% x %> b'),
    # Control flow
    ('% for i in range(2):\n  {{i}}\n% end\n.', {}, '  0\n  1\n.'),
    ('% if x == 1:\none\n% elif x == 2:\ntwo\n% else :\nmany\n% end\n', {'x': 2}, 'two\n'),
    ('% if x:\n%   if y:\na\n%   end\n% else:\nb\n% end\nc', {'x': 0, 'y': 1}, 'b\nc'),
    ('% while x:\n{{x}}\n% x -= 1\n% end', {'x': 2}, '2\n1\n'),
    ('% try:\n% 1/0\n% except ZeroDivisionError:\nzero\n% finally:\nf\n% end', {}, 'zero\nf\n'),
    ('% def f(a):\n<{{a}}>\n% end\n% f(1)\n% f(2)\n', {}, '<1>\n<2>\n'),
    ('% class A:\n%   x = 1\n% end\n{{A.x}}', {}, '1'),
    ('% async def f():\n% pass\n% end\nx', {}, 'x'),
    ('% for x in (1, 2): y = x\n% end\n{{y}}', {}, '2'),
    ('% if x:\n%   y = 5; end\n{{y}}', {'x': 1}, '5'),
    ('% if x: y = 5; end; z = 6\n{{y + z}}', {'x': 1}, '11'),
    ('% match x:\n% case 1:\none\n% case _:\nother\n% end\n.', {'x': 2}, 'other\n.'),
    ('% match = 1; case = 2\n% match.real\n{{match + case}}', {}, '3'),
    ('% if 0:\n% else:\n% # nothing yet\n% end\nx', {}, 'x'),
    ('% if 1:\nnever closed\n', {}, 'never closed\n'),
    ('% end\nx', {}, 'x'),
    ('% m = "x" if True else "y"\n% ends = [e for e in m if e]\n{{m}}{{ends}}', {}, 'x[&#039;x&#039;]'),
    ('% if_ = 1\n% forward, endx = 2, 3\n{{if_}}{{forward}}{{endx}}', {}, '123'),
    # Escapes and line breaks
    ('\\% x = {{x}}\n  \\% y\n', {'x': 1}, '% x = 1\n  % y\n'),
    ('%% x\n %%% y\n', {}, '% x\n %% y\n'),
    ('\\<% x %>\n\\%>\n', {}, '<% x %>\n%>\n'),
    ('\\\\{{x}} \\{{x}}', {'x': 1}, '\\\\1 \\1'),
    ('a\\\\\n% x = 1\nb\\\\\r\n<% x = 2 %>\nc{{x}}\\\\\n', {}, 'abc2'),
    ('a\\\\\nb\\\\\n\n% x = 1\n\\\\\n%\n', {}, 'a\\\\\nb\\\\\n\n'),
    ('a\\\\\n\\% x', {}, 'a\\\\\n% x'),
    # Functions
    ('{{defined("x")}} {{defined("y")}} {{defined("len")}}', {'x': None}, 'True False False'),
    ('{{get("x")}} {{get("y", "none")}}', {'x': 1}, '1 none'),
    ('% setdefault("x", 2); setdefault("y", 3)\n{{x}}{{y}}', {'x': 1}, '13'),
    ('% _printlist(["a", "<"])\n', {}, 'a<'),
    ('{{self}}{{args}}{{source}}', {'self': 1, 'args': 2, 'source': 3}, '123'),
]


@pytest.mark.parametrize(('source', 'variables', 'expected'), CASES)
def test_prints(source: str, variables: dict[str, Any], expected: str) -> None:
    assert SimpleTemplate(source).render(variables) == expected


@pytest.mark.parametrize(
    ('syntax', 'source', 'expected'),
    [
        ('<% %> @ [[ ]]', '[[x]]{{x}}\n@ x = [2]\n[[x[0]]]\n\\@ y\n<% x = 3 %>\n[[x]]', '1{{x}}\n2\n@ y\n3'),
        ('<% %> @ {{ }}', '@@str\n@def f(): return 1\n@end\n{{f[:9]}}\n%%', '&lt;function\n%%'),
        ('<!--% %--> # ${ }', '# x = "}"\n${x}${{1: 2}[1]}\n<!--%\nx = 3 # %-->\n${x}', '}2\n3'),
        ('#> <# $ (( ))', '$ x = (1)\n((x)) (((x) + 1))', '1 2'),
        ('<? ?> ? < >', '? x = 1\n<x>', '1'),
    ],
)
def test_syntax(syntax: str, source: str, expected: str) -> None:
    assert SimpleTemplate(source, syntax=syntax).render(x=1) == expected
    assert StplParser(source, syntax=syntax).syntax == syntax


@pytest.mark.parametrize('syntax', ['a b c d', 'a b c d e f', '%'])
def test_a_syntax_has_five_tokens(syntax: str) -> None:
    with pytest.raises(StplSyntaxError, match='five tokens'):
        SimpleTemplate('x', syntax=syntax).render()


@pytest.mark.parametrize(
    ('source', 'line', 'message'),
    [
        ('a\n{{}}', 2, 'empty expression'),
        ('a\n\n {{ ! }}', 3, 'empty expression'),
        ('a\n{{ foo( }}\nb', 2, 'bracket'),
        ('{{x} }}', 1, 'does not match'),
        ('{{x y}}\n', 1, 'syntax'),
        ('a\nb {{c}}\nd {{1 +}}\n', 3, 'syntax'),
        ("a\n% x = 'it\nb", 2, 'unterminated string'),
        ('a\n% """\nb', 2, 'unterminated string'),
        ('<%\n\n x = "\n%>', 3, 'unterminated string'),
        ("a\n% foo(\nit's text\n", 2, "'(' was never closed"),
        ('a\n<%\nx = 1\ny = [1,\n%>\nb', 4, "'[' was never closed"),
        ('a\n% for x y:\n% end\n', 2, 'syntax'),
        ('a\\\\\n% # comment\n<%\n%>\n% x = = 1', 5, 'syntax'),
        ('% x = (1,\n% 2)\n% y = """\n\n"""\n{{!"""\n"""}}\n\\% a\n%% b\n% 1 1', 10, 'syntax'),
        ('% if 1: x = 1\n{{x}}\n', 2, 'indent'),
        ('a\n% else:\nb\n', 2, 'syntax'),
        ('a\n' + '% if 1:\n' * 150, 101, 'too many levels'),
        ('<%\n' + 'if 1:\n' * 150, 101, 'too many levels'),
    ],
)
def test_errors_name_the_line_of_the_template(source: str, line: int, message: str) -> None:
    with pytest.raises(StplSyntaxError, match=message.replace('(', r'\(').replace('[', r'\[')) as caught:
        SimpleTemplate(source).render()
    assert isinstance(caught.value, SyntaxError)
    assert (caught.value.lineno, caught.value.text) == (line, source.split('\n')[line - 1])


@pytest.mark.parametrize(
    ('source', 'line'),
    [
        ('{{1/0}}', 1),
        ('a\nb {{1}}\nc {{1/0}}\n', 3),
        ('a\n\n% 1/0\n', 3),
        ('a\n% x = """\n\n"""\n% 1/0', 5),
        ('<%\nx = [1,\n2,\n]\n%>\n{{1/0}}', 6),
        ('<%\nx = 1\n\n1/0\n%>\n', 4),
        ('a\n% end\n\n% 1/0', 4),
        ('{{!"""a\n\nb"""}}{{1/0}}', 3),
        ('a\\\\\n% x = 1\nb\n\\\\\n%\n{{1}}\n\n{{1/0}}', 8),
        ('\\% a\n%% b\n\n% for i in [1]:\n  c\n  {{1/0}}\n% end', 6),
        ('% if 1:\n% # only a comment\n% end\n{{1/0}}', 4),
        ('a\r\n% x = 1\r\n{{1/0}}', 3),
    ],
)
def test_tracebacks_name_the_line_of_the_template(source: str, line: int) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        SimpleTemplate(source).render()
    assert traceback.extract_tb(caught.value.__traceback__)[-1].lineno == line


def test_a_parser_translates_once() -> None:
    parser = StplParser(b'{{x}}\n% y = 1\n')
    assert '_escape(x)' in parser.translate()
    with pytest.raises(RuntimeError):
        parser.translate()


def test_comments_do_not_reach_the_code() -> None:
    assert 'secret' not in StplParser('a\n%# secret\n<%\nx = 1 # secret\n%>\nb').translate()


@given(st.text(alphabet='{}%<>[]()"\'\\#;:=!. \n\r\tx1éend', max_size=60))
def test_any_source_is_translated_or_refused(source: str) -> None:
    try:
        code = StplParser(source).translate()
    except TemplateError:
        return
    assert code.count('\n') >= source.count('\n')


@given(st.text(alphabet=st.characters(exclude_characters='{%<\\'), min_size=1))
def test_text_is_printed_as_it_is(text: str) -> None:
    assert SimpleTemplate(text).render() == text


PAIR = SimpleTemplate('{{before}}|{{value}}')


@given(st.text(), st.text())
def test_what_is_escaped_holds_no_markup(before: str, value: str) -> None:
    printed = PAIR.render(before=before, value=value)
    assert not set('<>"\'') & set(printed)
    assert printed.count('|') == before.count('|') + value.count('|') + 1


HOSTILE = [
    '{{',
    '{{{',
    '{{a',
    "{{'",
    "{{'a{{",
    '{{"""',
    '{{\'"',
    '{{a\'"',
    '{{}',
    '}}',
    '{{(',
    '{{ x }} ',
    "{{'}}'",
    '\\',
    '\\%',
    '%',
    '%%',
    '% x=1\n',
    '% """"""\n',
    '\n',
    ' ',
    '\t\n',
    '<% %>',
    '<% %>\n',
    '%> ',
    '# ',
    '% #',
    '"',
    "'",
    '"\\"',
    '\\"""',
    '% x=("a",\n',
    '(',
    '% (',
    '% )',
    '% if x:\n',
    '% end\n',
    ';end',
    '<%;',
    '\\\\\n',
    'a\\\\\n% x\n',
    '\r',
    '\\\n',
]


def seconds_to_translate(source: str) -> float:
    begin = time.process_time()
    with suppress(TemplateError):
        StplParser(source).translate()
    return time.process_time() - begin


@pytest.mark.parametrize('prefix', ['', '% ', '<% ', '{{'])
@pytest.mark.parametrize('unit', HOSTILE)
def test_translation_takes_linear_time(prefix: str, unit: str) -> None:
    source = prefix + unit * (60_000 // len(unit)) + '"}}"\'\n%>'
    assert seconds_to_translate(source) < 1

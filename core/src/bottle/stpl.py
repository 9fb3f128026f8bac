"""The language of SimpleTemplate: a translator from the source of a template to Python source.

Each line break of a template becomes exactly one line break of the code, so that tracebacks name the template's own
lines. The translator reads its source once from the left to the right; its time grows in proportion to the length.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from bottle._util import touni
from bottle.errors import StplSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ['LocatedSyntaxError', 'StplParser']

# Possessive and with disjoint alternatives: no way to match a string in two ways, so nothing to go back to.
_STRING = r"""
    '{3} (?: [^'\\]++ | \\(?s:\r\n|.) | '(?!'') )*+ '{3}
  | "{3} (?: [^"\\]++ | \\(?s:\r\n|.) | "(?!"") )*+ "{3}
  | '(?!'') (?: [^'\\\n]++ | \\(?s:\r\n|.) )*+ '
  | "(?!"") (?: [^"\\\n]++ | \\(?s:\r\n|.) )*+ "
"""

_KEYWORD = re.compile(
    r"""
    (?P<opens> (?: async\s+ )?+ (?: def | for | with ) | if | while | try | class )\b
  | (?P<continues> elif | else | except | finally )\b
  | (?P<soft> match | case )\b (?! \s*[=.,)\]] ) .* : \s*+ \Z
    """,
    re.VERBOSE | re.DOTALL,
)


# Python's own limit; checked here because indentation would otherwise grow with the square of a hostile source.
DEEPEST = 99

_NO_BREAK = re.compile(r'\\\\\r?\n\Z')


class LocatedSyntaxError(StplSyntaxError, SyntaxError):
    """The source of a template is not valid; says in which line, as every SyntaxError does.

    Parameters:
        message: what is wrong.
        lineno: the line of the template, from 1.
        source: the template.
        filename: where it came from, if from a file.
    """

    def __init__(self, message: str, lineno: int, source: str, filename: str | None = None) -> None:
        lines = source.split('\n', lineno)
        text = lines[lineno - 1] if lineno <= len(lines) else None
        SyntaxError.__init__(self, message, (filename or '<string>', lineno, None, text))


class _Syntax:
    """The five tokens of a syntax and the patterns made from them."""

    def __init__(self, syntax: str) -> None:
        tokens = syntax.split()
        if len(tokens) != 5:
            raise StplSyntaxError(f'A syntax has five tokens, as in {StplParser.default_syntax!r}; not {syntax!r}.')
        self.block_start, self.block_close, self.line_start, self.inline_start, self.inline_end = tokens
        self.marker = re.compile(rf'[ \t]*+{re.escape(self.line_start)}')
        self.code_start = self._compile_code_start()
        self.code_token = self._compile_code_token()
        self.inline_token = self._compile_inline_token()

    def _compile_code_start(self) -> re.Pattern[str]:
        longest_first = sorted((self.block_start, self.line_start), key=len, reverse=True)
        starts = '|'.join(map(re.escape, longest_first))
        # No Python statement begins with a percent sign: doubled, it can only be meant as text.
        doubled = '%(?=%)|' if self.line_start == '%' else ''
        return re.compile(rf'^[ \t]*+(?:(?P<escape>{doubled}\\(?={starts}))|(?P<start>{starts}))', re.MULTILINE)

    def _compile_code_token(self) -> re.Pattern[str]:
        close = re.escape(self.block_close)
        return re.compile(
            rf"""
              (?P<close> {close} [ \t]*+ (?: \r?\n | \Z ) )
            | (?P<string> {_STRING} ) | (?P<quote> ['"] ) | (?P<comment> \#[^\n]*+ )
            | (?P<join> \\\r?\n ) | (?P<newline> \r?\n )
            | (?P<open> [(\[{{] ) | (?P<shut> [)\]}}] ) | (?P<semicolon> ; )
            | (?P<other> [^'"\#\\\r\n()\[\]{{}};{re.escape(self.block_close[0])}]++ | . )
            """,
            re.VERBOSE | re.DOTALL,
        )

    def _compile_inline_token(self) -> re.Pattern[str]:
        edges = re.escape(self.inline_start[0] + self.inline_end[0])
        return re.compile(
            rf"""
              (?: {_STRING} ) | (?P<open> [(\[{{] ) | (?P<shut> [)\]}}] )
            | [^'"\n()\[\]{{}}{edges}]++ | [^'"\n]
            """,
            re.VERBOSE,
        )


_syntax = lru_cache(maxsize=16)(_Syntax)


class _Line:
    """One logical line of Python code while it is being read."""

    def __init__(self) -> None:
        self.statements: list[list[str]] = [[]]
        self.brackets: list[int] = []

    def split(self) -> tuple[str, int]:
        """Return the code without its `end` statements, and the number of these."""
        statements = [''.join(tokens) for tokens in self.statements]
        kept = [each for each in statements if each.strip() != 'end']
        return ';'.join(kept).strip(), len(statements) - len(kept)


class StplParser:
    """Translates the source of one SimpleTemplate to Python code.

    Parameters:
        source: the template; bytes are decoded.
        syntax: five tokens with spaces between them: start and end of a block of code, start of a line of code, start
            and end of an expression. None stands for `StplParser.default_syntax`.
        encoding: of `source` when it is bytes.

    Raises:
        StplSyntaxError: the syntax has not five tokens.
    """

    default_syntax = '<% %> % {{ }}'

    def __init__(self, source: str | bytes, syntax: str | None = None, encoding: str = 'utf8') -> None:
        self.source = touni(source, encoding)
        self.encoding = encoding
        self.set_syntax(syntax or self.default_syntax)
        self.code_buffer: list[str] = []
        self.text_buffer: list[str] = []
        self.lineno = 1
        self.offset = 0
        self._blocks: list[str] = []
        self._empty_block: int | None = None

    def get_syntax(self) -> str:
        """Return the five tokens as one text."""
        return self._tokens

    def set_syntax(self, syntax: str) -> None:
        """Set the five tokens.

        Raises:
            StplSyntaxError: there are not five.
        """
        self._tokens = syntax
        self._rules = _syntax(syntax)

    syntax = property(get_syntax, set_syntax)

    def translate(self) -> str:
        """Return the Python code of the template.

        Raises:
            StplSyntaxError: a string or a bracket is never closed, or an expression is empty.
            RuntimeError: called a second time.
        """
        if self.offset:
            raise RuntimeError('A parser can be used only once.')
        while match := self._rules.code_start.search(self.source, self.offset):
            if match['escape']:
                self._take_text(match.start('escape'), match.end('escape'))
                continue
            self._take_text(match.start(), match.end())
            self.flush_text()
            self.read_code(self.source, multiline=match['start'] == self._rules.block_start)
        self._take_text(len(self.source), len(self.source))
        self.flush_text()
        self._fill_empty_block()
        return '\n'.join([*self.code_buffer, ''])

    def _take_text(self, until: int, resume: int) -> None:
        self.text_buffer.append(self.source[self.offset : until])
        self.offset = resume

    def _error(self, message: str, lineno: int) -> LocatedSyntaxError:
        return LocatedSyntaxError(message, lineno, self.source)

    # Code

    def read_code(self, pysource: str, multiline: bool) -> None:
        """Read code at the current offset and write it to the code buffer.

        Parameters:
            pysource: the source of the template.
            multiline: read to the end of the block; otherwise to the end of the logical line.

        Raises:
            StplSyntaxError: a string or a bracket is never closed.
        """
        start = self.offset
        line = _Line()
        while match := self._rules.code_token.match(pysource, self.offset):
            self.offset = match.end()
            if match.lastgroup == 'quote':
                raise self._unclosed(line, start, match.start(), multiline)
            if self._read_token(match, line, multiline):
                break
            if match.lastgroup == 'newline' and not line.brackets:
                self._write_line(line)
                self.lineno += pysource.count('\n', start, self.offset)
                start, line = self.offset, _Line()
        if line.brackets:
            raise self._unclosed(line, start, line.brackets[-1], multiline)
        self._write_line(line)
        self.lineno += pysource.count('\n', start, self.offset)

    def _read_token(self, match: re.Match[str], line: _Line, multiline: bool) -> bool:
        """Add a token to the line; return whether it ends the code."""
        kind = match.lastgroup
        if kind == 'comment':
            self._skip_comment(match, multiline)
        elif kind == 'newline' and not line.brackets:
            return not multiline
        elif kind == 'close' and multiline:
            return True
        elif kind == 'semicolon' and not line.brackets:
            line.statements.append([])
        else:
            self._continue_line(match, line, multiline)
        return False

    def _continue_line(self, match: re.Match[str], line: _Line, multiline: bool) -> None:
        code = match[0]
        if match.lastgroup == 'close':
            code = self._rules.block_close
            self.offset = match.start() + len(code)
        line.statements[-1].append(code)
        if match.lastgroup == 'open':
            line.brackets.append(match.start())
        elif match.lastgroup == 'shut':
            del line.brackets[-1:]
        elif match.lastgroup in {'join', 'newline'} and not multiline:
            marker = self._rules.marker.match(match.string, match.end())
            self.offset = marker.end() if marker else match.end()

    def _skip_comment(self, match: re.Match[str], multiline: bool) -> None:
        """Leave the comment out; the end of a block counts even inside one."""
        close = match[0].rfind(self._rules.block_close)
        if multiline and close > 0:
            ahead = self._rules.code_token.match(match.string, match.start() + close)
            if ahead and ahead.lastgroup == 'close':
                self.offset = ahead.start()

    def _unclosed(self, line: _Line, start: int, position: int, multiline: bool) -> LocatedSyntaxError:
        # A line of code with an open bracket runs on into the text: blame the bracket, not the text's first apostrophe.
        if line.brackets and not multiline:
            position = line.brackets[-1]
        character = self.source[position]
        message = f'{character!r} was never closed' if character in '([{' else 'unterminated string literal'
        return self._error(message, self.lineno + self.source.count('\n', start, position))

    def _write_line(self, line: _Line) -> None:
        code, ends = line.split()
        keyword = _KEYWORD.match(code)
        kind = keyword.lastgroup if keyword else None
        if keyword and kind == 'soft' and self._is_next_case(keyword['soft']):
            kind = 'continues'
        if kind == 'continues':
            self._continue_block(code)
        else:
            self.write_code(code)
        if keyword and kind in {'opens', 'soft'}:
            self._open_block(keyword[keyword.lastgroup or 0], code)
        for _ in range(ends):
            self._close_block()

    def _is_next_case(self, word: str) -> bool:
        return word == 'case' and self._blocks[-1:] == ['case']

    def _open_block(self, keyword: str, code: str) -> None:
        if len(self._blocks) >= DEEPEST:
            raise self._error('too many levels of indentation', self.lineno)
        self._blocks.append(keyword)
        self._empty_block = len(self.code_buffer) - 1 if code.endswith(':') else None

    def _continue_block(self, code: str) -> None:
        self._fill_empty_block()
        keyword = self._blocks.pop() if self._blocks else ''
        self.write_code(code)
        if keyword:
            self._open_block(keyword, code)

    def _close_block(self) -> None:
        self._fill_empty_block()
        # One `end` closes a `match` together with its last `case`.
        if self._blocks and self._blocks.pop() == 'case' and self._blocks[-1:] == ['match']:
            self._blocks.pop()

    def _fill_empty_block(self) -> None:
        if self._empty_block is not None:
            self.code_buffer[self._empty_block] += ' pass'
            self._empty_block = None

    def write_code(self, line: str, comment: str = '') -> None:
        """Write one logical line to the code buffer, indented as deep as blocks are open.

        Parameters:
            line: the code, without a line break at its end; may be empty.
            comment: goes behind it.
        """
        if line:
            self._empty_block = None
        self.code_buffer.append(f'{" " * len(self._blocks)}{line}{comment}' if line else comment)

    # Text and expressions

    def flush_text(self) -> None:
        """Write a statement that prints the text read so far, and empty the text buffer.

        Raises:
            StplSyntaxError: an expression is empty, or its brackets do not match.
        """
        text = ''.join(self.text_buffer)
        self.text_buffer.clear()
        if not text:
            return
        printed = _NO_BREAK.sub('', text)
        items = [*self._items(printed)]
        if printed == text and text.endswith('\n'):
            items[-1] = items[-1].removesuffix('\n')
        self.write_code(f'_printlist(({" ".join(items)}))' if items else '')
        self.lineno += text.count('\n')

    def _items(self, text: str) -> Iterator[str]:
        """Yield what to print as Python expressions, each with a comma and its line breaks behind it."""
        position = 0
        for start, end in self._expressions(text):
            if start > position:
                yield _literal(text[position:start])
            expression = text[start + len(self._rules.inline_start) : end]
            if not expression.strip().removeprefix('!').strip():
                raise self._error('empty expression', self.lineno + text.count('\n', 0, start))
            yield f'{self.process_inline(expression)},'
            position = end + len(self._rules.inline_end)
        if position < len(text):
            yield _literal(text[position:])

    def process_inline(self, chunk: str) -> str:
        """Return the code for an expression: escaped, or as it is if it begins with an exclamation mark."""
        chunk = chunk.strip()
        return f'_str({chunk[1:]})' if chunk.startswith('!') else f'_escape({chunk})'

    def _expressions(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where the start and the end token of each expression stand."""
        dead: set[int] = set()
        start = text.find(self._rules.inline_start)
        while start >= 0:
            end = self._find_inline_end(text, start + len(self._rules.inline_start), dead)
            if end >= 0:
                yield start, end
            resume = start + 1 if end < 0 else end + len(self._rules.inline_end)
            start = text.find(self._rules.inline_start, resume)

    def _find_inline_end(self, text: str, position: int, dead: set[int]) -> int:
        """Return where the expression that begins at `position` ends, or -1 if it does not end on its line.

        `dead` collects positions from which no end can be reached, so that no stretch of text is searched twice.
        """
        begin, visited, depth, unbalanced = position, [], 0, False
        while position not in dead:
            visited.append(position)
            if text.startswith(self._rules.inline_end, position):
                if depth <= 0:
                    return position
                unbalanced = True
            match = self._rules.inline_token.match(text, position)
            if not match:
                break
            depth += (match.lastgroup == 'open') - (match.lastgroup == 'shut')
            position = match.end()
        if unbalanced:
            raise self._error('a bracket in an expression was never closed', self.lineno + text.count('\n', 0, begin))
        dead.update(visited)
        return -1


def _literal(text: str) -> str:
    return f'{text!r},' + '\n' * text.count('\n')

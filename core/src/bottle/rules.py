"""The language of route rules: from `/user/<name>/<id:int>` to literals, wildcards and path segments.

A rule is taken apart into pieces, the pieces into the segments between slashes. A wildcard whose expression can match a
slash (`path`, `<x:re:.*>`) may span several segments: everything from its segment on is the tail of the rule.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bottle._util import depr
from bottle.errors import RouterUnknownModeError, RouteSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Reader = Callable[[str], Any]
    Writer = Callable[[Any], str]
    Filter = Callable[[str | None], tuple[str, Reader | None, Writer | None]]

RULE_SYNTAX = re.compile(
    r"""
    (?P<escape> \\* )
    (?: : (?P<old_name> [a-z_][a-z_0-9]* )? (?: \# (?P<old_mask> .*? ) \# )?
      | < (?P<name> [a-z_][a-z_0-9]* )?
          (?: : (?P<filter> [a-z_]* ) (?: : (?P<config> (?: \\. | [^\\>] )+ )? )? )? >
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)

SEGMENT = '[^/]+'

# One item of a regular expression: an escape, a set, the head of a group, or a single character.
_ITEM = re.compile(r'\\.|\[\^?\]?(?:\\.|[^\\\]])*\]|\(\?P<\w+>|\(\?:|\(\?|.', re.DOTALL)
_HARMLESS = frozenset('()|*+?{}')
_ANCHORS = frozenset({'^', '$', '(?', r'\A', r'\Z', r'\b', r'\B'})


class Wildcard:
    """A place in a rule. `mask` is its regular expression, without capturing groups.

    An anonymous one has a name for `Router.build` only; its value is not passed to the handler.
    """

    __slots__ = ('anonymous', 'mask', 'name', 'reader', 'writer')

    def __init__(self, name: str, mask: str, reader: Reader | None, writer: Writer | None, *, anonymous: bool) -> None:
        self.name = name
        self.mask = mask
        self.reader = reader
        self.writer: Writer = writer or str
        self.anonymous = anonymous


class Rule:
    """A parsed rule.

    Attributes:
        text: the rule as it was written.
        pieces: literal text and wildcards in their order.
        segments: the pieces of each path segment, as far as every segment's expressions stay within it.
        tail: the pieces of the rest, slashes included; empty if all segments keep to themselves.
    """

    __slots__ = ('pieces', 'segments', 'tail', 'text')

    def __init__(self, text: str, pieces: list[str | Wildcard]) -> None:
        self.text = text
        self.pieces = pieces
        self.segments, self.tail = _split(pieces)

    @property
    def literal(self) -> str | None:
        """The one path that this rule matches, or None if it has wildcards."""
        return None if self.wildcards else ''.join(map(str, self.pieces))

    @property
    def wildcards(self) -> list[Wildcard]:
        """The wildcards of the rule, from left to right."""
        return [piece for piece in self.pieces if isinstance(piece, Wildcard)]


def parse(text: str, filters: Mapping[str, Filter], default_filter: str = 're') -> Rule:
    """Take a rule apart.

    Parameters:
        text: the rule, in today's syntax `<name:filter:config>` or the deprecated `:name#mask#`.
        filters: what the names of filters stand for.
        default_filter: the filter of wildcards that name none.

    Raises:
        RouteSyntaxError: an expression is not valid, or two wildcards have the same name.
        RouterUnknownModeError: there is no such filter.
    """
    pieces: list[str | Wildcard] = []
    anonymous = 0
    for token in _tokens(text):
        if isinstance(token, str):
            pieces.append(token)
            continue
        name, mode, config = token
        mask, reader, writer = _filtered(text, mode or default_filter, config, filters)
        pieces.append(Wildcard(name or f'anon{anonymous}', mask, reader, writer, anonymous=not name))
        anonymous += not name
    names = [piece.name for piece in pieces if isinstance(piece, Wildcard)]
    if len(names) != len(set(names)):
        raise RouteSyntaxError(f'Could not add route {text!r}: two wildcards have the same name')
    try:
        return Rule(text, pieces)
    except re.error as error:
        raise RouteSyntaxError(f'Could not add route {text!r}: {error}') from error


def _tokens(text: str) -> Iterator[str | tuple[str | None, str | None, str | None]]:
    literal, offset = '', 0
    for match in RULE_SYNTAX.finditer(text):
        escape = match['escape']
        literal += text[offset : match.start()] + escape[: len(escape) // 2]
        offset = match.end()
        if len(escape) % 2:
            literal += match[0][len(escape) :]
            continue
        if literal:
            yield literal
            literal = ''
        yield _wildcard_token(match)
    literal += text[offset:]
    if literal:
        yield literal


def _wildcard_token(match: re.Match[str]) -> tuple[str | None, str | None, str | None]:
    if match[0].endswith('>'):
        return match['name'], match['filter'], match['config']
    depr(f'The rule {match.string!r} uses the old route syntax', 'Write <name> instead of :name', stacklevel=8)
    return match['old_name'], None, match['old_mask']


def _filtered(
    rule: str, mode: str, config: str | None, filters: Mapping[str, Filter]
) -> tuple[str, Reader | None, Writer | None]:
    if mode not in filters:
        raise RouterUnknownModeError(f'Could not add route {rule!r}: there is no filter {mode!r}')
    mask, reader, writer = filters[mode](config)
    try:
        return _checked(mask), reader, writer
    except re.error as error:
        raise RouteSyntaxError(f'Could not add route {rule!r}: {error}') from error


@lru_cache(maxsize=1024)
def _checked(mask: str) -> str:
    flat = ''.join('(?:' if _captures(item) else item for item in _ITEM.findall(mask))
    re.compile(flat)
    return flat


def _captures(item: str) -> bool:
    return item == '(' or item.startswith('(?P<')


class _Nature:
    """How far an expression reaches: whether it may match a slash, and whether it looks at what is around it."""

    SEGMENT, SPAN, CONTEXT = range(3)


@lru_cache(maxsize=1024)
def _nature(mask: str) -> int:
    items = _ITEM.findall(mask)
    if any(item in _ANCHORS or _is_reference(item) for item in items):
        return _Nature.CONTEXT
    return _Nature.SPAN if any(map(_may_match_slash, items)) else _Nature.SEGMENT


def _is_reference(item: str) -> bool:
    return len(item) == 2 and item[0] == '\\' and item[1] in '0123456789xuUN'


def _may_match_slash(item: str) -> bool:
    return item not in _HARMLESS and item != '(?:' and re.fullmatch(item, '/', re.DOTALL) is not None


def _split(pieces: list[str | Wildcard]) -> tuple[list[list[str | Wildcard]], list[str | Wildcard]]:
    natures = [_nature(piece.mask) if isinstance(piece, Wildcard) else _Nature.SEGMENT for piece in pieces]
    if _Nature.CONTEXT in natures:
        re.compile(expression(pieces, named=True))
        return [], pieces
    cells: list[list[str | Wildcard]] = [[]]
    for index, (piece, nature) in enumerate(zip(pieces, natures, strict=True)):
        if nature == _Nature.SPAN:
            return cells[:-1], cells[-1] + pieces[index:]
        if isinstance(piece, Wildcard):
            cells[-1].append(piece)
            continue
        first, *others = piece.split('/')
        if first:
            cells[-1].append(first)
        cells.extend([part] if part else [] for part in others)
    return cells, []


def expression(pieces: list[str | Wildcard], *, named: bool) -> str:
    """Return the regular expression of some pieces, its wildcards as named groups or as groups that capture nothing."""
    return ''.join(re.escape(piece) if isinstance(piece, str) else _group(piece, named=named) for piece in pieces)


def _group(wildcard: Wildcard, *, named: bool) -> str:
    return f'(?P<{wildcard.name}>{wildcard.mask})' if named and not wildcard.anonymous else f'(?:{wildcard.mask})'

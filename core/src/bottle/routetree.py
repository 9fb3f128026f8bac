"""A tree over the segments of a path: finds the first-added rule that matches, at a cost set by the depth of the path.

The children of a node are looked up in a dict for literal segments; there is at most one child for a plain wildcard and
one per distinct expression for the others. Rules with the same shape share their nodes, so ten thousand rules are not
slower than ten. The tails of rules (see `bottle.rules`) hang on the node at which they begin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bottle.rules import SEGMENT, Rule, Wildcard, expression

if TYPE_CHECKING:
    from bottle.rules import Reader


class _Expression:
    """A regular expression between literal ends; it is compiled at the first text that has these ends."""

    __slots__ = ('_pattern', 'head', 'pieces', 'source', 'tail')

    def __init__(self, pieces: list[str | Wildcard]) -> None:
        self.pieces = pieces
        self.source = expression(pieces, named=False)
        self.head = pieces[0] if isinstance(pieces[0], str) else ''
        self.tail = pieces[-1] if isinstance(pieces[-1], str) else ''
        self._pattern: re.Pattern[str] | None = None

    def match(self, text: str) -> re.Match[str] | None:
        """Match the whole of `text`; the groups are the wildcards."""
        if not (text.startswith(self.head) and text.endswith(self.tail)):
            return None
        if self._pattern is None:
            self._pattern = re.compile(expression(self.pieces, named=True))
        return self._pattern.fullmatch(text)


class Leaf:
    """Where a rule ends: its target, and how its wildcards are read out of a path.

    Attributes:
        order: the place of the rule in the order of addition; the lowest one that matches wins.
        target: what `RouteTree.add` was given.
    """

    __slots__ = ('depth', 'mixed', 'order', 'plain', 'readers', 'tail', 'target', 'whole')

    def __init__(self, rule: Rule, order: int, target: Any) -> None:
        self.order = order
        self.target = target
        self.depth = len(rule.segments)
        self.tail = _Expression(rule.tail) if rule.tail else None
        self.whole: list[tuple[str, int]] = []
        self.mixed: list[tuple[_Expression, int]] = []
        for index, pieces in enumerate(rule.segments):
            if len(pieces) == 1 and isinstance(pieces[0], Wildcard):
                if not pieces[0].anonymous:
                    self.whole.append((pieces[0].name, index))
            elif any(isinstance(piece, Wildcard) for piece in pieces):
                self.mixed.append((_Expression(pieces), index))
        self.readers: list[tuple[str, Reader]] = [
            (wildcard.name, wildcard.reader)
            for wildcard in rule.wildcards
            if wildcard.reader and not wildcard.anonymous
        ]

        self.plain = not (self.mixed or self.tail or self.readers)

    def arguments(self, segments: list[str]) -> dict[str, Any]:
        """Return the values of the wildcards in a path that matches, given as its segments.

        Raises:
            ValueError: a filter refuses a value.
        """
        found: dict[str, Any] = {name: segments[index] for name, index in self.whole}
        if self.plain:
            return found
        for mask, index in self.mixed:
            found.update(_groups(mask, segments[index]))
        if self.tail is not None:
            found.update(_groups(self.tail, '/'.join(segments[self.depth :])))
        for name, reader in self.readers:
            found[name] = reader(found[name])
        return found


def _groups(mask: _Expression, text: str) -> dict[str, str]:
    match = mask.match(text)
    return match.groupdict() if match else {}


class _Node:
    __slots__ = ('leaf', 'literals', 'masks', 'tails', 'wildcard')

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.wildcard: _Node | None = None
        self.masks: dict[str, tuple[_Expression, _Node]] = {}
        self.tails: dict[str, Leaf] = {}
        self.leaf: Leaf | None = None

    def child(self, pieces: list[str | Wildcard]) -> _Node:
        """Return the child for a segment of a rule, made if there is none yet."""
        match pieces:
            case []:
                return self.literals.setdefault('', _Node())
            case [str(text)]:
                return self.literals.setdefault(text, _Node())
            case [Wildcard(mask=mask)] if mask == SEGMENT:
                self.wildcard = self.wildcard or _Node()
                return self.wildcard
        found = _Expression(pieces)
        return self.masks.setdefault(found.source, (found, _Node()))[1]

    def step(self, segment: str, reached: list[_Node]) -> None:
        """Append the children that accept a segment of a path to `reached`."""
        child = self.literals.get(segment)
        if child is not None:
            reached.append(child)
        if self.wildcard is not None and segment:
            reached.append(self.wildcard)
        if self.masks:
            reached.extend(node for mask, node in self.masks.values() if mask.match(segment))


class RouteTree:
    """The rules of one HTTP method that have to be searched."""

    __slots__ = ('_count', '_root')

    def __init__(self) -> None:
        self._root = _Node()
        self._count = 0

    def add(self, rule: Rule, target: Any) -> bool:
        """Add a rule after all others; one of exactly the same shape is replaced and keeps its place.

        Returns:
            Whether a rule was replaced.
        """
        node = self._root
        for pieces in rule.segments:
            node = node.child(pieces)
        source = expression(rule.tail, named=False)
        old = node.tails.get(source) if rule.tail else node.leaf
        leaf = Leaf(rule, old.order if old else self._count, target)
        self._count += 1
        if rule.tail:
            node.tails[source] = leaf
        else:
            node.leaf = leaf
        return old is not None

    def find(self, segments: list[str]) -> Leaf | None:
        """Return the first-added rule that matches a path, given as its segments, or None."""
        node = self._root
        for depth, segment in enumerate(segments):
            if node.masks or node.tails:
                return _search(node, segments, depth)
            child = node.literals.get(segment)
            if node.wildcard is not None and segment:
                if child is not None:
                    return _search(node, segments, depth)
                child = node.wildcard
            if child is None:
                return None
            node = child
        return node.leaf


def _search(start: _Node, segments: list[str], begin: int) -> Leaf | None:
    """Follow all branches below a node at once; `RouteTree.find` comes here when the path first forks."""
    best: Leaf | None = None
    level = [start]
    for depth in range(begin, len(segments)):
        reached: list[_Node] = []
        for node in level:
            if node.tails:
                best = _first_tail(node, segments, depth, best)
            node.step(segments[depth], reached)
        if not reached:
            return best
        level = reached
    for node in level:
        leaf = node.leaf
        if leaf is not None and (best is None or leaf.order < best.order):
            best = leaf
    return best


def _first_tail(node: _Node, segments: list[str], depth: int, best: Leaf | None) -> Leaf | None:
    rest = '/'.join(segments[depth:])
    for leaf in node.tails.values():
        if best is not None and best.order < leaf.order:
            break
        if leaf.tail is not None and leaf.tail.match(rest):
            return leaf
    return best

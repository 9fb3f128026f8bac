"""A tree over the segments of a path: finds the first-added rule that matches, at a cost set by the depth of the path.

The children of a node are looked up in a dict for literal segments; there is at most one child for a plain wildcard and
one per distinct expression for the others, found by the literal text at its ends. Rules with the same shape share their
nodes, so ten thousand rules are not slower than ten. The tails of rules (see `bottle.rules`) hang on the node at which
they begin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bottle.rules import SEGMENT, Rule, Wildcard, expression

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bottle.rules import Reader

T = TypeVar('T')


class _Expression:
    """A regular expression between literal ends, compiled at its first use."""

    __slots__ = ('_pattern', 'head', 'pieces', 'source', 'tail')

    def __init__(self, pieces: list[str | Wildcard]) -> None:
        self.pieces = pieces
        self.source = expression(pieces, named=False)
        self.head = pieces[0] if isinstance(pieces[0], str) else ''
        self.tail = pieces[-1] if isinstance(pieces[-1], str) else ''
        self._pattern: re.Pattern[str] | None = None

    def match(self, text: str) -> re.Match[str] | None:
        """Match the whole of `text`; the groups are the wildcards."""
        if self._pattern is None:
            self._pattern = re.compile(expression(self.pieces, named=True))
        return self._pattern.fullmatch(text)


class _Index(Generic[T]):
    """Values by expressions; those that may match a text are found by its ends, so that their number does not count."""

    __slots__ = ('_by_ends', '_by_source')

    def __init__(self) -> None:
        self._by_source: dict[str, list[Any]] = {}
        # By the lengths of both ends, then by the ends themselves. There are few different lengths.
        self._by_ends: dict[tuple[int, int], dict[tuple[str, str], list[list[Any]]]] = {}

    def get(self, mask: _Expression) -> T | None:
        """Return the value of an equal expression, or None."""
        entry = self._by_source.get(mask.source)
        return entry[1] if entry else None

    def set(self, mask: _Expression, value: T) -> None:
        """Set the value of an expression; it keeps its place if there is one already."""
        entry = self._by_source.get(mask.source)
        if entry is not None:
            entry[:] = mask, value
            return
        entry = self._by_source[mask.source] = [mask, value]
        same_lengths = self._by_ends.setdefault((len(mask.head), len(mask.tail)), {})
        same_lengths.setdefault((mask.head, mask.tail), []).append(entry)

    def matching(self, text: str) -> Iterator[T]:
        """Yield the values of all expressions that match the whole of a text."""
        size = len(text)
        for (head, tail), same_lengths in self._by_ends.items():
            for mask, value in same_lengths.get((text[:head], text[size - tail :]), ()):
                if mask.match(text):
                    yield value


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
        self.masks: _Index[_Node] | None = None
        self.tails: _Index[Leaf] | None = None
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
        mask_of_segment = _Expression(pieces)
        self.masks = self.masks or _Index()
        node = self.masks.get(mask_of_segment)
        if node is None:
            node = _Node()
            self.masks.set(mask_of_segment, node)
        return node

    def end(self, leaf: Leaf) -> Leaf | None:
        """Let a rule end here, or a tail begin. Return the leaf of an equal rule, which it replaces in its place."""
        if leaf.tail is None:
            old, self.leaf = self.leaf, leaf
        else:
            self.tails = self.tails or _Index()
            old = self.tails.get(leaf.tail)
            self.tails.set(leaf.tail, leaf)
        if old is not None:
            leaf.order = old.order
        return old

    def step(self, segment: str, reached: list[_Node]) -> None:
        """Append the children that accept a segment of a path to `reached`."""
        child = self.literals.get(segment)
        if child is not None:
            reached.append(child)
        if self.wildcard is not None and segment:
            reached.append(self.wildcard)
        if self.masks:
            reached.extend(self.masks.matching(segment))


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
        self._count += 1
        return node.end(Leaf(rule, self._count, target)) is not None

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
                best = _first_tail(node.tails, segments, depth, best)
            node.step(segments[depth], reached)
        if not reached:
            return best
        level = reached
    for node in level:
        leaf = node.leaf
        if leaf is not None and (best is None or leaf.order < best.order):
            best = leaf
    return best


def _first_tail(tails: _Index[Leaf], segments: list[str], depth: int, best: Leaf | None) -> Leaf | None:
    for leaf in tails.matching('/'.join(segments[depth:])):
        if best is None or leaf.order < best.order:
            best = leaf
    return best

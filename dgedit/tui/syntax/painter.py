"""From a tree to the highlights of some of its rows, those of other languages inside the text included.

Which nodes look like what is said in the query files. Where a query captures `embed.NAME`, the node's text is parsed
by another grammar and painted over it: code in Markdown, scripts and styles in HTML. This module must know neither
the document nor how its tree is kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from time import monotonic

from tree_sitter import Node, QueryCursor, Tree

from ...text.languages import canonical
from .base import Highlights
from .grammars import Grammar, load
from .slices import parsed_within

Point = tuple[int, int]
"""A row, and a column in bytes."""

COLUMN_MAX = 1 << 31
EMBED_DEPTH_MAX = 2
EMBED_BYTES_MAX = 400_000
SMALL_BYTES = 1_000
"""Embedded texts up to here are parsed anew when they change: a line of prose, a short example."""
EMBED_BUDGET_MS = 150.0
SMALL_BUDGET_MS = 20.0
"""How long the parse of an embedded text may take, of a large and a small one; one that takes longer is not painted."""
TRIED_AGAIN_S = 2.0
"""An embedded text that took too long is tried again after so long, if it has changed."""
KEPT_TREES = 8
"""Trees of larger embedded texts that are kept to be parsed incrementally."""


class EmbeddedTrees:
    """Trees of the embedded texts of one document, by the row that they begin in."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], tuple[bytes, Tree]] = {}
        self._costly: dict[tuple[str, int], tuple[bytes, float]] = {}

    def tree(self, name: str, grammar: Grammar, text: bytes, row: int) -> Tree | None:
        """The tree of an embedded text; none where it takes too long."""
        if len(text) <= SMALL_BYTES:
            return _small_tree(name, text)
        key = name, row
        known, failed = self._kept.pop(key, None), self._costly.get(key)
        if known is not None and known[0] == text:
            tree: Tree | None = known[1]
        elif failed is not None and (failed[0] == text or monotonic() - failed[1] < TRIED_AGAIN_S):
            return None
        else:
            old = None if known is None else _moved(*known, text)
            tree = parsed_within(grammar.language, text, old, EMBED_BUDGET_MS)
        self._note(key, text, tree)
        return tree

    def _note(self, key: tuple[str, int], text: bytes, tree: Tree | None) -> None:
        if tree is None:
            self._costly[key] = text, monotonic()
        else:
            self._costly.pop(key, None)
            self._kept[key] = text, tree
        for kept in (self._kept, self._costly):
            if len(kept) > KEPT_TREES:
                del kept[next(iter(kept))]


@dataclass(frozen=True, slots=True)
class Painter:
    """Paints the rows from that of `start` to that of `end`."""

    grammar: Grammar
    text: bytes | bytearray
    start: Point
    end: Point
    origin: Point
    """Where the tree's text begins in the document."""
    embedded: EmbeddedTrees
    depth: int
    into: Highlights

    def paint(self, root: Node) -> None:
        """Add the highlights, outer nodes before inner ones."""
        cursor = QueryCursor(self.grammar.highlights)
        cursor.set_point_range(self.start, self.end)
        spans: list[tuple[int, int, int, str, Node]] = []
        embeds: dict[tuple[int, int], tuple[str, Node]] = {}
        for pattern, captures in cursor.matches(root):
            spoken = captures.pop("embed.language", None)
            for capture, nodes in captures.items():
                if not capture.startswith("embed."):
                    spans += [(node.start_byte, -node.end_byte, pattern, capture, node) for node in nodes]
                    continue
                name = self._language(spoken[0]) if spoken else capture.removeprefix("embed.")
                if self.depth < EMBED_DEPTH_MAX and load(name):
                    embeds |= {(node.start_byte, -node.end_byte): (name, node) for node in nodes}
        spans.sort(key=itemgetter(0, 1, 2))
        # Of patterns that match the same range the last one counts.
        by_range = {(start, minus_end): (name, node) for start, minus_end, _, name, node in spans}
        for key, (capture, node) in by_range.items():
            if key not in embeds:
                self._put(node, self._name(capture, key[0], -key[1]))
        for name, node in embeds.values():
            self._paint_embedded(name, node)

    def _language(self, node: Node) -> str:
        return canonical(self.text[node.start_byte : node.end_byte].decode(errors="replace"))

    def _name(self, capture: str, start: int, end: int) -> str:
        if not capture.startswith("cased"):
            return capture
        otherwise = capture[6:] or "variable"
        name = bytes(self.text[start:end])
        if len(name) > 1 and name.isupper():
            return "constant"
        if otherwise == "constant":
            return "variable"
        return "type" if name.lstrip(b"_")[:1].isupper() else otherwise

    def _put(self, node: Node, name: str) -> None:
        (top, left), (bottom, right) = node.start_point, node.end_point
        for row in range(max(top, self.start[0]), min(bottom, self.end[0]) + 1):
            start = left if row == top else 0
            end = right if row == bottom else None
            if end is not None and end <= start:
                continue
            shift = self.origin[1] if row == 0 else 0
            self.into.setdefault(row + self.origin[0], []).append(
                (start + shift, None if end is None else end + shift, name)
            )

    def _paint_embedded(self, name: str, node: Node) -> None:
        grammar = load(name)
        if grammar is None or node.end_byte - node.start_byte > EMBED_BYTES_MAX:
            return
        text = bytes(self.text[node.start_byte : node.end_byte])
        top, left = node.start_point
        row, shift = top + self.origin[0], left + (self.origin[1] if top == 0 else 0)
        tree = self.embedded.tree(name, grammar, text, row)
        start, end = _relative(self.start, node.start_point), _relative(self.end, node.start_point)
        inner = Painter(grammar, text, start, end, (row, shift), self.embedded, self.depth + 1, self.into)
        if tree is not None:
            inner.paint(tree.root_node)


def _relative(point: Point, origin: Point) -> Point:
    if point[0] > origin[0]:
        return point[0] - origin[0], point[1]
    return 0, max(0, point[1] - origin[1]) if point[0] == origin[0] else 0


@lru_cache(maxsize=1_000)
def _small_tree(name: str, text: bytes) -> Tree | None:
    grammar = load(name)
    assert grammar is not None
    return parsed_within(grammar.language, text, None, SMALL_BUDGET_MS)


def _moved(old: bytes, tree: Tree, new: bytes) -> Tree:
    """The tree of a text before one edit, its nodes moved as the edit moved the text."""
    shortest = min(len(old), len(new))
    start = _common(old, new, shortest)
    tail = _common(old[start:][::-1], new[start:][::-1], shortest - start)
    old_end, new_end = len(old) - tail, len(new) - tail
    tree.edit(start, old_end, new_end, _point(old, start), _point(old, old_end), _point(new, new_end))
    return tree


def _common(first: bytes, second: bytes, length: int) -> int:
    """How long the common beginning of two texts is, `length` at most."""
    return bisect_left(range(length), True, key=lambda i: first[: i + 1] != second[: i + 1])


def _point(text: bytes, offset: int) -> Point:
    return text.count(b"\n", 0, offset), offset - (text.rfind(b"\n", 0, offset) + 1)


def runs(first_row: int, last_row: int, long_rows: Iterator[int], columns_max: int) -> Iterator[tuple[Point, Point]]:
    """The rows from the first to the last in stretches that leave out the ends of long rows."""
    begin = first_row
    for row in long_rows:
        yield (begin, 0), (row, columns_max)
        begin = row + 1
    if begin <= last_row:
        yield (begin, 0), (last_row, COLUMN_MAX)

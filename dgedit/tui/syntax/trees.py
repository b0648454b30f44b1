"""Syntax by tree-sitter: a tree that follows every edit and is parsed anew from the few bytes around it.

An edit moves the tree's nodes at once, which costs microseconds; `refresh` parses. A parse can be cut short and gone
on with, so that a text of any size is read between keys. Colours come from the tree as it is, structure from a fresh
one. This module must know neither the document nor which grammar it works with.
"""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple

from tree_sitter import Node, QueryCursor, Tree

from . import shapes
from .base import ROW_BYTES_MAX, Edit, Highlights, Symbol, Syntax
from .grammars import Grammar, symbols_query
from .painter import EmbeddedTrees, Painter, Point, runs
from .rows import RowStarts
from .shapes import Location, Range
from .slices import CostlyParseError, SlicedParse

WHOLE_BUDGET_MS = 2_000.0
"""How long a list of all symbols may wait for a fresh tree."""
RANGES_BUDGET_MS = 100.0
"""How long structural selection may wait for a fresh tree."""
SYMBOLS_MAX = 20_000
NAME_CHARS_MAX = 120
_HOLDS_METHODS = frozenset({"class", "interface", "struct", "impl", "trait", "enum", "union"})


class _Found(NamedTuple):
    """What a query found to be a symbol."""

    start: int
    minus_end: int
    pattern: int
    kind: str
    name: Node


class TreeSyntax(Syntax):
    """A text in a language with a grammar."""

    def __init__(self, grammar: Grammar, text: str, lines: list[str]) -> None:
        super().__init__(lines)
        self._grammar = grammar
        self._bytes = bytearray(_encoded(text))
        self._parse = SlicedParse(grammar.language, self._bytes)
        self._rows = RowStarts(_row_lengths(bytes(self._bytes)))
        self._tree: Tree | None = None
        self._stale = True
        self._is_costly = False
        self._plain: Syntax | None = None
        """What is shown while there is no tree, because the text was too costly to parse."""
        self._embedded = EmbeddedTrees()

    @property
    def stale(self) -> bool:
        """Is the tree older than the text, or not there yet, though it may be parsed?"""
        return self._stale

    @property
    def costly(self) -> bool:
        """Was the last parse given up?"""
        return self._is_costly

    def edited(self, edit: Edit) -> None:
        """Move the tree's nodes as an edit moves the text."""
        before, old, new = _encoded(edit.before), _encoded(edit.replaced), _encoded(edit.inserted)
        start = self._rows[edit.row] + len(before)
        self._parse.reset()
        if self._plain is not None:
            self._plain.edited(edit)
        if self._tree is not None:
            place = edit.row, len(before)
            ends = start + len(old), start + len(new)
            self._tree.edit(start, *ends, place, _after(place, old), _after(place, new))
        below = edit.row + old.count(b"\n") + 1
        rest = self._rows[below] - start - len(old)
        self._bytes[start : start + len(old)] = new
        lengths = [len(piece) + 1 for piece in new.split(b"\n")]
        lengths[0] += len(before)
        lengths[-1] += rest - 1
        self._rows.splice(edit.row, below, lengths)
        self._stale = True

    def refresh(self, budget_ms: float | None = None) -> bool:
        """Parse what edits have touched; without a budget it is still a bounded time.

        Of a text with errors a parse that was cut short may read them otherwise than one in one go. A text that is too
        costly to parse counts as read: the last tree stays, or what a lexer says of it where there was none.
        """
        if not self._stale:
            return True
        try:
            tree = self._parse.go_on(self._tree, WHOLE_BUDGET_MS if budget_ms is None else budget_ms)
        except CostlyParseError:
            self._stale, self._is_costly = False, True
            if self._tree is None and self._plain is None:
                from .lexer import by_lexer

                self._plain = by_lexer(self._grammar.name, self._lines)
            return True
        if tree is None:
            return False
        self._tree, self._plain = tree, None
        self._stale = self._is_costly = False
        return True

    def highlights(self, first_row: int, last_row: int) -> Highlights:
        """The highlights of some rows; none before the first parse is done or given up."""
        highlights: Highlights = {}
        if self._tree is None:
            return highlights if self._plain is None else self._plain.highlights(first_row, last_row)
        last_row = min(last_row, len(self._rows) - 1)
        rows = range(max(0, first_row), last_row + 1)
        long_rows = (row for row in rows if self._rows[row + 1] - self._rows[row] > ROW_BYTES_MAX)
        for start, end in runs(rows.start, last_row, long_rows, ROW_BYTES_MAX):
            painter = Painter(self._grammar, self._bytes, start, end, (0, 0), self._embedded, 0, highlights)
            painter.paint(self._tree.root_node)
        return highlights

    def node_ranges(self, start: Location, end: Location) -> list[Range]:
        """The ranges of the nodes around a range, after the word that it is in."""
        start, end = sorted((start, end))
        if not self.refresh(RANGES_BUDGET_MS) or self._tree is None:
            return super().node_ranges(start, end)
        found = [shapes.word(self._lines, start, end), shapes.whole(self._lines)]
        node: Node | None = self._tree.root_node.descendant_for_byte_range(self._offset(start), self._offset(end))
        while node is not None:
            found.append((self._location(node.start_point), self._location(node.end_point)))
            node = node.parent
        return shapes.growing(found, start, end)

    def symbols(self) -> list[Symbol]:
        """The definitions that the grammar's query names."""
        query = symbols_query(self._grammar)
        if query is None or not self.refresh() or self._tree is None:
            return [] if self._plain is None else self._plain.symbols()
        found: dict[int, _Found] = {}
        for pattern, captures in QueryCursor(query).matches(self._tree.root_node):
            name = captures.pop("name")[0]
            kind, (whole, *_) = next(iter(captures.items()))
            one = _Found(whole.start_byte, -whole.end_byte, pattern, kind, name)
            # Of patterns that name the same symbol the first one says what it is.
            known = found.setdefault(name.start_byte, one)
            if pattern < known.pattern:
                found[name.start_byte] = one
        return self._nested(sorted(found.values(), key=itemgetter(0, 1))[:SYMBOLS_MAX])

    def _nested(self, found: list[_Found]) -> list[Symbol]:
        """Symbols with their depth, from what was found in the order of the text."""
        symbols: list[Symbol] = []
        around: list[tuple[int, str]] = []
        for start, minus_end, _, kind, name in found:
            while around and around[-1][0] <= start:
                around.pop()
            if kind == "function" and around and around[-1][1] in _HOLDS_METHODS:
                kind = "method"
            text = bytes(self._bytes[name.start_byte : name.end_byte]).decode(errors="replace")
            title = " ".join(text.split())[:NAME_CHARS_MAX]
            symbols.append(Symbol(title, kind, *self._location(name.start_point), len(around)))
            around.append((-minus_end, kind))
        return symbols

    def _offset(self, location: Location) -> int:
        row, column = location
        return self._rows[row] + len(_encoded(self._lines[row][:column]))

    def _location(self, point: Point) -> Location:
        row, column = point
        if row >= len(self._lines):
            return shapes.whole(self._lines)[1]
        line = self._lines[row]
        # A node may hold the carriage return that ends its row.
        return row, min(column if line.isascii() else len(_encoded(line)[:column].decode(errors="ignore")), len(line))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _row_lengths(text: bytes) -> list[int]:
    lengths = [len(row) + 1 for row in text.split(b"\n")]
    lengths[-1] -= 1
    return lengths


def _after(place: Point, text: bytes) -> Point:
    """Where a text ends that begins at a place."""
    breaks = text.count(b"\n")
    return (place[0] + breaks, len(text) - text.rfind(b"\n") - 1) if breaks else (place[0], place[1] + len(text))

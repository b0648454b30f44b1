"""Whether a text parses with an answer in its hole: an incremental parse for every answer, Python's own parser last.

A grammar's tree of the text with a filler in the hole is made once; an answer is an edit of it. Python is judged by
its compiler, which sees what the grammar does not (an argument that stands twice): on the function or statement
around the hole alone, so that a long file costs no more than a short one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node, Parser, Point, Tree

from ..grammars import judging_parser

LIMIT_CHARS = 400_000
"""Longer texts are not judged."""
WHOLE_CHARS = 3_000
"""A text of Python up to this is compiled whole."""
FILLER = "__hole__"
"""Stands in the hole while what is around it is looked at."""
FILLERS = ("pass", "", "x=1", "x: x", "*x", "if x:", "else:", "x, x", "x(", "x = (", "x):", "as x", "1")
"""Tried where neither the filler nor any answer parses, to tell whether anything would."""
_FUNCTIONS = ("function_definition", "decorated_definition")


@dataclass(frozen=True, slots=True)
class ParsedSource:
    """A text with a filler in its hole, parsed once."""

    before: bytes
    after: bytes
    tree: Tree
    parser: Parser

    def node(self) -> Node | None:
        """The smallest node around the filler."""
        at = len(self.before)
        return self.tree.root_node.descendant_for_byte_range(at, at + len(FILLER))

    def with_answer(self, text: str) -> Tree:
        """The tree with an answer instead of the filler."""
        new, old = text.encode(errors="replace"), self.tree.copy()
        start = len(self.before)
        filled = self.before + new
        old.edit(
            start,
            start + len(FILLER),
            start + len(new),
            _point(self.before),
            _point(self.before + FILLER.encode()),
            _point(filled),
        )
        return self.parser.parse(filled + self.after, old)


def source_of(prefix: str, suffix: str, language: str) -> ParsedSource | None:
    """The parsed text; none for a language without a grammar here, and for very long texts."""
    parser = judging_parser(language)
    if parser is None or len(prefix) + len(suffix) > LIMIT_CHARS:
        return None
    before, after = prefix.encode(errors="replace"), suffix.encode(errors="replace")
    return ParsedSource(before, after, parser.parse(before + FILLER.encode() + after), parser)


def _point(text: bytes) -> Point:
    return Point(text.count(b"\n"), len(text) - text.rfind(b"\n") - 1)


def faults(tree: Tree) -> int:
    """How many places of a tree are no part of the grammar, and bytes in them: 0 for a text that parses."""
    count, waiting = 0, [tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.is_missing or node.is_error:
            count += 1
        if node.has_error:
            waiting += node.children
    return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of a Python text around a hole that is a whole of its own."""

    lead: str
    """What makes a method out of a function that stands alone."""
    before: str
    after: str
    outside: str
    """The rest of the text, with a placeholder where the window was."""

    def source(self, text: str) -> str:
        """The part with an answer in its hole."""
        return self.lead + self.before + text + self.after


def window_of(prefix: str, suffix: str, source: ParsedSource) -> Window:
    """The function around the hole, else its top-level statement and those next to it; all of a short text."""
    whole = Window(lead="", before=prefix, after=suffix, outside="")
    if len(prefix) + len(suffix) <= WHOLE_CHARS:
        return whole
    at = len(source.before)
    node = _function_around(source.tree.root_node, at)
    if node is not None and node.type != "ERROR":
        start, end = node.start_byte, node.end_byte
        inside = node.parent is not None and node.parent.type == "block"
    else:
        start, end = _statements_around(source.tree.root_node, at)
        inside = False
    text = source.before + FILLER.encode() + source.after
    start = text.rfind(b"\n", 0, start) + 1
    stop = text.find(b"\n", end)
    end = len(text) if stop < 0 else stop + 1
    if start > at or end < at + len(FILLER):
        return whole
    indent = text[start:end][: len(text[start:end]) - len(text[start:end].lstrip(b" \t"))]
    outside = text[:start] + indent + b"pass\n" + text[end:]
    return Window(
        lead="class _:\n" if inside else "",
        before=text[start:at].decode(errors="replace"),
        after=text[at + len(FILLER) : end].decode(errors="replace"),
        outside=outside.decode(errors="replace"),
    )


def _function_around(root: Node, at: int) -> Node | None:
    """The outermost function of the module or of its classes that holds a byte after its first line."""
    node, found = root, None
    while found is None:
        inner = next((c for c in node.children if c.start_byte <= at < c.end_byte), None)
        if inner is None or inner.type == "ERROR":
            return None
        if inner.type in _FUNCTIONS and (inner.type == "function_definition" or _holds_function(inner)):
            found = inner
        elif inner.type in ("class_definition", "block", "decorated_definition", "module"):
            node = inner
        else:
            return None
    return found


def _holds_function(node: Node) -> bool:
    return any(child.type == "function_definition" for child in node.children)


def _statements_around(root: Node, at: int) -> tuple[int, int]:
    """Bytes of the top-level statement that the hole is in, with its neighbours."""
    children = root.children
    here = next((n for n, c in enumerate(children) if c.end_byte > at), len(children) - 1)
    first, last = max(0, here - 1), min(len(children) - 1, here + 1)
    if not children:
        return 0, len(root.text or b"")
    return children[first].start_byte, children[last].end_byte

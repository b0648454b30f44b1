"""Grammars of tree-sitter: whether one reads a text, and where it stumbles.

A grammar's yes is taken. Its no is none: grammars are older than their languages and know no macros. A missing package
is a grammar that reads nothing.
"""

from __future__ import annotations

from tree_sitter import Node, Tree

from ..engine.grammars import judging_parser

ERROR_NODES = 3
_ALSO = {"c": ("cpp",), "javascript": ("tsx",), "typescript": ("tsx",)}
"""Grammars by which a file of that name may be meant, too: headers of C++, JavaScript with types."""


def tree_of(text: str, language: str) -> Tree | None:
    """The tree of a text; none where its grammar is missing."""
    parser = judging_parser(language)
    return parser.parse(text.encode("utf-8", "replace")) if parser is not None else None


def reads(text: str, language: str) -> bool:
    """Whether the grammar of a language, or of one that goes by its name, reads the whole text."""
    return any(_reads(text, each) for each in (language, *_ALSO.get(language, ())))


def first_error(text: str, language: str) -> tuple[int, int, str] | None:
    """Line and column from 0 and what is wrong there; none where the grammar reads the text, or is missing."""
    tree = tree_of(text, language)
    if tree is None or not tree.root_node.has_error:
        return None
    node = next(iter(error_nodes(tree)), tree.root_node)
    row, column = node.start_point
    return row, column, f"{node.type} is missing" if node.is_missing else "not understood"


def error_nodes(tree: Tree) -> list[Node]:
    """ERROR and MISSING nodes, the first in the text first; of nested ones the inner."""
    waiting, found = [tree.root_node], list[Node]()
    while waiting and len(found) < ERROR_NODES:
        node = waiting.pop()
        inner = [child for child in node.children if child.has_error or child.is_missing]
        if (node.is_error or node.is_missing) and not inner:
            found.append(node)
        waiting += reversed(inner)
    return found


def _reads(text: str, language: str) -> bool:
    tree = tree_of(text, language)
    return tree is not None and not tree.root_node.has_error

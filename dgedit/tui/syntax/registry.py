"""Which syntax a language has: a grammar where there is one, a Pygments lexer for others, for the rest lines alone.

Each is imported when it is first needed.
"""

from __future__ import annotations

from .base import Syntax

TREE_CHARS_MAX = 10_000_000
"""Longer texts get no tree, which takes some thirty times their own memory."""


def syntax_of(language: str, text: str, lines: list[str]) -> Syntax:
    """The best that is known for a language; `lines` are the text's rows, and stay so as it is edited."""
    if language == "text":
        return Syntax(lines)
    by_tree = _by_tree(language, text, lines) if len(text) <= TREE_CHARS_MAX else None
    if by_tree is not None:
        return by_tree
    from .lexer import by_lexer

    return by_lexer(language, lines)


def _by_tree(language: str, text: str, lines: list[str]) -> Syntax | None:
    from .grammars import load
    from .trees import TreeSyntax

    grammar = load(language)
    return TreeSyntax(grammar, text, lines) if grammar else None

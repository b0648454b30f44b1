"""Which package of tree-sitter has the grammar of which language: the one table, the one place that loads from it."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from tree_sitter import Language, Parser

GRAMMARS = {
    "bash": ("tree_sitter_bash", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "css": ("tree_sitter_css", "language"),
    "go": ("tree_sitter_go", "language"),
    "html": ("tree_sitter_html", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "json": ("tree_sitter_json", "language"),
    "jsonc": ("tree_sitter_json", "language"),
    "markdown": ("tree_sitter_markdown", "language"),
    "markdown_inline": ("tree_sitter_markdown", "inline_language"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "toml": ("tree_sitter_toml", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "yaml": ("tree_sitter_yaml", "language"),
}
"""Package and function of every grammar."""
JUDGING = frozenset(GRAMMARS) - {"html", "markdown", "markdown_inline"}
"""Languages in which a text can be wrong: every text is HTML or markdown of some kind."""


@cache
def grammar_of(language: str) -> Language | None:
    """The grammar of a language; none where there is none, or its package is missing or does not fit."""
    if language not in GRAMMARS:
        return None
    package, function = GRAMMARS[language]
    try:
        return Language(getattr(import_module(package), function)())
    except (ImportError, ValueError):
        return None


@cache
def judging_parser(language: str) -> Parser | None:
    """A parser that may say that a text is wrong; none for other languages, and where the grammar is missing."""
    grammar = grammar_of(language) if language in JUDGING else None
    return Parser(grammar) if grammar is not None else None

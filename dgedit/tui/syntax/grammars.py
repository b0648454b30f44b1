"""How the tree-sitter grammars are used for drawing: the queries that say how a language looks.

A grammar and its queries are loaded when the first text in its language is shown, and are kept from then on. The
query files hold no text predicates: those read a tree's own copy of the text, which is old while a text is edited.
This module must know neither texts nor trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tree_sitter import Language, Query

from ...engine.grammars import grammar_of

QUERIES = Path(__file__).parent / "queries"


HIGHLIGHTS: dict[str, tuple[str, ...]] = {
    "bash": ("bash",),
    "c": ("c",),
    "cpp": ("c", "cpp"),
    "css": ("css",),
    "go": ("go",),
    "html": ("html",),
    "java": ("java",),
    "javascript": ("javascript", "jsx"),
    "json": ("json",),
    "jsonc": ("json",),
    "markdown": ("markdown",),
    "markdown_inline": ("markdown_inline",),
    "python": ("python",),
    "ruby": ("ruby",),
    "rust": ("rust",),
    "toml": ("toml",),
    "tsx": ("javascript", "typescript", "jsx"),
    "typescript": ("javascript", "typescript"),
    "yaml": ("yaml",),
}
"""Names of the query files of each language; what a later one says of a node counts."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """A grammar that is loaded."""

    name: str
    language: Language
    highlights: Query
    """Captures are the syntax names of a theme, `cased` with what else a name in small letters is, or `embed`."""


@cache
def load(name: str) -> Grammar | None:
    """The grammar of a language; None where there is none, or its package is missing or does not fit."""
    language = grammar_of(name)
    if language is None:
        return None
    try:
        return Grammar(name, language, Query(language, _read(HIGHLIGHTS[name], ".scm")))
    except ValueError:
        # Another version of a grammar may call its nodes otherwise; the text is then lexed instead.
        return None


@cache
def symbols_query(grammar: Grammar) -> Query | None:
    """What is a symbol; made when it is first asked for, as it takes as long as all else.

    A match has the captured `name` and one other capture: the whole symbol, called by its kind.
    """
    text = _read(HIGHLIGHTS[grammar.name], ".symbols.scm")
    return Query(grammar.language, text) if text else None


def _read(names: tuple[str, ...], ending: str) -> str:
    paths = (QUERIES / f"{name}{ending}" for name in names)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())

"""The tree-sitter grammars: which package parses which language, and the queries that say how it looks.

A grammar and its queries are loaded when the first text in its language is shown, and are kept from then on. The
query files hold no text predicates: those read a tree's own copy of the text, which is old while a text is edited.
This module must know neither texts nor trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from tree_sitter import Language, Query

QUERIES = Path(__file__).parent / "queries"


@dataclass(frozen=True, slots=True)
class GrammarSource:
    """Where a grammar comes from."""

    package: str
    function: str
    queries: tuple[str, ...]
    """Names of query files; what a later one says of a node counts."""


SOURCES = {
    "bash": GrammarSource("tree_sitter_bash", "language", ("bash",)),
    "c": GrammarSource("tree_sitter_c", "language", ("c",)),
    "cpp": GrammarSource("tree_sitter_cpp", "language", ("c", "cpp")),
    "css": GrammarSource("tree_sitter_css", "language", ("css",)),
    "go": GrammarSource("tree_sitter_go", "language", ("go",)),
    "html": GrammarSource("tree_sitter_html", "language", ("html",)),
    "java": GrammarSource("tree_sitter_java", "language", ("java",)),
    "javascript": GrammarSource("tree_sitter_javascript", "language", ("javascript", "jsx")),
    "json": GrammarSource("tree_sitter_json", "language", ("json",)),
    "jsonc": GrammarSource("tree_sitter_json", "language", ("json",)),
    "markdown": GrammarSource("tree_sitter_markdown", "language", ("markdown",)),
    "markdown_inline": GrammarSource("tree_sitter_markdown", "inline_language", ("markdown_inline",)),
    "python": GrammarSource("tree_sitter_python", "language", ("python",)),
    "ruby": GrammarSource("tree_sitter_ruby", "language", ("ruby",)),
    "rust": GrammarSource("tree_sitter_rust", "language", ("rust",)),
    "toml": GrammarSource("tree_sitter_toml", "language", ("toml",)),
    "tsx": GrammarSource("tree_sitter_typescript", "language_tsx", ("javascript", "typescript", "jsx")),
    "typescript": GrammarSource("tree_sitter_typescript", "language_typescript", ("javascript", "typescript")),
    "yaml": GrammarSource("tree_sitter_yaml", "language", ("yaml",)),
}


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
    source = SOURCES.get(name)
    if source is None:
        return None
    try:
        language = Language(getattr(import_module(source.package), source.function)())
        return Grammar(name, language, Query(language, _read(source.queries, ".scm")))
    except (ImportError, ValueError):
        # Another version of a grammar may call its nodes otherwise; the text is then lexed instead.
        return None


@cache
def symbols_query(grammar: Grammar) -> Query | None:
    """What is a symbol; made when it is first asked for, as it takes as long as all else.

    A match has the captured `name` and one other capture: the whole symbol, called by its kind.
    """
    text = _read(SOURCES[grammar.name].queries, ".symbols.scm")
    return Query(grammar.language, text) if text else None


def _read(names: tuple[str, ...], ending: str) -> str:
    paths = (QUERIES / f"{name}{ending}" for name in names)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths if path.exists())

"""Whether a text is valid in its language: one question, answered by whoever knows best.

    Python, JSON, TOML, YAML    by parsers
    other languages             the grammar's yes; the yes of the language's own program; a break that no syntax can
                                make right; the program's no where it knows the newest syntax; else nobody can tell

A text that was broken in the same way when it was last committed is not called broken by its brackets: macros may hold
what they seem to lack. Texts are given with plain line feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..engine.grammars import JUDGING
from . import brackets, data, grammar, macros, programs, python, style, templates, tools, typescript
from .verdict import Verdict, broken, unknown, valid

CHARS_MAX = 400_000
"""A longer text is not looked at."""
_GRAMMAR = "tree-sitter's grammar"


def languages() -> tuple[str, ...]:
    """The languages that can be judged."""
    return tuple(sorted(JUDGING))


def judge(
    text: str,
    language: str,
    path: Path | None = None,
    *,
    committed: Callable[[], str | None] = lambda: None,
    trust_grammar: bool = False,
    ask_program: bool = False,
) -> Verdict:
    """How a text stands in its language.

    Args:
        path: what its file is called; some names have rules of their own.
        committed: gives the same file's text as it was last committed, where there is one; asked where that decides.
        trust_grammar: take the grammar's no for one where nobody knows better.
        ask_program: ask the language's own program even where the grammar reads the text.
    """
    if language not in JUDGING:
        return unknown(f"whether {language} is valid cannot be told")
    if language == "python":
        return python.judge(text)
    of_data = data.judge(text, language, path, lambda: grammar.reads(text, language))
    if of_data is not None:
        return of_data
    if grammar.reads(text, language):
        return _of_program(text, language, path) if ask_program else valid(_GRAMMAR)
    return _of_others(text, language, path, committed, trust_grammar)


def _of_program(text: str, language: str, path: Path | None) -> Verdict:
    said = tools.judge(text, language, path)
    return said if said is not None and not said.is_unknown else valid(_GRAMMAR)


def _of_others(
    text: str, language: str, path: Path | None, committed: Callable[[], str | None], trust_grammar: bool
) -> Verdict:
    """How a text stands that the grammar does not read."""
    if macros.read(text, language):
        return valid(f"{_GRAMMAR}, macros aside")
    if typescript.read(text, language):
        return valid(f"{_GRAMMAR}, newer forms in older ones")
    said = tools.judge(text, language, path)
    if said is not None and not said.is_broken and not said.is_unknown:
        return said
    break_ = brackets.break_in(text, language)
    if break_ is not None and not _is_meant(text, break_, committed(), language):
        line = text.count("\n", 0, break_.offset)
        column = break_.offset - (text.rfind("\n", 0, break_.offset) + 1)
        return broken(break_.message, line, column, "its brackets")
    if language == "css" and break_ is None and style.read(text):
        return valid(style.BY)
    if said is not None and said.is_broken:
        return said
    error = grammar.first_error(text, language)
    line, column, message = error or (0, 0, "not understood")
    if trust_grammar and error is not None:
        return broken(message, line, column, _GRAMMAR)
    return unknown(_why(language, said), line, _GRAMMAR)


def _is_meant(text: str, break_: brackets.Break, committed: str | None, language: str) -> bool:
    """Whether a break may be one on purpose: what was committed is broken so, too, or nothing is known of that."""
    if committed is not None:
        return brackets.break_in(committed, language) is not None
    return break_.may_be_half(text) or templates.BLOCKS.search(text) is not None


def _why(language: str, said: Verdict | None) -> str:
    """Why nobody can tell."""
    if said is not None:
        return said.message
    program = tools.name_of(language)
    if not program:
        return "its grammar does not understand it"
    told = "does not tell" if programs.found(program) else "is not there to ask"
    return f"its grammar does not understand it, and {program} {told}"

"""Texts of C without their preprocessor: what is left of one for two opposite choices of its conditionals.

Directives and the lines that a choice leaves out are blanked, so that every place keeps its line and column. Each
condition is taken as it is written: the same words are the same choice, with `!` or `ifndef` the opposite one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIRECTIVE = re.compile(
    r"^[ \t]*(?:\#|%:)[ \t]*(?P<word>\w*)(?P<rest>(?:/\*(?:[^*]|\*(?!/))*+(?:\*/)?|\\\r?\n|[^\n])*+)", re.MULTILINE
)
_SKIPPED = re.compile(
    r"//(?:\\\n|[^\n])*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|R\"([^()\\\s]{0,16})\((?:(?!\)\1\")[\s\S])*+(?:\)\1\")?"
    r"|\"(?:[^\"\\\n]|\\[\s\S])*+\"?"
)
_NAME = re.compile(r"(?P<no>!?)\s*(?:defined\s*\(?\s*)?(?P<name>\w+)\s*\)?")


@dataclass(slots=True)
class _Level:
    """A conditional: whether what it stands in is kept, whether this branch is, whether one was."""

    outer: bool
    kept: bool
    taken: bool


def configurations(text: str) -> list[str]:
    """The text where every condition holds, and where none does."""
    directives = _directives(text)
    return [_configured(text, directives, choice) for choice in (True, False)]


def _directives(text: str) -> list[re.Match[str]]:
    """Directives that stand in no comment and no string."""
    found, at = list[re.Match[str]](), 0
    skipped = _SKIPPED.search(text)
    for match in _DIRECTIVE.finditer(text):
        if match.start() < at:
            continue
        while skipped is not None and skipped.start() < match.start():
            at = skipped.end()
            skipped = _SKIPPED.search(text, at)
        if match.start() < at:
            continue
        found.append(match)
        at = match.end()
        if skipped is not None and skipped.start() < at:
            skipped = _SKIPPED.search(text, at)
    return found


def _configured(text: str, directives: list[re.Match[str]], choice: bool) -> str:
    pieces, at, levels, kept = list[str](), 0, list[_Level](), True
    for match in directives:
        pieces.append(_part(text[at : match.start()], kept))
        pieces.append(_part(match.group(), False))
        at = match.end()
        kept = _after(match["word"], match["rest"], levels, kept, choice)
    pieces.append(_part(text[at:], kept))
    return "".join(pieces)


def _after(word: str, rest: str, levels: list[_Level], kept: bool, choice: bool) -> bool:
    """Whether what follows a directive is kept; the conditionals that are open change."""
    if word in ("if", "ifdef", "ifndef"):
        holds = _holds(rest, choice) != (word == "ifndef")
        levels.append(_Level(outer=kept, kept=holds, taken=holds))
    elif not levels or word not in ("elif", "elifdef", "elifndef", "else", "endif"):
        return kept
    elif word == "endif":
        return levels.pop().outer
    else:
        level = levels[-1]
        level.kept = not level.taken and (word == "else" or _holds(rest, choice) != (word == "elifndef"))
        level.taken = level.taken or level.kept
    return levels[-1].outer and levels[-1].kept


def _holds(condition: str, choice: bool) -> bool:
    words = re.sub(r"/\*.*?\*/|//.*", "", condition, flags=re.DOTALL).strip()
    if words in ("0", "1"):
        return words == "1"
    simple = _NAME.fullmatch(words)
    return choice != bool(simple and simple["no"])


def _part(text: str, kept: bool) -> str:
    return text if kept else re.sub(r"[^\n]", " ", text)

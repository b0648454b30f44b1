"""Texts of C and C++ whose macros stand where no grammar expects them.

What a macro stands for is defined elsewhere: nothing, a name, a whole declaration. So a text counts as read where each
choice of its conditionals is read once the macros at which the grammar stumbles are taken for one of those. A macro is
told by how its name is written. A grammar's no stays none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate

from . import grammar
from .conditionals import configurations

ROUNDS_MAX = 32
"""So often a text is read, each time with other macros taken for something else."""
_LINES_NEAR = 2
"""So many lines above and below an error may hold the macro that makes it one; those without code do not count."""
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'"
_COMMENT = re.compile(rf"({_QUOTED})|//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/")
_MACRO = re.compile(
    rf"(?:{_QUOTED})|(?<![\w.])(?P<name>(?=\w*[A-Z])[A-Z_][A-Z0-9_]{{2,}}(?:_\w+)?\b|__[a-z]\w*__\b"
    r"|__[a-z]\w*(?=[ \t]*\())"
)
_BRACKET = re.compile(rf"(?:{_QUOTED})|(?P<open>\()|(?P<close>\))")
_COLON = re.compile(r"[ \t]*:(?=[ \t]*\n)")
_LANGUAGES = frozenset({"c", "cpp"})


class _Meaning(IntEnum):
    """What a macro is taken for, in the order in which it is tried."""

    NOTHING = 0
    NAME = 1
    STATEMENT = 2
    ARGUMENTS = 3
    """What stands in its brackets, and those."""


@dataclass(frozen=True, slots=True)
class _Use:
    """Characters [start, end) that name a macro, and [end, arguments_end) what it is given."""

    name: str
    start: int
    end: int
    arguments_end: int
    line: int
    """Counted from 0, and without those that hold no code."""


def read(text: str, language: str) -> bool:
    """Whether the grammar reads a text, its conditionals chosen and its macros taken for what lets it."""
    return language in _LANGUAGES and all(_read_one(each, language) for each in dict.fromkeys(configurations(text)))


def _read_one(text: str, language: str) -> bool:
    bare = _COMMENT.sub(lambda found: found[1] or re.sub(r"[^\n]", " ", found[0]), text)
    reading = Reading(bare)
    return any(reading.succeeds(each) for each in dict.fromkeys((language, "cpp")))


class Reading:
    """Attempts to read one text, without conditionals and comments."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rows = list(accumulate(int(bool(line.strip())) for line in text.split("\n")))
        self._uses = list(_uses(text, self._rows))
        self._meanings = dict[str, _Meaning]()

    def succeeds(self, language: str) -> bool:
        """Whether some meanings of the macros let the grammar read the text."""
        self._meanings.clear()
        for _ in range(ROUNDS_MAX):
            tree = grammar.tree_of(self._substituted(), language)
            if tree is None or not tree.root_node.has_error:
                return tree is not None
            nodes = grammar.error_nodes(tree) or [tree.root_node]
            if not any(self._another(node.start_point[0], node.end_point[0]) for node in nodes):
                return False
        return False

    def _another(self, first_row: int, last_row: int) -> bool:
        """Take the macros around an error for something that they were not taken for; whether there was a choice."""
        first, last = self._rows[first_row], self._rows[last_row]
        last = last if last - first <= _LINES_NEAR else first
        near = [use for use in self._uses if first - _LINES_NEAR <= use.line <= last + _LINES_NEAR]
        unmet = {use.name for use in near} - self._meanings.keys()
        if unmet:
            self._meanings |= dict.fromkeys(unmet, _Meaning.NOTHING)
            return True
        left = [use for use in near if self._meanings[use.name] < max(_Meaning)]
        if not left:
            return False
        closest = min(left, key=lambda use: (abs(use.line - first), self._meanings[use.name]))
        self._meanings[closest.name] = _Meaning(self._meanings[closest.name] + 1)
        return True

    def _substituted(self) -> str:
        """The text with what the macros are taken for; every line keeps its number."""
        pieces, at = list[str](), 0
        for use in self._uses:
            meaning = self._meanings.get(use.name)
            if meaning is None or use.start < at:
                continue
            pieces.append(self._text[at : use.start])
            at = use.end if meaning is _Meaning.ARGUMENTS else use.arguments_end
            instead = {_Meaning.NAME: use.name, _Meaning.STATEMENT: ";"}.get(meaning, " ")
            pieces.append(instead + "\n" * self._text.count("\n", use.start, at))
        return "".join(pieces) + self._text[at:]


def _uses(text: str, rows: list[int]) -> Iterator[_Use]:
    row, at = 0, 0
    for found in _MACRO.finditer(text):
        if found["name"] is not None:
            row, at = row + text.count("\n", at, found.start()), found.start()
            end = _end_of_label(text, found.start(), found.end()) or _end_of_arguments(text, found.end())
            yield _Use(found["name"], found.start(), found.end(), end, rows[row])


def _end_of_label(text: str, start: int, end: int) -> int | None:
    """Where a line ends that is a name and a colon, as for the parts of a class; none where it is not."""
    found = _COLON.match(text, end)
    return found.end() if found and not text[text.rfind("\n", 0, start) + 1 : start].strip() else None


def _end_of_arguments(text: str, at: int) -> int:
    """Where the brackets behind a name close; the place itself where there are none."""
    start = at
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    if text[at : at + 1] != "(":
        return start
    depth = 0
    for found in _BRACKET.finditer(text, at):
        depth += (found["open"] is not None) - (found["close"] is not None)
        if not depth:
            return found.end()
    return start

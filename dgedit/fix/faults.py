"""Where a text does not parse, and the lines that may be to blame.

Whether a text is broken at all is said by `judges`, who are slower and know more; here it is said of the many changes
that may mend one: Python, JSON and TOML are read by parsers, other languages by tree-sitter. A fault names the lines
that may be to blame, the likeliest first: a parser often stumbles lines after the mistake. Texts are given with plain
line feeds. This module must know neither models nor files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..engine.grammars import JUDGING
from ..engine.parsing import error_in, json_error
from ..judges.data import loose, toml_error
from ..judges.grammar import error_nodes, first_error, reads, tree_of

JUDGED_CHARS_MAX = 400_000
"""A longer text is not looked at: mending it would take minutes."""
SUSPECTS_MAX = 14
NEAR_LINES = 16
_OPEN_LINES = 8
"""A bracket that is never closed may miss its end so many lines below."""
BLOCK_LINES = 400
"""So long a list may be whose beginning is looked for where only its end is found."""
_STRINGS_MAX = 40

_TWO_QUOTES = re.compile(r"""(?<!["'])(?:""|'')(?!["'])""")
_ON_LINE = re.compile(r"on line (\d+)|at line (\d+)")


_DATA_ERRORS = {
    "json": json_error,
    "jsonc": lambda text: json_error(loose(text)),
    "toml": toml_error,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first place where a text does not parse."""

    line: int
    """Counted from 0."""
    column: int
    message: str
    suspects: tuple[int, ...]
    """Lines that may be to blame, the likeliest first."""
    far: tuple[int, ...] = ()
    """Lines further up where a quote may have been lost."""


def parses(text: str, language: str) -> bool:
    """Whether the whole text parses by what judges quickly; a language that cannot be judged never does."""
    if language == "python":
        return error_in(text) is None
    if language in _DATA_ERRORS:
        return _DATA_ERRORS[language](text) is None
    return language in JUDGING and reads(text, language)


def fault_in(text: str, language: str) -> Fault | None:
    """The first fault of a text; none where it parses, or where its language cannot be judged."""
    if language not in JUDGING or len(text) > JUDGED_CHARS_MAX:
        return None
    if language == "python":
        return _python_fault(text)
    if language in _DATA_ERRORS:
        found = _DATA_ERRORS[language](text)
    else:
        found = None if reads(text, language) else first_error(text, language)
    return found and _with_suspects(text, language, *found)


def _python_fault(text: str) -> Fault | None:
    error = error_in(text)
    if error is None:
        return None
    lines = text.split("\n")
    line = min(max((error.lineno or 1) - 1, 0), len(lines) - 1)
    column = min(max((error.offset or 1) - 1, 0), len(lines[line]))
    message = error.msg
    start = line
    named = [int(number) - 1 for match in _ON_LINE.finditer(message) for number in match.groups() if number]
    suspects = [line, *_above(lines, line, 1), *(number for number in named if 0 <= number < len(lines))]
    if "was never closed" in message:
        suspects += _while_open(lines, line)
    elif "does not match" in message and named:
        suspects += range(line, max(named[0], line - _OPEN_LINES), -1)
    elif "unmatched" in message:
        start = _statement_start(lines, line)
        suspects = [line, start, *suspects[1:], *range(line, max(start, line - _OPEN_LINES), -1)]
    suspects += _error_lines(text, "python")
    if "indent" in message:
        suspects += _enclosing(lines, line)
    suspects += _above(lines, line, 3)[1:]
    near = [number for number in suspects if abs(number - line) <= NEAR_LINES or number == start]
    chosen, far = _distinct(near, lines), tuple(_lost_quotes(lines, line, "unterminated triple" in message))
    return Fault(line=line, column=column, message=message, suspects=chosen, far=far)


def _with_suspects(text: str, language: str, row: int, column: int, message: str) -> Fault:
    lines = text.split("\n")
    row = min(row, len(lines) - 1)
    suspects = [row, *_above(lines, row, 1), *_error_lines(text, language), *_above(lines, row, 3)[1:]]
    return Fault(line=row, column=column, message=message, suspects=_distinct(suspects, lines))


def _error_lines(text: str, language: str) -> list[int]:
    tree = tree_of(text, language)
    if tree is None:
        return []
    rows = list[int]()
    for node in error_nodes(tree):
        rows += [node.start_point[0], node.end_point[0]]
    return rows


def _above(lines: list[str], line: int, count: int) -> list[int]:
    """The nearest lines above one that hold code, the nearest first."""
    found = list[int]()
    for number in range(line - 1, -1, -1):
        if len(found) == count:
            break
        if lines[number].strip() and not lines[number].lstrip().startswith("#"):
            found.append(number)
    return found


def _enclosing(lines: list[str], line: int) -> list[int]:
    """The lines above that are less deep than all below them: what this one seems to stand in."""
    margin = len(lines[line]) - len(lines[line].lstrip())
    found = list[int]()
    for number in _above(lines, line, 2 * NEAR_LINES):
        depth = len(lines[number]) - len(lines[number].lstrip())
        if depth < margin:
            found.append(number)
            margin = depth
    return found


def _while_open(lines: list[str], line: int) -> list[int]:
    """Lines below the one with the bracket as long as they may be inside of it: deeper, or closing another."""
    margin = len(lines[line]) - len(lines[line].lstrip())
    found = list[int]()
    for number in range(line + 1, min(line + 1 + _OPEN_LINES, len(lines))):
        content = lines[number].strip()
        found.append(number)
        if content and len(lines[number]) - len(lines[number].lstrip()) <= margin and content[0] not in ")]}":
            break
    return found


def _statement_start(lines: list[str], line: int) -> int:
    """The line above, or this one, that is less deep than a line that closes a bracket, as far as that may be."""
    closes = lines[line].lstrip()[:1] in tuple(")]}")
    margin = len(lines[line]) - len(lines[line].lstrip())
    for number in range(line - 1, max(line - 1 - BLOCK_LINES, -1), -1):
        depth = len(lines[number]) - len(lines[number].lstrip())
        if lines[number].strip() and (depth < margin or (closes and depth == margin)):
            return number
    return max(0, line - 1)


def _lost_quotes(lines: list[str], line: int, endless: bool) -> list[int]:
    """Lines with two quotes that may have been three: what is then taken for a string begins far above, or never ends.

    Args:
        endless: whether the string that begins at the line never ends.
    """
    found = [number for number in range(line + 1) if _TWO_QUOTES.search(lines[number])]
    below = range(line + 1, len(lines)) if endless else ()
    ends = [number for number in below if _TWO_QUOTES.search(lines[number])][: _STRINGS_MAX // 4]
    return [*ends, *found[: _STRINGS_MAX // 4 : -1], *found[: _STRINGS_MAX // 4]][:_STRINGS_MAX]


def _distinct(suspects: list[int], lines: list[str]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for number in suspects if 0 <= number < len(lines)))[:SUSPECTS_MAX]

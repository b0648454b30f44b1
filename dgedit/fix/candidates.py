"""Small changes that may mend a fault, tried without a model: one sign more, less or another, another indentation.

Only what may help is kept: a change after which the part of the text around the fault parses. Which of those is best is
not said here. This module must know neither models nor files.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from .faults import Fault, parses

SIGNS = ("(", ")", "[", "]", "{", "}", ":", ",", '"', "'", '"""', "'''")
_LINE_CHARS_MAX = 200
_PARTS_TRIED = 24
CUT_LINES = 3
"""So many lines may have been cut off."""
NAMES_TRIED = 12
_KEYWORD_CHARS = 9
_ALIKE = 0.7
"""How much a word must be like a keyword, as difflib counts."""
_INDENTED = frozenset({"python", "yaml"})

_BOUNDARY = re.compile(r"\w+|[^\w\s]")
_SIGN = re.compile(r"""\"{3}|'{3}|[()\[\]{}:,"';]""")
_SWAPS = {")": "]}", "]": ")}", "}": ")]", "(": "[{", "[": "({", "{": "([", '"': "'", "'": '"'}
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_NAME = re.compile(r"[^\W\d]\w+")
_LAST_NAME = re.compile(r"[^\W\d]\w*$")
_OLD_CALL = re.compile(r"\s*(?:print|exec)(?P<space>\s*)(?P<rest>\S.*?)\s*$")
"""A statement of Python 2 that is a call now."""
_ORDINARY = frozenset((*keyword.kwlist, *keyword.softkwlist, *dir(builtins)))
_DEFINING = re.compile(r"\s*(?:async\s+)?(?:def|class)\b|.*\b(?:as|for|lambda|global|nonlocal)\s[\w\s,]*$")
"""What ends in a name that need stand nowhere else."""
_SPACES = re.compile(r"\s+")
_TWO_QUOTES = re.compile(r"""(?<!["'])(?:""|'')(?!["'])""")
_OPENERS = ("(", "[", "{", '"', "'")
"""What may have stood inside of what now looks like one word."""
_CLOSERS = (")", "]", "}")
_BEGINS = re.compile(r"\s*(?!(?:else|elif|except|finally|case)\b)[^\s)\]}#'\"]")
"""A line that begins a statement; one with a quote may be the inside of a long string."""


class Kind(Enum):
    """How a change is made."""

    INSERTED = "a sign more"
    QUOTED = "two quotes made three"
    WRAPPED = "arguments put in brackets"
    SPELT = "a keyword spelt right"
    REMOVED = "a sign less"
    SWAPPED = "another sign"
    INDENTED = "another indentation"
    CLOSED = "brackets closed at the end of a line"
    COMPLETED = "the last name of a line completed"
    WRITTEN = "the end of a line written"
    REWRITTEN = "renoised"
    MERGED = "a conflict resolved"


@dataclass(frozen=True, slots=True)
class Mend:
    """Characters [start, end) of a text replaced."""

    start: int
    end: int
    text: str
    kind: Kind

    def applied(self, text: str) -> str:
        """The text with the change."""
        return text[: self.start] + self.text + text[self.end :]


@dataclass(frozen=True, slots=True)
class Part:
    """Characters [start, end) that parse on their own once the fault is mended."""

    start: int
    end: int

    def mended(self, text: str, mend: Mend, language: str) -> bool:
        """Whether the part parses with a change inside of it."""
        if mend.kind is Kind.QUOTED or mend.start < self.start or mend.end > self.end or language != "python":
            return parses(mend.applied(text), language)
        return _parses_inside(text[self.start : mend.start] + mend.text + text[mend.end : self.end])


def part_around(text: str, fault: Fault, language: str) -> Part:
    """As little of the text as holds the fault and is whole: other parts need not be parsed for every change."""
    if language != "python":
        return Part(0, len(text))
    starts, lines = line_starts(text), text.split("\n")
    first, last = min(*fault.suspects, fault.line), max(*fault.suspects, fault.line)
    deepest = min((_width(line) for line in lines[first : last + 1] if line.strip()), default=0)
    return min(
        (_part_at(text, lines, starts, margin, first, last) for margin in sorted({0, min(4, deepest)})),
        key=lambda part: part.end - part.start,
    )


def _part_at(text: str, lines: list[str], starts: list[int], margin: int, first: int, last: int) -> Part:
    """The part that begins with a statement of this indentation and ends before one that is no deeper."""
    begins = [number for number, line in enumerate(lines) if _width(line) <= margin and _BEGINS.match(line)]
    # What follows a decorator belongs to it.
    begins = [number for above, number in zip([-1, *begins], begins, strict=False) if not _decorates(lines, above)]
    before = [number for number in begins if number <= first and _width(lines[number]) == margin]
    tried = before[: -_PARTS_TRIED - 1 : -1]
    start = next((starts[number] for number in tried if parses(text[: starts[number]], "python")), 0)
    return Part(start, _end_after(text, lines, starts, [number for number in begins if number > last]))


def _end_after(text: str, lines: list[str], starts: list[int], begins: list[int]) -> int:
    """The first of these statements that parses, where none less deep comes before it."""
    for place, number in enumerate(begins[:_PARTS_TRIED]):
        width = _width(lines[number])
        if place and width > _width(lines[begins[place - 1]]):
            break
        following = next((other for other in begins[place + 1 :] if _width(lines[other]) <= width), len(lines))
        if _parses_inside(text[starts[number] : starts[following]]):
            return starts[number]
    return len(text)


def _parses_inside(piece: str) -> bool:
    """Whether whole lines of Python parse where they stand, however deep."""
    return parses("if 1:\n" + piece if piece[:1] in (" ", "\t") else piece, "python")


def _decorates(lines: list[str], number: int) -> bool:
    return number >= 0 and lines[number].lstrip().startswith("@")


def mends(text: str, fault: Fault, language: str) -> Iterator[Mend]:
    """Every small change to the lines that may be to blame, likely lines first; most of them mend nothing."""
    starts, lines = line_starts(text), text.split("\n")
    names = _names_near(text, starts[fault.line])
    for number in dict.fromkeys((*fault.suspects, *fault.far)):
        yield from _quotes(starts[number], lines[number])
    for number in fault.suspects:
        start, line = starts[number], lines[number]
        if len(line) <= _LINE_CHARS_MAX:
            yield from _signs(start, line)
        if number in fault.suspects[:CUT_LINES]:
            yield from _endings(start, line, names)
            yield from _spellings(start, line, text) if language == "python" else ()
        if language in _INDENTED:
            yield from _indentations(lines, starts, number)
    if language == "python" and (call := _OLD_CALL.match(lines[fault.line])):
        start = starts[fault.line]
        yield Mend(start + call.start("space"), start + call.end("rest"), f"({call['rest']})", Kind.WRAPPED)


def line_starts(text: str) -> list[int]:
    """The index at which each line begins, and one past the last line break that there could be."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _signs(start: int, line: str) -> Iterator[Mend]:
    edges = {edge for match in _BOUNDARY.finditer(line) for edge in match.span()} | {len(line)}
    spaces = {edge for match in _SPACES.finditer(line) for edge in range(match.start(), match.end())}
    for edge in range(len(line) + 1):
        signs = SIGNS if edge in edges else _CLOSERS if edge in spaces else _OPENERS
        end = len(line) if edge == len(line.rstrip()) else edge
        for sign in signs:
            yield Mend(start + edge, start + end, sign, Kind.INSERTED)
    for match in _SIGN.finditer(line):
        begin, end = (start + edge for edge in match.span())
        yield Mend(begin, end, "", Kind.REMOVED)
        for sign in _SWAPS.get(match.group(), ""):
            yield Mend(begin, end, sign, Kind.SWAPPED)


def _quotes(start: int, line: str) -> Iterator[Mend]:
    """The third of three quotes where there are two."""
    for match in _TWO_QUOTES.finditer(line):
        yield Mend(start + match.end(), start + match.end(), match.group()[0], Kind.QUOTED)


def _endings(start: int, line: str, names: Sequence[str]) -> Iterator[Mend]:
    """Ends for a line that may have been cut off: what is open in it closed, its last name completed."""
    closers, begin, end = "".join(_open_in(line)), start + len(line.rstrip()), start + len(line)
    ends = [closers[:count] + sign for count in range(len(closers) + 1) for sign in ("", ":", ",")]
    for each in ends:
        if len(each) > 1:
            yield Mend(begin, end, each, Kind.CLOSED)
    begun = _LAST_NAME.search(line.rstrip())
    if begun is None:
        return
    fitting = [name for name in names if name.startswith(begun.group()) and name != begun.group()]
    for name in fitting[:NAMES_TRIED]:
        for each in ends:
            yield Mend(begin, end, name[len(begun.group()) :] + each, Kind.COMPLETED)


def looks_cut(text: str, number: int) -> bool:
    """Whether a line seems to lack more than a sign: it ends in blanks, in a string, or in a name of no other place."""
    line = text.split("\n")[number]
    bare = line.rstrip()
    if not bare or line != bare:
        return bool(bare)
    if _open_in(bare)[:1] in (['"'], ["'"]):
        return True
    name = _LAST_NAME.search(bare)
    if name is None or name[0] in _ORDINARY or _DEFINING.match(bare):
        return False
    return len(re.findall(rf"\b{name[0]}\b", text)) == 1


def _spellings(start: int, line: str, text: str) -> Iterator[Mend]:
    """Keywords for words that look like one and stand nowhere else."""
    for match in _NAME.finditer(line):
        word = match.group()
        rare = len(word) <= _KEYWORD_CHARS and text.count(word) == 1
        for other in get_close_matches(word, keyword.kwlist, 2, _ALIKE) if rare else ():
            yield Mend(start + match.start(), start + match.end(), other, Kind.SPELT)


def _open_in(line: str) -> list[str]:
    """What closes the brackets and the quote that are open at the end of a line, the innermost first."""
    waiting, quote, skips = list[str](), "", False
    for sign in line:
        if skips:
            skips = False
        elif quote:
            skips = sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in _CLOSER:
            waiting.append(_CLOSER[sign])
        elif waiting and sign == waiting[-1]:
            waiting.pop()
    return [quote, *reversed(waiting)] if quote else waiting[::-1]


def _names_near(text: str, index: int) -> list[str]:
    """The names in a text, those nearest to a place first."""
    distances: dict[str, int] = {}
    for match in _NAME.finditer(text):
        distance = abs(match.start() - index)
        if distance < distances.get(match.group(), distance + 1):
            distances[match.group()] = distance
    return sorted(distances, key=distances.__getitem__)


def _indentations(lines: list[str], starts: list[int], number: int) -> Iterator[Mend]:
    line = lines[number]
    margin = _margin(line)
    code = [each for each in (*range(max(0, number - 40), number), *range(number + 1, number + 8)) if each < len(lines)]
    margins = {_margin(lines[each]) for each in code if lines[each].strip()} | {""}
    step = "\t" if any(each.startswith("\t") for each in margins) else "    "
    margins |= {each + step for each in list(margins)}
    for other in sorted(margins - {margin}, key=len):
        yield Mend(starts[number], starts[number] + len(margin), other, Kind.INDENTED)


def _width(line: str) -> int:
    return len(_margin(line))


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]

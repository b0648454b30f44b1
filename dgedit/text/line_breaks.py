"""Line endings set aside and given back: a text is worked on with plain line feeds and keeps its own bytes.

A return alone ends a line only where nothing else does. It must know nothing of what is changed in between.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

_BREAK, _OLD_BREAK = re.compile(r"\r?\n"), re.compile(r"\r")


def plain(text: str) -> str:
    """The text with every line break a line feed, as parsers see it."""
    return _break_of(text).sub("\n", text)


def lines_fed(text: str) -> str:
    """The text with a line feed for every return that ends a line alone; as long as before."""
    return text if "\n" in text else text.replace("\r", "\n")


def edits_between(text: str, changed: str) -> list[tuple[int, int, str]]:
    """What turns a text into another one of which only the plain form is known, as [start, end) and new characters.

    Lines that are the same keep their line breaks; new ones get that of the line they replace, or the commonest.
    """
    old, breaks, starts = _split(text)
    new = changed.split("\n")
    common = Counter(filter(None, breaks)).most_common(1)
    usual = common[0][0] if common else "\n"
    edits = list[tuple[int, int, str]]()
    for what, first, last, begin, end in _operations(old, new):
        if what == "equal":
            continue
        if last == len(old) and (first == last or begin == end):
            # At the end of a text a line break comes or goes with a line: the one before it belongs to the edit.
            first, begin = first - 1, begin - 1
        ending = [*breaks[first:last], *[usual] * (end - begin)]
        pieces = (line + (ending[n] or usual) for n, line in enumerate(new[begin:end]))
        # The last line of a text has no break of its own: what is put there must not end with one.
        written = "".join(pieces)
        if end == len(new) and written:
            written = written.removesuffix("\n").removesuffix("\r")
        edits.append((starts[first], starts[last], written))
    return edits


def _break_of(text: str) -> re.Pattern[str]:
    return _BREAK if "\n" in text else _OLD_BREAK


def _split(text: str) -> tuple[list[str], list[str], list[int]]:
    """Lines, their breaks (none for the last) and where each begins, the end of the text included."""
    lines, breaks, starts, position = list[str](), list[str](), [0], 0
    for found in _break_of(text).finditer(text):
        lines.append(text[position : found.start()])
        breaks.append(found.group())
        position = found.end()
        starts.append(position)
    return [*lines, text[position:]], [*breaks, ""], [*starts, len(text)]


def _operations(old: list[str], new: list[str]) -> list[tuple[str, int, int, int, int]]:
    """As difflib says it, with what is alike at both ends set aside first: only little changes."""
    shortest = min(len(old), len(new))
    head = next((n for n in range(shortest) if old[n] != new[n]), shortest)
    rest = shortest - head
    tail = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    return [(what, a + head, b + head, c + head, d + head) for what, a, b, c, d in middle.get_opcodes()]

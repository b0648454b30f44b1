"""What a rewrite replaces, drawn with it: old lines over new ones, and places of the answer among both.

Pieces in a state of `BESIDE` are drawn and belong to no answer. Pure functions, no widget.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from .review import Piece

REMOVED, FILLER = "removed", "filler"
BESIDE = (REMOVED, FILLER)
SETTLED = ("offered", "draft")
Line = list[Piece]


def beside(old: str, pieces: Sequence[Piece], before: str) -> list[Piece]:
    """The answer with what it replaces: in one line the old text before the new one, else a diff of lines.

    Args:
        old: the code that is rewritten.
        before: what stands on the first line before it.
    """
    new = "".join(text for text, _, _ in pieces)
    if old == new:
        return list(pieces)
    if "\n" not in old and "\n" not in new:
        return [(old, REMOVED, 1.0), *pieces]
    return list(_diff(old.split("\n"), _lines(pieces), re.sub(r"\S", " ", before)))


def answer_offset(pieces: Iterable[Piece], shown: int) -> int:
    """Characters of the answer before so many that are shown."""
    answer = 0
    for text, state, _ in pieces:
        if state not in BESIDE:
            answer += max(0, min(shown, len(text)))
        shown -= len(text)
    return answer


def shown_offset(pieces: Iterable[Piece], answer: int) -> int:
    """Characters that are shown before a place of the answer."""
    shown = 0
    for text, state, _ in pieces:
        if state in BESIDE:
            shown += len(text)
            continue
        if answer <= len(text):
            return shown + answer
        answer -= len(text)
        shown += len(text)
    return shown


def _lines(pieces: Iterable[Piece]) -> list[Line]:
    """The pieces of each line, without its break."""
    lines: list[Line] = [[]]
    for text, state, sure in pieces:
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append((part, state, sure))
    return lines


def _diff(old: Sequence[str], new: Sequence[Line], indent: str) -> Iterator[Piece]:
    texts = ["".join(text for text, _, _ in line) for line in new]
    first = True
    for verb, top, bottom, left, right in SequenceMatcher(None, old, texts, autojunk=False).get_opcodes():
        for number in range(top, bottom) if verb in ("delete", "replace") else ():
            # The first line is written behind what is before it, and is put under that where another one is there.
            yield ("" if first else "\n" + indent * (number == 0)), FILLER, 1.0
            yield old[number], REMOVED, 1.0
            first = False
        for number in range(left, right):
            if number:
                yield "\n", "plain", 1.0
            elif not first:
                yield "\n" + indent, FILLER, 1.0
            yield from _unchanged(new[number]) if verb == "equal" else new[number]
            first = False


def _unchanged(line: Line) -> Iterator[Piece]:
    for text, state, sure in line:
        yield text, "plain" if state in SETTLED else state, sure

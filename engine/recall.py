"""Recall: pieces of the open file, and of files like it, that stand between surroundings like those of the span.

A programmer's next line often stands somewhere near already: the same call in the next method, the same check in the
next file. The pieces found here enter an infill as drafts beside the denoised rows and are ranked with them.

Similarity is that of word sets (Jaccard), of the two lines before and the two lines after; for a span inside a line
also the longest run of words that both have before it. It must know nothing of tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from heapq import nlargest
from sys import intern
from typing import NamedTuple

WORD = re.compile(r"\w+|[^\w\s]")
NAME_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])|\s+|.")
"""Of `readLines` and `read_lines` the words; signs one by one."""
LINES_MAX = 4
"""A piece has at most so many lines."""
OWN_LINES_MAX = 4_000
"""Of the file itself, the lines nearest to the span are looked at, so many on either side."""
RELATED_LINES_MAX = 12_000
"""Of all related files together."""
ANCHORS = 48
"""Places whose lines before are alike, for which several lengths are tried."""
RELATED_DISTANCE = 500
"""A related file counts as so many lines away."""

_BEFORE, _BEFORE_2, _AFTER, _AFTER_2 = 2.0, 0.75, 2.0, 0.75
_SAME_INDENT, _EACH_LINE, _EACH_1000_AWAY, _EACH_WORD, _WHOLE_HEAD = 0.5, 0.6, 1.0, 0.5, 1.0
_WORDS_MAX = 8


@dataclass(frozen=True, slots=True)
class Recalled:
    """A piece that might stand in the span."""

    text: str
    score: float
    """How much its surroundings are like the span's; about 6 for the same two lines
    on both sides."""
    times: int = 1
    """In how many of the places found it stands."""
    adapted: bool = False
    """Names in it were changed as those around it differ from those around the span."""


@lru_cache(maxsize=1 << 15)
def words(line: str) -> frozenset[str]:
    """The words and signs of a line."""
    # The same few words stand in most lines: one string for each, or a large text holds a hundred megabytes of them.
    return frozenset(map(intern, WORD.findall(line)))


def alike(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard similarity, 0..1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared) if shared else 0.0


def recall(prefix: str, suffix: str, related: Sequence[str] = (), *, limit: int = 8) -> list[Recalled]:
    """Pieces for the span between two texts, best first, each text once; at most `limit`, and those adapted."""
    hole = _Hole.of(prefix, suffix)
    texts = list(_texts(prefix, suffix, related, hole))
    find = _within_line if hole.head.strip() or hole.rest.strip() else _whole_lines
    found: dict[str, Recalled] = {}
    around: dict[str, str] = {}
    for piece in nlargest(4 * limit, (piece for lines in texts for piece in find(lines, hole)), key=lambda p: p.score):
        seen = found.get(piece.text)
        if seen is not None:
            found[piece.text] = replace(seen, times=seen.times + 1)
        elif len(found) < limit:
            found[piece.text] = Recalled(piece.text, piece.score)
            around[piece.text] = piece.around()
    adapted = [replace(p, text=adapt(p.text, around[p.text], hole.around), adapted=True) for p in found.values()]
    return [*found.values(), *{piece.text: piece for piece in adapted if piece.text not in found}.values()]


def adapt(piece: str, source: str, target: str) -> str:
    """The piece with the parts of names changed that differ between two surroundings, line by line.

    Where `source` says `def first(self)` and `target` says `def third(self)`, `self.first_value` becomes
    `self.third_value`.
    """
    changes: dict[str, str] = {}
    for old_line, new_line in zip(source.split("\n"), target.split("\n"), strict=False):
        old, new = NAME_PART.findall(old_line), NAME_PART.findall(new_line)
        for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            before, after = "".join(old[a:b]), "".join(new[c:d])
            if what == "replace" and before.isidentifier() and after.isidentifier():
                changes.setdefault(before, after)
                changes.setdefault(before.lower(), after.lower())
                changes.setdefault(before.capitalize(), after.capitalize())
    if not changes:
        return piece
    longest_first = sorted(changes, key=len, reverse=True)
    pattern = "|".join(rf"(?<![^\W_]){re.escape(name)}(?![a-z0-9])" for name in longest_first)
    return re.sub(pattern, lambda match: changes[match.group()], piece)


@dataclass(frozen=True, slots=True)
class _Hole:
    """Where the span stands: the text of its own line around it, and the words of the lines next to it."""

    head: str
    rest: str
    before: tuple[frozenset[str], frozenset[str]]
    after: tuple[frozenset[str], frozenset[str]]
    neighbours: frozenset[str]
    """The lines next to the span: to say one again is seldom what is missing."""
    indent_before: int
    """Of the line before the span that is not blank."""
    around: str
    """The two lines before, the span's own line as far as it is known, and the two lines after."""

    @classmethod
    def of(cls, prefix: str, suffix: str) -> _Hole:
        head, rest = prefix[prefix.rfind("\n") + 1 :], suffix.split("\n", 1)[0]
        lines = _last_lines(prefix[: len(prefix) - len(head)], 2)
        above = [words(line) for line in lines]
        indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
        following = _first_lines(suffix[len(rest) :], 2)
        below = [words(line) for line in following]
        neighbours = frozenset(line.strip() for line in (*lines[:1], *following[:1]))
        around = _five_lines(lines[::-1], head, following)
        return cls(head, rest, _pair(above), _pair(below), neighbours, indent, around)


@dataclass(frozen=True, slots=True)
class _Text:
    """Lines to look through, blank ones left out, in order."""

    lines: list[str]
    words: list[frozenset[str]]
    distance: list[int]
    """How far each line is from the span."""


class _Piece(NamedTuple):
    """A place where a piece was found: lines [begin, end) of a text, from character `head` of its one line."""

    text: str
    score: float
    source: _Text
    begin: int
    end: int
    head: int = 0

    def around(self) -> str:
        """What stands around it, as in `_Hole`."""
        lines = self.source.lines
        own = lines[self.begin][: self.head]
        return _five_lines(lines[max(0, self.begin - 2) : self.begin], own, lines[self.end : self.end + 2])


def _texts(prefix: str, suffix: str, related: Sequence[str], hole: _Hole) -> Iterator[_Text]:
    own_before = prefix[: len(prefix) - len(hole.head)].split("\n")[-OWN_LINES_MAX:]
    own_after = suffix[len(hole.rest) :].split("\n")[:OWN_LINES_MAX]
    yield _text(own_before, range(len(own_before), 0, -1))
    yield _text(own_after, range(len(own_after)))
    left = RELATED_LINES_MAX
    for other in related:
        lines = other.split("\n")[:left]
        left -= len(lines)
        yield _text(lines, [RELATED_DISTANCE] * len(lines))


def _text(lines: list[str], distance: Iterable[int]) -> _Text:
    kept = [(line.rstrip(), far) for line, far in zip(lines, distance, strict=False) if line and not line.isspace()]
    return _Text([line for line, _ in kept], [words(line) for line, _ in kept], [far for _, far in kept])


def _whole_lines(text: _Text, hole: _Hole) -> Iterator[_Piece]:
    """Runs of lines that stand between lines like those around the span."""
    known, count = text.words, len(text.lines)
    indent, free_indent = len(hole.head), not hole.head
    nothing: frozenset[str] = frozenset()
    befores = [alike(hole.before[0], each) for each in known]
    afters = [alike(hole.after[0], each) for each in known]

    def before(place: int) -> float:
        """Likeness of what stands before the piece that begins at `place`."""
        if not place:
            return 0.0
        second = known[place - 2] if place > 1 else nothing
        return _BEFORE * befores[place - 1] + _BEFORE_2 * alike(hole.before[1], second)

    def after(place: int) -> float:
        if place >= count:
            return 0.0
        second = known[place + 1] if place + 1 < count else nothing
        return _AFTER * afters[place] + _AFTER_2 * alike(hole.after[1], second)

    starts = [before(place) for place in range(count)]
    # One line is tried everywhere, more of them only where the line before is alike.
    longest = dict.fromkeys(range(count), 1)
    if hole.before[0]:
        for place in nlargest(ANCHORS, range(count), key=starts.__getitem__):
            longest[place] = LINES_MAX if starts[place] > _BEFORE / 2 else 1
    for place, most in longest.items():
        line = text.lines[place]
        if sum(map(str.isalnum, line)) < 3 or line.strip() in hole.neighbours:
            continue
        own_indent, head = len(line) - len(line.lstrip()), hole.head
        if free_indent:
            # A span at the start of a line has its indentation to choose: as far from the line before as the source's.
            above = text.lines[place - 1] if place else ""
            head = " " * max(0, hole.indent_before + own_indent - (len(above) - len(above.lstrip())))
        base = (
            starts[place]
            + _SAME_INDENT * (free_indent or own_indent == indent)
            - _EACH_1000_AWAY * text.distance[place] / 1000
        )
        for size in range(1, min(most, count - place) + 1):
            piece = _shifted(text.lines[place : place + size], own_indent, head)
            score = base + after(place + size) - _EACH_LINE * (size - 1)
            yield _Piece(head * free_indent + piece, score, text, place, place + size)


def _within_line(text: _Text, hole: _Hole) -> Iterator[_Piece]:
    """Parts of lines that follow the same words and, where the span's line goes on, stand before the same word.

    Where the span begins inside a word, words that begin with its first part will do.
    """
    wanted = [match.group() for match in WORD.finditer(hole.head)]
    if not wanted:
        yield from _line_starts(text, hole)
        return
    stop, last = WORD.search(hole.rest), wanted[-1]
    touching = not hole.head[-1:].isspace()
    partial = touching and (last[-1].isalnum() or last[-1] == "_")
    for place, line in enumerate(text.lines):
        if last not in line:
            continue
        found = list(WORD.finditer(line))
        base: float | None = None
        for at, match in enumerate(found):
            word = match.group()
            if word != last and not (partial and word.startswith(last)):
                continue
            run = 1
            while run < min(len(wanted), at + 1, _WORDS_MAX) and found[at - run].group() == wanted[-1 - run]:
                run += 1
            if touching:
                begin = match.start() + len(last)
            elif at + 1 < len(found):
                begin = found[at + 1].start()
            else:
                continue
            piece = _until(line, begin, found[at + (word == last) :], stop)
            if piece is not None and piece.strip():
                base = _surroundings(text, place, hole) if base is None else base
                whole = _WHOLE_HEAD if run == len(wanted) and at + 1 == run else 0.0
                score = base + whole + _EACH_WORD * (run if word == last else run - 0.5)
                yield _Piece(piece, score, text, place, place + 1, begin)


def _line_starts(text: _Text, hole: _Hole) -> Iterator[_Piece]:
    """Parts of lines from their start to the word that the span's line goes on with."""
    stop = WORD.search(hole.rest)
    for place, line in enumerate(text.lines):
        piece = _until(line, len(line) - len(line.lstrip()), list(WORD.finditer(line)), stop)
        if piece is not None and piece.strip():
            yield _Piece(piece, _surroundings(text, place, hole), text, place, place + 1)


def _five_lines(before: list[str], own: str, after: list[str]) -> str:
    """At most two lines before, one, and at most two after, blank where there is none."""
    lines = [*[""] * (2 - len(before)), *before, own, *after, *[""] * (2 - len(after))]
    return "\n".join(line.strip() for line in lines)


def _until(line: str, begin: int, later: list[re.Match[str]], stop: re.Match[str] | None) -> str | None:
    """The line from `begin` to the first of the `later` words that is the one to stop at; none without one."""
    if stop is None:
        return line[begin:].rstrip()
    end = next((word.start() for word in later if word.start() >= begin and word.group() == stop.group()), None)
    return None if end is None else line[begin:end].rstrip()


def _surroundings(text: _Text, place: int, hole: _Hole) -> float:
    """How much the lines before and after a line are like those around the span's line, less its distance."""
    count, known = len(text.lines), text.words
    score = -_EACH_1000_AWAY * text.distance[place] / 1000
    if place:
        score += _BEFORE * alike(hole.before[0], known[place - 1])
    if place > 1:
        score += _BEFORE_2 * alike(hole.before[1], known[place - 2])
    if place + 1 < count:
        score += _AFTER * alike(hole.after[0], known[place + 1])
    if place + 2 < count:
        score += _AFTER_2 * alike(hole.after[1], known[place + 2])
    return score


def _shifted(lines: list[str], indent: int, wanted: str) -> str:
    """The lines as one text with the indentation of the span's line in the place of their own."""
    moved = [line[indent:] if line[:indent].isspace() or not indent else line.lstrip() for line in lines[1:]]
    return "\n".join([lines[0].strip(), *(wanted + line for line in moved)])


def _last_lines(text: str, count: int) -> list[str]:
    """The last lines that are not blank, the nearest first."""
    found: list[str] = []
    for line in reversed(text[-4_000:].split("\n")):
        if line.strip():
            found.append(line)
        if len(found) == count:
            break
    return found


def _first_lines(text: str, count: int) -> list[str]:
    return [line for line in text[:4_000].split("\n") if line.strip()][:count]


def _pair(sets: list[frozenset[str]]) -> tuple[frozenset[str], frozenset[str]]:
    first, second, *_ = [*sets, frozenset[str](), frozenset[str]()]
    return first, second

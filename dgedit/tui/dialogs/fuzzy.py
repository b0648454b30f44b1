"""Which texts a query means: pure functions, quick enough to rank ten thousand names at every key.

Every word of the query must be in the text, as a piece or as letters in order. A piece beats scattered letters, the
beginning of a word beats its inside, and among equals the shorter text is better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

AT_START, AT_WORD, INSIDE = 3000, 2000, 1000
WHOLE = 500
SCATTERED = 400
PER_WORD_START, PER_GAP = 20, 3
LONGEST_COUNTED = 400
"""Length counts against a text up to here, so that no piece falls below scattered letters."""


@dataclass(frozen=True, slots=True)
class Match:
    """How well a query fits a text, and which letters of the text it is."""

    score: int
    positions: tuple[int, ...]


def fold(text: str) -> str:
    """The text in lower case, as long as before."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def match(query: str, text: str, folded: str | None = None) -> Match | None:
    """The match of a query in a text; none where a word of it is not there. `folded` is the text, folded before."""
    folded = fold(text) if folded is None else folded
    score, positions = 0, set[int]()
    for word in fold(query).split():
        found = _piece(word, folded, text) or _scattered(word, folded, text)
        if found is None:
            return None
        score += found.score
        positions.update(found.positions)
    return Match(score, tuple(sorted(positions)))


def rank(query: str, texts: Sequence[str], folded: Sequence[str], among: Iterable[int]) -> list[int]:
    """Numbers of the texts that match, best first; equals keep their order."""
    scored = [(found.score, number) for number in among if (found := match(query, texts[number], folded[number]))]
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    return [number for _, number in scored]


def _starts_word(text: str, at: int) -> bool:
    if at == 0 or not text[at - 1].isalnum():
        return True
    return text[at].isupper() and not text[at - 1].isupper()


def _piece(word: str, folded: str, text: str) -> Match | None:
    at = best = folded.find(word)
    if at < 0:
        return None
    while at >= 0 and not _starts_word(text, at):
        at = folded.find(word, at + 1)
    best = at if at >= 0 else best
    score = (AT_START if best == 0 else AT_WORD if at >= 0 else INSIDE) + (WHOLE if word == folded else 0)
    return Match(score - min(len(text), LONGEST_COUNTED), tuple(range(best, best + len(word))))


def _scattered(word: str, folded: str, text: str) -> Match | None:
    end = _last_of_first(word, folded)
    if end < 0:
        return None
    positions = _initials(word, folded, text) or _tightened(word, folded, end)
    starts = sum(_starts_word(text, at) for at in positions)
    gaps = positions[-1] + 1 - positions[0] - len(word)
    bonus = min(PER_WORD_START * starts, SCATTERED // 2)
    return Match(SCATTERED // 2 + bonus - PER_GAP * gaps - min(len(text), LONGEST_COUNTED) // 4, positions)


def _last_of_first(word: str, folded: str) -> int:
    """Where the last letter is when each letter is taken as early as it can be; -1 where one is missing."""
    at = -1
    for letter in word:
        at = folded.find(letter, at + 1)
        if at < 0:
            return -1
    return at


def _initials(word: str, folded: str, text: str) -> tuple[int, ...]:
    """The letters as first letters of words, in order; nothing where they are not."""
    found = list[int]()
    for at, letter in enumerate(folded):
        if len(found) < len(word) and letter == word[len(found)] and _starts_word(text, at):
            found.append(at)
    return tuple(found) if len(found) == len(word) else ()


def _tightened(word: str, folded: str, end: int) -> tuple[int, ...]:
    """The letters taken from the end backwards, each as late as it can be."""
    found, at = list[int](), end + 1
    for letter in reversed(word):
        at = folded.rfind(letter, 0, at)
        found.append(at)
    return tuple(reversed(found))

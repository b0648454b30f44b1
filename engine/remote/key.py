"""The secret that opens a server: written into one header, and taken out of whatever a server says.

A server may put the key back whole or in pieces, spelt for a URL, for HTML, for JSON, in base64 or in hexadecimal, in
other letters' case, or with blanks in between: every such run is covered, so that neither a terminal nor a log nor a
file gets it. It must know nothing of addresses and answers.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

HIDDEN = "***"
PIECE_CHARS = 8
"""A run of so many characters of a key is covered; a shorter key is covered whole."""
COPIED_CHARS = 16
"""A run of so many characters of a key in an answer is no chance."""
TOLD_CHARS = 4
"""So much of the key's beginning at the end of an unfinished answer is held back."""


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One way to write the key, and how long a run of it tells something."""

    text: str
    piece_chars: int

    def pieces(self, chars: int) -> frozenset[str]:
        """All runs of so many characters."""
        return frozenset(self.text[at : at + chars] for at in range(len(self.text) - chars + 1))


class Key:
    """A secret that is written into one header and nowhere else."""

    __slots__ = ("_spellings", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        self._spellings = tuple(dict.fromkeys(_spellings(value)))

    def header(self) -> str:
        """What the Authorization header says."""
        return f"Bearer {self._value}"

    def hide(self, text: str) -> str:
        """`text` without the key, its spellings and their pieces."""
        plain, places = _compared(text)
        covered = [False] * len(plain)
        for spelling in self._spellings:
            _cover(plain, spelling, covered)
        return _blacked(text, places, covered) if any(covered) else text

    def watch(self) -> KeyWatch:
        """Looks for the key in a text that comes in pieces.

        A short key that is a mere word, as servers without keys are given, tells nobody anything and is never found.
        """
        is_word = len(self._value) < PIECE_CHARS and self._value.isalpha()
        return KeyWatch(() if is_word else self._spellings)

    def is_in(self, text: str) -> bool:
        """Whether a text holds the key, or so much of it that this is no chance."""
        return self.watch().sees(text)

    def begun(self, text: str) -> int:
        """How many characters at the end of a text may be the beginning of the key."""
        longest = min(len(text), len(self._value))
        return next((n for n in range(longest, TOLD_CHARS - 1, -1) if text.endswith(self._value[:n])), 0)

    def __repr__(self) -> str:
        return f"Key({HIDDEN})"


class KeyWatch:
    """See `Key.watch`; each character is looked at once."""

    def __init__(self, spellings: Sequence[_Spelling]) -> None:
        self._pieces: dict[int, frozenset[str]] = {}
        for spelling in spellings:
            chars = min(COPIED_CHARS, len(spelling.text))
            self._pieces[chars] = self._pieces.get(chars, frozenset()) | spelling.pieces(chars)
        self._tail = ""

    def sees(self, piece: str) -> bool:
        """Whether the text so far, which goes on with this piece, holds the key."""
        if not self._pieces:
            return False
        recent = self._tail + _compared(piece)[0]
        begin = len(self._tail)
        self._tail = recent[-max(self._pieces) :]
        return any(
            recent[end - chars : end] in pieces
            for end in range(begin + 1, len(recent) + 1)
            for chars, pieces in self._pieces.items()
            if end >= chars
        )


def _spellings(value: str) -> Iterator[_Spelling]:
    """The key as it is and as programs write it, letters in one case; a longer spelling tells less in as many signs."""
    yield _spelling(value, PIECE_CHARS)
    if len(value) < PIECE_CHARS:
        return
    raw = value.encode()
    longer = {
        "".join(f"%{byte:02x}" for byte in raw): 3,
        "".join(f"\\u{byte:04x}" for byte in raw): 6,
        "".join(f"\\x{byte:02x}" for byte in raw): 4,
        "".join(f"&#{byte};" for byte in raw): 5,
        "".join(f"&#x{byte:02x};" for byte in raw): 6,
        raw.hex(): 2,
    }
    for text, factor in longer.items():
        yield _spelling(text, PIECE_CHARS * factor)
    for text in (value[::-1], quote(value, safe=""), html.escape(value)):
        yield _spelling(text, PIECE_CHARS)
    # In base64 three bytes are four letters: what stands before the key decides which.
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        inner = encoded[(0, 2, 3)[before] : len(raw) * 4 // 3]
        for text in (inner, inner.replace("+", "-").replace("/", "_")):
            if len(text) >= PIECE_CHARS:
                yield _spelling(text, PIECE_CHARS + 4)


def _spelling(text: str, piece_chars: int) -> _Spelling:
    return _Spelling(text.lower(), min(piece_chars, len(text)))


def _compared(text: str) -> tuple[str, list[int]]:
    """The visible signs of a text in one case, and the place of each."""
    places = [place for place, sign in enumerate(text) if "!" <= sign <= "~"]
    return "".join(text[place] for place in places).lower(), places


def _cover(plain: str, spelling: _Spelling, covered: list[bool]) -> None:
    """Mark every run of the spelling that is long enough."""
    size, pieces = spelling.piece_chars, spelling.pieces(spelling.piece_chars)
    done = 0
    for at in range(len(plain) - size + 1):
        if plain[at : at + size] in pieces:
            begin = max(at, done)
            done = at + size
            covered[begin:done] = [True] * (done - begin)


def _blacked(text: str, places: list[int], covered: list[bool]) -> str:
    """The text with each run of covered signs, and what stands between those, made one mark."""
    parts, position, begin = list[str](), 0, -1
    for number, is_covered in enumerate([*covered, False]):
        if is_covered and begin < 0:
            begin = number
        elif not is_covered and begin >= 0:
            parts += (text[position : places[begin]], HIDDEN)
            position, begin = places[number - 1] + 1, -1
    return "".join(parts) + text[position:]

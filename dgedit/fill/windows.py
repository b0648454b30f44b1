"""What of a text a model is given around each hole: bounded, so that no hole costs the length of the text.

Between the holes stands the text as it is; in an earlier hole its answer, in a later one what stands in for it. A
text that is cut is still given longer than any that the engine parses, because a part of a file does not parse. It
must know nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..text.holes import STAND_IN, Hole
from ..text.line_breaks import lines_fed

SIDE_CHARS = 200_000
"""At least so much on either side, where it is there; nothing farther away is recalled from or looked through."""
WINDOW_CHARS = 2 * SIDE_CHARS + 1
"""A text is given whole up to this; more than the engine parses."""


class Surroundings:
    """A text as the holes in it see it, while they are filled one after the other."""

    def __init__(self, text: str, holes: Sequence[Hole]) -> None:
        """Args: holes: in order of place, apart from each other."""
        self._parts = list[str]()
        position = 0
        for hole in holes:
            self._parts += (_plain(text[position : hole.start]) + hole.indent, _plain(hole.code) or STAND_IN)
            position = hole.end
        self._parts.append(_plain(text[position:]))
        self._length = sum(map(len, self._parts))

    def around(self, number: int) -> tuple[str, str]:
        """What stands before and behind the number-th hole."""
        at = 2 * number + 1
        before, after = self._parts[at - 1 :: -1], self._parts[at + 1 :]
        if self._length <= WINDOW_CHARS:
            return "".join(reversed(before)), "".join(after)
        left = _near_end(before, WINDOW_CHARS)
        right = _near_start(after, WINDOW_CHARS - min(len(left), SIDE_CHARS))
        return left[-max(SIDE_CHARS, WINDOW_CHARS - len(right)) :], right

    def answer(self, number: int, text: str) -> None:
        """Let later holes see what was written in this one."""
        self._length += len(text) - len(self._parts[2 * number + 1])
        self._parts[2 * number + 1] = text


def _near_start(parts: Iterable[str], chars: int) -> str:
    """The first characters of the parts together."""
    pieces = list[str]()
    for part in parts:
        pieces.append(part[:chars])
        chars -= len(pieces[-1])
        if not chars:
            break
    return "".join(pieces)


def _near_end(parts: Iterable[str], chars: int) -> str:
    """The last characters of the parts together, which come in reverse."""
    pieces = list[str]()
    for part in parts:
        pieces.append(part[-chars:])
        chars -= len(pieces[-1])
        if not chars:
            break
    return "".join(reversed(pieces))


def _plain(text: str) -> str:
    """With the line breaks that models know; done once, because it would shorten a window later on."""
    return lines_fed(text.replace("\r\n", "\n"))

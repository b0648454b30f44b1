"""What a judge says of a text. Imports the standard library alone, so that a hook can judge from a bare clone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Standing(Enum):
    """How a text stands in its language."""

    VALID = auto()
    BROKEN = auto()
    UNKNOWN = auto()
    """Nobody who was asked can tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge says, where it says it of, and who it was."""

    standing: Standing
    message: str = ""
    """What is wrong, or why it cannot be told."""
    line: int = 0
    """Counted from 0."""
    column: int = 0
    by: str = ""
    """The judge, as people know it."""

    @property
    def is_broken(self) -> bool:
        """Whether a judge who knows says that the text is not valid."""
        return self.standing is Standing.BROKEN

    @property
    def is_unknown(self) -> bool:
        """Whether nobody can tell."""
        return self.standing is Standing.UNKNOWN


def valid(by: str) -> Verdict:
    """The text is valid."""
    return Verdict(standing=Standing.VALID, by=by)


def broken(message: str, line: int, column: int, by: str) -> Verdict:
    """The text is not valid; line and column are counted from 0."""
    return Verdict(standing=Standing.BROKEN, message=message, line=max(0, line), column=max(0, column), by=by)


def unknown(message: str, line: int = 0, by: str = "") -> Verdict:
    """It cannot be told."""
    return Verdict(standing=Standing.UNKNOWN, message=message, line=max(0, line), by=by)

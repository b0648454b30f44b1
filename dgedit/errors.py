"""The one kind of error that a person sees, and what the process exits with."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every dgedit command."""

    OK = 0
    HOLES_LEFT = 1
    """A check found something to fill, or something could not be filled."""
    ERROR = 2
    CANCELLED = 130
    """By Ctrl+C or SIGTERM."""


class DgeditError(Exception):
    """Something that a person can mend.

    Attributes:
        hint: the remedy, one line.
        code: what the process exits with.
    """

    def __init__(self, message: str, hint: str = "", *, code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.hint, self.code = hint, code

    def line(self) -> str:
        """Message and remedy on one line."""
        return f"{self}; {self.hint}" if self.hint else str(self)


def nearest(name: str, known: Iterable[str]) -> str:
    """A question that names what was probably meant, or nothing."""
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""

"""Files and places in them, as programs that call an editor write them: `+12 FILE`, `FILE:12:3`.

Reads no file; only asks whether one exists, since a colon or a plus may be part of a name. Numbers count from 1 on the
command line and from 0 inside. Options of dgedit are taken out before this.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DgeditError

_NUMBER = "[0-9]{1,9}"
_PLUS = re.compile(rf"\+({_NUMBER})(?:[:,]({_NUMBER}))?")
_NAMED = re.compile(rf"(.+?)((?::{_NUMBER}){{1,2}}):?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OpenAt:
    """A file to open and where its cursor goes."""

    path: Path
    row: int | None = None
    """From 0; it may be past the end of the file."""
    column: int | None = None
    """From 0, in code points; it may be past the end of the line."""


def parse(arguments: Sequence[str]) -> list[OpenAt]:
    """The files that the arguments name, in order.

    `+LINE` and `+LINE:COLUMN` are for the file that follows, or for the last one where none does; the name of that
    file is taken as it is. Otherwise `FILE:LINE` and `FILE:LINE:COLUMN` name a place, unless a file of that whole name
    exists. What follows `--` is a file even with a plus or a dash in front. Line 0 is line 1.

    Raises:
        DgeditError: when an argument is neither, or a place has no file.
    """
    split = arguments.index("--") if "--" in arguments else len(arguments)
    found: list[OpenAt] = []
    waiting: str | None = None
    for position, argument in enumerate([*arguments[:split], *arguments[split + 1 :]]):
        if position < split and argument.startswith("+"):
            if waiting is not None:
                raise DgeditError(f"{waiting} and {argument} are for the same file", "leave one of them out")
            waiting = _plus(argument)
            continue
        _check_name(argument, may_have_dash=position >= split)
        found.append(_with_plus(argument, waiting) if waiting is not None else _with_suffix(argument))
        waiting = None
    if waiting is not None:
        if not found or found[-1].row is not None:
            raise DgeditError(f"{waiting} names a line but no file", f"write it before a file: {waiting} FILE")
        found[-1] = _with_plus(str(found[-1].path), waiting)
    return found


def _plus(argument: str) -> str:
    if not _PLUS.fullmatch(argument):
        hint = f"write +LINE or +LINE:COLUMN; for a file of that name, ./{argument}"
        raise DgeditError(f"{argument} is no line", hint)
    return argument


def _check_name(name: str, *, may_have_dash: bool) -> None:
    if not name:
        raise DgeditError("a file has an empty name", "leave the empty argument out")
    if name == "-":
        raise DgeditError("the editor does not read standard input", "in a pipe, use: dgedit fill -")
    if name.startswith("-") and not may_have_dash:
        raise DgeditError(f"{name} is no option", f"for a file of that name, write -- {name}; see dgedit --help")


def _with_plus(name: str, plus: str) -> OpenAt:
    match = _PLUS.fullmatch(plus)
    return OpenAt(Path(name), _from_zero(match[1]), _from_zero(match[2])) if match else OpenAt(Path(name))


def _with_suffix(name: str) -> OpenAt:
    """A name with its place, split so that the longest name that exists is kept; if none does, as early as can be."""
    match = _NAMED.fullmatch(name)
    if match is None or os.path.lexists(name):
        return OpenAt(Path(name))
    numbers = match[2].split(":")[1:]
    shorter = match[1] + ":" + numbers[0]
    if len(numbers) == 2 and os.path.lexists(shorter):
        return OpenAt(Path(shorter), _from_zero(numbers[1]))
    return OpenAt(Path(match[1]), _from_zero(numbers[0]), _from_zero(numbers[1] if len(numbers) == 2 else None))


def _from_zero(number: str | None) -> int | None:
    return None if number is None else max(0, int(number) - 1)

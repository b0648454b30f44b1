"""What can be given back of the journal: a list of it for a person, and each text as bytes.

Unsaved work of editors that ended, what was discarded in the last month, and journals that are damaged, whose text is
given as far as it is there. It must know nothing of the editor's screen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DgeditError
from ..terminal import drawn
from ..text.encoding import encode
from . import disk, journal
from .journal import Recovered

LIST = "`dgedit recover` lists what there is"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One text that can be given back."""

    why: str
    when_s: float
    path: Path | None
    raw: bytes


def found() -> list[Work]:
    """All there is, the newest first."""
    works = [_work("left by a dgedit that ended", work) for work in journal.all_pending()]
    works += [_work("discarded", work) for work in journal.discarded()]
    works += [work for file in journal.damaged() for work in _damaged(file)]
    return sorted(works, key=lambda work: work.when_s, reverse=True)


def listed(works: Sequence[Work]) -> Iterator[str]:
    """The list as lines."""
    if not works:
        yield "there is nothing to recover"
        return
    for number, work in enumerate(works, 1):
        when = time.strftime("%d %b %H:%M", time.localtime(work.when_s))
        name = drawn(str(work.path)) if work.path is not None else "(no name)"
        yield f"{number:3}  {when}  {len(work.raw):>11,} bytes  {name}  {work.why}"
    yield "dgedit recover NUMBER prints one; -o FILE writes it to a new file"


def chosen(works: Sequence[Work], number: int) -> Work:
    """One of the list, counted from 1.

    Raises:
        DgeditError: when the list has no such number.
    """
    if not 1 <= number <= len(works):
        raise DgeditError(f"there is no number {number}, of {len(works)} texts", LIST)
    return works[number - 1]


def write_new(output: Path, raw: bytes) -> None:
    """Write bytes to a new file.

    Raises:
        DgeditError: when the file is there already, or cannot be written.
    """
    taken = DgeditError(f"{output} exists", "name a new file")
    if disk.status_of(output) is not None:
        raise taken
    disk.check_parent(output)
    try:
        disk.write_atomically(output, raw, unchanged=lambda: disk.status_of(output) is None)
    except disk.ChangedError:
        raise taken from None


def _work(why: str, work: Recovered) -> Work:
    try:
        raw = encode(work.text, work.encoding)
    except DgeditError:
        raw = work.text.encode("utf-8", "surrogatepass")
    return Work(why=why, when_s=work.written_s, path=work.path, raw=raw)


def _damaged(file: Path) -> Iterator[Work]:
    try:
        raw, status = disk.read_regular(file)
    except DgeditError:
        return
    body = raw.partition(b"\n")[2]
    if body:
        yield Work(why="damaged", when_s=max(0.0, min(status.st_mtime, journal.LATEST_S)), path=None, raw=body)

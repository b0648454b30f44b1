"""Saves that fail, are killed or race with another program at any call: one whole version stands, no text is lost.

Each case is a save in which one call of the system, counted from the start, goes wrong.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dgedit.errors import DgeditError
from dgedit.files import disk, journal
from dgedit.files.buffer import Buffer

from .budget import Budget

FEW, ALL = 160, 10_000
CALLS = ("open", "write", "fsync", "replace", "fchmod", "fchown", "ftruncate", "lseek", "fstat", "stat", "close")
NUMBERS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EBUSY, errno.EROFS, errno.EDQUOT)
OLD, NEW, THEIRS = b"old version\n" * 700, b"a new version, of another length\n" * 900, b"what another program saved\n"
SAVED, FAILED, CHANGED, RAISED, KILLED = 0, 3, 4, 5, 9
"""How a save ends."""


@dataclass(frozen=True, slots=True)
class Case:
    """The n-th of the calls goes wrong in a way."""

    how: str
    """fault, death (that call fails, and every one after it), kill or race."""
    at: int
    number: int
    in_place: bool


def cases(seed: int) -> Iterator[Case]:
    draw = random.Random(seed)
    for _ in range(5_000):
        yield Case(
            draw.choice(("fault", "death", "kill", "race")),
            draw.randrange(1, 60),
            draw.choice(NUMBERS),
            draw.random() < 0.4,
        )


@dataclass(slots=True)
class Race:
    """Whether another program saved meanwhile, and before which call of the save."""

    before: str = ""
    replaced: bool = False
    """The save had put its file there already."""

    @property
    def is_seen(self) -> bool:
        """Whether the save could know of it: nothing looks between the last look and the rename that follows it."""
        return bool(self.before) and self.before != "replace" and not self.replaced


@contextlib.contextmanager
def broken(case: Case, path: Path) -> Iterator[Race]:
    """Let the n-th call of this process go wrong."""
    count, race = 0, Race()

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def one(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count > case.at and case.how == "death":
                raise OSError(case.number, os.strerror(case.number))
            if count == case.at:
                if case.how == "kill":
                    os._exit(KILLED)
                if case.how in ("fault", "death"):
                    raise OSError(case.number, os.strerror(case.number))
                race.before = name
                theirs(path)
            done = call(*arguments, **named)
            race.replaced = race.replaced or (name == "replace" and not race.before)
            return done

        return one

    real = {name: getattr(os, name) for name in CALLS}
    for name, call in real.items():
        setattr(os, name, wrapped(name, call))
    try:
        yield race
    finally:
        for name, call in real.items():
            setattr(os, name, call)


def theirs(path: Path) -> None:
    with open(path, "wb") as file:
        file.write(THEIRS)


def save(case: Case, path: Path) -> tuple[int, Race]:
    """One save, as the editor does it; where it is killed, in a process of its own."""
    if case.how != "kill":
        return saved(case, path)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), Race()
    code = FAILED
    try:
        code, _ = saved(case, path)
    finally:
        os._exit(code)


def saved(case: Case, path: Path) -> tuple[int, Race]:
    """How a save ends, and the race that came."""
    buffer, _ = Buffer.open(path)
    buffer.in_place = case.in_place
    with broken(case, path) as race:
        try:
            buffer.save(NEW.decode())
        except disk.ChangedError:
            return CHANGED, race
        except DgeditError:
            return FAILED, race
        except OSError:
            return RAISED, race
    return SAVED, race


def wrong(case: Case, path: Path, code: int, race: Race) -> str:
    """What is wrong with how a save ended; empty where nothing is."""
    stands = path.read_bytes()
    found = journal.pending(path)
    offered = {text.text.encode() for text in [*journal.discarded(), *([found] if found else [])]}
    if case.how == "race" and case.in_place and code == SAVED:
        # Two programs that write into one file at once: nothing can be promised of it.
        return ""
    if code == SAVED and stands != NEW and not (race.before and stands == THEIRS):
        return "said to be saved, and is not"
    if code == SAVED and race.is_seen:
        return f"saved over what another program saved before {race.before}"
    if code == CHANGED and case.how == "race" and not race.before:
        return "said to be changed by another program, and none did"
    if code == CHANGED and case.how == "race" and stands != THEIRS:
        return "what another program saved is gone"
    if code == FAILED and case.how in ("fault", "death") and stands != OLD and OLD not in offered:
        # The new one is still with whoever saves.
        return f"failed, and the old text is gone ({len(stands)} bytes)"
    if code == KILLED and stands not in (OLD, NEW) and not {OLD, NEW} <= offered:
        return f"killed, and torn ({len(stands)} bytes)"
    if code not in (SAVED, FAILED, CHANGED, KILLED):
        return f"ended by {code}"
    return ""


def test_a_save_that_goes_wrong_anywhere_loses_nothing(
    budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path, failures, came = tmp_path / "x.txt", list[str](), Counter[str]()
    for case in budget.cases(cases, few=FEW, all_=ALL):
        path.write_bytes(OLD)
        code, race = save(case, path)
        said = wrong(case, path, code, race)
        budget.count(f"saves, {case.how}", failed=bool(said))
        if case.how == "race":
            seen = "seen" if race.is_seen else "at the rename or later" if race.before else "never came"
            budget.count(f"saves, race {seen}", failed=bool(said))
            came.update([seen] if not case.in_place else [])
        failures += [f"{case}: {said}"] if said else []
        for left in [*journal.folder().glob("*"), *tmp_path.glob(".x.txt*")]:
            os.unlink(left)
    assert failures == []
    assert came["seen"] >= FEW // 40, "some races came before the last look"

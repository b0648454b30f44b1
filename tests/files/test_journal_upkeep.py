"""A journal that is torn, or that no one needs any more."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dgedit.files import journal, temporary
from dgedit.files.journal import Journal
from dgedit.files.process import Process, this_process
from dgedit.text.encoding import UTF_8

from ..support.journals import ended_process, left_by, only_file

LONG_AGO_S = time.time() - 31 * 24 * 3600


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder / "dgedit" / "journal"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.py"


@pytest.fixture(scope="module")
def dead() -> Process:
    return ended_process()


TORN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda raw: b"",
    "cut in the header": lambda raw: raw[:40],
    "cut in the text": lambda raw: raw[:-1],
    "longer": lambda raw: raw + b"x",
    "another text": lambda raw: raw[:-1] + b"!",
    "no JSON": lambda raw: b"\xff\x00" + raw,
    "JSON of another kind": lambda raw: b"[1]\n" + raw,
    "a field too few": lambda raw: raw.replace(b'"host"', b'"hots"'),
    "a field of another kind": lambda raw: raw.replace(b'"version": 1', b'"version": "1"'),
    "nested without end": lambda raw: b"[" * 100_000,
    "zeros": lambda raw: bytes(len(raw)),
}


@pytest.mark.parametrize("what", TORN)
def test_a_torn_journal_is_set_aside(path: Path, state: Path, dead: Process, what: str) -> None:
    Journal(path).write("text", UTF_8, None)
    file = left_by(state, dead)
    torn = TORN[what](file.read_bytes())
    file.write_bytes(torn)
    assert journal.pending(path) is None
    aside = only_file(state)
    assert aside.suffix == ".torn"
    assert aside.read_bytes() == torn
    assert journal.all_pending() == []
    journal.clean_up()
    assert aside.exists()
    os.utime(aside, (LONG_AGO_S, LONG_AGO_S))
    journal.clean_up()
    assert not aside.exists()


@pytest.mark.parametrize("changes", [{"version": 2}, {"encoding": "EBCDIC"}])
def test_a_journal_of_a_newer_version_is_left_alone(
    path: Path, state: Path, dead: Process, changes: dict[str, object]
) -> None:
    Journal(path).write("text", UTF_8, None)
    file = left_by(state, dead, **changes)
    assert journal.pending(path) is None
    journal.clean_up()
    assert only_file(state) == file


@pytest.mark.parametrize(
    ("disk", "age_s", "runs", "stays"),
    [
        (b"text", 31 * 24 * 3600, False, False),
        (b"text", 29 * 24 * 3600, False, True),
        (b"text", 31 * 24 * 3600, True, True),
        (b"other", 31 * 24 * 3600, False, True),
        (None, 31 * 24 * 3600, False, True),
    ],
)
def test_only_old_work_that_is_saved_is_cleaned_up(
    path: Path, state: Path, dead: Process, disk: bytes | None, age_s: float, runs: bool, stays: bool
) -> None:
    Journal(path).write("text", UTF_8, None)
    left_by(state, this_process() if runs else dead, written_s=time.time() - age_s)
    if disk is not None:
        path.write_bytes(disk)
    journal.clean_up()
    assert bool(list(state.iterdir())) is stays


def test_claims_and_temporary_files_of_ended_processes_are_cleaned_up(path: Path, state: Path, dead: Process) -> None:
    Journal(path).claim()
    left_by(state, dead)
    left = temporary.name_beside("x.journal").replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    (state / left).write_bytes(b"half")
    kept = Journal(path)
    kept.claim()
    assert len(list(state.iterdir())) == 3
    journal.clean_up()
    assert only_file(state).name.endswith(".journal")
    kept.close()
    assert list(state.iterdir()) == []

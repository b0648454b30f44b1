"""Unsaved work is found after its process ended, and never touched while it runs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dgedit.errors import DgeditError
from dgedit.files import journal
from dgedit.files.disk import Fingerprint
from dgedit.files.journal import Journal
from dgedit.files.process import Process, this_process
from dgedit.text.encoding import LATIN_1, UTF_8, UTF_16_LE

from ..support.journals import ended_process, left_by, only_file

EDITOR = """
import os, signal, sys
from pathlib import Path
from dgedit.text.encoding import UTF_8
from dgedit.files.journal import Journal

kept = Journal(Path(sys.argv[1]) if sys.argv[1] else None)
kept.claim()
if sys.argv[2]:
    kept.write(sys.argv[2], UTF_8, None)
print("ready", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


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


def editor(path: Path | None, text: str) -> subprocess.Popen[str]:
    """Another dgedit with unsaved work, or none; it kills itself when its input ends."""
    command = [sys.executable, "-c", EDITOR, str(path or ""), text]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


# -- recovery


def test_the_work_of_a_killed_process_is_found_and_discarded(path: Path, state: Path) -> None:
    began_s = time.time()
    process = editor(path, "unsaved\r\né")
    assert journal.pending(path) is None, "it still runs"
    assert journal.open_elsewhere(path) == process.pid
    process.communicate("")
    found = journal.pending(path)
    assert found is not None
    assert (found.path, found.text, found.encoding, found.base) == (path, "unsaved\r\né", UTF_8, None)
    assert not found.changed_since
    assert began_s <= found.written_s <= time.time()
    assert journal.open_elsewhere(path) is None
    assert journal.pending(path) == found, "looking does not take it away"
    journal.discard(found)
    assert journal.pending(path) is None
    assert [work.text for work in journal.discarded()] == [found.text]
    journal.clean_up()
    (kept,) = state.iterdir()
    month_ago_s = time.time() - journal.KEPT_S - 60
    os.utime(kept, (month_ago_s, month_ago_s))
    journal.clean_up()
    assert list(state.iterdir()) == []


def test_a_file_that_was_only_open_leaves_nothing_to_recover(path: Path, state: Path) -> None:
    process = editor(path, "")
    assert journal.open_elsewhere(path) == process.pid
    assert journal.all_pending() == []
    process.communicate("")
    assert journal.open_elsewhere(path) is None
    assert journal.pending(path) is None
    assert list(state.iterdir()) == []


def test_all_work_is_found_the_newest_first(path: Path, tmp_path: Path) -> None:
    processes = [editor(None, "first"), editor(path, "second"), editor(None, "third")]
    assert journal.all_pending() == []
    for process in processes:
        process.communicate("")
    found = journal.all_pending()
    assert [work.text for work in found] == ["third", "second", "first"]
    assert [work.path for work in found] == [None, path, None]
    assert journal.pending(tmp_path / "other.py") is None


def test_two_crashes_are_recovered_one_after_the_other(path: Path) -> None:
    for text in ("older", "newer"):
        editor(path, text).communicate("")
    for text in ("newer", "older"):
        found = journal.pending(path)
        assert found is not None
        assert found.text == text
        journal.discard(found)
    assert journal.pending(path) is None


def test_a_file_is_known_behind_its_links(path: Path, tmp_path: Path, state: Path, dead: Process) -> None:
    (tmp_path / "link.py").symlink_to("x.py")
    Journal(tmp_path / "link.py").write("text", UTF_8, None)
    left_by(state, dead)
    found = journal.pending(path)
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    "text", ["", "\n", "\ud800", "\udc00\ud800", "a\udcff", "\ufeff\u2028\x85\f\r", "\x00\n{}", "x" * 3_000_000]
)
def test_any_text_comes_back(state: Path, dead: Process, path: Path, text: str) -> None:
    Journal(path).write(text, UTF_16_LE, Fingerprint.of(b"disk"))
    left_by(state, dead)
    found = journal.pending(path)
    assert found is not None
    assert found.text == text
    assert found.encoding is UTF_16_LE
    assert found.base == Fingerprint.of(b"disk")


def test_a_name_that_is_no_utf_8_comes_back(state: Path, dead: Process, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.py")
    Journal(odd).write("text", UTF_8, None)
    left_by(state, dead)
    found = journal.pending(odd)
    assert found is not None
    assert found.path == odd


@pytest.mark.parametrize(
    ("base", "disk", "changed"),
    [
        (None, None, False),
        (b"old", b"old", False),
        (b"old", b"new", True),
        (b"old", b"longer", True),
        (b"old", None, True),
        (None, b"new", True),
    ],
)
def test_it_is_said_whether_the_file_changed_since(
    path: Path, state: Path, dead: Process, base: bytes | None, disk: bytes | None, changed: bool
) -> None:
    Journal(path).write("unsaved", UTF_8, None if base is None else Fingerprint.of(base))
    left_by(state, dead)
    if disk is not None:
        path.write_bytes(disk)
    found = journal.pending(path)
    assert found is not None
    assert found.changed_since is changed


def test_a_file_that_is_none_any_more_changed(path: Path, state: Path, dead: Process) -> None:
    Journal(path).write("unsaved", UTF_8, Fingerprint.of(b""))
    left_by(state, dead)
    path.mkdir()
    found = journal.pending(path)
    assert found is not None
    assert found.changed_since


def test_what_stands_on_disk_is_not_unsaved(path: Path, state: Path, dead: Process) -> None:
    Journal(path).write("café", LATIN_1, None)
    left_by(state, dead)
    path.write_bytes("café".encode())
    assert journal.pending(path) is not None, "the same text in other bytes"
    path.write_bytes(b"caf\xe9")
    assert journal.pending(path) is None
    assert list(state.iterdir()) == []


# -- who runs


@pytest.mark.skipif(not this_process().start_ticks, reason="the system does not tell when a process started")
def test_a_process_id_that_was_handed_out_again_is_not_the_owner(path: Path, state: Path) -> None:
    Journal(path).write("text", UTF_8, None)
    here = this_process()
    assert journal.pending(path) is None
    left_by(state, Process(here.pid, here.start_ticks - 1, here.host))
    assert journal.pending(path) is not None


def test_work_of_another_machine_is_found_and_its_name_is_told(path: Path, state: Path) -> None:
    Journal(path).write("text", UTF_8, None)
    left_by(state, Process(os.getpid(), this_process().start_ticks, "elsewhere"))
    found = journal.pending(path)
    assert found is not None
    assert found.host == "elsewhere"
    assert journal.open_elsewhere(path) is None


def test_a_killed_process_that_no_one_asked_after_does_not_run(path: Path) -> None:
    process = editor(path, "text")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    assert process.stdout.read() == "", "its end is seen, its exit status not yet asked for"
    deadline = time.monotonic() + 10
    while (found := journal.pending(path)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found is not None
    process.stdout.close()
    process.wait()


# -- one journal


def test_journals_are_for_their_owners_eyes(path: Path, state: Path) -> None:
    state.mkdir(parents=True)
    state.chmod(0o755)
    Journal(path).write("text", UTF_8, None)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(state).stat().st_mode) == 0o600


def test_the_folder_follows_the_convention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative/state"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert journal.folder() == tmp_path / ".local" / "state" / "dgedit" / "journal"


def test_what_did_not_change_is_not_written_again(path: Path, state: Path) -> None:
    kept = Journal(path)
    assert kept.write("text", UTF_8, None)
    before = only_file(state).stat().st_ino
    assert not kept.write("text", UTF_8, None)
    assert only_file(state).stat().st_ino == before
    assert kept.write("text", LATIN_1, None)
    assert kept.write("text", LATIN_1, Fingerprint.of(b""))
    assert kept.write("other", LATIN_1, Fingerprint.of(b""))
    assert only_file(state).stat().st_ino != before


@pytest.mark.parametrize("named", [True, False])
def test_a_saved_text_is_forgotten_and_a_later_one_kept(path: Path, state: Path, dead: Process, named: bool) -> None:
    kept = Journal(path if named else None)
    kept.claim()
    kept.clear()
    kept.write("text", UTF_8, None)
    kept.claim()
    assert b"text" in only_file(state).read_bytes().partition(b"\n")[2], "a claim does not wipe the text"
    kept.clear()
    assert len(list(state.iterdir())) == named
    assert kept.write("text", UTF_8, None)
    left_by(state, dead)
    assert [work.text for work in journal.all_pending()] == ["text"]


def test_a_closed_journal_is_gone_for_good(path: Path, state: Path) -> None:
    kept = Journal(path)
    kept.write("text", UTF_8, None)
    kept.close()
    assert not kept.write("late", UTF_8, None)
    kept.claim()
    kept.clear()
    kept.close()
    assert list(state.iterdir()) == []


def test_two_tabs_on_one_file_keep_two_texts(path: Path, state: Path) -> None:
    first, second = Journal(path), Journal(path)
    first.write("first", UTF_8, None)
    second.write("second", UTF_8, None)
    assert len(list(state.iterdir())) == 2
    assert journal.open_elsewhere(path) is None
    first.close()
    assert b"second" in only_file(state).read_bytes()


def test_threads_that_write_while_one_closes_leave_nothing(path: Path, state: Path) -> None:
    kept, closed = Journal(path), threading.Event()

    def write(first: int) -> None:
        number = first
        while kept.write(f"text {number}", UTF_8, None) or not closed.is_set():
            number += 2

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    while not list(state.glob("*.journal")):
        time.sleep(0.001)
    kept.close()
    closed.set()
    for thread in threads:
        thread.join()
    assert list(state.iterdir()) == []


def test_a_full_disk_is_told_and_keeps_what_was_kept(
    path: Path, state: Path, dead: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Journal(path)
    kept.write("before", UTF_8, None)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(DgeditError, match=r"would not survive a crash: .*No space left") as caught:
            kept.write("after", UTF_8, None)
        with pytest.raises(DgeditError, match="would not survive a crash"):
            Journal(path).claim()
    assert str(state) in caught.value.hint
    left_by(state, dead)
    found = journal.pending(path)
    assert found is not None
    assert found.text == "before"


def test_a_saved_text_is_forgotten_on_a_full_disk_too(path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Journal(path)
    kept.write("saved by now", UTF_8, None)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    kept.clear()
    assert list(state.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(path: Path, state: Path) -> None:
    state.parent.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(DgeditError, match="would not survive a crash"):
        Journal(path).write("text", UTF_8, None)
    assert journal.pending(path) is None
    assert journal.all_pending() == []
    journal.clean_up()

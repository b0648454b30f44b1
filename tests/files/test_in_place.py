"""Saves where no new file can take a file's place, and saves that race with other programs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dgedit.errors import DgeditError
from dgedit.files import disk, in_place, journal
from dgedit.files.buffer import Buffer
from dgedit.files.disk import ChangedError, FixedPlaceError, Stamp

MOUNTED = """
import sys
from pathlib import Path
from dgedit.files import disk, in_place, journal
guest, raw = Path(sys.argv[1]), Path(sys.argv[1]).read_bytes()
try:
    disk.write_atomically(guest, b"new")
except disk.FixedPlaceError as error:
    assert "Device or resource busy" in str(error), error
else:
    raise AssertionError("a mount was replaced")
assert guest.read_bytes() == raw
note = in_place.save(guest, b"longer than before, and new", disk.Stamp.of(guest.stat()))
assert "in place" in note, note
assert guest.read_bytes() == b"longer than before, and new"
assert not journal.all_pending() and not journal.discarded()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(b"old text\n")
    return file


def test_a_file_that_is_a_mount_of_its_own_is_written_in_place(tmp_path: Path, path: Path) -> None:
    guest = tmp_path / "guest.py"
    guest.touch()
    mount = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
    mounted = ["unshare", "-rm", "sh", "-c", mount, "sh", str(path), str(guest)]
    try:
        allowed = subprocess.run([*mounted, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if allowed.returncode:
        pytest.skip("mounting is not permitted here")
    command = [*mounted, sys.executable, "-c", MOUNTED, str(guest)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == b"longer than before, and new"


def busy(*_arguments: object) -> None:
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def test_both_texts_are_kept_while_a_file_is_overwritten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[tuple[bytes, bytes]]()
    put = in_place._put

    def look(handle: int, raw: bytes) -> None:
        texts = [
            entry.text or ""
            for suffix in (journal.SUFFIX, journal.DISCARDED_SUFFIX)
            for entry in journal._entries("", suffix)
        ]
        seen.append((texts[0].encode(), texts[1].encode()))
        put(handle, raw)

    monkeypatch.setattr(in_place, "_put", look)
    in_place.write_in_place(path, b"new\n")
    assert seen == [(b"new\n", b"old text\n")]
    assert path.read_bytes() == b"new\n"
    assert os.listdir(journal.folder()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_file_that_cannot_be_overwritten_whole_is_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    write, calls = disk.write_all, list[bytes]()

    def half(handle: int, raw: bytes) -> None:
        calls.append(raw)
        if raw == b"new text that is longer\n":
            write(handle, raw[:7])
            raise OSError(number, os.strerror(number))
        write(handle, raw)

    monkeypatch.setattr(disk, "write_all", half)
    with pytest.raises(DgeditError, match="it is as it was"):
        in_place.write_in_place(path, b"new text that is longer\n")
    assert b"new text that is longer\n" in calls
    assert path.read_bytes() == b"old text\n"


def test_nothing_is_overwritten_that_could_not_be_mended(path: Path) -> None:
    journal.folder().parent.parent.mkdir(parents=True, exist_ok=True)
    (journal.folder().parent.parent / "dgedit").write_text("no folder")
    with pytest.raises(DgeditError, match="cannot be kept"):
        in_place.write_in_place(path, b"new\n")
    assert path.read_bytes() == b"old text\n"


def test_the_editors_buffer_asks_before_it_writes_in_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer, _ = Buffer.open(path)
    with monkeypatch.context() as fixed:
        fixed.setattr(os, "replace", busy)
        with pytest.raises(FixedPlaceError):
            buffer.save("mine\n")
    assert path.read_bytes() == b"old text\n"
    buffer.in_place = True
    inode = path.stat().st_ino
    buffer.save("mine\n")
    assert (path.read_bytes(), path.stat().st_ino) == (b"mine\n", inode)


def written(path: Path) -> None:
    path.write_bytes(b"theirs\n")


def renamed_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"theirs\n")
    os.replace(other, path)


def overwritten(path: Path) -> None:
    before = Stamp.of(path.stat())
    in_place.write_in_place(path, b"mine\n", unchanged=lambda: Stamp.of(path.stat()) == before)


SAVES: dict[str, Callable[[Path], object]] = {
    "the editor's": lambda path: Buffer.open(path)[0].save("mine\n"),
    "the pipe's": lambda path: in_place.save(path, b"mine\n", Stamp.of(path.stat())),
    "in place": overwritten,
}


@pytest.mark.parametrize("act", [written, renamed_over])
@pytest.mark.parametrize("save", SAVES)
def test_what_another_program_saves_in_between_is_not_overwritten(
    path: Path, monkeypatch: pytest.MonkeyPatch, save: str, act: Callable[[Path], None]
) -> None:
    fsync, acted = os.fsync, list[int]()

    def fsync_and_more(handle: int) -> None:
        fsync(handle)
        if not acted:
            acted.append(handle)
            act(path)

    monkeypatch.setattr(os, "fsync", fsync_and_more)
    with pytest.raises(ChangedError):
        SAVES[save](path)
    assert acted
    assert path.read_bytes() == b"theirs\n"
    assert [name for name in os.listdir(path.parent) if ".dgedit-" in name] == []


def test_a_file_that_appears_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.py"
    buffer, _ = Buffer.open(path)
    fsync = os.fsync

    def fsync_and_more(handle: int) -> None:
        fsync(handle)
        path.write_bytes(b"theirs\n")

    monkeypatch.setattr(os, "fsync", fsync_and_more)
    with pytest.raises(ChangedError):
        buffer.save("mine\n")
    assert path.read_bytes() == b"theirs\n"


def test_a_hard_link_is_told_of(path: Path, tmp_path: Path) -> None:
    os.link(path, tmp_path / "other.py")
    note = in_place.save(path, b"new\n", Stamp.of(path.stat()))
    assert "hard links (1)" in note
    assert (tmp_path / "other.py").read_bytes() == b"old text\n"

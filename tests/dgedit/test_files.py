"""Bytes in, the same bytes out; writes that a crash cannot tear."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dgedit import files
from dgedit.errors import DgeditError


@pytest.mark.parametrize(
    "raw", [b"", b"x", b"a\r\nb\nc\r", "\ufeffé\u2028😀\f\x0b\x1c\x85".encode(), b"\n" * 5, b"no end\r\n"]
)
def test_text_gives_its_bytes_back(raw: bytes) -> None:
    assert files.decode(raw, "x").encode("utf-8") == raw


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a\0b", "binary"),
        (b"\xff\xfea\x00", "binary"),
        (b"caf\xe9", "not UTF-8"),
        (b"x" * 20_000_001, "20,000,001 bytes"),
    ],
)
def test_what_is_no_text_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(DgeditError, match=message) as caught:
        files.decode(raw, "name.py")
    assert "name.py" in str(caught.value)
    assert caught.value.hint


def test_missing_files_and_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DgeditError, match="no such file"):
        files.read(tmp_path / "none.py")
    with pytest.raises(DgeditError, match="is a directory"):
        files.read(tmp_path)
    with pytest.raises(DgeditError, match="does not exist"):
        files.check_parent(tmp_path / "a" / "b.py")


def test_a_write_replaces_the_file_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")
    path.chmod(0o751)
    before = path.stat().st_ino
    files.write_atomically(path, b"new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert path.stat().st_ino != before, "a new file was renamed over the old one"
    assert os.listdir(tmp_path) == ["x.py"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.py", tmp_path / "link.py"
    target.write_bytes(b"old")
    link.symlink_to(target)
    files.write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_new_file_gets_the_usual_mode(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "new.py", b"x")
    plain = tmp_path / "plain.py"
    plain.write_bytes(b"x")
    assert (tmp_path / "new.py").stat().st_mode == plain.stat().st_mode


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DgeditError, match="No space left"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.py"]

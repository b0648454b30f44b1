"""Reading that never waits, and writes that a crash cannot tear."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dgedit.errors import DgeditError
from dgedit.files import disk

NOBODY = 65_534


@pytest.fixture
def plain_user(tmp_path: Path) -> Iterator[Path]:
    """An empty folder of a user whom permissions bind; the test runs as that user."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, NOBODY, NOBODY)
    os.setresgid(NOBODY, NOBODY, 0)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        if not os.access(folder, os.W_OK):
            pytest.skip("the folder for temporary files is closed to other users")
        yield folder
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        shutil.rmtree(folder)


# -- reading


def test_missing_files_and_directories_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DgeditError, match="no such file"):
        disk.read(tmp_path / "none.py")
    with pytest.raises(DgeditError, match="no such file"):
        disk.read_regular(tmp_path / "none.py")
    with pytest.raises(DgeditError, match="is a directory"):
        disk.read(tmp_path)
    with pytest.raises(DgeditError, match="does not exist"):
        disk.check_parent(tmp_path / "a" / "b.py")


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "file/child", "loop"])
def test_paths_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    path = tmp_path / name
    with pytest.raises(DgeditError):
        disk.status_of(path)
    with pytest.raises(DgeditError, match="cannot save"):
        disk.write_atomically(path, b"x")
    assert sorted(os.listdir(tmp_path)) == ["file", "loop"]


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    cases = {"pipe": "a pipe", "socket": "a socket", os.devnull: "a device", ".": "a directory"}
    for name, kind in cases.items():
        with pytest.raises(DgeditError, match=f"is {kind}"):
            disk.read_regular(Path(name))
        with pytest.raises(DgeditError, match=f"it is {kind}"):
            disk.write_atomically(Path(name), b"x")
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_file_that_becomes_a_pipe_while_it_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"")
    regular = disk.status_of(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(disk, "status_of", lambda _path: regular)
    with pytest.raises(DgeditError, match="is a pipe"):
        disk.read_regular(path)


def test_a_file_over_the_hard_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, disk.MAX_READ_BYTES + 1)
    with pytest.raises(DgeditError, match="200,000,001 bytes, more than 200,000,000"):
        disk.read_regular(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such files")
def test_a_file_that_does_not_know_its_size_is_read_to_its_end() -> None:
    raw, status = disk.read_regular(Path("/proc/self/status"))
    assert status.st_size == 0
    assert raw.startswith(b"Name:")


def test_unreadable_files_are_refused(plain_user: Path) -> None:
    path = plain_user / "x"
    path.write_bytes(b"x")
    path.chmod(0o200)
    with pytest.raises(DgeditError, match="Permission denied") as caught:
        disk.read_regular(path)
    assert caught.value.hint == "check its permissions"


# -- writing


def test_a_write_replaces_the_file_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")
    path.chmod(0o751)
    before = path.stat().st_ino
    stamp = disk.write_atomically(path, b"new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o751
    assert path.stat().st_ino != before, "a new file was renamed over the old one"
    assert stamp == disk.Stamp.of(path.stat())
    assert os.listdir(tmp_path) == ["x.py"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.py", tmp_path / "link.py"
    link.symlink_to("real.py")
    for raw in (b"made through a link to nothing", b"replaced"):
        disk.write_atomically(link, raw)
        assert link.is_symlink()
        assert target.read_bytes() == raw


def test_a_link_into_a_missing_folder_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link.py"
    link.symlink_to("gone/real.py")
    with pytest.raises(DgeditError, match="cannot save") as caught:
        disk.write_atomically(link, b"x")
    assert "its directory is gone" in caught.value.hint
    assert link.is_symlink()


def test_another_hard_link_keeps_the_old_bytes_and_a_person_is_told(tmp_path: Path) -> None:
    path, other = tmp_path / "x.py", tmp_path / "other.py"
    path.write_bytes(b"old")
    assert disk.saving_notice(path.stat()) == ""
    os.link(path, other)
    assert "2 names" in disk.saving_notice(path.stat())
    disk.write_atomically(path, b"new")
    assert (path.read_bytes(), other.read_bytes()) == (b"new", b"old")


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_gets_the_usual_mode(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        disk.write_atomically(tmp_path / "new.py", b"x")
        disk.write_atomically(tmp_path / "secret", b"x", new_mode=0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.py").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_keeps_the_owner_and_all_of_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    path.chmod(0o6751)
    disk.write_atomically(path, b"new")
    now = path.stat()
    assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (1234, 2345, 0o6751)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's file")
def test_another_users_file_becomes_the_savers_and_no_more_open_than_it_was(plain_user: Path) -> None:
    path = plain_user / "x.py"
    path.write_bytes(b"old")
    os.setresuid(0, 0, 0)
    os.chown(path, 0, 0)
    os.chmod(path, 0o6646)
    os.setresuid(NOBODY, NOBODY, 0)
    assert "another user's" in disk.saving_notice(path.stat())
    disk.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (NOBODY, 0o666)


@pytest.mark.skipif(sys.platform != "linux", reason="Python knows extended attributes on Linux alone")
def test_extended_attributes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.origin", b"somewhere")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    disk.write_atomically(path, b"new")
    assert os.getxattr(path, "user.origin") == b"somewhere"


@pytest.mark.parametrize("name", ["é" * 127, "x" * 255, "a.b", ".hidden"])
def test_names_of_any_length_can_be_written(tmp_path: Path, name: str) -> None:
    for raw in (b"old", b"new"):
        disk.write_atomically(tmp_path / name, raw)
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"new"


def test_a_write_in_small_pieces_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, raw: write(handle, raw[:7]))
    disk.write_atomically(tmp_path / "x", bytes(range(256)))
    assert (tmp_path / "x").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EIO, "save elsewhere"),
    ],
)
def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, hint: str
) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")

    def fail(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(DgeditError, match=os.strerror(number)) as caught:
            disk.write_atomically(path, b"new")
    assert hint in caught.value.hint
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.py"]


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")

    def interrupt(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        disk.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.py"]


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(DgeditError, match="File too large"):
            disk.write_atomically(path, b"x" * 20_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.py"]


FULL_DISK = """
import os, sys
from pathlib import Path
from dgedit.files import disk as files
from dgedit.errors import DgeditError

path = Path(sys.argv[1]) / "x.py"
files.write_atomically(path, b"old")
try:
    files.write_atomically(path, b"x" * 1_000_000)
except DgeditError as error:
    print(error.line())
assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["x.py"]
files.write_atomically(path, b"y" * 1000)
assert path.read_bytes() == b"y" * 1000
"""


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    mounted = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=128k none "$1" && shift && "$@"', "sh"]
    try:
        allowed = subprocess.run([*mounted, str(tmp_path), "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if allowed.returncode:
        pytest.skip("mounting is not permitted here")
    command = [*mounted, str(tmp_path), sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stdout
    assert "free some space" in done.stdout


# -- permissions


def test_read_only_files_and_closed_folders_are_told_of_and_refused(plain_user: Path) -> None:
    path = plain_user / "x.py"
    path.write_bytes(b"old")
    assert disk.read_only_reason(path, 3) is None
    assert disk.read_only_reason(plain_user / "new.py", 0) is None
    assert disk.read_only_reason(plain_user / "gone" / "new.py", 0) is None

    path.chmod(0o444)
    assert disk.read_only_reason(path, 3) == "read-only: no permission to write"
    with pytest.raises(DgeditError, match="it is read-only"):
        disk.write_atomically(path, b"new")

    path.chmod(0o644)
    plain_user.chmod(0o555)
    try:
        new = plain_user / "new.py"
        assert disk.read_only_reason(new, 3) == "read-only: no permission to write in its folder"
        with pytest.raises(DgeditError, match="Permission denied") as caught:
            disk.write_atomically(new, b"new")
        assert "which this folder does not permit" in caught.value.hint
        assert disk.read_only_reason(path, 3) is None, "it can be written in place"
        assert "in place" in disk.saving_notice(path.stat(), path)
        with pytest.raises(disk.FixedPlaceError, match="Permission denied"):
            disk.write_atomically(path, b"new")
    finally:
        plain_user.chmod(0o755)
    assert path.read_bytes() == b"old"
    assert os.listdir(plain_user) == ["x.py"]


def test_a_large_file_is_read_only() -> None:
    assert disk.read_only_reason(Path("x"), disk.MAX_BYTES) is None
    assert disk.read_only_reason(Path("x"), disk.MAX_BYTES + 1) == "read-only: 20,000,001 bytes, more than 20,000,000"

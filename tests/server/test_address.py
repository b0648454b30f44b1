"""Where a warm process is met, and who is not trusted there."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dgedit.commands import serve as command
from dgedit.errors import DgeditError
from dgedit.server import address, client, protocol
from dgedit.server.address import Place


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory where nobody serves."""
    with tempfile.TemporaryDirectory(prefix="dg") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield Path(runtime)


def test_a_lock_has_one_holder_and_goes_with_it(elsewhere: Path) -> None:
    place = address.place_of("nano")
    address.make_folder(place.folder)
    lock = address.take(place)
    assert lock is not None
    assert address.take(place) is None
    address.sweep(place.folder)
    assert place.lock.exists(), "it is held"
    lock.release()
    assert list(place.folder.iterdir()) == []
    again = address.take(place)
    assert again is not None
    again.release()


def test_a_lock_whose_file_was_taken_away_holds_nothing(elsewhere: Path) -> None:
    place = address.place_of("nano")
    address.make_folder(place.folder)
    lost = address.take(place)
    assert lost is not None
    place.lock.unlink()
    lock = address.take(place)
    assert lock is not None
    assert address.take(place) is None
    lock.release()


def test_nothing_is_found_where_nobody_serves(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert client.find("nano") is None
    assert list(elsewhere.iterdir()) == [], "looking leaves nothing behind"
    for option in ("--status", "--stop"):
        assert command.run(command.parser().parse_args([option])) == 1
    assert "no warm process" in capsys.readouterr().out


def open_to_others(path: Path) -> None:
    path.mkdir()
    path.chmod(0o755)


def somebody_elses(path: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, os.getuid() + 1, -1)


def a_link(path: Path) -> None:
    (path.parent / "target").mkdir(mode=0o700)
    path.symlink_to(path.parent / "target")


@pytest.mark.parametrize(
    "spoil",
    [
        open_to_others,
        pytest.param(somebody_elses, marks=pytest.mark.skipif(os.getuid() != 0, reason="needs root")),
        a_link,
        Path.touch,
    ],
)
def test_a_folder_that_is_not_mine_alone_is_not_used(elsewhere: Path, spoil: object) -> None:
    place = address.place_of("nano")
    spoil(place.folder)  # type: ignore[operator]
    with socket.socket(socket.AF_UNIX) as listener:
        if place.folder.is_dir():
            listener.bind(str(place.socket))
            listener.listen()
        assert client.find("nano") is None
    with pytest.raises(DgeditError, match=str(place.folder)):
        client.start_in_background("nano")


def test_the_temporary_folder_is_taken_where_there_is_no_runtime_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for value in ("", "relative", "/nowhere", str(tmp_path / ("x" * 100))):
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert address.folder() == tmp_path / f"dgedit-{os.getuid()}", value


def fake(place: Place, says: bytes) -> socket.socket:
    """Somebody who listens where a server should, and says one thing to everyone."""
    address.make_folder(place.folder)
    listener = address.listen(place)

    def greet() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.sendall(says)
            threading.Timer(1.0, connection.close).start()

    threading.Thread(target=greet, daemon=True).start()
    return listener


HELLO = protocol.to_line(protocol.Hello(pid=1, model="nano", uptime_s=0.0, infills=0, is_ready=True))


@pytest.mark.parametrize(
    "says",
    [HELLO.replace(b'"wire":1', b'"wire":99'), b"hello\n", HELLO + HELLO, b""],
    ids=["version", "no message", "twice", "silent"],
)
def test_who_speaks_another_language_is_not_asked(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    monkeypatch.setattr(address, "PATIENCE_S", 0.2)
    with closing(fake(address.place_of("nano"), says)) as listener:
        assert client.find("nano") is None
        if not says.startswith(HELLO):
            (status,) = client.statuses()
            assert status.pid == os.getpid()
            assert "does not answer" in command.shown(status)
        listener.shutdown(socket.SHUT_RDWR)


def test_the_place_is_of_the_model_and_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    nano, own = address.place_of("nano"), address.place_of(str(folder))
    assert nano != own
    assert address.place_of("own") == own
    assert address.place_of("own:nf4") != own
    (folder / "model.safetensors").write_bytes(b"22")
    assert address.place_of("own") != own
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert address.place_of("nano") != nano
    assert len(os.fsencode(nano.socket)) < 104


def test_code_that_changed_is_another_code(tmp_path: Path) -> None:
    stamps = set()
    for name in ("server/server.py", "engine/a.py", "engine/models/b.py", "kernels/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
        address.code_stamp.cache_clear()
        stamps.add(address.code_stamp(tmp_path))
    address.code_stamp.cache_clear()
    assert len(stamps) == 4
    assert all((address.PACKAGE / part).exists() for part in address.CODE), "a part was renamed"

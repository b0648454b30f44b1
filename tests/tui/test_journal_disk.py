"""The editor with a journal that cannot be kept: a disk that is full, or closed, or no folder. It is said at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dgedit.files import journal

from ..support.terminal import EDITOR, READY, SAVE, UNDO, leave, terminal

SAID = "unsaved work would not survive a crash"
MOUNTED = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
BIG = b"x" * 300_000


def on_disk(options: str, folder: Path) -> list[str]:
    """The editor, with a small disk of its own mounted over a folder."""
    mounted = ["unshare", "-rm", "sh", "-c", MOUNTED, "sh", options, str(folder)]
    try:
        allowed = subprocess.run([*mounted, "true"], capture_output=True)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    if allowed.returncode:
        pytest.skip("mounting is not permitted here")
    return [*mounted, *EDITOR]


@pytest.fixture
def state() -> Path:
    """Where journals are kept."""
    folder = journal.folder()
    folder.mkdir(parents=True)
    return folder


def test_a_full_disk_is_said_until_there_is_room_again(tmp_path: Path, state: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"first\n")
    with terminal(str(path), command=on_disk("size=128k", state), columns=120) as screen:
        screen.wait_for(READY)
        screen.type(b"ab")
        screen.wait_for("x.py *")
        assert SAID not in screen.screen.text
        screen.type(b"\x1b[200~" + BIG + b"\x1b[201~")
        screen.wait_for(SAID)
        screen.type(UNDO)
        screen.wait_gone(SAID)
        screen.type(b"\x1b[200~" + BIG + b"\x1b[201~")
        screen.wait_for(SAID)
        screen.type(SAVE)
        screen.wait_file(path, b"ab" + BIG + b"first\n")
        screen.wait_gone(SAID)
        leave(screen)


def closed(state: Path) -> list[str]:
    return on_disk("size=128k,ro", state)


def no_folder(state: Path) -> list[str]:
    state.rmdir()
    state.write_bytes(b"a file stands here")
    return list(EDITOR)


def full_from_the_start(state: Path) -> list[str]:
    mounted = on_disk("size=64k", state)
    fill = 'head -c 100000 /dev/zero > "$1/other" 2> /dev/null; shift; exec "$@"'
    at = mounted.index(sys.executable)
    return [*mounted[:at], "sh", "-c", fill, "sh", str(state), *mounted[at:]]


@pytest.mark.parametrize("broken", [closed, no_folder, full_from_the_start])
def test_a_journal_that_cannot_be_written_is_said_and_saving_goes_on(
    broken: Callable[[Path], list[str]], tmp_path: Path, state: Path
) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"first\n")
    with terminal(str(path), command=broken(state), columns=120) as screen:
        # At once: before anything is typed.
        screen.wait_for(SAID)
        screen.type(b"ab" + SAVE)
        screen.wait_file(path, b"abfirst\n")
        leave(screen)
    assert os.listdir(tmp_path) == ["x.py"]

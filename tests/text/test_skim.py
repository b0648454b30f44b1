"""What a check leaves unread holds nothing, and is nothing that something must be said of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dgedit.batch.fill import Mode, PipeOptions
from dgedit.batch.fill import run as fill
from dgedit.commands.fill import parser, run
from dgedit.errors import ExitCode
from dgedit.files import disk
from dgedit.text import skim

TEXTS = {
    "plain": (b"x = 1\n", True),
    "empty": (b"", True),
    "latin-1": ("gr\u00fc\u00dfe\n".encode("latin-1"), True),
    "prose about dgedit": (b"dgedit is an editor\n", True),
    "a marker": (b"x = <FILL_ME>\n", False),
    "a comment": (b"# dgedit: fill\n", False),
    "a comment in prose, to be looked at": (b"say dgedit: end of the story\n", False),
    "binary": (b"\0\1\2", False),
    "many control bytes": (b"\1" * 400, False),
    "UTF-16 without zero bytes": ("\ufeff\u4e2d<FILL_ME>".encode("utf-16-le"), False),
    "UTF-16": ("x = 1".encode("utf-16"), False),
    "UTF-32": ("x = 1".encode("utf-32"), False),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_left_out(name: str, tmp_path: Path) -> None:
    raw, expected = TEXTS[name]
    path = tmp_path / "a.py"
    path.write_bytes(raw)
    assert skim.is_plainly_empty(str(path)) is expected
    whole = fill(PipeOptions(sources=(str(path),), mode=Mode.CHECK))
    assert run(parser().parse_args(["--check", str(path)])) == whole
    assert not expected or whole is ExitCode.OK


def test_what_cannot_be_read_is_left_to_others(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "pipe", ".", "a\0b"):
        assert not skim.is_plainly_empty(str(tmp_path / name) if "\0" not in name else name)
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, skim.LARGEST + 1)
    assert not skim.is_plainly_empty(str(large))
    assert skim.LARGEST == disk.MAX_BYTES


def test_counts_are_those_of_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("a.py", "x = 1\n"), ("b.py", "<FILL_ME>\n"), ("c.py", "y = 2\n")):
        (tmp_path / name).write_text(text)
    names = [str(tmp_path / name) for name in ("a.py", "b.py", "c.py")]
    assert run(parser().parse_args(["--check", *names])) == ExitCode.HOLES_LEFT
    assert "1 hole to fill in 1 of 3 files" in capsys.readouterr().err
    assert run(parser().parse_args(["--check", names[0], names[2]])) == ExitCode.OK
    assert "nothing to fill" in capsys.readouterr().err
    # What a pattern names stands in any file.
    assert run(parser().parse_args(["--check", "--hole", "y = .", *names])) == ExitCode.HOLES_LEFT

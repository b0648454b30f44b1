"""The command line of `dgedit fill`: what is refused before anything is read, and what the help says."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.commands import fill as command
from dgedit.errors import ExitCode

Capture = pytest.CaptureFixture[bytes]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required"),
        (["a.py", "b.py"], "several files need"),
        (["-", "-", "--check"], "can be read once"),
        (["-", "--in-place"], "--in-place needs files"),
        (["a.py", "b.py", "--diff", "--lines", "3"], "are of one file"),
        (["a.py", "--check", "--diff"], "not allowed with"),
        (["a.py", "--strength", "0"], "must be above 0"),
        (["a.py", "--strength", "nan"], "must be above 0"),
        (["a.py", "--timeout", "-1"], "must be at least 0"),
        (["a.py", "--timeout", "inf"], "must be at least 0"),
        (["a.py", "--hole-timeout", "x"], "invalid"),
        (["a.py", "--lengths", "0"], "must be at least 1"),
        (["a.py", "--lengths", "3,"], "invalid"),
        (["a.py", "--seed", "-1"], "must be at least 0"),
        (["a.py", "--nonsense"], "unrecognized"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        command.run(command.parser().parse_args(arguments))
    assert caught.value.code == ExitCode.ERROR
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_marker_only_ignores_what_is_named(tmp_path: Path, capfdbinary: Capture) -> None:
    path = tmp_path / "x.py"
    path.write_text("a = 1\nb = <FILL_ME>\nc = ???\n")
    arguments = [str(path), "--check", "--lines", "1", "--hole", r"\?\?\?"]
    assert command.run(command.parser().parse_args(arguments)) == ExitCode.HOLES_LEFT
    assert capfdbinary.readouterr().err.count(b"x.py:") == 3
    assert command.run(command.parser().parse_args([*arguments, "--marker-only"])) == ExitCode.HOLES_LEFT
    assert capfdbinary.readouterr().err.count(b"x.py:") == 1


def test_the_help_says_what_a_person_needs() -> None:
    text = command.parser().format_help()
    for word in ("dgedit: begin", "exit codes", "130", "--stdin-filename", '"version": 1', "examples:", "summary"):
        assert word in text
    assert max(map(len, command.EPILOG.splitlines())) <= 120

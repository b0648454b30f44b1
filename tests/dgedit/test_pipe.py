"""`dgedit fill` as a process: what goes to which stream, and that no failure loses a byte."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dgedit import pipe
from dgedit.errors import ExitCode

SOURCE = b"def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"


def dgedit(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "dgedit", *arguments], input=stdin, capture_output=True, timeout=120)


def test_a_hole_is_filled_and_everything_else_is_kept() -> None:
    done = dgedit("fill", "-", stdin=SOURCE)
    assert done.returncode == ExitCode.OK
    before, after = SOURCE.split(b"<FILL_ME>")
    assert done.stdout.startswith(before)
    assert done.stdout.endswith(after)
    assert b"<FILL_ME>" not in done.stdout
    assert len(done.stdout) > len(before) + len(after)
    assert b"filled 1 span" in done.stderr
    assert done.stderr.count(b"\n") == done.stderr.count(b"dgedit: ")
    assert b"\r" not in done.stderr, "no progress line where there is no terminal"


def test_the_same_seed_gives_the_same_bytes_and_quiet_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE)
    runs = [dgedit("fill", str(path), "--seed", "3", "--steps", "4", "--quiet") for _ in range(2)]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stderr == b""
    assert path.read_bytes() == SOURCE, "a file that is named is read, not written"


def test_several_holes_inline_and_alone_and_by_line() -> None:
    text = b"import os\n\nx = len(<FILL_ME>)\n<FILL_ME>\ny = 1\nprint(x)\n"
    done = dgedit("fill", "-", "--lines", "5-5", stdin=text)
    assert done.returncode == ExitCode.OK
    assert b"filled 3 spans" in done.stderr
    assert done.stdout.startswith(b"import os\n\nx = len(")
    assert done.stdout.endswith(b"\nprint(x)\n")
    assert b"<FILL_ME>" not in done.stdout


def test_crlf_text_stays_crlf() -> None:
    done = dgedit("fill", "-", stdin=SOURCE.replace(b"\n", b"\r\n"))
    assert done.returncode == ExitCode.OK
    assert done.stdout.count(b"\n") == done.stdout.count(b"\r\n") > 3


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (["-"], b"x = 1\n", ExitCode.NOTHING_TO_FILL, b"nothing to fill"),
        (["-"], b"", ExitCode.NOTHING_TO_FILL, b"nothing to fill"),
        (["-", "--lines", "9-9"], SOURCE, ExitCode.ERROR, b"the text has 5 lines"),
        (["-", "--lines", "x"], SOURCE, ExitCode.ERROR, b"is not a range"),
        (["-", "--lines", "3-4"], SOURCE, ExitCode.ERROR, b"overlap"),
        (["-"], b"a\0<FILL_ME>", ExitCode.ERROR, b"binary"),
        (["-"], b"\xff<FILL_ME>", ExitCode.ERROR, b"not UTF-8"),
        (["-", "--model", "nope"], SOURCE, ExitCode.ERROR, b"unknown model 'nope'"),
        (["-", "--lines", "1-60"], b"value = compute(argument)\n" * 60, ExitCode.ERROR, b"choose fewer lines"),
    ],
)
def test_a_failure_gives_the_input_back_and_says_why_in_one_line(
    arguments: list[str], stdin: bytes, code: ExitCode, message: bytes
) -> None:
    done = dgedit("fill", *arguments, stdin=stdin)
    assert done.returncode == code
    assert done.stdout == stdin
    assert message in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_missing_file_is_said() -> None:
    done = dgedit("fill", "/nowhere/x.py")
    assert (done.returncode, done.stdout) == (ExitCode.ERROR, b"")
    assert b"no such file" in done.stderr


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--steps", "0"], ["--nonsense"], []])
def test_bad_options_are_refused_before_anything_is_read(arguments: list[str]) -> None:
    done = dgedit("fill", *arguments, stdin=SOURCE)
    assert done.returncode == 2
    assert b"dgedit fill: error" in done.stderr


def test_a_defect_of_ours_still_gives_the_input_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE)

    def broken(_name: str) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(pipe, "load_model", broken)
    assert pipe.run(pipe.PipeOptions(source=str(path))) is ExitCode.ERROR
    captured = capfdbinary.readouterr()
    assert captured.out == SOURCE
    assert b"boom" in captured.err


def test_an_interrupt_gives_the_input_back() -> None:
    many = b"".join(b"a%d = <FILL_ME>\n" % number for number in range(400))
    child = subprocess.Popen(
        [sys.executable, "-m", "dgedit", "fill", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin is not None
    child.stdin.write(many)
    child.stdin.close()
    child.stdin = None
    time.sleep(6)
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == ExitCode.CANCELLED
    assert out == many
    assert b"cancelled" in err


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "dgedit", "fill", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    child.stdout.close()
    child.stdin.write(b"x = 1\n" * 30_000)
    child.stdin.close()
    child.stdin = None
    assert child.stderr is not None
    err = child.stderr.read()
    child.wait(timeout=60)
    assert b"Traceback" not in err
    assert child.returncode != 0

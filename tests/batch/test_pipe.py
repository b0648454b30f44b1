"""`dgedit fill` as a process: what goes to which stream, and that no failure loses a byte."""

from __future__ import annotations

import os
import pty
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dgedit.batch.fill import PipeOptions, run
from dgedit.errors import ExitCode

SOURCE = b"def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
MANY = b"".join(b"a%d = <FILL_ME>\n" % number for number in range(400))
COMMAND = [sys.executable, "-m", "dgedit", "fill"]


TELLING = """
import sys
from dgedit import cli; from dgedit.batch import fill as pipe
def imported(event, what):
    if event == "import" and what[0] == "torch":
        print("torch is imported", file=sys.stderr, flush=True)
def shown(self, number, what):
    print("a pass is done", file=sys.stderr, flush=True)
sys.addaudithook(imported)
pipe.Progress.show = shown
sys.exit(cli.main(["fill", "-"]))
"""
"""`dgedit fill -` that says on standard error how far it is."""


def dgedit(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "dgedit", *arguments], input=stdin, capture_output=True, timeout=120)


def begun(*arguments: str) -> subprocess.Popen[bytes]:
    """A fill whose standard input is `MANY`."""
    child = subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None
    child.stdin.write(MANY)
    child.stdin.close()
    child.stdin = None
    return child


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


def test_holes_of_every_kind_are_filled_together() -> None:
    text = b"import os\n\nx = len(<FILL_ME>)\n# dgedit: fill lines=1 say it\ny = 1\nprint(x, y)\n???\n"
    done = dgedit("fill", "-", "--lines", "5-5", "--span", "6:7-6:8", "--hole", r"\?+", stdin=text)
    assert done.returncode == ExitCode.OK
    assert b"filled 5 spans" in done.stderr
    assert b"cannot follow an instruction" in done.stderr
    assert done.stdout.startswith(b"import os\n\nx = len(")
    assert b", y)\n" in done.stdout
    assert not any(gone in done.stdout for gone in (b"<FILL_ME>", b"dgedit:", b"???"))


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (["-"], b"x = 1\n", ExitCode.OK, b"nothing to fill"),
        (["-"], b"", ExitCode.OK, b"nothing to fill"),
        (["-", "--lines", "9-9"], SOURCE, ExitCode.ERROR, b"the text has 5 lines"),
        (["-", "--lines", "x"], SOURCE, ExitCode.ERROR, b"is not a range"),
        (["-", "--lines", "3-4"], SOURCE, ExitCode.ERROR, b"overlap"),
        (["-", "--hole", "("], SOURCE, ExitCode.ERROR, b"is no regular expression"),
        (["-"], b"# dgedit: begin\n", ExitCode.ERROR, b"line 1: dgedit: begin without an end"),
        (["-"], b"a\0<FILL_ME>", ExitCode.ERROR, b"binary"),
        (["-", "--model", "nope"], SOURCE, ExitCode.ERROR, b"nope"),
        (["-", "--lines", "1-60"], b"value = compute(argument)\n" * 60, ExitCode.ERROR, b"choose fewer lines"),
        (["-", "--timeout", "0"], SOURCE, ExitCode.HOLES_LEFT, b"standard input:4: left as it was"),
    ],
)
def test_without_an_answer_the_input_comes_out(
    arguments: list[str], stdin: bytes, code: ExitCode, message: bytes
) -> None:
    done = dgedit("fill", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (code, stdin)
    assert message in done.stderr
    assert done.stderr.count(b"\n") == done.stderr.count(b"dgedit: ") or b"dgedit: begin" in done.stderr


def test_a_missing_file_is_said() -> None:
    done = dgedit("fill", "/nowhere/x.py")
    assert (done.returncode, done.stdout) == (ExitCode.ERROR, b"")
    assert b"no such file" in done.stderr


def test_a_check_imports_no_torch_and_looks_at_a_text_as_its_name_says() -> None:
    code = "import sys; from dgedit.cli import main; c = main(sys.argv[1:]); print('torch' in sys.modules); sys.exit(c)"
    arguments = ["fill", "--check", "-", "--stdin-filename", "src/a.rs"]
    text = b"// dgedit: fill\n# dgedit: fill\n"
    done = subprocess.run([sys.executable, "-c", code, *arguments], input=text, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (ExitCode.HOLES_LEFT, b"False\n")
    assert done.stderr == b"src/a.rs:1: // dgedit: fill\ndgedit: 1 hole to fill in 1 file\n"


def test_a_defect_of_ours_still_gives_the_input_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE)

    def broken(*_arguments: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("dgedit.fill.document.open_model", broken)
    assert run(PipeOptions(sources=(str(path),))) is ExitCode.ERROR
    captured = capfdbinary.readouterr()
    assert captured.out == SOURCE
    assert b"boom" in captured.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["torch is imported", "a pass is done"])
def test_a_signal_gives_the_input_back(number: signal.Signals, when: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", TELLING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stderr is not None
    child.stdin.write(MANY)
    child.stdin.close()
    child.stdin = None
    while child.stderr.readline().decode().strip() != when:
        assert child.poll() is None
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (ExitCode.CANCELLED, MANY)
    assert err.count(b"cancelled; the text is unchanged") == 1
    assert b"Traceback" not in err


def test_a_signal_leaves_a_file_untouched(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(MANY)
    child = begun("--in-place", "--json", str(path))
    assert child.stdout is not None
    first = child.stdout.readline()
    assert b'"type":"frame"' in first
    child.send_signal(signal.SIGTERM)
    out, _err = child.communicate(timeout=60)
    assert child.returncode == ExitCode.CANCELLED
    assert out.endswith(b'"exit":130}\n')
    assert path.read_bytes() == MANY
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    child = begun("-", "--json")
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.readline()
    child.stdout.close()
    err = child.stderr.read()
    assert child.wait(timeout=60) == ExitCode.ERROR
    assert err == b""


@pytest.mark.parametrize("text", [b"x = 1\n" * 30_000, SOURCE], ids=["echoed", "filled"])
def test_a_full_disk_behind_standard_output_is_said(text: bytes) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "-", "-q"], input=text, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == ExitCode.ERROR
    assert done.stderr == b"dgedit: cannot write standard output: No space left on device\n"


def test_a_full_disk_leaves_the_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE + b"#" * 200_000)
    done = subprocess.run(
        [*COMMAND, "--in-place", str(path)],
        capture_output=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode == ExitCode.ERROR
    assert b"the file is as it was" in done.stderr
    assert path.read_bytes() == SOURCE + b"#" * 200_000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_narration_that_cannot_be_written_stops_nothing(redirection: str) -> None:
    shell = f'exec "$0" -m dgedit fill - {redirection}'
    done = subprocess.run(["sh", "-c", shell, sys.executable], input=b"x = 1\n", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (ExitCode.OK, b"x = 1\n")


@pytest.mark.parametrize(
    ("redirection", "message"), [(">&-", b"standard output is closed"), ("<&-", b"standard input is closed")]
)
def test_closed_streams_are_said(redirection: str, message: bytes) -> None:
    shell = f'exec "$0" -m dgedit fill -q - {redirection}'
    done = subprocess.run(["sh", "-c", shell, sys.executable], input=b"x = 1\n", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (ExitCode.ERROR, b"")
    assert done.stderr.startswith(b"dgedit: " + message)
    assert done.stderr.count(b"\n") == 1


def test_in_place_needs_no_standard_output(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"x = 1\n")
    shell = 'exec "$0" -m dgedit fill -q --in-place "$1" >&-'
    done = subprocess.run(["sh", "-c", shell, sys.executable, str(path)], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (ExitCode.OK, b"")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_diff_has_colours_on_a_terminal_alone(no_color: str, coloured: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE)
    ours, theirs = pty.openpty()
    environment = os.environ | {"NO_COLOR": no_color, "TERM": "xterm"}
    child = subprocess.Popen([*COMMAND, "--diff", "-q", str(path)], stdout=theirs, env=environment)
    assert child.wait(timeout=60) == ExitCode.OK
    shown = b""
    while select.select([ours], [], [], 0.2)[0]:
        shown += os.read(ours, 65_536)
    os.close(ours)
    os.close(theirs)
    assert b"+++ " in shown
    assert (b"\x1b[31m-        <FILL_ME>" in shown) is coloured
    assert (b"\x1b" in shown) is coloured

"""A text that is on its way through comes out again, whatever fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dgedit.batch.child import Child, OverdueError
from dgedit.batch.fill import PipeOptions, run
from dgedit.errors import DgeditError, ExitCode

from ..support.answers import Answers

REPOSITORY = Path(__file__).parents[2]
TEXT = b"def f():\n    return <FILL_ME>\n"
DGEDIT = [sys.executable, "-m", "dgedit"]


def piped(*arguments: str, code: str = "", **more: str) -> subprocess.CompletedProcess[bytes]:
    """A filter with `TEXT`; the code runs before the command line."""
    program = f"import sys\n{code}\nfrom dgedit.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, input=TEXT, capture_output=True, timeout=120, env=os.environ | more)


@pytest.mark.parametrize(
    "arguments",
    [
        ["fill", "--seed", "abc", "-"],
        ["fill", "--sed", "3", "-"],
        ["fill", "-", "other.py"],
        ["fill", "-", "-"],
        ["fill", "-", "--steps", "-1"],
        ["fill", "-", "--strength", "2"],
        ["fix", "--seed", "abc", "-"],
        ["fix", "-", "--timeout", "soon"],
        ["fil", "-"],
        ["-"],
    ],
)
def test_a_usage_error_costs_no_text(arguments: list[str]) -> None:
    done = piped(*arguments)
    assert (done.returncode, done.stdout) == (ExitCode.ERROR, TEXT)
    assert done.stderr


@pytest.mark.parametrize("arguments", [["fill", "--diff", "--seed", "x", "-"], ["fill", "--js", "--seed", "x", "-"]])
def test_what_carries_no_text_gets_none(arguments: list[str]) -> None:
    done = piped(*arguments)
    assert (done.returncode, done.stdout) == (ExitCode.ERROR, b"")


FAILURES = {
    "an abort": "os.abort()",
    "a fault of memory": "os.kill(os.getpid(), signal.SIGSEGV)",
    "the killer of a machine without memory": "os.kill(os.getpid(), signal.SIGKILL)",
    "an end of the process": "os._exit(0)",
    "no memory": "raise MemoryError",
    "a panic, which is no Exception": "raise type('PanicException', (BaseException,), {})('index out of bounds')",
    "an exit": "sys.exit(0)",
    "a defect": "1 / 0",
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("command", ["fill", "fix"])
def test_whatever_befalls_the_model_costs_no_text(name: str, command: str) -> None:
    broken = f"def broken(*_a, **_k):\n    {FAILURES[name]}\n"
    code = f"import os, signal\n{broken}\nimport dgedit.fill.open, dgedit.fill.document\n"
    code += "dgedit.fill.open.load_model = dgedit.fill.document.open_model = broken\n"
    text = b"x = (1\ny = [\nz = q(\n"
    program = f"import sys\n{code}\nfrom dgedit.cli import main\nsys.exit(main())"
    raw = TEXT if command == "fill" else text
    done = subprocess.run([sys.executable, "-c", program, command, "-"], input=raw, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (ExitCode.ERROR, raw), done.stderr
    assert done.stderr.startswith(b"dgedit: ")


def test_limited_memory_costs_no_text() -> None:
    code = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))\n"
    done = piped("fill", "-", code=code)
    assert (done.returncode, done.stdout) == (ExitCode.ERROR, TEXT)
    assert done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_a_signal_before_anything_stands_costs_no_text(number: signal.Signals, pause_s: float) -> None:
    told = "import dgedit.first_signals, sys\ndgedit.first_signals.remember(sys.argv[1:])\n"
    told += "print(1, file=sys.stderr, flush=True)\n"
    program = f"{told}from dgedit.cli import main\nsys.exit(main())"
    child = subprocess.Popen(
        [sys.executable, "-c", program, "fill", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    child.stderr.readline()
    time.sleep(pause_s)
    child.send_signal(number)
    out, err = child.communicate(TEXT, timeout=60)
    assert (child.returncode, out) == (ExitCode.CANCELLED, TEXT)
    assert err.count(b"cancelled; the text is unchanged") == 1
    assert b"Traceback" not in err


def test_a_signal_while_the_input_comes_costs_nothing_of_it() -> None:
    child = subprocess.Popen(
        [*DGEDIT, "fill", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None
    child.stdin.write(TEXT)
    child.stdin.flush()
    time.sleep(1.0)
    child.send_signal(signal.SIGTERM)
    child.stdin.write(TEXT)
    out, _ = child.communicate(timeout=60)
    assert (child.returncode, out) == (ExitCode.CANCELLED, TEXT * 2)


def test_a_time_limit_holds_for_a_model_that_never_comes() -> None:
    code = "import dgedit.fill.document, time\ndgedit.fill.document.open_model = lambda *_: time.sleep(600)\n"
    done = piped("fill", "-", "--timeout", "0.5", code=code)
    assert (done.returncode, done.stdout) == (ExitCode.HOLES_LEFT, TEXT)
    assert b"standard input:2: left as it was: it was not done in time" in done.stderr


STUCK = """
import time
import dgedit.batch.fill
from tests.support.answers import Answers

class Stuck(Answers):
    def fill(self, *asked):
        for number, what in super().fill(*asked):
            if number == 2:
                time.sleep(600)
            yield number, what

dgedit.batch.fill.LocalFiller = lambda *_a, **_k: Stuck("first", "second\\nhalf", "third")
"""
HOLES = b"a = <FILL_ME>\r\nb = [<FILL_ME>]\r\nc = <FILL_ME>\r\n"
KEPT = b"a = first\r\nb = [second\r\nhalf]\r\nc = <FILL_ME>\r\n"


@pytest.mark.parametrize("mode", ["", "--in-place", "--json", "--diff"])
def test_holes_that_were_filled_are_kept_when_the_child_is_ended_at_the_limit(mode: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(HOLES)
    program = (
        f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n{STUCK}\nfrom dgedit.cli import main\nsys.exit(main())"
    )
    arguments = ["fill", *([mode] if mode else []), "--timeout", "0.5", "a.py"]
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == ExitCode.HOLES_LEFT, done.stderr
    assert b"a.py:3: left as it was: it was not done in time" in done.stderr
    assert (tmp_path / "a.py").read_bytes() == (KEPT if mode == "--in-place" else HOLES)
    if mode == "":
        assert done.stdout == KEPT
    elif mode == "--diff":
        assert b"+a = first" in done.stdout
        assert b"+c" not in done.stdout
    elif mode == "--json":
        *results, summary = [json.loads(line) for line in done.stdout.splitlines() if b'"frame"' not in line]
        endings = [(each["hole"], each["ending"], each["text"]) for each in results]
        assert endings == [(1, "filled", "first"), (2, "filled", "second\r\nhalf"), (3, "timeout", None)]
        assert summary["files"] == [{"file": "a.py", "holes": 3, "filled": 2, "left": 1, "changed": True}]


@pytest.mark.parametrize("endless", ["/dev/zero", "yes"])
def test_endless_input_is_refused_at_a_size(endless: str) -> None:
    shell = 'exec "$0" -m dgedit fill -' + (" < /dev/zero" if endless != "yes" else "")
    command = ["sh", "-c", f"yes | {shell}" if endless == "yes" else shell, sys.executable]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == ExitCode.ERROR
    assert b"standard input has more than 200,000,000 bytes" in done.stderr
    assert done.stdout == b""


def test_an_endless_file_is_refused_at_a_size(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(PipeOptions(sources=("/dev/zero",)), Answers()) is ExitCode.ERROR
    assert b"/dev/zero has more than 200,000,000 bytes" in capfdbinary.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="mounts need a namespace of one's own")
def test_without_a_folder_to_write_in_a_fill_works(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(TEXT)
    shell = (
        "for folder in /tmp /var/tmp /usr/tmp; do [ -d $folder ] && mount -t tmpfs -o ro none $folder; done;"
        'unset XDG_RUNTIME_DIR TMPDIR TEMP TMP; cd /; exec "$0" -m dgedit fill --timeout 60 - < /proc/self/fd/9'
    )
    with open(tmp_path / "a.py", "rb") as text:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", f"exec 9<&0; {shell}", sys.executable],
            stdin=text,
            capture_output=True,
            timeout=120,
        )
    if b"unshare" in done.stderr or b"mount:" in done.stderr:
        pytest.skip("no namespace here")
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.startswith(b"def f():\n    return ")


def test_several_files_go_through_one_child(tmp_path: Path) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_bytes(TEXT)
    command = [*DGEDIT, "fill", "--model", "nano", "--in-place", "--json", "a.py", "b.py", "c.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
    assert done.returncode == ExitCode.OK, done.stderr
    assert all(b"<FILL_ME>" not in (tmp_path / name).read_bytes() for name in ("a.py", "b.py", "c.py"))
    summary = json.loads(done.stdout.splitlines()[-1])
    assert [(each["file"], each["filled"], each["changed"]) for each in summary["files"]] == [
        (name, 1, True) for name in ("a.py", "b.py", "c.py")
    ]


def doing(work: str, tell: object) -> str:
    """What the child of these tests does."""
    assert callable(tell)
    if work == "fails":
        raise DgeditError("it fails", "do not", code=ExitCode.HOLES_LEFT)
    if work == "sleeps":
        time.sleep(600)
    tell(f"begun {work}")
    return f"{work} {os.getpid()}"


def test_a_child_does_one_work_after_another() -> None:
    child, told = Child[str, str](doing), list[str]()
    try:
        first = child.do("a", time.monotonic() + 60, told.append)
        with pytest.raises(DgeditError, match="it fails") as caught:
            child.do("fails", time.monotonic() + 60, told.append)
        assert (caught.value.hint, caught.value.code) == ("do not", ExitCode.HOLES_LEFT)
        second = child.do("b" * 300_000, time.monotonic() + 60, told.append)
    finally:
        child.end()
    assert first.split()[1] == second.split()[1] != str(os.getpid())
    assert told == ["begun a", f"begun {'b' * 300_000}"]


def test_a_late_child_is_ended_and_the_next_work_gets_another() -> None:
    child = Child[str, str](doing)
    try:
        before = child.do("a", time.monotonic() + 60, print)
        with pytest.raises(OverdueError):
            child.do("sleeps", time.monotonic(), print)
        after = child.do("a", time.monotonic() + 60, print)
    finally:
        child.end()
    assert before != after

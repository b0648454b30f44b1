"""Words on their way to a terminal are harmless, and there is no way around the one function that makes them so."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import subprocess
import sys
import tty
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

import dgedit
from dgedit import terminal
from dgedit.batch.fill import PipeOptions, run
from dgedit.engine.types import Frame
from dgedit.errors import ExitCode
from dgedit.fill.harmless import harmless
from dgedit.fill.loop import FillOptions, Limits, Outcome
from dgedit.text.holes import Hole
from dgedit.tui.drawable import Drawable

from .support.answers import Answers, frame, result

HOSTILE = "a\x1b[31m\x1b]0;t\x07\x9b2J\r\n\u202eb\u2066\u200b\x00\udcff.py"
SHOWN = r"a\x1b[31m\x1b]0;t\x07\x9b2J\r\n\u202eb\u2066\u200b\x00\udcff.py"


def test_what_a_terminal_obeys_is_spelt_out() -> None:
    assert terminal.shown(HOSTILE) == SHOWN
    assert terminal.shown("caf\xe9 \u4e2d\u6587 'x' \\") == "caf\xe9 \u4e2d\u6587 'x' \\"
    assert terminal.shown_lines("a\tb\nc\x1b\n") == "a\tb\nc\\x1b\n"


WRITERS = {
    ("terminal", "to_stderr"): "narration, made harmless by its callers in this module",
    ("terminal", "guarded"): "puts the stream that makes words harmless in the place of Python's own",
    ("terminal", "write"): "that stream",
    ("terminal", "writelines"): "that stream",
    ("batch/output", "__init__"): "asks whether it is a terminal",
    ("batch/output", "write"): "asks whether it is closed",
    ("batch/output", "_write"): "data, and texts by way of `write_text`, which makes them harmless on a terminal",
    ("batch/output", "write_text"): "there that is done",
    ("batch/output", "_encoded"): "asks for the encoding",
    ("batch/output", "_let_go"): "closes it",
    ("batch/output", "printed"): "words by way of `shown_lines`",
    ("batch/output", "delivered"): "texts by way of `write_text`",
    ("batch/output", "diff_of"): "asks whether it is a terminal",
    ("batch/run", "_deliver"): "texts by way of `write_text`, records and diffs, which are harmless",
    ("batch/echo", "give_back"): "texts by way of `write_text`",
    ("batch/child", "_begin"): "flushes it before a fork",
    ("batch/child", "_send"): "a pipe between two processes of dgedit",
    ("batch/fill", "run"): "asks whether it is a terminal",
    ("batch/fill", "__init__"): "asks whether it is a terminal",
    ("cli", "_let_go_of_streams"): "flushes them at the end",
    ("commands/doctor", "examine"): "asks for the encoding",
    ("commands/editor", "run"): "asks whether it is a terminal",
    ("commands/editor", "__call__"): "the version, by way of `terminal.guarded`",
    ("files/disk", "write_all"): "a file",
    ("tui/app", "__init__"): "asks how many colours the terminal has",
    ("tui/driver", "disable_input"): "a pipe to the thread that reads keys",
    ("tui/widgets/code_area", "insert_pasted"): "the text area's own writing at its cursors",
    ("tui/widgets/cursors", "takes"): "that writing",
    ("tui/driver", "write"): "rows of the screen, which have gone through `Drawable`, and Textual's own sequences",
    ("tui/launch", "run"): "flushes it at the end",
    ("server/server", "run"): "flushes it at the end",
    ("server/client", "_open_log"): "a file",
    ("hook/git", "blobs"): "the input of a program",
    ("judges/programs", "ask"): "a file",
    ("tui/screenshot", "save"): "a file",
}
"""Which functions have to do with Python's standard streams, a descriptor or the terminal, and what.

Everything else has no way to a terminal; what a library prints goes through `terminal.guarded`.
"""
TOOLS = ("bench", "engine", "kernels")
"""Measurements, whose prints go through `terminal.guarded`, and what knows no terminal."""
STREAMS = ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")
DESCRIPTORS = ("os.write", "os.writev", "os.pwrite", "os.sendfile", "os.fdopen", "os.system", "os.popen")
PRINTERS = ("print", "input", "breakpoint", "sys.displayhook", "sys.excepthook", "traceback.print_exc")
TERMINALS = ("/dev/tty", "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2", "/proc/self/fd/1", "/proc/self/fd/2")


def writers(tree: ast.AST) -> set[str]:
    """The functions of a module from which there is a way to a terminal."""
    found = set[str]()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and any(map(_leads_out, ast.walk(function))):
            found.add(function.name)
    return found


def _leads_out(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) in (*STREAMS, *DESCRIPTORS, *PRINTERS) or node.attr in ("console", "_writer_thread")
    if isinstance(node, ast.Name):
        return node.id in PRINTERS
    if isinstance(node, ast.Constant):
        return node.value in TERMINALS
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("write", "writelines", "write_text", "print") and not _is_of_file(node.func)
    return False


def _is_of_file(called: ast.Attribute) -> bool:
    """Whether it is a path or a journal that is written."""
    return ast.unparse(called.value).split(".")[-1] in ("journal", "copy", "path", "file", "writer", "transport")


def test_nobody_writes_around_it() -> None:
    root = Path(dgedit.__file__).parent
    found = set[tuple[str, str]]()
    for path in root.rglob("*.py"):
        module = path.relative_to(root).with_suffix("").as_posix()
        if module.split("/")[0] not in TOOLS:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {(module, name) for name in writers(tree)}
            imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            names = {f"{node.module}.{alias.name}" for node in imported for alias in node.names}
            assert not names & {*STREAMS, *DESCRIPTORS, *PRINTERS}, f"{module} hides a stream behind another name"
    assert found - WRITERS.keys() == set()
    assert WRITERS.keys() - found == set(), "who no longer writes"


WAYS_AROUND = [
    "print(x)",
    "sys.stdout.write(x)",
    "sys.stdout.buffer.write(x)",
    "stream = sys.stderr",
    "print(x, file=sys.stderr)",
    "os.write(1, x)",
    "open('/dev/tty', 'w')",
    "app.console.print(x)",
    "driver.write(x)",
    "call = print",
]


@pytest.mark.parametrize("way", WAYS_AROUND)
def test_the_search_finds_every_way(way: str) -> None:
    assert writers(ast.parse(f"def f(x):\n    {way}\n")) == {"f"}


@pytest.mark.parametrize("name", ["fill", "fix"])
@pytest.mark.parametrize("mode", [[], ["--check"], ["--diff"], ["--in-place"]])
def test_names_of_files_steer_no_terminal(name: str, mode: list[str], tmp_path: Path) -> None:
    hostile = "a\x1b[31mb\x07\u202ec.py"
    (tmp_path / hostile).write_bytes(b"# dgedit: begin\nx = (\n" if name == "fill" else b"x = <FILL_ME>(\n")
    command = [sys.executable, "-m", "dgedit", name, *mode, hostile, *(["missing\x1b.py"] if mode else [])]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, timeout=120, env=os.environ | {"LC_ALL": "C.UTF-8"}
    )
    said = done.stderr.decode()
    assert done.returncode
    assert r"a\x1b[31mb\x07\u202ec.py" in said
    assert all(sign.isprintable() or sign == "\n" for sign in said), repr(said)


def test_words_of_the_command_line_and_of_settings_steer_no_terminal(tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('[editor]\ntheme = "\\u001b[31m"\n"\\u001b]0;x\\u0007" = 1\n')
    more = {"LC_ALL": "C.UTF-8", "DGEDIT_CONFIG": str(settings)}
    for arguments in (
        ["fill", "--\x1b[31m"],
        ["fix", "--model", "\x1b[2J", "a"],
        ["doctor", "--no-infill"],
        ["\x1b.py"],
    ):
        command = [sys.executable, "-m", "dgedit", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, env=os.environ | more)
        said = (done.stdout + done.stderr).decode()
        assert done.returncode
        assert all(sign.isprintable() or sign in "\n\t" for sign in said), repr(said)


class Steering(Answers):
    """Its drafts hold what a terminal obeys."""

    def fill(
        self, text: str, holes: Sequence[Hole], options: FillOptions, limits: Limits
    ) -> Generator[tuple[int, Frame | Outcome], None, None]:
        yield 0, frame("a\x1b]0;title\x07b")
        yield from super().fill(text, holes, options, limits)


def test_progress_shows_nothing_that_steers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x = <FILL_ME>\n")))
    assert run(PipeOptions(sources=("-",)), Steering("1")) is ExitCode.OK
    said = capsys.readouterr().err.replace("\r\x1b[K", "")
    assert r"a\x1b]0;title\x07b" in said
    assert "\x1b" not in said


def test_an_answer_that_steers_a_terminal_is_no_answer() -> None:
    assert harmless(frame("a\x1b]0;b")).text == "a]0;b"
    good, bad = result("b"), result("a\x1b[31m")
    both = replace(bad, candidates=(*bad.candidates, *good.candidates))
    kept = harmless(replace(frame("x"), result=both)).result
    assert kept is not None
    assert (kept.text, [each.text for each in kept.candidates]) == ("b", ["b"])
    alone = harmless(replace(frame("x"), result=bad)).result
    assert alone is not None
    assert (alone.text, [each.text for each in alone.candidates]) == ("a[31m", ["a[31m"])
    plain = replace(frame("x\ty\n"), result=good)
    assert harmless(plain) is plain


STEERS = b"# \x1b[31m\x1b]0;owned\x07\x9b2J \xc2\x9b31m \xe2\x80\xae\rx\x00"
"""What a terminal obeys, in bytes that are no UTF-8, as UTF-8, and as control characters of each kind."""


def on_terminal(arguments: Sequence[str], folder: Path, stdin: bytes | None = None) -> tuple[bytes, bytes]:
    """What a command writes where standard output is a terminal, and to standard error."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    command = [sys.executable, "-m", "dgedit", *arguments]
    text = subprocess.PIPE if stdin is not None else subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, stdin=text, stdout=theirs, stderr=subprocess.PIPE) as child:
        os.close(theirs)
        if child.stdin is not None:
            child.stdin.write(stdin or b"")
            child.stdin.close()
        assert child.stderr is not None
        said, written = child.stderr.read(), b""
        with contextlib.suppress(OSError):
            while piece := os.read(ours, 65_536):
                written += piece
    os.close(ours)
    return written, said


def is_harmless(written: bytes) -> bool:
    return all(sign.isprintable() or sign in "\n\t" for sign in written.decode())


TEXTS = {
    "Latin-1": (b"x = 1\n" + STEERS.replace(b"\x00", b"") + b"\n", r"\x1b]0;owned\x07\x9b2J"),
    "UTF-8": (
        ("x = 1\r\n# \x1b[2J\x9b31m\u202e\u200b\x7f caf\u00e9\r\n").encode(),
        r"\x1b[2J\x9b31m\u202e\u200b\x7f café",
    ),
    "UTF-16": (b"\xff\xfe" + "x = 1\n# \x1b[2J\x08\n".encode("utf-16-le"), r"# \x1b[2J\x08"),
    "binary": (b"x\x00\x1b[2J\n", r"x\x00\x1b[2J"),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "arguments",
    [["fill", "x.py"], ["fill", "--model", "/nowhere", "x.py"], ["fill", "-"], ["fill", "--seed", "x", "-"]],
)
def test_a_text_that_is_written_to_a_terminal_does_not_steer_it(
    name: str, arguments: list[str], tmp_path: Path
) -> None:
    raw, shown = TEXTS[name]
    raw += b"y = <FILL_ME>\n" if "/nowhere" in arguments and name != "UTF-16" else b""
    (tmp_path / "x.py").write_bytes(raw)
    written, said = on_terminal(arguments, tmp_path, raw if "-" in arguments else None)
    assert shown in written.decode()
    assert is_harmless(written)
    assert is_harmless(said)
    piped = subprocess.run([sys.executable, "-m", "dgedit", *arguments], cwd=tmp_path, input=raw, capture_output=True)
    assert piped.stdout == raw, "in a pipe the bytes are the text's own"


def test_what_a_library_prints_and_what_nobody_thought_of_do_not_steer_it(tmp_path: Path) -> None:
    code = (
        "import sys, warnings, dgedit.cli, dgedit.commands.stats as stats\n"
        "def run(options):\n"
        "    warnings.warn('a warning \\x1b[2J')\n"
        "    print('printed \\x1b[2J'); print('said \\x1b[2J', file=sys.stderr)\n"
        "    raise RuntimeError('trouble \\x1b[2J')\n"
        "stats.run = run\n"
        "sys.exit(dgedit.cli.main(['stats']))\n"
    )
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    done = subprocess.run([sys.executable, "-c", code], stdout=theirs, stderr=subprocess.PIPE, timeout=120)
    os.close(theirs)
    written = os.read(ours, 65_536)
    os.close(ours)
    assert done.returncode == ExitCode.ERROR
    for words in (b"a warning", b"said", b"RuntimeError: trouble"):
        assert words + rb" \x1b[2J" in done.stderr
    assert written == b"printed \\x1b[2J\n"
    assert b"\x1b" not in done.stderr


def test_a_row_of_the_screen_is_drawable_whoever_makes_it() -> None:
    row = [Segment("a\x1b[31m\x07\u202eb", Style(bold=True)), Segment("c")]
    assert Drawable().apply(row, Color(0, 0, 0)) == [Segment("a·[31m··b", Style(bold=True)), Segment("c")]
    plain = [Segment("caf\u00e9 \u4e2d")]
    assert Drawable().apply(plain, Color(0, 0, 0)) is plain

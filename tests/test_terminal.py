"""Words on their way to a terminal are harmless, and there is no way around the one function that makes them so."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import dgedit
from dgedit import terminal
from dgedit.batch.fill import PipeOptions, run
from dgedit.engine.types import Frame
from dgedit.errors import ExitCode
from dgedit.fill.harmless import harmless
from dgedit.fill.loop import FillOptions, Limits, Outcome
from dgedit.text.holes import Hole

from .support.answers import Answers, frame, result

HOSTILE = "a\x1b[31m\x1b]0;t\x07\x9b2J\r\n\u202eb\u2066\u200b\x00\udcff.py"
SHOWN = r"a\x1b[31m\x1b]0;t\x07\x9b2J\r\n\u202eb\u2066\u200b\x00\udcff.py"


def test_what_a_terminal_obeys_is_spelt_out() -> None:
    assert terminal.shown(HOSTILE) == SHOWN
    assert terminal.shown("caf\xe9 \u4e2d\u6587 'x' \\") == "caf\xe9 \u4e2d\u6587 'x' \\"
    assert terminal.shown_lines("a\tb\nc\x1b\n") == "a\tb\nc\\x1b\n"


WRITERS = {
    ("terminal", "to_stderr"): "narration, made harmless by its callers in this module",
    ("batch/output", "_write"): "data: texts, diffs and records; words by way of `printed`",
    ("batch/child", "_send"): "a pipe between two processes of dgedit",
    ("files/disk", "_write_all"): "a file",
    ("files/recovery", "give_back"): "a text that was lost, to a terminal by way of `terminal.drawn`",
    ("files/disk", "write_all"): "a file",
}
"""Who may write to a descriptor or to Python's standard streams, and what."""
TOOLS = ("bench", "engine", "kernels")
"""Measurements, and what `dgedit` does not run."""


def writers(path: Path) -> set[str]:
    """The functions of a module that print, or write to standard streams or descriptors."""
    found = set[str]()
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
            if any(_writes(ast.unparse(call.func)) for call in calls):
                found.add(function.name)
    return found


def _writes(name: str) -> bool:
    streams = ("sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__")
    to_stream = name.startswith(streams) and name.endswith((".write", ".writelines"))
    return to_stream or name in ("print", "os.write", "os.writev", "os.pwrite", "click.echo")


def test_nobody_writes_around_it() -> None:
    root = Path(dgedit.__file__).parent
    found = set[tuple[str, str]]()
    for path in root.rglob("*.py"):
        module = path.relative_to(root).with_suffix("").as_posix()
        if module.split("/")[0] not in TOOLS:
            found |= {(module, name) for name in writers(path)}
    assert found - WRITERS.keys() == set()
    assert ("terminal", "to_stderr") in found, "the search finds what there is"


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

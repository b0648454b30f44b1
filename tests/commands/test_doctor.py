"""What `dgedit doctor` finds: in this process where a check is pure, else in one that lacks what is to be missed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import dgedit
from dgedit import config
from dgedit.commands import doctor
from dgedit.commands.doctor import Finding, Grade
from dgedit.engine.catalog import DEFAULT_MODEL
from dgedit.errors import ExitCode
from dgedit.tui.commands import COMMANDS

from ..support.remote_server import serving
from ..support.runtimes import Vllm
from ..support.terminal import EDITOR, terminal

ROOT = Path(dgedit.__file__).parents[1]
MAIN = """\
import sys
sys.path[:0] = sys.argv[1:3]
seen = []
def heard(event, given):
    if event in ("socket.getaddrinfo", "socket.sendto") or event == "socket.connect" and isinstance(given[1], tuple):
        seen.append(event)
sys.addaudithook(heard)
from dgedit.cli import main
code = main(["doctor", *sys.argv[3:]])
assert not seen, seen
sys.exit(code)
"""
GOOD_TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PATH": ""}
SIZE = os.terminal_size((80, 24))


def packages_without(folder: Path, *beginnings: str) -> Path:
    """A folder of all that is installed for this Python but what begins with some names."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith(beginnings):
            (folder / entry.name).symlink_to(entry)
    return folder


def examined(
    packages: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code of `dgedit doctor`, run with these packages, and what it found: grade and words by name."""
    command = [sys.executable, "-S", "-P", "-c", MAIN, str(ROOT), str(packages), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, **(env or {})}
    )
    assert done.stderr == ""
    return done.returncode, by_name(done.stdout.splitlines())


def by_name(lines: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Grade and words of printed findings by what they are of."""
    assert all(line[:5].strip() in {grade.value for grade in Grade} for line in lines), lines
    return {line[6:20].strip(): (line[:5].strip(), line[21:]) for line in lines}


def grades(findings: Sequence[Finding]) -> dict[str, Grade]:
    """By what they are of."""
    return {finding.what: finding.grade for finding in findings}


class TestWhole:
    def test_all_is_well_and_nothing_is_sent_or_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path
    ) -> None:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        before = sorted(own_home.rglob("*"))
        code, found = examined(Path(sysconfig.get_path("purelib")))
        assert code == ExitCode.OK, found
        assert re.fullmatch(r"nano [0-9a-f]+ on \S+, ready in [\d.]+ s", found["model"][1])
        assert re.search(r"\d+ ms, the first \d+ ms: \S", found["one infill"][1])
        assert found["nano"][0] == "ok"
        assert found["diffusiongemma"][0] == "note"
        assert str(tmp_path / "cache") in found["diffusiongemma"][1]
        assert "hf download" in found["diffusiongemma"][1]
        assert sorted(own_home.rglob("*")) == before
        assert not (tmp_path / "cache").exists()

    def test_what_is_missing_is_said_with_the_remedy(self, tmp_path: Path) -> None:
        packages = packages_without(tmp_path / "packages", "torch", "textual-", "watchdog")
        made_up = packages / "textual-9.0.0.dist-info"
        made_up.mkdir()
        (made_up / "METADATA").write_text("Metadata-Version: 2.1\nName: textual\nVersion: 9.0.0\n")
        settings = tmp_path / "réglages"
        env = {"PYTHONIOENCODING": "ascii", "XDG_CONFIG_HOME": str(settings)}
        code, found = examined(packages, env=env)
        assert code == ExitCode.ERROR
        assert found["torch"] == ("BAD", 'is not installed; pip install "torch>=2.9"')
        assert found["watchdog"] == ("BAD", 'is not installed; pip install "watchdog>=6"')
        assert found["textual"] == ("BAD", '9.0.0 is not ==8.2.*; pip install "textual==8.2.*"')
        assert found["engine"][0] == "BAD"
        assert "No module named 'torch'" in found["engine"][1]
        assert found["encoding"][0] == "note"
        assert "r\\xe9glages" in found["settings"][1]
        assert "model" not in found

    def test_libraries_that_do_not_fit_are_said(self, tmp_path: Path) -> None:
        packages = packages_without(tmp_path / "packages", "torch")
        (packages / "torch.py").write_text("raise OSError('libc10.so:\\n undefined symbol')")
        code, found = examined(packages)
        assert code == ExitCode.ERROR
        assert found["engine"][0] == "BAD"
        assert "libc10.so: undefined symbol" in found["engine"][1]

    def test_nothing_is_installed(self, tmp_path: Path) -> None:
        (tmp_path / "packages").mkdir()
        code, found = examined(tmp_path / "packages")
        assert code == ExitCode.ERROR
        assert found["packages"] == ("BAD", "packaging is not installed; pip install packaging")
        assert found["engine"][0] == "BAD"

    def test_a_small_and_dumb_terminal(self) -> None:
        command = (*EDITOR, "doctor", "--no-infill")
        with terminal(command=command, columns=60, rows=10, env={"TERM": "dumb"}) as screen:
            assert screen.ended() == ExitCode.ERROR
        printed = screen.raw.decode()
        assert "BAD   terminal       TERM is 'dumb'; set TERM" in printed
        assert "note  size           60x10; everything fits into 80x24" in printed

    def test_an_unknown_model_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        lines = list[str]()
        assert not doctor.report("nowhere", COMMANDS, infills=True, say=lines.append)
        found = by_name(lines)
        assert found["nowhere"][0] == "BAD"
        assert "unknown model 'nowhere'; known: mini, nano" in found["nowhere"][1]
        assert found["model"][0] == "BAD"
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("changed", "size", "encoding", "noted"),
    [
        ({}, SIZE, "utf-8", {}),
        ({}, SIZE, "UTF8", {}),
        ({}, os.terminal_size((79, 24)), "utf-8", {"size": Grade.NOTE}),
        ({}, os.terminal_size((80, 23)), "utf-8", {"size": Grade.NOTE}),
        ({}, None, "utf-8", {"terminal": Grade.NOTE}),
        ({"TERM": "dumb"}, None, "utf-8", {"terminal": Grade.NOTE}),
        ({"TERM": "dumb"}, SIZE, "utf-8", {"terminal": Grade.BAD}),
        ({"TERM": ""}, SIZE, "utf-8", {"terminal": Grade.BAD}),
        ({"NO_COLOR": "1"}, SIZE, "utf-8", {"colours": Grade.NOTE}),
        ({"COLORTERM": ""}, SIZE, "utf-8", {"colours": Grade.NOTE}),
        ({"COLORTERM": "24bit"}, SIZE, "utf-8", {}),
        ({}, SIZE, "ANSI_X3.4-1968", {"encoding": Grade.NOTE}),
    ],
)
def test_terminals(
    changed: dict[str, str], size: os.terminal_size | None, encoding: str, noted: dict[str, Grade]
) -> None:
    findings = list(doctor.terminal({**GOOD_TERMINAL, **changed}, size, encoding))
    assert {what: grade for what, grade in grades(findings).items() if grade is not Grade.GOOD} == noted
    assert all(bool(finding.remedy) == (finding.grade is not Grade.GOOD) for finding in findings)


@pytest.mark.parametrize(("kind", "count"), [("xterm", "16"), ("screen-256color", "256")])
def test_colours_without_colorterm(kind: str, count: str) -> None:
    found = {each.what: each.found for each in doctor.terminal({"TERM": kind}, SIZE, "utf-8")}
    assert found["colours"] == count


@pytest.mark.parametrize(
    ("display", "found"), [(":0", "xclip"), ("", "by the terminal (OSC 52), where it allows that")]
)
def test_a_clipboard_needs_a_display(display: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "xclip"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    [clipboard] = [
        each
        for each in doctor.terminal({**GOOD_TERMINAL, "DISPLAY": display}, SIZE, "utf-8")
        if each.what == "clipboard"
    ]
    assert clipboard.found == found


class TestFolders:
    def test_a_folder_that_is_not_there_is_not_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        found = doctor.journal()
        assert found.grade is Grade.GOOD
        assert found.found.startswith(str(tmp_path / "state" / "dgedit" / "journal"))
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_is_there_is_left_empty(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        folder = tmp_path / "dgedit" / "journal"
        folder.mkdir(parents=True)
        assert doctor.journal().grade is Grade.GOOD
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("place", [".", "dgedit", "dgedit/journal"])
    def test_a_file_is_in_the_way(self, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        state = tmp_path / "state"
        monkeypatch.setenv("XDG_STATE_HOME", str(state))
        (state / place).parent.mkdir(parents=True, exist_ok=True)
        (state / place).write_bytes(b"")
        assert doctor.journal().grade is Grade.BAD

    @pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
    @pytest.mark.parametrize("place", ["state", "state/dgedit/journal"])
    def test_a_folder_is_read_only(self, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place).chmod(0o500)
        assert doctor.journal().grade is Grade.BAD

    @pytest.mark.parametrize(
        ("free_bytes", "grade"), [(10**12, Grade.GOOD), (10**8, Grade.GOOD), (10**8 - 1, Grade.BAD)]
    )
    def test_room(self, free_bytes: int, grade: Grade, tmp_path: Path) -> None:
        assert doctor.room(tmp_path, free_bytes).grade is grade


@pytest.mark.parametrize(
    ("text", "grade", "words"),
    [
        (None, Grade.GOOD, "does not exist"),
        ("[infill]\nmodel = 'nano'\n", Grade.GOOD, "config.toml"),
        ("[infill\n", Grade.BAD, "not readable"),
        ("[infill]\nmodell = 'nano'\n", Grade.BAD, "did you mean model?"),
    ],
)
def test_settings(text: str | None, grade: Grade, words: str) -> None:
    if text is not None:
        config.config_path().parent.mkdir(parents=True)
        config.config_path().write_text(text)
    found = doctor.settings(COMMANDS)
    assert found.grade is grade
    assert words in found.found


@pytest.mark.parametrize(
    ("answer", "ms", "grade"), [("a * b\n", 200, Grade.GOOD), ("a * b\n", 2001, Grade.NOTE), (" \n", 1, Grade.BAD)]
)
def test_an_infill_is_judged(answer: str, ms: float, grade: Grade) -> None:
    assert doctor.timed(answer, ms, 1.0).grade is grade


@pytest.mark.parametrize("model", ["nano", "nano:bf16", "nano:fp8", "nano:nf4", "auto"])
def test_names_of_models_are_understood(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Grade.BAD not in grades(list(doctor.weights(model))).values()


def test_a_folder_without_weights_is_a_finding(tmp_path: Path) -> None:
    findings = list(doctor.infill(str(tmp_path)))
    assert [(each.what, each.grade) for each in findings] == [("model", Grade.BAD)]
    assert findings[0].remedy


@pytest.mark.parametrize("form", ["", ":bf16", ":fp8", ":nf4"])
def test_a_published_model_that_is_not_here_is_named_without_its_form(form: str, tmp_path: Path) -> None:
    found = {each.what: each for each in doctor.weights(f"diffusiongemma{form}")}
    assert found["diffusiongemma"].grade is Grade.BAD
    assert not any(":" in what for what in found)


def test_a_server_is_looked_at_and_asked() -> None:
    vllm = Vllm(name="dgemma", write=lambda slots: "width * height")
    with serving(vllm, **vllm.serving()) as server:
        found = {each.what: each for each in doctor.examine(DEFAULT_MODEL, COMMANDS, infills=True, engine=server.url)}
    assert found["server"].found == "vLLM 0.33.0"
    assert "a diffusion model, reads 8192 tokens" in found["served"].found
    assert "canvas of up to 256 tokens" in found["asked by"].found
    assert "another seed begins from another canvas" in found["seeds"].found
    assert "seed, temperature" in found["not sent"].found
    assert "width * height" in found["one infill"].found
    assert "bundled" not in found


def test_a_server_may_be_looked_at_alone() -> None:
    with serving() as server:
        found = {each.what: each for each in doctor.examine(DEFAULT_MODEL, COMMANDS, infills=False, engine=server.url)}
        assert server.chats() == []
    assert found["asked by"].found == "chat, without pins"
    assert "one infill" not in found


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", "http://user:pw@host"])
def test_a_server_that_cannot_be_asked_is_a_finding(url: str) -> None:
    (finding,) = doctor.infill(DEFAULT_MODEL, url)
    assert (finding.what, finding.grade) == ("server", Grade.BAD)
    assert finding.remedy
    assert "pw" not in finding.line()

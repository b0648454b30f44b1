"""The recipes for other editors, read from the page that tells of them and run in the real editors.

Whatever the editor: an answer arrives as one step of undo, and a fill that fails leaves the buffer as it was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from dgedit.errors import ExitCode

from ..support.repository import BIN, scratch
from ..support.terminal import QUIT, SAVE, terminal

PAGE = Path(__file__).parents[2] / "README.md"
DOCUMENTED = PAGE.read_text(encoding="utf-8").partition("## Other editors\n")[2].partition("\n## ")[0]
RECIPES = dict(re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENTED, re.DOTALL | re.MULTILINE))

CODE = """\
def area(width, height):
    return width * height


def perimeter(width, height):
    total = 0
    total += width
    return total


print(area(2, 3))
"""
MARKED = CODE.replace("total += width", "<FILL_ME>")
VIMS = {
    "vim": ("vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-es"),
    "nvim": ("nvim", "-u", "NONE", "-i", "NONE", "-n", "--headless"),
}
TIMEOUT_S = 120


def needs(program: str) -> pytest.MarkDecorator:
    """Skips, and says so, where the editor is not installed."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@dataclass(frozen=True, slots=True)
class Desk:
    """A person's home, and a file alone in its folder, so that answers are not recalled from others."""

    home: Path
    file: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in the folder of the file."""
        return subprocess.run(
            command, cwd=self.file.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S
        )

    def lines(self, name: str) -> list[str]:
        """What an editor wrote into a file of the home."""
        return (self.home / name).read_text(encoding="utf-8").splitlines()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """No settings, no warm process, and `dgedit` on the path."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    for name in ("XDG_CACHE_HOME", "GIT_EDITOR", "VISUAL", "EDITOR", "VIMINIT", "NVIM_APPNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    # Paths of sockets are short, those of tests are not.
    with tempfile.TemporaryDirectory() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield Desk(home, work / "shapes.py")


@pytest.fixture
def broken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `dgedit` with a model that is not there."""
    wrapper = desk.home / "bin" / "dgedit"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {BIN / "dgedit"} "$@" --model nowhere\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")


def assert_filled(text: str, original: str, line: int) -> None:
    """One line is another one, and the rest is as it was."""
    now, before = text.splitlines(), original.splitlines()
    changed = [number for number, pair in enumerate(zip(now, before, strict=True), 1) if pair[0] != pair[1]]
    assert changed == [line], text
    assert "<FILL_ME>" not in text


def in_vim(desk: Desk, name: str, keys: Sequence[str]) -> None:
    """Types keys, each group on its own; what there is after each group is in files of the home."""
    (desk.home / "recipe.vim").write_text(RECIPES["vim"])
    script = ["set nomore"]
    for number, group in enumerate(keys):
        script.append(f"call feedkeys({vim_string(group)}, 'tx')")
        for what, shown in (("text", "getline(1, '$')"), ("cursor", "[string(getpos('.')[1:2])]")):
            script.append(f"call writefile({shown}, {vim_string(str(desk.home / f'{what}{number}'))})")
    script += [f"call writefile(split(execute('messages'), '\\n'), {vim_string(str(desk.home / 'said'))})", "qall!"]
    (desk.home / "keys.vim").write_text("\n".join(script) + "\n")
    sources = ("-S", str(desk.home / "recipe.vim"), "-S", str(desk.home / "keys.vim"))
    desk.run(*VIMS[name], *sources, str(desk.file))


def vim_string(text: str) -> str:
    """As vimscript writes it; <Esc> and <CR> are keys."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"<(Esc|CR)>", r"\\<\1>", escaped) + '"'


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in VIMS])
class TestVim:
    def test_selected_lines_are_rewritten_as_one_step(self, desk: Desk, name: str) -> None:
        desk.file.write_text(CODE)
        in_vim(desk, name, ["ggOimport math<Esc>", "3G2|V\\g", "u"])
        typed = "import math\n" + CODE
        assert_filled("\n".join(desk.lines("text1")), typed, line=3)
        assert desk.lines("cursor1") == ["[3, 1]"]
        assert desk.lines("text2") == typed.splitlines()

    def test_marks_are_filled_in_a_buffer_without_a_name(self, desk: Desk, name: str) -> None:
        block = "    # dgedit: begin lines=1\n    total += width\n    # dgedit: end\n"
        desk.file.write_text(CODE.replace("    total += width\n", block))
        in_vim(desk, name, [":0file<CR>2G3|", "\\g"])
        assert_filled("\n".join(desk.lines("text1")), CODE, line=7)
        assert desk.lines("cursor1") == ["[2, 3]"]

    def test_the_filter(self, desk: Desk, name: str) -> None:
        desk.file.write_text(MARKED)
        in_vim(desk, name, [f":{vim_filter()}<CR>"])
        assert_filled("\n".join(desk.lines("text0")), MARKED, line=7)

    @pytest.mark.usefixtures("broken")
    def test_a_failure_leaves_the_buffer(self, desk: Desk, name: str) -> None:
        desk.file.write_text(MARKED)
        in_vim(desk, name, ["2GV\\g", f":{vim_filter()}<CR>"])
        assert [desk.lines(f"text{number}") for number in range(2)] == [MARKED.splitlines()] * 2
        assert "unknown model 'nowhere'" in "\n".join(desk.lines("said"))


def vim_filter() -> str:
    """The one-line form."""
    found = re.search(r"`:(%!dgedit [^`]*)`", DOCUMENTED)
    assert found is not None
    return found[1]


@needs("hx")
class TestHelix:
    def settings(self, desk: Desk) -> None:
        file = desk.home / ".config" / "helix" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text(RECIPES["toml"] + "\n[editor.lsp]\nenable = false\n")

    def test_selected_lines_are_rewritten_as_one_step(self, desk: Desk) -> None:
        self.settings(desk)
        desk.file.write_text(CODE)
        with terminal(str(desk.file), command=("hx",), folder=desk.file.parent) as screen:
            screen.wait_for("NOR")
            screen.type("2Gx i")
            screen.wait_for("[+]")
            screen.wait_for(" 2:1")
            screen.type(":w\r")
            screen.wait_for("written")
            assert_filled(desk.file.read_text(), CODE, line=2)
            screen.type("u:w\r")
            screen.wait_file(desk.file, CODE.encode())

    def test_everything_is_piped(self, desk: Desk) -> None:
        desk.file.write_text(MARKED)
        with terminal(str(desk.file), command=("hx",), folder=desk.file.parent) as screen:
            screen.wait_for("NOR")
            screen.type(f"%{helix_pipe()}\r")
            screen.wait_for("[+]")
            screen.type(":w\r")
            screen.wait_for("written")
        assert_filled(desk.file.read_text(), MARKED, line=7)

    @pytest.mark.usefixtures("broken")
    def test_a_failure_leaves_the_buffer(self, desk: Desk) -> None:
        self.settings(desk)
        desk.file.write_text(MARKED)
        with terminal(str(desk.file), command=("hx",), folder=desk.file.parent) as screen:
            screen.wait_for("NOR")
            screen.type("2Gx i")
            screen.wait_for("unknown model 'nowhere'")
            assert "[+]" not in screen.screen.text
            screen.type(f"%{helix_pipe()}\r")
            screen.wait_for("command failed")
            screen.type(":wq!\r")
            screen.ended()
        assert desk.file.read_text() == MARKED


def helix_pipe() -> str:
    """The one-line form."""
    found = re.search(r"`%` and `(:pipe [^`]*)`", DOCUMENTED)
    assert found is not None
    return found[1]


@needs("kak")
class TestKakoune:
    def press(self, desk: Desk) -> None:
        keys = RECIPES["kak"].strip()
        desk.run(
            "kak",
            "-ui",
            "dummy",
            "-n",
            "-e",
            f"execute-keys %§{keys}§; write; try %{{ execute-keys u }}; write {desk.home}/undone; quit!",
            str(desk.file),
        )

    def test_everything_is_piped(self, desk: Desk) -> None:
        desk.file.write_text(MARKED)
        self.press(desk)
        assert_filled(desk.file.read_text(), MARKED, line=7)
        assert (desk.home / "undone").read_text() == MARKED

    @pytest.mark.usefixtures("broken")
    def test_a_failure_leaves_the_buffer(self, desk: Desk) -> None:
        desk.file.write_text(MARKED)
        self.press(desk)
        assert desk.file.read_text() == MARKED


@needs("emacs")
class TestEmacs:
    def evaluate(self, desk: Desk, *forms: str) -> str:
        """What forms print, evaluated in the buffer of the file, the recipe loaded."""
        (desk.home / "recipe.el").write_text(RECIPES["elisp"])
        given = [part for form in forms for part in ("--eval", form)]
        start = ("--eval", "(transient-mark-mode 1)", "--eval", "(buffer-enable-undo)")
        done = desk.run("emacs", "-Q", "--batch", str(desk.file), "-l", str(desk.home / "recipe.el"), *start, *given)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def test_the_region_is_rewritten_as_one_step(self, desk: Desk) -> None:
        desk.file.write_text(CODE)
        region = "(progn (goto-line 2) (set-mark (point)) (forward-line 1) (activate-mark) (undo-boundary))"
        printed = self.evaluate(
            desk,
            region,
            "(call-interactively 'dgedit-fill)",
            '(princ (format "line %d" (line-number-at-pos)))',
            "(save-buffer)",
            '(progn (undo-boundary) (deactivate-mark) (undo) (write-file "undone"))',
        )
        assert_filled(desk.file.read_text(), CODE, line=2)
        assert "line 3" in printed
        assert (desk.file.parent / "undone").read_text() == CODE

    @pytest.mark.usefixtures("broken")
    def test_a_failure_leaves_the_buffer(self, desk: Desk) -> None:
        desk.file.write_text(MARKED)
        said = self.evaluate(
            desk, "(call-interactively 'dgedit-fill)", "(princ (if (buffer-modified-p) 'changed 'same))"
        )
        assert "unknown model 'nowhere'" in said
        assert said.startswith("same")


class TestVsCode:
    """Its commands; there is no VS Code to run."""

    def task(self, desk: Desk, number: int, values: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        task = json.loads(RECIPES["json"])["tasks"][number]
        assert task["type"] == "process", "a shell would split names with spaces"
        given = [re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], word) for word in task["args"]]
        return desk.run(task["command"], *given)

    def test_the_line_of_the_cursor_is_rewritten(self, desk: Desk) -> None:
        file = desk.file.with_name("two words.py")
        file.write_text(CODE)
        done = self.task(desk, 0, {"lineNumber": "2", "file": str(file)})
        assert done.returncode == ExitCode.OK, done.stderr
        assert_filled(file.read_text(), CODE, line=2)

    @pytest.mark.usefixtures("broken")
    def test_a_failure_leaves_the_file(self, desk: Desk) -> None:
        desk.file.write_text(CODE)
        assert self.task(desk, 0, {"lineNumber": "2", "file": str(desk.file)}).returncode == ExitCode.ERROR
        assert desk.file.read_text() == CODE

    def test_what_is_listed_is_matched(self, desk: Desk) -> None:
        desk.file.write_text(MARKED)
        done = self.task(desk, 1, {"file": str(desk.file)})
        pattern = json.loads(RECIPES["json"])["tasks"][1]["problemMatcher"]["pattern"]
        found = [match for line in done.stderr.splitlines() if (match := re.match(pattern["regexp"], line))]
        places = [tuple(match[pattern[part]] for part in ("file", "line", "message")) for match in found]
        assert places == [(str(desk.file), "7", "<FILL_ME>")]


class TestGit:
    def test_a_commit_waits_for_the_editor(self, desk: Desk, tmp_path: Path) -> None:
        (tmp_path / "repository").mkdir()
        repository = scratch(tmp_path / "repository")
        assert repository.run("sh", "-c", RECIPES["sh"]).returncode == 0
        repository.stage("x.py", b"x = 1\n")
        home = {"HOME": str(repository.home), "XDG_CONFIG_HOME": str(repository.home / ".config")}
        names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        with terminal(command=("git", "commit"), folder=repository.root, env=home | names) as screen:
            screen.wait_for("COMMIT_EDITMSG  1:1")
            assert screen.child.poll() is None
            assert repository.commits() == 0
            screen.type(b"A subject" + SAVE)
            screen.wait_for("saved")
            screen.type(QUIT)
            assert screen.ended() == 0
        assert repository.git("log", "--format=%s") == "A subject"

    def test_a_line_may_be_given(self, desk: Desk) -> None:
        desk.file.write_text(CODE)
        with terminal("+6", str(desk.file), command=("dgedit",)) as screen:
            screen.wait_for("shapes.py  6:1")
            screen.type(QUIT)
            assert screen.ended() == 0


def test_every_recipe_is_tried() -> None:
    assert sorted(RECIPES) == ["elisp", "json", "kak", "sh", "toml", "vim"]
    versions = re.findall(r"\d+\.\d+", DOCUMENTED.partition("\n\n**")[0])
    assert len(versions) == 6

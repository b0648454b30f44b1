"""Completion as the shells do it, and that the scripts tell of every option that the help tells of."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dgedit.cli import main
from dgedit.commands import completions
from dgedit.commands.completions import SHELLS
from dgedit.commands.editor import COMMANDS
from dgedit.engine.catalog import bundled_models
from dgedit.engine.load import AUTO, HUB_NAMES
from dgedit.engine.packaged import PACKAGED

from ..support.terminal import Terminal, terminal

VERBS = {"hook": ("install", "uninstall", "run", "check", "fill", "fix")}
LINES = ["dgedit", *(f"dgedit {name}" for name in COMMANDS)]
LINES += [f"dgedit {name} {verb}" for name, verbs in VERBS.items() for verb in verbs]
BASH = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dgedit; printf "%s\\n" "${COMPREPLY[@]}"'
FISH = "source $argv[1]; complete -C $argv[2]"
FILES = ("two words.py", "it's.py", "a[1].py", "fillet.py")

Ask = Callable[[str], set[str]]


def needs(shell: str) -> pytest.MarkDecorator:
    """Skips, and says so, where the shell is not installed."""
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


INSTALLED = [pytest.param(shell, marks=needs(shell)) for shell in SHELLS]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with files, and the scripts beside it."""
    for shell in SHELLS:
        (tmp_path / f"script.{shell}").write_text(completions.script(shell))
    made = tmp_path / "files"
    made.mkdir()
    for name in FILES:
        (made / name).touch()
    monkeypatch.chdir(made)
    monkeypatch.setenv("HOME", str(tmp_path))
    return made


def asking(shell: str, folder: Path) -> Ask:
    """What a shell that can be asked offers for a line."""
    file = str(folder.parent / f"script.{shell}")

    def ask(line: str) -> set[str]:
        command = ["bash", "-c", BASH, "-", file, *line.split(" ")]
        if shell == "fish":
            command = ["fish", "--no-config", "-c", FISH, file, line]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        return {offered.partition("\t")[0] for offered in done.stdout.splitlines() if offered}

    return ask


@pytest.fixture(params=[pytest.param(shell, marks=needs(shell)) for shell in ("bash", "fish")])
def ask(request: pytest.FixtureRequest, folder: Path) -> Ask:
    """Either of the shells that can be asked without a terminal."""
    return asking(request.param, folder)


@contextmanager
def typing(shell: str, folder: Path) -> Iterator[Terminal]:
    """An interactive shell in which `dgedit` writes what it was given into a file."""
    script = folder.parent / f"script.{shell}"
    shows = f'dgedit() {{ printf "%s\\n" "$@" > {folder.parent}/given; }}\n'
    bash, zsh = folder.parent / "bashrc", folder.parent / ".zshrc"
    bash.write_text(f"source {script}\n{shows}")
    zsh.write_text(f"LISTMAX=9999 PS1='ready> '\nautoload -U compinit; compinit -D -u\nsource {script}\n{shows}")
    command = ("bash", "--noprofile", "--rcfile", str(bash), "-i") if shell == "bash" else ("zsh", "-d", "-i")
    with terminal(command=command, folder=folder, columns=200, rows=100, env={"ZDOTDIR": str(zsh.parent)}) as shown:
        yield shown


def options_in_help(line: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The options that a command's help tells of."""
    with pytest.raises(SystemExit) as ended:
        main([*line.split()[1:], "--help"])
    assert ended.value.code == 0
    heads = re.findall(r"^  (-.*?)(?:  |$)", capsys.readouterr().out, re.MULTILINE)
    return {name for head in heads for name in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", head)}


@pytest.mark.parametrize("line", LINES)
def test_every_option_of_the_help_is_offered(line: str, ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    expected = options_in_help(line, capsys)
    assert {"-h", "--help"} <= expected
    assert ask(f"{line} -") == expected


@needs("zsh")
def test_zsh_offers_every_option_of_the_help(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with typing("zsh", folder) as shell:
        shell.wait_until(lambda: b"ready> " in shell.raw, "the prompt")
        for line in LINES:
            expected = options_in_help(line, capsys)
            seen = len(shell.raw)
            shell.type(f"{line} -\t")
            shell.wait_until(lambda: expected <= offered(shell.raw[seen:]), f"{expected} for {line}")  # noqa: B023
            assert offered(shell.raw[seen:]) == expected
            shell.type("\x15")


def offered(raw: bytes) -> set[str]:
    """The options that are listed at the beginning of lines, several of which may mean the same."""
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", raw.decode("utf-8", "replace"))
    heads = re.findall(r"^(-.*?) +-- ", plain.replace("\r", ""), re.MULTILINE)
    return {name for head in heads for name in head.split()}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_is_in_every_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    script = completions.script(shell)
    for line in LINES:
        for name in options_in_help(line, capsys):
            if shell == "fish":
                flag = f"-l {name[2:]} " if name.startswith("--") else f"-s {name[1:]} "
                assert re.search(rf'"{line}".*{flag}', script), f"{line} {name}"
            else:
                begins = f"('{line}')" if shell == "zsh" else f'"{line}") words="-'
                part = script.partition(begins)[2].partition(";;")[0]
                assert re.search(rf"{name}[\[= \"]", f"-{part}"), f"{line} {name}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dgedit f", {name for name in COMMANDS if name.startswith("f")} | {"fillet.py"}),
        ("dgedit x.py f", {"fillet.py"}),
        ("dgedit hook ", set(VERBS["hook"])),
        ("dgedit hook run ", set()),
        ("dgedit hook check f", {"fillet.py"}),
        ("dgedit fill a", {"a[1].py"}),
        ("dgedit fill t", {"two words.py"}),
        ("dgedit fill fill", {"fillet.py"}),
        ("dgedit fill x.py ru", set()),
        ("dgedit completions ", set(SHELLS)),
        ("dgedit completions bash ", set()),
        ("dgedit doctor ", set()),
        ("dgedit fill --model ", {"auto", "coder", "diffusiongemma", "mini", "nano", *FILES}),
        ("dgedit doctor --model n", {"nano"}),
        ("dgedit fill --language py", {"python"}),
        ("dgedit fill --stdin-filename f", {"fillet.py"}),
        ("dgedit fill --seed ", set()),
        ("dgedit --seed ", set()),
        ("dgedit nothing-like-it", set()),
    ],
)
def test_words_and_files(line: str, expected: set[str], ask: Ask) -> None:
    assert ask(line) == expected


@pytest.mark.parametrize("shell", [pytest.param(shell, marks=needs(shell)) for shell in ("bash", "zsh")])
@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("fill two\t", ["fill", "two words.py"]),
        ("fill two\\ w\t", ["fill", "two words.py"]),
        ('fill "it\t', ["fill", "it's.py"]),
        ("fill a\t --marker\t", ["fill", "a[1].py", "--marker-only"]),
        ("comp\tf\t", ["completions", "fish"]),
        ("hook uni\t", ["hook", "uninstall"]),
        ("fill --language=pyt\tx", ["fill", "--language=python", "x"]),
        ("doctor --model nan\t --no\t", ["doctor", "--model", "nano", "--no-infill"]),
    ],
)
def test_what_tab_writes(shell: str, typed: str, given: list[str], folder: Path) -> None:
    with typing(shell, folder) as shown:
        shown.type(f"dgedit {typed}\r")
        shown.wait_file(folder.parent / "given", "".join(f"{word}\n" for word in given).encode())


@pytest.mark.parametrize("shell", INSTALLED)
def test_a_shell_reads_its_script_without_complaint(shell: str, folder: Path) -> None:
    done = subprocess.run([shell, "-n", str(folder.parent / f"script.{shell}")], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_names_of_models_are_those_of_the_engine() -> None:
    assert set(completions.VALUES["--model"]) == {AUTO, *PACKAGED, *HUB_NAMES, *bundled_models()}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completions", shell]) == 0
    assert capsys.readouterr().out == completions.script(shell)


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["completions", "csh"])
    assert ended.value.code == 2
    assert "invalid choice: 'csh'" in capsys.readouterr().err


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from dgedit.cli import main; main(['completions', 'bash']); "
        "sys.exit(str({'torch', 'textual', 'numpy', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr.strip() == "set()"

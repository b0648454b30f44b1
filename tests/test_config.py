"""The settings: defaults, what a file may say, and how what it must not say is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from dgedit import config
from dgedit.config import TABLES, Config, Editor, Infill
from dgedit.errors import DgeditError
from dgedit.keys import key_name
from dgedit.tui.commands import COMMANDS, default_keys

Load = Callable[[str], Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Reads a text as the file of settings."""

    def read(text: str) -> Config:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return config.load(path, commands=COMMANDS)

    return read


def problem(load: Load, text: str) -> str:
    """What a person is told of a file, without the folder that it is in."""
    with pytest.raises(DgeditError) as caught:
        load(text)
    assert "dgedit config" in caught.value.hint
    return re.sub(r"\S*/config\.toml", "config.toml", str(caught.value))


DEFAULT = Config(keys=default_keys())


def test_a_missing_and_an_empty_file_are_the_defaults(tmp_path: Path, load: Load) -> None:
    assert config.load(tmp_path / "nowhere" / "config.toml", commands=COMMANDS) == DEFAULT
    assert load("") == DEFAULT
    assert load("# nothing\n[editor]\n[keys]\n") == DEFAULT


def test_what_a_file_says_is_read(load: Load) -> None:
    found = load(
        '[editor]\ntheme = "dgedit-light"\nindent_width = 2\nsoft_wrap = true\n'
        '[infill]\nmodel = "/models/other"\nseed = 7\n'
        '[keys]\ninfill = "Ctrl+]"\nmatching_bracket = []\nsave = ["ctrl+s", "f12"]\n'
        '[languages]\n"BUILD" = "python"\n"templates/*.txt" = "html"\n'
    )
    assert found.editor == Editor(theme="dgedit-light", indent_width=2, soft_wrap=True)
    assert found.infill == Infill(model="/models/other", seed=7)
    assert found.keys["infill"] == ("ctrl+right_square_bracket",)
    assert found.keys["matching_bracket"] == ()
    assert found.keys["save"] == ("ctrl+s", "f12")
    assert found.keys["undo"] == ("ctrl+z",)
    assert found.language_of(Path("/x/BUILD")) == "python"
    assert found.language_of(Path("/x/templates/a.txt")) == "html"
    assert found.language_of(Path("/x/a.txt")) is None


def test_a_byte_order_mark_is_no_error(load: Load) -> None:
    assert load("\ufeff[editor]\nindent_width = 8\n").editor.indent_width == 8


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[editr]\n", "config.toml:1: there is no table [editr]; did you mean editor?"),
        ("[editor]\n\nthem = 'x'\n", "config.toml:3: there is no them in [editor]; did you mean theme?"),
        ("[infill]\nzzz = 1\n", "config.toml:2: there is no zzz in [infill]"),
        ("theme = 'x'\n", "config.toml:1: theme stands outside of its table, [editor]"),
        ("editor = 3\n", "config.toml:1: editor is 3; it must be a table, [editor]"),
        ("[editor]\ntheme = 3\n", "config.toml:2: theme is 3; it must be text"),
        ("[editor]\nsoft_wrap = 'yes'\n", 'config.toml:2: soft_wrap is "yes"; it must be true or false'),
        ("[editor]\nsoft_wrap = 1\n", "config.toml:2: soft_wrap is 1; it must be true or false"),
        (
            "[editor]\nindent_width = true\n",
            "config.toml:2: indent_width is true; it must be a whole number from 1 to 16",
        ),
        ("[editor]\nindent_width = 0\n", "config.toml:2: indent_width is 0; it must be a whole number from 1 to 16"),
        (
            "[editor]\nindent_width = 4.0\n",
            "config.toml:2: indent_width is 4.0; it must be a whole number from 1 to 16",
        ),
        ("[infill]\npasses = 101\n", "config.toml:2: passes is 101; it must be a whole number from 0 to 100"),
        (
            "[infill]\nmodel = 2026-01-02\n",
            "config.toml:2: model is 2026-01-02; it must be text",
        ),
        ("[keys]\ninfil = 'f5'\n", "config.toml:2: there is no command infil; did you mean infill?"),
        ("[keys]\ninfill = 5\n", 'config.toml:2: infill is 5; it must be a key, "ctrl+g", or a list of keys'),
        ("[keys]\ninfill = ['f5', 5]\n", 'config.toml:2: infill is ["f5", 5]; it must be a key, "ctrl+g", or a list'),
        ("[keys]\ninfill = 'ctrl+excape'\n", "there is no key 'ctrl+excape'; did you mean escape?"),
        ("[keys]\n'infill' = 'g'\n", "config.toml:2: infill: 'g' writes itself; add ctrl or alt"),
        (
            "[keys]\ninfill = 'ctrl+d'\n",
            "config.toml:2: ctrl+d is bound to infill and to next_match "
            "(set next_match too: next_match = [] takes its keys away)",
        ),
        ("[keys]\nreload = 'f5'\n\nnext_theme = 'F5'\n", "config.toml:4: f5 is bound to next_theme and to reload"),
        ("[languages]\n'*.x' = 3\n", 'config.toml:2: "*.x" is 3; write a glob and a language'),
        ("[languages]\n'' = 'python'\n", 'config.toml:2: "" is "python"; write a glob and a language'),
        ("[editor\n", "config.toml is not readable: Expected ']'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_remedy(load: Load, text: str, told: str) -> None:
    assert told in problem(load, text)


def test_the_nearest_name_is_no_guess_at_random(load: Load) -> None:
    assert "did you mean" not in problem(load, "[infill]\nzzz = 1\n")


def test_three_problems_are_told_and_the_others_counted(load: Load) -> None:
    told = problem(load, "[editor]\na1 = 1\na2 = 1\na3 = 1\n[infill]\na4 = 1\na5 = 1\n")
    assert [name for name in ("a1", "a2", "a3", "a4", "a5") if f"there is no {name} " in told] == ["a1", "a2", "a3"]
    assert told.endswith("and 2 more")


def test_keys_can_change_places(load: Load) -> None:
    found = load("[keys]\ninfill = 'ctrl+d'\nnext_match = 'ctrl+g'\n")
    assert (found.keys["infill"], found.keys["next_match"]) == (("ctrl+d",), ("ctrl+g",))


def test_one_key_under_two_names_is_one_key(load: Load) -> None:
    assert "ctrl+underscore is bound to infill and to toggle_comment" in problem(load, "[keys]\ninfill = 'ctrl+/'\n")


def test_a_long_value_is_cut(load: Load) -> None:
    assert len(problem(load, f"[editor]\nindent_width = '{'x' * 500}'\n")) < 150


@pytest.mark.parametrize("kind", ["folder", "latin-1"])
def test_an_unreadable_file_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.toml"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(DgeditError, match=re.escape(f"{path} is not readable")):
        config.load(path, commands=COMMANDS)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CONFIG_HOME": "/xdg"}, "/xdg/dgedit/config.toml"),
        ({}, "/home/p/.config/dgedit/config.toml"),
        ({"XDG_CONFIG_HOME": "relative"}, "/home/p/.config/dgedit/config.toml"),
        ({"XDG_CONFIG_HOME": "/xdg", "DGEDIT_CONFIG": "/else/my.toml"}, "/else/my.toml"),
        ({"DGEDIT_CONFIG": "~/my.toml"}, "/home/p/my.toml"),
    ],
)
def test_where_the_settings_are(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str) -> None:
    for name in ("XDG_CONFIG_HOME", "DGEDIT_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/p", **environment}.items():
        monkeypatch.setenv(name, value)
    assert config.config_path() == Path(expected)


def test_the_file_that_the_environment_names_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("[infill]\nseed = 5\n")
    monkeypatch.setenv("DGEDIT_CONFIG", str(tmp_path / "mine.toml"))
    assert config.load(commands=COMMANDS).infill.seed == 5


def test_the_document_is_the_defaults_as_it_is_and_uncommented(load: Load) -> None:
    document = config.document(commands=COMMANDS)
    assert load(document) == DEFAULT
    uncommented = re.sub(r"^#(?! )", "", document, flags=re.M)
    assert uncommented != document
    assert load(uncommented) == DEFAULT


def test_every_setting_and_command_is_in_the_document_with_words(load: Load) -> None:
    lines = config.document(commands=COMMANDS).split("\n")
    for kind in TABLES.values():
        for entry in fields(kind):
            place = next(number for number, line in enumerate(lines) if line.startswith(f"#{entry.name} = "))
            assert re.match(r"# \w.{10,}", lines[place - 1]), entry.name
    for command in COMMANDS:
        assert any(line.startswith(f"#{command.id} = [") and line.endswith(f"# {command.title}") for line in lines)
    assert all(len(line) <= 120 for line in lines)


def test_a_changed_setting_of_the_document_takes_effect(load: Load) -> None:
    document = config.document(commands=COMMANDS)
    assert load(document.replace("#indent_width = 4", "indent_width = 3")).editor.indent_width == 3
    assert load(document.replace('#toggle_comment = ["ctrl+/"]', 'toggle_comment = ["f12"]')).keys[
        "toggle_comment"
    ] == ("f12",)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ctrl+g", "ctrl+g"),
        (" Ctrl + Shift+Z ", "ctrl+shift+z"),
        ("shift+alt+x", "alt+shift+x"),
        ("ctrl+]", "ctrl+right_square_bracket"),
        ("ctrl+/", "ctrl+underscore"),
        ("ctrl+_", "ctrl+underscore"),
        ("ctrl+@", "ctrl+space"),
        ("alt++", "alt+plus"),
        ("PgDn", "pagedown"),
        ("esc", "escape"),
        ("F12", "f12"),
        ("shift+tab", "shift+tab"),
    ],
)
def test_keys_are_read_as_people_write_them(written: str, name: str) -> None:
    assert key_name(written) == name
    assert key_name(name) == name


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "there is no key ''"),
        ("ctrl+", "there is no key 'ctrl+'"),
        ("ctrl+f25", "there is no key"),
        ("control+g", "no modifier 'control'"),
        ("+", "writes itself"),
        ("shift+a", "writes itself"),
        ("space", "writes itself"),
        ("ctrl+i", "arrives as tab"),
        ("ctrl+[", "arrives as escape"),
        ("ctrl+s,ctrl+x", "no modifier 's,ctrl'"),
    ],
)
def test_what_is_no_key_is_told(written: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        key_name(written)


def test_settings_cannot_be_changed() -> None:
    frozen: Any = Editor()
    with pytest.raises(AttributeError):
        frozen.theme = "other"

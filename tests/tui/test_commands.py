"""The table of commands: every key arrives from a plain terminal, reaches its command, and has a name for people."""

from __future__ import annotations

import string
import subprocess
import sys
from typing import Any

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingsMap
from textual.keys import _character_to_key
from textual.widgets import TextArea

from dgedit.keys import SIGNS, key_name
from dgedit.tui.commands import COMMANDS, bindings, default_keys, key_label

PLAIN = {
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in string.ascii_lowercase if letter not in "him"},
    **{f"alt+{letter}": f"\x1b{letter}" for letter in string.ascii_lowercase if letter not in "bf"},
    "ctrl+underscore": "\x1f",
    "ctrl+right_square_bracket": "\x1d",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "ctrl+pageup": "\x1b[5;5~",
    "ctrl+pagedown": "\x1b[6;5~",
    "alt+up": "\x1b[1;3A",
    "alt+down": "\x1b[1;3B",
    "alt+left": "\x1b[1;3D",
    "alt+right": "\x1b[1;3C",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f6": "\x1b[17~",
    "shift+f6": "\x1b[17;2~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "f9": "\x1b[20~",
}
"""What xterm and tmux send (tmux 3.3a was asked for each of them)."""
KITTY = {
    "ctrl+slash": "\x1b[47;5u",
    "ctrl+shift+z": "\x1b[122;6u",
    "shift+f3": "\x1b[13;2~",
    "ctrl+g": "\x1b[103;5u",
    "alt+r": "\x1b[114;3u",
    "ctrl+right_square_bracket": "\x1b[93;5u",
}
"""What a terminal sends that speaks the Kitty protocol."""


def arriving(sequence: str) -> list[str]:
    """The keys that Textual makes of what a terminal sends."""
    parser = XTermParser()
    messages = [*parser.feed(sequence), *parser.feed("")]
    return [message.key if isinstance(message, events.Key) else type(message).__name__ for message in messages]


@pytest.mark.parametrize(("key", "sequence"), [*PLAIN.items(), *KITTY.items()])
def test_sequences_arrive_as_the_keys_of_the_table(key: str, sequence: str) -> None:
    assert arriving(sequence) == [key]


def test_the_first_key_of_every_command_arrives_from_a_plain_terminal_and_the_others_from_some() -> None:
    first = {keys[0] for keys in default_keys().values() if keys}
    others = {key for keys in default_keys().values() for key in keys[1:]}
    assert first - PLAIN.keys() == set()
    assert others - PLAIN.keys() - KITTY.keys() == set()


@pytest.mark.parametrize(
    ("wanted", "sequence", "arrives"),
    [
        ("alt+b", "\x1bb", "ctrl+left"),
        ("alt+f", "\x1bf", "ctrl+right"),
        ("alt+minus", "\x1b-", "en_dash"),
        ("alt+equals_sign", "\x1b=", "not_equal_to"),
        ("alt+slash", "\x1b/", "slash"),
        ("alt+full_stop", "\x1b.", "full_stop"),
        ("alt+comma", "\x1b,", "comma"),
        ("alt+1", "\x1b1", "inverted_exclamation_mark"),
        ("shift+f3", "\x1b[1;2R", "CursorPosition"),
    ],
)
def test_keys_that_a_plain_terminal_garbles_are_nobodys_first_key(wanted: str, sequence: str, arrives: str) -> None:
    assert arriving(sequence) == [arrives]
    assert wanted not in {keys[0] for keys in default_keys().values() if keys}


def test_ids_are_the_apps_own_and_no_key_is_bound_twice() -> None:
    ids = [command.id for command in COMMANDS]
    assert len(ids) == len(set(ids))
    # The app's own command palette is replaced; any other action of Textual's would be lost by accident.
    assert {name for name in ids if hasattr(App, f"action_{name}")} == {"command_palette"}
    keys = [key for command in COMMANDS for key in command.keys]
    assert len(keys) == len(set(keys))


def test_default_keys_are_written_as_the_settings_would_read_them() -> None:
    for command in COMMANDS:
        assert tuple(key_name(key) for key in command.keys) == command.keys, command.id


class Recorder(App[None]):
    """A text area under all bindings; notes which commands were asked for."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, keymap: dict[str, tuple[str, ...]]) -> None:
        super().__init__()
        self._bindings = BindingsMap(bindings(keymap))
        self.asked: list[str] = []

    def compose(self) -> ComposeResult:
        yield TextArea("some text", tab_behavior="focus")

    async def run_action(self, action: Any, *args: Any, **kwargs: Any) -> bool:
        self.asked.append(str(action))
        return True


async def test_every_key_reaches_its_command_past_the_text_area() -> None:
    app = Recorder(default_keys())
    async with app.run_test() as pilot:
        area = app.query_one(TextArea)
        area.focus()
        for command in COMMANDS:
            for key in command.keys:
                app.asked.clear()
                await pilot.press(key)
                assert app.asked == [command.id], key
        assert area.text == "some text"


async def test_a_key_under_two_names_is_bound_under_both() -> None:
    app = Recorder({"toggle_comment": ("ctrl+underscore",), "infill": ("ctrl+space",)})
    async with app.run_test() as pilot:
        await pilot.press("ctrl+underscore", "ctrl+slash", "ctrl+space", "ctrl+@")
        assert app.asked == ["toggle_comment", "toggle_comment", "infill", "infill"]


def test_the_footer_shows_a_command_once_with_its_first_key() -> None:
    shown = [binding for binding in bindings({**default_keys(), "infill": ("f5", "alt+j")}) if binding.show]
    assert [binding.action for binding in shown] == [command.id for command in COMMANDS if command.shown]
    infill = next(binding for binding in shown if binding.action == "infill")
    assert (infill.key, infill.key_display, infill.description) == ("f5", "F5", "Infill")


def test_a_command_without_keys_has_no_binding() -> None:
    keymap = {**default_keys(), "save": ()}
    found: list[Binding] = bindings(keymap)
    assert "save" not in {binding.action for binding in found}
    assert "reload" not in {binding.action for binding in found}
    assert bindings({}) == []


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("ctrl+g", "Ctrl+G"),
        ("alt+right", "Alt+→"),
        ("ctrl+underscore", "Ctrl+/"),
        ("ctrl+slash", "Ctrl+/"),
        ("ctrl+right_square_bracket", "Ctrl+]"),
        ("ctrl+shift+z", "Ctrl+Shift+Z"),
        ("shift+f6", "Shift+F6"),
        ("ctrl+pagedown", "Ctrl+PgDn"),
        ("escape", "Esc"),
        ("tab", "Tab"),
        ("alt+plus", "Alt++"),
    ],
)
def test_keys_have_names_for_people(key: str, label: str) -> None:
    assert key_label(key) == label


def test_signs_have_textuals_names() -> None:
    assert {sign: _character_to_key(sign) for sign in string.punctuation} == SIGNS


def test_the_table_alone_does_not_import_textual() -> None:
    code = "import sys, dgedit.tui.commands; print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr

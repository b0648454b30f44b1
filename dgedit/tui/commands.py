"""Every command of the editor with its title and default keys: the one table that the app, its help and the settings
read.

Keys have Textual's names. The first key of a command arrives from every terminal that sends Escape before Alt, tmux
included; keys after it may need a terminal that speaks the Kitty keyboard protocol. This module knows no widget, and
imports Textual only to make its bindings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..keys import SIGNS

if TYPE_CHECKING:
    from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that a person can ask the editor for."""

    id: str
    """The app has what carries it out under this name."""
    title: str
    keys: tuple[str, ...]
    """Default keys, the one to show first."""
    group: str
    shown: str = ""
    """A short label for the footer; empty for a command that is not there."""


def _group(name: str, *rows: tuple[str, str, str] | tuple[str, str, str, str]) -> tuple[Command, ...]:
    """Commands of one group from rows of id, title, keys between spaces, and perhaps a label for the footer."""
    return tuple(Command(row[0], row[1], tuple(row[2].split()), name, *row[3:]) for row in rows)


COMMANDS: tuple[Command, ...] = (
    *_group(
        "File",
        ("new", "New file", "ctrl+n"),
        ("open", "Open a file", "ctrl+o", "Open"),
        ("jump_back", "Go back to where you were before a jump", "alt+j"),
        ("save", "Save", "ctrl+s", "Save"),
        ("save_as", "Save under another name", "alt+s"),
        ("close_tab", "Close the file", "ctrl+w"),
        ("next_tab", "Next file", "ctrl+pagedown f6"),
        ("previous_tab", "Previous file", "ctrl+pageup shift+f6"),
        ("reload", "Read the file again from disk", ""),
        ("quit_guarded", "Quit", "ctrl+q", "Quit"),
    ),
    *_group(
        "Edit",
        ("undo", "Undo", "ctrl+z"),
        ("redo", "Redo", "ctrl+y ctrl+shift+z"),
        ("cut", "Cut", "ctrl+x"),
        ("copy", "Copy", "ctrl+c"),
        ("paste", "Paste", "ctrl+v"),
        ("paste_whole", "Paste with control characters, if there are any", ""),
        ("select_all", "Select everything", "ctrl+a"),
        ("toggle_comment", "Comment or uncomment the lines", "ctrl+underscore"),
        ("tab", "Accept the infill, or indent", "tab"),
        ("dedent", "Dedent the lines", "shift+tab"),
        ("next_match", "Select the word; again: one more cursor at the next one", "ctrl+d"),
        ("duplicate_line", "Duplicate the lines", "alt+c"),
        ("delete_line", "Delete the lines", "ctrl+k"),
        ("move_line_up", "Move the lines up", "alt+up"),
        ("move_line_down", "Move the lines down", "alt+down"),
        ("expand_selection", "Grow the selection to the code around it", "alt+o"),
        ("shrink_selection", "Shrink the selection back", "alt+i"),
        ("matching_bracket", "Go to the matching bracket", "ctrl+right_square_bracket alt+m"),
    ),
    *_group(
        "Find",
        ("find", "Find", "ctrl+f", "Find"),
        ("find_next", "Find the next one", "f3"),
        # A terminal's report of the cursor looks like Shift+F3, and is taken for it.
        ("find_previous", "Find the previous one", "f2 shift+f3"),
        ("replace", "Find and replace", "ctrl+r"),
        ("find_in_project", "Find in all files of the project", "f4"),
        ("next_problem", "Go to the next doubtful place", "f7"),
        ("go_to_line", "Go to a line", "ctrl+l"),
        ("go_to_symbol", "Go to a symbol", "ctrl+t"),
    ),
    *_group(
        "View",
        ("command_palette", "Every command", "ctrl+p", "Commands"),
        ("help", "Every key", "f1", "Help"),
        ("toggle_wrap", "Break long lines, or not", "alt+z"),
        ("next_theme", "Next theme", ""),
        # Ctrl+Z, which other programs take for this, is undo.
        ("suspend", "Suspend to the shell (fg comes back)", ""),
    ),
    *_group(
        "Infill",
        ("infill", "Infill; again: another answer", "ctrl+g", "Infill"),
        ("infill_instructed", "Infill with an instruction", "alt+g"),
        ("fill_all", "Fill every hole of the file", "f9"),
        ("next_hole", "Next hole; among many answers: skip this one", "f8", "Next hole"),
        ("accept_line", "Accept the next line", "alt+l"),
        ("accept_word", "Accept the next word", "alt+w"),
        ("next_alternative", "Next answer", "alt+n"),
        ("previous_alternative", "Previous answer", "alt+p"),
        ("list_answers", "Answers in a list", "alt+a"),
        ("earlier_pass", "Look at the pass before", "alt+left"),
        ("later_pass", "Look at the pass after", "alt+right"),
        # Alt+B and Alt+F go by words, as in shells, and some terminals send them for Ctrl+Left and Ctrl+Right.
        ("branch", "Branch from this pass", "alt+r"),
        ("pin", "Pin or unpin the selected part of the infill", "alt+k"),
        ("show_figures", "Show or hide what a pass costs and reads", "alt+t"),
        ("show_replaced", "Show or hide what a rewrite replaces", "alt+v"),
        ("weaker", "Rewrite less of the code", "alt+d"),
        ("stronger", "Rewrite more of the code", "alt+u"),
        ("cancel", "Cancel", "escape"),
    ),
)

TWINS = {"ctrl+underscore": "ctrl+slash", "ctrl+space": "ctrl+@"}
"""One key under two names: what a plain terminal sends, and what the Kitty protocol does."""
_SIGNS_BY_NAME = {name: sign for sign, name in SIGNS.items()}
_LABELS = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "insert": "Ins",
    "delete": "Del",
}


def default_keys() -> dict[str, tuple[str, ...]]:
    """The default keys of every command by its id."""
    return {command.id: command.keys for command in COMMANDS}


def bindings(keymap: Mapping[str, tuple[str, ...]]) -> list[Binding]:
    """The bindings of an app; commands that the map has no keys for are left out.

    With priority: the text area would take Alt with a letter for the letter.
    """
    from textual.binding import Binding

    found = list[Binding]()
    for command in COMMANDS:
        for key in keymap.get(command.id, ()):
            names = [key, TWINS[key]] if key in TWINS else [key]
            found += [
                Binding(
                    name,
                    command.id,
                    command.shown or command.title,
                    show=bool(command.shown) and name == keymap[command.id][0],
                    key_display=key_label(name),
                    priority=True,
                    tooltip=command.title,
                    id=command.id,
                )
                for name in names
            ]
    return found


def key_label(key: str) -> str:
    """A key as people write it: Ctrl+G, Alt+→, Ctrl+]."""
    *modifiers, last = ("ctrl+slash" if key == "ctrl+underscore" else key).split("+")
    shown = _SIGNS_BY_NAME.get(last) or _LABELS.get(last) or (last.upper() if len(last) == 1 else last.capitalize())
    return "+".join([*(modifier.capitalize() for modifier in modifiers), shown])

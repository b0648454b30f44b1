"""The status line and the line of keys: what they say, from what the parts of the editor know."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text
from textual.timer import Timer
from textual.widgets import Static

from ...terminal import drawn
from ..commands import COMMANDS
from ..dialogs import keyboard_is_taken
from ..shell import Shell
from ..theme import Theme
from ..widgets.status_bar import Part, file_parts, fitted, fitted_keys, model_name

if TYPE_CHECKING:
    from ..widgets.code_area import CodeArea

STEERING = {
    "tab": "accept",
    "cancel": "cancel",
    "accept_word": "word",
    "accept_line": "line",
    "infill": "roll again",
    "next_alternative": "next answer",
    "list_answers": "all answers",
    "pin": "pin",
    "earlier_pass": "earlier pass",
    "branch": "branch",
    "weaker": "less",
    "stronger": "more",
}
"""The keys of a finished infill, the most wanted first."""
WALKING = {
    "Enter": "accept",
    "Backspace": "reject",
    "next_alternative": "next answer",
    "next_hole": "skip",
    "tab": "accept all",
    "cancel": "end",
}
"""The keys of a walk over many holes; those that are no commands as they are written."""
FINDING = [("Enter", "next"), ("Shift+F3", "previous"), ("Alt+A", "replace all"), ("Esc", "close")]
"""The keys of the find bar."""
FADE_S = 4.0
"""So long a message stands, unless the text changes before."""
PADDING = 2
KEPT = 1
"""What is left out of the state no sooner than this never makes room for a message."""
ROWS_MAX = 4
"""So many rows of the text a message may take, where it is very long."""


class Bars:
    """Two rows under the text; the row of tabs over it is drawn with them."""

    def __init__(self, app: Shell) -> None:
        self.app = app
        self.status, self.keys = Static(id="status"), Static(id="help")
        self._message = ""
        self.fade_s = FADE_S
        self._fading: Timer | None = None
        self._said_of: tuple[CodeArea, int] | None = None
        """The text that was active at the last message, and its version."""

    def use(self, theme: Theme) -> None:
        """Draw in a theme's colours."""
        self.status.styles.color = theme.colour("editor.status_foreground")
        self.status.styles.background = theme.colour("editor.status_background")
        self.keys.styles.color = theme.colour("editor.gutter")
        self.keys.styles.background = theme.colour("editor.background")

    def say(self, message: str, *, lasting: bool = False) -> None:
        """Say something for a while, or until the text changes, beside the state and never in its place."""
        self._message, self._said_of = message, (self.app.area, self.app.area.version)
        if self._fading is not None:
            self._fading.stop()
        self._fading = (
            self.app.set_timer(self.fade_s, self._fade) if message and not lasting and self.app.is_running else None
        )
        self.refresh()

    def _fade(self) -> None:
        self._message = ""
        self.refresh()

    def text_changed(self) -> None:
        """Take the message away, unless it speaks of this very change, which gets here after it."""
        if self._said_of != (self.app.area, self.app.area.version):
            self._message = ""

    def refresh(self) -> None:
        """Draw everything anew."""
        if not self.app.is_mounted(self.status):
            return
        # Names of files may hold what a terminal would act on.
        troubles = (self.app.recovery.trouble, self.app.jobs.load_error or "")
        said, cells = drawn("  |  ".join(part for part in (*troubles, self._message) if part)), self._cells
        groups = [[(priority, drawn(text)) for priority, text in group] for group in self._groups()]
        line = fitted([[(0, said)], *groups], cells)
        # What would cover the state stands in the place of the keys, in as many rows as it takes.
        fits = not said or all(
            text in line for group in groups for priority, text in [*group, (0, said)] if priority <= KEPT
        )
        self.status.update(Text(line if fits else fitted(groups, cells)), layout=False)
        rows = [self._key_line(cells)] if fits else textwrap.wrap(said, cells)[:ROWS_MAX]
        # One row as a rule, so that no key costs a layout of the screen.
        if self.keys.styles.height is None or self.keys.styles.height.value != len(rows):
            self.keys.styles.height = len(rows)
        self.keys.update(Text("\n".join(rows)), layout=False)
        self.app.tab_bar.show(self.app.files.listed(), self.app.files.at)

    @property
    def _cells(self) -> int:
        """Cells of one row."""
        return max(1, self.app.size.width - PADDING)

    def _groups(self) -> list[list[Part]]:
        """What is said of the infill or the file, and of the model."""
        app, area = self.app, self.app.area
        if app.infills.review is not None and app.infills.area is area:
            return [app.infills.parts()]
        tab, (row, column) = app.files.tab, area.cursor_location
        parts = file_parts(
            tab.name,
            dirty=tab.dirty,
            row=row,
            column=column,
            lines=area.document.line_count,
            ending=area.document.ending,
            encoding=tab.buffer.encoding.name,
            language=area.syntax_name,
            locked=bool(tab.buffer.read_only_reason),
        )
        jobs = app.jobs
        known = model_name(jobs.model.info) if jobs.model is not None else jobs.load_note
        problem = area.problem_at(row)
        return [parts, [(1, problem.message)] if problem else [], [(2, known)]]

    def _key_line(self, cells: int) -> str:
        known = {command.id for command in COMMANDS}
        review = self.app.infills.review if self.app.infills.area is self.app.area else None
        if keyboard_is_taken(self.app) and not self.app.screen.is_modal:
            pairs = FINDING
        elif review is None:
            # What no other editor has comes first; a narrow terminal leaves the others out.
            ordered = sorted(COMMANDS, key=lambda command: command.group != "Infill")
            pairs = [(command.id, command.shown) for command in ordered if command.shown and command.id != "help"]
        elif not review.finished:
            pairs = [("cancel", "cancel")]
        else:
            pairs = list((WALKING if review.is_walk else STEERING).items())
        keys = [(self.app.key(command) if command in known else command, label) for command, label in pairs]
        return fitted_keys(keys, (self.app.key("help"), "Help"), cells)

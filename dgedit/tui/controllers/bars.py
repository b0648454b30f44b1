"""The status line and the line of keys: what they say, from what the parts of the editor know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from ...terminal import drawn
from ..commands import COMMANDS
from ..shell import Shell
from ..theme import Theme
from ..widgets.status_bar import file_line, model_name

if TYPE_CHECKING:
    from ..widgets.code_area import CodeArea

STEERING = {
    "tab": "accept",
    "cancel": "cancel",
    "accept_word": "word",
    "accept_line": "line",
    "infill": "roll again",
    "next_alternative": "next answer",
    "pin": "pin",
    "earlier_pass": "earlier pass",
    "branch": "branch",
    "weaker": "less",
    "stronger": "more",
}
"""The keys of a finished infill, the most wanted first."""


class Bars:
    """Two rows under the text; the row of tabs over it is drawn with them."""

    def __init__(self, app: Shell) -> None:
        self.app = app
        self.status, self.keys = Static(id="status"), Static(id="help")
        self._message = ""
        self._said_of: tuple[CodeArea, int] | None = None
        """The text that was active at the last message, and its version."""

    def use(self, theme: Theme) -> None:
        """Draw in a theme's colours."""
        self.status.styles.color = theme.colour("editor.status_foreground")
        self.status.styles.background = theme.colour("editor.status_background")
        self.keys.styles.color = theme.colour("editor.gutter")
        self.keys.styles.background = theme.colour("editor.background")

    def say(self, message: str) -> None:
        """Put a message into the status line."""
        self._message, self._said_of = message, (self.app.area, self.app.area.version)
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
        shown = drawn("  |  ".join(part for part in (self.app.recovery.trouble, self._message, *self._lines()) if part))
        # Both are one row whatever they say, so that no key costs a layout of the screen.
        self.status.update(Text(shown), layout=False)
        self.keys.update(Text(self._key_line()), layout=False)
        self.app.tab_bar.show(self.app.files.listed(), self.app.files.at)

    def _lines(self) -> tuple[str, str]:
        """What is said of the infill or the file, and of the model."""
        app, area = self.app, self.app.area
        if app.infills.review is not None and app.infills.area is area:
            return app.infills.line(), ""
        tab, (row, column) = app.files.tab, area.cursor_location
        line = file_line(
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
        return line, jobs.load_error or known

    def _key_line(self) -> str:
        review = self.app.infills.review
        if review is None:
            # What no other editor has comes first; a narrow terminal cuts the others.
            ordered = sorted(COMMANDS, key=lambda command: command.group != "Infill")
            pairs = [(command.id, command.shown) for command in ordered if command.shown]
        elif not review.finished:
            pairs = [("cancel", "cancel")]
        else:
            pairs = list(STEERING.items())
        shown = "  ".join(f"{self.app.key(command)} {label}" for command, label in pairs)
        return shown if review is None or review.finished else f"denoising  {shown}"

"""The editor: routes keys to the text area, the file and the infill; draws frames as they come.

It paints before torch is imported: nothing on this path imports the engine, the model loads behind the first paint.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static, TextArea

from ..errors import DgeditError
from ..fill import FillOptions, make_request
from ..holes import CHARS_PER_TOKEN, MARKER
from .buffer import Buffer
from .editor import CodeArea
from .job import InfillJobs
from .overlay import Location
from .status import file_line, infill_line, model_name
from .theme import DEFAULT_THEME, FOLDER, load_theme

if TYPE_CHECKING:
    from ..engine.types import Frame

POLLS_PER_SECOND = 30
MIN_COLUMNS, MIN_ROWS = 40, 8
HELP = "Ctrl+G infill  F8 next hole  Ctrl+S save  Ctrl+Q quit"
HELP_RUNNING = "denoising  Esc cancel"
HELP_DONE = "Tab accept  Esc cancel  Ctrl+G another"


class DgeditApp(App[int]):
    """One file: the text area, a status line, a line of keys."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layers: base; }
    #code { border: none; padding: 0; height: 1fr; }
    #status, #help { height: 1; width: 100%; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", priority=True),
        Binding("ctrl+q", "quit_guarded", "Quit", priority=True),
        Binding("ctrl+g", "infill", "Infill", priority=True),
        Binding("f8", "next_hole", "Next hole", priority=True),
        Binding("tab", "accept", "Accept", priority=True),
        Binding("escape", "cancel", "Cancel", priority=True),
    ]

    def __init__(
        self, path: Path, *, model: str = "nano", options: FillOptions | None = None, warm_up: bool = True
    ) -> None:
        """Open a file.

        Raises:
            DgeditError: when the file or the theme is not readable.
        """
        super().__init__()
        self.buffer, self._text = Buffer.open(path)
        self._palette = load_theme(FOLDER / f"{DEFAULT_THEME}.toml")
        self.area = CodeArea(self._palette, syntax=self.buffer.language)
        self._status, self._help = Static(id="status"), Static(id="help")
        self.jobs = InfillJobs(model)
        self.options = options or FillOptions(language=self.buffer.language, path=path)
        self.finished_text: str | None = None
        """The result that Tab accepts; none while denoising."""
        self._hole: tuple[Location, Location] | None = None
        self._seed = self.options.seed
        self._rejected: tuple[str, ...] = ()
        self._message = ""
        self._warned = ""
        self._warm_up = warm_up
        self._dirty = False
        self._model_said = False

    # -- life ------------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The text area over the status line."""
        yield self.area
        yield self._status
        yield self._help

    def on_mount(self) -> None:
        """Show the text, then load the model behind it."""
        colours = self._palette.colours["editor"]
        self._status.styles.color = colours["status_foreground"]
        self._status.styles.background = colours["status_background"]
        self._help.styles.color = colours["gutter"]
        self._help.styles.background = colours["background"]
        self.area.open_text(self._text)
        self.area.focus()
        self._refresh_status()
        self.set_interval(1 / POLLS_PER_SECOND, self.draw_newest_frame)
        if self._warm_up:
            self.call_after_refresh(self.jobs.warm_up)

    @on(TextArea.Changed)
    def _text_changed(self) -> None:
        self._dirty = self.buffer.is_dirty(self.area.text)
        if self._dirty:
            # A change that was saved before this message came must not wipe "saved" away.
            self._message = ""
        self._refresh_status()

    @on(TextArea.SelectionChanged)
    def _selection_changed(self) -> None:
        if self.area.preview is None:
            self._refresh_status()

    def _say(self, message: str) -> None:
        self._message = message
        self._refresh_status()

    def _refresh_status(self, line: str = "") -> None:
        if not line:
            row, column = self.area.cursor_location
            document = self.area.document
            line = file_line(
                self.buffer.path.name,
                dirty=self._dirty,
                row=row,
                column=column,
                lines=document.line_count,
                ending=document.newline,
            )
        loaded = "" if self.jobs.model is None or self.area.preview else model_name(self.jobs.model.info)
        helps = HELP if self.area.preview is None else HELP_RUNNING if self.finished_text is None else HELP_DONE
        shown = "  |  ".join(part for part in (self._message, line, loaded) if part)
        self._status.update(Text(shown))
        self._help.update(Text(helps))

    # -- files -----------------------------------------------------------------------------------------------------

    def action_save(self) -> None:
        """Save, atomically; a file that changed outside is overwritten only at the second press."""
        if self.area.preview is not None:
            self._say("accept or cancel the infill first")
            return
        if self.buffer.changed_outside() and self._warned != "outside":
            self._warned = "outside"
            self._say("the file changed on disk; Ctrl+S again overwrites it")
            return
        self._warned = ""
        try:
            size = self.buffer.save(self.area.text)
        except DgeditError as error:
            self._say(error.line())
            return
        self._dirty = False
        self._say(f"saved {size:,} bytes")

    def action_quit_guarded(self) -> None:
        """Quit; with unsaved work only at the second press."""
        if self.area.preview is not None:
            self.action_cancel()
        if self.buffer.is_dirty(self.area.text) and self._warned != "quit":
            self._warned = "quit"
            self._say("unsaved changes: Ctrl+S saves, Ctrl+Q again discards them")
            return
        self.jobs.cancel()
        self.exit(0)

    # -- infill ----------------------------------------------------------------------------------------------------

    def action_next_hole(self) -> None:
        """Select the next marker after the cursor, or the first one."""
        if self.area.preview is not None:
            return
        text, newline = self.area.text, self.area.document.newline
        after = self.area.document.get_index_from_location(max(self.area.selection))  # type: ignore[attr-defined]
        at = text.find(MARKER, after)
        at = text.find(MARKER) if at < 0 else at
        if at < 0:
            self._say(f"no {MARKER} in this file")
            return
        row = text.count(newline, 0, at)
        column = at - (text.rfind(newline, 0, at) + len(newline) if row else 0)
        self.area.move_cursor((row, column))
        self.area.move_cursor((row, column + len(MARKER)), select=True, center=True)

    def action_infill(self) -> None:
        """Denoise the selection or the place of the cursor; at a finished infill, try another seed."""
        area = self.area
        if area.preview is not None:
            if self.finished_text is None:
                return
            self._seed += 1
            self._rejected = (*self._rejected, self.finished_text)
            area.cancel_preview()
        else:
            self._seed, self._rejected = self.options.seed, ()
            self._hole = self._find_hole()
        assert self._hole is not None, "set by every infill that began"
        self._begin(*self._hole)

    def _begin(self, start: Location, end: Location) -> None:
        area = self.area
        document = area.document
        last = (document.line_count - 1, len(document[document.line_count - 1]))
        prefix, span, suffix = (document.get_text_range(*pair) for pair in (((0, 0), start), (start, end), (end, last)))
        rewrites = bool(span.strip()) and span != MARKER
        expected = max(1, round(len(span) / CHARS_PER_TOKEN)) if rewrites else None
        options, rejected = replace(self.options, seed=self._seed), self._rejected
        self.finished_text = None
        area.begin_preview(start, end)
        self.jobs.start(lambda: make_request(prefix, suffix, expected, options, rejected))
        self._message = ""
        self._refresh_status("loading the model" if self.jobs.model is None else "reading the context")

    def _find_hole(self) -> tuple[Location, Location]:
        """The span to fill: a selection without its outer white space, a marker on the line, or the cursor."""
        area = self.area
        start, end = sorted(area.selection)
        document = area.document
        if start == end:
            line = document[start[0]]
            marker = line.rfind(MARKER, 0, start[1] + len(MARKER))
            marker = line.find(MARKER) if marker < 0 else marker
            if marker >= 0:
                return (start[0], marker), (start[0], marker + len(MARKER))
            # White space behind the cursor on an otherwise empty rest of the line would end up after the infill.
            rest = line[start[1] :]
            return start, (start[0], len(line)) if not rest.strip() else end
        if end[1] == 0 and end[0] > start[0]:
            end = (end[0] - 1, len(document[end[0] - 1]))
        line = document[start[0]]
        indent = len(line) - len(line.lstrip(" \t"))
        if start[1] < indent and (start[0] < end[0] or end[1] > indent):
            start = (start[0], indent)
        return start, max(start, end)

    def draw_newest_frame(self) -> None:
        """Take the newest frame from the mailbox, if there is one, and draw it."""
        if self.jobs.model is not None and not self._model_said:
            self._model_said = True
            if self.area.preview is None:
                self._refresh_status()
        delivery = self.jobs.poll()
        if delivery is None or self.area.preview is None:
            return
        if delivery.error is not None or delivery.frame is None:
            self.area.cancel_preview()
            self._say(delivery.error or "the infill gave nothing")
            return
        self.show_frame(delivery.frame)

    def show_frame(self, frame: Frame) -> None:
        """Draw a frame into the text and the status line; the last one carries what Tab accepts."""
        self.area.show_pieces(tuple((span.text, span.state.value, span.confidence) for span in frame.spans))
        if frame.result is not None:
            self.finished_text = frame.result.text
            if not frame.result.text.strip():
                self.area.cancel_preview()
                self._say("the model found no text here; try another place or a selection")
                return
        model = self.jobs.model
        self._refresh_status(infill_line(frame, None if model is None else model.info))

    def action_accept(self) -> None:
        """Accept a finished infill; without one, Tab is a key of the text."""
        if self.area.preview is None:
            self._tab()
        elif self.finished_text is not None:
            text, self.finished_text = self.finished_text, None
            self.area.accept_preview(text)

    def _tab(self) -> None:
        """Insert spaces to the next tab stop."""
        area = self.area
        column = min(area.selection)[1]
        area.replace(
            " " * (area.indent_width - column % area.indent_width), *area.selection, maintain_selection_offset=False
        )

    def action_cancel(self) -> None:
        """Cancel an infill: the bytes of the span come back exactly."""
        if self.area.preview is None:
            area = self.area
            area.move_cursor(area.cursor_location)
            return
        self.jobs.cancel()
        self.finished_text = None
        self.area.cancel_preview()
        self._say("cancelled")


def run(file: str | None, *, model: str, seed: int, passes: int) -> int:
    """Run the editor on the terminal; returns the exit code.

    Raises:
        DgeditError: when there is no file to open, or the terminal is too small.
    """
    if file is None:
        raise DgeditError("no file to edit", "name one: dgedit FILE (it may be new)")
    size = shutil.get_terminal_size()
    if size.columns < MIN_COLUMNS or size.lines < MIN_ROWS:
        raise DgeditError(
            f"the terminal has {size.columns}x{size.lines} cells", f"make it at least {MIN_COLUMNS}x{MIN_ROWS}"
        )
    app = DgeditApp(Path(file), model=model)
    app.options = FillOptions(seed=seed, passes=passes, language=app.buffer.language, path=Path(file))
    result = app.run()
    return result if result is not None else app.return_code or 0

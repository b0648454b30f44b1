"""The editing keys: each is a pure change of lines (`dgedit.text.edits`) put into the active text as one undo step."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from textual.widgets.text_area import Selection

from ...text import edits
from ...text.languages import comment_of
from ..clipboard import Clipboard
from ..shell import Shell
from ..widgets.code_area import CodeArea


class Edits:
    """Carries out the editing commands in the active text area."""

    def __init__(self, app: Shell) -> None:
        self.app = app
        self.clipboard = Clipboard()
        # One thread, so that a paste right after a copy gets what was copied.
        self._desk = ThreadPoolExecutor(1, "dgedit-clipboard")

    def _apply(self, change: edits.Change | None) -> None:
        if self.app.area.locked:
            self.app.say(self.app.area.locked)
        elif change is not None:
            self.app.area.apply(change)

    def tab(self) -> None:
        """Indent the selected lines; without a selection go to the next tab stop."""
        area = self.app.area
        if area.selection.start[0] != area.selection.end[0]:
            self._apply(edits.indent_lines(area.document.lines, area.selection, area.indent))
        else:
            self._apply(edits.tab(area.document.lines, area.selection, area.indent))

    def dedent(self) -> None:
        """Take one level of indentation from the touched lines."""
        area = self.app.area
        self._apply(edits.dedent_lines(area.document.lines, area.selection, area.indent))

    def toggle_comment(self) -> None:
        """Comment the touched lines out, or in again."""
        area = self.app.area
        comment = comment_of(area.syntax_name)
        if comment.line is None and comment.block is None:
            self.app.say(f"{area.syntax_name} has no comments")
            return
        self._apply(edits.toggle_comment(area.document.lines, area.selection, comment.line, comment.block))

    def duplicate_line(self) -> None:
        """Write the touched lines once more below."""
        self._apply(edits.duplicate_lines(self.app.area.document.lines, self.app.area.selection))

    def next_match(self) -> None:
        """Select the word, then with one more cursor the next place that says the same."""
        if self.app.area.locked:
            self.app.say(self.app.area.locked)
        elif self.app.area.cursors.add_next():
            self.app.area.scroll_cursor_visible()
            count = len(self.app.area.cursors.others) + 1
            self.app.say(f"{count} cursors; {self.app.key('cancel')} leaves one" if count > 1 else "")
        else:
            self.app.say("no other place says this")

    def delete_line(self) -> None:
        """Delete the touched lines."""
        self._apply(edits.delete_lines(self.app.area.document.lines, self.app.area.selection))

    def move_line_up(self) -> None:
        """Move the touched lines over the line above."""
        self._apply(edits.move_lines(self.app.area.document.lines, self.app.area.selection, "up"))

    def move_line_down(self) -> None:
        """Move the touched lines under the line below."""
        self._apply(edits.move_lines(self.app.area.document.lines, self.app.area.selection, "down"))

    def undo(self) -> None:
        """Take the last step back."""
        self.app.area.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        self.app.area.redo()

    def copy(self) -> None:
        """Put the selection, or without one the line, on the clipboard."""
        area = self.app.area
        if area.selection.is_empty:
            self._copy(area.document[area.cursor_location[0]] + "\n")
        else:
            self._copy(area.selected_text)

    def _copy(self, text: str) -> None:
        def work() -> None:
            self.app.tell(self.app.say, self.clipboard.copy(text, self.app))

        self._desk.submit(work)

    def cut(self) -> None:
        """Copy, then delete what was copied."""
        area = self.app.area
        if area.locked:
            self.app.say(area.locked)
            return
        self.copy()
        if area.selection.is_empty:
            self.delete_line()
        else:
            start, end = sorted(area.selection)
            area.apply(edits.Change(start, end, "", (start, start)))

    def paste(self) -> None:
        """Replace the selection by what is on the clipboard, without characters that nobody would see."""
        self._paste(whole=False)

    def paste_whole(self) -> None:
        """Replace the selection by all that is on the clipboard, control characters too."""
        self._paste(whole=True)

    def _paste(self, *, whole: bool) -> None:
        area = self.app.area
        place = area, area.version, area.selection
        # What is typed next belongs behind what is pasted, and a tool may take its time.
        self.app.typed.hold()

        def work() -> None:
            text: str | None = None
            try:
                text = self.clipboard.paste()
            finally:
                self.app.tell(self._pasted, place, text, whole)

        self._desk.submit(work)

    def _pasted(self, place: tuple[CodeArea, int, Selection], text: str | None, whole: bool) -> None:
        area, version, selection = place
        try:
            if text is None:
                self.app.say("the clipboard is empty")
            elif self.app.files.tab_of(area) is None:
                self.app.say("nothing was pasted: the file was closed meanwhile")
            elif area.locked:
                self.app.say(area.locked)
            else:
                if area.version == version:
                    # A click may have put the cursor elsewhere meanwhile.
                    area.selection = selection
                area.insert_pasted(text, whole=whole)
        finally:
            self.app.typed.go_on()

    def select_all(self) -> None:
        """Select the whole text."""
        self.app.area.select_all()

    def expand_selection(self) -> None:
        """Select the next larger piece of code around the selection."""
        self.app.area.expand_selection()

    def shrink_selection(self) -> None:
        """Go back to the selection before it was expanded."""
        self.app.area.shrink_selection()

    def matching_bracket(self) -> None:
        """Go to the partner of the bracket at the cursor."""
        area = self.app.area
        row, column = area.cursor_location
        sign = comment_of(area.syntax_name).line
        for place in ((row, column), (row, max(0, column - 1))):
            partner = edits.matching_bracket(area.document.lines, place, line_comment=sign)
            if partner is not None:
                area.selection = Selection.cursor(partner)
                return
        self.app.say("no bracket here, or its partner is far away")

    def toggle_wrap(self) -> None:
        """Break long lines at the edge of the screen, or scroll sideways again."""
        area = self.app.area
        area.soft_wrap = not area.soft_wrap
        self.app.say("long lines are wrapped" if area.soft_wrap else "long lines are not wrapped")

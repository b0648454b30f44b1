"""Random edits of the real text area against a plain string, and the way back: undo to the first byte and redo."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, product
from pathlib import Path

import pytest
from textual.document._wrapped_document import WrappedDocument
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from dgedit.text import edits
from dgedit.text.controls import without_unseen
from dgedit.text.languages import comment_of, indents_after
from dgedit.tui.widgets.code_area import CodeArea
from dgedit.tui.widgets.document import TextDocument

from ...support.editor_host import Location, editor

OPERATIONS = 3_900
"""Edits, undos, redos and moves of each of the twelve runs: with the way back at the end more than 50,000."""
LENGTH_MAX = 1_500
ALPHABET = [
    *"ab(){}[]:,'\"# ",
    "    ",
    "\t",
    "é",
    "😀",
    "漢字",
    "e\u0301",
    "\u2028",
    "\x85",
    "\f",
    "\x1b[2J",
    "\r",
    "\n",
    "\n",
]
WORDS = ["def f(x):", "return", "if (a) {", "}", "// x", "# y", "/*", "*/", "'''", "\r\n", "\r\r\n", "<FILL_ME>"]
LANGUAGES = ("python", "javascript", "text")
STARTS = {
    "lf": "def f(x):\n    if x:\n        return {'a': [1, 2]}\n\n\nclass A:\n\tpass\n",
    "crlf": "int f() {\r\n    if (a) {\r\n        return 1; /* é */\r\n    }\r\n}\r\n",
    "cr": "a = 1\rif a:\r    b = [2]\r",
    "mixed": "a = 1\r\nb = '\u2028'\n\r\rc\x0b = 2\r\n\x1c\n漢字 = (1)",
}


def some_text(draw: random.Random, pieces: int = 6) -> str:
    return "".join(draw.choices(ALPHABET + WORDS, k=draw.randrange(pieces)))


@dataclass(slots=True)
class Twin:
    """The text area, and the string that it must be."""

    area: CodeArea
    draw: random.Random
    text: str
    by_depth: dict[int, str] = field(default_factory=dict)
    """The text after so many undo steps."""
    operations: int = 0

    @property
    def newline(self) -> str:
        return self.area.document.newline

    def own(self, text: str) -> str:
        """A text as it goes into a document with these line ends."""
        return text.replace("\r\n", "\n").replace("\n", self.newline) if self.newline != "\n" else text

    def offset(self, place: Location) -> int:
        rows = self.text.split(self.newline)
        return sum(len(row) + len(self.newline) for row in rows[: place[0]]) + place[1]

    def place(self) -> Location:
        row = self.draw.randrange(self.area.document.line_count)
        return row, self.draw.randrange(len(self.area.document[row]) + 1)

    def replaced(self, start: Location, end: Location, text: str) -> str:
        low, high = sorted((self.offset(start), self.offset(end)))
        return self.text[:low] + self.own(text) + self.text[high:]

    def filled(self, start: Location, end: Location, answer: str) -> str:
        """The text with an answer in it: its line feeds are line breaks, every other character stays."""
        return self.replaced(start, end, answer.replace("\n", self.newline))

    # Each of these does one thing to the area and returns what the text should then be.

    def move(self) -> str:
        start = self.place()
        end = self.place() if self.draw.random() < 0.5 else start
        if self.draw.random() < 0.3:
            end = min(self.area.document.line_count - 1, start[0] + 2), 0
        self.area.selection = Selection(start, end)
        return self.text

    def type(self) -> str:
        letter = self.draw.choice("ab(){}:'\"# é漢😀")
        start, end = self.area.selection
        expected = self.replaced(start, end, letter)
        self.area._replace_via_keyboard(letter, start, end)
        return expected

    def paste(self) -> str:
        text = some_text(self.draw, 12)
        pasted = without_unseen(text.replace("\r\n", "\n").replace("\r", "\n"))
        expected = self.replaced(*self.area.selection, pasted)
        self.area.insert_pasted(text)
        return expected

    def backspace(self) -> str:
        change = edits.backspace(self.area.document.lines, self.area.selection, self.area.indent)
        if change is not None:
            expected = self.replaced(change.start, change.end, "")
        else:
            start, end = self.area.selection
            expected = self.replaced(self.area.get_cursor_left_location() if start == end else start, end, "")
        self.area.action_delete_left()
        return expected

    def delete(self) -> str:
        start, end = self.area.selection
        expected = self.replaced(start, self.area.get_cursor_right_location() if start == end else end, "")
        self.area.action_delete_right()
        return expected

    def word_left(self) -> str:
        start, end = self.area.selection
        expected = self.replaced(self.area.get_cursor_word_left_location() if start == end else start, end, "")
        self.area.action_delete_word_left()
        # A cursor at the start of the text has no word to its left, even if something is selected to its right.
        return expected if end > (0, 0) else self.text

    def command(self) -> str:
        """A key of `Edits` or Enter: the change itself is tested elsewhere, here that it is carried out."""
        lines, selection, indent = self.area.document.lines, self.area.selection, self.area.indent
        language = self.area.syntax_name
        comment = comment_of(language)
        commands: list[Callable[[], edits.Change | None]] = [
            lambda: edits.newline(lines, selection, indent, lambda line: indents_after(language, line)),
            lambda: edits.indent_lines(lines, selection, indent),
            lambda: edits.dedent_lines(lines, selection, indent),
            lambda: edits.tab(lines, selection, indent),
            lambda: edits.toggle_comment(lines, selection, comment.line, comment.block),
            lambda: edits.move_lines(lines, selection, "up"),
            lambda: edits.move_lines(lines, selection, "down"),
            lambda: edits.duplicate_lines(lines, selection),
            lambda: edits.delete_lines(lines, selection),
        ]
        change = self.draw.choice(commands)()
        if change is None:
            return self.text
        expected = self.filled(change.start, change.end, change.text)
        self.area.apply(change)
        assert self.area.selection == Selection(*change.selection)
        return expected

    def rewrite(self) -> str:
        """What a replacement of all matches, a reload or a recovery does."""
        low, high = sorted(self.draw.randrange(len(self.text) + 1) for _ in range(2))
        new = self.text[:low] + some_text(self.draw) + self.text[high:]
        if self.newline == "\r\n":
            # An edge inside a CRLF, or a piece that begins with a line feed, would leave one alone.
            new = re.sub("(?<!\r)\n", "\r\n", new)
        self.area.replace_changed(self.text, new, keep_cursor=False)
        return new

    def infill(self) -> str:
        """A span that is denoised, looked at, and then cancelled or accepted."""
        start, end = sorted((self.place(), self.place()))
        end = min(end, (start[0] + 2, 0))
        before, depth = self.area.selection, len(self.area.history.undo_stack)
        self.area.begin_preview(start, end)
        for _ in range(self.draw.randrange(4)):
            pieces = [(some_text(self.draw), "draft", 0.5) for _ in range(self.draw.randrange(3))]
            self.area.show_pieces(pieces)
            if self.draw.random() < 0.3:
                self.move()
            assert self.area.true_text() == self.text
            assert self.area.text == self.filled(start, end, "".join(text for text, _, _ in pieces))
        if self.draw.random() < 0.5:
            self.area.cancel_preview()
            assert self.area.selection == before
            assert len(self.area.history.undo_stack) == depth
            return self.text
        answer = some_text(self.draw)
        expected = self.filled(start, end, answer)
        self.area.accept_preview(answer)
        return expected

    def undo(self) -> str:
        depth = len(self.area.history.undo_stack)
        for _ in range(self.draw.choice([1, 1, 3, 14])):
            self.operations += bool(self.area.history.undo_stack)
            self.area.undo()
        after = len(self.area.history.undo_stack)
        return self.by_depth[after] if after < depth else self.text

    def redo(self) -> str:
        for _ in range(self.draw.choice([1, 3, 14])):
            self.operations += bool(self.area.history.redo_stack)
            self.area.redo()
        return self.by_depth[len(self.area.history.undo_stack)]

    def shorten(self) -> str:
        start, end = sorted((self.place(), self.place()))
        self.area.selection = Selection(start, end)
        return self.delete()

    # What must hold.

    def step(self) -> None:
        """One random operation, checked."""
        kinds: list[tuple[Callable[[], str], int]] = [
            (self.move, 5), (self.type, 6), (self.paste, 2), (self.backspace, 3), (self.delete, 2),
            (self.word_left, 1), (self.command, 6), (self.rewrite, 1), (self.infill, 1), (self.undo, 3), (self.redo, 2),
        ]  # fmt: skip
        operation = self.draw.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        if len(self.text) > LENGTH_MAX:
            operation = self.shorten
        before, version, ending = self.text, self.area.version, self.newline
        self.text = operation()
        what = f"{operation.__name__} in {before!r}"
        assert self.area.text == self.text, what
        if operation not in (self.rewrite, self.undo, self.redo):
            assert self.newline == ending, what
        assert self.area.document.lines == self.text.split(self.newline), what
        assert self.text == before or self.area.version > version, what
        for row, column in self.area.selection:
            assert 0 <= row < self.area.document.line_count, what
            assert 0 <= column <= len(self.area.document[row]), what
        if operation not in (self.undo, self.redo):
            self.operations += 1
            self.by_depth[len(self.area.history.undo_stack)] = self.text

    def check_tables(self) -> None:
        """What is kept from edit to edit is what a fresh start would find."""
        area, document = self.area, self.area.document
        fresh = WrappedDocument(document, area.wrap_width, area.indent_width)
        kept = area.wrapped_document
        for table in ("_wrap_offsets", "_offset_to_line_info", "_line_index_to_offsets", "_tab_width_cache"):
            assert list(getattr(kept, table)) == list(getattr(fresh, table)), table
        assert kept.height == fresh.height
        again = TextDocument(self.text, document.language)
        if again.newline == document.newline:
            assert document.get_size(area.indent_width) == again.get_size(area.indent_width)
        for _ in range(5):
            place = self.place()
            assert area.offset_of(place) == self.offset(place)
            assert area.location_of(self.offset(place)) == place
        for row in range(min(area.size.height, document.line_count)):
            area.render_line(row)

    def check_colours(self) -> None:
        """The tree that followed all edits says the same as a new one."""
        document = self.area.document
        again = TextDocument(self.text, document.language)
        if again.newline != document.newline:
            return
        for syntax in (document.syntax, again.syntax):
            assert syntax.refresh(None)
        rows = 0, document.line_count - 1
        assert document.syntax.highlights(*rows) == again.syntax.highlights(*rows)


RUNS = [
    *((ending, language, number % 2 == 0) for number, (language, ending) in enumerate(product(LANGUAGES, STARTS))),
    ("crlf", "python", False),
    ("lf", "javascript", True),
    ("mixed", "text", True),
]
"""Line endings, language, and whether long lines are broken."""


@pytest.mark.parametrize(("number", "run"), list(enumerate(RUNS)))
async def test_edits_undo_and_redo_are_those_of_a_string(
    tmp_path: Path, number: int, run: tuple[str, str, bool]
) -> None:
    ending, language, wraps = run
    path = tmp_path / "x.txt"
    path.write_bytes(STARTS[ending].encode())
    async with editor(path, size=(50, 12)) as host:
        area = host.area
        area.set_language(language)
        area.soft_wrap = wraps
        await host.settle()
        start = area.text
        twin = Twin(area, random.Random(number), start, {0: start})
        with area.prevent(TextArea.Changed, TextArea.SelectionChanged):
            for step in count():
                twin.step()
                if step % 25 == 0:
                    twin.check_tables()
                if step % 250 == 0:
                    twin.check_colours()
                if step % 100 == 0:
                    await host.settle()
                if twin.operations >= OPERATIONS:
                    break
        end, depth = twin.text, len(area.history.undo_stack)
        for after in reversed(range(depth)):
            area.undo()
            assert area.text == twin.by_depth[after]
        assert area.text == start
        twin.text = start
        twin.check_tables()
        for _ in range(depth):
            area.redo()
        assert area.text == end

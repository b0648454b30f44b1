"""Documents give back exactly what was put in, whatever is edited, and their quick answers are the plain ones."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset

from dgedit.tui.syntax.rows import RowStarts
from dgedit.tui.widgets.document import TextDocument, line_ending
from dgedit.tui.widgets.wrapping import WrappedRows

PIECES = [
    *("a", "é", "😀", "e\u0301", "中", " ", "\t", "    ", "\n", "\n", "\n\n", "\r\n", "\r"),
    *("\f", "\x0b", "\x1c", "\x85", "\u2028", "\ufeff", "def f():", "'", '"""', "(", "]", "# x", "class A:\n    x"),
]
Location = tuple[int, int]


def random_text(draw: random.Random, pieces: int = 30) -> str:
    return "".join(draw.choices(PIECES, k=draw.randrange(pieces)))


def random_range(draw: random.Random, document: TextDocument) -> tuple[Location, Location]:
    """Mostly a short range, so that the text keeps its size."""
    row = draw.randrange(document.line_count)
    other = min(row + draw.choice([0, 0, 0, 1, 2]), document.line_count - 1)
    start, end = sorted((at, draw.randrange(len(document[at]) + 1)) for at in (row, other))
    return start, end


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("", "\n"),
        ("a", "\n"),
        ("a\n", "\n"),
        ("a\r\n", "\r\n"),
        ("a\r\nb\n", "\n"),
        ("a\rb", "\r"),
        ("a\rb\n", "\n"),
        ("a\r\nb\r\n", "\r\n"),
    ],
)
def test_the_line_ending_is_the_one_that_all_lines_have(text: str, ending: str) -> None:
    assert line_ending(text) == ending


def test_any_text_comes_back() -> None:
    draw = random.Random(1)
    for _ in range(3000):
        text = random_text(draw)
        document = TextDocument(text)
        assert document.text == text
        assert document.newline.join(document.lines) == text


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("", "LF"),
        ("a", "LF"),
        ("a\nb", "LF"),
        ("a\nb\r", "LF"),
        ("a\r\nb", "CRLF"),
        ("a\rb", "CR"),
        ("a\r\nb\n", "mixed"),
        ("a\nb\r\n", "mixed"),
        ("a\rb\nc", "LF"),
    ],
)
def test_a_person_is_told_how_lines_end(text: str, ending: str) -> None:
    assert TextDocument(text).ending == ending


def test_how_lines_end_follows_edits() -> None:
    document = TextDocument("a\r\nb\nc\r\n")
    assert document.ending == "mixed"
    document.replace_range((1, 1), (1, 1), "\r")
    assert document.ending == "CRLF"
    document.replace_range((0, 1), (0, 2), "")
    document.replace_range((1, 1), (1, 2), "")
    assert document.ending == "mixed"
    document.replace_range((2, 1), (2, 2), "")
    assert document.ending == "LF"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("language", ["text", "python", "kotlin"])
def test_five_thousand_edits_are_those_of_a_plain_string(language: str, ending: str) -> None:
    draw = random.Random(2)
    model = f"def f():{ending}    return 'é😀'{ending}" * 40
    document = TextDocument(model, language)
    for step in range(5000):
        start, end = random_range(draw, document)
        low, high = document.get_index_from_location(start), document.get_index_from_location(end)
        if len(model) < 800:
            high, end = low, start
        new = random_text(draw, 4)
        first, second = draw.sample([start, end], 2)
        result = document.replace_range(first, second, new)
        own = document.own_breaks(new) if ending != "\n" else new
        assert result.replaced_text == model[low:high]
        model = model[:low] + own + model[high:]
        assert document.get_index_from_location(result.end_location) == low + len(own)
        if step % 10 == 0:
            assert document.text == model
        if step % 250 == 0:
            check_answers(document)
    check_answers(document)


def check_answers(document: TextDocument) -> None:
    """All that the document keeps must be what it would work out anew."""
    text, fresh = document.text, TextDocument(document.text)
    if document.newline == fresh.newline:
        assert document.lines == fresh.lines
    assert document.get_size(4) == fresh.get_size(4)
    offset = 0
    for row, line in enumerate(document.lines):
        assert document.get_index_from_location((row, 0)) == offset
        assert document.get_location_from_index(offset) == (row, 0)
        assert document.get_location_from_index(offset + len(line)) == (row, len(line))
        offset += len(line) + len(document.newline)
    assert offset - len(document.newline) == len(text)


@pytest.mark.parametrize("text", ["a\nb\nc\n", "a\r\nb\r\nc\r\n", "a\r\nb\nc\rd\n", "\r\n\r\n\n", "a\x85\u2028b\f\n"])
def test_the_opposite_edit_brings_every_byte_back(text: str) -> None:
    draw = random.Random(3)
    for _ in range(300):
        document = TextDocument(text)
        start, end = random_range(draw, document)
        result = document.replace_range(start, end, random_text(draw, 6))
        document.replace_range(start, result.end_location, result.replaced_text)
        assert document.text == text


def test_a_text_with_crlf_keeps_it_for_what_is_put_in() -> None:
    document = TextDocument("a\r\nb\r\n")
    assert document.replace_range((0, 1), (0, 1), "\nx\r\ny").end_location == (2, 1)
    assert document.text == "a\r\nx\r\ny\r\nb\r\n"
    assert document.own_breaks("1\n2\r\n3\r4") == "1\r\n2\r\n3\r4"
    assert TextDocument("a\n").own_breaks("1\n2\r\n3\r4") == "1\n2\n3\r4"


@pytest.mark.parametrize(
    ("start", "end", "left"),
    [
        ((0, 0), (9, 0), ""),
        ((1, 0), (2, 0), "ab\n"),
        ((9, 9), (9, 9), "ab\ncd"),
        ((0, 1), (0, 99), "a\ncd"),
        ((-1, 5), (0, 1), "a\ncd"),
    ],
)
def test_locations_outside_the_text_are_taken_for_its_edge(start: Location, end: Location, left: str) -> None:
    document = TextDocument("ab\ncd", "python")
    document.replace_range(start, end, "")
    assert document.text == left
    document.replace_range((0, 0), (0, 0), "x")
    assert document.text == "x" + left


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_offsets_inside_a_line_ending_are_the_end_of_the_row(ending: str) -> None:
    document = TextDocument(f"ab{ending}c{ending}")
    assert document.get_location_from_index(1 + len(ending)) == (0, 2)
    assert document.get_location_from_index(len(document.text)) == (2, 0)
    for outside in (-1, len(document.text) + 1):
        with pytest.raises(ValueError, match="outside the text"):
            document.get_location_from_index(outside)


@pytest.mark.parametrize(
    ("text", "cells"),
    [("", 0), ("abc\na", 3), ("\tx", 5), ("ab\tx", 5), ("中中\nabc", 4), ("e\u0301", 1), ("😀" * 20_000, 40_000)],
)
def test_the_width_is_that_of_the_widest_row(text: str, cells: int) -> None:
    assert TextDocument(text).get_size(4).width == cells


def test_the_width_follows_edits_and_the_tab_width() -> None:
    document = TextDocument("\t\tx\nlonger row\n")
    assert document.get_size(4).width == 10
    assert document.get_size(8).width == 17
    document.replace_range((0, 0), (0, 2), "")
    assert document.get_size(8).width == 10
    document.replace_range((1, 0), (1, 8), "")
    assert document.get_size(8) == TextDocument("x\now\n").get_size(8)


def test_a_row_of_a_megabyte_is_edited() -> None:
    document = TextDocument("x" * 1_000_000, "javascript")
    document.replace_range((0, 500_000), (0, 500_001), "y\n")
    assert document.get_size(4).width == 500_001
    assert document.text == "x" * 500_000 + "y\n" + "x" * 499_999


def test_another_language_takes_the_text_as_it_is() -> None:
    document = TextDocument("x = 1\n")
    document.replace_range((0, 4), (0, 5), "'a'")
    document.set_language("python")
    assert document.syntax.refresh()
    assert (4, 7, "string") in document.syntax.highlights(0, 0)[0]
    document.set_language("text")
    assert document.syntax.highlights(0, 0) == {}


def test_row_starts_are_running_sums_whatever_is_spliced() -> None:
    draw = random.Random(4)
    lengths = [draw.randrange(1, 9) for _ in range(50)]
    starts = RowStarts(lengths)
    for _ in range(2000):
        row = draw.randrange(len(lengths))
        stop = min(len(lengths), row + draw.randrange(1, 4))
        new = [draw.randrange(1, 9) for _ in range(draw.choice([1, 1, 1, 2, 5] if len(lengths) < 80 else [1]))]
        starts.splice(row, stop, new)
        lengths[row:stop] = new
        assert len(starts) == len(lengths)
        assert [starts[at] for at in range(len(lengths) + 1)] == [sum(lengths[:at]) for at in range(len(lengths) + 1)]
        offset = draw.randrange(sum(lengths))
        at = starts.row_at(offset)
        assert starts[at] <= offset < starts[at + 1]


@pytest.mark.parametrize("width", [0, 12])
def test_rows_on_the_screen_are_those_of_textual(width: int) -> None:
    draw = random.Random(5)
    document = TextDocument("def f(a, b):\n\treturn 中中 + 'a long row that wraps'\n\n" * 10)
    ours, theirs = WrappedRows(document, width, 4), WrappedDocument(document, width, 4)
    for step in range(300):
        start, end = random_range(draw, document)
        result = document.replace_range(start, end, draw.choice(["", "", "x", "\n", "中 y\n\n", "\t" * 3, "word " * 5]))
        for wrapped in (ours, theirs):
            wrapped.wrap_range(start, end, result.end_location)
        if step % 10:
            continue
        assert ours.height == theirs.height
        for y in range(ours.height):
            assert ours._offset_to_line_info[y] == theirs._offset_to_line_info[y]
            assert ours.offset_to_location(Offset(3, y)) == theirs.offset_to_location(Offset(3, y))
        for row in range(document.line_count):
            assert ours.get_offsets(row) == theirs.get_offsets(row)
            assert ours.get_tab_widths(row) == theirs.get_tab_widths(row)
            assert ours.get_sections(row) == theirs.get_sections(row)
            place = row, len(document[row]) // 2
            assert ours.location_to_offset(place) == theirs.location_to_offset(place)
        with pytest.raises(IndexError):
            ours._offset_to_line_info[ours.height]


def test_wrapping_is_turned_on_and_off() -> None:
    wrapped = WrappedRows(TextDocument("a row of words\nx"), 0, 4)
    assert (wrapped.height, wrapped._offset_to_line_info[-1]) == (2, (1, 0))
    wrapped.wrap(6)
    assert wrapped.height == 4
    wrapped.wrap(0)
    assert wrapped.height == 2


def test_a_document_imports_neither_lexers_nor_grammars() -> None:
    script = (
        "import sys; from dgedit.tui.widgets.document import TextDocument\n"
        "TextDocument('x').replace_range((0, 0), (0, 0), 'y')\n"
        "print([name for name in sys.modules if name.startswith(('pygments', 'tree_sitter', 'torch'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr

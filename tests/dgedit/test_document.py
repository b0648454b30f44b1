"""Documents give back exactly what was put in, whatever is edited."""

from __future__ import annotations

import random

import pytest
import tree_sitter_python
from tree_sitter import Language

from dgedit.tui.document import LosslessDocument, PlainDocument, SyntaxDocument, line_ending

LANGUAGE = Language(tree_sitter_python.language())
ALPHABET = [
    "a",
    "é",
    "😀",
    " ",
    "\t",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\f",
    "\x0b",
    "\x1c",
    "\x85",
    "\u2028",
    "def f():",
    "'",
]


def documents(text: str) -> list[LosslessDocument]:
    return [PlainDocument(text), SyntaxDocument(text, LANGUAGE)]


def random_text(draw: random.Random, pieces: int = 30) -> str:
    return "".join(draw.choices(ALPHABET, k=draw.randrange(pieces)))


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("", "\n"),
        ("a", "\n"),
        ("a\n", "\n"),
        ("a\r\n", "\r\n"),
        ("a\r\nb\n", "\n"),
        ("a\rb", "\n"),
        ("a\r\nb\r\n", "\r\n"),
    ],
)
def test_the_line_ending_is_the_one_that_all_lines_have(text: str, ending: str) -> None:
    assert line_ending(text) == ending


def test_any_text_comes_back() -> None:
    draw = random.Random(1)
    for _ in range(3000):
        text = random_text(draw)
        for document in documents(text):
            assert document.text == text


def test_edits_are_those_of_a_plain_string() -> None:
    draw = random.Random(2)
    for _ in range(400):
        text = random_text(draw)
        for document in documents(text):
            model = text
            for _ in range(6):
                spots = sorted(draw.randrange(len(document.lines)) for _ in range(2))
                start, end = sorted((row, draw.randrange(len(document.lines[row]) + 1)) for row in spots)
                low, high = document.get_index_from_location(start), document.get_index_from_location(end)
                new = random_text(draw, 5)
                result = document.replace_range(start, end, new)
                own = document.own_breaks(new)
                assert result.replaced_text == model[low:high]
                model = model[:low] + own + model[high:]
                assert document.text == model
                assert document.get_index_from_location(result.end_location) == low + len(own)


def test_the_tree_follows_edits() -> None:
    document = SyntaxDocument("def f():\r\n    return 1\r\n", LANGUAGE)
    document.replace_range((1, 11), (1, 12), "[\n    1]")
    assert document.text == "def f():\r\n    return [\r\n    1]\r\n"
    fresh = SyntaxDocument(document.text, LANGUAGE)
    assert str(document._syntax_tree.root_node) == str(fresh._syntax_tree.root_node)
    assert document._syntax_tree.root_node.end_byte == fresh._syntax_tree.root_node.end_byte

"""Pieces of the file that stand between surroundings like the span's."""

from __future__ import annotations

import pytest

from dgedit.engine.infill import remembered
from dgedit.engine.recall import adapt, recall
from dgedit.engine.types import InfillRequest

NAMES = ("age", "size", "weight", "colour", "place", "name", "owner", "price", "shape", "depth", "count", "label")

METHODS = """class Store:
    def get(self, key):
        self._check(key)
        with self.lock:
            return self.items[key]

    def put(self, key, value):
        self._check(key)
        with self.lock:
            self.items[key] = value

    def drop(self, key):
"""


def texts(prefix: str, suffix: str, *related: str) -> list[str]:
    return [piece.text for piece in recall(prefix, suffix, related)]


def test_the_line_between_like_lines_comes_first() -> None:
    found = recall(METHODS + "        ", "\n        with self.lock:\n            del self.items[key]\n")
    assert found[0].text == "self._check(key)"
    assert found[0].times == 2
    scores = [piece.score for piece in found if not piece.adapted]
    assert scores == sorted(scores, reverse=True)


def test_a_file_beside_it_is_looked_through_too() -> None:
    prefix, suffix = "def drop(self, key):\n    ", "\n    with self.lock:\n        pass\n"
    assert "self._check(key)" not in texts(prefix, suffix)
    assert texts(prefix, suffix, METHODS)[0] == "self._check(key)"


def test_several_lines_keep_their_shape_at_the_new_indentation() -> None:
    source = "if a:\n    begin(a)\n    for x in a:\n        use(x)\n    end(a)\n"
    prefix = source + "def f(a):\n        if a:\n            begin(a)\n            "
    found = texts(prefix, "\n            end(a)\n")
    assert "for x in a:\n                use(x)" in found


def test_a_span_at_the_start_of_a_line_brings_its_indentation() -> None:
    assert texts(METHODS, "\n        with self.lock:\n            pass\n")[0] == "        self._check(key)"


def test_the_rest_of_a_line_follows_the_same_words() -> None:
    assert texts(METHODS + "        with self.", "\n            del self.items[key]\n")[0] == "lock:"
    assert texts(METHODS + "        with ", "\n            del self.items[key]\n")[0] == "self.lock:"


def test_a_word_that_is_half_written_is_finished() -> None:
    assert texts(METHODS + "        self._ch", "\n        with self.lock:\n")[0] == "eck(key)"


def test_a_piece_inside_a_line_ends_before_the_word_that_follows() -> None:
    source = "value = compute(first, second)\n"
    assert texts(source + "other = compute(", ")\n")[0] == "first, second"
    assert texts(source, " = compute(first)\n")[0] == "value"


def test_the_nearer_of_equals_comes_first() -> None:
    before = "open(a)\nnear(a)\nclose(a)\n"
    found = texts("open(a)\nfar(a)\nclose(a)\n" + "x = 1\n" * 300 + before + "open(a)\n", "\nclose(a)\n")
    assert found.index("near(a)") < found.index("far(a)")


def test_a_piece_that_says_its_neighbour_again_is_left_out() -> None:
    source = "begin()\nstep()\nend()\n"
    found = texts(source + "begin()\n", "\nend()\n")
    assert found[0] == "step()"
    assert "end()" not in found
    assert "begin()" not in found


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [
        ("", ""),
        ("\n\n", "\n\n"),
        ("x", ""),
        ("", "x"),
        ("(((", ")))"),
        ("\u2028é\n", "\n\u2028"),
        ("a\tb\n\t", "\n\tc"),
    ],
)
def test_odd_texts_give_no_error_and_no_blank_piece(prefix: str, suffix: str) -> None:
    assert all(text.strip() for text in texts(prefix, suffix, "", "\n", "x = 1"))


def test_no_more_pieces_than_asked_for_and_none_twice() -> None:
    source = "".join(f"call_{n}(value)\n" for n in range(60))
    found = recall(source, "\n", limit=5)
    assert len(found) == len({piece.text for piece in found}) == 5


@pytest.mark.parametrize(
    ("piece", "source", "target", "wanted"),
    [
        ("return self.first_value", "def first(self):", "def third(self):", "return self.third_value"),
        ("x = FIRST", "first = 1", "third = 1", "x = FIRST"),
        ("x = First()", "first = 1", "third = 1", "x = Third()"),
        ("read(max_size)", "self.max_size = 1", "self.limit = 1", "read(limit)"),
        ("a.firstly(first1)", "first = 1", "third = 1", "a.firstly(first1)"),
        ("f(old)", "old\nnothing", "new\nnothing", "f(new)"),
        ("f(old)", "", "new", "f(old)"),
        ("f(x)", "a[0] = ((", "b[1] = )", "f(x)"),
    ],
)
def test_names_change_as_those_around_them_do(piece: str, source: str, target: str, wanted: str) -> None:
    assert adapt(piece, source, target) == wanted


def test_a_piece_in_other_names_is_offered_in_those_of_the_span() -> None:
    prefix = (
        "def first(self):\n    self.check()\n    return self.first_value\n\ndef third(self):\n    self.check()\n    "
    )
    found = recall(prefix, "\n")
    piece = next(piece for piece in found if piece.text == "return self.third_value")
    assert piece.adapted
    assert not next(piece for piece in found if piece.text == "return self.first_value").adapted


def test_an_infill_is_offered_pieces_with_the_names_of_its_surroundings() -> None:
    setters = "".join(f"def set_{name}(box):\n    box.{name} = read_{name}()\n    return box\n\n" for name in NAMES)
    request = InfillRequest(prefix=setters + "def set_width(box):\n    ", suffix="\n    return box\n")
    found = remembered(request, 10)
    assert len([piece for piece in found if not piece.adapted]) == 10
    assert "box.width = read_width()" in [piece.text for piece in found if piece.adapted]

"""One line by itself: a statement, the head of one, or neither."""

from __future__ import annotations

import pytest

from dgedit.judges.statement import is_statement, spoils

LINES = {
    "x = 1": True,
    "    return value": True,
    "def f(a):": True,
    "else:": True,
    "elif x:": True,
    "except ValueError:": True,
    "await f()": True,
    "x =": False,
    "for x in": False,
    "x += 1:": False,
    "f(a,": False,
    "": True,
    "x\0y": False,
    "f'{x}' {x}": False,
}


@pytest.mark.parametrize("line", LINES)
def test_lines(line: str) -> None:
    assert is_statement(line, "python") is LINES[line]


def test_other_languages_are_not_told() -> None:
    assert is_statement("x = 1", "rust") is None
    assert not spoils("x = 1", ":", "rust")


@pytest.mark.parametrize(
    ("before", "added", "spoilt"),
    [
        ("x = 1", ":", True),
        ("x = 1", " + 2", False),
        ("x =", " (", False),
        ("if x", ":", False),
        ("return x", " > 0:", True),
    ],
)
def test_what_is_added_may_spoil_it(before: str, added: str, spoilt: bool) -> None:
    assert spoils(before, added, "python") is spoilt

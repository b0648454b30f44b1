"""The made set of broken files: always the same, always broken, and only where it says."""

from __future__ import annotations

import ast
import gzip
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from dgedit.bench import broken_files
from dgedit.bench.broken_files import Breakage
from dgedit.engine.evals import fresh

SOURCE = '''\
"""A module."""


def first(values: list[int]) -> dict[str, int]:
    """Docs."""
    found = {"a": values[0], "b": len(values)}
    if not values:
        return {}
    return found
'''


@pytest.fixture(scope="module")
def loaded() -> list[broken_files.Broken]:
    return broken_files.load(90)


def test_the_set_is_the_same_every_time_and_holds_every_kind_as_often(loaded: list[broken_files.Broken]) -> None:
    assert [each.text for each in broken_files.load(30)] == [each.text for each in loaded[:30]]
    counts = Counter(each.kind for each in loaded)
    assert set(counts) == set(Breakage)
    assert min(counts.values()) >= 10
    assert all(other not in (each.original, each.text) for each in loaded for other in each.related)


def test_a_copy_is_broken_in_one_line_of_a_file_that_parses(loaded: list[broken_files.Broken]) -> None:
    for each in loaded:
        ast.parse(each.original)
        with pytest.raises(SyntaxError):
            ast.parse(each.text)
        was, now = each.original.split("\n"), each.text.split("\n")
        assert [number for number, pair in enumerate(zip(was, now, strict=True)) if pair[0] != pair[1]] == [each.line]


def test_a_file_is_broken_once_in_each_way(tmp_path: Path) -> None:
    path = tmp_path / "files.gz"
    path.write_bytes(gzip.compress(json.dumps({"package": "p", "text": SOURCE}).encode() + b"\n"))
    found = broken_files.load(None, path)
    assert Counter(each.kind for each in found) == dict.fromkeys(Breakage, 1)
    assert len(broken_files.load(2, path)) == 2


@pytest.mark.parametrize(
    ("kind", "lost"),
    [
        (Breakage.BRACKET, "()[]{}"),
        (Breakage.COLON, ":"),
        (Breakage.QUOTE, "\"'"),
        (Breakage.INDENTATION, " "),
        (Breakage.DOUBLED, "()[]{}:,"),
    ],
)
def test_what_is_lost_or_doubled_is_of_its_kind(kind: Breakage, lost: str) -> None:
    for seed in range(20):
        made = broken_files.broken(SOURCE, kind, random.Random(seed))
        assert made is not None
        changed = Counter(SOURCE)
        changed.subtract(made[0])
        assert {sign for sign, count in changed.items() if count} <= set(lost)
        if kind is not Breakage.INDENTATION:
            assert sum(map(abs, changed.values())) == 1


def test_a_line_is_cut_off_but_not_lost() -> None:
    for seed in range(20):
        made = broken_files.broken(SOURCE, Breakage.TRUNCATED, random.Random(seed))
        assert made is not None
        text, line = made
        was, now = SOURCE.split("\n")[line], text.split("\n")[line]
        assert was.startswith(now)
        assert now.strip()


def test_nothing_is_made_of_a_file_that_cannot_be_broken_so() -> None:
    assert broken_files.broken("x = 1\n", Breakage.QUOTE, random.Random(0)) is None


def test_fresh_packages_are_broken_in_the_same_way() -> None:
    found = broken_files.load(24, fresh.SPANS_FILE)
    assert len(found) == 24
    assert set(Breakage) == {each.kind for each in found}
    for each in found:
        assert each.related
        assert each.original not in each.related
        with pytest.raises(SyntaxError):
            ast.parse(each.text)

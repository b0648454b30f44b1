"""The table of the guard: everyday holes that are what they say, and counts of known answers."""

from __future__ import annotations

import ast
import json

import pytest

from dgedit.engine.evals import everyday
from dgedit.engine.evals.guarded import WAYS, Asked, Told, Unguarded, ask, line, no_worse, told, unknown_names
from dgedit.engine.types import Candidate, InfillRequest, Origin
from tests.support.toy import ToyDenoiser


def test_everyday_holes_are_many_and_of_many_kinds() -> None:
    found = everyday.load()
    assert len(found) >= 150
    kinds = {each.kind for each in found}
    assert kinds >= {
        *("argument", "index", "default", "annotation", "condition", "comprehension", "lambda", "f-string field"),
        *("decorator", "import name", "except type", "return value", "keyword argument", "slice", "dict value"),
        *("docstring", "comment", "string", "class body", "elif", "case", "word", "notebook code", "json value"),
    }
    assert {each.language for each in found} >= {"python", "typescript", "json", "rust", "go"}
    for each in found:
        whole = each.prefix + each.answer + each.suffix
        assert "\u27e6" not in whole
        if each.file.endswith((".json", ".ipynb")):
            json.loads(whole)
        elif each.language == "python" and each.file != "broken.py":
            ast.parse(whole)


def candidate(text: str, *, breaks: bool = False) -> Candidate:
    return Candidate(
        text=text, score=0.0, parses=None, repeats_suffix=False, origins=frozenset({Origin.WRITTEN}), breaks=breaks
    )


HOLE = Asked(
    request=InfillRequest(prefix="def f(a, b):\n    return g(", suffix=", b)\n\n\ndef g(x, y): ...\n"),
    truth="a",
    kind="argument",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", {"parses", "exact", "among"}),
        ("b", {"parses"}),
        ("c", {"parses", "unknown"}),
        ("a, b", {"parses", "repeats"}),
        ("(", set()),
        ("", {"parses", "left"}),
    ],
)
def test_what_an_answer_does_to_the_file_is_told(text: str, expected: set[str]) -> None:
    found = told(HOLE, [candidate(text)], 1.0, 0.1)
    names = ("left", "parses", "unknown", "repeats", "exact", "among")
    assert {name for name in names if getattr(found, name)} == expected
    assert told(HOLE, [candidate("b", breaks=True), candidate("a")], 1.0, 0.0).left


def test_a_file_with_another_fault_need_only_be_no_worse() -> None:
    request = InfillRequest(prefix="def f(x):\n    return ", suffix="\n\ndef g(:\n    pass\n")
    assert no_worse(request, "x + 1", "x")
    assert not no_worse(request, "(", "x")
    assert unknown_names(request, "y", "x") == frozenset()


def test_a_line_of_the_table_holds_its_shares() -> None:
    row = Told(left=False, parses=True, unknown=False, repeats=False, exact=True, among=True, took_s=1.0, guard_s=0.25)
    said = line("toy", [row, row])
    assert said.split()[:2] == ["toy", "2"]
    assert "25.0%" in said
    assert said.count("100.0%") == 4


def test_each_way_answers_and_the_one_without_a_guard_is_as_it_was() -> None:
    asked = Asked(request=InfillRequest(prefix="x = f(", suffix=")\n", recall=False), truth="1", kind="argument")
    for way in WAYS.values():
        model = ToyDenoiser("1)", lambda _pass, _slot: 0.99)
        weights = model.weights
        found = ask(model, asked, way)
        assert model.weights is weights
        assert found.text == ("1)" if way is Unguarded else "1")
        assert found.exact is (way is not Unguarded)

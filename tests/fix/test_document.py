"""What `dgedit fix` makes of a document: changes that are needed and no others, notebooks cell by cell, time limits."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dgedit.engine import Engine
from dgedit.errors import DgeditError
from dgedit.fix.alarm import late_after
from dgedit.fix.candidates import Kind, Mend
from dgedit.fix.document import Document, mended, standing, without
from dgedit.fix.faults import Fault
from dgedit.fix.notebook import cells_of, with_cells
from dgedit.fix.repair import LateError, RepairEnding, RepairOptions, RepairStep


def document(text: str, language: str = "python", name: str = "a.py") -> Document:
    return Document(name=name, text=text, language=language, path=Path(name))


def no_model() -> Engine:
    raise AssertionError("nothing is to be mended here")


def step(start: int, end: int, text: str, old: str) -> RepairStep:
    fault = Fault(line=0, column=0, message="", suspects=(0,))
    return RepairStep(fault=fault, mend=Mend(start, end, text, Kind.INSERTED), line=0, old=old)


def test_changes_can_be_left_out_of_a_row_of_them() -> None:
    first, second, third = step(1, 1, "XX", ""), step(4, 5, "", "c"), step(6, 6, "!", "")
    steps = [first, second, third]
    assert without("abcdef", steps, []) == "aXXbde!f"
    assert without("abcdef", steps, [first]) == "abde!f"
    assert without("abcdef", steps, [second]) == "aXXbcde!f"
    assert without("abcdef", steps, [first, second, third]) == "abcdef"
    assert without("abcdef", [first, step(2, 3, "Y", "X")], [first]) is None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads it")
def test_newer_syntax_beside_a_real_fault_is_not_touched(nano: Engine) -> None:
    new = "type Pair = tuple[int, int]\n\n\n"
    done = mended(
        document(new + "def f(a:\n    return a\n"), lambda: nano, RepairOptions(denoise=False), conflicts=False
    )
    assert done.text in (new + "def f(a):\n    return a\n", new + "def f(a:\n    return a\n")
    assert done.text.startswith(new)


def test_what_cannot_be_judged_loads_no_model() -> None:
    for text, language, name in [
        ("a {\n  color red\n}\n", "css", "a.css"),
        ('print "a"\n', "python", "a.py"),
        ("let x: = 1;\n", "typescript", "a.ts"),
    ]:
        with pytest.raises(DgeditError, match="cannot be judged") as caught:
            mended(document(text, language, name), no_model, RepairOptions(), conflicts=False)
        assert caught.value.code == 2


def test_a_bracket_beside_what_the_grammar_does_not_know_changes_nothing_else(nano: Engine) -> None:
    text = ".a {\n  .b & { c: d }\n}\n.e {\n  f: g;\n"
    done = mended(document(text, "css", "a.css"), lambda: nano, RepairOptions(denoise=False), conflicts=False)
    assert done.text in (text, text + "}\n", text[:-1] + "}\n")


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# é (\n"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["%time\n", "print(1\n", "!ls\n"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": "print(2, 3\n"},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["%%bash\n", "if ((\n"]},
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["z = 1\n"]},
    ],
    "metadata": {"kernelspec": {"language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_a_notebook_is_mended_cell_by_cell(indent: int | None, nano: Engine) -> None:
    text = json.dumps(NOTEBOOK, indent=indent, ensure_ascii=False) + "\n"
    told = document(text, "json", "a.ipynb")
    verdict = standing(told)
    assert verdict.is_broken
    assert verdict.message.startswith("cell 2: ")
    assert '"print(1\\n"' in text.split("\n")[verdict.line]
    done = mended(told, lambda: nano, RepairOptions(denoise=False), conflicts=False)
    assert done.ending is RepairEnding.MENDED
    assert done.text == text.replace("print(1", "print(1)").replace("print(2, 3", "print(2, 3)")
    assert mended(document(done.text, "json", "a.ipynb"), no_model, RepairOptions(), conflicts=False).text == done.text


def test_a_cell_that_stays_broken_leaves_the_notebook(nano: Engine) -> None:
    broken = {
        "cells": [{"cell_type": "code", "source": ["]]]]) def ((((\n"]}, {"cell_type": "code", "source": ["x = (\n"]}]
    }
    text = json.dumps(broken)
    done = mended(document(text, "json", "a.ipynb"), lambda: nano, RepairOptions(denoise=False), conflicts=False)
    assert done.text == text
    assert done.ending is RepairEnding.LEFT


@pytest.mark.parametrize(("code", "why"), [("lazy import a\n", "newer than Python"), ("print 'a'\n", "Python 2")])
def test_a_cell_that_cannot_be_judged_is_named_and_left(code: str, why: str) -> None:
    text = json.dumps({"cells": [{"cell_type": "code", "source": ["x = 1\n"]}, {"cell_type": "code", "source": code}]})
    told = document(text, "json", "a.ipynb")
    verdict = standing(told)
    assert verdict.is_unknown
    assert "cell 2: " in verdict.message
    assert why in verdict.message
    with pytest.raises(DgeditError, match="cannot be judged: cell 2"):
        mended(told, no_model, RepairOptions(), conflicts=False)


def test_what_is_no_notebook_of_python_is_judged_as_json() -> None:
    for text in ('{"cells": 1}', "[]", '{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}'):
        assert not standing(document(text, "json", "a.ipynb")).is_broken
    assert standing(document('{"cells": [}', "json", "a.ipynb")).is_broken


def test_lines_of_ipython_are_put_back() -> None:
    text = json.dumps(NOTEBOOK)
    cells = cells_of(text)
    assert cells is not None
    assert "%time" not in cells[0].code
    assert with_cells(text, cells, {0: cells[0].code}) == text
    with pytest.raises(ValueError, match="got lost"):
        with_cells(text, cells, {0: "x = 1\n"})


def spin() -> None:
    while True:
        pass


def test_time_that_is_over_stops_work_that_looks_at_no_clock() -> None:
    with pytest.raises(LateError), late_after(0.05):
        spin()
    with late_after(60):
        pass


def test_time_that_is_over_waits_for_the_import_system() -> None:
    # Code under this name may be a callback in which an exception is printed and dropped.
    busy = "import time\nend = time.perf_counter() + 0.05\nwhile time.perf_counter() < end: pass\ndone.append(1)\n"
    importing, done = compile(busy, "<frozen importlib._bootstrap>", "exec"), list[int]()

    def work() -> None:
        exec(importing, {"done": done})
        spin()

    with pytest.raises(LateError), late_after(0.001):
        work()
    assert done == [1]


def test_no_time_says_so() -> None:
    options = RepairOptions(timeout_s=0.0)
    done = mended(document("x = (\n"), no_model, options, conflicts=False)
    assert (done.ending, done.text) == (RepairEnding.TIMEOUT, "x = (\n")

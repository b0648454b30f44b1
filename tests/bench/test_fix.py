"""What the measure of `dgedit fix` counts, its baselines, and what the parser is taken to ask for."""

from __future__ import annotations

import math

import pytest

from dgedit.bench.broken_files import Breakage, Broken
from dgedit.bench.fix import FixRow, delete_line, insert_asked, measure, same_program
from dgedit.engine import Engine
from dgedit.fix.candidates import Kind, Mend, mends, part_around
from dgedit.fix.faults import fault_in
from dgedit.fix.scoring import Weights, asked_for, gains

GOOD = "def f(a):\n    return g(a, 1)\n\n\nx = f(2)\n"


def broken(text: str, original: str = GOOD, kind: Breakage = Breakage.BRACKET) -> Broken:
    return Broken(package="p", kind=kind, original=original, text=text, line=0)


def test_a_row_counts_what_it_says() -> None:
    row = FixRow(name="some")
    text = GOOD.replace("f(a):", "f(a:")
    row.add(broken(text), GOOD, 5.0)
    row.add(broken(text), GOOD.replace("f(2)", "f( 2 )"), 1.0)
    row.add(broken(text, kind=Breakage.COLON), "x = 1\n", 3.0)
    row.add(broken(text), text, 9.0)
    assert (row.files, row.restored, row.repaired, row.parses, row.untouched) == (4, 1, 2, 3, 1)
    assert row.restored_by_kind == {"dropped bracket": 1, "dropped colon": 0}
    assert "25.0%" in row.line()


def test_the_measure_asks_the_method_for_every_file() -> None:
    row = FixRow(name="some")
    files = [broken(GOOD.replace(")", "", 1))] * 12
    assert list(measure(row, files, lambda each: each.original)) == [10, 12]
    assert row.restored == row.files == 12


def test_baselines_change_a_text_only_where_it_then_parses() -> None:
    assert delete_line(broken("x = 1\ny = (\n")) == "x = 1\n"
    hopeless = "if x\n(((\n"
    assert delete_line(broken(hopeless)) == insert_asked(broken(hopeless)) == hopeless
    assert insert_asked(broken("class A\n    pass\n")) == "class A:\n    pass\n"
    assert insert_asked(broken("x = f(1\ny = 2\n")) == "x = f(1)\ny = 2\n"


def test_programs_are_the_same_however_they_are_written() -> None:
    assert same_program("x = 'a'\n", 'x  =  "a"  # b\n')
    assert not same_program("x = 1\n", "x = 2\n")
    assert not same_program("x = (\n", "x = (\n")


ASKED = [
    ("if x\n    pass\n", ":", Kind.INSERTED, True),
    ("if x\n    pass\n", ")", Kind.INSERTED, False),
    ("x = (1\n", ")", Kind.INSERTED, True),
    ("x = (1\n", "]", Kind.INSERTED, False),
    ("x = 1)\n", "(", Kind.INSERTED, True),
    ("x = 'a\n", "'", Kind.INSERTED, True),
    ("x = 1\n    y = 2\n", "", Kind.INDENTED, True),
    ("print 1\n", "(1)", Kind.WRAPPED, True),
    ("x = (1\n", ")", Kind.WRITTEN, False),
]


@pytest.mark.parametrize(("text", "sign", "kind", "expected"), ASKED)
def test_what_the_parser_asks_for(text: str, sign: str, kind: Kind, expected: bool) -> None:
    fault = fault_in(text, "python")
    assert fault is not None
    assert asked_for(fault, Mend(0, 0, sign, kind)) is expected


def test_the_model_gains_most_by_the_sign_where_it_belongs(nano: Engine) -> None:
    text = "def f(a, b:\n    return a + b\n"
    right, wrong = text.index(":"), text.index("a, b")
    tried = [Mend(right, right, ")", Kind.INSERTED), Mend(wrong + 1, wrong + 1, ")", Kind.INSERTED)]
    first, second = gains(text, tried, nano)
    assert first > second
    assert math.isfinite(second)


def test_weights_add_up_and_ignore_what_is_not_known() -> None:
    assert Weights(gain=2.0, asked=3.0).value({"gain": 0.5, "asked": 1.0}) == 4.0
    assert Weights().value({}) == 0.0


def test_a_part_holds_its_fault_and_is_judged_by_itself() -> None:
    methods = "".join(f"    def m{n}(self):\n        return f({n})\n\n" for n in range(9))
    text = "class A:\n" + methods.replace("f(5)", "f(5")
    fault = fault_in(text, "python")
    assert fault is not None
    part = part_around(text, fault, "python")
    assert part.start <= text.index("f(5") < part.end
    assert part.end - part.start < len(text) / 2
    helping = {mend.applied(text) for mend in mends(text, fault, "python") if part.mended(text, mend, "python")}
    assert "class A:\n" + methods in helping

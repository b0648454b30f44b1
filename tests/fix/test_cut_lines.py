"""Lines that were cut off: what tells them from those that lost a sign, and what is written at their end."""

from __future__ import annotations

import pytest

from dgedit.engine import Engine
from dgedit.fix.candidates import Kind, looks_cut
from dgedit.fix.faults import fault_in
from dgedit.fix.repair import Mender, RepairEnding, RepairOptions, repair

LINES = [
    ("if seconds <= ", True),
    ("raise ValueErr", True),
    ('print("no', True),
    ("f(a, valu", True),
    ("if seconds", False),
    ("class Aquarium", False),
    ("def f(aquarium", False),
    ("for aquarium", False),
    ("with a as aquarium", False),
    ("if value is None", False),
    ("x = len", False),
    ("f(a, b]", False),
    ("", False),
    ("    ", False),
]


@pytest.mark.parametrize(("line", "cut"), LINES)
def test_a_line_that_lacks_more_than_a_sign_looks_cut(line: str, cut: bool) -> None:
    text = f"def wait(seconds, value, a, b):\n    print(seconds, value, a, b)\n{line}\n"
    assert looks_cut(text, 2) is cut


def test_the_model_writes_the_end_of_a_line_where_no_file_holds_it(nano: Engine) -> None:
    text = "def wait(seconds):\n    if seconds <= \n        return None\n    return seconds\n"
    done = repair(text, nano, RepairOptions())
    assert done.ending is RepairEnding.MENDED
    assert [step.mend.kind for step in done.steps] == [Kind.WRITTEN]
    assert done.text == text.replace("<= \n", "<= 0:\n"), "the blank at its end does not stay"


def test_ends_stand_beside_small_changes_where_a_line_looks_cut(nano: Engine) -> None:
    text = "def names(self):\n    if self.names is No\n        return []\n    return self.names\n"
    fault = fault_in(text, "python")
    assert fault is not None
    kinds = {each.mend.kind for each in Mender(nano, RepairOptions()).candidates(text, fault)}
    assert kinds == {Kind.INSERTED, Kind.WRITTEN}
    dropped = text.replace("is No\n", "is None\n")
    fault = fault_in(dropped, "python")
    assert fault is not None
    assert {each.mend.kind for each in Mender(nano, RepairOptions()).candidates(dropped, fault)} == {Kind.INSERTED}


def test_a_bracket_is_looked_for_above_a_long_list(nano: Engine) -> None:
    names = "".join(f'    "name_{number}",\n' for number in range(60))
    text = f"import os\n\n__all__ = \n{names}]\n\nprint(os)\n"
    assert repair(text, nano, RepairOptions(denoise=False)).text == text.replace("= \n", "= [\n")


def test_the_end_of_a_string_that_swallows_the_rest_is_looked_for_below(nano: Engine) -> None:
    text = 'def f(a):\n    """Say a.\n\n    >>> f(1)\n    ""\n    return a\n\n\n' + "x = 1\n" * 40
    assert repair(text, nano, RepairOptions(denoise=False)).text == text.replace('    ""\n', '    """\n')

"""Conflicts that a merge leaves: made ones with known answers, none of which may lose both sides."""

from __future__ import annotations

import pytest

from dgedit.engine import Engine
from dgedit.fix.faults import parses
from dgedit.fix.merge import merge
from dgedit.fix.repair import RepairEnding, RepairOptions

# Before the block, ours, theirs, after it, and what may come: sides by number, in order; "12|21" either order.
PYTHON = [
    ("", "TIMEOUT = 30", "TIMEOUT = 60", "", "1|2"),
    ("", "import json", "import re", "\nprint(json, re)", "12|21"),
    ("import os", "from a import b", "from c import d", "", "12|21"),
    ("", "X = 1", "X = 1", "", "1"),
    ("", "X = 1  ", "X = 1", "", "1"),
    ("", "import a\nimport b", "import a", "", "1"),
    ("", "import a", "import a\nimport b", "", "2"),
    ("", "", "import a", "", "2"),
    ("", "import a", "", "", "1"),
    ("class A:", "    def one(self):\n        return 1", "    def two(self):\n        return 2", "", "12|21"),
    ("class A:", "    def one(self):\n        return 1", "    def one(self):\n        return 2", "", "1|2"),
    ("names = [", '    "a",', '    "b",', "]", "12|21"),
    ("sizes = {", '    "a": 1,', '    "a": 2,', "}", "1|2"),
    ("sizes = {", '    "a": 1,', '    "b": 2,', "}", "12|21"),
    ("def f(a):", "    return a + 1", "    return a + 2", "", "1|2"),
    ("def f(a):", "    raise ValueError(a)", "    raise TypeError(a)", "", "1|2"),
    ("def f(a):", "    a += 1\n    return a", "    a += 2\n    return a", "", "1|2"),
    ("", "def f(a, b):", "def f(a, c):", "    return a", "1|2"),
    ("", "class A(B):", "class A(C):", "    pass", "1|2"),
    ("def f(a):", "    if a > 1:", "    if a > 2:", "        return a", "1|2"),
    ("for i in x:", "    print(i)", "    log(i)", "", "12|21"),
    ("f(", "    a=1,", "    a=2,", ")", "1|2"),
    ("f(", "    a=1,", "    b=2,", ")", "12|21"),
    ("f(", "    a=1", "    b=2", ")", "1|2"),
    ("", "version = '1.2'", "version = '1.3'", "name = 'x'", "1|2"),
    ("", "x: int = 1", "x: str = ''", "", "1|2"),
    ("try:\n    f()", "except A:\n    pass", "except B:\n    pass", "", "12|21"),
    ("", "@one", "@two", "def f(): ...", "12|21"),
    ("", "log.info('a')", "log.debug('b')", "", "12|21"),
    ("def f():", "    yield 1", "    yield 2", "", "1|2"),
    ("while 1:", "    break", "    continue", "", "1|2"),
    ('"""Docs.', "Ours says this.", "Theirs says that.", '"""', "12|21|1|2"),
    ("# notes", "# one", "# two", "x = 1", "12|21"),
    ("assert a", "assert b == 1", "assert b == 2", "", "1|2"),
    ("with a:", "    b = 1", "    c = 2", "", "12|21"),
    ("", "A = 1\nB = 2", "A = 1\nC = 3", "", "12|21|1|2"),
    ("x = (1 +", "     2)", "     3)", "", "1|2"),
    ("x = [", "    1,\n    2,", "    1,\n    3,", "]", "12|21|1|2"),
    ("", "def f():\n    return 1", "def g():\n    return 1", "", "12|21"),
    ("", "global_names = set()", "global_names = {1}", "", "1|2"),
    ("import a", "del a.b", "del a.c", "", "12|21"),
    ("", "if x:\n    y = 1", "if z:\n    y = 2", "", "12|21"),
]
OTHERS = [
    ("javascript", "", "const a = 1;", "const a = 2;", "", "1|2"),
    ("javascript", "", 'import a from "a";', 'import b from "b";', "a(b);", "12|21"),
    ("javascript", "function f() {", "  return 1;", "  return 2;", "}", "1|2"),
    ("javascript", "", "function f() { return 1; }", "function g() { return 2; }", "", "12|21"),
    ("javascript", "f({", "  a: 1,", "  b: 2,", "});", "12|21"),
    ("json", "{", '  "a": 1', '  "a": 2', "}", "1|2"),
    ("json", '{"list": [', "  1", "  2", "]}", "1|2"),
    ("json", "{", '  "a": 1,', '  "c": 2,', '  "b": 3}', "12|21"),
    ("toml", "", "a = 1", "a = 2", "", "1|2"),
    ("toml", "", "a = 1", "b = 2", "", "12|21"),
    ("toml", "[x]", 'deps = ["a"]', 'deps = ["b"]', "", "1|2"),
    ("yaml", "", "a: 1", "b: 2", "", "12|21"),
    ("yaml", "steps:", "  - a", "  - b", "", "12|21"),
    ("css", "a {", "  color: red;", "  color: blue;", "}", "1|2"),
    ("css", "a {", "  color: red;", "  margin: 0;", "}", "12|21"),
    ("go", "package p", 'import "a"', 'import "b"', "", "12|21"),
    ("go", "package p", "const size = 1", "const size = 2", "", "1|2"),
    ("rust", "", "fn f() {}", "fn g() {}", "", "12|21"),
    ("rust", "", "const N: u8 = 1;", "const N: u8 = 2;", "", "1|2"),
    ("bash", "", "echo a", "echo b", "", "12|21"),
    ("bash", "", "SIZE=1", "SIZE=2", "", "1|2"),
    ("java", "class A {", "  int f() { return 1; }", "  int g() { return 2; }", "}", "12|21"),
    ("c", "", "int f(void);", "int g(void);", "", "12|21"),
    ("ruby", "", "require 'a'", "require 'b'", "", "12|21"),
]
TABLE = [("python", *row) for row in PYTHON] + OTHERS


def block(ours: str, theirs: str, base: str | None = None) -> str:
    """As git writes it."""
    sides = [f"{side}\n" if side else "" for side in (ours, theirs)]
    middle = "" if base is None else f"||||||| base\n{base}\n"
    return f"<<<<<<< HEAD\n{sides[0]}{middle}=======\n{sides[1]}>>>>>>> theirs\n"


def around(before: str, inside: str, after: str) -> str:
    return "".join(f"{part}\n" if part else "" for part in (before,)) + inside + (f"{after}\n" if after else "")


def lines_of(text: str) -> set[str]:
    return set(filter(None, text.split("\n")))


def test_the_table_is_as_large_as_it_should_be() -> None:
    assert len(TABLE) >= 60


@pytest.mark.parametrize(("language", "before", "ours", "theirs", "after", "answers"), TABLE)
def test_a_resolution_is_of_the_lines_of_the_sides(
    language: str, before: str, ours: str, theirs: str, after: str, answers: str, nano: Engine
) -> None:
    text = around(before, block(ours, theirs), after)
    done = merge(text, nano, RepairOptions(language=language))
    assert done.ending is RepairEnding.MENDED
    assert parses(done.text, language)
    head, tail = around(before, "", ""), f"{after}\n" if after else ""
    assert done.text.startswith(head)
    assert done.text.endswith(tail)
    written = done.text.removeprefix(head).removesuffix(tail)
    sides = {"1": ours, "2": theirs}
    wanted = ["\n".join(sides[side] for side in each) for each in answers.split("|")]
    assert lines_of(written) in [lines_of(each) for each in wanted]


@pytest.mark.parametrize(
    ("ours", "theirs", "base", "answer"),
    [
        ("x = 2", "x = 1", "x = 1", "x = 2\n"),
        ("x = 1", "x = 2", "x = 1", "x = 2\n"),
        ("", "x = 1", "x = 1", ""),
        ("x = 2", "", "x = 1", "x = 2\n"),
    ],
)
def test_what_one_side_alone_changed_is_taken(ours: str, theirs: str, base: str, answer: str, nano: Engine) -> None:
    done = merge(f"y = 0\n{block(ours, theirs, base)}", nano, RepairOptions())
    assert done.text == f"y = 0\n{answer}"


def test_several_blocks_each_keep_a_side(nano: Engine) -> None:
    text = f"{block('import a', 'import b')}\n{block('N = 1', 'N = 2')}"
    done = merge(text, nano, RepairOptions())
    assert set(done.text.split("\n")) - {""} in ({"import a", "import b", "N = 1"}, {"import a", "import b", "N = 2"})


@pytest.mark.parametrize("text", [block("x = ((", "y = ))"), f"x = ]\n{block('a = 1', 'a = 2')}"])
def test_a_block_that_no_lines_of_its_sides_resolve_stays(text: str, nano: Engine) -> None:
    done = merge(text, nano, RepairOptions())
    assert (done.ending, done.text) == (RepairEnding.LEFT, text)

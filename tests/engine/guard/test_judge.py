"""What the guard says of answers: what breaks the file, what nothing defines, what only repeats."""

from __future__ import annotations

import ast

import pytest

from dgedit.engine.guard import Guard, GuardVerdict, PlaceKind, place_of
from dgedit.engine.guard.parse import WHOLE_CHARS


def verdicts(text: str, *answers: str, language: str = "python") -> list[GuardVerdict]:
    prefix, suffix = text.split("<>")
    guard = Guard(prefix, suffix, language)
    least = guard.least_faults(list(answers))
    return [guard.verdict(answer, least) for answer in answers]


LONG = "".join(f"def filler_{number}(x):\n    return x + {number}\n\n\n" for number in range(400))
"""Longer than what is compiled whole."""

BREAKS = {
    "an open bracket": ("x = <>\n", "f(", "f()"),
    "an argument twice": ("def f(x=<>, y=1):\n    pass\n", "1, y=2", "1"),
    "an await in a plain function": ("def f(x):\n    return <>\n", "await x", "x"),
    "a method without indentation": ("class A:\n    def f(self):\n        <>\n", "x = 1\nreturn", "x = 1"),
    "a file with another fault": ("def f(x):\n    return <>\n\ndef g(:\n    pass\n", "(", "x"),
    "newer syntax elsewhere": ("def f(x):\n    return <>\n\n\ntype X = int\n", "(", "x"),
    "in a long file": (LONG + "def last(x):\n    return <>\n\n\n" + LONG, "(", "x"),
    "at the margin of a long file": (LONG + "x = <>\n\n\n" + LONG, "(", "1"),
    "in a method of a long file": (LONG + "class A:\n    def f(self):\n        return <>\n\n\n" + LONG, "(", "self"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_the_file_is_told_from_what_does_not(name: str) -> None:
    text, bad, good = BREAKS[name]
    first, second = verdicts(text, bad, good)
    assert first.breaks
    assert not second.breaks
    assert first.tier > second.tier
    assert len(LONG) > WHOLE_CHARS


@pytest.mark.parametrize(
    ("language", "text", "bad", "good"),
    [
        ("json", '{"a": <>}', "x", "1"),
        ("toml", "a = <>\n", "x", "1"),
        ("typescript", "const a = <>;\n", "f(", "f()"),
        ("rust", "fn f() -> i32 { <> }\n", "(1", "1"),
        ("go", "package a\n\nvar x = <>\n", "(1", "1"),
        ("yaml", "a: [<>]\n", "1, {", "1"),
    ],
)
def test_other_languages_are_judged_by_their_grammar(language: str, text: str, bad: str, good: str) -> None:
    first, second = verdicts(text, bad, good, language=language)
    assert (first.breaks, second.breaks) == (True, False)


def test_nothing_breaks_what_nothing_mends() -> None:
    text = "def f(:\n    <>\n    )) x y\n"
    assert [each.breaks for each in verdicts(text, "a = 1", "b = 2")] == [False, False]


def test_a_language_without_a_grammar_is_not_judged() -> None:
    (only,) = verdicts("Dear <>,\n", "((", language="text")
    assert only.parses is None
    assert not only.breaks


UNKNOWN = {
    "a name from nowhere": ("def f(a):\n    return <>\n", "b + a", {"b"}),
    "a parameter": ("def f(a):\n    return <>\n", "a", set()),
    "a builtin": ("def f(a):\n    return <>\n", "len(a)", set()),
    "a module's name": ("import os\n\n\ndef f(a):\n    return <>\n", "os.sep", set()),
    "a name that comes later": ("def f():\n    return <>\n\n\ndef g(): ...\n", "g()", set()),
    "an attribute is not looked at": ("def f(a):\n    return a.<>\n", "nothing", set()),
    "a class's name in its method": ("class A:\n    x = 1\n\n    def f(self):\n        return <>\n", "x", {"x"}),
    "what was unknown before": ("def f():\n    return g(<>)\n", "1", set()),
    "half a word": ("count = 1\nprint(co<>)\n", "l", {"col"}),
    "a word": ("count = 1\nprint(co<>)\n", "unt", set()),
    "everything may come by a star": ("from os import *\n\n\ndef f():\n    return <>\n", "sep", set()),
    "in a long file": (LONG + "def last(a):\n    return <>\n\n\n" + LONG, "filler_3(b)", {"b"}),
    "a comprehension's own": ("def f(xs):\n    return [<> for x in xs]\n", "x + y", {"y"}),
    "a field of an f-string": ('def f(a):\n    return f"{<>}"\n', "b", {"b"}),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_names_that_nothing_defines_are_told(name: str) -> None:
    text, answer, expected = UNKNOWN[name]
    (verdict,) = verdicts(text, answer)
    assert verdict.unknown == expected
    assert verdict.tier == (2 if expected else 0)


def test_what_the_text_waits_for_and_what_nobody_reads_is_counted() -> None:
    text = "def f(items):\n    <>\n    for item in items:\n        total += item\n    return total\n"
    needed, idle = verdicts(text, "total = 0", "other = 0")
    assert (needed.resolved, needed.idle) == (1, 0)
    assert (idle.resolved, idle.idle) == (0, 1)
    (used,) = verdicts("def f(a):\n    b = a + 1\n    return <>\n", "b")
    assert used.used == 1


CLASS = """class A:
    def __init__(self):
        self.items = {}
        self.count = 0

    def add(self, item):
        self.count += 1
        <>
        return self.count
"""


@pytest.mark.parametrize(
    ("answer", "next_to", "in_function", "in_class"),
    [
        ("self.count += 1", True, True, True),
        ("return self.count", True, True, True),
        ("self.items = {}", False, False, True),
        ("self.items[item] = 1", False, False, False),
        ("pass", False, False, False),
    ],
)
def test_a_line_that_stands_there_already_is_told(
    answer: str, next_to: bool, in_function: bool, in_class: bool
) -> None:
    (verdict,) = verdicts(CLASS, answer)
    assert (verdict.next_to, verdict.in_function, verdict.in_class) == (next_to, in_function, in_class)
    assert (verdict.tier > 0) == (next_to or in_function or in_class)


@pytest.mark.parametrize(
    ("answer", "stutters"),
    [
        ("async" * 4, True),
        ("foo.foo.foo.foo", True),
        ("a, " * 8, True),
        ("int, int, int, int", False),
        ("not not not x", True),
        ("0, 0, 0", False),
        ("self.a = self.b", False),
        ("((()))", False),
        ("banana", False),
        ("1111111", False),
        ("x + x + y", False),
    ],
)
def test_a_stutter_is_told(answer: str, stutters: bool) -> None:
    (verdict,) = verdicts("x = <>\n", answer)
    assert verdict.stutters is stutters


@pytest.mark.parametrize(
    ("language", "text", "kind", "mid_line"),
    [
        ("python", "x = <>\n", PlaceKind.CODE, False),
        ("python", "x = f(<>)\n", PlaceKind.CODE, True),
        ("python", 'x = "a<>"\n', PlaceKind.STRING, True),
        ("python", 'x = f"{<>}"\n', PlaceKind.FIELD, True),
        ("python", 'x = f"{a}<>"\n', PlaceKind.STRING, True),
        ("python", "# <>\n", PlaceKind.COMMENT, False),
        ("python", 'def f():\n    """<>\n    """\n', PlaceKind.STRING, False),
        ("typescript", "const a = `${<>}`;\n", PlaceKind.FIELD, True),
        ("typescript", "// <>\n", PlaceKind.COMMENT, False),
        ("typescript", "/* <> */\n", PlaceKind.COMMENT, True),
        ("rust", 'fn f() { g("<>") }\n', PlaceKind.STRING, True),
        ("go", 'package a\n\nvar x = "<>"\n', PlaceKind.STRING, True),
        ("json", '{"a": "<>"}', PlaceKind.STRING, True),
        ("json", '{"a": <>}', PlaceKind.CODE, True),
        ("text", '"<>"', PlaceKind.CODE, True),
    ],
)
def test_a_hole_stands_in_a_place_of_a_kind(language: str, text: str, kind: PlaceKind, mid_line: bool) -> None:
    before, after = text.split("<>")
    place = place_of(before, after, language)
    assert place.kind is kind
    assert place.is_mid_line is mid_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import <>\n\nx = json.loads(y)\ny = 1\n", "json"),
        ("def f(self, <>):\n    return self.a + other\n", "other"),
        ("def f(rows):\n    for <> in rows:\n        print(name, count)\n", "name, count"),
        ("def f(items):\n    return sorted(items, key=lambda item: <>)\n", "item"),
        ("def f(path):\n    with open(path) as <>:\n        return file.read()\n", "file"),
        ("total = 0\nprint(tot<>)\n", "al"),
        ("def f(x):\n    retu<> x\n", "rn"),
        ("<>\n\nx = os.sep\n", "import os"),
    ],
)
def test_names_that_could_stand_there_are_proposed(text: str, expected: str) -> None:
    prefix, suffix = text.split("<>")
    guard = Guard(prefix, suffix, "python")
    assert expected in guard.names()
    ast.parse(prefix + expected + suffix)


def test_nothing_is_proposed_inside_of_strings_and_comments() -> None:
    for text in ('a = 1\nx = "<>"\n', "a = 1\n# <>\n"):
        before, after = text.split("<>")
        assert Guard(before, after, "python").names() == []


@pytest.mark.parametrize(
    ("answer", "again"),
    [("import os", True), ("import os\nimport sys", True), ("import json", False), ("import os\nimport json", False)],
)
def test_what_the_file_imports_already_is_said_again(answer: str, again: bool) -> None:
    guard = Guard("import os\nimport sys\n", "\n\nprint(json.dumps(os.environ), sys.argv)\n", "python")
    assert guard.verdict(answer, 0).next_to is again


def test_an_import_inside_of_a_function_stands_next_to_what_is_in_it_alone() -> None:
    guard = Guard("def f():\n    import os\n\n\ndef g():\n    ", "\n    return os.name\n", "python")
    assert not guard.verdict("import os", 0).next_to

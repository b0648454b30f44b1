"""Marker comments: which lines are one, in which language, and what they say."""

from __future__ import annotations

import pytest

from dgedit.errors import DgeditError
from dgedit.text.languages import comment_of
from dgedit.text.markers import BACK_QUOTED, OPEN_QUOTED, TRIPLE_QUOTED, find_markers


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("python", "# dgedit: fill"),
        ("python", "    #dgedit:fill"),
        ("python", "\t## dgedit:  fill  "),
        ("python", "# dgedit: fill: add them up"),
        ("bash", "# dgedit: fill lines=2"),
        ("rust", "// dgedit: fill"),
        ("rust", "/* dgedit: fill */"),
        ("go", "/// dgedit: fill"),
        ("lua", "-- dgedit: fill"),
        ("sql", "-- dgedit: fill"),
        ("lisp", ";; dgedit: fill"),
        ("tex", "% dgedit: fill"),
        ("fortran", "! dgedit: fill"),
        ("html", "<!-- dgedit: fill tokens=9 -->"),
        ("markdown", "<!--dgedit: fill-->"),
        ("css", "/* dgedit: fill a red border */"),
        ("ocaml", "(* dgedit: fill *)"),
        ("text", "# dgedit: fill"),
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_a_comment_alone_on_its_line_is_a_marker(language: str, line: str, ending: str) -> None:
    text = f"above\n{line}{ending}"
    (marker,) = find_markers(text, language)
    assert (marker.verb, marker.line) == ("fill", 2)
    assert text[marker.start : marker.end] == line.lstrip(" \t")
    assert text[: marker.start].endswith(line[: len(line) - len(line.lstrip())])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "x = 1  # dgedit: fill"),
        ("python", "# dgedit: filling station"),
        ("python", "# dgedit: fill-in"),
        ("python", "# dgedit: an editor"),
        ("python", "# dgedit: end of the story"),
        ("python", "# see dgedit: fill"),
        ("python", "// dgedit: fill"),
        ("json", "# dgedit: fill"),
        ("css", "/* dgedit: fill"),
        ("markdown", "# dgedit: fill"),
        ("python", '"""\n# dgedit: fill\n"""'),
        ("python", "x = '''\n# dgedit: begin\n'''\n"),
        ("python", 'f(r"""\\\n    # dgedit: fill\n    """)'),
        ("javascript", "const a = `\n// dgedit: fill\n`;"),
        ("go", "a := `\n// dgedit: fill\n`"),
        ("rust", 'let a = "\n// dgedit: fill\n";'),
        ("java", '/*\n// dgedit: fill\n*/ String a = """\n// dgedit: fill\n""";'),
        ("python", ""),
    ],
)
def test_other_lines_are_none(language: str, text: str) -> None:
    assert find_markers(text, language) == []


@pytest.mark.parametrize(
    ("language", "before"),
    [
        ("python", 'a = \'"""\'\n'),
        ("python", '# it\'s """ in a comment\n'),
        ("python", '"""one""" \'\'\'two\'\'\'\nb = "\\""\n'),
        ("python", 'broken = """ never closed\n'),
        ("rust", 'fn f<\'a>(x: &\'a str) {}\nlet q = "\\"";\n'),
        ("javascript", "const a = `x`, b = '`';\n"),
        ("bash", "echo it's\n"),
    ],
)
def test_quotes_before_it_do_not_hide_a_marker(language: str, before: str) -> None:
    sign = {"rust": "//", "javascript": "//"}.get(language, "#")
    assert len(find_markers(f"{before}{sign} dgedit: fill\n", language)) == 1


def test_options_come_first_and_the_rest_is_the_instruction() -> None:
    text = "# dgedit: fill tokens=20 lines=3 sum of x=1 values\n# dgedit: begin strength=0.25\n# dgedit: end\n"
    fill, begin, end = find_markers(text, "python")
    assert (fill.lines_max, fill.tokens_max, fill.instruction) == (3, 20, "sum of x=1 values")
    assert (begin.verb, begin.strength, begin.instruction, begin.line) == ("begin", 0.25, "", 2)
    assert (end.verb, end.line) == ("end", 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("# dgedit: fill lines=0", "line 2: lines=0 is not a count"),
        ("# dgedit: fill lines=", "line 2: lines= is not a count"),
        ("# dgedit: begin tokens=-3", "line 2: tokens=-3 is not a count"),
        ("# dgedit: fill lines=9999999", "line 2: lines=9999999 is not a count"),
        ("# dgedit: fill strength=0.5", "line 2: strength=0.5 has no code"),
        ("# dgedit: begin strength=0", "line 2: strength=0 is not above 0"),
        ("# dgedit: begin strength=1.5", "line 2: strength=1.5 is not above 0"),
        ("# dgedit: begin strength=nan", "line 2: strength=nan is not above 0"),
    ],
)
def test_an_option_that_cannot_be_read_is_said_with_its_line(line: str, message: str) -> None:
    with pytest.raises(DgeditError, match=message) as caught:
        find_markers(f"x = 1\n{line}\n", "python")
    assert caught.value.hint


def test_a_long_text_full_of_open_quotes_takes_no_square_of_its_length() -> None:
    text = 'it\'s """ `\n' * 20_000 + "# dgedit: fill\n"
    assert [marker.line for marker in find_markers(text, "python")] == [20_001]


@pytest.mark.parametrize("language", sorted(TRIPLE_QUOTED | BACK_QUOTED | OPEN_QUOTED))
@pytest.mark.parametrize("unit", ['"', '\\"', '"\\', "\\'''", '\\"""', "`\\", "/*", '"""x'])
def test_strings_that_never_end_are_looked_for_once(language: str, unit: str) -> None:
    comment = comment_of(language)
    line = f"{comment.line} dgedit: fill" if comment.line else "(* dgedit: fill *)"
    text = unit * (60_000 // len(unit)) + f"\n{line}\n"
    assert len(find_markers(text, language)) <= 1


def test_what_is_begun_and_never_ended_hides_no_marker() -> None:
    for before in ('"""', "'''", "'\"", '\\"""'):
        assert len(find_markers(f"x = {before}\n# dgedit: fill\n", "python")) == 1, before
    for text in ('"""\n# dgedit: fill\n"""\n', "'''\\'''\n# dgedit: fill\n'''\n"):
        assert find_markers(text, "python") == [], text

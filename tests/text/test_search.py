"""Find and replace: what matches where, in any line ending, and what bad input says."""

from __future__ import annotations

import random
import re
import signal
import threading
import warnings

import pytest

from dgedit.errors import DgeditError
from dgedit.text.search import (
    Matches,
    Query,
    find_all,
    next_match,
    parse_replacement,
    previous_match,
    replace_all,
    replace_one,
    time_limit,
)


def regex(pattern: str, *, case: bool | None = None, whole_word: bool = False) -> Query:
    return Query(pattern, regex=True, case=case, whole_word=whole_word)


def spans(text: str, query: Query, within: tuple[int, int] | None = None) -> list[tuple[int, int]]:
    matches = find_all(text, query, within)
    return list(zip(matches.starts, matches.ends, strict=True))


def found(text: str, query: Query) -> list[str]:
    return [text[start:end] for start, end in spans(text, query)]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("aXax", Query("x"), ["X", "x"]),
        ("aXax", Query("X"), ["X"]),
        ("aXax", Query("x", case=True), ["x"]),
        ("aXax", Query("X", case=False), ["X", "x"]),
        ("É é", Query("é"), ["É", "é"]),
        ("a.b a+b", Query("a.b"), ["a.b"]),
        ("a(b", Query("a("), ["a("]),
        ("a\\nb\na", Query("\\n"), ["\\n"]),
        ("a\nb", Query("a\nb"), ["a\nb"]),
        ("aaaa", Query("aa"), ["aa", "aa"]),
        ("x", Query(""), []),
        ("x", regex(""), []),
        ("foo foo_ (foo) Foo", Query("foo", whole_word=True), ["foo", "foo", "Foo"]),
        ("f(x f(xy g(x", Query("f(", whole_word=True), ["f(", "f("]),
        ("a-a-a ba-a", Query("a-a", whole_word=True), ["a-a"]),
        ("ba-a-a", Query("a-a", whole_word=True), ["a-a"]),
        ("naïve na", Query("na", whole_word=True), ["na"]),
        ("foobar foo", regex("foo|foobar", whole_word=True), ["foobar", "foo"]),
        ("foobar foo", regex("(?x) foo # a note", whole_word=True), ["foo"]),
        ("Foo foo", regex("(?i)FOO"), ["Foo", "foo"]),
        ("Foo foo xfoo", regex("(?i)FOO", whole_word=True), ["Foo", "foo"]),
        ("ab Ab", regex(r"a\S"), ["ab", "Ab"]),
        ("ab Ab", regex(r"A\w"), ["Ab"]),
        ("ab Ab", regex(r"(?P<Name>a)b"), ["ab", "Ab"]),
        ("ab12", regex("[0-9]+"), ["12"]),
        ("a\r\nb", regex("."), ["a", "b"]),
        ("a\r\nb", regex(r"a\s"), ["a\r\n"]),
        ("a\r\nb", regex(r"a\nb"), ["a\r\nb"]),
        ("a\r\nb", regex(r"a\r\nb"), ["a\r\nb"]),
        ("a\r\nb\n", regex(r"\r\n"), ["\r\n", "\n"]),
        ("a\r\nb\nc", regex(r"\r?\n"), ["\r\n", "\n"]),
        ("a\r\n\r\nb", regex(r"(?:\r\n){2}"), ["\r\n\r\n"]),
        ("a\r\n\r\nb", regex(r"(\x0d\x0A)\1"), ["\r\n\r\n"]),
        ("a\r\nb", regex("a\r\nb"), ["a\r\nb"]),
        ("a\r\nb\rc\n", regex(r"\r\n?"), ["\r\n", "\r", "\n"]),
        ("a\r\nb", regex(r"[\r\n]+"), ["\r\n"]),
        ("a\r\nb", regex(r"[^\r\n]+"), ["a", "b"]),
        ("a\r\nb", regex(r"a(?=\r\n)"), ["a"]),
        ("a\r\nb", regex(r"(?<=\r\n)b"), ["b"]),
        ("a\r\n\r\n", regex(r"^\r\n"), ["\r\n"]),
        (r"a\r\n", regex(r"\\r\\n"), [r"\r\n"]),
        (r"a\r\n", Query(r"\r\n"), [r"\r\n"]),
        ("a\rb\rc", regex(r"\r"), ["\r", "\r"]),
        ("a\rb\rc", regex(r"b\r\n"), ["b\r"]),
        ("a\rb\rc", regex(r"[^\r]+"), ["a", "b", "c"]),
        ("a\rb\rc", Query("b\r"), ["b\r"]),
        ("a\r\nb", Query("a\r\nb"), ["a\r\nb"]),
        ("a\r\nb", Query("a\nb"), ["a\r\nb"]),
        ("a\r\nb", Query("\r"), []),
        ("a\r\nb\n", Query("\r"), []),
        ("a\r\nb\n", regex(r"a\r?$"), ["a"]),
        ("a\rb\n", regex("a.b"), ["a\rb"]),
        ("a\rb", regex("^b"), ["b"]),
        ("a\u2028b", regex("^b"), []),
    ],
)
def test_what_matches(text: str, query: Query, expected: list[str]) -> None:
    assert found(text, query) == expected


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_anchors_belong_to_lines(ending: str) -> None:
    text = ending.join(["ab", "", "cd", ""])
    rows = [0, 2 + len(ending), 2 + 2 * len(ending)]
    assert spans(text, regex("^")) == [(at, at) for at in rows]
    assert spans(text, regex("$")) == [(2, 2), (rows[1], rows[1]), (rows[2] + 2, rows[2] + 2)]
    assert spans(text, regex("^$")) == [(rows[1], rows[1])]
    assert spans(text, regex("b$")) == [(1, 2)]
    assert replace_all(text, regex("$"), ";") == (ending.join(["ab;", ";", "cd;", ""]), 3)
    assert replace_all(text, regex("^"), "> ") == (ending.join(["> ab", "> ", "> cd", ""]), 3)


def test_an_empty_text_has_one_empty_line() -> None:
    assert spans("", regex("^$")) == [(0, 0)]
    assert spans("\n", regex("^$")) == [(0, 0)]


def test_matches_of_no_width_go_on() -> None:
    assert spans("axb", regex("x*")) == [(0, 0), (1, 2), (2, 2), (3, 3)]
    assert replace_all("axb", regex("x*"), "-") == ("-a--b-", 4)
    assert spans("ab", regex(r"\b")) == [(0, 0), (2, 2)]


@pytest.mark.parametrize(
    ("query", "within", "expected"),
    [
        (Query("a"), (1, 4), [(2, 3)]),
        (Query("ab"), (2, 3), []),
        (Query("ab"), (2, 4), [(2, 4)]),
        (regex("^a"), (2, 6), [(5, 6)]),
        (regex("b$"), (0, 4), [(3, 4)]),
        (regex("a$"), (0, 3), []),
        (regex("(?<=b)a"), (2, 4), [(2, 3)]),
        (regex("a(?=b)"), (2, 3), [(2, 3)]),
        (regex("^"), (0, 5), [(0, 0)]),
        (regex("$"), (0, 4), [(4, 4)]),
        (regex("$"), (0, 5), [(4, 4)]),
        (regex("^"), (5, 5), [(5, 5)]),
    ],
)
def test_a_range_limits_matches_but_not_what_they_see(
    query: Query, within: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    text = "abab\nab"
    assert spans(text, query, within) == expected
    crlf = [(start + (start > 4), end + (end > 4)) for start, end in expected]
    low, high = (at + (at > 4) for at in within)
    assert spans("abab\r\nab", query, (low, high)) == crlf


def test_the_number_of_matches_is_limited() -> None:
    assert find_all("aaa", Query("a"), limit=3) == Matches((0, 1, 2), (1, 2, 3))
    assert find_all("aaa", Query("a"), limit=2) == Matches((0, 1), (1, 2), truncated=True)
    assert len(find_all("a" * 100_001, Query("a"))) == 100_000


@pytest.mark.parametrize(
    ("offset", "following", "before"),
    [(0, 0, None), (1, 0, None), (2, 1, 0), (5, 1, 0), (6, 2, 1), (9, 2, 1), (10, None, 2)],
)
def test_the_match_after_and_before_an_offset(offset: int, following: int | None, before: int | None) -> None:
    matches = Matches((1, 5, 9), (2, 6, 10))
    assert next_match(matches, offset, wrap=False) == following
    assert previous_match(matches, offset, wrap=False) == before
    assert next_match(matches, offset) == (0 if following is None else following)
    assert previous_match(matches, offset) == (2 if before is None else before)


def test_where_nothing_matches_there_is_no_next() -> None:
    assert next_match(Matches((), ()), 0) is None
    assert previous_match(Matches((), ()), 0) is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a(b", "at column 2: a ( is never closed"),
        ("ab)", "at column 3: a ) closes nothing"),
        ("x[a-", "at column 2: a [ is never closed"),
        ("[z-a]", "at column 2: a range in [ ] runs backwards"),
        ("*a", "at column 1: a repeat sign has nothing before it"),
        ("a**", "at column 3: two repeat signs follow each other"),
        ("a{3,2}", "a repeat in { } has its larger number first"),
        (r"a\q", "at column 2: an escape is unknown"),
        ("a\\", "at column 2: it ends in a lone backslash"),
        ("(?<=a+)b", "the pattern is wrong: (?<= and (?<! take only patterns of one length"),
        (r"(a)\2", "it refers to a group that is not there"),
        ("(?P=no)", "it refers to a group that is not there"),
        ("(?P<a>x)(?P<a>y)", "two groups have the same name"),
        ("a(?i)b", "flags such as (?i) may stand only at its beginning"),
        ("(?!!", "a ( is never closed"),
        ("(?@a)", "what follows (? is unknown"),
        ("a{99999999999999999999}", "the pattern is too large"),
        ("(" * 20_000, "too large or too deep"),
    ],
)
@pytest.mark.parametrize("whole_word", [False, True])
def test_a_wrong_pattern_says_where_and_why(pattern: str, words: str, whole_word: bool) -> None:
    with pytest.raises(DgeditError) as error:
        find_all("text", regex(pattern, whole_word=whole_word))
    assert words in str(error.value)
    assert error.value.hint


def test_no_warning_reaches_the_screen() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found("[a", regex("[[a]")) == ["[", "a"]


@pytest.mark.parametrize(
    ("text", "query", "replacement", "expected"),
    [
        ("a.b a.b", Query("a.b"), r"\1\n$&", r"\1\n$& \1\n$&"),
        ("ab cd", regex(r"(\w)(\w)"), r"\2\1", "ba dc"),
        ("ab", regex(r"(?P<one>a)(?P<two>b)"), r"\g<two>\g<1>\g<0>", "baab"),
        ("ab", regex("(a)"), r"\1\t\n\\", "a\t\n\\b"),
        ("ab", regex("(a)"), r"\12", "a2b"),
        ("ab", regex("a"), r"<\0>", "<a>b"),
        ("ab", regex("a(x)?"), r"[\1]", "[]b"),
        ("ab", regex("b"), "", "a"),
        ("ab", regex("a"), "{}$", "{}$b"),
        ("a\r\nb\r\n", regex(r"a\n"), r"c\nd\n", "c\r\nd\r\nb\r\n"),
        ("a\r\nb\r\n", regex(r"(a)(\s)"), r"\2\1", "\r\nab\r\n"),
        ("a\r\nb\r\n", Query("a"), "x\r\ny", "x\r\ny\r\nb\r\n"),
        ("a\r\r\nb\r\n", Query("a"), "c", "c\r\r\nb\r\n"),
        ("a\r\r\nb\r\n", regex(r"a(\s+)"), r"\1c", "\r\r\ncb\r\n"),
        ("a\r\nb\n", regex("(a)$|a"), "c", "c\r\nb\n"),
        ("none", Query("x"), "y", "none"),
    ],
)
def test_replacing(text: str, query: Query, replacement: str, expected: str) -> None:
    assert replace_all(text, query, replacement)[0] == expected


def test_replacing_counts_and_keeps_to_its_range() -> None:
    assert replace_all("aaaa", Query("a"), "bb", (1, 3)) == ("abbbba", 2)
    assert replace_all("a\r\na\r\na", Query("a"), "b", (3, 4)) == ("a\r\nb\r\na", 1)
    assert replace_all("aaa", Query(""), "x") == ("aaa", 0)


def test_replacing_one_gives_what_replacing_all_would() -> None:
    text = "foo(1)\r\nfoo(2)\r\n"
    query, template = regex(r"foo\((\d)\)$"), r"bar[\1]\n"
    assert replace_one(text, query, 8, template) == (14, "bar[2]\r\n")
    assert replace_one(text, query, 7, template) is None
    assert replace_one(text, query, 9, template) is None
    assert replace_one("ab", Query("b"), 1, r"\1") == (2, r"\1")
    assert replace_one("ab", Query(""), 1, "x") is None


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        ("a", r"\1", r"\1 in the replacement is no group: the pattern has 0 groups"),
        ("(a)", r"x\2", "the pattern has 1 group"),
        ("(a)(?P<b>b)", r"\g<c>", "the pattern has 2 groups, b"),
        ("(a)", r"\g<>", "is no group"),
        ("(a)", r"\g<-1>", "is no group"),
        ("(a)", r"\g1", r"\g at column 1 of the replacement means nothing"),
        ("(a)", r"ab\d", r"\d at column 3 of the replacement means nothing"),
        ("(a)", "ab\\", "\\ at column 3 of the replacement means nothing"),
    ],
)
def test_a_wrong_replacement_says_why(pattern: str, replacement: str, words: str) -> None:
    with pytest.raises(DgeditError) as error:
        parse_replacement(regex(pattern), replacement)
    assert words in str(error.value)
    assert r"write \\ for a backslash" in error.value.hint


MIXED = {
    "the end of every line": ("one\r\ntwo\nthree\r\n", regex("$"), "X", "oneX\r\ntwoX\nthreeX\r\n"),
    "a letter at the end": ("one\r\nme\n", regex("e$"), "E", "onE\r\nmE\n"),
    "the start of every line": ("a\nb\r\nc", regex("^"), "> ", "> a\n> b\r\n> c"),
    "over a break": ("a\r\nb\nc\r\n", regex(r"b\nc"), "x", "a\r\nx\r\n"),
    "a new break is its line's": ("a\r\nb\n", regex("[ab]"), r"1\n2", "1\r\n2\r\n1\n2\n"),
    "at the end the commonest": ("a\r\nb\r\nc\nd", Query("d"), "1\n2", "a\r\nb\r\nc\n1\r\n2"),
    "what is taken over": ("a\r\nb\nc\r\n", regex(r"(a\n)(b\n)"), r"\2\1", "b\na\r\nc\r\n"),
    "empty lines": ("a\r\n\r\n\nb\n", regex("^$"), "-", "a\r\n-\r\n-\nb\n"),
    "a break that is named": ("a\r\nb\nc", regex(r"(\w)\r\n"), r"\1;\r\n", "a;\r\nb;\nc"),
    "no break is left": ("a,\r\nb,\r\n", regex(r",\r\n"), " ", "a b "),
    "lone returns stay signs": ("a\rb\r\nc\n", regex(r"\r"), "|", "a|b\r\nc\n"),
    "old lines": ("one\rtwo\r", regex("$"), "X", "oneX\rtwoX\r"),
    "a break in old lines": ("one\rtwo", Query("o"), "1\n2", "1\r2ne\rtw1\r2"),
}


@pytest.mark.parametrize("what", MIXED)
def test_lines_end_where_they_end_in_any_mixture(what: str) -> None:
    text, query, replacement, expected = MIXED[what]
    assert replace_all(text, query, replacement)[0] == expected


def test_matches_in_any_mixture_are_those_of_line_feeds() -> None:
    draw = random.Random(4)
    patterns = ["a", "^", "$", r"\s+", r"a\n", ".", "[^a]+", r"b$\n^a", r"\w*$", "^$"]
    total = 0
    for _ in range(2_000):
        text = "".join(draw.choices(["a", "b", " ", "\r\n", "\n"], k=draw.randrange(14)))
        flat, query = text.replace("\r\n", "\n"), regex(draw.choice(patterns))
        matches = find_all(text, query)
        plain = [
            (len(text[:start].replace("\r\n", "\n")), len(text[:end].replace("\r\n", "\n")))
            for start, end in zip(matches.starts, matches.ends, strict=True)
        ]
        assert plain == spans(flat, query), text
        assert not any(text[at - 1 : at + 1] == "\r\n" for at in (*matches.starts, *matches.ends) if at)
        replaced, count = replace_all(text, query, r"<\g<0>>")
        assert replaced.replace("\r\n", "\n") == replace_all(flat, query, r"<\g<0>>")[0]
        assert count == len(matches)
        assert replace_all(text, regex(rf"({query.pattern})"), r"\1")[0] == text, "what is taken over stays as it was"
        total += count
    assert total > 4_000


def test_crlf_matches_are_those_of_line_feeds() -> None:
    draw = random.Random(3)
    patterns = ["a", "^", "$", r"\s+", r"a\n", ".", "[^a]+", r"b$\n^a", r"\w*$"]
    for _ in range(500):
        text = "".join(draw.choices("ab \n", k=draw.randrange(12))) + draw.choice(["\n", "\na"])
        query = regex(draw.choice(patterns))
        low, high = sorted(draw.randrange(len(text) + 1) for _ in range(2))
        within = draw.choice([None, (low, high)])
        crlf = text.replace("\n", "\r\n")

        def moved(offset: int, text: str = text) -> int:
            return offset + text.count("\n", 0, offset)

        moved_within = within and (moved(within[0]), moved(within[1]))
        expected = [(moved(start), moved(end)) for start, end in spans(text, query, within)]
        assert spans(crlf, query, moved_within) == expected
        replaced, count = replace_all(text, query, r"<\0\n>", within)
        assert replace_all(crlf, query, r"<\0\n>", moved_within) == (replaced.replace("\n", "\r\n"), count)
        for start, end in expected:
            one = replace_one(crlf, query, start, "-")
            assert one is not None
            assert one[1] == "-" or end == start


def test_a_hopeless_pattern_is_stopped() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(DgeditError, match=r"stopped after 0\.05 s"), time_limit(0.05):
        find_all("a" * 30 + "b", regex("(a+)+$"))
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_leaves_a_quick_search_alone() -> None:
    with time_limit(60):
        assert spans("ab", Query("b")) == [(1, 2)]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_outside_the_main_thread_does_nothing() -> None:
    results: list[object] = []

    def search() -> None:
        with time_limit(0.001):
            results.append(spans("ab", Query("b")))

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert results == [[(1, 2)]]


def test_a_literal_is_found_as_re_finds_it() -> None:
    draw = random.Random(4)
    for _ in range(500):
        text = "".join(draw.choices("aA.-_ (é\n", k=40))
        literal = "".join(draw.choices("aA.-_(é", k=draw.randrange(1, 4)))
        edges = [r"\b" if character.isalnum() or character == "_" else "" for character in (literal[0], literal[-1])]
        expected = [match.span() for match in re.finditer(edges[0] + re.escape(literal) + edges[1], text)]
        assert spans(text, Query(literal, case=True, whole_word=True)) == expected

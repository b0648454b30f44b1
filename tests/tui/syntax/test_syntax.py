"""Colours, structure and symbols of a text, as it is and while it is edited."""

from __future__ import annotations

import random

import pytest

from dgedit.text.languages import EXTENSIONS
from dgedit.tui.syntax import NAMES, ROW_BYTES_MAX, Highlights, Syntax
from dgedit.tui.syntax.grammars import HIGHLIGHTS, load, symbols_query
from dgedit.tui.syntax.lexer import LexedSyntax, lexer_of
from dgedit.tui.syntax.trees import TreeSyntax
from dgedit.tui.widgets.document import TextDocument

Location = tuple[int, int]


def opened(text: str, language: str) -> TextDocument:
    document = TextDocument(text, language)
    assert document.syntax.refresh()
    return document


def highlights(document: TextDocument, first: int = 0, last: int | None = None) -> Highlights:
    """The highlights of some rows, asked for until there was time for all of them."""
    while True:
        found = document.syntax.highlights(first, document.line_count - 1 if last is None else last)
        if not isinstance(document.syntax, LexedSyntax) or document.syntax.refresh():
            return found


def colours(document: TextDocument) -> list[tuple[str, str]]:
    """What the text area would show: pieces of the rows with the name that counts, those without one left out."""
    found = []
    for row, spans in sorted(highlights(document).items()):
        raw = document[row].encode()
        names: list[str | None] = [None] * len(raw)
        for start, end, name in spans:
            assert name in NAMES
            assert start in range(len(raw))
            assert end is None or start < end
            names[start:end] = [name] * len(names[start:end])
        start = 0
        for at in range(1, len(raw) + 1):
            if at == len(raw) or names[at] != names[start]:
                shown = names[start]
                if shown and raw[start:at].strip():
                    found.append((raw[start:at].decode(), shown))
                start = at
    return found


SAMPLES = {
    "bash": ('f() { local x=1; echo "a $x"; } # é', ["f function", "local keyword", "# é comment"]),
    "c": ("#define M 1\nint *f(char *s) { return g('c'); }", ["M constant", "int type", "f function", "'c' string"]),
    "cpp": ("class A : B { void f() override; };", ["class keyword", "A type", "f function", "override keyword"]),
    "css": (".a > p { color: #fff; margin: 1px }", ["a type", "p tag", "color attribute", "1px number"]),
    "go": ('func (s *S) F() error { return nil } // "', ["func keyword", "F function", "error type", "nil constant"]),
    "html": ('<p class="a">x</p>', ["p tag", "class attribute", '"a" string']),
    "java": ("@X class A { int f() { return MAX; } }", ["@X attribute", "A type", "f function", "MAX constant"]),
    "javascript": ("const f = (x) => `a${x}`; new A()", ["const keyword", "f function", "A type", "`a string"]),
    "json": ('{"a": [1, null, "é"]}', ['"a" attribute', "1 number", "null constant", '"é" string']),
    "jsonc": ("// c\n{}", ["// c comment"]),
    "markdown": ("# A\n\n[x](y) **b** `c`\n", ["# A heading", "x link", "b keyword", "c string"]),
    "python": ("class A:\n    def f(x): return 'é', None", ["A type", "f function", "'é' string", "None constant"]),
    "ruby": ("class A\n  def f; @x = :s; end\nend", ["A type", "f function", "@x variable", ":s constant"]),
    "rust": ("fn f<'a>(x: &'a str) { g!(1) }", ["fn keyword", "f function", "str type", "g! function"]),
    "toml": ("[a]\nb = 1 # c", ["a type", "b attribute", "1 number", "# c comment"]),
    "tsx": ("let a: T = <b c={1} />", ["T type", "b tag", "c attribute", "1 number"]),
    "typescript": ("interface A { b: string }", ["interface keyword", "A type", "b variable", "string type"]),
    "yaml": ("a: 1\nb: x # c", ["a attribute", "1 number", "x string", "# c comment"]),
    "make": ("all: x # c\n\techo", ["all function", "# c comment"]),
    "sql": ("select 'é' -- c", ["select keyword", "'é' string", "-- c comment"]),
    "kotlin": ('fun f(): Int = 1 /* c\nd */ + "a"', ["f function", "Int type", "/* c comment", "d */ comment"]),
    "php": ("<?php\nfunction f($x) { return 'a'; }", ["function keyword", "f function", "$x variable", "'a' string"]),
    "elixir": ("defmodule A do\nend # c", ["defmodule keyword", "A type", "# c comment"]),
    "diff": ("+a\n-b\n c", ["+a string", "-b keyword"]),
}


@pytest.mark.parametrize("language", SAMPLES)
def test_a_sample_is_coloured(language: str) -> None:
    text, expected = SAMPLES[language]
    shown = [f"{piece.strip()} {name}" for piece, name in colours(opened(text, language))]
    assert [each for each in expected if each not in shown] == [], shown


@pytest.mark.parametrize("name", HIGHLIGHTS)
def test_every_grammar_loads_with_its_queries(name: str) -> None:
    grammar = load(name)
    assert grammar is not None
    captures = {grammar.highlights.capture_name(i) for i in range(grammar.highlights.capture_count)}
    plain = {capture.removeprefix("cased.") for capture in captures if not capture.startswith("embed.")}
    assert plain <= {*NAMES, "cased"}
    query = symbols_query(grammar)
    assert query is None or query.capture_name(0) == "name"


def test_languages_without_a_grammar_are_lexed_and_the_others_are_plain() -> None:
    for language in EXTENSIONS:
        syntax = TextDocument("", language).syntax
        expected = TreeSyntax if language in HIGHLIGHTS else LexedSyntax if lexer_of(language) else Syntax
        assert type(syntax) is (Syntax if language == "text" else expected)
    assert type(TextDocument("", "unheard-of").syntax) is Syntax


def test_a_grammar_that_is_not_there_is_made_up_for_by_a_lexer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dgedit.tui.syntax.grammars.load", lambda name: None)
    assert ("def", "keyword") in colours(TextDocument("def f(): pass", "python"))


def test_columns_are_bytes_and_only_the_rows_asked_for_come() -> None:
    document = opened("é = 'ü'\n'''a\nb\nc'''  # 😀\nx", "python")
    assert (5, 9, "string") in document.syntax.highlights(0, 0)[0]
    assert document.syntax.highlights(2, 3) == {
        2: [(0, None, "string")],
        3: [(0, 4, "string"), (6, 12, "comment")],
    }
    assert document.syntax.highlights(9, 20) == {}


def test_a_node_that_ends_at_the_beginning_of_a_row_colours_nothing_there() -> None:
    document = opened("```\ncode\n```\ntext\n", "markdown")
    assert 3 not in document.syntax.highlights(0, 4)


def test_rows_of_crlf_texts_are_coloured_as_others() -> None:
    text = "# c\ndef f():\n    '''a\n    b'''\n"
    assert colours(opened(text.replace("\n", "\r\n"), "python")) == colours(opened(text, "python"))


@pytest.mark.parametrize("language", ["javascript", "json", "kotlin", "php", "make"])
def test_a_row_of_a_megabyte_is_coloured_at_its_beginning(language: str) -> None:
    document = TextDocument("a\n" + '["b", 1], ' * 100_000 + "\n1\n", language)
    while not document.syntax.refresh(20):
        pass
    long_row = highlights(document, 0, 9).get(1, [])
    assert all(start <= ROW_BYTES_MAX for start, _, _ in long_row)
    document.replace_range((1, 900_000), (1, 900_000), "x")
    assert highlights(document, 0, 9).get(1, []) == long_row


STATEMENTS = [
    *("x = 1\n", "# é 😀\n", "def f(a):\n    return [a, (1, 2)]\n", "s = '''é\n  😀'''\n"),
    *("class A:\n    def g(self):\n        pass\n", "for i in range(3):\n    print(f'{i!r}')\n"),
]
SCRAPS = ["(", ")", "'", '"""', "é", "😀", "\n", "\r", " ", "    ", "def ", ":", "[", "#", "\\", "\u2028", "e\u0301"]


def sexp(document: TextDocument) -> str:
    syntax = document.syntax
    assert isinstance(syntax, TreeSyntax)
    assert syntax._tree is not None
    return str(syntax._tree.root_node)


def add_or_drop_statement(draw: random.Random, document: TextDocument) -> None:
    rows = [row for row, line in enumerate(document.lines) if line and not line[0].isspace()]
    at = draw.choice(rows)
    after = [row for row in rows if row > at]
    if len(rows) > 60 and after:
        document.replace_range((at, 0), (after[0], 0), "")
    else:
        document.replace_range((at, 0), (at, 0), draw.choice(STATEMENTS))


def break_and_mend(draw: random.Random, document: TextDocument) -> None:
    """Put scraps in and take them out again, with the parser at work between."""
    budget_ms = draw.choice([None, 0.02, 1])
    row = draw.randrange(document.line_count)
    at = row, draw.randrange(len(document[row]) + 1)
    result = document.replace_range(at, at, "".join(draw.choices(SCRAPS, k=3)))
    document.syntax.refresh(budget_ms)
    document.syntax.highlights(max(0, row - 5), row + 5)
    document.replace_range(at, result.end_location, "")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_an_edited_tree_is_that_of_a_fresh_document(ending: str) -> None:
    draw = random.Random(6)
    document = opened("".join(STATEMENTS * 5).replace("\n", ending), "python")
    for step in range(5000):
        draw.choice([add_or_drop_statement, break_and_mend])(draw, document)
        if draw.random() < 0.3:
            document.syntax.refresh(draw.choice([None, 0.02, 1]))
        if step % 100 == 0:
            while not document.syntax.refresh(0.02):
                pass
            fresh = opened(document.text, "python")
            assert sexp(document) == sexp(fresh)
            assert highlights(document) == highlights(fresh)
            assert document.syntax.symbols() == fresh.syntax.symbols()


def test_a_broken_text_is_coloured_as_a_fresh_one() -> None:
    draw = random.Random(7)
    document = opened("".join(STATEMENTS * 4), "python")
    for _ in range(300):
        row = draw.randrange(document.line_count)
        start, end = sorted((row, draw.randrange(len(document[row]) + 1)) for _ in range(2))
        document.replace_range(start, min(end, (row, start[1] + 1)), draw.choice(SCRAPS))
        document.syntax.refresh()
        assert highlights(document) == highlights(opened(document.text, "python"))


def test_a_parse_goes_on_where_it_was_cut_short() -> None:
    text = "".join(STATEMENTS * 400)
    document = TextDocument(text, "python")
    assert document.syntax.stale
    assert not document.syntax.refresh(0)
    assert highlights(document) == {}
    calls = 0
    while not document.syntax.refresh(0):
        calls += 1
    assert calls > 3
    assert not document.syntax.stale
    assert sexp(document) == sexp(opened(text, "python"))


def test_colours_move_with_the_text_before_it_is_parsed_again() -> None:
    document = opened("a\n'str'\n", "python")
    document.replace_range((0, 0), (0, 0), "\n\n")
    document.replace_range((3, 0), (3, 0), "éé ")
    assert document.syntax.stale
    assert (5, 10, "string") in document.syntax.highlights(0, 9)[3]


def test_code_in_markdown_has_its_own_colours() -> None:
    shown = colours(opened("> ```py\n> def f(): 'é'\n> ```\n\n```unheard-of\ndef\n```\n", "markdown"))
    assert ("def", "keyword") in shown
    assert ("'é'", "string") in shown
    assert ("def", "string") in shown, "a language that is not known stays a block of code"


def test_scripts_and_styles_in_html_in_markdown_are_coloured() -> None:
    text = "<div>\n<script>let a = 1</script>\n<style>b { color: red }</style>\n</div>\n"
    for language in ("html", "markdown"):
        shown = colours(opened(text, language))
        assert {("let", "keyword"), ("1", "number"), ("color", "attribute"), ("script", "tag")} <= set(shown)


def test_a_long_script_is_coloured_as_it_is_edited() -> None:
    draw = random.Random(8)
    document = opened("<p>\n<script>\n" + "let a = f('é') // c\n" * 300 + "</script>\n", "html")
    for step in range(50):
        row = draw.randrange(2, 300)
        column = draw.randrange(len(document[row]) + 1)
        document.replace_range((row, column), (row, column), draw.choice(["x", "'", "(", "\n", "/* */", "é", "`"]))
        if step % 7 == 0:
            document.replace_range((0, 0), (0, 0), "\n")
        document.syntax.refresh()
        assert highlights(document) == highlights(opened(document.text, "html"))


@pytest.mark.parametrize("language", ["kotlin", "sql", "elixir", "haskell"])
def test_edited_rows_are_lexed_as_those_of_a_fresh_document(language: str) -> None:
    draw = random.Random(9)
    text = '<?php\nclass A { /* é\n 😀 */ val x = "s" // c\n  def f(a) 1 -- d\n}\n' * 12
    document = TextDocument(text, language)
    scraps = ["/*", "*/", '"', "'", "\n", "é", "{", "}", "--", "{-", "-}", " x ", "<?php ", "?>"]
    for _ in range(200):
        row = draw.randrange(document.line_count)
        column = draw.randrange(len(document[row]) + 1)
        gone = column + draw.choice([0, 0, 0, 5])
        document.replace_range((row, column), (row, gone), draw.choice(scraps) if draw.random() < 0.6 else "")
        highlights(document, max(0, row - 8), row + 8)
        assert highlights(document) == highlights(TextDocument(document.text, language))


@pytest.mark.parametrize(("row", "name"), [(2, "number"), (150, "comment"), (151, "comment"), (500, "comment")])
def test_a_comment_that_is_opened_somewhere_counts_wherever_is_looked_next(row: int, name: str) -> None:
    document = TextDocument("x = 1\n" * 900, "haskell")
    before = highlights(document, 0, 899)
    document.replace_range((150, 0), (150, 0), "{-")
    assert highlights(document, row, row)[row][-1][2] == name
    document.replace_range((150, 0), (150, 2), "")
    assert highlights(document, 0, 899) == before


def test_a_string_is_one_when_its_end_is_typed_some_rows_below() -> None:
    document = TextDocument("<?php\n$x = 'a\nb\nc;\n$y = 1;\n", "php")
    highlights(document, 0, 5)
    document.replace_range((3, 1), (3, 1), "'")
    assert highlights(document) == highlights(TextDocument(document.text, "php"))
    assert highlights(document, 2, 2) == {2: [(0, 1, "string")]}


def test_a_place_far_down_is_lexed_without_all_that_is_above() -> None:
    document = TextDocument("<?php\n" + "function f() { return 'a'; }\n" * 50_000, "php")
    assert (0, 8, "keyword") in highlights(document, 40_000, 40_050)[40_020]
    syntax = document.syntax
    assert isinstance(syntax, LexedSyntax)
    assert sum(row is not None for row in syntax._known) < 1_000


def taken(document: TextDocument, start: Location, end: Location | None = None) -> list[str]:
    """The texts that a selection grows to."""
    low, high = start, end or start
    texts = []
    for left, right in document.syntax.node_ranges(start, high):
        assert (left, high) <= (low, right)
        assert right >= high
        assert (left, right) != (low, high)
        low, high = left, right
        texts.append(document.get_text_range(left, right))
    assert texts[-1] == document.text
    return texts


@pytest.mark.parametrize(
    ("language", "text", "at", "expected"),
    [
        ("python", "f(é + 'ab c')\ny", (0, 9), ["ab", "ab c", "'ab c'", "é + 'ab c'", "(é + 'ab c')"]),
        ("python", "f(é + 'ab c')\ny", (0, 1), ["f", "f(é + 'ab c')"]),
        ("json", '{"a": [1, 2]}\n', (0, 7), ["1", "[1, 2]", '"a": [1, 2]', '{"a": [1, 2]}']),
        ("text", "see (the [a b] c) d\nx", (0, 10), ["a", "a b", "[a b]", "the [a b] c", "(the [a b] c)"]),
        ("kotlin", "a {\n  b\n\n  c\n}\nd", (1, 3), ["b", "  b", "  b\n\n  c", "\n  b\n\n  c\n", "{\n  b\n\n  c\n}"]),
    ],
)
def test_a_selection_grows_by_structure(language: str, text: str, at: Location, expected: list[str]) -> None:
    assert taken(opened(text, language), at)[: len(expected)] == expected


def test_a_selection_grows_from_a_range() -> None:
    assert taken(opened("f(a, bc, d)\n", "python"), (0, 5), (0, 10))[0] == "(a, bc, d)"
    assert taken(TextDocument("one two\n  three\nfour\n"), (0, 2), (1, 4))[0] == "one two\n  three"


@pytest.mark.parametrize("language", ["text", "python", "markdown", "kotlin"])
def test_ranges_grow_to_the_whole_text_from_anywhere(language: str) -> None:
    draw = random.Random(10)
    for _ in range(60):
        text = "".join(draw.choices([*SCRAPS, "{", "}", "word", "\n\n", "  x"], k=40)) + "\nend"
        document = opened(text, language)
        row = draw.randrange(document.line_count)
        taken(document, (row, draw.randrange(len(document[row]) + 1)))
    assert TextDocument("", language).syntax.node_ranges((0, 0), (0, 0)) == []


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (
            "python",
            "class A:\n    def é(self):\n        def g(): pass\n@x\ndef h(): pass\n",
            ["class A 0:6 0", "method é 1:8 1", "function g 2:12 2", "function h 4:4 0"],
        ),
        ("markdown", "# A *b*\n\n## C\n\n# D\n", ["heading A *b* 0:2 0", "heading C 2:3 1", "heading D 4:2 0"]),
        ("toml", "x = 1\n[a.b]\nc = 1\n[[d]]\n", ["key x 0:0 0", "table a.b 1:1 0", "table d 3:2 0"]),
        ("yaml", "a:\n  b:\n    c: 1\nd: 2\n", ["key a 0:0 0", "key b 1:2 1", "key d 3:0 0"]),
        ("json", '{"a": {"b": {"c": 1}}}', ["key a 0:2 0", "key b 0:8 1"]),
        (
            "typescript",
            "interface I {}\nclass C { m() {} }\nconst f = () => 1;\n",
            ["interface I 0:10 0", "class C 1:6 0", "method m 1:10 1", "function f 2:6 0"],
        ),
        (
            "rust",
            "struct S;\nimpl S { fn f() {} }\nmod m { fn g() {} }",
            ["struct S 0:7 0", "impl S 1:5 0", "method f 1:12 1", "module m 2:4 0", "function g 2:11 1"],
        ),
        ("go", "type S struct{}\nfunc (s S) M() {}\n", ["struct S 0:5 0", "method M 1:11 0"]),
        ("c", "struct s { int x; };\nstatic int *f(void) {}\n", ["struct s 0:7 0", "function f 1:12 0"]),
        ("css", ".a,\n.b { x: y }", ["rule .a, .b 0:0 0"]),
        ("html", "<p>", []),
        ("make", "CC := x\nall: a\n.PHONY: all\n", ["target all 1:0 0", "target .PHONY 2:0 0"]),
        (
            "kotlin",
            "class A {\n  fun f() = 1\n}\nfun g() = 2\n",
            ["class A 0:6 0", "function f 1:6 1", "function g 3:4 0"],
        ),
        ("sql", "create table if not exists a.b (x int);", ["table a.b 0:27 0"]),
        ("ini", "[a b]\nc=1\n", ["section a b 0:1 0"]),
        ("text", "class A\n", []),
    ],
)
def test_symbols(language: str, text: str, expected: list[str]) -> None:
    found = TextDocument(text, language).syntax.symbols()
    assert [f"{each.kind} {each.name} {each.row}:{each.column} {each.depth}" for each in found] == expected


def test_symbols_follow_edits() -> None:
    document = opened("def f(): pass\n", "python")
    document.replace_range((0, 4), (0, 5), "renamed")
    document.replace_range((0, 0), (0, 0), "\n")
    assert [(each.name, each.row) for each in document.syntax.symbols()] == [("renamed", 1)]

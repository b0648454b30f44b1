"""What becomes of an answer before it is ranked: repetitions cut, blanks and escapes as the place wants them."""

from __future__ import annotations

import pytest

from dgedit.engine.guard import Guard


def trimmed(text: str, said: str, language: str = "python") -> str:
    """The text with the trimmed answer in its hole, which is marked by <>."""
    prefix, suffix = text.split("<>")
    return prefix + Guard(prefix, suffix, language).trimmed(said) + suffix


PYTHON = {
    "closing bracket": ("def f(items):\n    return items[<>]\n", "items]", "return items[items]"),
    "closing bracket and more": ("a = f(<>)\nb = 1\n", "x)\nb = 1", "a = f(x)\nb"),
    "two closing brackets": ("a = f(g(<>))\n", "x))", "f(g(x))"),
    "brackets of its own stay": ("a = f(<>)\n", "g(x)", "a = f(g(x))"),
    "brackets of its own and one too many": ("a = f(<>)\n", "g(x))", "a = f(g(x))"),
    "a tuple in the same brackets": ("a = [<>]\n", "[1]", "a = [[1]]"),
    "call of a method before its parenthesis": ("async def f(x):\n    return await x.<>()\n", "f(x)", "await x.f()"),
    "name of a function before its parameters": ("def <>(x):\n    return x\n", "f(g(x), 1)", "def f(x):"),
    "a call of what a call gives": ("a = (<>)(x)\n", "f(1)", "a = (f(1))(x)"),
    "argument twice": ("def f(x=<>, y=1):\n    return x\n", "1, y=1", "def f(x=1, y=1):"),
    "default with its end": ("def f(x=<>):\n    return x\n", "1):", "def f(x=1):"),
    "keyword argument": ("f(a, key=<>, reverse=True)\n", "len, reverse=True)", "key=len, reverse=True)"),
    "condition": ("if <>:\n    x = 1\n", "x > 0:\n    x = 1", "if x > 0:\n    x = 1"),
    "elif": (
        "def sign(x):\n    if x > 0:\n        return 1\n    elif <>:\n        return -1\n",
        "x < 0:\n        return 1:",
        "elif x < 0:\n        return -1",
    ),
    "while": ("while <>:\n    pass\n", "True:", "while True:\n"),
    "for": ("for x in <>:\n    pass\n", "range(3):", "for x in range(3):\n"),
    "for with a comment": ("for x in <>:\n    pass\n", "range(3):  # all", "for x in range(3):\n"),
    "case": ("match x:\n    case <>:\n        pass\n", "1:\n        return", "case 1:\n"),
    "except": ("try:\n    pass\nexcept <> as e:\n    raise\n", "OSError as e:", "except OSError as e:"),
    "with": ("with open(p) as <>:\n    pass\n", "file:\n    x", "as file:\n"),
    "annotation": ("def f(x: <>) -> int:\n    return 1\n", "int) -> int:", "def f(x: int) -> int:"),
    "return annotation": ("def f(x) -> <>:\n    return 1\n", "int:\n    return 1", "def f(x) -> int:\n    return 1"),
    "comprehension": ("a = [x for x in xs if <>]\n", "x]", "[x for x in xs if x]"),
    "comprehension with its end": ("a = [x for x in <> if x]\n", "xs if x]", "[x for x in xs if x]"),
    "lambda": ("a = sorted(xs, key=lambda x: <>)\n", "x.name)", "key=lambda x: x.name)"),
    "lambda and a comment": ("a = sorted(xs, key=lambda x: <>)\n", "-x  # pragma: no cover", "lambda x: -x)"),
    "a comment alone": ("a = sorted(xs, key=lambda x: <>)\n", "  # pragma: no cover", "lambda x: )"),
    "a sign of a comment in a string stays": ("a = f(<>, 1)\n", 'x, "#"', 'f(x, "#", 1)'),
    "slice": ("a = xs[<>]\n", "1:]", "xs[1:]"),
    "slice before a colon": ("a = xs[<>:]\n", "1:", "xs[1:]"),
    "dict value": ('a = {"k": <>, "l": 2}\n', '1, "l": 2}', '{"k": 1, "l": 2}'),
    "dict value at the end": ('a = {"k": <>}\n', "1}", '{"k": 1}'),
    "decorator": ("class A:\n    @<>\n    def f(self): ...\n", "@property", "    @property\n"),
    "decorator with the next line": (
        "class A:\n    @<>\n    def f(self): ...\n",
        "property\n    def f(self): ...",
        "    @property\n    def f(self): ...\n",
    ),
    "import": ("import <>\n\nx = os\n", "import os", "import os\n"),
    "from": ("from os import <>\n", "import path", "from os import path\n"),
    "return twice": ("def f(x):\n    return <>\n", "return x", "    return x\n"),
    "attribute twice": ("a = self.<>\n", "self.name", "a = self.name\n"),
    "the start of the line twice": ("total = <>\n", "total = 1", "total = 1\n"),
    "operand": ("a = x and <>\n", "and y", "a = x and y\n"),
    "the rest of an expression": ("a = <> + 1\n", "x + 1", "a = x + 1\n"),
    "a call that follows": ("a = x.<>()\n", "read()", "a = x.read()\n"),
    "a method that follows": ("a = <>.strip()\n", "line.strip()", "a = line.strip()\n"),
    "word": ("total = 1\ntot<> += 1\n", "al", "total += 1"),
    "whole word": ("total = 1\ntot<> += 1\n", "total", "\ntotal += 1"),
    "word and the rest": ("total = 1\ntot<> += 1\n", "total += 1", "\ntotal += 1"),
    "keyword": ("def f(x):\n    retu<> x\n", "rn", "    return x\n"),
    "one blank before": ("a = <>\n", "  1", "a = 1\n"),
    "one blank behind": ("a = <> + 1\n", "x ", "a = x + 1\n"),
    "no blank in a bracket": ("f(<>)\n", " x ", "f(x)\n"),
    "next line": ("def f(x):\n    <>\n    return y\n", "y = x\n    return y", "    y = x\n    return y\n"),
    "next lines": ("<>\nb = 2\nc = 3\n", "a = 1\nb = 2\nc = 3", "a = 1\nb = 2\nc = 3\n"),
    "line before": ("a = 1\n<>\nc = 3\n", "a = 1\nb = 2", "a = 1\nb = 2\nc = 3\n"),
    "later lines at the margin": ("def f(x):\n    <>\n", "if x:\n    return 1", "    if x:\n        return 1\n"),
    "tabs": ("def f(x):\n\tx += 1\n\t<>\n", "if x:\n        return 1", "\tif x:\n\t\treturn 1\n"),
    "spaces": ("def f(x):\n    x += 1\n    <>\n", "if x:\n\t\treturn 1", "    if x:\n        return 1\n"),
    "semicolon": ("a = <>; b = 2\n", "1; b = 2", "a = 1; b = 2\n"),
    "walrus": ("if (n := <>) > 3:\n    pass\n", "len(x)) > 3:", "if (n := len(x)) > 3:"),
    "subscript in a call": ("f(a[<>], b)\n", "0], b)", "f(a[0], b)\n"),
    "starred": ("f(*<>)\n", "args)", "f(*args)\n"),
    "ternary": ("a = <> if x else 0\n", "1 if x else 0", "a = 1 if x else 0\n"),
    "assert": ('assert <>, "no"\n', 'x, "no"', 'assert x, "no"\n'),
}


@pytest.mark.parametrize("name", PYTHON)
def test_an_answer_in_a_line_of_python_fits_it(name: str) -> None:
    text, said, expected = PYTHON[name]
    assert expected in trimmed(text, said)


INSIDE = {
    "f-string closes once": ('x = f"hello {name<>}"\n', '}"name}" f"hello {name}"\n', 'x = f"hello {name}"\n'),
    "f-string field": ('x = f"hello {<>}"\n', 'name}"', 'x = f"hello {name}"\n'),
    "f-string, other quotes": ('x = f"hello {<>}"\n', 'd["k"]', "x = f\"hello {d['k']}\"\n"),
    "f-string conversion": ('x = f"{name<>} "\n', "!r}", 'x = f"{name!r} "\n'),
    "f-string text": ('x = f"<> {name}"\n', 'hello {name}"', 'x = f"hello {name}"\n'),
    "string": ('x = "<>"\n', 'hello"', 'x = "hello"\n'),
    "string, one line": ('x = "<>"\n', "hello\ny = 2", 'x = "hello"\n'),
    "string, a backslash at the end": ('x = "<>"\n', "a\\", 'x = "a"\n'),
    "string, an escape stays": ('x = "<>"\n', 'a \\"b\\"', 'x = "a \\"b\\""\n'),
    "string, other quotes stay": ('x = "<>"\n', "it's", 'x = "it\'s"\n'),
    "string, the words that follow": ('x = "hello <> world"\n', 'big world"', 'x = "hello big world"\n'),
    "raw string": ('x = re.compile(r"<>")\n', '\\w+")', 'x = re.compile(r"\\w+")\n'),
    "docstring in a line": ('def f():\n    """<>"""\n', 'Say it."""\n    return 1', '    """Say it."""\n'),
    "docstring of lines": (
        'def f():\n    """<>\n    """\n',
        'Say it.\n\n    Twice.\n    """\n    return',
        '    """Say it.\n\n    Twice.\n    ',
    ),
    "comment": ("x = 1  # <>\ny = 2\n", "# the first\ny = 2", "x = 1  # the first\ny = 2\n"),
    "comment of lines": ("# <>\ny = 2\n", "one\n# two\ny = 2", "# one\n# two\ny = 2\n"),
}


@pytest.mark.parametrize("name", INSIDE)
def test_an_answer_inside_a_string_or_comment_stays_inside(name: str) -> None:
    text, said, expected = INSIDE[name]
    assert expected in trimmed(text, said)


OTHERS = {
    "semicolon": ("typescript", "const x = <>;\n", "f();", "const x = f();\n"),
    "arrow": ("typescript", "a.map((x) => <>);\n", "x + 1);", "a.map((x) => x + 1);\n"),
    "block": ("typescript", "if (<>) {\n  f();\n}\n", "x > 0) {\n  g();", "if (x > 0) {\n  f();"),
    "comment": ("typescript", "f(<>, 1);\n", "x // why", "f(x, 1);\n"),
    "template": ("typescript", "const x = `a ${<>} b`;\n", "name} c`", "const x = `a ${name} b`;\n"),
    "rust": ("rust", "fn f() -> i32 {\n    g(<>)\n}\n", "1)\n}", "    g(1)\n}\n"),
    "go": ("go", "package a\n\nfunc f() int {\n\treturn g(<>)\n}\n", "1)", "\treturn g(1)\n}\n"),
    "json value": ("json", '{"a": <>, "b": 2}\n', '1, "b": 2}', '{"a": 1, "b": 2}\n'),
    "json string": ("json", '{"a": "<>"}\n', 'say \\"x\\""}', '{"a": "say \\"x\\""}\n'),
    "json string, a tab and a bad escape": ("json", '{"a": "<>"}\n', "x\t\\d", '{"a": "x\\t\\\\d"}\n'),
    "no grammar": ("text", "Dear <>,\nhello\n", "Sir or Madam,\nhello", "Dear Sir or Madam,\nhello\n"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_an_answer_in_another_language_fits_its_line(name: str) -> None:
    language, text, said, expected = OTHERS[name]
    assert expected in trimmed(text, said, language)


@pytest.mark.parametrize(
    "said", ["", " ", "\n", "\0", "\ufffd", "(" * 50, '"' * 7, "\\", "{" * 20, "#", "é = '\u2028'", "\r\n\r"]
)
@pytest.mark.parametrize(
    "text", ["<>", "x = <>\n", 'x = f"{<>}"\n', 'x = "<>"\n', "# <>", "def f(:\n  <>)\n", "<>" + "y" * 900]
)
def test_no_answer_is_too_odd(text: str, said: str) -> None:
    prefix, suffix = text.split("<>")
    for language in ("python", "json", "typescript", "text", "nothing"):
        guard = Guard(prefix, suffix, language)
        kept = guard.trimmed(said)
        assert guard.verdict(kept, guard.least_faults([kept])).breaks in (True, False)
        assert not suffix or suffix[0] == "\n" or "\n" not in kept

"""Who says that a text is broken, and who is not believed when he says so."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from dgedit.judges import programs, python, tools
from dgedit.judges.brackets import break_in
from dgedit.judges.judge import judge
from dgedit.judges.verdict import Standing

BROKEN = [
    ("python", "def f(a:\n    return a\n", 0),
    ("python", "type X = int\ndef f(a:\n    return a\n", 0),
    ("python", "x = [1, 2\ny = 3\n", 0),
    ("python", "# -*- coding: latin-1 -*-\nx = = 1\n", 1),
    ("javascript", "function f(a, b {\n  return a + b;\n}\n", 0),
    ("javascript", "const a = `b ${c;\n", 0),
    ("typescript", "interface A {\n  b: string\n", 0),
    ("tsx", "const a = <div>{b</div>;\n", 0),
    ("go", 'package p\n\nfunc f() {\n\tg("a"\n}\n', 4),
    ("go", "package p\n\nvar s = `a\n", 2),
    ("rust", "fn f() { /* a /* b */\n}\n", 0),
    ("rust", "fn f() {\n    g(1;\n}\n", 1),
    ("java", "class A {\n  void f() {\n}\n", 0),
    ("java", 'class A { String s = """\n  a; }\n', 0),
    ("c", "int f(void) {\n  if (a {\n    b();\n  }\n}\n", 4),
    ("c", "#ifdef A\nint a;\n#endif\nint f(void) {\n", 3),
    ("cpp", "struct A { int f(this A& self) { return 1; };\n", 0),
    ("css", "a {\n  color: red;\n", 0),
    ("css", "a { b: c; } }\n", 0),
    ("css", "/* a {\n", 0),
    ("json", '{"a": [1, 2, "b": 3}\n', 0),
    ("json", '{"a": 1,}\n', 0),
    ("toml", "[tool\nsize = 3\n", 0),
    ("yaml", "a: [1, 2\nb: }\n", 1),
]


@pytest.mark.parametrize(("language", "text", "line"), BROKEN)
def test_what_no_syntax_makes_right_is_called_broken(language: str, text: str, line: int) -> None:
    verdict = judge(text, language)
    assert verdict.is_broken, verdict
    assert abs(verdict.line - line) <= 1
    assert verdict.message
    assert verdict.by


def test_settings_without_an_ending_may_be_yaml() -> None:
    text = "env:\n  browser: true\n\nrules:\n  - a\n"
    assert judge(text, "json", Path(".eslintrc")).by == "PyYAML"
    assert judge(text, "json", Path("eslintrc.json")).is_broken
    assert judge('{"env": {', "json", Path(".eslintrc")).is_broken
    assert judge("env browser\n", "json", Path(".eslintrc")).is_broken


UNKNOWN = [
    ("css", "a {\n  color red\n}\n", "", "grammar does not understand"),
    ("text", "(", "", "cannot be told"),
    ("json", '// a\n{"b": 1}\n', "a.json", "comments"),
    ("json", "\n", "a.json", "empty"),
    ("python", '#!/usr/bin/env python2\nprint "a"\n', "a.py", "Python 2"),
    ("python", 'print "a"\n', "a.py", "Python 2"),
    ("python", "def f(a, (b, c)):\n\treturn `a`\n", "a.py", "Python 2"),
    ("python", "{% for a in b %}\nx = 1\n{% endfor %}\n", "a.py", "template"),
    ("python", "!pip list\nx = 1\n", "a.py", "IPython"),
]


@pytest.mark.parametrize(("language", "text", "name", "why"), UNKNOWN)
def test_what_nobody_can_tell_is_said_with_a_reason(language: str, text: str, name: str, why: str) -> None:
    verdict = judge(text, language, Path(name) if name else None)
    assert verdict.is_unknown
    assert why in verdict.message


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads it")
def test_what_is_newer_is_named_with_its_version() -> None:
    verdict = judge('page = t"{a}"\n', "python")
    assert verdict.is_unknown
    assert f"newer than Python {sys.version_info.major}.{sys.version_info.minor} (Python 3.14)" in verdict.message


def test_a_bare_interpreter_tells_broken_from_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "_ruff_program", lambda: None)
    monkeypatch.setitem(sys.modules, "fissix", None)
    monkeypatch.setattr(python, "OWN", "Python 3.11")
    table = [
        ("def f(a:\n    return a\n", Standing.BROKEN),
        ('x = f"{a}"\ny = (\n', Standing.BROKEN),
        ("x = 'a\n", Standing.BROKEN),
        ('print "a"\n', Standing.UNKNOWN),
        ('page = t"{a}"\n', Standing.UNKNOWN),
        ("try: pass\nexcept A, B: pass\n", Standing.UNKNOWN),
    ]
    newer = [("type X = int\n", Standing.UNKNOWN), ('x = f"{a["b"]}"\n', Standing.UNKNOWN)]
    for text, standing in table + (newer if sys.version_info < (3, 12) else []):
        if sys.version_info < (3, 14) or standing is Standing.BROKEN:
            assert python.judge(text).standing is standing, text


def test_the_grammar_is_believed_on_request_alone() -> None:
    text = "a {\n  color red\n}\n"
    assert judge(text, "css").is_unknown
    assert judge(text, "css", trust_grammar=True).is_broken


def test_a_text_that_was_committed_so_is_not_broken_by_its_brackets() -> None:
    text = "OPEN\nint a;\n}\nint b;\n"
    assert judge(text, "c").is_broken
    assert not judge(text, "c", committed=lambda: text.replace("b", "c")).is_broken
    assert judge(text, "c", committed=lambda: text.replace("}", "")).is_broken


NO_BREAK = [
    ("c", "char a = '{'; char *b = \"}\"; // }\n#define C {\n"),
    ("c", "#if A\nvoid f(int a) {\n#elif B\nvoid f(long a) {\n#else\nvoid f() {\n#endif\n}\n"),
    ("c", "#if 0\ndon't {\n#endif\n"),
    ("cpp", 'auto a = R"x(}"))x"; int b = 1\'000;\n'),
    ("css", "a { b: url(c{d); e: '}'; f\\{: g }\n"),
    ("go", "var a = `}` + \"}\" + string('}')\n"),
    ("java", 'String a = """\n } "x" \\""" {\n """; char b = \'{\';\n'),
    ("rust", "fn f<'a>(x: &'a str) -> char { let r = r#\"}\"#; /* } /* } */ */ '{' }\n"),
    ("javascript", "const a = /[}/]{2}/, b = c / d / e, f = `}${`{`}`; if (g) /}/.test(h)\n"),
    ("tsx", "const a = <p>don't {b} it's</p>;\n"),
]


@pytest.mark.parametrize(("language", "text"), NO_BREAK)
def test_brackets_in_strings_comments_and_branches_are_none(language: str, text: str) -> None:
    assert break_in(text, language) is None


@pytest.mark.parametrize("language", ["c", "cpp", "css", "go", "java", "javascript", "rust", "tsx"])
def test_brackets_are_counted_in_one_pass(language: str) -> None:
    for unit in ('"', "'", "/*", "`", "(", '"\\', "${", 'R"(', "#if\n", "/", "<a"):
        break_in(unit * (50_000 // len(unit)), language)


def test_a_program_runs_no_code_and_writes_nothing_beside_the_source(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    source = tmp_path / "a.sh"
    texts = {
        "bash": f"touch {mark}\n$(touch {mark})\n",
        "javascript": f"require('fs').writeFileSync({str(mark)!r}, '');\n",
        "ruby": f"BEGIN {{ File.write({str(mark)!r}, '') }}\n",
        "java": "class Text { static { System.exit(3); } }\n",
        "c": f'#include "{mark}"\n',
        "rust": f'const A: &str = include_str!("{mark}");\n',
    }
    for language, text in texts.items():
        tools.judge(text, language, source.with_suffix(f".{language}"))
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_does_not_end_is_ended() -> None:
    sleep = shutil.which("sleep")
    assert sleep is not None
    with programs.until(0.0):
        assert programs.ask([sleep, "60"]) is None
    assert programs.ask(["/no/such/program"]) is None
    answer = programs.ask([sleep, "0"])
    assert answer is not None
    assert answer.code == 0


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_node_is_believed_where_the_text_is_in_no_dialect() -> None:
    for text, standing in [
        ("f(a b);\n", Standing.BROKEN),
        ("import {a} from 'b'; f(a b);\n", Standing.BROKEN),
        ("f(<A b={c} d/> e);\n", Standing.UNKNOWN),
        ("f((a: any), b c);\n", Standing.UNKNOWN),
        ("return 1;\n", Standing.VALID),
    ]:
        verdict = tools.judge(text, "javascript", None)
        assert verdict is not None
        assert verdict.standing is standing, text


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_judges_shells_alone() -> None:
    assert judge("if true; then\n", "bash", Path("a.sh")).is_broken
    assert judge("a\n\nif true; then\n", "bash", None).line == 3
    assert judge("#!/bin/zsh\nfor f (*) print $f\n", "bash", Path("a")).is_unknown
    assert judge("A=b (c\n", "bash", Path(".env")).is_unknown
    assert judge("#!/bin/sh\n'''exec' python \"$0\" \"$@\"\n' '''\nx = (1)\n", "bash", Path("a")).is_unknown

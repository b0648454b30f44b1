"""`dgedit fix`: what is mended, what is never touched, and that no failure loses a byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dgedit.batch import fix
from dgedit.batch.fill import Mode
from dgedit.bench import broken_files as made
from dgedit.commands import fix as command
from dgedit.engine import Engine
from dgedit.errors import ExitCode
from dgedit.fix.candidates import Kind
from dgedit.fix.faults import Fault, fault_in, parses
from dgedit.fix.repair import RepairEnding, RepairOptions, keeps, repair, spans
from dgedit.judges.judge import languages

BROKEN = "def total(values:\n    return sum(values)\n\n\nprint(total([1, 2]))\n"
MENDED = BROKEN.replace("values:", "values):")
HOPELESS = "]]]]]]]]]]]]]]]] def ((((((((((((((((\n"
CONFLICT = "import os\n<<<<<<< HEAD\nimport json\n=======\nimport re\n>>>>>>> theirs\n\nprint(os, json, re)\n"

INDENTED = "def f(a):\n    if a:\n        return 1\n    return 2\n"

FAULTS = [
    ("bracket", BROKEN, MENDED),
    ("opening bracket", "x = [1, 2]\nprintx)\n", "x = [1, 2]\nprint(x)\n"),
    ("colon", "class A\n    pass\n", "class A:\n    pass\n"),
    ("quote", 'names = ["a", "b]\nprint(names)\n', 'names = ["a", "b"]\nprint(names)\n'),
    ("long string", 'def f():\n    ""Docs."""\n    return 1\n', 'def f():\n    """Docs."""\n    return 1\n'),
    ("indentation", "def f(a):\n    if a:\n    return 1\n    return 2\n", INDENTED),
    ("keyword", "import os\nimprot re\n", "import os\nimport re\n"),
    ("old print", "print 'hello'\n", "print('hello')\n"),
    ("cut off", "def f(values):\n    return sum(val\n", "def f(values):\n    return sum(values)\n"),
    ("indentation of a block", "def f(a):\n     b = a\n    return b\n", "def f(a):\n    b = a\n    return b\n"),
    ("wrong bracket", "values = [(1, 2], (3, 4)]\n", "values = [(1, 2), (3, 4)]\n"),
    ("two in one function", "def f(a:\n    b = [a, 1\n    return b\n", "def f(a):\n    b = [a, 1]\n    return b\n"),
]
OTHERS = [
    ("json", '{"a": [1, 2, "b": 3}\n', '{"a": [1, 2], "b": 3}\n'),
    ("toml", "[tool\nsize = 3\n", "[tool]\nsize = 3\n"),
    ("javascript", "function f(a, b {\n  return a + b;\n}\n", "function f(a, b) {\n  return a + b;\n}\n"),
    ("go", 'package p\n\nfunc f() {\n\tg("a"\n}\n', 'package p\n\nfunc f() {\n\tg("a")\n}\n'),
]


def options(*arguments: str) -> fix.FixOptions:
    """What the command line makes of arguments."""
    seen = list[fix.FixOptions]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fix, "run", seen.append)
        command.run(command.parser().parse_args(arguments))
    return seen[0]


def test_every_kind_of_fault_is_mended_as_a_person_would(nano: Engine) -> None:
    for name, text, answer in FAULTS:
        assert not parses(text, "python"), name
        assert repair(text, nano, RepairOptions()).text == answer, name


def test_other_languages_are_mended_too(nano: Engine) -> None:
    for language, text, answer in OTHERS:
        done = repair(text, nano, RepairOptions(language=language))
        assert (done.ending, done.text) == (RepairEnding.MENDED, answer), language


def test_nothing_outside_of_the_changed_characters_changes(nano: Engine) -> None:
    mended = 0
    for each in made.load(6):
        done = repair(each.text, nano, RepairOptions())
        text = each.text
        for step in done.steps:
            after = step.mend.applied(text)
            assert after.startswith(text[: step.mend.start])
            assert after.endswith(text[step.mend.end :])
            assert text[step.mend.start : step.mend.end] == step.old
            text = after
        assert done.text == (text if done.ending is RepairEnding.MENDED else each.text)
        assert parses(done.text, "python") is (done.ending is RepairEnding.MENDED)
        mended += done.ending is RepairEnding.MENDED
    assert mended >= 5


def test_the_same_text_gives_the_same_mend(nano: Engine) -> None:
    text = "def f(values):\n    return sum(val\n"
    first, second = (repair(text, nano, RepairOptions(seed=3)).text for _ in range(2))
    assert first == second != text


def test_small_changes_need_no_passes(nano: Engine) -> None:
    assert repair(BROKEN, nano, RepairOptions(denoise=False)).text == MENDED


def test_a_span_is_renoised_where_nothing_small_helps_and_most_of_it_is_kept(nano: Engine) -> None:
    text = "x = 1\nfor i on range(10):\n    print(i)\n"
    assert repair(text, nano, RepairOptions(denoise=False)).ending is RepairEnding.LEFT
    done = repair(text, nano, RepairOptions())
    assert done.ending is RepairEnding.MENDED
    (step,) = done.steps
    assert step.mend.kind is Kind.REWRITTEN
    assert keeps(step.old, step.mend.text)
    assert done.text.startswith("x = 1\nfor i ")


def test_code_is_mended_not_replaced_or_hidden() -> None:
    assert keeps("for i on values", "for i in values")
    assert not keeps("for i on values", "pass")
    assert not keeps("values = = 1", "# values = 1")


def test_a_span_is_widened_from_words_to_lines() -> None:
    text = "a = 1\n\nif x y:\n    z = (1 2)\n"
    fault = Fault(line=3, column=11, message="", suspects=(3,))
    assert [text[slice(*span)] for span in spans(text, fault)] == [
        "1 2)",
        "z = (1 2)",
        "if x y:\n    z = (1 2)",
        "a = 1\n\nif x y:\n    z = (1 2)",
    ]


UNTOUCHED = [
    b"",
    b"x = 1",
    b"x = 1\r\ny = 2\r\n",
    b"x = 1\r\ny = 2\nz = 3\r",
    b"\xef\xbb\xbfx = 1\n",
    "x = 'é'  # naïve\n".encode("latin-1"),
    "x = 'é'\n".encode("utf-16"),
    b"def f():\n\treturn 1\n\n\x0c\nclass A: pass\n\n\n",
]


@pytest.mark.parametrize("raw", UNTOUCHED)
def test_a_file_that_parses_is_byte_identical_and_needs_no_model(
    raw: bytes, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(raw)
    before = path.stat()
    assert fix.run(options("--model", "no such model", str(path))) == ExitCode.OK
    assert capsysbinary.readouterr().out == raw
    assert fix.run(options("--model", "no such model", "--in-place", "--conflicts", str(path))) == ExitCode.OK
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == (raw, before.st_mtime_ns, before.st_ino)


ENCODED = [
    (BROKEN.replace("\n", "\r\n").encode(), MENDED.replace("\n", "\r\n").encode()),
    (b"\xef\xbb\xbf" + BROKEN.encode(), b"\xef\xbb\xbf" + MENDED.encode()),
    (b"# \xe9t\xe9\n" + BROKEN.encode(), b"# \xe9t\xe9\n" + MENDED.encode()),
    (b"x = 1\r\n" + BROKEN.encode().rstrip(), b"x = 1\r\n" + MENDED.encode().rstrip()),
    (BROKEN.encode("utf-16"), MENDED.encode("utf-16")),
]


@pytest.mark.parametrize(("raw", "expected"), ENCODED)
def test_encoding_and_line_endings_are_kept(
    raw: bytes, expected: bytes, nano: Engine, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(raw)
    assert fix.run(options("-q", str(path)), nano) == ExitCode.OK
    assert capsysbinary.readouterr().out == expected
    assert path.read_bytes() == raw, "a filter writes no file"


def test_files_in_place_each_by_itself(nano: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = {"a.py": BROKEN, "b.py": HOPELESS, "c.py": "x = (1\n", "d.txt": "x = (1\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    code = fix.run(options("--in-place", *(str(tmp_path / name) for name in (*texts, "missing.py"))), nano)
    assert code == ExitCode.ERROR, "one is missing, and of one the language is not known"
    assert (tmp_path / "a.py").read_text() == MENDED
    assert (tmp_path / "b.py").read_text() == HOPELESS
    assert (tmp_path / "c.py").read_text() == "x = (1)\n"
    assert (tmp_path / "d.txt").read_text() == "x = (1\n"
    said = capsys.readouterr()
    assert said.out == ""
    assert "a.py:1: '(' was never closed: '' -> ')'" in said.err
    assert "b.py:1" in said.err
    assert "left as it was" in said.err
    assert "missing.py: no such file" in said.err
    assert "whether text parses cannot be told" in said.err


def test_no_time_leaves_the_text(nano: Engine, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "a.py"
    path.write_text(BROKEN)
    assert fix.run(options("--timeout", "0", str(path)), nano) == 1
    assert capsysbinary.readouterr().out == BROKEN.encode()
    assert repair(BROKEN, nano, RepairOptions(timeout_s=0.0)).ending is RepairEnding.TIMEOUT


def test_ctrl_c_leaves_the_text(nano: Engine) -> None:
    def cancel() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repair(BROKEN, nano, RepairOptions(watch=cancel))


def test_a_diff_goes_to_standard_output_and_no_file_is_written(
    nano: Engine, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(BROKEN)
    assert fix.run(options("--diff", str(tmp_path / "a.py"), str(tmp_path / "b.py")), nano) == ExitCode.OK
    lines = capsysbinary.readouterr().out.decode().split("\n")
    assert lines.count("-def total(values:") == lines.count("+def total(values):") == 2
    assert lines[0] == f"--- {tmp_path / 'a.py'}"
    assert (tmp_path / "a.py").read_text() == BROKEN


def test_a_conflict_is_resolved_on_request_alone(
    nano: Engine, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.py"
    path.write_text(CONFLICT)
    assert fix.run(options(str(path)), nano) == 1
    said = capsysbinary.readouterr()
    assert said.out == CONFLICT.encode()
    assert b"a conflict at line 2" in said.err
    assert fix.run(options("--in-place", "--conflicts", str(path)), nano) == ExitCode.OK
    resolved = path.read_text()
    assert resolved.startswith("import os\nimport ")
    assert resolved.endswith("\n\nprint(os, json, re)\n")
    assert "<<<" not in resolved
    assert parses(resolved, "python")


def test_a_conflict_that_no_side_resolves_stays(nano: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    text = "x = [\n<<<<<<< a\n1 ]]\n||||||| base\n=======\n2 ]]\n>>>>>>> b\n"
    path.write_text(text)
    assert fix.run(options("--in-place", "--conflicts", str(path)), nano) == 1
    assert path.read_text() == text


def test_a_hole_is_not_a_fault(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\ny = <FILL_ME>\n")
    assert fix.run(options("--model", "none", str(path))) == 1
    said = capsysbinary.readouterr()
    assert said.out == path.read_bytes()
    assert b"a <FILL_ME> at line 2; let it be filled first" in said.err


def test_check_as_a_process_imports_no_torch(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(BROKEN)
    (tmp_path / "b.py").write_text(CONFLICT)
    (tmp_path / "c.py").write_text(MENDED)
    code = (
        "import sys; from dgedit.commands import fix\n"
        "code = fix.run(fix.parser().parse_args(['--check', 'a.py', 'b.py', 'c.py']))\n"
        "print(code, [name for name in ('torch', 'tokenizers', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "1 []\n"
    assert done.stderr == "a.py:1: '(' was never closed\nb.py:2: a conflict\n"
    assert (tmp_path / "a.py").read_text() == BROKEN


@pytest.mark.parametrize(
    "arguments", [("a", "b"), ("-", "-", "--diff"), ("--in-place", "-"), ("--timeout", "-1", "a"), ()]
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stopped:
        options(*arguments)
    assert stopped.value.code == ExitCode.ERROR


def test_options_reach_the_repair() -> None:
    made_of = options("--check", "--seed", "4", "--steps", "5", "--timeout", "9", "--language", "go", "--", "-x")
    assert made_of.sources == ("-x",)
    assert (made_of.mode, made_of.language, made_of.timeout_s) == (Mode.CHECK, "go", 9.0)
    assert (made_of.repair.seed, made_of.repair.passes) == (4, 5)
    with pytest.raises(SystemExit):
        options("--seed", "-1", "a")


def test_a_language_that_cannot_be_judged_is_refused_before_anything_is_loaded(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words (\n")
    assert fix.run(options("--model", "none", str(path))) == ExitCode.ERROR
    said = capsysbinary.readouterr()
    assert said.out == b"words (\n"
    assert b"python" in said.err


def test_an_unknown_model_is_an_error_and_the_text_comes_out(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.py"
    path.write_text(BROKEN)
    assert fix.run(options("--model", str(tmp_path / "none"), str(path))) == ExitCode.ERROR
    assert capsysbinary.readouterr().out == BROKEN.encode()


NEWER = [
    "type Number = int | float\n",
    "def first[T](values: list[T]) -> T:\n    return values[0]\n",
    "class A[T]:\n    x: T\n",
]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads them")
@pytest.mark.parametrize("text", NEWER)
def test_what_is_newer_than_the_judge_is_left_alone(
    text: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.py"
    path.write_text(text)
    for mode in ("--check", "--in-place", "--diff"):
        assert fix.run(options("--model", "none", mode, str(path))) == ExitCode.ERROR
    assert b"newer than Python" in capsysbinary.readouterr().err
    assert path.read_text() == text


@pytest.mark.parametrize("language", languages())
def test_every_language_is_judged(language: str) -> None:
    good = {"python": "x = 1\n", "json": "{}\n", "jsonc": "{}\n", "toml": "x = 1\n", "yaml": "a: 1\n", "css": "a {}\n"}
    bad = {"yaml": "a: [1\n", "css": "a { b: (; }\n", "toml": "x = \n"}
    assert parses(good.get(language, ""), language)
    assert fault_in(good.get(language, ""), language) is None
    text = bad.get(language, "x = (1\n")
    assert not parses(text, language)
    fault = fault_in(text, language)
    assert fault is not None
    assert fault.line in fault.suspects


def test_the_place_of_a_fault_is_the_parsers() -> None:
    table = [
        ("x = 1\nif x\n    y = 2\n", 1, 4, "expected ':'"),
        ("x = (1,\ny = 2\n", 0, 4, "'(' was never closed"),
        ("x = 'a\n", 0, 4, "unterminated string literal (detected at line 1)"),
    ]
    for text, line, column, message in table:
        fault = fault_in(text, "python")
        assert fault is not None
        assert (fault.line, fault.column, fault.message) == (line, column, message)


UNNAMED = [
    "a { color: red }\n.b > a:hover { margin: 0 }\n",
    "SELECT name, count(*) FROM t WHERE a = 'x' GROUP BY name;\n",
    "# Title\n\nSome *text* (with a bracket.\n\n- a\n- b\n",
    "local x = 1\nif x then print(x) end\n",
    "def f(x)\n  x\nend\n",
    "if true; then\n  echo a\nfi\n",
    BROKEN,
]


@pytest.mark.parametrize("text", UNNAMED)
@pytest.mark.parametrize("more", [[], ["--check"], ["--conflicts"]])
def test_what_says_no_language_is_left_unless_it_is_whole_python(text: str, more: list[str]) -> None:
    command = [sys.executable, "-m", "dgedit", "fix", "-", *more]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.ERROR
    assert done.stdout == ("" if more == ["--check"] else text)
    assert "standard input says no language" in done.stderr
    assert "--language" in done.stderr


@pytest.mark.parametrize(
    ("text", "more", "mended"),
    [
        (MENDED, [], MENDED),
        ("#!/usr/bin/env python3\nclass A\n    pass\n", [], "#!/usr/bin/env python3\nclass A:\n    pass\n"),
        (BROKEN, ["--language", "python"], MENDED),
        (BROKEN, ["--stdin-filename", "x.py"], MENDED),
    ],
)
def test_what_says_its_language_is_mended(text: str, more: list[str], mended: str) -> None:
    command = [sys.executable, "-m", "dgedit", "fix", "-", "--model", "nano", *more]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, mended), done.stderr

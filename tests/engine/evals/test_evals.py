"""The evaluation's own parts: which lines count as code, and what the table says of known answers."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest

from dgedit.engine.evals import humaneval, methods, spans
from dgedit.engine.evals.exact_match import Answer, evaluate, interval, line
from dgedit.engine.evals.fit import Example, accuracy, fit
from dgedit.engine.evals.spans import Span, SpanKind
from dgedit.engine.train.corpus import HELD_OUT_PACKAGES

from ...support.toy import ToyDenoiser

TEXT = (
    "import os  # here\n\n# a comment\nx = (\n    1,\n)\n"
    '"""doc\nabc = 1\n"""\ns = """\ninside = 1\n"""\nreturn_value = os\n'
)


def test_code_lines_leave_comments_strings_and_lone_brackets_out() -> None:
    lines = TEXT.split("\n")
    assert [lines[n] for n in spans.code_lines(TEXT)] == ["import os  # here", "return_value = os"]
    assert spans.code_lines("def f(:\n  '''") == []


def test_the_bundled_spans_are_of_held_out_packages_and_end_where_lines_end() -> None:
    loaded = spans.load()
    assert len(loaded) > 300
    assert {span.package for span in loaded} <= HELD_OUT_PACKAGES
    for span in loaded:
        assert span.answer == span.answer.strip()
        assert sum(map(str.isalnum, span.answer)) >= 3
        assert span.text[span.end : span.end + 1] in ("\n", "", " ", "\t")
        assert span.text[: span.start].rsplit("\n", 1)[-1].strip() == ""
    assert spans.load(limit=7) == loaded[:7]


def test_spans_are_collected_evenly_and_repeatably(tmp_path: Path) -> None:
    rows = [{"package": name, "text": f"value_{n} = compute({n})\n" * 9} for name in "ab" for n in range(5)]
    (tmp_path / "heldout.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for out in ("one.gz", "two.gz"):
        count = spans.collect(tmp_path / "heldout.jsonl", tmp_path / out, files_per_package=3, lines_per_file=2)
        assert count == 2 * 3 * 2
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    with gzip.open(tmp_path / "one.gz", "rt") as file:
        assert [json.loads(line)["package"] for line in file] == ["a"] * 3 + ["b"] * 3


def span(answer: str, before: str = "a = ", after: str = "\n") -> Span:
    return Span(package="p", text=f"{before}{answer}{after}", start=len(before), end=len(before) + len(answer))


def test_a_row_counts_exact_answers() -> None:
    said = {"f(x)": "f(x) ", "g(y)": "f(x)", "(": "("}
    row = evaluate(
        "toy",
        [span("f(x)"), span("f(x)"), span("g(y)"), span("(")],
        lambda each: Answer(text=said[each.answer], candidates=("g(y)",), passes=2),
    )
    assert row.exact == pytest.approx(3 / 4)
    assert row.any_candidate == 1.0
    assert row.similarity == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert row.parses == pytest.approx(3 / 4)
    assert row.passes == 2.0
    assert row.low <= row.exact <= row.high
    assert "75.0%" in line(row)


def test_the_interval_holds_the_share_and_narrows_with_more_spans() -> None:
    few, many = interval([True, False] * 10), interval([True, False] * 500)
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert interval([True] * 9) == (1.0, 1.0)


@pytest.mark.parametrize("kind", list(SpanKind))
def test_every_kind_of_span_is_what_it_says(kind: SpanKind) -> None:
    loaded = spans.load(kind=kind)
    assert len(loaded) > 200
    assert loaded[:5] == spans.load(kind=kind, limit=5)
    for each in loaded:
        lines = each.answer.count("\n")
        assert each.answer.strip()
        assert each.text not in each.related
        if kind is SpanKind.LINES:
            assert 1 <= lines <= 4
        else:
            assert lines == 0
        if kind is SpanKind.REST:
            assert each.prefix.rsplit("\n", 1)[-1].strip(), "the line has begun"
            assert each.suffix[:1] in ("\n", "", " ", "\t")


def test_the_engine_is_asked_for_the_true_length() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.999)
    assert methods.engine(model, true_length=True)(span("f(x)")).text == "f(x)"
    assert len(methods.engine(model, true_length=True)(span("f(x) + 1")).text) == len("f(x) + 1")


def test_the_left_to_right_baseline_writes_what_the_weights_say() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.999)
    assert methods.left_to_right(model)(span("f(x)")).text == "f(x)"


def test_the_corpus_lookup_finds_the_line_between_the_same_lines(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("one\n  two = 2\nthree\n\0four\nfive\n\0")
    hole = span("two = 2", before="one\n\n    ", after="\n\nthree\n")
    method = methods.neighbours_in_corpus(tmp_path / "train.txt", [hole])
    assert method(hole).text == "two = 2"
    assert method(span("x")).text == ""


def test_weights_are_found_that_put_the_right_candidate_first() -> None:
    right, wrong = {"recall_score": 4.0, "mean": -2.0}, {"recall_score": 1.0, "mean": -1.0}
    examples = [Example([wrong, right], 1), Example([right, wrong, wrong], 0)]
    weights = fit(examples)
    assert weights.recall_score > 0
    assert accuracy(examples, weights) == 1.0


PROBLEM = humaneval.HumanEvalTask(
    name="t",
    prompt="def double(x):\n",
    suffix="    return y\n",
    solution="    y = 2 * x\n",
    test="def check(candidate):\n    assert candidate(2) == 4\n",
    entry_point="double",
)


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX")
@pytest.mark.parametrize(
    ("infill", "right"),
    [
        ("    y = 2 * x", True),
        ("    y = 3 * x", False),
        ("    y = (", False),
        ("    while True: pass", False),
        ("    y = len(bytearray(1 << 33))", False),
        ("    import socket; socket.socket(); y = 4", False),
        ("    open('big', 'wb').write(bytes(1 << 22)); y = 4", False),
    ],
)
def test_a_task_passes_only_when_its_tests_do(infill: str, right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(humaneval, "CPU_SECONDS", 1)
    assert humaneval.passes(PROBLEM.program(infill)) is right

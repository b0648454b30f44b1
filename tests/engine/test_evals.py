"""The evaluation's own parts: which lines count as code, and what the table says of known answers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from dgedit.engine.evals import spans
from dgedit.engine.evals.__main__ import table
from dgedit.engine.evals.exact_match import evaluate
from dgedit.engine.evals.spans import LineSpan
from dgedit.engine.train.corpus import HELD_OUT_PACKAGES

from .toy import ToyDenoiser

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


def test_the_table_counts_exact_answers() -> None:
    model = ToyDenoiser("f(x)", lambda _pass, _slot: 0.999)

    def span(answer: str) -> LineSpan:
        return LineSpan(package="p", text=f"a = {answer}\n", start=4, end=4 + len(answer))

    row = evaluate("toy", [span("f(x)"), span("f(x)"), span("g(y)")], model)
    assert row.exact == pytest.approx(2 / 3)
    assert row.any_candidate == pytest.approx(2 / 3)
    assert row.similarity == pytest.approx((1 + 1 + 0.5) / 3)
    assert row.parses == 1.0
    assert row.passes == 2.0
    assert "66.7%" in table([row])

"""What was measured is kept and read back, and the table says of it what it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dgedit.engine.evals import table
from dgedit.engine.evals.results import ResultsFile, SpanResult, key_of


def results(places: list[int | None], way: str = table.RECALL) -> list[SpanResult]:
    return [
        SpanResult(way=way, number=n, package="p", place=place, ms=10.0 * n, passes=2) for n, place in enumerate(places)
    ]


def test_a_row_counts_places() -> None:
    row = table.share_row("lines", results([1, 1, 2, 3, 4, None, None, None]))
    assert (row.spans, row.first.value, row.in_three, row.among) == (8, 0.25, 0.5, 0.625)
    assert row.first.low < 0.25 < row.first.high
    assert row.p50_ms == 35.0
    with pytest.raises(ValueError, match="count from 1"):
        results([0])


def test_nats_are_means_over_spans_and_count_the_end_apart() -> None:
    each = SpanResult(way=table.TRUTH, number=0, package="p", nats=4.0, nats_with_end=5.0, chars=10)
    other = replace(each, number=1, nats=2.0, nats_with_end=4.0, chars=2)
    assert table.nats_a_char([each, other], end=False).value == pytest.approx((0.4 + 1.0) / 2)
    assert table.nats_a_char([each, other], end=True).value == pytest.approx((0.5 + 2.0) / 2)


def test_differences_are_taken_span_by_span() -> None:
    ours, theirs = results([1, 1, None, 1]), results([None, 1, None, 1])
    assert table.difference(ours, theirs).value == pytest.approx(0.25)
    assert table.difference(ours[1:], theirs).value == 0.0, "spans that only one has are left out"
    assert table.difference(ours, theirs).low <= 0.25 <= table.difference(ours, theirs).high


def test_the_table_shows_what_denoising_adds_and_how_models_compare() -> None:
    ours = {
        table.RECALL: results([1, 1, None, 1]),
        table.DRAFTS: results([1, None, None, 1], table.DRAFTS),
        table.TRUTH: [SpanResult(way=table.TRUTH, number=0, package="p", nats=4.0, nats_with_end=5.0, chars=10)],
    }
    text = "\n".join(table.lines(ours))
    assert "75.0%" in text
    assert "+25.0" in text
    assert "0.400" in text
    assert "0.500" in text
    theirs = {table.RECALL: results([1, None, None, None])}
    (line,) = table.compared("a", ours, "b", theirs)
    assert "+50.0" in line
    assert "3.0 times" in line
    assert [row["name"] for row in table.as_data(ours)] == [table.RECALL, table.DRAFTS, "truth", "truth and its end"]


def test_results_are_read_back_where_the_key_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.jsonl"
    kept = ResultsFile(file, "one")
    for result in results([1, None]):
        kept.add(result)
    ResultsFile(file, "other").add(results([3])[0])
    with file.open("a") as out:
        out.write('{"key": "one", "way": "cut o')
    again = ResultsFile(file, "one")
    assert again.known == kept.known
    assert [each.place for each in again.known.values()] == [1, None]


def test_the_key_changes_with_the_settings_beside_the_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = key_of(tmp_path, "abc", "fresh")
    assert before == key_of(tmp_path, "abc", "fresh")
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert before != key_of(tmp_path, "abc", "fresh")

"""The evaluation as it is run: on a model whose answers are known, and ended and begun again."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from dgedit.engine.evals import __main__ as command
from dgedit.engine.evals import table
from dgedit.engine.evals.results import ResultsFile
from dgedit.engine.evals.spans import Span, SpanKind

from ...support.toy import ToyDenoiser

OPTIONS = argparse.Namespace(corpus=None, stock=False)
SPANS = [Span(package="p", text=text, start=8, end=12) for text in ("value = f(x)\n", "value = g(y)\n")]


def sure(_pass: int, _slot: int) -> float:
    return 0.999


def test_every_way_is_measured_of_every_span(tmp_path: Path) -> None:
    model = ToyDenoiser("f(x)", sure)
    chosen = dict.fromkeys(SpanKind, SPANS)
    ways = list(command.ways(model, "toy", OPTIONS, chosen))
    kept = ResultsFile(tmp_path / "r.jsonl", "key")
    command.measure(ways, chosen, kept)
    assert len(kept.known) == 2 * len(ways)
    for way in (table.RECALL, table.ALONE, table.DRAFTS, "one line, left to right", "one line, from noise alone"):
        assert [kept.known[way, number].place for number in (0, 1)] == [1, None], way
    truths = [kept.known[table.TRUTH, number].nats for number in (0, 1)]
    assert truths == pytest.approx([0.4, 10.2])


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    model, chosen = ToyDenoiser("f(x)", sure), dict.fromkeys(SpanKind, SPANS)
    ways = list(command.ways(model, "toy", OPTIONS, chosen))
    command.measure(ways, dict.fromkeys(SpanKind, SPANS[:1]), ResultsFile(tmp_path / "r.jsonl", "key"))
    size, passes = (tmp_path / "r.jsonl").stat().st_size, len(model.seen)
    again = ResultsFile(tmp_path / "r.jsonl", "key")
    command.measure(ways, dict.fromkeys(SpanKind, SPANS[:1]), again)
    assert len(model.seen) == passes
    assert (tmp_path / "r.jsonl").stat().st_size == size
    command.measure(ways, chosen, again)
    assert len(model.seen) > passes


@pytest.mark.parametrize("name", command.SETS)
def test_both_sets_have_every_kind(name: str) -> None:
    for kind in SpanKind:
        assert len(command.SETS[name](9, kind)) == 9


def test_an_unknown_model_is_an_error_and_no_trace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["evals", "--model", "nono"])
    assert command.main() == 2
    assert "unknown model 'nono'" in capsys.readouterr().err


def test_a_missing_benchmark_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dgedit.engine.evals import humaneval

    monkeypatch.setattr(humaneval, "load_model", lambda name: ToyDenoiser("f(x)", sure))
    monkeypatch.setattr("sys.argv", ["humaneval", "--folder", str(tmp_path)])
    assert humaneval.main() == 2
    assert "HumanEval-Infilling was not measured" in capsys.readouterr().err

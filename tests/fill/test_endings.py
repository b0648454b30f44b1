"""What becomes of a hole whose answers break the file, are unsure, or are in a language that is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dgedit.batch.fill import PipeOptions, run
from dgedit.engine.interface import Preparation
from dgedit.engine.types import Candidate, ContextUse, Frame, InfillRequest, InfillResult, ModelInfo, Origin
from dgedit.errors import ExitCode
from dgedit.fill.document import LocalFiller
from dgedit.fill.loop import Ending, FillOptions, Limits, fill_holes, unlearned
from dgedit.text.holes import Wanted, find_holes

USE = ContextUse(tokens=3, limit=9, prefix_cut=False, suffix_cut=False)
INFO = ModelInfo(name="offers", parameters=1, device="cpu", digest="0123456789ab", languages=("python",))


def offer(text: str, *, breaks: bool = False, confidence: float | None = None) -> Candidate:
    return Candidate(
        text=text,
        score=0.0,
        parses=not breaks,
        repeats_suffix=False,
        origins=frozenset({Origin.WRITTEN}),
        breaks=breaks,
        confidence=confidence,
    )


class Offers:
    """An engine that has the same candidates for every hole."""

    info, notes = INFO, ()

    def __init__(self, *candidates: Candidate) -> None:
        self.candidates, self.asked = candidates, list[InfillRequest]()

    def prepare(self, request: InfillRequest) -> Preparation | None:
        return None

    def infill(self, request: InfillRequest, prepared: Preparation | None = None) -> Iterator[Frame]:
        self.asked.append(request)
        result = InfillResult(
            text=self.candidates[0].text, candidates=self.candidates, passes=1, elapsed_ms=1.0, context=USE
        )
        yield Frame(
            pass_index=1,
            passes_max=1,
            spans=(),
            mean_entropy=0.0,
            elapsed_ms=1.0,
            pass_ms=1.0,
            tokens_per_second=1.0,
            context=USE,
            result=result,
        )

    def score(self, prefix: str, suffix: str, pieces: Sequence[str]) -> list[float]:
        return [0.0 for _ in pieces]

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def cancel(self) -> None: ...


BROKEN, WHOLE = offer("f(", breaks=True), offer("f()")
NOTHING, SOON_NOTHING = offer("", confidence=0.95), offer("", confidence=0.4)
GUESS, LIKELY = offer("g()", confidence=0.1), offer("h()", confidence=0.6)


@pytest.mark.parametrize(
    ("candidates", "options", "ending", "text"),
    [
        ((BROKEN, offer("g(", breaks=True)), FillOptions(), Ending.BREAKS, ""),
        ((BROKEN, offer("g(", breaks=True)), FillOptions(force=True), Ending.FILLED, "f("),
        ((BROKEN, WHOLE), FillOptions(), Ending.FILLED, "f()"),
        ((GUESS, LIKELY), FillOptions(), Ending.FILLED, "g()"),
        ((GUESS, LIKELY), FillOptions(min_confidence=0.5), Ending.FILLED, "h()"),
        ((GUESS, LIKELY), FillOptions(min_confidence=0.9), Ending.UNSURE, ""),
        ((WHOLE,), FillOptions(min_confidence=0.9), Ending.FILLED, "f()"),
        ((BROKEN,), FillOptions(min_confidence=0.9), Ending.BREAKS, ""),
        ((offer(""),), FillOptions(), Ending.BLANK, ""),
    ],
)
def test_a_hole_is_filled_or_it_is_said_why_not(
    candidates: tuple[Candidate, ...], options: FillOptions, ending: Ending, text: str
) -> None:
    source = "x = <FILL_ME>\n"
    holes = find_holes(source, "python", Wanted())
    *_, (_, outcome) = fill_holes(source, holes, Offers(*candidates), options, Limits())
    assert not isinstance(outcome, Frame)
    assert (outcome.ending, outcome.text) == (ending, text)


def test_other_seeds_are_tried_where_an_answer_breaks_the_file() -> None:
    engine = Offers(BROKEN)
    source = "x = <FILL_ME>\n"
    list(fill_holes(source, find_holes(source, "python", Wanted()), engine, FillOptions(seed=3), Limits()))
    assert [request.seed for request in engine.asked] == [3, 4, 5, 6]


def piped(path: Path, engine: Offers, options: FillOptions) -> ExitCode:
    made = PipeOptions(sources=(str(path),), fill=options)
    return run(replace(made, model="offers"), LocalFiller("offers", engine))


def test_the_pipe_leaves_the_hole_and_says_why(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = <FILL_ME>\n")
    assert piped(path, Offers(BROKEN), FillOptions()) is ExitCode.HOLES_LEFT
    out, err = capfdbinary.readouterr()
    assert out == b"x = <FILL_ME>\n"
    assert b"a.py:1: left as it was: every answer would leave a file that does not parse" in err
    assert b"--force" in err
    assert piped(path, Offers(BROKEN), FillOptions(force=True)) is ExitCode.OK
    assert capfdbinary.readouterr().out == b"x = f(\n"


def test_a_language_that_the_model_does_not_know_is_said_once(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.ts"
    path.write_text("const x = <FILL_ME>;\nconst y = <FILL_ME>;\n")
    engine = Offers(WHOLE)
    assert piped(path, engine, FillOptions()) is ExitCode.OK
    assert capfdbinary.readouterr().err.count(b"was not trained on typescript") == 1
    assert not engine.asked[0].any_language
    piped(path, engine, FillOptions(any_language=True))
    assert b"not trained" not in capfdbinary.readouterr().err
    assert engine.asked[-1].any_language


@pytest.mark.parametrize(
    ("language", "name", "known"),
    [("python", "a.py", True), ("json", "a.ipynb", True), ("json", "a.json", False), ("rust", None, False)],
)
def test_a_notebook_is_in_the_language_of_its_cells(language: str, name: str | None, known: bool) -> None:
    assert (unlearned(INFO, language, Path(name) if name else None) == "") is known
    assert unlearned(replace(INFO, languages=()), language, None) == ""


@pytest.mark.parametrize(
    ("first", "least", "ending"),
    [
        (NOTHING, 0.0, Ending.FILLED),
        (NOTHING, 0.96, Ending.UNSURE),
        (SOON_NOTHING, 0.0, Ending.FILLED),
        (offer("", breaks=True, confidence=0.95), 0.0, Ending.FILLED),
    ],
)
def test_nothing_is_an_answer_where_the_model_is_sure_of_it(first: Candidate, least: float, ending: Ending) -> None:
    text = 'print(f"{name<FILL_ME>}")\n'
    engine = Offers(first, LIKELY)
    options = FillOptions(min_confidence=least)
    *_, (_, outcome) = fill_holes(text, find_holes(text, "python", Wanted()), engine, options, Limits())
    assert not isinstance(outcome, Frame)
    assert engine.asked[0].may_be_empty
    assert outcome.ending is ending
    assert outcome.text == ("" if first is NOTHING or ending is not Ending.FILLED else LIKELY.text)


def test_a_marker_where_nothing_belongs_is_taken_away(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "a.py"
    path.write_text('name = 1\nprint(f"{name<FILL_ME>}")\n')
    assert piped(path, Offers(NOTHING), FillOptions()) is ExitCode.OK
    assert capfdbinary.readouterr().out == b'name = 1\nprint(f"{name}")\n'


def test_code_that_is_rewritten_is_never_left_empty() -> None:
    text = "x = 1\n"
    engine = Offers(LIKELY)
    list(fill_holes(text, find_holes(text, "python", Wanted(lines=("1-1",))), engine, FillOptions(), Limits()))
    assert not engine.asked[0].may_be_empty

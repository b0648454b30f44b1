"""The one call from every surface into the engine.

Loads a model once, turns engine errors into dgedit's, keeps a text's own line endings. Torch is imported here, at
the first load, and by nothing above.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine import InfillRequest
from ..engine.types import CHARS_PER_TOKEN
from ..errors import DgeditError
from ..files.siblings import related_texts
from ..text.holes import MARKER, STAND_IN, Hole, holds_marker, without_marked_lines
from ..text.line_breaks import lines_fed
from .harmless import harmless
from .open import check_may_leave, trouble_said
from .windows import Surroundings

if TYPE_CHECKING:
    from ..engine import Engine, Frame, InfillResult, Preparation
    from ..engine.types import ModelInfo, Start


ATTEMPTS = 4
"""Seeds that are tried for a span while its answer is blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillOptions:
    """What a person chooses for an infill."""

    seed: int = 0
    """0 takes the likeliest tokens; any other number samples, and repeats exactly."""
    passes: int = 0
    """Denoising passes at most; 0 takes as many as the model is made for."""
    language: str = "python"
    path: Path | None = None
    """The file that the text is of; files beside it are looked through for pieces like the span."""
    open_texts: tuple[str, ...] = ()
    """Texts of other open files of the same language; they are looked through first."""
    instruction: str = ""
    """What a person asks for; used where the model can follow one."""
    force: bool = False
    """Take an answer even where the file would parse with another one and does not with it."""
    min_confidence: float = 0.0
    """Answers that are less likely right, 0..1, are not taken; those of which that is not known are."""
    any_language: bool = False
    """Offer what the model writes in a language that it was not trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A span to fill among texts that stay."""

    code: str = ""
    """The code that stands there and is rewritten; empty for a marker or the place of a cursor."""
    rejected: tuple[str, ...] = ()
    """Answers that are not given again while there are others."""
    strength: float = 1.0
    """Below 1 the code is mended: so much of it is noised."""
    start: Start | None = None
    """A pass of an earlier infill to go on from."""

    @property
    def stand_in(self) -> str:
        """What the model sees here while another gap is filled."""
        return self.code if self.code.strip() else STAND_IN

    def expected_tokens(self) -> int | None:
        """About how many tokens the answer has, where that is known."""
        return max(1, round(len(self.code) / CHARS_PER_TOKEN)) if self.code.strip() else None


def gap_request(
    before: str, parts: Sequence[str | Gap], number: int, after: str, options: FillOptions, info: ModelInfo
) -> InfillRequest:
    """The engine's request for one gap among parts: texts as they are, later gaps by their stand-in.

    Raises:
        DgeditError: when the span is longer than the model can write.
    """
    texts = [part if isinstance(part, str) else part.stand_in for part in parts]
    gap = parts[number]
    assert isinstance(gap, Gap), "only a gap is asked for"
    request = make_request(before + "".join(texts[:number]), "".join(texts[number + 1 :]) + after, gap, options, info)
    others = any(not isinstance(part, str) and at != number for at, part in enumerate(parts))
    return replace(request, stand_in=STAND_IN) if others else request


def make_request(prefix: str, suffix: str, gap: Gap, options: FillOptions, info: ModelInfo) -> InfillRequest:
    """The engine's request for the span between two texts; markers in them become a stand-in.

    Raises:
        DgeditError: when the span is longer than the model can write.
    """
    expected = gap.expected_tokens()
    if expected is not None and expected > info.span_tokens:
        raise DgeditError(
            f"the span is about {expected} tokens long, the model writes at most {info.span_tokens}",
            "choose fewer lines",
        )
    before, after = _plain(prefix), _plain(suffix)
    mends = gap.strength < 1 and bool(gap.code.strip())
    return InfillRequest(
        prefix=before,
        suffix=after,
        seed=options.seed,
        max_passes=options.passes or info.passes,
        expected_tokens=expected,
        language=options.language,
        rejected=(*gap.rejected, gap.code) if mends else gap.rejected,
        related=tuple(
            _plain(without_marked_lines(text)) for text in (*options.open_texts, *related_texts(options.path))
        ),
        # A model that follows instructions is shown what it rewrites.
        original=gap.code.replace("\r\n", "\n") if mends or info.instructed else "",
        strength=gap.strength if mends else 1.0,
        start=gap.start,
        stand_in=STAND_IN if MARKER in prefix or MARKER in suffix else "",
        instruction=options.instruction,
        any_language=options.any_language,
    )


def unlearned(info: ModelInfo, language: str, path: Path | None) -> str:
    """What a person should know where the model was not trained on a language; nothing where it was."""
    is_notebook = language == "json" and path is not None and path.suffix == ".ipynb"
    if info.knows("python" if is_notebook else language):
        return ""
    return f"{info.name} was not trained on {language}: it offers only pieces of your files"


def _plain(text: str) -> str:
    """A text as the model is shown it: its own line breaks, and no markers, which would be copied into answers."""
    return lines_fed(text.replace("\r\n", "\n")).replace(MARKER, STAND_IN)


def frames(request: InfillRequest, model: Engine, prepared: Preparation | None = None) -> Iterator[Frame]:
    """The frames of an infill, whose answers hold nothing that is not seen; close the iterator to cancel.

    Raises:
        DgeditError: while it is read, when a server or the way there fails.
    """
    passes = model.infill(request, prepared)
    try:
        with trouble_said():
            for frame in passes:
                yield harmless(frame)
    finally:
        if isinstance(passes, Generator):
            passes.close()


def prepare(request: InfillRequest, model: Engine) -> Preparation | None:
    """What can be done for a request before the key is pressed; none where a server does all.

    Raises:
        DgeditError: when the model has no room for the span.
    """
    with trouble_said():
        return model.prepare(request)


def fill_gaps(
    before: str,
    parts: Sequence[str | Gap],
    after: str,
    model: Engine,
    options: FillOptions,
    prepared: Preparation | None = None,
) -> Iterator[tuple[int, Frame]]:
    """Fill every gap among `parts`, first to last, each seeing the answers before it; close to cancel.

    Yields the number of the part and its frame; the last frame of each carries its result, which is blank only when
    `ATTEMPTS` seeds found nothing.

    Raises:
        DgeditError: when a span is too long.
    """
    check_may_leave(model, options.path)
    filled = list(parts)
    for number, part in enumerate(parts):
        if isinstance(part, str):
            continue
        request = gap_request(before, filled, number, after, options, model.info)
        for frame in _attempts(request, model, prepared):
            yield number, frame
            if frame.result is not None:
                filled[number] = frame.result.text


def _attempts(request: InfillRequest, model: Engine, prepared: Preparation | None) -> Iterator[Frame]:
    """Frames of the first seed, and of the next ones while the answer is blank or breaks the file."""
    ready = prepared if prepared is not None and prepared.serves(request) else prepare(request, model)
    for attempt in range(ATTEMPTS):
        for frame in frames(replace(request, seed=request.seed + attempt), model, ready):
            poor = frame.result is not None and _is_poor(frame.result)
            if poor and attempt + 1 < ATTEMPTS:
                continue
            yield frame
            if frame.result is not None:
                return


def _is_poor(result: InfillResult) -> bool:
    """Whether nothing was found, or nothing that leaves the file whole."""
    first = result.candidates[0]
    return (not result.text.strip() and not first.says_nothing) or first.breaks


def with_line_ending(answer: str, text: str) -> str:
    """The answer with the line ending that the text uses."""
    if "\n" not in text and "\r" in text:
        return answer.replace("\n", "\r")
    return answer.replace("\n", "\r\n") if text.count("\r\n") * 2 > text.count("\n") else answer


class Ending(Enum):
    """How it went with a hole."""

    FILLED = "filled"
    TIMEOUT = "timeout"
    """It was not done in time."""
    BLANK = "blank"
    """The model found no text."""
    BREAKS = "breaks"
    """Every answer would break a file that parses with another text there."""
    UNSURE = "unsure"
    """No answer is as likely right as was asked for."""
    OVER_BUDGET = "over budget"
    """No answer fits the lines or tokens that its marker allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a hole."""

    ending: Ending
    text: str = ""
    """What stands there now, line endings as in the text; nothing where the hole stays as it was."""
    result: InfillResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be spent on holes; both times are looked at between passes."""

    total_s: float = math.inf
    """For all of them together."""
    hole_s: float = math.inf
    lengths: tuple[int, ...] = ()
    """Row lengths in tokens to try instead of the usual ones; the pieces of other lines are then left aside."""


def fill_holes(
    text: str, holes: Sequence[Hole], model: Engine, options: FillOptions, limits: Limits
) -> Generator[tuple[int, Frame | Outcome], None, None]:
    """Fill holes, first to last, each seeing the answers before it; close to cancel.

    Yields the number of the hole and its frames, then its outcome.

    Raises:
        DgeditError: when a span is too long, or the file may not be sent to where the model is.
    """
    check_may_leave(model, options.path)
    surroundings, line_break = Surroundings(text, holes), with_line_ending("\n", text)
    all_until = time.monotonic() + limits.total_s
    for number, hole in enumerate(holes):
        began, result, ending = time.monotonic(), None, Ending.TIMEOUT
        until = min(all_until, began + limits.hole_s)
        request = None
        if began < until:
            request = _hole_request(surroundings.around(number), hole, model.info, options)
            request = replace(request, stand_in=STAND_IN) if len(holes) > 1 else request
        for frame in _within(until, request, model, limits.lengths):
            yield number, frame
            result = frame.result
        answer, trouble = ("", ending) if result is None else _usable(result, hole, model, options)
        if trouble is Ending.FILLED:
            surroundings.answer(number, answer)
            answer, ending = (hole.indent + answer).replace("\n", line_break), Ending.FILLED
        else:
            ending = trouble
        yield number, Outcome(ending=ending, text=answer, result=result)


def _hole_request(around: tuple[str, str], hole: Hole, info: ModelInfo, options: FillOptions) -> InfillRequest:
    gap = Gap(code=hole.code, strength=hole.strength)
    request = make_request(*around, gap, replace(options, instruction=hole.instruction or options.instruction), info)
    request = replace(request, may_be_empty=not hole.replaces)
    if request.expected_tokens is None and (about := hole.expected_tokens()) is not None:
        return replace(request, expected_tokens=min(about, info.span_tokens))
    return request


def _within(until: float, request: InfillRequest | None, model: Engine, lengths: tuple[int, ...]) -> Iterator[Frame]:
    """Frames until a time; the last one has a result where that was found before."""
    if request is None:
        return
    finals: list[Frame] = []
    try:
        with _cancelled_at(until, model):
            # What is mended keeps its length.
            for length in (lengths if request.strength == 1 else ()) or (None,):
                for frame in _attempts(replace(request, exact_tokens=length), model, None):
                    if frame.result is not None:
                        finals.append(frame)
                        break
                    yield frame
                    if time.monotonic() >= until:
                        return
    except DgeditError:
        # An engine that was waited for may have been broken off by the clock.
        if time.monotonic() < until:
            raise
        return
    yield _best(finals)


@contextmanager
def _cancelled_at(until: float, model: Engine) -> Iterator[None]:
    """Break off what runs when it is time: an engine elsewhere may say nothing for ever."""
    left_s = until - time.monotonic()
    if left_s > threading.TIMEOUT_MAX:
        yield
        return
    timer = threading.Timer(max(0.0, left_s), model.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _best(finals: list[Frame]) -> Frame:
    """The last frame of the best result, with the candidates of all."""
    if len(finals) == 1:
        return finals[0]
    offers = [(frame, frame.result, each) for frame in finals if frame.result for each in frame.result.candidates]
    offers.sort(key=lambda offer: (not offer[2].text.strip() and not offer[2].says_nothing, -offer[2].score))
    frame, result, _ = offers[0]
    return replace(frame, result=replace(result, candidates=tuple(each for *_, each in offers)))


def _usable(result: InfillResult, hole: Hole, model: Engine, options: FillOptions) -> tuple[str, Ending]:
    """The best answer that may be taken, or the first lines of one; else nothing, and why."""

    def fits(text: str) -> bool:
        short = hole.lines_max is None or text.count("\n") < hole.lines_max
        return short and (hole.tokens_max is None or model.count_tokens(text) <= hole.tokens_max)

    first = result.candidates[0] if result.candidates else None
    if first is not None and first.says_nothing and (first.confidence or 0.0) >= options.min_confidence:
        return "", Ending.FILLED
    offered = [each for each in result.candidates if each.text.strip() and not holds_marker(each.text)]
    whole = [each for each in offered if options.force or not each.breaks]
    taken = [each for each in whole if each.confidence is None or each.confidence >= options.min_confidence]
    answers = [each.text for each in taken]
    lines = answers[0].split("\n") if answers else []
    shorter = ("\n".join(lines[:count]).rstrip() for count in range(len(lines) - 1, 0, -1))
    found = next((text for text in (*answers, *shorter) if text.strip() and fits(text)), "")
    if found or not offered:
        return found, Ending.FILLED if found else Ending.BLANK
    return "", Ending.OVER_BUDGET if taken else Ending.UNSURE if whole else Ending.BREAKS

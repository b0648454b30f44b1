"""The one call from every surface into the engine.

Loads a model once, turns engine errors into dgedit's, keeps a text's own line endings. Torch is imported here, at
the first load, and by nothing above.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DgeditError
from .holes import CHARS_PER_TOKEN, MARKER, STAND_IN, Hole
from .nearby import related_texts

if TYPE_CHECKING:
    from .engine.infill import Prepared
    from .engine.models.base import Denoiser
    from .engine.types import Frame, InfillRequest, InfillResult, Start

MAX_SPAN_TOKENS = 70
"""A longer span does not fit the canvas of the bundled model together with its suffix."""

ATTEMPTS = 4
"""Seeds that are tried for a span while its answer is blank."""

_THREADS_MAX = 8


def _cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FillOptions:
    """What a person chooses for an infill."""

    seed: int = 0
    """0 takes the likeliest tokens; any other number samples, and repeats exactly."""
    passes: int = 8
    language: str = "python"
    path: Path | None = None
    """The file that the text is of; files beside it are looked through for pieces like the span."""
    open_texts: tuple[str, ...] = ()
    """Texts of other open files of the same language; they are looked through first."""
    instruction: str = ""
    """What a person asks for; used where the model can follow one."""


def load_model(name: str) -> Denoiser:
    """Import the engine and load a checkpoint (seconds the first time).

    Raises:
        DgeditError: when there is no such model, or its files do not fit each other.
    """
    # How long a waiting thread spins before it sleeps. OpenMP's default starves other programs on a small machine, no
    # spinning at all doubles the time of an infill; this much costs nothing measurable on an idle one.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    import torch

    from .engine.load import load
    from .engine.types import EngineError

    # More threads than this only wait for each other at nano's size.
    torch.set_num_threads(min(_THREADS_MAX, _cores()))
    try:
        return load(name)
    except EngineError as error:
        raise DgeditError(str(error), error.hint) from error


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
    before: str, parts: Sequence[str | Gap], number: int, after: str, options: FillOptions
) -> InfillRequest:
    """The engine's request for one gap among parts: texts as they are, later gaps by their stand-in.

    Raises:
        DgeditError: when the span is longer than the model can write.
    """
    texts = [part if isinstance(part, str) else part.stand_in for part in parts]
    gap = parts[number]
    assert isinstance(gap, Gap), "only a gap is asked for"
    return make_request(before + "".join(texts[:number]), "".join(texts[number + 1 :]) + after, gap, options)


def make_request(prefix: str, suffix: str, gap: Gap, options: FillOptions) -> InfillRequest:
    """The engine's request for the span between two texts; markers in them become a stand-in.

    Raises:
        DgeditError: when the span is longer than the model can write.
    """
    from .engine.types import InfillRequest

    expected = gap.expected_tokens()
    if expected is not None and expected > MAX_SPAN_TOKENS:
        raise DgeditError(
            f"the span is about {expected} tokens long, the model writes at most {MAX_SPAN_TOKENS}",
            "choose fewer lines",
        )
    before, after = (part.replace("\r\n", "\n").replace(MARKER, STAND_IN) for part in (prefix, suffix))
    mends = gap.strength < 1 and bool(gap.code.strip())
    return InfillRequest(
        prefix=before,
        suffix=after,
        seed=options.seed,
        max_passes=options.passes,
        expected_tokens=expected,
        language=options.language,
        rejected=(*gap.rejected, gap.code) if mends else gap.rejected,
        related=(*(text.replace("\r\n", "\n") for text in options.open_texts), *related_texts(options.path)),
        original=gap.code.replace("\r\n", "\n") if mends else "",
        strength=gap.strength if mends else 1.0,
        start=gap.start,
        instruction=options.instruction,
    )


def frames(request: InfillRequest, model: Denoiser, prepared: Prepared | None = None) -> Iterator[Frame]:
    """The frames of an infill; close the iterator to cancel."""
    from .engine.infill import infill

    return infill(request, model, prepared=prepared)


def _settle_threads() -> None:
    """Use as many threads as pay at this moment."""
    from .engine.threads import use_fastest

    use_fastest(min(_THREADS_MAX, _cores()))


def prepare(request: InfillRequest, model: Denoiser) -> Prepared:
    """What can be done for a request before the key is pressed.

    Raises:
        DgeditError: when the model has no room for the span.
    """
    from .engine.infill import prepare
    from .engine.types import EngineError

    _settle_threads()
    try:
        return prepare(request, model)
    except EngineError as error:
        raise DgeditError(str(error), error.hint) from error


def fill_gaps(
    before: str,
    parts: Sequence[str | Gap],
    after: str,
    model: Denoiser,
    options: FillOptions,
    prepared: Prepared | None = None,
) -> Iterator[tuple[int, Frame]]:
    """Fill every gap among `parts`, first to last, each seeing the answers before it; close to cancel.

    Yields the number of the part and its frame; the last frame of each carries its result, which is blank only when
    `ATTEMPTS` seeds found nothing.

    Raises:
        DgeditError: when a span is too long.
    """
    filled = list(parts)
    for number, part in enumerate(parts):
        if isinstance(part, str):
            continue
        request = gap_request(before, filled, number, after, options)
        for frame in _attempts(request, model, prepared):
            yield number, frame
            if frame.result is not None:
                filled[number] = frame.result.text


def _attempts(request: InfillRequest, model: Denoiser, prepared: Prepared | None) -> Iterator[Frame]:
    """Frames of the first seed, and of the next ones while the answer is blank."""
    if prepared is not None and prepared.serves(request):
        _settle_threads()
        ready = prepared
    else:
        ready = prepare(request, model)
    for attempt in range(ATTEMPTS):
        for frame in frames(replace(request, seed=request.seed + attempt), model, ready):
            blank = frame.result is not None and not frame.result.text.strip()
            if blank and attempt + 1 < ATTEMPTS:
                continue
            yield frame
            if frame.result is not None:
                return


def with_line_ending(answer: str, text: str) -> str:
    """The answer with the line ending that the text uses."""
    return answer.replace("\n", "\r\n") if text.count("\r\n") * 2 > text.count("\n") else answer


def fill_holes(
    text: str,
    holes: list[Hole],
    model: Denoiser,
    options: FillOptions,
    progress: Callable[[int, Frame], None],
) -> tuple[str, list[InfillResult]]:
    """The text with all holes filled, first to last, each seeing the answers before it.

    Raises:
        DgeditError: when a span is too long or comes back empty; nothing is then filled.
    """
    bounds = [0, *(edge for hole in holes for edge in (hole.start, hole.end)), len(text)]
    parts: list[str | Gap] = [text[start:end] for start, end in pairwise(bounds)]
    for number, hole in enumerate(holes):
        parts[2 * number + 1] = Gap(code=text[hole.start : hole.end] if hole.replaces else "")
    results = list["InfillResult"]()
    for place, frame in fill_gaps("", tuple(parts), "", model, options):
        progress(place // 2, frame)
        if frame.result is None:
            continue
        if not frame.result.text.strip():
            line = text.count("\n", 0, holes[place // 2].start) + 1
            raise DgeditError(
                f"the model found no text for the span at line {line}", "try another --seed, or a shorter span"
            )
        results.append(frame.result)
        parts[place] = with_line_ending(frame.result.text, text)
    return "".join(part for part in parts if isinstance(part, str)), results

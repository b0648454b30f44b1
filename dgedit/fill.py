"""The one call from every surface into the engine.

Loads a model once, turns engine errors into dgedit's, keeps a text's own line endings. Torch is imported here, at
the first load, and by nothing above.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DgeditError
from .holes import MARKER, STAND_IN, Hole
from .nearby import related_texts

if TYPE_CHECKING:
    from .engine.models.base import Denoiser
    from .engine.types import Frame, InfillRequest, InfillResult

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


def make_request(
    prefix: str, suffix: str, expected_tokens: int | None, options: FillOptions, rejected: tuple[str, ...] = ()
) -> InfillRequest:
    """The engine's request for the span between two texts; markers in them become a stand-in.

    Answers in `rejected` are not given again while there are others.

    Raises:
        DgeditError: when the span is longer than the model can write.
    """
    from .engine.types import InfillRequest

    if expected_tokens is not None and expected_tokens > MAX_SPAN_TOKENS:
        raise DgeditError(
            f"the span is about {expected_tokens} tokens long, the model writes at most {MAX_SPAN_TOKENS}",
            "choose fewer lines",
        )
    before, after = (part.replace("\r\n", "\n").replace(MARKER, STAND_IN) for part in (prefix, suffix))
    return InfillRequest(
        prefix=before,
        suffix=after,
        seed=options.seed,
        max_passes=options.passes,
        expected_tokens=expected_tokens,
        language=options.language,
        rejected=rejected,
        related=related_texts(options.path),
    )


def frames(request: InfillRequest, model: Denoiser) -> Iterator[Frame]:
    """The frames of an infill; close the iterator to cancel."""
    from .engine.infill import infill

    return infill(request, model)


def with_line_ending(answer: str, text: str) -> str:
    """The answer with the line ending that the text uses."""
    return answer.replace("\n", "\r\n") if text.count("\r\n") * 2 > text.count("\n") else answer


def _fill_one(request: InfillRequest, model: Denoiser, progress: Callable[[Frame], None]) -> InfillResult | None:
    """The first result that says something, trying the next seeds after a blank one; none when all are blank."""
    for attempt in range(ATTEMPTS):
        result = None
        for frame in frames(replace(request, seed=request.seed + attempt), model):
            progress(frame)
            result = frame.result
        if result is not None and result.text.strip():
            return result
    return None


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
    done, results, position = "", list["InfillResult"](), 0
    for number, hole in enumerate(holes):
        done += text[position : hole.start]
        request = make_request(done, text[hole.end :], hole.expected_tokens(), options)
        result = _fill_one(request, model, partial(progress, number))
        if result is None:
            line = text.count("\n", 0, hole.start) + 1
            raise DgeditError(
                f"the model found no text for the span at line {line}", "try another --seed, or a shorter span"
            )
        results.append(result)
        done += with_line_ending(result.text, text)
        position = hole.end
    return done + text[position:], results

"""How fast an infill is on this machine, as medians, and beside transformers' own `generate` in the same run.

Times of two programs on a shared machine say little; what is compared here takes turns, span by span, in one process.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from ...kernels.formats import Choice
from ..denoise import denoise
from ..encoded import EncodedInfill
from ..guard import Guard
from ..infill import SAMPLING_TEMPERATURE, fill
from ..protocol import Denoiser
from ..settings import Settings
from ..types import InfillRequest
from .spans import Span

Line = tuple[str, str]
"""What was measured, and the figure as text."""


def _median_ms(call: Callable[[], object], runs: int = 15) -> float:
    call()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def forget(model: Denoiser) -> None:
    """Another context takes the place of the one that is kept."""
    form = model.format
    model.encode([form.suffix_id, form.prefix_id, form.start_id])


def _fresh(model: Denoiser, ids: list[int]) -> None:
    """Encode with nothing kept."""
    forget(model)
    model.encode(ids)


def parts(model: Denoiser, span: Span) -> Iterator[Line]:
    """Prefill, and one pass by canvas and rows."""
    request = InfillRequest(prefix=span.prefix, suffix=span.suffix)
    ids = model.pack(request).context_ids
    context = model.encode(ids)
    yield f"prefill of {len(ids)} tokens", f"{_median_ms(lambda: _fresh(model, ids)):.1f} ms"
    for rows, width in ((1, 32), (1, 64), (3, 32), (3, 64), (1, 96)):
        canvas = torch.full((rows, width), model.format.mask_id or model.format.first_text_id)
        everything = torch.ones(rows, width, dtype=torch.bool)
        free = everything.clone()
        free[:, 24:] = False

        choice = Choice(
            bias=torch.zeros(1, model.tokenizer.vocab_size, device=model.device),
            rule=torch.zeros(int(free.sum()), dtype=torch.long, device=model.device),
        )
        one_pass = partial(model.predict, context, canvas, everything, free, None, choice, torch.Generator())

        yield f"a pass, {rows} x {width} canvas", f"{_median_ms(one_pass):.1f} ms"


def infills(model: Denoiser, spans: list[Span]) -> tuple[list[float], list[int]]:
    """Milliseconds and passes of filling each span once, after one warm-up."""
    passes_max = model.info.passes
    requests = [
        InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=passes_max)
        for span in spans
    ]
    fill(requests[0], model)
    times, passes = list[float](), list[int]()
    for request in requests:
        began = time.perf_counter()
        passes.append(fill(request, model).passes)
        times.append((time.perf_counter() - began) * 1e3)
    return times, passes


def tokens_per_second(model: Denoiser, spans: list[Span]) -> float:
    """Tokens of the answers over the time of the infills, everything included."""
    tokens, began = 0, time.perf_counter()
    for span in spans:
        request = InfillRequest(
            prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=model.info.passes
        )
        result = fill(request, model)
        tokens += len(model.tokenizer.encode(result.text))
    return tokens / (time.perf_counter() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one span took, in one way of filling it."""

    ms: float
    passes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The same spans in three ways, one after another for each span, so that a busy machine is busy for all."""

    infill: list[Taken]
    """Our whole infill: several rows, recall, spans written left to right, ranking."""
    canvas: list[Taken]
    """One canvas through our loop: the work of `generate` and nothing else."""
    generate: list[Taken]
    """transformers' own."""


def ratio(slow: Sequence[Taken], fast: Sequence[Taken]) -> float:
    """How many times as long the first took: the median over the spans."""
    return statistics.median(a.ms / b.ms for a, b in zip(slow, fast, strict=True))


def beside_generate(folder: Path, model: Denoiser, spans: Sequence[Span], passes: int = 8) -> Beside | None:
    """Our loop and transformers' `generate` on the same weights and contexts; none where transformers is missing.

    `generate` denoises one canvas of the checkpoint's length in at most so many passes, as ours do.
    """
    generate = published_loop(folder, model, passes)
    if generate is None:
        return None
    ways = (partial(_infill, model, passes=passes), partial(one_canvas, model, passes=passes), generate)
    found = tuple(list[Taken]() for _ in ways)
    for number, span in enumerate([spans[0], *spans]):
        for turn in range(len(ways)):
            way = (number + turn) % len(ways)
            forget(model)  # else the second of ours would find its context read
            taken = ways[way](span)
            if number:
                found[way].append(taken)
    return Beside(infill=found[0], canvas=found[1], generate=found[2])


def _infill(model: Denoiser, span: Span, passes: int) -> Taken:
    request = InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=passes)
    began = time.perf_counter()
    done = fill(request, model)
    return Taken(ms=(time.perf_counter() - began) * 1e3, passes=done.passes)


def one_canvas(model: Denoiser, span: Span, passes: int) -> Taken:
    """Read the context and denoise one row of the checkpoint's length from noise: nothing pinned, sampled.

    `generate` samples too, and looks for no end inside its canvas either.
    """
    request = InfillRequest(prefix=span.prefix, suffix=span.suffix)
    packed = model.pack(request)
    alone = replace(
        packed, suffix_ids=[], pinned_ids=[], slots=(model.format.canvas_tokens,), exact=True, starts=((),), passes=0
    )
    settings = Settings(passes_max=passes, temperature=SAMPLING_TEMPERATURE)
    generator, guard = torch.Generator().manual_seed(1), Guard(request.prefix, request.suffix, request.language)
    began = time.perf_counter()
    *_, last = denoise(EncodedInfill.of(alone, request, model, guard), settings, generator)
    return Taken(ms=(time.perf_counter() - began) * 1e3, passes=last.pass_index)


def published_loop(folder: Path, model: Denoiser, passes: int) -> Callable[[Span], Taken] | None:
    """transformers' `generate` on a checkpoint; none where it is not installed."""
    try:
        from transformers import DiffusionGemmaForBlockDiffusion
    except ImportError:
        return None
    published = DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=torch.bfloat16).eval()
    counted = list[object]()
    published.model.decoder.register_forward_hook(lambda *_: counted.append(None))

    def run(span: Span) -> Taken:
        request = InfillRequest(prefix=span.prefix, suffix=span.suffix)
        ids = torch.tensor([model.pack(request).context_ids])
        counted.clear()
        began = time.perf_counter()
        with torch.inference_mode():
            published.generate(ids, max_new_tokens=model.format.canvas_tokens, max_denoising_steps=passes)
        return Taken(ms=(time.perf_counter() - began) * 1e3, passes=len(counted))

    return run

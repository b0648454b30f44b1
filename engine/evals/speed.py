"""How fast an infill is on this machine, as medians, and beside transformers' own `generate` in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from ..infill import fill
from ..models.base import Denoiser
from ..packing import pack
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


def _fresh(model: Denoiser, ids: list[int]) -> None:
    """Encode, after another context took the place of the one that was kept."""
    model.encode(ids[:1])
    model.encode(ids)


def parts(model: Denoiser, span: Span) -> Iterator[Line]:
    """Prefill, and one pass by canvas and rows."""
    request = InfillRequest(prefix=span.prefix, suffix=span.suffix)
    ids = pack(request, model.tokenizer, model.format).context_ids
    context = model.encode(ids)
    yield f"prefill of {len(ids)} tokens", f"{_median_ms(lambda: _fresh(model, ids)):.1f} ms"
    for rows, width in ((1, 32), (1, 64), (3, 32), (3, 64), (1, 96)):
        canvas = torch.full((rows, width), model.format.mask_id or model.format.first_text_id)
        everything = torch.ones(rows, width, dtype=torch.bool)
        free = everything.clone()
        free[:, 24:] = False

        def one_pass(c: torch.Tensor = canvas, v: torch.Tensor = everything, f: torch.Tensor = free) -> object:
            return model.predict(context, c, v, f, None)

        yield f"a pass, {rows} x {width} canvas", f"{_median_ms(one_pass):.1f} ms"


def infills(model: Denoiser, spans: list[Span]) -> tuple[list[float], list[int]]:
    """Milliseconds and passes of filling each span once, after one warm-up."""
    requests = [InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related) for span in spans]
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
        result = fill(InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related), model)
        tokens += len(model.tokenizer.encode(result.text))
    return tokens / (time.perf_counter() - began)


def generate_ms(folder: Path, model: Denoiser, spans: list[Span], passes: int = 8) -> list[float] | None:
    """Milliseconds of transformers' `generate` for the same contexts; none where transformers is not installed.

    It denoises one whole canvas of the checkpoint's length, with at most as many passes as our own loop.
    """
    try:
        from transformers import DiffusionGemmaForBlockDiffusion
    except ImportError:
        return None
    published = DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=torch.bfloat16).eval()
    times = []
    for number, span in enumerate([spans[0], *spans]):
        request = InfillRequest(prefix=span.prefix, suffix=span.suffix)
        ids = torch.tensor([pack(request, model.tokenizer, model.format).context_ids])
        began = time.perf_counter()
        with torch.inference_mode():
            published.generate(ids, max_new_tokens=model.format.canvas_tokens, max_denoising_steps=passes)
        if number:
            times.append((time.perf_counter() - began) * 1e3)
    return times

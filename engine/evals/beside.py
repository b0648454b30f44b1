"""What stands beside transformers' `generate` on the same weights: rows of a table, as the model's family can do it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..models.llama.checkpoint import read_published
from ..models.llama.infiller import LlamaInfiller
from ..protocol import Denoiser
from . import generation, speed
from .spans import Span

MISSING = ("transformers' generate", "not measured (transformers is not installed)")


def rows(folder: Path, model: Denoiser, spans: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """What is measured and how it came out, each as soon as it is known.

    Args:
        folder: of the model's checkpoint.
    """
    # A canvas is denoised by the published class of the one family; that of the other writes left to right.
    is_left_to_right = isinstance(model, LlamaInfiller)
    return left_to_right(folder, model, spans) if is_left_to_right else canvases(folder, model, spans)


def left_to_right(folder: Path, model: Denoiser, spans: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """Beside a class that writes left to right, and beside the bare products of a pass."""
    sizes, weights = read_published(folder)
    bare, bare_type = generation.bare_ms(generation.pass_shapes(weights))
    taken = generation.pass_ms(model, spans[0])
    yield f"a pass of {generation.SLOTS} slots", f"{taken:.1f} ms"
    yield "the bare products of its shapes", f"{bare:.1f} ms in {bare_type}, {bare / taken:.0%} of the pass"
    published = generation.published_llama(sizes, weights)
    if published is None:
        yield MISSING
        return
    found = generation.turns(model, published, spans)
    tokens = statistics.median(turn.tokens for turn in found)
    yield "transformers' generate", f"{tokens:.0f} tokens (median), in {published.dtype}"
    for name, pairs in (("read", [turn.read for turn in found]), ("unread", [turn.unread for turn in found])):
        ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        yield f"infill / generate, {name} context", f"{ours:.0f} / {theirs:.0f} ms (p50)"
        yield f"generate / infill, {name} context", f"{generation.ratio(pairs):.1f}x"


def canvases(folder: Path, model: Denoiser, spans: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """Beside a class that denoises canvases of one length."""
    found = speed.beside_generate(folder, model, spans)
    if found is None:
        yield MISSING
        return
    for name, taken in (
        ("transformers' generate, p50", found.generate),
        ("the same work by dgedit, p50", found.canvas),
        ("a whole infill in turns with it, p50", found.infill),
    ):
        middle, passes = statistics.median(each.ms for each in taken), statistics.mean(each.passes for each in taken)
        yield name, f"{middle:.0f} ms, {passes:.1f} passes"
    yield "generate / the same work", f"{speed.ratio(found.generate, found.canvas):.1f}x"
    yield "generate / a whole infill", f"{speed.ratio(found.generate, found.infill):.1f}x"

"""A one-line infill beside transformers' `generate` on the same weights, and a pass beside bare matrix products.

`generate` writes as many tokens left to right, greedily, with its cache of keys and values on: what an editor without
diffusion would run. Both take turns, span by span, in one process, so that a busy machine is busy for both; once with
the context read before the clock starts, once with all of it still to read.
"""

from __future__ import annotations

import copy
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ...kernels.formats import Choice
from ..infill import fill
from ..protocol import Denoiser
from ..types import InfillRequest
from .spans import Span
from .speed import forget

PASS_ROUNDS = 15
SLOTS = 32


class Published(NamedTuple):
    """transformers' class with the model's weights."""

    network: Any
    dtype: torch.dtype


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftToRightTurn:
    """What one span took in milliseconds, each way."""

    tokens: int
    """That both wrote, the end of the span included."""
    read: tuple[float, float]
    """Ours and theirs with the context already read."""
    unread: tuple[float, float]
    """The same with the context to read."""


def published_llama(sizes: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Published | None:
    """transformers' `LlamaForCausalLM` in the type in which it is quicker here; none where it is not installed.

    Args:
        sizes: of its `LlamaConfig`.
        weights: under `LlamaModel`'s names, the head tied to the embeddings.
    """
    try:
        from transformers import LlamaConfig, LlamaForCausalLM
    except ImportError:
        return None
    network = LlamaForCausalLM(LlamaConfig(**{**sizes, "tie_word_embeddings": True})).eval()
    missing, unexpected = network.model.load_state_dict(dict(weights), strict=False)
    if missing or unexpected:
        raise ValueError(f"these are not weights of a Llama: {[*missing, *unexpected][:4]}")
    network.tie_weights()
    ids = torch.ones(1, 64, dtype=torch.long)
    ms = {dtype: _written_ms(Published(network.to(dtype), dtype), ids) for dtype in (torch.float32, torch.bfloat16)}
    best = min(ms, key=lambda dtype: ms[dtype])
    return Published(network.to(best), best)


def _written_ms(published: Published, ids: Tensor) -> float:
    """The quicker of two goes at four tokens."""
    return min(_timed(partial(generate, published, ids, tokens=4))[0] for _ in range(2))


def generate(published: Published, ids: Tensor, *, tokens: int, cache: Any = None) -> list[int]:
    """So many tokens after ids [1, N], greedily; all but the last of `ids` may be in the cache, which grows."""
    with torch.inference_mode(), warnings.catch_warnings():
        # Its name for a cache is about to change; both names work in the versions that are asked for.
        warnings.simplefilter("ignore", FutureWarning)
        out = published.network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            past_key_values=cache,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            do_sample=False,
            use_cache=True,
            pad_token_id=0,
        )
    written: list[int] = out[0, ids.shape[1] :].tolist()
    return written


def read(published: Published, ids: Tensor) -> Any:
    """The cache of all but the last of ids [1, N]; none where there is but one, which leaves nothing to keep."""
    if ids.shape[1] < 2:
        return None
    with torch.inference_mode():
        return published.network(ids[:, :-1], use_cache=True).past_key_values


def turns(model: Denoiser, published: Published, spans: Sequence[Span]) -> list[LeftToRightTurn]:
    """Every span both ways, context read and unread; the first span also warms up."""
    return [_turn(model, published, span, ours_first=bool(n % 2)) for n, span in enumerate([spans[0], *spans])][1:]


def _turn(model: Denoiser, published: Published, span: Span, *, ours_first: bool) -> LeftToRightTurn:
    request = InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=model.info.passes)
    context_ids = model.pack(request).context_ids
    ids = torch.tensor([context_ids])
    tokens = len(model.tokenizer.encode(fill(request, model).text)) + 1
    cache = read(published, ids)

    def ours(*, is_read: bool) -> float:
        forget(model)
        if is_read:
            model.encode(context_ids)
        return _timed(partial(fill, request, model))[0]

    def theirs(*, is_read: bool) -> float:
        # What is written grows the cache, so every go has its own.
        kept = copy.deepcopy(cache) if is_read else None
        return _timed(partial(generate, published, ids, tokens=tokens, cache=kept))[0]

    pairs = []
    for is_read in (True, False):
        order = (ours, theirs) if ours_first else (theirs, ours)
        ms = {way: way(is_read=is_read) for way in order}
        pairs.append((ms[ours], ms[theirs]))
    return LeftToRightTurn(tokens=tokens, read=pairs[0], unread=pairs[1])


def ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """How many times as long theirs took: the median over the spans."""
    return statistics.median(theirs / ours for ours, theirs in pairs)


def bare_ms(shapes: Sequence[tuple[int, int]], rows: int = SLOTS) -> tuple[float, torch.dtype]:
    """The least time of the matrix products of a pass and nothing else, and the type in which it was reached.

    Args:
        shapes: (outputs, inputs) of every weight that a pass multiplies `rows` rows by.
    """
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        inputs = {size: torch.randn(rows, size, dtype=dtype) for _, size in shapes}
        weights = [torch.randn(shape, dtype=dtype) for shape in shapes]

        def loop(inputs: dict[int, Tensor] = inputs, weights: list[Tensor] = weights) -> None:
            for weight in weights:
                F.linear(inputs[weight.shape[1]], weight)

        found[dtype] = _median_ms(loop)
        del weights
    best = min(found, key=lambda dtype: found[dtype])
    return found[best], best


def pass_shapes(weights: Mapping[str, Tensor]) -> list[tuple[int, int]]:
    """The matrices that a pass multiplies its rows by, the head (tied to the embeddings) among them."""
    return [(len(weight), weight.shape[1]) for weight in weights.values() if weight.ndim == 2]


def pass_ms(model: Denoiser, span: Span) -> float:
    """The median time of a pass of one row of `SLOTS` free slots behind a span's context."""
    context = model.encode(model.pack(InfillRequest(prefix=span.prefix, suffix=span.suffix)).context_ids)
    form = model.format
    canvas = torch.full((1, SLOTS), form.first_text_id if form.mask_id is None else form.mask_id)
    everything = torch.ones(1, SLOTS, dtype=torch.bool)
    choice = Choice(
        bias=torch.zeros(1, model.tokenizer.vocab_size, device=model.device),
        rule=torch.zeros(SLOTS, dtype=torch.long, device=model.device),
    )
    return _median_ms(partial(model.predict, context, canvas, everything, everything, None, choice, torch.Generator()))


@torch.inference_mode()
def _median_ms(call: Callable[[], object]) -> float:
    call()
    return statistics.median(_timed(call)[0] for _ in range(PASS_ROUNDS))


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    value = call()
    return (time.perf_counter() - began) * 1e3, value

"""A pretrained network that fills in the middle left to right, behind the `Denoiser` protocol: nothing was tuned.

    context : <pre> prefix <suf> suffix <mid>        one text, read causally, the end kept out as the head
    canvas  : [copy of the head | slots]             every slot sees only what stands before it

A pass predicts all slots at once from the canvas as it is, so it is a step of Jacobi iteration (Santilli et al.,
arXiv 2305.10427): what a slot gets is right as soon as all before it are. All are taken into the canvas each time, and
a canvas that a pass leaves as it is is what the network would have written left to right. A draft that is right in all
but a few slots takes a few passes instead of one a token; noise takes at most one a slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...packing import choose_rows
from ...protocol import CanvasFormat, PackedInfill, Tokenizer
from ...samplers.entropy_bound import EntropyBound
from ...settings import RankWeights, Settings
from ...types import InfillRequest
from .infiller import ROOM, LlamaContext, LlamaInfiller
from .layout import FIRST_POSITION, next_piece, text_around

CHUNK = 128
"""Context tokens that are read together: of so large a network, fewer leave the kernels waiting for its weights."""
EVERYTHING = 1e6
"""Nats: every prediction is taken into the canvas, and the next pass tells whether it stays."""
DEFAULTS = Settings(
    passes_max=6,
    passes_alone=32,
    sampler=EntropyBound(bound=EVERYTHING, left_bias=0.0),
    stop_entropy=0.02,
    noise_rows=0,
    rows_kept=1,
    prune_after=1,
    beams=3,
    written_tokens=56,
    long_tokens=64,
    long_below=0.1,
    recalled=4,
)
"""Rows that begin as a draft hold still after a few passes, a line from noise after one a token. Such networks find the
end of a line that they wrote right seldom likelier than a quarter: what was cut out of their texts was often longer."""
WEIGHTS = RankWeights(
    mean=0.3,
    total=0.6,
    end=0.0,
    recalled=-0.3,
    recall_score=0.3,
    first_recalled=0.3,
    written=0.3,
    denoised=0.0,
    named=-0.5,
    resolved=0.5,
    idle=-0.7,
    used=0.5,
)
"""What such a network finds likely counts most; by hand, until a file beside the checkpoint says otherwise."""


def pack(request: InfillRequest, tokenizer: Tokenizer, form: CanvasFormat) -> PackedInfill:
    """Lay a request out; never fails on odd text.

    Raises:
        EngineError: when a text to mend is longer than the canvas.
    """
    assert form.middle_id is not None, "only formats with one are laid out so"
    read = text_around(request, tokenizer, form)
    context_ids = [form.prefix_id, *read.prefix, form.suffix_id, *read.suffix, form.middle_id]
    slots, starts, passes = choose_rows(request, read.borrowed, tokenizer, form)
    return PackedInfill(
        context_ids=context_ids,
        suffix_ids=read.suffix[: form.near_suffix_tokens],
        # What stands behind the slots is seen by none of them.
        pinned_ids=[form.eom_id] if request.exact_tokens is not None else [],
        slots=slots,
        exact=request.exact_tokens is not None,
        starts=starts,
        passes=passes,
        borrowed=read.borrowed,
        context=read.use(context_ids, form),
        closing_ids=(form.eom_id,),
        runs_into=next_piece(request.suffix),
    )


class CausalInfiller(LlamaInfiller):
    """The network as the engine asks for it; scores and beams are those of its family."""

    usual, usual_weights = DEFAULTS, WEIGHTS

    def pack(self, request: InfillRequest, committed: tuple[int, ...] = ()) -> PackedInfill:
        """See `pack`."""
        return pack(request, self.tokenizer, self.format)

    @torch.inference_mode()
    def encode(self, context_ids: list[int]) -> LlamaContext:
        """Read the context; what the last one begins with alike is taken from there."""
        if self._last is not None and self._last[0] == context_ids:
            # What is known of rows depends on what was asked before: another infill begins anew.
            return replace(self._last[1], known={})
        body, head = context_ids[:-1], context_ids[-1]
        cache = self.network.new_cache(len(body) + ROOM)
        kept = _shared(self._last[0][:-1] if self._last is not None else [], body) // CHUNK * CHUNK
        if self._last is not None:
            cache.take(self._last[1].cache, 0, kept)
        whole = len(body) // CHUNK * CHUNK
        for begin in range(kept, whole, CHUNK):
            self._read(cache, body[begin : begin + CHUNK], FIRST_POSITION + begin, 0, begin)
        hidden = self._read_end(cache, [*body[whole:], head], 0, whole)
        context = LlamaContext(cache, 0, len(body), head, hidden, {})
        self._last = (list(context_ids), context)
        return context

    def _ahead(self) -> int:
        """None: it is all one text."""
        return 0

    def _seen(self, row: Tensor, column: Tensor) -> Tensor | None:
        """Each position of a canvas sees those before it in its row."""
        return (row[:, None] == row) & (column[:, None] >= column)


def _shared(old: Sequence[int], new: Sequence[int]) -> int:
    """How many tokens two contexts begin with alike."""
    for place, pair in enumerate(zip(old, new, strict=False)):
        if pair[0] != pair[1]:
            return place
    return min(len(old), len(new))

"""DiffusionGemma behind the `Denoiser` protocol: contexts kept across edits, passes of several rows, scores.

Text is laid out for an instruct model (`canvas.py`); the network is `network.py`, its weights come from `weights.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from ....kernels import ops
from ....kernels.formats import BLOCK, Choice, Chosen
from ...protocol import CanvasFormat, PackedInfill
from ...samplers.entropy_bound import EntropyBound
from ...settings import RankWeights, Settings
from ...types import InfillRequest, ModelInfo
from ..scoring import flat
from ..settings_file import SettingsFile
from . import canvas as canvases
from .cache import Board, ContextCache, Sizes
from .fixed import CONTEXT_STEP, FixedPasses
from .network import GemmaNetwork, Side
from .tokenizer import GemmaTokenizer

CHUNK = 1024
"""Positions that the encoder reads at once, as far as there are so many."""
LAST_CHUNK = 256
"""The rest is read in smaller pieces, for that is what typing changes."""
ROWS_MAX = 64
"""No row is ended early: on a GPU they are nearly free."""
CANVAS_ROOM = 768
"""Positions that a context's board has room for behind it: rows of a canvas, candidates."""
WARM_COUNTS = (64, 128, 256)
WEIGHTS = RankWeights(
    mean=1.0,
    total=0.0,
    end=0.0,
    written=0.0,
    denoised=0.5,
    unknown_names=-0.2,
    recalled=-0.5,
    unparsable=-3.0,
    noise=0.15,
)
"""A large causal model's own score decides; these were set by hand, for no checkpoint was at hand to fit them on."""


PASSES_MAX = 4096
TEMPERATURE_MAX = 100.0


def published_settings(generation: Mapping[str, Any], name: str = "generation_config.json") -> Settings:
    """The published sampler as generation_config.json sets it; what it leaves out is the published class's default.

    Args:
        name: of that file.

    Raises:
        EngineError: when it asks for another sampler, or a number is out of its range.
    """
    given = {field: value for field, value in generation.items() if value is not None}
    file = SettingsFile(name=name, values=given, remedy="mend the file, or fetch the checkpoint again")
    file.only("stability_threshold", {1}, 1)
    return Settings(
        passes_max=file.size("max_denoising_steps", PASSES_MAX, 48),
        sampler=EntropyBound(
            bound=file.table("sampler_config", {"entropy_bound": 0.1}).number("entropy_bound"), left_bias=0.0
        ),
        temperature=1.0,
        schedule=(
            file.number("t_max", most=TEMPERATURE_MAX, default=0.8),
            file.number("t_min", most=TEMPERATURE_MAX, default=0.4),
        ),
        shows_likeliest=True,
        hurries=False,
        stops_settled=False,
        stop_entropy=file.number("confidence_threshold", above=-1.0, default=0.005),
        rows_kept=ROWS_MAX,
    )


@dataclass(frozen=True, slots=True)
class GemmaContext:
    """An encoded context: its board, and the last position's hidden state [1, D]."""

    board: Board
    last_hidden: Tensor


class GemmaInfiller:
    """The network, a tokenizer, and the context that was read last."""

    def __init__(
        self,
        network: GemmaNetwork,
        tokenizer: GemmaTokenizer,
        form: CanvasFormat,
        info: ModelInfo,
        defaults: Settings,
        *,
        fixed: bool | None = None,
    ) -> None:
        """Args: fixed: whether passes have fixed shapes (`fixed.py`); none means where they can be recorded."""
        self.network, self.tokenizer, self.format, self.info = network, tokenizer, form, info
        self.defaults, self.weights = defaults, WEIGHTS
        self.fixed = FixedPasses(network) if (can_record(network) if fixed is None else fixed) else None
        self._cache = self._new_cache()
        self._context: GemmaContext | None = None

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.device

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it runs."""
        return (self.fixed.note,) if self.fixed is not None and self.fixed.note else ()

    @cached_property
    def roles(self) -> Tensor:
        """Tokens with a role."""
        return self.tokenizer.roles

    def canvases(self, request: InfillRequest) -> int:
        """See `canvases.canvases`."""
        return len(canvases.canvases(request, self.tokenizer, self.format))

    def pack(self, request: InfillRequest, committed: tuple[int, ...] = ()) -> PackedInfill:
        """See `canvases.pack_next`."""
        packed = canvases.pack_next(request, self.tokenizer, self.format, committed)
        return replace(packed, committed_ids=committed)

    @torch.inference_mode()
    def encode(self, context_ids: list[int]) -> GemmaContext:
        """Keys and values of the context; of the one read before, what both begin with is kept."""
        cache = self._cache
        if self._context is not None and cache.ids == context_ids:
            return self._context
        # Whole pieces are kept or read again, and where they end depends on the length alone: a sum over other pieces
        # differs in its last bit, and then the same file would not always get the same answer.
        pieces, same = chunks(len(context_ids)), common(cache.ids, context_ids)
        old = chunks(len(cache.ids))
        kept = sum(piece == before and piece[1] <= same for piece, before in zip(pieces, old, strict=False))
        # The last piece is never kept: the hidden state of its last position predicts what follows.
        kept = min(kept, len(pieces) - 1)
        # Were this to fail half-way, the next call must not take the cache for the old context's.
        self._context = None
        cache.cut(pieces[kept][0])
        hidden = torch.zeros(0)
        for begin, end in pieces[kept:]:
            ids = context_ids[begin:end]
            board = cache.board(len(ids))
            places = torch.arange(begin, end, device=self.device)
            own = places[:, None] >= places
            x = self.network.embed(torch.tensor(ids, device=self.device))
            hidden = self.network.run(x, places, own, board, Side.ENCODER)
            cache.extend(ids, board)
        board = cache.board(CANVAS_ROOM, CONTEXT_STEP if self.fixed else 1)
        self._context = GemmaContext(board, hidden[-1:])
        return self._context

    @torch.inference_mode()
    def hidden(self, context: GemmaContext, canvas: Tensor, valid: Tensor, free: Tensor, soft: Tensor | None) -> Tensor:
        """Last hidden states [F, D] of the free positions; the arguments are those of `predict`."""
        canvas, valid, free = (tensor.to(self.device) for tensor in (canvas, valid, free))
        row, column = valid.nonzero().unbind(1)
        ids, chosen, board = canvas[valid], free[valid], context.board
        if self.fixed is not None:
            hidden = self.fixed.run(board, ids, soft, chosen, column, row)
            if hidden is not None:
                return hidden[chosen]
        x = self.network.embed_canvas(ids, soft, chosen)
        own = None if len(canvas) == 1 else row[:, None] == row
        return self.network.run(x, board.length + column, own, board, Side.DECODER)[chosen]

    @torch.inference_mode()
    def predict(
        self,
        context: GemmaContext,
        canvas: Tensor,
        valid: Tensor,
        free: Tensor,
        soft: Tensor | None,
        choice: Choice,
        generator: torch.Generator,
    ) -> Chosen:
        """See `Denoiser.predict`."""
        chosen = self.network.tail(self.hidden(context, canvas, valid, free, soft), choice, generator)
        return chosen.cpu(chosen.soft)

    @torch.inference_mode()
    def score(self, context: GemmaContext, rows: list[list[int]]) -> list[Tensor]:
        """Left-to-right log-probabilities of each row's tokens after the context."""
        if not any(rows):
            return [torch.zeros(0) for _ in rows]
        laid = flat(rows, self.device)
        hidden = context.last_hidden
        if len(laid.ids):
            positions = context.board.length + laid.place
            x = self.network.embed(laid.ids)
            hidden = torch.cat((hidden, self.network.run(x, positions, laid.own, context.board, Side.ENCODER)))
        logs = self.network.log_probs(hidden, laid.source, laid.target)
        return list(torch.split(logs.cpu(), laid.lengths))

    def write(
        self, context: GemmaContext, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """Nothing: left to right every token would cost as much as a pass that denoises all of them."""
        return []

    def forget(self) -> None:
        """Drop the context that is kept."""
        self._context = None
        self._cache.cut(0)

    def warm(self) -> None:
        """Compile and record what the first infill would wait for."""
        context = self.encode([self.format.start_id])
        draws = torch.Generator()
        for count in WARM_COUNTS:
            free = torch.ones(1, count, dtype=torch.bool)
            bias = torch.zeros(2, self.tokenizer.vocab_size, device=self.device)
            rule = torch.zeros(count, dtype=torch.long, device=self.device)
            for sampling in (0.0, self.defaults.temperature):
                choice = Choice(bias=bias, rule=rule, sampling=sampling)
                self.predict(context, torch.full((1, count), self.format.pad_id), free, free, None, choice, draws)
        self.forget()

    def _new_cache(self) -> ContextCache:
        layers = self.network.layers
        sizes = Sizes(
            kinds=tuple(layer.kind for layer in layers),
            heads=tuple(layer.kv_heads for layer in layers),
            head_dims=tuple(layer.head_dim for layer in layers),
            window=self.network.config.sliding_window,
        )
        return ContextCache(sizes, self.network.dtype, self.device)


def can_record(network: GemmaNetwork) -> bool:
    """Whether a pass can be a CUDA graph: every product has a kernel that never waits for the host."""
    sizes = (network.config.hidden_size, network.config.expert_size)
    return network.device.type == "cuda" and ops.triton_works() and not any(size % BLOCK for size in sizes)


def chunks(length: int) -> list[tuple[int, int]]:
    """Where the pieces begin and end in which a context of that length is read."""
    large = length // CHUNK * CHUNK
    edges = [*range(0, large, CHUNK), *range(large, length, LAST_CHUNK), length]
    return list(pairwise(edges))


def common(one: list[int], other: list[int]) -> int:
    """How many items both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))

"""What the engine asks of a model family: pack a request, encode a context, predict a canvas, score left to right.

A family is a folder in models/. Shapes: R rows, W canvas positions, F free positions of all rows together in
row-major order, V vocabulary, D hidden.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from ..kernels.formats import Choice, Chosen
from .settings import RankWeights, Settings
from .types import ContextUse, InfillRequest, ModelInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasFormat:
    """How a checkpoint wants its text laid out; read from its infill_config.json.

    Raises:
        ValueError: when the parts do not fit each other.
    """

    context_tokens: int
    """Encoder positions at most, suffix and prefix together."""
    canvas_tokens: int
    """Canvas positions at most, slots and pinned suffix together."""
    near_suffix_tokens: int
    far_suffix_tokens: int
    mask_id: int | None
    """The noise token; none for a checkpoint of uniform noise."""
    first_text_id: int
    """Ids below this one have a role and are never output."""
    eom_id: int
    """Ends a span inside the canvas."""
    pad_id: int
    suffix_id: int
    prefix_id: int
    start_id: int
    """Stands before a prefix that begins with the file."""
    middle_id: int | None = None
    """Stands behind prefix and suffix where these are one text, and spans are written behind it; none where the two are
    read apart."""

    def __post_init__(self) -> None:
        suffix = self.near_suffix_tokens + self.far_suffix_tokens
        if suffix + 3 >= self.context_tokens:
            raise ValueError(f"a suffix of {suffix} tokens leaves no prefix in {self.context_tokens}")
        if self.near_suffix_tokens >= self.canvas_tokens:
            raise ValueError(f"near suffix of {self.near_suffix_tokens} tokens leaves no slot in {self.canvas_tokens}")


class Tokenizer(Protocol):
    """Text to ids and back; a text never becomes an id that has a role."""

    vocab_size: int

    def encode(self, text: str) -> list[int]:
        """Ids of the text; never a special one."""

    def begins_line(self) -> Tensor:
        """Which tokens start with a line break, boolean [V]."""

    def begins_with(self, text: str) -> Tensor:
        """Which tokens start with a text, boolean [V]."""

    def decode(self, ids: Iterable[int]) -> str:
        """Text of the ids, special ones left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedInfill:
    """A request as ids."""

    context_ids: list[int]
    suffix_ids: list[int]
    """Near suffix, the same in every row."""
    pinned_ids: list[int]
    """What stands behind the slots of every row: the near suffix, after an end-of-span token where that is known."""
    slots: tuple[int, ...]
    """Span slots of each row, the end-of-span token included."""
    exact: bool
    """The span of a row has exactly its slots: what ends it is pinned, not guessed."""
    starts: tuple[tuple[int, ...], ...]
    """What each row begins with: tokens of a draft, `UNDECIDED` where it has noise; nothing for noise alone."""
    passes: int
    """Passes that are behind the rows: above 0 for a start or a partial strength."""
    borrowed: str
    """The character before the span where it is part of it: a line break, so that the model chooses the indentation, or
    the space that a token begins with. The first token begins with it, and it is taken off the answer."""
    context: ContextUse
    closing_ids: tuple[int, ...]
    """What is scored behind every candidate: an end-of-span token, or the text that follows."""
    runs_into: str = ""
    """What follows the span in its line, as far as one piece; empty where candidates are scored by their end alone."""
    lead_ids: tuple[int, ...] = ()
    """What stands before the slots of every row."""
    committed_ids: tuple[int, ...] = ()
    """What earlier canvases of a long span wrote; the context ends with it."""
    guidance: tuple[Tensor, Tensor] | None = None
    """Biases [V] of the first token and of later ones that the place of the span asks for."""


class Denoiser(Protocol):
    """A loaded checkpoint. `encode` returns a value that only the same object's other methods read."""

    format: CanvasFormat
    info: ModelInfo
    defaults: Settings
    """How its canvases are denoised; the passes and whether tokens are drawn are the request's."""
    weights: RankWeights
    """How its candidates are ranked."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids and back."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def roles(self) -> Tensor:
        """Which tokens have a role and are never output, boolean [V]."""

    def canvases(self, request: InfillRequest) -> int:
        """How many canvases the span takes, one after the other.

        Raises:
            EngineError: when the model has no room for the span.
        """

    def pack(self, request: InfillRequest, committed: tuple[int, ...] = ()) -> PackedInfill:
        """Lay out a request's next canvas: context, rows, pins.

        Args:
            committed: ids that the canvases before it wrote.

        Raises:
            EngineError: when the model has no room for the span.
        """

    def encode(self, context_ids: list[int]) -> Any:
        """Read the context causally; the result serves any number of passes and scores."""

    def predict(
        self,
        context: Any,
        canvas: Tensor,
        valid: Tensor,
        free: Tensor,
        soft: Tensor | None,
        choice: Choice,
        generator: torch.Generator,
    ) -> Chosen:
        """Tokens [F] for the free positions and what is known of them; all on the CPU but `Chosen.soft`.

        Args:
            canvas: ids [R, W].
            valid: boolean [R, W], false for padding, which nobody sees.
            free: boolean [R, W], true for span slots. Pinned positions get no self-conditioning.
            soft: `Chosen.soft` of the pass before, [F, D], or none on the first.
            choice: on the model's device.
        """

    def score(self, context: Any, rows: list[list[int]]) -> list[Tensor]:
        """Log-probability of every token of each row, left to right after the context."""

    def write(
        self, context: Any, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """Spans written left to right by beam search, the likeliest first, without the token that ends them.

        A span that does not end within `tokens_max` is left out, so there may be fewer than `beams`, or none.

        Args:
            first: added to the logits [V] of the first token; minus infinity forbids.
            later: the same for every other token.
            ends: boolean [V], the tokens after the first that end a span, of which it cannot hold any.
        """

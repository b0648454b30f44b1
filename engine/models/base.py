"""What the engine asks of a model family: encode a context, predict a canvas, score left to right.

A family is one file beside this one. Shapes: R rows, W canvas positions, F free positions of all rows together in
row-major order, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from ..tokenizer import TextTokenizer
from ..types import ModelInfo


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

    def __post_init__(self) -> None:
        suffix = self.near_suffix_tokens + self.far_suffix_tokens
        if suffix + 3 >= self.context_tokens:
            raise ValueError(f"a suffix of {suffix} tokens leaves no prefix in {self.context_tokens}")
        if self.near_suffix_tokens >= self.canvas_tokens:
            raise ValueError(f"near suffix of {self.near_suffix_tokens} tokens leaves no slot in {self.canvas_tokens}")


class Denoiser(Protocol):
    """A loaded checkpoint. `encode` returns a value that only the same object's other methods read."""

    tokenizer: TextTokenizer
    format: CanvasFormat
    info: ModelInfo

    def encode(self, context_ids: list[int]) -> Any:
        """Read the context causally; the result serves any number of passes and scores."""

    def predict(self, context: Any, canvas: Tensor, valid: Tensor, free: Tensor, previous: Tensor | None) -> Tensor:
        """Logits [F, V] in float32 for the free positions.

        Args:
            canvas: ids [R, W].
            valid: boolean [R, W], false for padding, which nobody sees.
            free: boolean [R, W], true for span slots. Pinned positions get no self-conditioning.
            previous: probabilities [F, V] of the pass before, or none on the first.
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

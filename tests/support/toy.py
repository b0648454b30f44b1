"""A denoiser whose answers are known: it predicts given tokens with given certainty. For loop logic only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from dgedit.engine.packing import pack
from dgedit.engine.protocol import CanvasFormat, PackedInfill
from dgedit.engine.settings import RankWeights, Settings
from dgedit.engine.tokenizer import EOM, PAD, SPECIAL_TOKENS, TextTokenizer, own_format
from dgedit.engine.types import InfillRequest, ModelInfo
from dgedit.kernels import ops
from dgedit.kernels.formats import Choice, Chosen

FIRST = len(SPECIAL_TOKENS)


def byte_tokenizer() -> TextTokenizer:
    """One token a byte, behind the special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate([*SPECIAL_TOKENS, *alphabet])}
    backend = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    return TextTokenizer(backend)


FORMAT = own_format(
    context_tokens=40,
    canvas_tokens=24,
    near_suffix_tokens=6,
    far_suffix_tokens=8,
)


class ToyDenoiser:
    """Predicts `answer` then the end of the span; `certainty(pass, slot)` is the probability of the right token."""

    def __init__(self, answer: str, certainty: Callable[[int, int], float], form: CanvasFormat = FORMAT) -> None:
        self.tokenizer = byte_tokenizer()
        self.format = form
        self.info = ModelInfo(name="toy", parameters=0, device="cpu", digest="")
        self.answer = self.tokenizer.encode(answer)
        self.certainty = certainty
        self.seen: list[Tensor] = []
        self.previous: list[Tensor | None] = []
        self.device = torch.device("cpu")
        self.defaults, self.weights = Settings(), RankWeights()

    def encode(self, context_ids: list[int]) -> Any:
        """Nothing is needed of the context."""
        return context_ids

    @property
    def roles(self) -> Tensor:
        """Ids below the first text id."""
        return torch.arange(self.tokenizer.vocab_size) < self.format.first_text_id

    def canvases(self, request: InfillRequest) -> int:
        """One."""
        return 1

    def pack(self, request: InfillRequest, committed: tuple[int, ...] = ()) -> PackedInfill:
        """As nano does."""
        return pack(request, self.tokenizer, self.format)

    def logits(self, canvas: Tensor, free: Tensor) -> Tensor:
        """Logits with known entropies: the right token has its probability, all others share the rest."""
        self.seen.append(canvas.clone())
        rows = []
        vocab = self.tokenizer.vocab_size
        for row in free:
            for slot in range(int(row.sum())):
                target = [*self.answer, EOM][slot] if slot <= len(self.answer) else PAD
                sure = self.certainty(len(self.seen), slot)
                line = torch.full((vocab,), math.log((1 - sure) / (vocab - 1)))
                line[target] = math.log(sure)
                rows.append(line)
        return torch.stack(rows)

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
        """What the logits choose; the probabilities stand for the soft embedding."""
        self.previous.append(soft)
        chosen, probabilities = ops.choose(self.logits(canvas, free), choice, generator)
        return replace(chosen, soft=probabilities)

    def score(self, context: Any, rows: list[list[int]]) -> list[Tensor]:
        """Right tokens are likely, wrong ones are not."""
        full = [*self.answer]
        return [
            torch.tensor([-0.1 if i < len(full) and token == full[i] else -5.0 for i, token in enumerate(row)])
            for row in rows
        ]

    def write(
        self, context: Any, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """The answer, where it is short enough."""
        return [self.answer] if len(self.answer) <= tokens_max else []

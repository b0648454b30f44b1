"""What is compared: the engine in several settings, and baselines that cost nothing or next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..denoise import edge_bias
from ..infill import fill
from ..models.base import Denoiser
from ..packing import pack
from ..rank import span_text
from ..recall import recall
from ..train.vocabulary import documents
from ..types import InfillRequest
from .exact_match import Answer, Method
from .spans import Span

WRITTEN_TOKENS = 48


def engine(model: Denoiser, *, use_recall: bool = True, related: bool = True, true_length: bool = False) -> Method:
    """The engine as the editor uses it; `true_length` gives it the right number of tokens and no recall."""

    def answer(span: Span) -> Answer:
        count = len(model.tokenizer.encode(span.answer)) if true_length else None
        request = InfillRequest(
            prefix=span.prefix,
            suffix=span.suffix,
            exact_tokens=count,
            recall=use_recall,
            related=span.related if related else (),
        )
        result = fill(request, model)
        return Answer(
            text=result.text, candidates=tuple(found.text for found in result.candidates), passes=result.passes
        )

    return answer


def copy(*, related: bool) -> Method:
    """The piece of the file (and of the related ones) whose surroundings are most like the span's; no model."""

    def answer(span: Span) -> Answer:
        found = recall(span.prefix, span.suffix, span.related if related else ())
        texts = tuple(piece.text for piece in found)
        return Answer(text=texts[0] if texts else "", candidates=texts)

    return answer


def left_to_right(model: Denoiser) -> Method:
    """The same weights through the causal encoder, greedily, until they end the span."""

    @torch.inference_mode()
    def answer(span: Span) -> Answer:
        packed = pack(InfillRequest(prefix=span.prefix, suffix=span.suffix), model.tokenizer, model.format)
        first, later = edge_bias(packed, model)
        context = model.encode(packed.context_ids)
        written = model.write(context, first, later, tokens_max=WRITTEN_TOKENS, beams=1)
        return Answer(text=span_text(model, packed, written[0]) if written else "")

    return answer


def neighbours_in_corpus(corpus: Path, spans: Sequence[Span]) -> Method:
    """The line that stands between the same two lines somewhere in the training text."""
    wanted = {_neighbours(span) for span in spans}
    known: dict[tuple[str, str], str] = {}
    for text in documents(corpus):
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
            if (before, after) in wanted:
                known.setdefault((before, after), line)
    return lambda span: Answer(text=known.get(_neighbours(span), ""))


def _neighbours(span: Span) -> tuple[str, str]:
    before = [line.strip() for line in span.prefix.split("\n")[:-1] if line.strip()]
    after = [line.strip() for line in span.suffix.split("\n")[1:] if line.strip()]
    return before[-1] if before else "", after[0] if after else ""

"""What is compared: the engine in several settings, and baselines that cost nothing or next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

from ..denoise import closing_tokens, denoise, edge_bias
from ..encoded import EncodedInfill
from ..infill import Prepared, default_settings, denoised, fill, infill, prepare
from ..protocol import Denoiser
from ..rank import rank, span_text
from ..recall import recall
from ..train.vocabulary import documents
from ..types import InfillRequest
from .exact_match import Answer, Method
from .spans import Span

WRITTEN_TOKENS = 48

Preparation = Callable[[Span], Prepared]


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
            max_passes=model.info.passes,
        )
        result = fill(request, model)
        return Answer(
            text=result.text, candidates=tuple(found.text for found in result.candidates), passes=result.passes
        )

    return answer


def preparation(model: Denoiser) -> Preparation:
    """What is done for a span before its first pass; that of the last span is kept for the way that comes next."""

    @lru_cache(maxsize=1)
    def prepared(span: Span) -> Prepared:
        request = InfillRequest(
            prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=model.info.passes
        )
        return prepare(request, model)

    return prepared


def as_the_editor(model: Denoiser, prepared: Preparation) -> Method:
    """The engine as the editor runs it, with the files beside the open one."""

    def answer(span: Span) -> Answer:
        ready = prepared(span)
        *_, last = infill(ready.encoded.request, model, prepared=ready)
        assert last.result is not None, "the last frame carries the result"
        found = tuple(each.text for each in last.result.candidates)
        return Answer(text=last.result.text, candidates=found, passes=last.result.passes)

    return answer


def copy(*, related: bool) -> Method:
    """The piece of the file (and of the related ones) whose surroundings are most like the span's; no model."""

    def answer(span: Span) -> Answer:
        found = recall(span.prefix, span.suffix, span.related if related else ())
        texts = tuple(piece.text for piece in found)
        return Answer(text=texts[0] if texts else "", candidates=texts)

    return answer


def left_to_right(model: Denoiser) -> Method:
    """The same weights through the causal encoder, greedily, to the end of the span or of its line."""

    @torch.inference_mode()
    def answer(span: Span) -> Answer:
        request = InfillRequest(prefix=span.prefix, suffix=span.suffix)
        encoded = EncodedInfill.of(model.pack(request), request, model)
        first, later = edge_bias(encoded.packed, model)
        ends = closing_tokens(encoded.packed, model)
        written = model.write(encoded.context, first, later, ends, tokens_max=WRITTEN_TOKENS, beams=1)
        return Answer(text=span_text(encoded, written[0]) if written else "")

    return answer


def drafts(model: Denoiser, prepared: Preparation) -> Method:
    """What `engine` begins with, ranked but not denoised: pieces recalled, spans written left to right."""

    def answer(span: Span) -> Answer:
        ready = prepared(span)
        known = [replace(proposal, origins=set(proposal.origins)) for proposal in ready.known]
        found = rank(ready.encoded, known) if known else []
        texts = tuple(each.text for each in found)
        return Answer(text=texts[0] if texts else "", candidates=texts)

    return answer


def from_noise(model: Denoiser, passes: int | None = None) -> Method:
    """The canvas alone: nothing recalled, nothing written, every row begins as noise."""

    @torch.inference_mode()
    def answer(span: Span) -> Answer:
        request = InfillRequest(
            prefix=span.prefix, suffix=span.suffix, recall=False, max_passes=passes or model.info.passes
        )
        encoded = EncodedInfill.of(model.pack(request), request, model)
        *_, step = denoise(encoded, default_settings(request, model), torch.Generator().manual_seed(0))
        found = rank(encoded, denoised(encoded, step))
        return Answer(text=found[0].text, candidates=tuple(each.text for each in found), passes=step.pass_index)

    return answer


@torch.inference_mode()
def truth_nats(model: Denoiser, span: Span) -> tuple[float, float]:
    """Nats that the span's true text costs left to right after its context: without what ends it, and with it."""
    packed = model.pack(InfillRequest(prefix=span.prefix, suffix=span.suffix))
    context = model.encode(packed.context_ids)
    lead = list(packed.lead_ids)
    ids = model.tokenizer.encode(packed.borrowed + span.answer)
    logs = model.score(context, [[*lead, *ids, *packed.closing_ids]])[0][len(lead) :]
    return -float(logs[: len(ids)].sum()), -float(logs.sum())


def generate_pinned(folder: Path, model: Denoiser, *, passes: int = 8) -> Method | None:
    """transformers' own `generate` on the same weights, its canvas pinned by hand; none where it is not installed.

    One row of the longest of our lengths. The stock sampler starts from random tokens and knows no pins, so it is given
    the noise that the checkpoint was trained with, and the near suffix as certain logits.
    """
    try:
        from transformers import DiffusionGemmaForBlockDiffusion, LogitsProcessor, LogitsProcessorList
    except ImportError:
        return None
    form = model.format
    published = DiffusionGemmaForBlockDiffusion.from_pretrained(folder, dtype=torch.bfloat16).eval()

    class Pins(LogitsProcessor):  # type: ignore[misc]
        """Forbids tokens that have a role, and makes what is pinned certain."""

        def __init__(self, bias: torch.Tensor, pinned: torch.Tensor) -> None:
            self.bias, self.pinned = bias, pinned

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, cur_step: object = None) -> torch.Tensor:
            scores = scores + self.bias
            scores[0, -len(self.pinned) :] = -1e4
            scores[0, torch.arange(-len(self.pinned), 0), self.pinned] = 0.0
            return scores

    @torch.inference_mode()
    def answer(span: Span) -> Answer:
        request = InfillRequest(prefix=span.prefix, suffix=span.suffix)
        encoded = EncodedInfill.of(model.pack(request), request, model)
        packed = encoded.packed
        slots, near = max(packed.slots), packed.suffix_ids or [form.pad_id]
        first, later = edge_bias(packed, model)
        bias = later.clamp(min=-1e4).repeat(slots + len(near), 1)
        bias[0] = first.clamp(min=-1e4)
        noise = torch.full((1, slots), form.mask_id if form.mask_id is not None else form.first_text_id)
        canvas = torch.cat((noise, torch.tensor([near])), dim=1)
        published.config.canvas_length = canvas.shape[1]
        prepare = type(published)._prepare_sampler

        def sampler(config: object) -> object:
            made = prepare(published, config)
            made.initialize_canvas = lambda batch_size, device: canvas.clone()
            return made

        published._prepare_sampler = sampler
        torch.manual_seed(0)
        generated = published.generate(
            torch.tensor([packed.context_ids]),
            max_new_tokens=canvas.shape[1],
            max_denoising_steps=passes,
            logits_processor=LogitsProcessorList([Pins(bias, torch.tensor(near))]),
        )
        ids = generated.sequences[0, len(packed.context_ids) :][:slots].tolist()
        ends = [place for place, token in enumerate(ids) if token in (form.eom_id, form.pad_id)]
        return Answer(text=span_text(encoded, ids[: ends[0]] if ends else ids), passes=passes)

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

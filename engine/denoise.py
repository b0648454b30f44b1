"""The denoising loop: predict, accept, renoise, yield; a pass at a time, cancelled by closing the generator.

    canvas --predict--> chosen tokens --sampler--> accepted tokens + noise --> Step --> canvas of the next pass

All state of a run is in `Step`. Pinned positions (lead, near suffix, padding) are written once and never touched:
they are in no budget, no stop rule and no statistic. Shapes: R rows, W canvas positions, F free positions, V
vocabulary, D hidden.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from ..kernels.formats import Choice, Chosen
from .protocol import CanvasFormat, Denoiser, PackedInfill
from .samplers.entropy_bound import in_order
from .settings import Settings
from .types import UNDECIDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The complete state after a pass; tensors [R, W] where nothing else is said."""

    pass_index: int
    """1 after the first pass, 0 for the starting noise; a start counts the passes behind it."""
    canvas: Tensor
    """Ids that the next pass reads."""
    guess: Tensor
    """Likeliest (or drawn) token everywhere; pinned positions hold their pin."""
    confidence: Tensor
    """Probability of the guess; 1 where pinned."""
    entropy: Tensor
    """Nats; 0 where pinned."""
    accepted: Tensor
    changed: Tensor
    """Accepted in this pass, or revised by it."""
    free: Tensor
    valid: Tensor
    span: Tensor
    """Free positions up to the accepted end of the span: what statistics are about."""
    finished: Tensor
    """Rows [R] that need no further pass."""
    passes: Tensor
    """Passes [R] that each row took."""
    soft: Tensor | None
    """[F, D] of this pass, the next one's self-conditioning."""

    def mean_entropy(self) -> Tensor:
        """Mean entropy [R] over the span slots, in nats."""
        return (self.entropy * self.span).sum(-1) / self.span.sum(-1).clamp(min=1)


def begin(packed: PackedInfill, form: CanvasFormat, vocab_size: int, generator: torch.Generator) -> Step:
    """The starting noise: one row for each length, laid out as `[lead | slots | near suffix | padding]`."""
    lead = len(packed.lead_ids)
    rows, width = len(packed.slots), lead + max(packed.slots) + len(packed.pinned_ids)
    slots = torch.tensor(packed.slots)[:, None]
    place = torch.arange(width)[None] - lead
    free = (place >= 0) & (place < slots)
    valid = place < slots + len(packed.pinned_ids)
    canvas = torch.full((rows, width), form.pad_id)
    canvas[:, :lead] = torch.tensor(packed.lead_ids, dtype=torch.long)
    canvas[free] = _noise(int(free.sum()), form, vocab_size, generator)
    known = torch.zeros(rows, width, dtype=torch.bool)
    for row, draft in enumerate(packed.starts):
        if draft:
            begin_at, end_at = lead, lead + len(draft)
            canvas[row, end_at : lead + int(slots[row])] = form.pad_id
            ids = torch.tensor(draft)
            known[row, begin_at:end_at] = ids != UNDECIDED
            canvas[row, begin_at:end_at] = torch.where(ids != UNDECIDED, ids, canvas[row, begin_at:end_at])
    canvas[valid & (place >= slots)] = torch.tensor(packed.pinned_ids * rows, dtype=torch.long)
    zero = torch.zeros(rows, width)
    none = torch.zeros(rows, width, dtype=torch.bool)
    return Step(
        pass_index=packed.passes,
        canvas=canvas,
        guess=canvas,
        confidence=zero,
        entropy=zero,
        # A draft is only a proposal; what a start has decided stays decided until a pass revises it.
        accepted=known if packed.passes else none,
        changed=none,
        free=free,
        valid=valid,
        span=free,
        finished=torch.zeros(rows, dtype=torch.bool),
        passes=torch.zeros(rows, dtype=torch.long),
        soft=None,
    )


@torch.inference_mode()
def denoise(
    model: Denoiser, context: Any, packed: PackedInfill, settings: Settings, generator: torch.Generator
) -> Iterator[Step]:
    """Yield the state after every pass until all rows are finished or the passes are spent."""
    step = begin(packed, model.format, model.tokenizer.vocab_size, generator)
    bias, rule = _rules(packed, model, step.free)
    while step.pass_index < settings.passes_max and not bool(step.finished.all()):
        choice = Choice(
            bias=bias,
            rule=rule,
            temperature=settings.divisor(step.pass_index + 1),
            sampling=settings.temperature,
            as_multinomial=settings.as_multinomial,
        )
        chosen = _predict_unfinished(model, context, step, choice, generator)
        keeps = packed.passes > 0 and not settings.hurries
        step = advance(step, chosen, model, settings, generator, exact=packed.exact, keeps=keeps)
        if step.pass_index == settings.prune_after:
            step = prune(step, settings.rows_kept)
        yield step


def _predict_unfinished(
    model: Denoiser, context: Any, step: Step, choice: Choice, generator: torch.Generator
) -> Chosen:
    """Of all F positions; finished rows cost nothing and get zeros, which `advance` does not look at."""
    live = ~step.finished
    if bool(live.all()):
        return model.predict(context, step.canvas, step.valid, step.free, step.soft, choice, generator)
    width = int(step.valid[live].sum(-1).max())
    kept = live[step.free.nonzero()[:, 0]]
    soft = None if step.soft is None else step.soft[kept.to(step.soft.device)]
    canvas, valid, free = (tensor[live, :width] for tensor in (step.canvas, step.valid, step.free))
    choice = replace(choice, rule=choice.rule[kept.to(choice.rule.device)])
    part = model.predict(context, canvas, valid, free, soft, choice, generator)
    return Chosen(**{field.name: _spread(getattr(part, field.name), kept) for field in fields(Chosen)})


def _spread(values: Tensor, kept: Tensor) -> Tensor:
    """Values of the kept positions among zeros."""
    whole = values.new_zeros(len(kept), *values.shape[1:])
    whole[kept.to(values.device)] = values
    return whole


def advance(
    step: Step,
    chosen: Chosen,
    model: Denoiser,
    settings: Settings,
    generator: torch.Generator,
    *,
    exact: bool,
    keeps: bool = False,
) -> Step:
    """One sampler step from what was chosen [F]: accept, keep pins, renoise the rest.

    Args:
        keeps: what is accepted stays so while it is the likeliest token, whatever the bound says: else hardly anything
            of a text that is mended would outlive the first pass.
    """
    form, free = model.format, step.free
    entropy = _scatter(free, chosen.entropy, 0.0)
    drawn = step.canvas.masked_scatter(free, chosen.tokens)
    guess = step.canvas.masked_scatter(free, chosen.likeliest) if settings.shows_likeliest else drawn
    confidence = _scatter(free, chosen.log_probs.exp(), 1.0)

    pass_index = step.pass_index + 1
    quota = torch.ceil(free.sum(-1) * pass_index / settings.passes_max).long() * settings.hurries
    accepted = settings.sampler.accept(entropy, free, quota)
    if keeps:
        kept = step.accepted & (step.canvas.masked_scatter(free, chosen.likeliest) == step.canvas)
        accepted, drawn = accepted | kept, torch.where(kept, step.canvas, drawn)
    ends = free & ((guess == form.eom_id) | (guess == form.pad_id)) & (not exact)
    if pass_index < settings.passes_max:
        accepted = in_order(accepted | ~free, ends) & free
    past_end = _past_end(accepted & ends, free)
    accepted |= past_end
    guess, drawn = (torch.where(past_end, form.pad_id, ids) for ids in (guess, drawn))

    noise = torch.empty_like(guess)
    noise[free] = _noise(int(free.sum()), form, model.tokenizer.vocab_size, generator)
    canvas = torch.where(free & ~accepted, noise, drawn)
    held = step.finished[:, None]
    span = free & ~past_end
    settled = (accepted | ~free).all(-1) & (canvas == step.canvas).all(-1) & settings.stops_settled
    quiet = (guess == step.guess).all(-1) & (
        (entropy * span).sum(-1) / span.sum(-1).clamp(min=1) < settings.stop_entropy
    )
    return Step(
        pass_index=pass_index,
        canvas=torch.where(held, step.canvas, canvas),
        guess=torch.where(held, step.guess, guess),
        confidence=torch.where(held, step.confidence, confidence),
        entropy=torch.where(held, step.entropy, entropy),
        accepted=torch.where(held, step.accepted, accepted),
        changed=torch.where(held, False, accepted & (~step.accepted | (guess != step.guess))),
        free=free,
        valid=step.valid,
        span=torch.where(held, step.span, span),
        finished=step.finished | settled | quiet,
        passes=step.passes + (~step.finished).long(),
        soft=chosen.soft,
    )


def _past_end(ends: Tensor, free: Tensor) -> Tensor:
    """Free slots [R, W] behind the first end of their row."""
    return (ends.long().cumsum(-1) - ends.long() > 0) & free


def prune(step: Step, rows_kept: int) -> Step:
    """Ends the rows that look worst: on a CPU every row costs its share of a pass."""
    order = step.mean_entropy().masked_fill(step.finished, -1.0).argsort(stable=True)
    losers = torch.zeros_like(step.finished)
    losers[order[rows_kept:]] = True
    return replace(step, finished=step.finished | losers)


def _noise(count: int, form: CanvasFormat, vocab_size: int, generator: torch.Generator) -> Tensor:
    """Noise tokens as the checkpoint was trained with: the mask, or uniform random text tokens."""
    if form.mask_id is not None:
        return torch.full((count,), form.mask_id)
    return torch.randint(form.first_text_id, vocab_size, (count,), generator=generator)


def _scatter(mask: Tensor, values: Tensor, fill: float) -> Tensor:
    return torch.full(mask.shape, fill).masked_scatter(mask, values.float())


def edge_bias(packed: PackedInfill, model: Denoiser) -> tuple[Tensor, Tensor]:
    """Minus infinity [V] where a token must not stand, in the first slot and in later ones.

    Roles stand nowhere, an end of the span not first; what is borrowed of the text before stands first.
    """
    form, tokenizer = model.format, model.tokenizer
    later = torch.zeros(tokenizer.vocab_size)
    later[model.roles] = -math.inf
    first = later.clone()
    if not packed.exact:
        later[[form.eom_id, form.pad_id]] = 0.0
    if packed.borrowed:
        first += torch.where(tokenizer.begins_with(packed.borrowed), 0.0, -math.inf)
    if packed.guidance is not None and not packed.exact:
        first, later = first + packed.guidance[0], later + packed.guidance[1]
    return first, later


def closing_tokens(packed: PackedInfill, model: Denoiser) -> Tensor:
    """Which tokens end a span that is written left to right, boolean [V].

    The end-of-span token does; and a line break where the span ends with its line: what stands after it is known.
    """
    ends = torch.zeros(model.tokenizer.vocab_size, dtype=torch.bool)
    ends[model.format.eom_id] = True
    if packed.suffix_ids and bool(model.tokenizer.begins_line()[packed.suffix_ids[0]]):
        ends |= model.tokenizer.begins_line()
    return ends


def _rules(packed: PackedInfill, model: Denoiser, free: Tensor) -> tuple[Tensor, Tensor]:
    """Biases [B, V] and which of them each free slot [F] has; both on the model's device.

    After a borrowed line break stands neither another nor the end.
    """
    first_bias, later = edge_bias(packed, model)
    rule = torch.zeros(int(free.sum()), dtype=torch.long)
    counts = free.sum(-1)
    first = counts.cumsum(0) - counts
    biases = [later, first_bias]
    if packed.borrowed == "\n":
        second = torch.where(model.tokenizer.begins_line(), -math.inf, later)
        second[[model.format.eom_id, model.format.pad_id]] = -math.inf
        biases.append(second)
        rule[first[counts > 1] + 1] = 2
    rule[first] = 1
    return torch.stack(biases).to(model.device), rule.to(model.device)

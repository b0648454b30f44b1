"""The denoising loop: predict, sample, yield; a pass at a time, cancelled by closing the generator.

    canvas --predict--> chosen tokens --sampler--> accepted tokens + noise --> Step --> canvas of the next pass

All state of a run is in `Step` (`samplers/step.py`). Shapes: R rows, W canvas positions, F free positions, V
vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import Tensor

from ..kernels.formats import Choice, Chosen
from .encoded import EncodedInfill
from .guidance import breaks_inside
from .protocol import Denoiser, PackedInfill
from .samplers.canvas import CanvasSampler
from .samplers.step import SamplerStep, Step
from .settings import Settings
from .types import UNDECIDED


@torch.inference_mode()
def denoise(
    encoded: EncodedInfill, settings: Settings, generator: torch.Generator, sampler: SamplerStep | None = None
) -> Iterator[Step]:
    """Yield the state after every pass until all rows are finished or the passes are spent.

    Args:
        sampler: instead of the one for canvases.
    """
    model, packed = encoded.model, encoded.packed
    sampler = sampler or CanvasSampler(
        packed=packed, form=model.format, vocab_size=model.tokenizer.vocab_size, settings=settings
    )
    step = sampler.initialize(generator)
    bias, rule = _rules(packed, model, step.free)
    while step.pass_index < settings.passes_max and not bool(step.finished.all()):
        choice = Choice(
            bias=bias,
            rule=rule,
            temperature=settings.divisor(step.pass_index + 1),
            sampling=settings.temperature,
            as_multinomial=settings.as_multinomial,
        )
        chosen = _predict_unfinished(encoded, step, choice, generator)
        moved = sampler.update if step.pass_index + 1 < settings.passes_max else sampler.finalize
        step = moved(step, chosen, generator)
        yield step


def _predict_unfinished(encoded: EncodedInfill, step: Step, choice: Choice, generator: torch.Generator) -> Chosen:
    """Of all F positions; finished rows cost nothing and get zeros, which no sampler looks at."""
    model, context, live = encoded.model, encoded.context, ~step.finished
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


def whole_tokens(bias: Tensor, model: Denoiser) -> Tensor:
    """A bias [V] that also forbids tokens with a line break behind what belongs to a line that ends."""
    return torch.where(breaks_inside(model.tokenizer), -math.inf, bias)


def _is_one_line(packed: PackedInfill, model: Denoiser) -> bool:
    """Whether a canvas ends with its line: a network that only writes on would go on with the lines behind it."""
    if model.format.middle_id is None or int(closing_tokens(packed, model).sum()) == 1:
        return False
    breaks = model.tokenizer.begins_line()
    return not any(bool(breaks[token]) for start in packed.starts for token in start[1:] if token != UNDECIDED)


def _rules(packed: PackedInfill, model: Denoiser, free: Tensor) -> tuple[Tensor, Tensor]:
    """Biases [B, V] and which of them each free slot [F] has; both on the model's device.

    After a borrowed line break stands neither another nor the end.
    """
    first_bias, later = edge_bias(packed, model)
    if _is_one_line(packed, model):
        later = whole_tokens(later, model).masked_fill(model.tokenizer.begins_line(), -math.inf)
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

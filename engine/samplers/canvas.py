"""The sampler of span canvases: accept what is certain, keep pins, renoise the rest.

    canvas: pinned lead | span slots | near suffix (pinned) | padding         one row for each length that is tried

Pinned positions are written once and never touched: they are in no budget, no stop rule and no statistic. Which
predictions are accepted is the rule's matter (`entropy_bound.py`); length is decided last. Shapes: R rows, W canvas
positions, F free positions of all rows together in row-major order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...kernels.formats import Chosen
from ..protocol import CanvasFormat, PackedInfill
from ..settings import Settings
from ..types import UNDECIDED
from .entropy_bound import in_order
from .step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class CanvasSampler:
    """A `SamplerStep` for one packed request."""

    packed: PackedInfill
    form: CanvasFormat
    vocab_size: int
    settings: Settings

    def initialize(self, generator: torch.Generator) -> Step:
        """One row for each length, laid out as `[lead | slots | near suffix | padding]`; drafts stand in their rows."""
        packed, form = self.packed, self.form
        lead = len(packed.lead_ids)
        rows, width = len(packed.slots), lead + max(packed.slots) + len(packed.pinned_ids)
        slots = torch.tensor(packed.slots)[:, None]
        place = torch.arange(width)[None] - lead
        free = (place >= 0) & (place < slots)
        valid = place < slots + len(packed.pinned_ids)
        canvas = torch.full((rows, width), form.pad_id)
        canvas[:, :lead] = torch.tensor(packed.lead_ids, dtype=torch.long)
        canvas[free] = self._noise(int(free.sum()), generator)
        known = self._with_starts(canvas)
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

    def update(self, step: Step, chosen: Chosen, generator: torch.Generator) -> Step:
        """Accept what the rule allows, an end of the span behind accepted slots alone; at times, end the worst rows."""
        step = self._advance(step, chosen, generator, is_last=False)
        return prune(step, self.settings.rows_kept) if step.pass_index == self.settings.prune_after else step

    def finalize(self, step: Step, chosen: Chosen, generator: torch.Generator) -> Step:
        """As `update`, but an end of the span is taken wherever it is accepted: no pass will fill what is before."""
        return self._advance(step, chosen, generator, is_last=True)

    def _with_starts(self, canvas: Tensor) -> Tensor:
        """Write what rows begin with into the canvas [R, W]; returns where that is decided, boolean [R, W]."""
        known, lead = torch.zeros(canvas.shape, dtype=torch.bool), len(self.packed.lead_ids)
        for row, draft in enumerate(self.packed.starts):
            if draft:
                end = lead + len(draft)
                canvas[row, end : lead + self.packed.slots[row]] = self.form.pad_id
                ids = torch.tensor(draft)
                known[row, lead:end] = ids != UNDECIDED
                canvas[row, lead:end] = torch.where(ids != UNDECIDED, ids, canvas[row, lead:end])
        return known

    def _advance(self, step: Step, chosen: Chosen, generator: torch.Generator, *, is_last: bool) -> Step:
        form, settings, free = self.form, self.settings, step.free
        entropy = _scatter(free, chosen.entropy, 0.0)
        drawn = step.canvas.masked_scatter(free, chosen.tokens)
        guess = step.canvas.masked_scatter(free, chosen.likeliest) if settings.shows_likeliest else drawn
        accepted, drawn = self._accepted(step, chosen, entropy, drawn)
        ends = free & ((guess == form.eom_id) | (guess == form.pad_id)) & (not self.packed.exact)
        if not is_last:
            accepted = in_order(accepted | ~free, ends) & free
        past_end = _past_end(accepted & ends, free)
        accepted |= past_end
        guess, drawn = (torch.where(past_end, form.pad_id, ids) for ids in (guess, drawn))

        noise = torch.empty_like(guess)
        noise[free] = self._noise(int(free.sum()), generator)
        canvas = torch.where(free & ~accepted, noise, drawn)
        held, span = step.finished[:, None], free & ~past_end
        settled = (accepted | ~free).all(-1) & (canvas == step.canvas).all(-1) & settings.stops_settled
        sure = (entropy * span).sum(-1) / span.sum(-1).clamp(min=1) < settings.stop_entropy
        quiet = (guess == step.guess).all(-1) & sure
        return Step(
            pass_index=step.pass_index + 1,
            canvas=torch.where(held, step.canvas, canvas),
            guess=torch.where(held, step.guess, guess),
            confidence=torch.where(held, step.confidence, _scatter(free, chosen.log_probs.exp(), 1.0)),
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

    def _accepted(self, step: Step, chosen: Chosen, entropy: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Accepted slots [R, W], and the drawn tokens with those that stay.

        What is accepted of a text that is mended stays so while it is the likeliest token, whatever the bound says:
        else hardly anything of it would outlive the first pass.
        """
        settings, free = self.settings, step.free
        quota = torch.ceil(free.sum(-1) * (step.pass_index + 1) / settings.passes_max).long() * settings.hurries
        accepted = settings.sampler.accept(entropy, free, quota)
        if self.packed.passes > 0 and not settings.hurries:
            kept = step.accepted & (step.canvas.masked_scatter(free, chosen.likeliest) == step.canvas)
            accepted, drawn = accepted | kept, torch.where(kept, step.canvas, drawn)
        return accepted, drawn

    def _noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Noise tokens as the checkpoint was trained with: the mask, or uniform random text tokens."""
        if self.form.mask_id is not None:
            return torch.full((count,), self.form.mask_id)
        return torch.randint(self.form.first_text_id, self.vocab_size, (count,), generator=generator)


def prune(step: Step, rows_kept: int) -> Step:
    """Ends the rows that look worst: on a CPU every row costs its share of a pass."""
    order = step.mean_entropy().masked_fill(step.finished, -1.0).argsort(stable=True)
    losers = torch.zeros_like(step.finished)
    losers[order[rows_kept:]] = True
    return replace(step, finished=step.finished | losers)


def _past_end(ends: Tensor, free: Tensor) -> Tensor:
    """Free slots [R, W] behind the first end of their row."""
    return (ends.long().cumsum(-1) - ends.long() > 0) & free


def _scatter(mask: Tensor, values: Tensor, fill: float) -> Tensor:
    return torch.full(mask.shape, fill).masked_scatter(mask, values.float())

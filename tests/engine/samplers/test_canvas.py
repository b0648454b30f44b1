"""The steps of a run one by one: what the last pass may do that earlier ones may not, and another sampler's run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from dgedit.engine.denoise import denoise
from dgedit.engine.packing import pack
from dgedit.engine.samplers.canvas import CanvasSampler, prune
from dgedit.engine.samplers.step import Step
from dgedit.engine.settings import Settings
from dgedit.engine.tokenizer import EOM, PAD
from dgedit.engine.types import InfillRequest
from dgedit.kernels.formats import Chosen

from ...support.runs import read, starting_noise
from ...support.toy import FORMAT, ToyDenoiser

REQUEST = InfillRequest(prefix="a = ", suffix="\nb = 2\n")


def sampler_of(model: ToyDenoiser, *slots: int, settings: Settings | None = None) -> CanvasSampler:
    packed = replace(pack(REQUEST, model.tokenizer, FORMAT), slots=slots, starts=((),) * len(slots))
    vocab_size = model.tokenizer.vocab_size
    return CanvasSampler(packed=packed, form=FORMAT, vocab_size=vocab_size, settings=settings or Settings())


def chosen(tokens: list[int], entropies: list[float]) -> Chosen:
    ids, entropy = torch.tensor(tokens), torch.tensor(entropies)
    return Chosen(
        tokens=ids, likeliest=ids, log_probs=torch.zeros(len(tokens)), entropy=entropy, soft=torch.zeros(len(tokens), 1)
    )


def test_an_end_waits_for_what_is_before_it_in_all_passes_but_the_last() -> None:
    sampler = sampler_of(ToyDenoiser("ab", lambda _pass, _slot: 0.9), 4, settings=Settings(hurries=False))
    draws = torch.Generator().manual_seed(0)
    start = sampler.initialize(draws)
    # The end in the third slot is certain and the bound takes one more slot, so the second one stays open.
    predicted = chosen([40, 41, EOM, 42], [5.0, 5.0, 0.0, 5.0])
    assert sampler.update(start, predicted, draws).accepted[0, :4].tolist() == [True, False, False, False]
    last = sampler.finalize(start, predicted, draws)
    assert last.accepted[0, :4].tolist() == [True, False, True, True]
    assert last.guess[0, :4].tolist() == [40, 41, EOM, PAD], "behind the end stands nothing"
    assert last.pass_index == 1


def test_an_update_ends_the_worst_rows_when_it_is_their_time() -> None:
    settings = Settings(prune_after=1, rows_kept=1)
    sampler = sampler_of(ToyDenoiser("ab", lambda _pass, _slot: 0.9), 2, 2, settings=settings)
    draws = torch.Generator().manual_seed(0)
    predicted = chosen([40, 41, 40, 41], [0.9, 0.9, 0.8, 0.8])
    assert sampler.update(sampler.initialize(draws), predicted, draws).finished.tolist() == [True, False]


def test_pruning_leaves_what_is_finished() -> None:
    model = ToyDenoiser("ab", lambda _pass, _slot: 0.9)
    step = starting_noise(sampler_of(model, 2, 2, 2).packed, FORMAT, model.tokenizer.vocab_size, torch.Generator())
    step = replace(step, finished=torch.tensor([True, False, False]))
    assert prune(step, 2).finished.tolist() == [True, False, True]


@dataclass(frozen=True)
class Greedy:
    """Takes everything at once."""

    inner: CanvasSampler

    def initialize(self, generator: torch.Generator) -> Step:
        return self.inner.initialize(generator)

    def update(self, step: Step, chosen: Chosen, generator: torch.Generator) -> Step:
        moved = self.finalize(step, chosen, generator)
        return replace(moved, finished=torch.ones_like(moved.finished))

    def finalize(self, step: Step, chosen: Chosen, generator: torch.Generator) -> Step:
        canvas = step.canvas.masked_scatter(step.free, chosen.tokens)
        return replace(step, pass_index=step.pass_index + 1, canvas=canvas, guess=canvas, accepted=step.free)


def test_the_loop_runs_any_sampler() -> None:
    model = ToyDenoiser("ab", lambda _pass, _slot: 0.4)
    inner = sampler_of(model, 2)
    steps = list(denoise(read(model, inner.packed), Settings(passes_max=6), torch.Generator(), Greedy(inner)))
    assert len(steps) == 1
    assert steps[0].guess[0, :2].tolist() == model.answer
    assert steps[0].accepted[0, :2].tolist() == [True, True]

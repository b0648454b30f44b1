"""Tunes a pretrained network to infill: the loop, its schedule, progress, checkpoints that a killed run resumes from.

Weights are bfloat16, with float32 masters that AdamW moves; embeddings of text are frozen. Everything that decides the
next step is in the checkpoint or a function of it, so a resumed run is the run, to the bit. It must know nothing of
where text comes from.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..models.llama.network import LlamaConfig, LlamaDenoiser, own_names
from ..tokenizer import SPECIAL_TOKENS
from .branch_objective import BranchTensors, Losses, Objective, to_tensors
from .branches import BranchSampler, BranchShape
from .data import TokenCorpus
from .trainer import matrix_ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRecipe:
    """What a run is; saved beside its checkpoints."""

    minutes: float = 80.0
    """Training time budget of this run's own clock; the rate falls to a twentieth over the last `decay_share` of it."""
    million_tokens: float = 0.0
    """Budget in millions of tokens instead, where it is not 0."""
    decay_share: float = 0.35
    rate: float = 1.5e-4
    """AdamW's, for matrices and norms."""
    role_rate: float = 1e-3
    """For the embeddings of ids with a role."""
    weight_decay: float = 0.01
    warmup_steps: int = 30
    text_weight: float = 0.5
    span_weight: float = 1.0
    canvas_weight: float = 1.0
    seed: int = 1


SHORT = BranchShape(rows=1, prefix=384, branches=6, suffix=64, answer=32, canvas=40)
LONG = BranchShape(rows=1, prefix=384, branches=3, suffix=64, answer=72, canvas=84)
FAR = BranchShape(rows=1, prefix=640, branches=3, suffix=256, answer=32, canvas=40)
"""Far more is read than spans are written, as at inference: the truth costs a tenth less behind long contexts."""


def shapes() -> tuple[BranchShape, ...]:
    """Of the batches, in turns."""
    return FAR, SHORT, FAR, LONG


HELD_OUT_BATCHES = 8
HELD_OUT_EVERY = 50
"""Steps."""


@dataclass(slots=True)
class TuningProgress:
    """How far a run is; part of the checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    log: list[dict[str, float]] = field(default_factory=list)


class Tuning:
    """One run in one folder; making it again with the same folder goes on where it stopped."""

    def __init__(
        self,
        folder: Path,
        config: LlamaConfig,
        weights: dict[str, Tensor],
        recipe: TuningRecipe,
        train: TokenCorpus,
        heldout: TokenCorpus,
        *,
        device: torch.device,
        compiled: bool = True,
    ) -> None:
        self.folder, self.config, self.recipe, self.device = folder, config, recipe, device
        self.corpora = train, heldout
        self.model = LlamaDenoiser(config)
        self.model.load_state_dict(own_names(weights))
        self.model = self.model.to(device)
        self.masters = {name: p.detach().float().clone() for name, p in self.model.named_parameters()}
        self.model = self.model.to(torch.bfloat16)
        self.roles = self.masters["embed_tokens"][: len(SPECIAL_TOKENS)].clone().requires_grad_()
        self.trained = {name: master for name, master in self.masters.items() if name != "embed_tokens"}
        self.model.embed_tokens.requires_grad_(False)
        self.optimiser = self._optimiser()
        self.progress = TuningProgress()
        folder.mkdir(parents=True, exist_ok=True)
        # A kill between the two renames of `save` leaves the state under its old name.
        for name in ("last", "old"):
            if (folder / name / "state.json").exists():
                self._load(folder / name)
                break
        self.objective = Objective(self.model, compiled=compiled)

    def _optimiser(self) -> torch.optim.AdamW:
        recipe = self.recipe
        for master in self.trained.values():
            master.requires_grad_()
        matrices = [m for m in self.trained.values() if m.ndim == 2]
        norms = [m for m in self.trained.values() if m.ndim == 1]
        groups = [
            {"params": matrices, "lr": recipe.rate, "weight_decay": recipe.weight_decay},
            {"params": norms, "lr": recipe.rate, "weight_decay": 0.0},
            {"params": [self.roles], "lr": recipe.role_rate, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-8, fused=True)

    @property
    def done(self) -> float:
        """Spent share of the budget, 0 to 1."""
        if self.recipe.million_tokens:
            return self.progress.tokens / 1e6 / self.recipe.million_tokens
        return self.progress.seconds / 60 / self.recipe.minutes

    def rate_factor(self) -> float:
        """Warm-up, plateau, linear decay."""
        warm = min(1.0, (self.progress.step + 1) / self.recipe.warmup_steps)
        left = max(0.0, 1.0 - self.done)
        return warm * (1.0 if left >= self.recipe.decay_share else 0.05 + 0.95 * left / self.recipe.decay_share)

    def run(self, *, stop_at_step: int | None = None, report_every: int = 10, save_every_s: float = 240.0) -> None:
        """Train until the budget is spent, or so many steps are made; saves as it goes."""
        samplers = [BranchSampler(self.corpora[0], shape, self.recipe.seed) for shape in shapes()]
        ceiling = matrix_ceiling(self.device)
        saved = time.monotonic()
        recent = list[tuple[Losses, int, float]]()
        with ThreadPoolExecutor(1) as ahead:
            waiting = ahead.submit(self._batch, samplers, self.progress.step)
            while self.done < 1 and self.progress.step != stop_at_step:
                began = time.monotonic()
                batch = waiting.result()
                waiting = ahead.submit(self._batch, samplers, self.progress.step + 1)
                losses = self._step(batch)
                took = time.monotonic() - began
                self.progress.step += 1
                self.progress.tokens += len(batch.ids)
                self.progress.seconds += took
                recent.append((losses, len(batch.ids), took))
                if len(recent) == report_every:
                    self._report(recent, ceiling)
                    recent.clear()
                if time.monotonic() - saved > save_every_s:
                    self.save()
                    saved = time.monotonic()
        self.save()

    def _batch(self, samplers: list[BranchSampler], step: int) -> BranchTensors:
        chosen = samplers[step % len(samplers)]
        return to_tensors(chosen.batch(step), chosen.shape.suffix, self.device, torch.bfloat16)

    def _step(self, batch: BranchTensors) -> Losses:
        recipe, factor = self.recipe, self.rate_factor()
        for group, rate in zip(self.optimiser.param_groups, (recipe.rate, recipe.rate, recipe.role_rate), strict=True):
            group["lr"] = rate * factor
        losses = self.objective(batch, self.roles.to(torch.bfloat16))
        total = recipe.text_weight * losses.text + recipe.span_weight * losses.span
        torch.autograd.backward(total + recipe.canvas_weight * losses.canvas)
        parameters = dict(self.model.named_parameters())
        for name, master in self.trained.items():
            grad = parameters[name].grad
            assert grad is not None, f"{name} takes part in every loss"
            master.grad = grad.float()
            parameters[name].grad = None
        torch.nn.utils.clip_grad_norm_([*self.trained.values(), self.roles], 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self._publish()
        return losses

    @torch.no_grad()
    def _publish(self) -> None:
        """Copy the masters into the weights that compute."""
        for name, parameter in self.model.named_parameters():
            if name == "embed_tokens":
                parameter[: len(SPECIAL_TOKENS)].copy_(self.roles)
            else:
                parameter.copy_(self.trained[name])

    @torch.no_grad()
    def held_out(self) -> dict[str, float]:
        """Losses on batches of packages that are not trained on, always the same ones."""
        sampler = BranchSampler(self.corpora[1], SHORT, seed=10_007)
        totals = dict[str, float]()
        for index in range(HELD_OUT_BATCHES):
            batch = to_tensors(sampler.batch(index), sampler.shape.suffix, self.device, torch.bfloat16)
            losses = self.objective(batch, self.roles.to(torch.bfloat16))
            for name in ("text", "span", "canvas", "full_noise"):
                totals[name] = totals.get(name, 0.0) + float(getattr(losses, name)) / HELD_OUT_BATCHES
        return totals

    def _report(self, recent: list[tuple[Losses, int, float]], ceiling: float) -> None:
        tokens, seconds = sum(r[1] for r in recent), sum(r[2] for r in recent)
        row = {
            "step": float(self.progress.step),
            "million_tokens": self.progress.tokens / 1e6,
            "minutes": self.progress.seconds / 60,
            "rate_factor": self.rate_factor(),
            "tokens_per_second": tokens / seconds,
            "share_of_peak": tokens / seconds * self.token_cost() / ceiling,
        }
        for name in ("text", "span", "canvas"):
            row[name] = sum(float(getattr(r[0], name).detach()) for r in recent) / len(recent)
        if self.progress.step // HELD_OUT_EVERY > (self.progress.step - len(recent)) // HELD_OUT_EVERY:
            row |= {f"held_out_{name}": value for name, value in self.held_out().items()}
        self.progress.log.append({key: round(value, 5) for key, value in row.items()})
        print(" ".join(f"{key} {value:.4g}" for key, value in row.items()), file=sys.stderr, flush=True)

    def token_cost(self) -> float:
        """Operations of training one token: six for each weight of a matrix; attention and head are not counted."""
        return 6.0 * sum(m.numel() for m in self.trained.values() if m.ndim == 2)

    def save(self) -> None:
        """Write the whole state to `folder`/last; a kill leaves the old one or the new one."""
        partial, last, old = (self.folder / name for name in ("partial", "last", "old"))
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        save_file(
            {n: m.detach() for n, m in self.trained.items()} | {"roles": self.roles.detach()},
            partial / "masters.safetensors",
        )
        moments = {
            f"{index}.{key}": value.clone()
            for index, state in self.optimiser.state_dict()["state"].items()
            for key, value in state.items()
        }
        save_file(moments, partial / "moments.safetensors")
        state = {"recipe": asdict(self.recipe), "config": self.config.to_dict(), "progress": asdict(self.progress)}
        (partial / "state.json").write_text(json.dumps(state), encoding="utf-8")
        shutil.rmtree(old, ignore_errors=True)
        if last.exists():
            os.rename(last, old)
        os.rename(partial, last)
        shutil.rmtree(old, ignore_errors=True)

    def _load(self, folder: Path) -> None:
        masters = load_file(folder / "masters.safetensors")
        with torch.no_grad():
            self.roles.copy_(masters.pop("roles"))
            for name, tensor in masters.items():
                self.trained[name].copy_(tensor)
        state = self.optimiser.state_dict()
        state["state"] = {}
        for name, tensor in load_file(folder / "moments.safetensors").items():
            index, key = name.split(".", 1)
            state["state"].setdefault(int(index), {})[key] = tensor
        self.optimiser.load_state_dict(state)
        saved = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        self.progress = TuningProgress(**saved["progress"])
        self._publish()


def weights_for_export(tuning: Tuning) -> dict[str, Tensor]:
    """Float32 weights by the network's names, role embeddings in place."""
    table = tuning.masters["embed_tokens"].clone()
    table[: len(SPECIAL_TOKENS)] = tuning.roles.detach()
    return {name: tensor.detach() for name, tensor in tuning.trained.items()} | {"embed_tokens": table}

"""The training loop: stages, learning rate, progress, checkpoints that a killed run resumes from.

A run is two stages: left to right on plain windows, then the joint objective that makes a denoiser of it (as
DiffusionGemma was made from an autoregressive model). Everything that decides the next step is in the checkpoint
or a function of it. It must know nothing of where text comes from.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..models.nano.network import NanoConfig, NanoDenoiser
from .data import Noise, Sampler, Shape, TokenCorpus
from .objective import DeviceBatch, losses, self_conditioning_signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a run is; saved beside its checkpoints."""

    minutes: float = 90.0
    """Training time budget in minutes of this process's training; the learning-rate schedule follows it."""
    million_tokens: float = 0.0
    """Budget in millions of tokens instead, where it is not 0: then every step is a function of the steps before it,
    and a run in several legs is the run in one."""
    causal_share: float = 0.4
    """Share of the budget spent left to right before conversion; 0 trains jointly from the start."""
    decay_share: float = 0.25
    """Last share of the budget, over which the learning rate falls to a tenth."""
    rows: int = 10
    context: int = 288
    mask_share: float = 0.85
    matrix_rate: float = 3e-3
    """Learning rate of Muon, in AdamW's scale."""
    vector_rate: float = 3e-3
    """Learning rate of AdamW, for embeddings and norms."""
    weight_decay: float = 0.1
    causal_weight: float = 0.5
    """Weight of the left-to-right loss while denoising is trained."""
    self_conditioning: float = 0.5
    """Share of batches with a first pass to condition on, in the last two thirds of the conversion."""
    warmup_steps: int = 100
    seed: int = 1


@dataclass(slots=True)
class TrainingProgress:
    """How far a run is; part of the checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    log: list[dict[str, float]] = field(default_factory=list)


def learning_rate_factor(done: float, step: int, recipe: Recipe) -> float:
    """Warm-up, plateau, linear decay to a tenth (WSD); `done` is the spent share of the budget."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    left = max(0.0, 1.0 - done)
    return warm * (1.0 if left >= recipe.decay_share else 0.1 + 0.9 * left / recipe.decay_share)


def optimisers(model: NanoDenoiser, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    vectors = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(
            matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(vectors, lr=recipe.vector_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def training_flops(model: NanoDenoiser, context: int) -> float:
    """Operations of training one token: six for each weight of a matrix, and attention over half the context."""
    matrices = sum(p.numel() for p in model.parameters() if p.ndim == 2)
    config = model.config
    return 6.0 * matrices + 6.0 * config.num_layers * context * config.num_heads * config.head_dim


def matrix_ceiling(device: torch.device, size: int = 2048, runs: int = 7) -> float:
    """Operations a second of a large bfloat16 matrix product here: what model FLOPs utilisation (MFU) is a share of."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    times = list[float]()
    for _ in range(runs):
        began = time.perf_counter()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times)


class Trainer:
    """One run in one folder; making it again with the same folder goes on where it stopped."""

    def __init__(
        self,
        folder: Path,
        config: NanoConfig,
        recipe: Recipe,
        train: TokenCorpus,
        heldout: TokenCorpus,
        *,
        device: torch.device,
        compile_model: bool = True,
        exact_match: Callable[[NanoDenoiser], float] | None = None,
    ) -> None:
        self.folder, self.config, self.recipe, self.device = folder, config, recipe, device
        self.train_corpus, self.heldout_corpus = train, heldout
        self.exact_match = exact_match
        torch.manual_seed(recipe.seed)
        self.model = NanoDenoiser(config).to(device)
        self.optimisers = optimisers(self.model, recipe)
        self.base_rates = [group["lr"] for optimiser in self.optimisers for group in optimiser.param_groups]
        self.progress = TrainingProgress()
        self._ceiling: float | None = None
        self._token_cost = training_flops(self.model, recipe.context)
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "last" / "state.json").exists():
            self._load(folder / "last")
        self._losses = torch.compile(losses) if compile_model else losses
        self._signal = torch.compile(self_conditioning_signal) if compile_model else self_conditioning_signal

    @property
    def done(self) -> float:
        """Spent share of the budget, 0 to 1."""
        return self._done_at(self.progress.tokens)

    def _done_at(self, tokens: int) -> float:
        if self.recipe.million_tokens:
            return tokens / 1e6 / self.recipe.million_tokens
        return self.progress.seconds / 60 / self.recipe.minutes

    @property
    def converting(self) -> bool:
        """Whether the run is past its left-to-right stage."""
        return self.done >= self.recipe.causal_share

    def shapes(self, done: float) -> list[Shape]:
        """Batch shapes of the stage at that share of the budget; they take turns by step, the first thrice in four."""
        rows, context = self.recipe.rows, self.recipe.context
        if done < self.recipe.causal_share:
            return [Shape(rows=rows, context=context + 192, canvases=0, canvas=0)]
        short = Shape(rows=rows, context=context, canvases=4, canvas=48)
        return [short, short, short, Shape(rows=rows, context=context, canvases=2, canvas=96)]

    def run(
        self,
        *,
        stop_at_tokens: int | None = None,
        stop_at_time: float | None = None,
        save_every_s: float = 240.0,
        report_every_s: float = 30.0,
        evaluate_every_s: float = 900.0,
    ) -> None:
        """Train until the budget is spent, saving as it goes; or until so many tokens are seen, or a time has come.

        Args:
            stop_at_time: by `time.monotonic`; a step that has begun is ended, then everything is saved.
        """
        saved = reported = evaluated = time.monotonic()
        recent: list[tuple[float, float]] = []
        tokens_before = self.progress.tokens
        for batch in self._batches():
            began = time.monotonic()
            recent.append(self._step(batch))
            now = time.monotonic()
            self.progress.seconds += now - began
            stop = self.done >= 1 or (stop_at_tokens is not None and self.progress.tokens >= stop_at_tokens)
            stop |= stop_at_time is not None and now >= stop_at_time
            if now - reported > report_every_s or stop:
                self._report(recent, (self.progress.tokens - tokens_before) / (now - reported))
                recent, reported, tokens_before = [], now, self.progress.tokens
            if now - saved > save_every_s:
                self.save()
                saved = now
            if now - evaluated > evaluate_every_s or stop:
                self._evaluate()
                evaluated = reported = time.monotonic()
            if stop:
                self.save()
                return

    def _batches(self) -> Iterator[DeviceBatch]:
        """Batches in order, the next one made while the present one trains."""
        noise = Noise(mask_share=self.recipe.mask_share)

        def make(step: int, done: float) -> DeviceBatch:
            turn = self.shapes(done)
            shape = turn[step % len(turn)]
            batch = Sampler(self.train_corpus, shape, noise, self.recipe.seed).batch(step)
            return DeviceBatch.of(batch, shape.context, self.device)

        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(make, self.progress.step, self.done)
            while True:
                batch = coming.result()
                # Not `done` as it is now: a leg that resumes after this batch must make the same next one.
                after = self._done_at(self.progress.tokens + batch.ids.numel())
                coming = pool.submit(make, self.progress.step + 1, after)
                yield batch

    def _step(self, batch: DeviceBatch) -> tuple[float, float]:
        recipe, progress = self.recipe, self.progress
        factor = learning_rate_factor(self.done, progress.step, recipe)
        groups = [group for optimiser in self.optimisers for group in optimiser.param_groups]
        for group, rate in zip(groups, self.base_rates, strict=True):
            group["lr"] = rate * factor
        with torch.autocast(self.device.type, torch.bfloat16):
            causal, denoising = self._losses(self.model, batch, self._soft(batch))
            has_canvas = batch.context < batch.ids.shape[1]
            total = denoising + recipe.causal_weight * causal if has_canvas else causal
        torch.autograd.backward(total)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        progress.step += 1
        progress.tokens += batch.ids.numel()
        values = causal.item(), denoising.item()
        if not all(map(math.isfinite, values)):
            raise FloatingPointError(f"loss became {values} at step {progress.step}; lower matrix_rate and resume")
        return values

    def _soft(self, batch: DeviceBatch) -> Tensor | None:
        """Self-conditioning for a share of the batches; zeros, which mean none, for the others."""
        rows, length = batch.ids.shape
        if batch.context == length:
            return None
        begin = self.recipe.causal_share + (1 - self.recipe.causal_share) / 3
        chance = torch.rand(
            (), generator=torch.Generator().manual_seed(self.recipe.seed * 7919 + self.progress.step)
        ).item()
        if self.done >= begin and chance < self.recipe.self_conditioning:
            with torch.no_grad():
                return self._signal(self.model, batch)
        return torch.zeros(
            rows, length - batch.context, self.config.hidden_size, dtype=torch.bfloat16, device=self.device
        )

    @torch.no_grad()
    def heldout_losses(self) -> dict[str, float]:
        """Left-to-right, full-noise and 0.3-noise loss on fixed batches of held-out packages."""
        out: dict[str, float] = {}
        shape = Shape(rows=16, context=self.recipe.context, canvases=4, canvas=48)
        for name, noise in _PROBES.items():
            sums = [0.0, 0.0]
            for step in range(3):
                batch = Sampler(self.heldout_corpus, shape, noise(self.recipe), 10_007).batch(step)
                with torch.autocast(self.device.type, torch.bfloat16):
                    pair = losses(self.model, DeviceBatch.of(batch, shape.context, self.device), None)
                sums = [sum_ + value.item() / 3 for sum_, value in zip(sums, pair, strict=True)]
            out[name] = sums[1]
            out["causal"] = sums[0]
        return out

    def _evaluate(self) -> None:
        values = self.heldout_losses()
        if self.exact_match is not None and self.converting:
            values["exact_match"] = self.exact_match(self.model)
        self._note({f"heldout_{name}": round(value, 4) for name, value in values.items()})

    def _report(self, recent: list[tuple[float, float]], tokens_per_second: float) -> None:
        if self._ceiling is None:
            self._ceiling = matrix_ceiling(self.device)
        causal = sum(pair[0] for pair in recent) / len(recent)
        # Left-to-right steps have no denoising loss; a report may span the change of stage.
        denoised = [pair[1] for pair in recent if pair[1]]
        denoising = sum(denoised) / max(1, len(denoised))
        self._note(
            {
                "causal": round(causal, 4),
                "denoising": round(denoising, 4),
                "tokens_per_s": round(tokens_per_second),
                "mfu": round(tokens_per_second * self._token_cost / self._ceiling, 3),
            }
        )

    def _note(self, values: dict[str, float]) -> None:
        progress = self.progress
        row = {"step": progress.step, "tokens": progress.tokens, "minutes": round(progress.seconds / 60, 2), **values}
        progress.log.append(row)
        print("  ".join(f"{name} {value}" for name, value in row.items()), file=sys.stderr, flush=True)

    def save(self) -> None:
        """Write the checkpoint beside the last one, then put it in its place in one rename."""
        fresh, last, old = (self.folder / name for name in ("fresh", "last", "old"))
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_file({k: v.contiguous() for k, v in self.model.state_dict().items()}, fresh / "model.safetensors")
        tensors: dict[str, Tensor] = {}
        for number, optimiser in enumerate(self.optimisers):
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{number}.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
        save_file(tensors, fresh / "optimiser.safetensors")
        state = {"config": self.config.to_dict(), "recipe": asdict(self.recipe), "progress": asdict(self.progress)}
        (fresh / "state.json").write_text(json.dumps(state), encoding="utf-8")
        shutil.rmtree(old, ignore_errors=True)
        if last.exists():
            last.rename(old)
        fresh.rename(last)
        shutil.rmtree(old, ignore_errors=True)

    def _load(self, last: Path) -> None:
        state = json.loads((last / "state.json").read_text(encoding="utf-8"))
        if state["config"] != self.config.to_dict():
            raise ValueError(
                f"{last} holds a network of other sizes: {state['config']}; choose another --out or the same sizes"
            )
        self.model.load_state_dict(load_file(last / "model.safetensors"))
        tensors = load_file(last / "optimiser.safetensors")
        for number, optimiser in enumerate(self.optimisers):
            whole = optimiser.state_dict()
            states: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                which, index, name = key.split(".", 2)
                if int(which) == number:
                    states.setdefault(int(index), {})[name] = value
            whole["state"] = states
            optimiser.load_state_dict(whole)
        self.progress = TrainingProgress(**state["progress"])


def _probe(noise: Noise) -> Callable[[Recipe], Noise]:
    return lambda recipe: Noise(mask_share=recipe.mask_share, full_share=noise.full_share, level=noise.level)


_PROBES = {"full_noise": _probe(Noise(full_share=1.0)), "noise_0.3": _probe(Noise(full_share=0.0, level=0.3))}

"""`python -m dgedit.engine.evals.large`: how fast the 26B is, on random weights of its shape, beside transformers.

No weights are needed: time and memory do not depend on them. On a GPU it prints, as it measures: the ceilings
of the card, the kernels against them and against plain torch, prefill, milliseconds a pass by context, canvas and
precision, a step of transformers' own `generate` on the very same tensors, a whole span with a kept context and
without. `--shape tiny` runs every line of it on any machine; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ...kernels import ops, reference
from ...kernels.formats import BLOCK, Choice, Nf4, Weight
from ..denoise import denoise
from ..encoded import EncodedInfill
from ..memory import gb, weight_bytes
from ..models.gemma.config import GemmaConfig
from ..models.gemma.infiller import GemmaContext, GemmaInfiller, published_settings
from ..models.gemma.layout import Precision, Slot, WeightPart, layout
from ..models.gemma.load import plain_format
from ..models.gemma.network import GemmaNetwork
from ..models.gemma.tokenizer import GemmaTokenizer
from ..protocol import PackedInfill
from ..types import ContextUse, InfillRequest, ModelInfo
from . import stock

CONTEXTS = (512, 2048, 8192)
CANVASES = (64, 128, 256)
RUNS = 15
SPAN_PASSES = 16
"""What the published sampler mostly takes for code."""
NOTHING = InfillRequest(prefix="", suffix="")
"""Ids are made up here, not packed from a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRow:
    """One figure."""

    what: str
    value: float
    unit: str


class Numbers:
    """A tokenizer of a vocabulary without text."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        self.roles = torch.zeros(vocab_size, dtype=torch.bool)

    def encode(self, text: str) -> list[int]:
        """Bytes as ids."""
        return list(text.encode())

    def begins_line(self) -> Tensor:
        """No token does."""
        return self.roles

    def begins_with(self, text: str) -> Tensor:
        """No token does."""
        return self.roles

    def decode(self, ids: Iterable[int]) -> str:
        """Nothing that could be read."""
        return " ".join(map(str, ids))


def tiny() -> GemmaConfig:
    """Every part of the published shape, in a size for checks."""
    return replace(
        GemmaConfig.published(),
        vocab_size=512,
        hidden_size=128,
        intermediate_size=128,
        num_layers=6,
        layer_types=GemmaConfig.published().layer_types[:6],
        num_heads=4,
        num_kv_heads=2,
        head_dim=32,
        global_num_kv_heads=1,
        global_head_dim=64,
        sliding_window=32,
        num_experts=8,
        top_k=2,
        expert_size=64,
        canvas_length=32,
        eos_ids=(1,),
    )


def canvases(config: GemmaConfig) -> Sequence[int]:
    """Sizes to measure; one is enough to see that a small shape runs."""
    return CANVASES if config.canvas_length >= CANVASES[-1] else CANVASES[:1]


def random_weights(config: GemmaConfig, precision: Precision, device: str) -> dict[str, Weight]:
    """Weights that keep the size of what goes through them."""
    draw = torch.Generator(device).manual_seed(0)
    return {name: _random(slot, precision, device, draw) for name, slot in layout(config).items()}


def _random(slot: Slot, precision: Precision, device: str, draw: torch.Generator) -> Weight:
    if slot.is_nf4(precision):
        *rows, columns = slot.shape
        packed = torch.randint(0, 256, (*rows, columns // 2), dtype=torch.uint8, device=device, generator=draw)
        return Nf4(packed, torch.full((*rows, columns // BLOCK), 2 * columns**-0.5, device=device))
    if slot.is_fp8(precision):
        values = torch.randn(slot.shape, dtype=torch.bfloat16, device=device, generator=draw)
        return reference.quantize_fp8(values * slot.shape[-1] ** -0.5)
    if len(slot.shape) == 1:
        return torch.ones(slot.shape, dtype=precision.dtype, device=device)
    size = 0.02 if slot.part is WeightPart.EMBEDDINGS else slot.shape[-1] ** -0.5
    weight = torch.empty(slot.shape, dtype=precision.dtype, device=device)
    return weight.normal_(generator=draw).mul_(size)


class Clock:
    """Times calls on a device."""

    def __init__(self, device: str, runs: int) -> None:
        self.device, self.runs = device, runs

    def settle(self) -> None:
        """Wait for what was started."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def ms(self, call: Callable[[], object]) -> float:
        """The median of several calls, after two."""
        times = []
        for _ in range(self.runs + 2):
            self.settle()
            began = time.perf_counter()
            call()
            self.settle()
            times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times[2:])


def ceilings(device: str, clock: Clock) -> Iterator[SpeedRow]:
    """What the device can do: bytes copied and bf16 products, a second."""
    size = 1 << (31 if device == "cuda" else 24)
    source = torch.ones(size // 2, dtype=torch.bfloat16, device=device)
    target = torch.empty_like(source)
    yield SpeedRow(what="ceiling: memory", value=2 * size / clock.ms(lambda: target.copy_(source)) / 1e6, unit="GB/s")
    side = 8192 if device == "cuda" else 512
    a, b = (torch.ones(side, side, dtype=torch.bfloat16, device=device) for _ in range(2))
    yield SpeedRow(what="ceiling: bf16 matmul", value=2 * side**3 / clock.ms(lambda: a @ b) / 1e9, unit="TFLOP/s")


def tail(config: GemmaConfig, weights: dict[str, Weight], device: str, clock: Clock) -> Iterator[SpeedRow]:
    """The vocabulary's kernel, against the same in plain torch."""
    table = weights["embed_tokens.weight"]
    assert isinstance(table, Tensor)
    for count in canvases(config):
        hidden = torch.randn(count, config.hidden_size, device=device).to(table.dtype)
        choice = Choice(
            bias=torch.zeros(1, config.vocab_size, device=device),
            rule=torch.zeros(count, dtype=torch.long, device=device),
            sampling=1.0,
        )
        ours = clock.ms(partial(ops.vocabulary_tail, hidden, table, choice, config.softcap, torch.Generator()))
        noise = torch.empty(count, config.vocab_size, device=device).exponential_()
        plain = clock.ms(partial(reference.vocabulary_tail, hidden, table, choice, config.softcap, noise))
        yield SpeedRow(what=f"tail, {count} rows", value=ours, unit="ms")
        yield SpeedRow(what=f"tail, {count} rows, plain torch / ours", value=plain / ours, unit="x")
        yield SpeedRow(what=f"tail, {count} rows, of the table", value=table.nbytes / ours / 1e6, unit="GB/s")
        yield SpeedRow(what=f"tail, {count} rows", value=4 * count * table.numel() / ours / 1e9, unit="TFLOP/s")


def experts(
    config: GemmaConfig, weights: dict[str, Weight], precision: Precision, device: str, clock: Clock
) -> Iterator[SpeedRow]:
    """One layer's experts."""
    gate_up, down = (weights[f"layers.0.experts.{name}_proj"] for name in ("gate_up", "down"))
    table = weights["embed_tokens.weight"]
    assert isinstance(table, Tensor)
    for count in canvases(config):
        x = torch.randn(count, config.hidden_size, device=device).to(table.dtype)
        scores = torch.randn(count, config.num_experts, device=device)
        share, index = scores.softmax(-1).topk(config.top_k, -1)
        ms = clock.ms(partial(ops.experts, x, index, share, gate_up, down))
        touched = (gate_up.nbytes + down.nbytes) * len(torch.unique(index)) / config.num_experts
        products = 6 * count * config.top_k * config.expert_size * config.hidden_size
        name = f"experts of a layer, {precision.value}, {count} rows"
        yield SpeedRow(what=name, value=ms, unit="ms")
        yield SpeedRow(what=name, value=touched / ms / 1e6, unit="GB/s")
        yield SpeedRow(what=name, value=products / ms / 1e9, unit="TFLOP/s")


def passes(model: GemmaInfiller, precision: Precision, contexts: Sequence[int], clock: Clock) -> Iterator[SpeedRow]:
    """Prefill and passes of one row, the vocabulary's tail included."""
    for length in contexts:
        ids = _ids(length, model)
        yield SpeedRow(what=f"prefill, {precision.value}, {length}", value=_prefill_ms(model, ids, clock), unit="ms")
        context = model.encode(ids)
        for canvas in canvases(model.network.config):
            call = _one_pass(model, context, min(canvas, model.network.config.canvas_length))
            name = f"a pass, {precision.value}, context {length}, canvas {canvas}"
            yield SpeedRow(what=name, value=clock.ms(call), unit="ms")
    context = model.encode(_ids(contexts[0], model))
    name = f"a pass, {precision.value}, context {contexts[0]}, canvas 5 x 64"
    yield SpeedRow(what=name, value=clock.ms(_one_pass(model, context, 64, 5)), unit="ms")


def _prefill_ms(model: GemmaInfiller, ids: list[int], clock: Clock) -> float:
    def fresh() -> None:
        model.forget()
        model.encode(ids)

    return clock.ms(fresh)


def _one_pass(model: GemmaInfiller, context: GemmaContext, canvas: int, rows: int = 1) -> Callable[[], object]:
    ids = torch.full((rows, canvas), 7)
    free = torch.ones(rows, canvas, dtype=torch.bool)
    count, device = rows * canvas, model.device
    choice = Choice(
        bias=torch.zeros(1, model.tokenizer.vocab_size, device=device),
        rule=torch.zeros(count, dtype=torch.long, device=device),
        sampling=1.0,
    )
    soft = torch.zeros(count, model.network.config.hidden_size, dtype=model.network.dtype, device=device)
    return partial(model.predict, context, ids, free, free, soft, choice, torch.Generator())


def span(model: GemmaInfiller, precision: Precision, length: int, clock: Clock) -> Iterator[SpeedRow]:
    """A span of up to 32 tokens in three rows, in a fresh context and after an edit near its end."""
    ids, other = _ids(length, model), _ids(length, model)
    other[-min(100, length)] += 1
    packed = _packed(ids)
    settings = replace(model.defaults, passes_max=SPAN_PASSES, stop_entropy=1e-9)

    def infill(text: list[int]) -> None:
        encoded = EncodedInfill.of(replace(packed, context_ids=text), NOTHING, model)
        for _ in denoise(encoded, settings, torch.Generator()):
            pass

    def fresh() -> None:
        model.forget()
        infill(ids)

    def kept() -> None:
        infill(other)
        infill(ids)

    name = f"a span of {SPAN_PASSES} passes, {precision.value}, context {length}"
    yield SpeedRow(what=f"{name}, read anew", value=clock.ms(fresh), unit="ms")
    yield SpeedRow(what=f"{name}, the last 100 tokens read again", value=clock.ms(kept) / 2, unit="ms")


def _packed(ids: list[int]) -> PackedInfill:
    use = ContextUse(tokens=len(ids), limit=len(ids), prefix_cut=False, suffix_cut=False)
    return PackedInfill(
        context_ids=ids,
        suffix_ids=[],
        pinned_ids=[9] * 16,
        slots=(16, 24, 32),
        exact=True,
        starts=((), (), ()),
        passes=0,
        borrowed="",
        context=use,
        closing_ids=(9,),
        lead_ids=(9,) * 16,
    )


def _ids(length: int, model: GemmaInfiller) -> list[int]:
    draw = torch.Generator().manual_seed(length)
    found: list[int] = torch.randint(3, model.tokenizer.vocab_size, (length,), generator=draw).tolist()
    return found


def measure(config: GemmaConfig, device: str, options: argparse.Namespace) -> Iterator[SpeedRow]:
    """All rows, in the order of what matters most if time runs out."""
    clock = Clock(device, options.runs)
    yield from ceilings(device, clock)
    for name in options.precision:
        precision = Precision(name)
        weights = random_weights(config, precision, device)
        held = sum(weight.nbytes for weight in weights.values())
        yield SpeedRow(what=f"weights, {name}", value=held / 1e9, unit="GB")
        model = infiller(config, weights)
        yield from passes(model, precision, options.contexts, clock)
        yield from span(model, precision, sorted(options.contexts)[len(options.contexts) // 2], clock)
        if device == "cuda":
            # Before anything that an editor does not run.
            yield SpeedRow(what=f"peak memory, {name}", value=torch.cuda.max_memory_allocated() / 1e9, unit="GB")
            yield SpeedRow(
                what=f"peak memory, {name}, reserved", value=torch.cuda.max_memory_reserved() / 1e9, unit="GB"
            )
        yield from tail(config, weights, device, clock)
        yield from experts(config, weights, precision, device, clock)
        if precision is Precision.BF16 and not options.alone:
            yield from beside_stock(model, weights, options, clock)
        del model, weights
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def infiller(config: GemmaConfig, weights: dict[str, Weight]) -> GemmaInfiller:
    """The engine's model on weights that are there."""
    info = ModelInfo(name="random", parameters=0, device="", digest="")
    form = plain_format(config)
    return GemmaInfiller(
        GemmaNetwork(config, weights),
        cast(GemmaTokenizer, Numbers(config.vocab_size)),
        form,
        info,
        published_settings({}),
    )


def beside_stock(
    model: GemmaInfiller, weights: dict[str, Weight], options: argparse.Namespace, clock: Clock
) -> Iterator[SpeedRow]:
    """A step of transformers' `generate` on the same tensors, and ours in turns with it."""
    config = model.network.config
    published = stock.published(config, weights)
    if published is None:
        print("transformers is not installed: nothing to compare with", file=sys.stderr)
        return
    for length in options.contexts:
        ids = torch.tensor([_ids(length, model)], device=model.device)
        ratios, stocks = list[float](), list[float]()
        for _ in range(3):
            theirs = stock.step_ms(published, ids, clock.settle)
            stocks.append(theirs)
            ratios.append(theirs / _step_ms(model, ids[0].tolist(), clock))
        name = f"a step of transformers' generate, context {length}, canvas {config.canvas_length}"
        yield SpeedRow(what=name, value=statistics.median(stocks), unit="ms")
        yield SpeedRow(what=f"{name} / ours", value=statistics.median(ratios), unit="x")


def _step_ms(model: GemmaInfiller, ids: list[int], clock: Clock) -> float:
    """One of our steps, the sampler's work included: timed as `stock.step_ms` times theirs."""
    canvas = replace(
        _packed(ids), slots=(model.network.config.canvas_length,), starts=((),), lead_ids=(), pinned_ids=[]
    )

    def run(steps: int) -> None:
        settings = replace(model.defaults, passes_max=steps, stop_entropy=1e-30)
        for _ in denoise(EncodedInfill.of(canvas, NOTHING, model), settings, torch.Generator()):
            pass

    few, many = (clock.ms(partial(run, steps)) for steps in (2, 2 + stock.STEPS))
    return (many - few) / stock.STEPS


def main() -> int:
    """Measure and print; the JSON file has every row that was reached."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals.large", description="Time the 26B's shape.")
    parser.add_argument("--shape", choices=("published", "tiny"), default="published")
    parser.add_argument("--precision", action="append", choices=("bf16", "fp8", "nf4"), help="default: all, nf4 first")
    parser.add_argument("--contexts", type=int, nargs="+", default=list(CONTEXTS))
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--alone", action="store_true", help="without transformers beside it")
    parser.add_argument("--json", type=Path, help="where the rows go as well")
    options = parser.parse_args()
    options.precision = options.precision or ["nf4", "bf16", "fp8"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.shape == "published" and device == "cpu":
        forms = (Precision.BF16, Precision.FP8, Precision.NF4)
        sizes = ", ".join(f"{form.value} {gb(weight_bytes(GemmaConfig.published(), form))}" for form in forms)
        sys.exit(f"the published shape ({sizes}) needs a GPU; --shape tiny checks the script without one")
    config = GemmaConfig.published() if options.shape == "published" else tiny()
    card = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    total = gb(weight_bytes(config, Precision.BF16))
    print(f"{card}, torch {torch.__version__}, shape {options.shape} ({total} in bf16)", flush=True)
    rows = list[SpeedRow]()
    with torch.inference_mode():
        for row in measure(config, device, options):
            rows.append(row)
            print(f"{row.what:72}{row.value:12.3f} {row.unit}", flush=True)
            if options.json:
                options.json.write_text(json.dumps([asdict(each) for each in rows], indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

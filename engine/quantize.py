"""`python -m dgedit.engine.quantize`: a DiffusionGemma checkpoint in NF4 or, with `--fp8`, in FP8, and what that costs.

`FOLDER OUT` converts, a shard at a time. `FOLDER --report` says bytes, peak memory and errors; with `--logits` it also
runs both forms over a piece of code, one after the other.
`--nano-exact-match SPANS` puts the bundled model's matrices through the form and back, and evaluates before and after.
"""

from __future__ import annotations

import argparse
import math
import resource
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..kernels import reference
from ..kernels.formats import Weight
from .catalog import checkpoint_folder
from .evals import methods, spans
from .evals.exact_match import HEADER, Row, evaluate, line
from .models.gemma.config import GemmaConfig
from .models.gemma.files import quantize, slices
from .models.gemma.infiller import GemmaInfiller, published_settings
from .models.gemma.layout import Precision, WeightPart, layout, plan
from .models.gemma.load import plain_format
from .models.gemma.network import GemmaNetwork
from .models.gemma.tokenizer import GemmaTokenizer
from .models.gemma.weights import DECODER, read, save, stream
from .models.nano.checkpoint import NanoInfiller, load
from .protocol import Denoiser
from .tokenizer import TextTokenizer
from .types import EngineError, ModelInfo

Logits = Callable[[GemmaConfig, dict[str, Weight]], Tensor]
"""Logits [F, V] that a network with these weights gives for some fixed text."""

NANO = "nano"
"""The bundled checkpoint of the published class."""
CONTEXT_TOKENS, CANVAS_TOKENS = 448, 64
"""Of the piece of code that logits are compared on."""


@dataclass(frozen=True, slots=True)
class LogitsError:
    """How far the logits of two sets of weights are apart."""

    relative: float
    """Size of the difference over size of the logits."""
    divergence: float
    """Mean Kullback-Leibler divergence of the second from the first, in nats."""
    same_choice: float
    """Share of rows whose likeliest token is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a form costs and saves."""

    precision: Precision
    bytes_before: dict[WeightPart, int]
    bytes_after: dict[WeightPart, int]
    peak_bytes: int
    """By how much the memory of the process, or of its GPU, grew at most while the weights were read."""
    errors: dict[WeightPart, float]
    """Size of the difference over size of the weights; parts that stay whole are left out."""
    layer_errors: dict[int, float]
    """The same by layer."""
    logits: LogitsError | None


def convert(folder: Path, out: Path, precision: Precision = Precision.NF4, *, device: str = "cpu") -> None:
    """Write the checkpoint in that form.

    Raises:
        EngineError: see `weights.read` and `save`.
    """
    save(stream(folder, precision, device=device, progress=show), folder, out)


def report(
    folder: Path, precision: Precision = Precision.NF4, *, device: str = "cpu", logits: Logits | None = None
) -> Report:
    """Read the checkpoint in a form and compare it with itself in bf16, held whole only if logits are asked for.

    Raises:
        EngineError: see `weights.read`.
    """
    config = GemmaConfig.read(folder)
    before = restart_peak(device)
    weights = read(folder, precision, device=device, progress=show)
    peak = peak_bytes(device) - before
    after = None if logits is None else logits(config, weights)
    del weights
    compared = None
    if logits is not None and after is not None:
        compared = logits_error(logits(config, read(folder, Precision.BF16, device=device)), after)
    errors, layer_errors = weight_errors(folder, precision, device=device)
    return Report(
        precision=precision,
        bytes_before=plan(config, Precision.BF16),
        bytes_after=plan(config, precision),
        peak_bytes=peak,
        errors=errors,
        layer_errors=layer_errors,
        logits=compared,
    )


def weight_errors(
    folder: Path, precision: Precision, *, device: str = "cpu"
) -> tuple[dict[WeightPart, float], dict[int, float]]:
    """Relative error of each part and of each layer in a form that quantises, one tensor in memory at a time."""
    slots = layout(GemmaConfig.read(folder))
    parts, layers = dict[WeightPart, list[float]](), dict[int, list[float]]()
    for name, weight in stream(folder, Precision.BF16, device=device, progress=show):
        slot = slots[name]
        if slot.is_quantised and isinstance(weight, Tensor):
            found = squared_error(weight, precision)
            sums = [parts.setdefault(slot.part, [0.0, 0.0])]
            if name.startswith("layers."):
                sums.append(layers.setdefault(int(name.split(".")[1]), [0.0, 0.0]))
            for each in sums:
                each[:] = (each[0] + found[0], each[1] + found[1])
    return (
        {part: math.sqrt(error / size) for part, (error, size) in parts.items() if size},
        {layer: math.sqrt(error / size) for layer, (error, size) in layers.items() if size},
    )


def squared_error(weight: Tensor, precision: Precision) -> tuple[float, float]:
    """Sum of squares of what the form changes, and of the weights themselves."""
    error = size = 0.0
    for begin, end in slices(tuple(weight.shape)):
        part = weight[begin:end].float()
        error += (through(weight[begin:end], precision, torch.float32) - part).square().sum().item()
        size += part.square().sum().item()
    return error, size


def through(weight: Tensor, precision: Precision, dtype: torch.dtype) -> Tensor:
    """A matrix or a stack after it went through the form and back."""
    there = reference.quantize_fp8(weight) if precision is Precision.FP8 else quantize(weight)
    return reference.dense(there, dtype)


def denoised_code(folder: Path) -> Logits:
    """Logits of a canvas of code, every second token of it replaced at random, behind more of the same file.

    Raises:
        EngineError: when the checkpoint has no tokenizer that can be read.
    """
    is_nano = (folder / "infill_config.json").exists()
    tokenizer = TextTokenizer.load(folder / "tokenizer.json") if is_nano else GemmaTokenizer.load(folder)
    ids = tokenizer.encode(spans.load(limit=1)[0].text)[: CONTEXT_TOKENS + CANVAS_TOKENS]
    context, canvas = ids[:-CANVAS_TOKENS], torch.tensor(ids[-CANVAS_TOKENS:])
    draw = torch.Generator().manual_seed(0)
    canvas[::2] = torch.randint(tokenizer.vocab_size, canvas[::2].shape, generator=draw)
    free = torch.ones(1, CANVAS_TOKENS, dtype=torch.bool)
    info = ModelInfo(name="", parameters=0, device="", digest="")

    def logits(config: GemmaConfig, weights: dict[str, Weight]) -> Tensor:
        network = GemmaNetwork(config, weights)
        model = GemmaInfiller(
            network, cast(GemmaTokenizer, tokenizer), plain_format(config), info, published_settings({}), fixed=False
        )
        hidden = model.hidden(model.encode([config.bos_id, *context]), canvas[None], free, free, None)
        return reference.softcapped(hidden, network.table, config.softcap).cpu()

    return logits


def logits_error(before: Tensor, after: Tensor) -> LogitsError:
    """Compare logits [F, V] of the same rows."""
    before, after = before.float(), after.float()
    logs, other = before.log_softmax(-1), after.log_softmax(-1)
    return LogitsError(
        relative=((after - before).norm() / before.norm()).item(),
        divergence=(logs.exp() * (logs - other)).sum(-1).mean().item(),
        same_choice=(before.argmax(-1) == after.argmax(-1)).float().mean().item(),
    )


def restart_peak(device: str) -> int:
    """Bytes in use now, of the GPU if the device is one, else of the process; the peak is counted from here."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _process_bytes("VmRSS")


def peak_bytes(device: str) -> int:
    """Most bytes that were in use since `restart_peak`; of a process elsewhere than on Linux, since it began."""
    return torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else _process_bytes("VmHWM")


def _process_bytes(field: str) -> int:
    """A figure of Linux's on this process; elsewhere always its peak."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def requantized_nano(precision: Precision = Precision.NF4) -> NanoInfiller:
    """The bundled model after its matrices went through the form and back: the same rule as for the large one."""
    source = checkpoint_folder(NANO)
    slots = layout(GemmaConfig.read(source))
    weights = load_file(source / "model.safetensors")
    for name, weight in weights.items():
        slot = slots.get(name.removeprefix(DECODER)) if name.startswith(DECODER) else None
        if slot is not None and slot.is_quantised:
            weights[name] = through(weight, precision, weight.dtype)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for path in source.glob("*.json"):
            shutil.copyfile(path, folder / path.name)
        save_file(weights, folder / "model.safetensors")
        return load(folder, f"{NANO} through {precision.value.upper()}")


def nano_exact_match(count: int, precision: Precision = Precision.NF4) -> tuple[Row, Row]:
    """How many held-out lines the bundled model gets exactly, before and after the form."""
    source, lines = checkpoint_folder(NANO), spans.load(limit=count)

    def row(model: Denoiser) -> Row:
        return evaluate(model.info.name, lines, methods.engine(model))

    return row(load(source, NANO)), row(requantized_nano(precision))


def main(arguments: list[str] | None = None) -> int:
    """Convert, report or evaluate, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.quantize", description="Checkpoints in NF4 or FP8.")
    parser.add_argument("folder", type=Path, nargs="?", help="a DiffusionGemma checkpoint")
    parser.add_argument("out", type=Path, nargs="?", help="a new folder for it in that form")
    parser.add_argument("--fp8", action="store_true", help="in FP8 rather than NF4: larger, with less error")
    parser.add_argument("--device", default="cpu", help="where weights are quantised (default: cpu)")
    parser.add_argument("--report", action="store_true", help="print bytes, peak memory and errors of the checkpoint")
    parser.add_argument("--logits", action="store_true", help="in the report, also compare what the network says")
    parser.add_argument(
        "--nano-exact-match", type=int, metavar="SPANS", help="evaluate the bundled model through the form"
    )
    options = parser.parse_args(arguments)
    precision = Precision.FP8 if options.fp8 else Precision.NF4
    if options.folder is None and options.nano_exact_match is None:
        parser.error("name a checkpoint, or --nano-exact-match SPANS")
    if options.folder is not None and options.out is None and not options.report:
        parser.error("name a folder to write to, or --report")
    try:
        if options.out is not None:
            convert(options.folder, options.out, precision, device=options.device)
        if options.report:
            logits = denoised_code(options.folder) if options.logits else None
            print(text(report(options.folder, precision, device=options.device, logits=logits)))
    except EngineError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 2
    if options.nano_exact_match is not None:
        print("\n".join([HEADER, *map(line, nano_exact_match(options.nano_exact_match, precision))]))
    return 0


def text(found: Report) -> str:
    """The report as a table."""
    lines = [f"{'':20}{'bf16 GB':>10}{found.precision.value.upper() + ' GB':>10}{'error':>9}"]
    for part in WeightPart:
        error = f"{found.errors[part]:.2%}" if part in found.errors else "-"
        before, after = found.bytes_before[part] / 1e9, found.bytes_after[part] / 1e9
        lines.append(f"{part.value:20}{before:10.3f}{after:10.3f}{error:>9}")
    before, after = (sum(sizes.values()) / 1e9 for sizes in (found.bytes_before, found.bytes_after))
    lines += [f"{'all':20}{before:10.3f}{after:10.3f}", f"peak while reading: {found.peak_bytes / 1e9:.3f} GB"]
    lines.append("error by layer: " + " ".join(f"{error:.2%}" for _, error in sorted(found.layer_errors.items())))
    if found.logits is not None:
        logits = found.logits
        lines.append(
            f"logits: error {logits.relative:.2%}, divergence {logits.divergence:.4f} nats,"
            f" same token in {logits.same_choice:.1%}"
        )
    return "\n".join(lines)


def show(done: int, total: int) -> None:
    """Progress on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{done / 1e9:.1f} of {total / 1e9:.1f} GB", end="\n" if done == total else "", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

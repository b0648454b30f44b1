"""Loads a checkpoint of the published class: what form fits, weights, tokenizer, generation defaults."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ... import memory
from ...protocol import CanvasFormat
from ...settings import Settings
from ...types import ModelInfo
from ..settings_file import SettingsFile
from .config import REMEDY, GemmaConfig
from .infiller import GemmaInfiller, published_settings
from .layout import Precision, layout
from .network import GemmaNetwork
from .tokenizer import GemmaTokenizer
from .weights import best_precision, read, stored_precision

CONTEXT_TOKENS = 8192
"""Of the 262,144 that the published model reads: what a GPU of 24 GB has room for beside its weights."""
NEAR_SUFFIX_TOKENS = 64
FAR_SUFFIX_TOKENS = 2048
BLOCKS_MAX = 4
"""Canvases that a long span may take."""
EDGE_BYTES = 1 << 20
"""So much of both ends of each file goes into the digest: to hash all of the 26B would take a minute."""


def load(
    folder: Path,
    name: str,
    form: str,
    *,
    device: str | None,
    report: Callable[[str], None],
    found: Sequence[memory.Memory] | None = None,
) -> GemmaInfiller:
    """Load a checkpoint folder.

    Args:
        form: bf16, fp8 or nf4; empty for the best that fits.
        found: memories to choose among; none means those of this machine.

    Raises:
        EngineError: when it does not fit, or a file is missing, unreadable or does not fit the others.
    """
    config = GemmaConfig.read(folder)
    tokenizer = GemmaTokenizer.load(folder, config.vocab_size)
    defaults = _sampling(folder)
    at_hand = [each for each in found or memory.memories() if device in (None, each.device)]
    wanted = Precision(form) if form else stored_precision(folder)
    chosen = memory.choose(config, at_hand, CONTEXT_TOKENS, wanted, best_precision(folder))
    report(f"{name}: {chosen.why}")
    weights = read(folder, chosen.precision, device=chosen.device, progress=_percent(name, report))
    info = ModelInfo(
        name=f"{name} {memory.NAMES[chosen.precision]}",
        parameters=sum(math.prod(slot.shape) for slot in layout(config).values()),
        device=chosen.device,
        digest=digest(folder),
        instructed=True,
        passes=defaults.passes_max,
        span_tokens=BLOCKS_MAX * config.canvas_length // 2,
    )
    network, form_of = GemmaNetwork(config, weights), canvas_format(config, tokenizer)
    made = GemmaInfiller(network, tokenizer, form_of, info, defaults)
    if made.fixed is not None:
        report(f"{name}: preparing its kernels")
        made.warm()
    return made


def canvas_format(config: GemmaConfig, tokenizer: GemmaTokenizer) -> CanvasFormat:
    """How text is laid out."""
    return replace(plain_format(config), eom_id=tokenizer.end_of_turn_id)


def plain_format(config: GemmaConfig) -> CanvasFormat:
    """The same without a tokenizer; ids that the instruct form has no use for are those of padding."""
    return CanvasFormat(
        context_tokens=CONTEXT_TOKENS,
        canvas_tokens=config.canvas_length,
        near_suffix_tokens=min(NEAR_SUFFIX_TOKENS, config.canvas_length // 4),
        far_suffix_tokens=FAR_SUFFIX_TOKENS,
        mask_id=None,
        first_text_id=0,
        eom_id=config.eos_ids[0],
        pad_id=config.pad_id,
        suffix_id=config.pad_id,
        prefix_id=config.pad_id,
        start_id=config.bos_id,
    )


def digest(folder: Path) -> str:
    """First 12 hex digits of a SHA-256 over names, sizes and both ends of the weight files."""
    made = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        made.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            made.update(file.read(EDGE_BYTES))
            file.seek(max(0, size - EDGE_BYTES))
            made.update(file.read(EDGE_BYTES))
    return made.hexdigest()[:12]


def _percent(name: str, report: Callable[[str], None]) -> Callable[[int, int], None]:
    """Progress in whole percents."""
    last = -1

    def told(done: int, total: int) -> None:
        nonlocal last
        now = done * 100 // max(1, total)
        if now != last:
            last = now
            report(f"{name}: loading {now} % of {memory.gb(total)}")

    return told


def _sampling(folder: Path) -> Settings:
    """What generation_config.json says; the published class's defaults where it is missing.

    Raises:
        EngineError: when it is not readable, or a field does not fit.
    """
    path = folder / "generation_config.json"
    return published_settings(SettingsFile.read(path, REMEDY).values if path.exists() else {}, str(path))

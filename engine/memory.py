"""Which form of a large checkpoint fits the memory at hand, and why; pure arithmetic over what was found.

The memory that a model needs is that of its weights as it holds them, of the keys and values of a full context twice
(as kept across edits, and as a pass reads them), and room for a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from .models.gemma.config import SLIDING, GemmaConfig
from .models.gemma.layout import Precision, plan
from .types import EngineError

PASS_BYTES = 1_500_000_000
"""Activations, the workspace of the vocabulary's kernel, and what the libraries keep on a GPU."""
FORMS = {Precision.BF16: "bf16", Precision.FP8: "FP8", Precision.NF4: "4-bit (NF4)"}
"""From the best down."""
NAMES = FORMS | {Precision.FLOAT32: "float32"}
WITHOUT_FP8 = "mps"
"""Torch has no 8-bit floats there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Where a model would be held."""

    device: str
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenForm:
    """The form that is loaded."""

    precision: Precision
    device: str
    why: str
    """One line for a person."""


def weight_bytes(config: GemmaConfig, precision: Precision) -> int:
    """Bytes of the weights in that form."""
    return sum(plan(config, precision).values())


def context_bytes(config: GemmaConfig, tokens: int) -> int:
    """Bytes of the keys and values of a context."""
    sizes = [
        config.num_kv_heads * config.head_dim
        if kind == SLIDING
        else config.global_num_kv_heads * config.global_head_dim
        for kind in config.layer_types
    ]
    return 2 * 2 * tokens * sum(sizes)


def needed_bytes(config: GemmaConfig, precision: Precision, context_tokens: int) -> int:
    """All that must fit."""
    # Once as it is kept across edits; the boards of passes, which leave out what sliding layers no longer see, with
    # their room, are together smaller than another one.
    return weight_bytes(config, precision) + 2 * context_bytes(config, context_tokens) + PASS_BYTES


def memories() -> list[Memory]:
    """The accelerator first, then the machine's own memory."""
    found = []
    if torch.cuda.is_available():
        # A GPU that another program holds for itself alone cannot even be asked.
        with suppress(RuntimeError):
            found.append(Memory(device="cuda", free_bytes=torch.cuda.mem_get_info()[0]))
    elif torch.backends.mps.is_available():
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        found.append(Memory(device="mps", free_bytes=free))
    own = _machine_bytes()
    return [*found, Memory(device="cpu", free_bytes=own)] if own else found


def choose(
    config: GemmaConfig,
    found: Sequence[Memory],
    context_tokens: int,
    wanted: Precision | None = None,
    best: Precision = Precision.BF16,
) -> ChosenForm:
    """The best form that fits the first memory that holds any of the wanted ones.

    Args:
        wanted: the only one; none means all that gain something.
        best: the form of the files, above which nothing is gained.

    Raises:
        EngineError: with all the numbers, when none fits.
    """
    needs = dict[Precision, int]()
    for memory in found:
        forms = forms_for(memory.device, wanted, best)
        needs |= {form: needed_bytes(config, form, context_tokens) for form in forms}
        for place, form in enumerate(forms):
            if needs[form] <= memory.free_bytes:
                better = "".join(f", {NAMES[each]} would need {gb(needs[each])}" for each in forms[:place])
                why = (
                    f"{NAMES[form]} on {memory.device}: needs {gb(needs[form])} of {gb(memory.free_bytes)} free{better}"
                )
                return ChosenForm(precision=form, device=memory.device, why=why)
    if wanted is not None and found and not needs:
        devices = " and ".join(memory.device for memory in found)
        raise EngineError(f"torch has no {NAMES[wanted]} on {devices}", "ask for :bf16 or :nf4, or for the cpu")
    needs = needs or {form: needed_bytes(config, form, context_tokens) for form in forms_for("cpu", wanted, best)}
    want = ", ".join(f"{NAMES[form]} {gb(need)}" for form, need in needs.items())
    have = ", ".join(f"{memory.device} {gb(memory.free_bytes)}" for memory in found) or "nothing"
    raise EngineError(f"the model does not fit: it needs {want}; free: {have}", "use --model nano, or free memory")


def forms_for(device: str, wanted: Precision | None, best: Precision) -> list[Precision]:
    """What may be held on a device, the best form first; see `choose`."""
    held = [form for form in FORMS if form is not Precision.FP8 or not device.startswith(WITHOUT_FP8)]
    if wanted is not None:
        return [form for form in held if form is wanted]
    # Files in FP8 lose nothing in bf16, so they go there where FP8 itself cannot be held.
    return held[held.index(best) :] if best in held else held


def gb(count: int) -> str:
    """Bytes for a person, in gigabytes of 10^9."""
    return f"{count / 1e9:.1f} GB"


def _machine_bytes() -> int:
    """Memory that could be had without swapping; 0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)

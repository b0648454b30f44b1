"""Which weights a DiffusionGemma network has: their names, shapes and parts, and the bytes that they take.

Names are those of the published class under `model.decoder.`; the encoder shares all of them but a scalar a layer.
It must know nothing of files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import torch

from ....kernels.formats import BLOCK
from .config import SLIDING, GemmaConfig

ENCODER_SCALAR = "encoder_layer_scalar"


class Precision(Enum):
    """How weights are held."""

    FLOAT32 = "float32"
    """For checks."""
    BF16 = "bf16"
    FP8 = "fp8"
    """Matrices in FP8; embeddings, norms and routers in bf16."""
    NF4 = "nf4"
    """The same in NF4."""

    @property
    def dtype(self) -> torch.dtype:
        """Of what is whole."""
        return torch.float32 if self is Precision.FLOAT32 else torch.bfloat16


class WeightPart(Enum):
    """What a weight belongs to."""

    EMBEDDINGS = "embeddings"
    ATTENTION = "attention"
    DENSE = "dense"
    EXPERTS = "experts"
    ROUTER_NORMS = "router and norms"
    SELF_CONDITIONING = "self-conditioning"


QUANTISED = frozenset({WeightPart.ATTENTION, WeightPart.DENSE, WeightPart.EXPERTS, WeightPart.SELF_CONDITIONING})
"""Parts whose matrices may be in FP8 or NF4: all but what is looked up, or decides which experts work."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a weight."""

    shape: tuple[int, ...]
    part: WeightPart

    def is_nf4(self, precision: Precision) -> bool:
        """Whether it is held in NF4."""
        return precision is Precision.NF4 and self.is_quantised

    def is_fp8(self, precision: Precision) -> bool:
        """Whether it is held in FP8."""
        return precision is Precision.FP8 and self.is_quantised

    @property
    def is_quantised(self) -> bool:
        """Whether it is in the forms that quantise: a row that does not come out even in blocks stays whole."""
        return self.part in QUANTISED and len(self.shape) > 1 and self.shape[-1] % BLOCK == 0

    def nbytes(self, precision: Precision) -> int:
        """Bytes that it takes."""
        count = math.prod(self.shape)
        if self.is_nf4(precision):
            return count // 2 + count // BLOCK * torch.float32.itemsize
        if self.is_fp8(precision):
            return count + count // self.shape[-1] * torch.float32.itemsize
        return count * precision.dtype.itemsize


def layout(config: GemmaConfig) -> dict[str, Slot]:
    """Every weight of the network by name."""
    hidden, inner = config.hidden_size, config.intermediate_size
    slots = {"embed_tokens.weight": Slot((config.vocab_size, hidden), WeightPart.EMBEDDINGS)}
    slots |= _gated("self_conditioning.", hidden, inner, WeightPart.SELF_CONDITIONING)
    slots["self_conditioning.pre_norm.weight"] = Slot((hidden,), WeightPart.ROUTER_NORMS)
    for index in range(config.num_layers):
        slots |= _layer(config, index)
    slots["norm.weight"] = Slot((hidden,), WeightPart.ROUTER_NORMS)
    return slots


def plan(config: GemmaConfig, precision: Precision) -> dict[WeightPart, int]:
    """Bytes of each part."""
    sums = dict.fromkeys(WeightPart, 0)
    for slot in layout(config).values():
        sums[slot.part] += slot.nbytes(precision)
    return sums


NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
    "post_feedforward_layernorm_1",
    "post_feedforward_layernorm_2",
    "pre_feedforward_layernorm_2",
)


def _layer(config: GemmaConfig, index: int) -> dict[str, Slot]:
    hidden, experts, size = config.hidden_size, config.num_experts, config.expert_size
    small: dict[str, tuple[int, ...]] = {f"{norm}.weight": (hidden,) for norm in NORMS}
    small |= {"layer_scalar": (1,), ENCODER_SCALAR: (1,)}
    small |= {"router.proj.weight": (experts, hidden), "router.scale": (hidden,), "router.per_expert_scale": (experts,)}
    slots = _attention(config, index)
    slots |= _gated("mlp.", hidden, config.intermediate_size, WeightPart.DENSE)
    slots |= {name: Slot(shape, WeightPart.ROUTER_NORMS) for name, shape in small.items()}
    slots["experts.gate_up_proj"] = Slot((experts, 2 * size, hidden), WeightPart.EXPERTS)
    slots["experts.down_proj"] = Slot((experts, hidden, size), WeightPart.EXPERTS)
    return {f"layers.{index}.{name}": slot for name, slot in slots.items()}


def _attention(config: GemmaConfig, index: int) -> dict[str, Slot]:
    """Full layers have no value projection: their values are the raw keys."""
    hidden, sliding = config.hidden_size, config.layer_types[index] == SLIDING
    head = config.head_dim if sliding else config.global_head_dim
    kv_heads = config.num_kv_heads if sliding else config.global_num_kv_heads
    rows = {"q": config.num_heads * head, "k": kv_heads * head} | ({"v": kv_heads * head} if sliding else {})
    slots = {
        f"self_attn.{name}_proj.weight": Slot((count, hidden), WeightPart.ATTENTION) for name, count in rows.items()
    }
    slots["self_attn.o_proj.weight"] = Slot((hidden, config.num_heads * head), WeightPart.ATTENTION)
    return slots | {f"self_attn.{name}_norm.weight": Slot((head,), WeightPart.ROUTER_NORMS) for name in "qk"}


def _gated(stem: str, hidden: int, inner: int, part: WeightPart) -> dict[str, Slot]:
    """A GeGLU block."""
    slots = {f"{stem}{name}_proj.weight": Slot((inner, hidden), part) for name in ("gate", "up")}
    return slots | {f"{stem}down_proj.weight": Slot((hidden, inner), part)}

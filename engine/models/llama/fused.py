"""The llama network for inference: the arithmetic of `network.LlamaDenoiser` on one flat sequence behind a cache.

The heads of a group are more queries on the same keys. On a CPU whose kernels multiply 8-bit integers, most matrices
are held as such, a scale a row, and their inputs are rounded to 8 bits as they come: half the memory of bfloat16 to
read, twice the products a cycle. The others are bfloat16 or float32. Hidden states are float32 either way.

Not for training. Shapes: N tokens, D hidden, H query heads, G key/value heads, K head size, S cached positions,
V vocabulary.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ... import threads
from .network import LlamaConfig, rotary_table
from .quantized import WHOLE_BYTE, Quantized, dequantize

LENGTH_STEP = 16
"""Sequences longer than `SHORT` are computed at a multiple of so many positions: kernels are kept for every length."""
SHORT = 8
PACKED_FOR_TOKENS = 128
"""A number of tokens for which the layout of bfloat16 matrices is chosen; others work."""
INTEGER_ENGINES = ("x86", "fbgemm")
"""Torch's kernels that take 8-bit weights and round inputs as they come."""

Weights = Callable[[str], Tensor | Quantized]
"""A weight by its joined name, float32 or as a file has it; asked for once each, so that no thread holds more than one
in float32."""


class Arithmetic(Enum):
    """How matrices are held and multiplied."""

    MIXED = "mixed"
    """8 bits where rounding inputs costs least: everywhere it cost 0.03 nats a token, so less than 0.001."""
    INT8 = "int8"
    BF16 = "bf16"
    FLOAT32 = "float32"


def fastest(device: torch.device) -> Arithmetic:
    """What this machine is best at."""
    if device.type != "cpu":
        return Arithmetic.BF16
    if _kernels_take_bfloat16():
        return Arithmetic.MIXED if kernels_take_integers() else Arithmetic.BF16
    return Arithmetic.INT8 if kernels_take_integers() else Arithmetic.FLOAT32


def kernels_take_integers() -> bool:
    """Whether torch multiplies 8-bit integers here without losing sums: older processors saturate at 16 bits."""
    engines = torch.backends.quantized.supported_engines
    return any(engine in engines for engine in INTEGER_ENGINES) and bool(torch.cpu._is_vnni_supported())


@dataclass(slots=True)
class LlamaCache:
    """Keys and values of one flat sequence, [G, capacity, K] each of every layer; what is kept is the caller's.

    A layer has its own tensors: small ones come from memory that the process has, a large one from the system, page by
    page.
    """

    keys: list[Tensor]
    values: list[Tensor]

    def reserve(self, end: int) -> None:
        """Make room up to a position; what is kept stays."""
        missing = end - self.keys[0].shape[1]
        if missing > 0:
            self.keys = [F.pad(each, (0, 0, 0, missing)) for each in self.keys]
            self.values = [F.pad(each, (0, 0, 0, missing)) for each in self.values]

    def take(self, other: LlamaCache, begin: int, end: int) -> None:
        """Copy what another has between two positions."""
        for mine, theirs in ((self.keys, other.keys), (self.values, other.values)):
            for new, old in zip(mine, theirs, strict=True):
                new[:, begin:end] = old[:, begin:end]


@dataclass(frozen=True, slots=True)
class Places:
    """Where tokens stand in a cache: written from `at`, looking at what is from `seen` on."""

    seen: int
    at: int


def rounded(length: int) -> int:
    """The length at which a sequence is computed."""
    return length if length <= SHORT else -(-length // LENGTH_STEP) * LENGTH_STEP


def padded(x: Tensor) -> Tensor:
    """A sequence [N, ...] as one of the rounded length, zeros at its end."""
    missing = rounded(len(x)) - len(x)
    return x if not missing else torch.cat((x, x.new_zeros(missing, *x.shape[1:])))


class FusedLlama:
    """Weights folded and laid out once."""

    def __init__(
        self,
        config: LlamaConfig,
        weights: Weights,
        arithmetic: Arithmetic,
        device: torch.device | str = "cpu",
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        """Args: pool: lays layers out; without one they are laid out in turn."""
        self.config, self.device = config, torch.device(device)
        project, inner = projection(arithmetic, self.device), projection(arithmetic, self.device, sensitive=False)
        self.dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        table = weights("embed_tokens.weight")
        self.embedding = _float(table).to(torch.bfloat16 if arithmetic is not Arithmetic.FLOAT32 else torch.float32)
        self.embedding = self.embedding.to(self.device)

        def laid_out(index: int) -> _FusedLayer:
            return _FusedLayer(config, _below(weights, f"layers.{index}."), project, inner)

        numbers = range(config.num_layers)
        self.layers = list((map if pool is None else pool.map)(laid_out, numbers))
        self.norm, self.head = _float(weights("norm.weight")), project(table)

    def new_cache(self, capacity: int) -> LlamaCache:
        """A cache of nothing yet."""
        config = self.config
        shape = (config.num_kv_heads, capacity, config.head_dim)
        count = 2 * config.num_layers
        made = [torch.empty(shape, dtype=self.dtype, device=self.device) for _ in range(count)]
        return LlamaCache(made[::2], made[1::2])

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [N, D] of ids [N]."""
        return F.embedding(ids, self.embedding).to(self.dtype)

    def run(self, x: Tensor, positions: Tensor, mask: Tensor | None, cache: LlamaCache, places: Places) -> Tensor:
        """All layers over x [N, D] at integer positions [N]; their keys and values are written into the cache.

        Args:
            mask: boolean [N, S], over the cache from `places.seen` to the last token of x; none means everywhere.

        Returns:
            Hidden states [N, D] before the last norm.
        """
        count = len(x)
        x, positions = padded(x), padded(positions)
        cache.reserve(places.at + count)
        rotary = rotary_table(self.config, positions, x.dtype)
        group = self.config.num_heads // self.config.num_kv_heads
        added = None if mask is None else _additive(mask, len(x), x.dtype).repeat(group, 1)[None, None]
        with threads.watched():
            for index, layer in enumerate(self.layers):
                x = layer(x, rotary, added, cache.keys[index], cache.values[index], places, count)
        return x[:count]

    def logits(self, hidden: Tensor) -> Tensor:
        """Float32 logits [N, V] of hidden states [N, D] before the last norm."""
        return self.head(padded(_normed(hidden, self.norm, self.config.norm_eps)))[: len(hidden)].float()


def _below(weights: Weights, stem: str) -> Weights:
    """The weights whose names begin with a stem, by what follows it."""
    return lambda name: weights(stem + name)


class _FusedLayer:
    def __init__(
        self,
        config: LlamaConfig,
        weights: Weights,
        project: Callable[[Tensor | Quantized], _Projection],
        inner: Callable[[Tensor | Quantized], _Projection],
    ) -> None:
        """`inner` makes the projections whose inputs bear rounding best."""
        self.config = config
        norms = ("input_layernorm.weight", "post_attention_layernorm.weight")
        self.input_norm, self.mlp_norm = (_float(weights(name)) for name in norms)
        self.qkv = project(weights("self_attn.qkv_proj.weight"))
        self.qkv_bias = _float(weights("self_attn.qkv_proj.bias")) if config.qkv_bias else None
        self.out = inner(weights("self_attn.o_proj.weight"))
        self.gate_up, self.down = inner(weights("mlp.gate_up_proj.weight")), project(weights("mlp.down_proj.weight"))

    def __call__(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | None,
        keys: Tensor,
        values: Tensor,
        places: Places,
        kept: int,
    ) -> Tensor:
        """`kept` of the tokens are written to keys and values; those after them only fill up the length."""
        config, count, end = self.config, len(x), places.at + kept
        heads, groups, size = config.num_heads, config.num_kv_heads, config.head_dim
        joined = self.qkv(_normed(x, self.input_norm, config.norm_eps))
        if self.qkv_bias is not None:
            joined = joined + self.qkv_bias
        joined = joined.view(count, -1, size)
        turned = joined[:, : heads + groups]
        turned = torch.addcmul(turned * rotary[0], turned.roll(size // 2, -1), rotary[1])
        keys[:, places.at : end] = turned[:kept, heads:].transpose(0, 1)
        values[:, places.at : end] = joined[:kept, heads + groups :].transpose(0, 1)
        # Every head of a group reads the same keys, so its heads are just more queries.
        queries = turned[:, :heads].view(count, groups, -1, size).permute(1, 2, 0, 3).reshape(1, groups, -1, size)
        seen = slice(places.seen, end)
        read = F.scaled_dot_product_attention(queries, keys[None, :, seen], values[None, :, seen], attn_mask=mask)
        read = read.view(groups, -1, count, size).permute(2, 0, 1, 3).reshape(count, -1)
        x = x + self.out(read)
        gate, up = self.gate_up(_normed(x, self.mlp_norm, config.norm_eps)).chunk(2, -1)
        return x + self.down(F.silu(gate).mul_(up))


_Projection = Callable[[Tensor], Tensor]
"""x [N, D] to [N, M], in the type of x."""


def projection(
    arithmetic: Arithmetic, device: torch.device, *, sensitive: bool = True
) -> Callable[[Tensor | Quantized], _Projection]:
    """What makes a projection of a matrix [M, D], float32 or stored.

    Args:
        sensitive: whether rounding of its input costs much, so that `MIXED` does not round it to 8 bits.
    """
    if arithmetic is Arithmetic.INT8 or (arithmetic is Arithmetic.MIXED and not sensitive):
        return _Integers
    if arithmetic in (Arithmetic.BF16, Arithmetic.MIXED) and device.type == "cpu" and _kernels_take_bfloat16():
        return _PackedBfloat16
    dtype = torch.float32 if arithmetic is Arithmetic.FLOAT32 else torch.bfloat16
    return lambda weight: _Plain(_float(weight).to(device, dtype))


def _float(weight: Tensor | Quantized) -> Tensor:
    return dequantize(weight) if isinstance(weight, Quantized) else weight


class _Plain:
    def __init__(self, weight: Tensor) -> None:
        self.weight = weight

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x.to(self.weight.dtype), self.weight).to(x.dtype)


class _PackedBfloat16:
    def __init__(self, weight: Tensor | Quantized) -> None:
        matrix = _float(weight).bfloat16().contiguous()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(matrix, PACKED_FOR_TOKENS)

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x.bfloat16(), self.packed, None, "none", [], "")
        return out.float()


class _Integers:
    def __init__(self, weight: Tensor | Quantized) -> None:
        with warnings.catch_warnings():
            # The tensors, not the kernels, are to go in a later release.
            warnings.simplefilter("ignore", UserWarning)
            if isinstance(weight, Quantized) and weight.bits == WHOLE_BYTE and weight.scales.shape[1] == 1:
                whole = _as_stored(weight)
            else:
                # Two passes over the weights, no tensor of their amounts; it rounds as `quantize_per_channel` does.
                matrix = _float(weight)
                scales = (torch.maximum(matrix.amax(1), -matrix.amin(1)).double() / 127).clamp_(min=1e-12)
                integers = (matrix * (1.0 / scales.float())[:, None]).round_().to(torch.int8)
                zeros = torch.zeros(len(matrix)).long()
                whole = torch._make_per_channel_quantized_tensor(integers, scales, zeros, 0)
            self.packed: Any = torch.ops.quantized.linear_prepack(whole, None)

    def __call__(self, x: Tensor) -> Tensor:
        # One scale serves a whole input, and a few tokens have numbers a hundred times as large as all others.
        peaks = x.abs().amax(-1, keepdim=True).clamp_(min=1e-12)
        out: Tensor = torch.ops.quantized.linear_dynamic(x / peaks, self.packed, False)
        return out.mul_(peaks)


def _as_stored(weight: Quantized) -> Tensor:
    """A matrix of whole bytes with a scale a row as torch has it: no number is computed anew."""
    integers = (weight.codes ^ (1 << (WHOLE_BYTE - 1))).view(torch.int8)
    scales = weight.scales[:, 0].double().clamp_(min=1e-12)
    zeros = torch.zeros(len(integers), dtype=torch.long)
    whole: Tensor = torch._make_per_channel_quantized_tensor(integers, scales, zeros, 0)
    return whole


def _kernels_take_bfloat16() -> bool:
    """Whether this build and this processor have the matrix kernels of packed weights."""
    ops = torch.ops.mkldnn
    have = all(hasattr(ops, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    return have and bool(ops._is_mkldnn_bf16_supported())


def _normed(x: Tensor, scale: Tensor, eps: float) -> Tensor:
    """x [N, D] over its root mean square, times the norm's scale.

    The scale is not folded into the matrices: it is what makes the few large channels small enough for 8 bits.
    """
    return F.rms_norm(x, x.shape[-1:], scale, eps)


def _additive(visible: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """A boolean mask [N, S] as what attention adds to the scores of `length` positions; those past N see all."""
    out = torch.zeros((length, visible.shape[1]), dtype=dtype, device=visible.device)
    out[: len(visible)].masked_fill_(~visible, -math.inf)
    return out

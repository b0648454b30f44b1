"""The nano network for inference: the arithmetic of `network.NanoDenoiser` in a third of the operations.

At 15M parameters a pass is mostly the cost of starting small operations. So here norm scales are folded into the
projections behind them, projections of one input are one matrix, and all rows of a request are one flat sequence with a
mask: no row is padded to another, and every row reads the one copy of the context's keys and values. Only the sequence
is padded, to a `rounded` length, because a matrix kernel is built and kept for every length that is met.

Not for training. `tests/engine/models/nano/test_parity.py` holds it to the network and to the published class.

Shapes: N tokens, D hidden, H query heads, G key/value heads, K head size, S cached positions, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from .network import GatedMLP, Layer, NanoConfig, NanoDenoiser, SelfConditioning, rotary_table

SMALLEST_NORM = 1e-3
"""Vectors shorter than this are not made longer: the norm of an all-zero signal is zero."""


PACKED_FOR_TOKENS = 128
"""A number of tokens for which the layout of the matrices is chosen; others work."""

LENGTH_STEP = 16
"""Sequences longer than `SHORT` are computed at a multiple of so many positions."""
SHORT = 8
"""As long as the beams of a step and little more; these lengths are computed as they are."""


@dataclass(slots=True)
class Cache:
    """Keys and values of one flat sequence, [layers, G, capacity, K] each, of which `length` positions are kept."""

    keys: Tensor
    values: Tensor
    length: int

    def reserve(self, count: int) -> None:
        """Make room for `count` more positions; what is kept stays."""
        missing = self.length + count - self.keys.shape[2]
        if missing > 0:
            self.keys = F.pad(self.keys, (0, 0, 0, missing))
            self.values = F.pad(self.values, (0, 0, 0, missing))


def rounded(length: int) -> int:
    """The length at which a sequence is computed.

    For a new length oneDNN builds a kernel a matrix, which takes some 50 times as long as to run it, and keeps 0.6 MB.
    """
    return length if length <= SHORT else -(-length // LENGTH_STEP) * LENGTH_STEP


def padded(x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """A sequence [N, ...] as one of the rounded length, zeros at its end."""
    length = rounded(len(x))
    if length == len(x):
        return x if dtype is None else x.to(dtype)
    out = torch.empty((length, *x.shape[1:]), dtype=dtype or x.dtype, device=x.device)
    out[: len(x)], out[len(x) :] = x, 0
    return out


def additive(visible: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """A boolean mask [N, M] as what attention adds to the scores of `length` positions; those past N look everywhere.

    It is the form in which the kernel takes it fastest.
    """
    out = torch.zeros((length, visible.shape[1]), dtype=dtype, device=visible.device)
    out[: len(visible)].masked_fill_(~visible, -math.inf)
    return out


class Projection:
    """A matrix [M, D] applied to x [N, D]; on a CPU in bfloat16 it is laid out once as the matrix kernel wants it."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight.detach()
        self.packed: Tensor | None = None
        if weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and _kernels_take_bfloat16():
            self.packed = torch.ops.mkldnn._reorder_linear_weight(self.weight.contiguous(), PACKED_FOR_TOKENS)
            self.weight = weight.new_empty(0)

    def __call__(self, x: Tensor) -> Tensor:
        if self.packed is None:
            return F.linear(x, self.weight)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, None, "none", [], "")
        return out


class FusedNano:
    """Weights of a network, folded and joined once."""

    def __init__(self, network: NanoDenoiser) -> None:
        self.config: NanoConfig = network.config
        self.embedding = network.embed_tokens.weight.detach()
        self.head, self.soft_embedding = Projection(self.embedding), Projection(self.embedding.t())
        self.embed_scale = network.embed_scale
        self.layers = [_FusedLayer(layer) for layer in network.layers if isinstance(layer, Layer)]
        self.self_conditioning = _FusedSelfConditioning(network.self_conditioning)
        self.norm = _scale(network.norm.weight)

    @property
    def dtype(self) -> torch.dtype:
        """The type that the weights are held in."""
        return self.embedding.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding.device

    def new_cache(self, capacity: int) -> Cache:
        """An empty cache."""
        config = self.config
        shape = (config.num_layers, config.num_kv_heads, capacity, config.head_dim)
        empty = torch.zeros(shape, dtype=self.dtype, device=self.device)
        return Cache(empty, empty.clone(), 0)

    def embed(self, ids: Tensor) -> Tensor:
        """Context embeddings [N, D] of ids [N]."""
        return F.embedding(ids, self.embedding) * self.embed_scale

    def soft_embed(self, probabilities: Tensor) -> Tensor:
        """Expected embedding [N, D] under probabilities [N, V]."""
        return self.soft_embedding(padded(probabilities, self.dtype))[: len(probabilities)] * self.embed_scale

    def embed_canvas(self, ids: Tensor, soft: Tensor | None, free: Tensor) -> Tensor:
        """Canvas embeddings [N, D]; `soft` [F, D] belongs to the positions of the boolean mask `free` [N]."""
        return self.self_conditioning(self.embed(ids), soft, free)

    def run(self, x: Tensor, positions: Tensor, mask: Tensor | None, cache: Cache) -> Tensor:
        """All layers over x [N, D] at integer positions [N], behind what the cache keeps.

        The keys and values of x are written behind those, and are kept if the caller then raises `cache.length`.

        Args:
            mask: boolean [N, length + N], true where a token may look; none means everywhere.

        Returns:
            Hidden states [N, D] before the last norm.
        """
        count, end = len(x), cache.length + len(x)
        x, positions = padded(x), padded(positions)
        cache.reserve(len(x))
        cos, sin = (table[0, 0][:, None] for table in rotary_table(self.config, positions[None], x.dtype))
        # Rotating swaps the halves of a head, and the left one changes its sign.
        half = self.config.head_dim // 2
        sin = torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)
        group = self.config.num_heads // self.config.num_kv_heads
        folded = None if mask is None else additive(mask, len(x), x.dtype).repeat(group, 1)[None, None]
        for index, layer in enumerate(self.layers):
            x = layer(x, (cos, sin), folded, cache.keys[index], cache.values[index], (cache.length, end))
        return x[:count]

    def logits(self, hidden: Tensor) -> Tensor:
        """Soft-capped float32 logits [N, V] of hidden states [N, D] before the last norm."""
        cap = self.config.logit_softcap
        raw = self.head(padded(_unit(hidden) * self.norm))[: len(hidden)].float()
        return raw.div_(cap).tanh_().mul_(cap)


class _FusedLayer:
    def __init__(self, layer: Layer) -> None:
        attention = layer.self_attn
        self.heads, self.kv_heads, self.size = attention.heads, attention.kv_heads, attention.head_dim
        projections = [p.weight for p in (attention.q_proj, attention.k_proj, attention.v_proj) if p is not None]
        self.qkv = Projection(_fold(torch.cat(projections), layer.input_layernorm.weight))
        self.out = Projection(attention.o_proj.weight)
        scales = [_scale(attention.q_norm.weight)] * self.heads + [_scale(attention.k_norm.weight)] * self.kv_heads
        self.head_scale = torch.stack(scales)
        self.value_scale = math.sqrt(self.size)
        self.after_attention = _scale(layer.post_attention_layernorm.weight)
        dense, expert = layer.mlp, layer.expert
        self.inner = dense.gate_proj.weight.shape[0]
        self.gate = Projection(_joined(layer, "gate_proj"))
        self.up = Projection(_joined(layer, "up_proj"))
        self.dense_down, self.expert_down = Projection(dense.down_proj.weight), Projection(expert.down_proj.weight)
        self.after_dense = _scale(layer.post_feedforward_layernorm_1.weight)
        self.after_expert = _scale(layer.post_feedforward_layernorm_2.weight)
        self.after_both = _scale(layer.post_feedforward_layernorm.weight)

    def __call__(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | None,
        keys: Tensor,
        values: Tensor,
        places: tuple[int, int],
    ) -> Tensor:
        """`places`: where x begins in keys and values, and up to where they are looked at."""
        count, heads, (begin, end) = len(x), self.heads + self.kv_heads, places
        projected = _unit(self.qkv(_unit(x)).view(count, -1, self.size))
        turned = projected[:, :heads] * self.head_scale
        turned = torch.addcmul(turned * rotary[0], turned.roll(self.size // 2, -1), rotary[1])
        keys[:, begin : begin + count] = turned[:, self.heads :].transpose(0, 1)
        # The last layer has no value projection: its values are the keys before scale and rotation.
        torch.mul(
            projected[:, -self.kv_heads :].transpose(0, 1), self.value_scale, out=values[:, begin : begin + count]
        )
        # Every head of a group reads the same keys, so its heads are just more queries.
        queries = turned[:, : self.heads].view(count, self.kv_heads, -1, self.size)
        queries = queries.permute(1, 2, 0, 3).reshape(1, self.kv_heads, -1, self.size)
        read = F.scaled_dot_product_attention(
            queries, keys[None, :, :end], values[None, :, :end], attn_mask=mask, scale=1.0
        )
        read = read.view(self.kv_heads, -1, count, self.size).permute(2, 0, 1, 3).reshape(count, -1)
        x = torch.addcmul(x, _unit(self.out(read)), self.after_attention)
        unit = _unit(x)
        inner = _gelu(self.gate(unit)).mul_(self.up(unit))
        dense = _unit(self.dense_down(inner[:, : self.inner])) * self.after_dense
        both = torch.addcmul(dense, _unit(self.expert_down(inner[:, self.inner :])), self.after_expert)
        return torch.addcmul(x, _unit(both), self.after_both)


class _FusedSelfConditioning:
    def __init__(self, block: SelfConditioning) -> None:
        self.gate = Projection(_fold(block.gate_proj.weight, block.pre_norm.weight))
        self.up = Projection(_fold(block.up_proj.weight, block.pre_norm.weight))
        self.down = Projection(block.down_proj.weight)

    def __call__(self, embedded: Tensor, soft: Tensor | None, free: Tensor) -> Tensor:
        if soft is not None:
            unit = _unit(padded(soft))
            signal = self.down(_gelu(self.gate(unit)).mul_(self.up(unit)))[: len(soft)]
            embedded = embedded.index_add(0, free.nonzero()[:, 0], signal)
        return _unit(embedded) * math.sqrt(embedded.shape[-1])


def _kernels_take_bfloat16() -> bool:
    """Whether this build and this processor have the matrix kernels of packed weights."""
    ops = torch.ops.mkldnn
    return all(map(partial(hasattr, ops), ("_reorder_linear_weight", "_linear_pointwise"))) and bool(
        ops._is_mkldnn_bf16_supported()
    )


def _unit(x: Tensor) -> Tensor:
    """Vectors of length 1; the root of their size, which makes it a root-mean-square norm, is in the weights behind."""
    return F.normalize(x, dim=-1, eps=SMALLEST_NORM)


def _gelu(x: Tensor) -> Tensor:
    """The class's tanh form of GELU; in bfloat16 the exact form, which differs by less than rounding and is faster."""
    return F.gelu(x, approximate="none" if x.dtype == torch.bfloat16 else "tanh")


def _scale(weight: Tensor | None) -> Tensor:
    """A norm's scale [..., D] times the root of D."""
    assert weight is not None, "the norm has a scale"
    return (weight.detach().float() * math.sqrt(weight.shape[-1])).to(weight.dtype)


def _fold(weight: Tensor, scale: Tensor | None) -> Tensor:
    """A projection [M, D] that takes unit vectors: the norm before it is in its columns."""
    assert scale is not None, "the norm has a scale"
    columns = scale.detach().float() * math.sqrt(scale.shape[-1])
    return (weight.detach().float() * columns).to(weight.dtype)


def _joined(layer: Layer, name: str) -> Tensor:
    """The same projection of the dense block and of the expert as one matrix."""

    def of(block: GatedMLP, scale: Tensor | None) -> Tensor:
        return _fold(block.get_submodule(name).get_parameter("weight"), scale)

    return torch.cat(
        (
            of(layer.mlp, layer.pre_feedforward_layernorm.weight),
            of(layer.expert, layer.pre_feedforward_layernorm_2.weight),
        )
    )

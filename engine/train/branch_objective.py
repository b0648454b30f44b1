"""Losses of a batch of branches: text, span left to right, span as a canvas; all of them in one pass.

Linear work is done on one flat sequence; attention on prefixes, suffixes (both causal) and the rest of the branches (a
mask) apart, which costs a quarter of one masked sequence. It is written out: on a CPU the backward pass of torch's own
kernel takes two to three times as long as two matrix products and a softmax.

Shapes as in `branches`; S suffix positions; N = B * P + B * K * T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..models.llama.layout import FIRST_POSITION
from ..models.llama.network import (
    LlamaConfig,
    LlamaDenoiser,
    LlamaLayer,
    rms_norm,
    rotary_table,
    rotate,
)
from ..tokenizer import SPECIAL_TOKENS
from .branches import BranchBatch


@dataclass(frozen=True, slots=True)
class BranchTensors:
    """A batch as tensors of the device; see `BranchBatch`."""

    ids: Tensor
    """[N], prefixes first."""
    positions: Tensor
    mask: Tensor
    """[B * K, 1, T - S, P + T], added to the scores of spans and canvases."""
    text: tuple[Tensor, Tensor]
    """Places in the flat sequence that predict, and what they should; the same of spans and canvases."""
    span: tuple[Tensor, Tensor]
    canvas: tuple[Tensor, Tensor, Tensor]
    """And the weight of each."""
    rows: int
    prefix: int
    suffix: int


def to_tensors(batch: BranchBatch, suffix: int, device: torch.device, dtype: torch.dtype) -> BranchTensors:
    """Move a batch, positions that predict nothing left out."""
    rows, prefix = batch.prefix_ids.shape
    ids, targets, span, canvas = (
        torch.from_numpy(each).flatten()
        for each in (batch.ids, batch.targets, batch.span_weights, batch.canvas_weights)
    )
    text_at = torch.from_numpy(batch.prefix_weights).flatten().nonzero()[:, 0]
    span_at, canvas_at = span.nonzero()[:, 0], canvas.nonzero()[:, 0]
    own = FIRST_POSITION + torch.arange(prefix).expand(rows, prefix).flatten()
    visible = torch.from_numpy(batch.visible)[:, suffix:]
    mask = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, -torch.inf)
    moved = BranchTensors(
        ids=torch.cat((torch.from_numpy(batch.prefix_ids).flatten(), ids)).to(device),
        positions=torch.cat((own, torch.from_numpy(batch.positions).flatten())).to(device),
        mask=mask[:, None].to(device),
        text=(text_at.to(device), torch.from_numpy(batch.prefix_targets).flatten()[text_at].to(device)),
        span=((rows * prefix + span_at).to(device), targets[span_at].to(device)),
        canvas=((rows * prefix + canvas_at).to(device), targets[canvas_at].to(device), canvas[canvas_at].to(device)),
        rows=rows,
        prefix=prefix,
        suffix=suffix,
    )
    return moved


def heads(
    x: Tensor, cos: Tensor, sin: Tensor, norm: Tensor, qkv: Tensor, config: LlamaConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """`LlamaLayer.heads` of plain tensors: one compiled function serves all layers."""
    joined = F.linear(rms_norm(x, norm, config.norm_eps), qkv).view(len(x), -1, config.head_dim)
    turned = rotate(joined[:, : config.num_heads + config.num_kv_heads], (cos, sin))
    return turned[:, : config.num_heads], turned[:, config.num_heads :], joined[:, -config.num_kv_heads :]


def after(x: Tensor, read: Tensor, out: Tensor, norm: Tensor, gate_up: Tensor, down: Tensor, eps: float) -> Tensor:
    """`LlamaLayer.after` of plain tensors."""
    x = x + F.linear(read, out)
    gate, up = F.linear(rms_norm(x, norm, eps), gate_up).chunk(2, -1)
    return x + F.linear(F.silu(gate) * up, down)


def plain_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Grouped-query attention [R, T, H, K] of q [R, T, H, K] on k and v [R, S, G, K]; `mask` is added to the scores."""
    rows, length, heads, size = q.shape
    groups = k.shape[2]
    # Every head of a group reads the same keys, so its heads are just more queries.
    folded = q.view(rows, length, groups, -1, size).permute(0, 2, 3, 1, 4).reshape(rows, groups, -1, size)
    scores = torch.matmul(folded * size**-0.5, k.permute(0, 2, 3, 1))
    weights = (scores + mask.repeat(1, 1, heads // groups, 1)).softmax(-1)
    read = torch.matmul(weights, v.transpose(1, 2))
    return read.view(rows, groups, -1, length, size).permute(0, 3, 1, 2, 4).reshape(q.shape)


def _causal(count: int, like: Tensor) -> Tensor:
    """The mask [1, 1, T, T] of a text that is read from the left."""
    later = torch.ones(count, count, dtype=torch.bool, device=like.device).triu(1)
    return torch.zeros(1, 1, count, count, dtype=like.dtype, device=like.device).masked_fill_(later, -torch.inf)


@dataclass(frozen=True, slots=True)
class Losses:
    """Nats a token."""

    text: Tensor
    span: Tensor
    canvas: Tensor
    full_noise: Tensor
    """Of all canvas positions, unweighted; a figure to watch."""


class Objective:
    """The losses of a network, its layers compiled where that is asked for."""

    def __init__(self, model: LlamaDenoiser, *, compiled: bool) -> None:
        self.model, self.config = model, model.config
        self._heads: Callable[..., tuple[Tensor, Tensor, Tensor]] = heads
        self._after: Callable[..., Tensor] = after
        if compiled:
            self._heads, self._after = torch.compile(heads, dynamic=False), torch.compile(after, dynamic=False)

    def hidden(self, batch: BranchTensors, table: Tensor) -> Tensor:
        """Normed hidden states [N, D]."""
        x = F.embedding(batch.ids, table)
        cos, sin = rotary_table(self.config, batch.positions, x.dtype)
        cut, size, suffix = batch.rows * batch.prefix, self.config.head_dim, batch.suffix
        branches, each = len(batch.mask), len(batch.mask) // batch.rows
        length = (len(batch.ids) - cut) // branches
        causal = [_causal(count, x) for count in (batch.prefix, suffix)]

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            text_q, text_k, text_v = (part[:cut].view(batch.rows, batch.prefix, -1, size) for part in (q, k, v))
            own_q, own_k, own_v = (part[cut:].view(branches, length, -1, size) for part in (q, k, v))
            read = plain_attention(text_q, text_k, text_v, causal[0]).reshape(cut, -1)
            first = plain_attention(own_q[:, :suffix], own_k[:, :suffix], own_v[:, :suffix], causal[1])
            wide_k = torch.cat((text_k.repeat_interleave(each, 0), own_k), 1)
            wide_v = torch.cat((text_v.repeat_interleave(each, 0), own_v), 1)
            rest = plain_attention(own_q[:, suffix:], wide_k, wide_v, batch.mask)
            return torch.cat((read, torch.cat((first, rest), 1).reshape(branches * length, -1)))

        for layer in self.model.layers:
            assert isinstance(layer, LlamaLayer)
            q, k, v = self._heads(x, cos, sin, layer.input_norm, layer.qkv, self.config)
            read = attend(q, k, v)
            x = self._after(x, read, layer.out, layer.mlp_norm, layer.gate_up, layer.down, self.config.norm_eps)
        return rms_norm(x, self.model.norm, self.config.norm_eps)

    def __call__(self, batch: BranchTensors, roles: Tensor) -> Losses:
        """All losses; `roles` [R, D] are the trained embeddings of the ids with a role, the others stay as they are."""
        table = torch.cat((roles, self.model.embed_tokens[len(SPECIAL_TOKENS) :].detach()))
        hidden = self.hidden(batch, table)
        places = torch.cat((batch.text[0], batch.span[0], batch.canvas[0]))
        targets = torch.cat((batch.text[1], batch.span[1], batch.canvas[1]))
        logits = F.linear(hidden[places], table)
        costs = F.cross_entropy(logits.float(), targets, reduction="none")
        text, span, canvas = torch.split(costs, [len(batch.text[0]), len(batch.span[0]), len(batch.canvas[0])])
        weights = batch.canvas[2]
        return Losses(text.mean(), span.mean(), (canvas * weights).sum() / weights.sum(), canvas.detach().mean())

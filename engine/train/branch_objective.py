"""Losses of a batch of branches: text, span left to right, span as a canvas; all of them in one pass.

Linear work is done on one flat sequence; attention on the prefixes (causal) and on the branches (a mask) apart, which
costs a third of one masked sequence. Shapes as in `branches`; N = B * P + B * K * T.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..models.llama.network import (
    Layer,
    LlamaConfig,
    LlamaDenoiser,
    attention,
    rms_norm,
    rotary_table,
    rotate,
)
from ..tokenizer import SPECIAL_TOKENS
from .branches import SUFFIX_POSITIONS, BranchBatch


@dataclass(frozen=True, slots=True)
class BranchTensors:
    """A batch as tensors of the device; see `BranchBatch`."""

    ids: Tensor
    """[N], prefixes first."""
    positions: Tensor
    mask: Tensor
    """[B * K, 1, T, P + T], added to attention's scores."""
    text: tuple[Tensor, Tensor]
    """Places in the flat sequence that predict, and what they should; the same of spans and canvases."""
    span: tuple[Tensor, Tensor]
    canvas: tuple[Tensor, Tensor, Tensor]
    """And the weight of each."""
    rows: int
    prefix: int


def to_tensors(batch: BranchBatch, device: torch.device, dtype: torch.dtype) -> BranchTensors:
    """Move a batch, positions that predict nothing left out."""
    rows, prefix = batch.prefix_ids.shape
    ids, targets, span, canvas = (
        torch.from_numpy(each).flatten()
        for each in (batch.ids, batch.targets, batch.span_weights, batch.canvas_weights)
    )
    text_at = torch.from_numpy(batch.prefix_weights).flatten().nonzero()[:, 0]
    span_at, canvas_at = span.nonzero()[:, 0], canvas.nonzero()[:, 0]
    own = SUFFIX_POSITIONS + torch.arange(prefix).expand(rows, prefix).flatten()
    mask = torch.zeros(batch.visible.shape, dtype=dtype).masked_fill_(~torch.from_numpy(batch.visible), -torch.inf)
    moved = BranchTensors(
        ids=torch.cat((torch.from_numpy(batch.prefix_ids).flatten(), ids)).to(device),
        positions=torch.cat((own, torch.from_numpy(batch.positions).flatten())).to(device),
        mask=mask[:, None].to(device),
        text=(text_at.to(device), torch.from_numpy(batch.prefix_targets).flatten()[text_at].to(device)),
        span=((rows * prefix + span_at).to(device), targets[span_at].to(device)),
        canvas=((rows * prefix + canvas_at).to(device), targets[canvas_at].to(device), canvas[canvas_at].to(device)),
        rows=rows,
        prefix=prefix,
    )
    return moved


def heads(
    x: Tensor, cos: Tensor, sin: Tensor, norm: Tensor, qkv: Tensor, config: LlamaConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """`Layer.heads` of plain tensors: one compiled function serves all layers."""
    joined = F.linear(rms_norm(x, norm, config.norm_eps), qkv).view(len(x), -1, config.head_dim)
    turned = rotate(joined[:, : config.num_heads + config.num_kv_heads], (cos, sin))
    return turned[:, : config.num_heads], turned[:, config.num_heads :], joined[:, -config.num_kv_heads :]


def after(x: Tensor, read: Tensor, out: Tensor, norm: Tensor, gate_up: Tensor, down: Tensor, eps: float) -> Tensor:
    """`Layer.after` of plain tensors."""
    x = x + F.linear(read, out)
    gate, up = F.linear(rms_norm(x, norm, eps), gate_up).chunk(2, -1)
    return x + F.linear(F.silu(gate) * up, down)


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
        cut, size = batch.rows * batch.prefix, self.config.head_dim
        branches, _, length, _ = batch.mask.shape
        each = branches // batch.rows

        def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            first = (part[:cut].view(batch.rows, batch.prefix, -1, size) for part in (q, k, v))
            q_text, k_text, v_text = first
            wide_k, wide_v = (
                torch.cat((text.repeat_interleave(each, 0), part[cut:].view(branches, length, -1, size)), 1)
                for text, part in ((k_text, k), (v_text, v))
            )
            read = attention(q_text, k_text, v_text, causal=True).reshape(cut, -1)
            behind = attention(q[cut:].view(branches, length, -1, size), wide_k, wide_v, batch.mask)
            return torch.cat((read, behind.reshape(branches * length, -1)))

        for layer in self.model.layers:
            assert isinstance(layer, Layer)
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
        text, span, canvas = costs.split([len(batch.text[0]), len(batch.span[0]), len(batch.canvas[0])])
        weights = batch.canvas[2]
        return Losses(text.mean(), span.mean(), (canvas * weights).sum() / weights.sum(), canvas.detach().mean())

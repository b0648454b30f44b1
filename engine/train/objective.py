"""The training loss: left to right on the context, denoising on the canvases, in one pass.

The context term is next-token cross-entropy (DiffusionGemma's encoder is trained so too). The canvas term is plain
cross-entropy on every span slot, corrupted or clean, weighted by the batch (no 1/t factor; arXiv 2602.15014 finds
the plain form more efficient than the ELBO weights). Shapes: B rows, C context positions, T positions, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ..models.nano.network import NanoDenoiser
from .data import Batch


@dataclass(frozen=True, slots=True)
class DeviceBatch:
    """A `Batch` as tensors [B, T] on the training device, with C."""

    ids: Tensor
    targets: Tensor
    weights: Tensor
    positions: Tensor
    visible: Tensor
    group: Tensor
    free: Tensor
    context: int

    @classmethod
    def of(cls, batch: Batch, context: int, device: torch.device) -> DeviceBatch:
        """Copy a batch to the device."""
        tensors = {name: torch.from_numpy(getattr(batch, name)).to(device) for name in Batch.__slots__}
        return cls(**tensors, context=context)


def attention_mask(visible: Tensor, group: Tensor, context: int) -> Tensor:
    """Who looks at whom, boolean [B, 1, T, T]: the visible context, and one's own canvas."""
    index = torch.arange(visible.shape[1], device=visible.device)
    sees_context = (index < context) & (index < visible[:, :, None])
    same_canvas = (group[:, :, None] == group[:, None, :]) & (group[:, None, :] > 0)
    return (sees_context | same_canvas)[:, None]


def hidden_states(model: NanoDenoiser, batch: DeviceBatch, soft: Tensor | None) -> Tensor:
    """Normed hidden states [B, T, D] of context and canvases in one pass; to be run under bfloat16 autocast."""
    context = model.embed(batch.ids[:, : batch.context]).to(torch.bfloat16)
    parts = [context]
    if batch.ids.shape[1] > batch.context:
        parts.append(model.embed_canvas(batch.ids[:, batch.context :], soft).to(torch.bfloat16))
    mask = attention_mask(batch.visible, batch.group, batch.context)
    hidden, _ = model.run(torch.cat(parts, dim=1), batch.positions, mask)
    return hidden


def self_conditioning_signal(model: NanoDenoiser, batch: DeviceBatch) -> Tensor:
    """Expected embeddings [B, T - C, D] of a first pass, zero outside the span slots."""
    hidden = hidden_states(model, batch, None)[:, batch.context :]
    soft = model.soft_embed(model.logits(hidden).softmax(dim=-1).to(torch.bfloat16))
    return soft * batch.free[:, batch.context :, None]


def losses(model: NanoDenoiser, batch: DeviceBatch, soft: Tensor | None) -> tuple[Tensor, Tensor]:
    """(left-to-right loss, denoising loss) in nats a token; the second is 0 where a batch has no canvas."""
    logits = model.logits(hidden_states(model, batch, soft))
    each = F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none").view(batch.targets.shape)
    each = each * batch.weights
    cut = batch.context
    causal = each[:, :cut].sum() / batch.weights[:, :cut].sum()
    if cut == batch.ids.shape[1]:
        return causal, torch.zeros_like(causal)
    return causal, each[:, cut:].sum() / batch.weights[:, cut:].sum()

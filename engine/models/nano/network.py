"""The nano denoiser: DiffusionGemma's text stack in plain torch, without transformers.

Why a twin of `DiffusionGemmaForBlockDiffusion`: importing transformers costs seconds, an editor starts in
less, and training wants one forward pass over context and canvases together. Names of modules follow the
published class, so that `engine/train/export.py` is a renaming; `tests/engine/models/nano/test_parity.py` holds the two
equal to each other.

The encoder and the decoder share every weight. The encoder reads the context causally and leaves its keys and
values; the decoder reads the canvas in both directions against them. It must know nothing of text or of noise.

Shapes: B rows, T positions, D hidden, H query heads, G key/value heads, K head size, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


@dataclass(frozen=True, slots=True, kw_only=True)
class NanoConfig:
    """The sizes of a nano network.

    Raises:
        ValueError: when heads do not divide as attention needs.
    """

    vocab_size: int
    hidden_size: int = 384
    num_layers: int = 6
    num_heads: int = 6
    num_kv_heads: int = 3
    head_dim: int = 64
    intermediate_size: int = 1024
    """Inner size of the dense feed-forward block and of the self-conditioning block."""
    expert_size: int = 128
    """Inner size of the one expert beside the dense block (the published class always has experts)."""
    rope_theta: float = 10_000.0
    logit_softcap: float = 30.0
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads must be a multiple of num_kv_heads, got {self.num_heads} and {self.num_kv_heads}"
            )
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even for rotary positions, got {self.head_dim}")

    def to_dict(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)


@dataclass(slots=True)
class KeyValues:
    """Keys and values of the context, one pair a layer, each [B, G, T, K]."""

    keys: list[Tensor]
    values: list[Tensor]

    @property
    def length(self) -> int:
        """Positions held."""
        return self.keys[0].shape[2] if self.keys else 0

    def cut(self, length: int) -> KeyValues:
        """The first `length` positions (views, nothing is copied)."""
        return KeyValues([k[:, :, :length] for k in self.keys], [v[:, :, :length] for v in self.values])


class Linear(nn.Linear):
    """A matrix without bias; on the meta device nothing is drawn for it.

    To draw there, torch imports much of its compiler: most of a second and 70 MB when a checkpoint is loaded.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class Embedding(nn.Embedding):
    """A table of vectors; on the meta device nothing is drawn for it, as for `Linear`."""

    def reset_parameters(self) -> None:
        if not self.weight.is_meta:
            super().reset_parameters()


class RMSNorm(nn.Module):
    """Root-mean-square norm in float32, with or without a learned scale."""

    def __init__(self, size: int, eps: float, *, scale: bool = True, initial: float = 1.0) -> None:
        super().__init__()
        self.eps = eps
        self.weight: nn.Parameter | None = nn.Parameter(torch.full((size,), initial)) if scale else None

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        if self.weight is not None:
            wide = wide * self.weight.float()
        return wide.to(x.dtype)


def rotary_table(config: NanoConfig, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines for integer `positions` [B, T], each [B, 1, T, K]."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=positions.device) / config.head_dim
    angles = positions[..., None].float() * (config.rope_theta**-exponents)
    angles = torch.cat((angles, angles), dim=-1)[:, None]
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of x [B, heads, T, K]."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


class Attention(nn.Module):
    """Grouped-query attention; the last layer of the class has no value projection (values are the raw keys)."""

    def __init__(self, config: NanoConfig, *, shared_kv: bool) -> None:
        super().__init__()
        size, head = config.hidden_size, config.head_dim
        self.heads, self.kv_heads, self.head_dim = config.num_heads, config.num_kv_heads, head
        self.q_proj = Linear(size, self.heads * head)
        self.k_proj = Linear(size, self.kv_heads * head)
        self.v_proj = None if shared_kv else Linear(size, self.kv_heads * head)
        self.o_proj = Linear(self.heads * head, size)
        # The class scales attention by 1, so the usual 1/sqrt(K) starts inside the two learned norms.
        self.q_norm = RMSNorm(head, config.norm_eps, initial=head**-0.25)
        self.k_norm = RMSNorm(head, config.norm_eps, initial=head**-0.25)
        self.v_norm = RMSNorm(head, config.norm_eps, scale=False)

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attend; returns the output [B, T, D] and this call's own keys and values [B, G, T, K]."""
        rows, length, _ = x.shape
        q = self.q_norm(self.q_proj(x).view(rows, length, self.heads, self.head_dim)).transpose(1, 2)
        raw_k = self.k_proj(x).view(rows, length, self.kv_heads, self.head_dim)
        raw_v = raw_k if self.v_proj is None else self.v_proj(x).view(raw_k.shape)
        k = rotate(self.k_norm(raw_k).transpose(1, 2), *rotary)
        v = self.v_norm(raw_v).transpose(1, 2)
        q = rotate(q, *rotary)
        all_k, all_v = k, v
        if past is not None:
            all_k = torch.cat((past[0].expand(rows, -1, -1, -1), k), dim=2)
            all_v = torch.cat((past[1].expand(rows, -1, -1, -1), v), dim=2)
        out = self._attend(q, all_k, all_v, mask)
        return self.o_proj(out.transpose(1, 2).reshape(rows, length, -1)), k, v

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """Scaled dot-product attention [B, H, T, K] of q [B, H, T, K] on k and v [B, G, S, K]."""
        rows, heads, length, size = q.shape
        group = heads // self.kv_heads
        if mask is None or mask.shape[2] == 1:
            # Every query of a row may look at the same keys, so the heads of a group are just more queries.
            folded = q.reshape(rows, self.kv_heads, group * length, size)
            return F.scaled_dot_product_attention(folded, k, v, attn_mask=mask, scale=1.0).reshape(q.shape)
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)


class GatedMLP(nn.Module):
    """GeGLU feed-forward block."""

    def __init__(self, size: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = Linear(size, inner)
        self.up_proj = Linear(size, inner)
        self.down_proj = Linear(inner, size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.gelu(self.gate_proj(x), approximate="tanh") * self.up_proj(x))
        return out


class Layer(nn.Module):
    """One transformer layer: attention, then a dense block and one expert side by side, norms before and after."""

    def __init__(self, config: NanoConfig, *, last: bool) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.norm_eps
        self.self_attn = Attention(config, shared_kv=last)
        self.mlp = GatedMLP(size, config.intermediate_size)
        self.expert = GatedMLP(size, config.expert_size)
        self.input_layernorm = RMSNorm(size, eps)
        self.post_attention_layernorm = RMSNorm(size, eps)
        self.pre_feedforward_layernorm = RMSNorm(size, eps)
        self.pre_feedforward_layernorm_2 = RMSNorm(size, eps)
        self.post_feedforward_layernorm_1 = RMSNorm(size, eps)
        # The small expert starts as a side voice: its output norm would otherwise make it as loud as the dense block.
        self.post_feedforward_layernorm_2 = RMSNorm(size, eps, initial=0.3)
        self.post_feedforward_layernorm = RMSNorm(size, eps)

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor | None, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        attended, k, v = self.self_attn(self.input_layernorm(x), rotary, mask, past)
        x = x + self.post_attention_layernorm(attended)
        dense = self.post_feedforward_layernorm_1(self.mlp(self.pre_feedforward_layernorm(x)))
        expert = self.post_feedforward_layernorm_2(self.expert(self.pre_feedforward_layernorm_2(x)))
        return x + self.post_feedforward_layernorm(dense + expert), k, v


class SelfConditioning(nn.Module):
    """Adds the last pass's expected embedding to the canvas embedding, and normalises the sum."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.pre_norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.post_norm = RMSNorm(config.hidden_size, config.norm_eps, scale=False)
        self.gate_proj = Linear(config.hidden_size, config.intermediate_size)
        self.up_proj = Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size)

    def forward(self, embedded: Tensor, soft: Tensor | None) -> Tensor:
        """Both [B, T, D]; no `soft` means a first pass, for which the signal is exactly zero."""
        if soft is not None:
            normed = self.pre_norm(soft)
            signal = self.down_proj(F.gelu(self.gate_proj(normed), approximate="tanh") * self.up_proj(normed))
            embedded = embedded + signal
        out: Tensor = self.post_norm(embedded)
        return out


class NanoDenoiser(nn.Module):
    """The network: embeddings, layers, one norm, a head tied to the embeddings."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            Layer(config, last=index == config.num_layers - 1) for index in range(config.num_layers)
        )
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)
        self.self_conditioning = SelfConditioning(config)
        self.embed_scale = math.sqrt(config.hidden_size)
        if not self.embed_tokens.weight.is_meta:
            self.apply(self._initialise)

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)

    @property
    def dtype(self) -> torch.dtype:
        """The type that the weights are held in."""
        return self.embed_tokens.weight.dtype

    def embed(self, ids: Tensor) -> Tensor:
        """Context embeddings [B, T, D] of ids [B, T]."""
        embedded: Tensor = self.embed_tokens(ids) * self.embed_scale
        return embedded

    def soft_embed(self, probabilities: Tensor) -> Tensor:
        """Expected embedding [..., D] under probabilities [..., V]: the self-conditioning signal."""
        return probabilities.to(self.dtype) @ self.embed_tokens.weight * self.embed_scale

    def embed_canvas(self, ids: Tensor, soft: Tensor | None) -> Tensor:
        """Canvas embeddings [B, T, D]; `soft` [B, T, D] is zero where a position is pinned."""
        out: Tensor = self.self_conditioning(self.embed(ids), soft)
        return out

    def run(
        self, x: Tensor, positions: Tensor, mask: Tensor | None, past: KeyValues | None = None
    ) -> tuple[Tensor, KeyValues]:
        """All layers over x [B, T, D] at integer positions [B, T].

        `mask` is boolean [B or 1, 1, T, past + T], true where a query may look; none means everywhere.
        Returns the normed hidden states and this call's own keys and values.
        """
        rotary = rotary_table(self.config, positions, x.dtype)
        fresh = KeyValues([], [])
        for index, layer in enumerate(self.layers):
            before = None if past is None else (past.keys[index], past.values[index])
            x, k, v = layer(x, rotary, mask, before)
            fresh.keys.append(k)
            fresh.values.append(v)
        return self.norm(x), fresh

    def logits(self, hidden: Tensor) -> Tensor:
        """Soft-capped float32 logits [..., V] of hidden states [..., D]."""
        raw = F.linear(hidden, self.embed_tokens.weight).float()
        cap = self.config.logit_softcap
        return torch.tanh(raw / cap) * cap

"""A Llama network in plain torch whose weights serve twice: causal encoder and bidirectional canvas.

With biases it is a Qwen2 network.

All linear work is done on one flat sequence of tokens; who attends to whom is the caller's, given as a function,
because a training batch, a context and a canvas differ in nothing else. Names of weights follow transformers'
`LlamaModel`, with projections of one input joined (`fused`, `published`); `tests/engine/models/llama` holds both equal.
It must know nothing of text or of noise.

Shapes: N tokens, D hidden, H query heads, G key/value heads, K head size, I inner size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""(layer, queries [N, H, K], keys [N, G, K], values [N, G, K]), rotated, to what was read [N, H, K]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaConfig:
    """The sizes of a network.

    Raises:
        ValueError: when a size is not positive, or heads do not divide as attention needs.
    """

    vocab_size: int
    hidden_size: int = 576
    num_layers: int = 30
    num_heads: int = 9
    num_kv_heads: int = 3
    head_dim: int = 64
    intermediate_size: int = 1536
    rope_theta: float = 100_000.0
    norm_eps: float = 1e-5
    qkv_bias: bool = False
    """Whether queries, keys and values have biases, as in the Qwen2 class; all else of it is the same."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name != "qkv_bias" and value <= 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads must be a multiple of num_kv_heads, got {self.num_heads} and {self.num_kv_heads}"
            )
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even for rotary positions, got {self.head_dim}")

    def to_dict(self) -> dict[str, Any]:
        """The sizes as plain values."""
        return asdict(self)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every weight, by its joined name."""
        hidden, inner = self.hidden_size, self.intermediate_size
        heads = (self.num_heads + 2 * self.num_kv_heads) * self.head_dim
        layer: dict[str, tuple[int, ...]] = {
            "input_layernorm.weight": (hidden,),
            "self_attn.qkv_proj.weight": (heads, hidden),
            "self_attn.o_proj.weight": (hidden, self.num_heads * self.head_dim),
            "post_attention_layernorm.weight": (hidden,),
            "mlp.gate_up_proj.weight": (2 * inner, hidden),
            "mlp.down_proj.weight": (hidden, inner),
        }
        if self.qkv_bias:
            layer["self_attn.qkv_proj.bias"] = (heads,)
        out: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (self.vocab_size, hidden)}
        for index in range(self.num_layers):
            out |= {f"layers.{index}.{name}": shape for name, shape in layer.items()}
        return out | {"norm.weight": (hidden,)}


def rms_norm(x: Tensor, scale: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm of x [..., D], computed in float32."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps) * scale.float()).to(x.dtype)


def rotary_table(config: LlamaConfig, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines [N, 1, K] for integer `positions` [N]; the sines of the left half have their sign turned."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=positions.device) / config.head_dim
    angles = positions[:, None].float() * (config.rope_theta**-exponents)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((cos, cos), -1)[:, None].to(dtype), torch.cat((-sin, sin), -1)[:, None].to(dtype)


def rotate(x: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding of x [N, heads, K] by a table of `rotary_table`."""
    return x * rotary[0] + x.roll(x.shape[-1] // 2, -1) * rotary[1]


class LlamaLayer(nn.Module):
    """One transformer layer: grouped-query attention and a SiLU-gated block, a norm before each."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        hidden, inner = config.hidden_size, config.intermediate_size
        heads = (config.num_heads + 2 * config.num_kv_heads) * config.head_dim
        self.input_norm = nn.Parameter(torch.ones(hidden))
        self.qkv = nn.Parameter(torch.empty(heads, hidden))
        self.qkv_bias = nn.Parameter(torch.zeros(heads)) if config.qkv_bias else None
        self.out = nn.Parameter(torch.empty(hidden, config.num_heads * config.head_dim))
        self.mlp_norm = nn.Parameter(torch.ones(hidden))
        self.gate_up = nn.Parameter(torch.empty(2 * inner, hidden))
        self.down = nn.Parameter(torch.empty(hidden, inner))

    def heads(self, x: Tensor, rotary: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries [N, H, K] and keys [N, G, K], and values [N, G, K], of x [N, D]."""
        config = self.config
        joined = F.linear(rms_norm(x, self.input_norm, config.norm_eps), self.qkv, self.qkv_bias)
        joined = joined.view(len(x), -1, config.head_dim)
        turned = rotate(joined[:, : config.num_heads + config.num_kv_heads], rotary)
        values = joined[:, config.num_heads + config.num_kv_heads :]
        return turned[:, : config.num_heads], turned[:, config.num_heads :], values

    def after(self, x: Tensor, read: Tensor) -> Tensor:
        """The layer's output [N, D] from its input and what attention read [N, H, K]."""
        x = x + F.linear(read.flatten(1), self.out)
        gate, up = F.linear(rms_norm(x, self.mlp_norm, self.config.norm_eps), self.gate_up).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, self.down)


class LlamaDenoiser(nn.Module):
    """The network: embeddings, layers, one norm, a head tied to the embeddings."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Parameter(torch.empty(config.vocab_size, config.hidden_size))
        self.layers = nn.ModuleList(LlamaLayer(config) for _ in range(config.num_layers))
        self.norm = nn.Parameter(torch.ones(config.hidden_size))

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [N, D] of ids [N]."""
        return F.embedding(ids, self.embed_tokens)

    def run(self, x: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Normed hidden states [N, D] of x [N, D] at integer positions [N]."""
        rotary = rotary_table(self.config, positions, x.dtype)
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, LlamaLayer)
            x = layer.after(x, attend(index, *layer.heads(x, rotary)))
        return rms_norm(x, self.norm, self.config.norm_eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """Float32 logits [N, V] of normed hidden states [N, D]."""
        return F.linear(hidden, self.embed_tokens).float()


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """Grouped-query attention [R, T, H, K] of q [R, T, H, K] on k and v [R, S, G, K].

    Args:
        mask: added to the scores, [R or 1, 1, T, S].
    """
    rows, length, heads, size = q.shape
    groups = k.shape[2]
    if causal:
        wide_k, wide_v = (each.repeat_interleave(heads // groups, dim=2).transpose(1, 2) for each in (k, v))
        return F.scaled_dot_product_attention(q.transpose(1, 2), wide_k, wide_v, is_causal=True).transpose(1, 2)
    # Every head of a group reads the same keys, so its heads are just more queries.
    folded = q.view(rows, length, groups, -1, size).permute(0, 2, 3, 1, 4).reshape(rows, groups, -1, size)
    if mask is not None:
        mask = mask.repeat(1, 1, heads // groups, 1)
    read = F.scaled_dot_product_attention(folded, k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask)
    return read.view(rows, groups, -1, length, size).permute(0, 3, 1, 2, 4).reshape(q.shape)


_OWN = {
    "input_layernorm.weight": "input_norm",
    "self_attn.qkv_proj.weight": "qkv",
    "self_attn.qkv_proj.bias": "qkv_bias",
    "self_attn.o_proj.weight": "out",
    "post_attention_layernorm.weight": "mlp_norm",
    "mlp.gate_up_proj.weight": "gate_up",
    "mlp.down_proj.weight": "down",
}


def own_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights by their joined names (`LlamaConfig.shapes`) as the network's state."""
    out: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        parts = name.split(".", 2)
        if parts[0] == "layers":
            out[f"layers.{parts[1]}.{_OWN[parts[2]]}"] = tensor
        else:
            out[name.removesuffix(".weight")] = tensor
    return out


def file_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network's state by joined names, as checkpoints have them."""
    back = {own: name for name, own in _OWN.items()}
    out: dict[str, Tensor] = {}
    for name, tensor in state.items():
        parts = name.split(".", 2)
        out[f"layers.{parts[1]}.{back[parts[2]]}" if parts[0] == "layers" else f"{name}.weight"] = tensor
    return out


def fused(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under `LlamaModel`'s names with the projections of one input joined."""
    out = {name: tensor for name, tensor in published.items() if "_proj" not in name}
    for name, tensor in published.items():
        if name.endswith(("q_proj.weight", "q_proj.bias")):
            others = (published[name.replace("q_proj", each)] for each in ("k_proj", "v_proj"))
            out[name.replace("q_proj", "qkv_proj")] = torch.cat((tensor, *others))
        elif name.endswith("gate_proj.weight"):
            out[name.replace("gate_proj", "gate_up_proj")] = torch.cat(
                (tensor, published[name.replace("gate_proj", "up_proj")])
            )
        elif name.endswith(("o_proj.weight", "down_proj.weight")):
            out[name] = tensor
    return out


def published(weights: dict[str, Tensor], config: LlamaConfig) -> dict[str, Tensor]:
    """The inverse of `fused`: what transformers' `LlamaModel` loads."""
    sizes = [config.num_heads * config.head_dim, *[config.num_kv_heads * config.head_dim] * 2]
    out: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if name.endswith(("qkv_proj.weight", "qkv_proj.bias")):
            parts = zip(("q_proj", "k_proj", "v_proj"), torch.split(tensor, sizes), strict=True)
            out |= {name.replace("qkv_proj", part): each for part, each in parts}
        elif name.endswith("gate_up_proj.weight"):
            gate, up = tensor.chunk(2)
            out |= {name.replace("gate_up_proj", "gate_proj"): gate, name.replace("gate_up_proj", "up_proj"): up}
        else:
            out[name] = tensor
    return out

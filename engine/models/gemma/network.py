"""DiffusionGemma's text stack in plain torch, on weights by name, whole or in NF4; without transformers.

Why not the published class: its loader keeps two copies in view, its decoder copies the whole cache in every pass,
its self-conditioning wants logits [W, 262144], and none of its layers takes a 4-bit expert. The weights are the
published ones under the decoder's names (`weights.py`); `tests/engine/models/gemma/test_network.py` holds every pass
equal to transformers'.

All sequences are flat: the rows of a batch stand behind one another, and `own` says which positions see each other.
Encoder and decoder share everything but a scalar a layer. Shapes: N positions, D hidden, H query heads, G key/value
heads, K head size, C context positions, M = C + N, F free positions, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ....kernels import ops
from ....kernels.formats import Choice, Chosen, Weight
from .cache import Board, CacheKind
from .config import GemmaConfig


class Side(Enum):
    """Which half of the model a run is."""

    ENCODER = "encoder_layer_scalar"
    """Causal; sliding layers look back no further than their window."""
    DECODER = "layer_scalar"
    """Sees all of the context that is kept."""


@dataclass(frozen=True, slots=True)
class GemmaLayer:
    """One layer's names and sizes."""

    stem: str
    kind: CacheKind
    kv_heads: int
    head_dim: int


class GemmaNetwork:
    """The network; holds no state of a request."""

    def __init__(self, config: GemmaConfig, weights: dict[str, Weight]) -> None:
        self.config, self.weights = config, weights
        table = weights["embed_tokens.weight"]
        assert isinstance(table, Tensor), "the embedding stays whole"
        self.table, self.dtype, self.device = table, table.dtype, table.device
        # The published class rounds the scale to the type of the weights.
        self.embed_scale = torch.tensor(config.hidden_size**0.5, dtype=self.dtype, device=self.device)
        self.layers = [layer_of(config, index) for index in range(config.num_layers)]
        self.frequencies = {kind: rotary_frequencies(config, kind).to(self.device) for kind in CacheKind}

    def tensor(self, name: str) -> Tensor:
        """A weight that is never quantised."""
        found = self.weights[name]
        assert isinstance(found, Tensor), name
        return found

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings [N, D] of ids [N]."""
        return self.table[ids] * self.embed_scale

    def embed_canvas(self, ids: Tensor, soft: Tensor | None, free: Tensor | None) -> Tensor:
        """Canvas embeddings [N, D] of ids [N].

        Args:
            soft: [F, D], conditions the free positions; others get a signal of zero, as all do where it is none.
            free: boolean [N]; none means that `soft` [N, D] is of all positions, and zero where one is pinned.
        """
        embedded = self.embed(ids)
        if soft is not None:
            signal = self.gated(
                self.norm(soft * self.embed_scale, "self_conditioning.pre_norm.weight"), "self_conditioning."
            )
            if free is None:
                embedded = embedded + signal
            else:
                embedded = embedded.index_add(0, free.nonzero()[:, 0], signal.to(embedded.dtype))
        return self.norm(embedded, None)

    def run(self, x: Tensor, positions: Tensor, own: Tensor | None, board: Board, side: Side) -> Tensor:
        """All layers over x [N, D] at integer positions [N]; returns the normed hidden states [N, D].

        Args:
            own: boolean [N, N], which of these positions see each other; none means all.
            board: the context; keys and values of these positions are written behind it.
        """
        rotary = {kind: rotary_table(self.frequencies[kind], positions, x.dtype) for kind in CacheKind}
        window = self.config.sliding_window if side is Side.ENCODER else None
        masks = {kind: board.mask(kind, positions, own, window) for kind in CacheKind}
        for index, layer in enumerate(self.layers):
            x = self._layer(x, index, layer, rotary[layer.kind], masks[layer.kind], board, side)
        return self.norm(x, "norm.weight")

    def tail(self, hidden: Tensor, choice: Choice, generator: torch.Generator) -> Chosen:
        """Tokens for hidden states [F, D], and what is known of them."""
        return ops.vocabulary_tail(hidden, self.table, choice, self.config.softcap, generator)

    def log_probs(self, hidden: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Log-probabilities [P] of target tokens [P], each predicted by the hidden state [N, D] of its source."""
        out = []
        for part, ids in zip(torch.split(source, SCORED), torch.split(target, SCORED), strict=True):
            raw = F.linear(hidden[part], self.table).float()
            logits = torch.tanh(raw / self.config.softcap) * self.config.softcap
            out.append(logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(-1))
        return torch.cat(out) if out else hidden.new_zeros(0, dtype=torch.float32)

    def norm(self, x: Tensor, name: str | None, residual: Tensor | None = None, scale: str | None = None) -> Tensor:
        """Root-mean-square norm over the last dimension; see `reference.rms_norm`. No name means no weight."""
        weight = None if name is None else self.tensor(name)
        return ops.rms_norm(x, weight, self.config.eps, residual, None if scale is None else self.tensor(scale))

    def gated(self, x: Tensor, stem: str) -> Tensor:
        """A GeGLU block."""
        gate, up = (ops.linear(x, self.weights[f"{stem}{name}_proj.weight"]) for name in ("gate", "up"))
        return ops.linear(ops.geglu(gate, up), self.weights[f"{stem}down_proj.weight"])

    def _layer(
        self,
        x: Tensor,
        index: int,
        layer: GemmaLayer,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | None,
        board: Board,
        side: Side,
    ) -> Tensor:
        stem = layer.stem
        attended = self._attention(self.norm(x, f"{stem}input_layernorm.weight"), index, layer, rotary, mask, board)
        x = self.norm(attended, f"{stem}post_attention_layernorm.weight", residual=x)
        dense = self.gated(self.norm(x, f"{stem}pre_feedforward_layernorm.weight"), f"{stem}mlp.")
        both = self.norm(dense, f"{stem}post_feedforward_layernorm_1.weight")
        if self.config.num_experts:
            sparse = self._experts(x, self.norm(x, f"{stem}pre_feedforward_layernorm_2.weight"), stem)
            both = self.norm(sparse, f"{stem}post_feedforward_layernorm_2.weight", residual=both)
        return self.norm(both, f"{stem}post_feedforward_layernorm.weight", residual=x, scale=f"{stem}{side.value}")

    def _attention(
        self,
        x: Tensor,
        index: int,
        layer: GemmaLayer,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | None,
        board: Board,
    ) -> Tensor:
        stem, count = f"{layer.stem}self_attn.", len(x)
        q = ops.linear(x, self.weights[f"{stem}q_proj.weight"]).view(count, -1, layer.head_dim)
        raw_k = ops.linear(x, self.weights[f"{stem}k_proj.weight"]).view(count, -1, layer.head_dim)
        # Layers of full attention have no value projection: their values are the raw keys.
        raw_v = raw_k
        if f"{stem}v_proj.weight" in self.weights:
            raw_v = ops.linear(x, self.weights[f"{stem}v_proj.weight"]).view(raw_k.shape)
        q = ops.norm_rotate(q, self.tensor(f"{stem}q_norm.weight"), *rotary, self.config.eps)
        k = ops.norm_rotate(raw_k, self.tensor(f"{stem}k_norm.weight"), *rotary, self.config.eps)
        keys, values = board.put(index, k.transpose(0, 1), self.norm(raw_v, None).transpose(0, 1))
        return ops.linear(attend(q, keys, values, mask), self.weights[f"{stem}o_proj.weight"])

    def _experts(self, x: Tensor, normed: Tensor, stem: str) -> Tensor:
        """The router looks at the residual, the experts at its norm."""
        routed = self.norm(x, None) * self.tensor(f"{stem}router.scale") * self.config.hidden_size**-0.5
        scores = F.linear(routed, self.tensor(f"{stem}router.proj.weight"))
        share, index = ops.route(scores, self.tensor(f"{stem}router.per_expert_scale"), self.config.top_k)
        gate_up, down = (self.weights[f"{stem}experts.{name}_proj"] for name in ("gate_up", "down"))
        return ops.experts(normed, index, share, gate_up, down)


SCORED = 128
"""So many tokens are scored at once: their logits are held whole."""


def layer_of(config: GemmaConfig, index: int) -> GemmaLayer:
    """What tells one layer from another."""
    stem = f"layers.{index}."
    if config.layer_types[index] == CacheKind.SLIDING.value:
        return GemmaLayer(stem, CacheKind.SLIDING, config.num_kv_heads, config.head_dim)
    return GemmaLayer(stem, CacheKind.FULL, config.global_num_kv_heads, config.global_head_dim)


def rotary_frequencies(config: GemmaConfig, kind: CacheKind) -> Tensor:
    """Radians a position of each pair, float32 [K / 2]; full layers turn a part of their pairs only."""
    if kind is CacheKind.SLIDING:
        size, base, turned = config.head_dim, config.sliding_rope_theta, 1.0
    else:
        size, base, turned = config.global_head_dim, config.full_rope_theta, config.full_rotary_factor
    pairs = int(turned * size // 2)
    frequencies = base ** -(torch.arange(0, 2 * pairs, 2).float() / size)
    return F.pad(frequencies, (0, size // 2 - pairs))


def rotary_table(frequencies: Tensor, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines for integer positions [N], each [N, 1, K]."""
    angles = positions[:, None].float() * frequencies
    angles = torch.cat((angles, angles), dim=-1)[:, None]
    return angles.cos().to(dtype), angles.sin().to(dtype)


def attend(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of q [N, H, K] on keys and values [G, M, K] under a boolean mask [N, M]; returns [N, H K]."""
    count, heads, size = q.shape
    group = heads // len(keys)
    # The heads of a group are so many more queries of the same keys, which need then not be repeated for each.
    folded = q.view(count, -1, group, size).permute(1, 2, 0, 3).reshape(1, -1, group * count, size)
    if mask is not None:
        mask = mask.repeat(group, 1)
    out = F.scaled_dot_product_attention(folded, keys[None], values[None], attn_mask=mask, scale=1.0)
    return out.view(-1, group, count, size).permute(2, 0, 1, 3).reshape(count, -1)

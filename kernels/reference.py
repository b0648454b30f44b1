"""What every kernel must compute, in plain torch: the ground truth, and what runs where there is no GPU.

Shapes: F rows, V vocabulary, D hidden, T tokens, A experts a token, E experts, I inner size.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from .formats import BLOCK, FP8_MAX, NF4_LEVELS, Choice, Chosen, Fp8, Nf4, Weight

LOG_FLOOR = -1e4
"""Stands for the logarithm of zero, so that an impossible token adds nothing to an entropy instead of a NaN."""


def log_softmax_entropy(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities [F, V] of logits [F, V], and their entropies [F] in nats; minus infinity is allowed."""
    log_probs = logits.log_softmax(dim=-1)
    entropy = -(log_probs.exp() * log_probs.clamp(min=LOG_FLOOR)).sum(dim=-1)
    return log_probs, entropy


def softcapped(hidden: Tensor, table: Tensor, softcap: float) -> Tensor:
    """Logits [F, V] in float32 of hidden states [F, D] and the tied table [V, D]."""
    raw = F.linear(hidden, table).float()
    return torch.tanh(raw / softcap) * softcap


def biased(logits: Tensor, choice: Choice) -> Tensor:
    """Logits [F, V] with the bias of each row added."""
    # Nearly all rows have the first bias, so it is not gathered for each of them.
    out = logits + choice.bias[0]
    others = choice.rule.nonzero()[:, 0]
    out[others] = logits[others] + choice.bias[choice.rule[others]]
    return out


def choose(logits: Tensor, choice: Choice, noise: Tensor | None) -> tuple[Chosen, Tensor]:
    """Choose a token a row from logits [F, V]; also the probabilities [F, V], for `Chosen.soft` is left empty.

    Args:
        noise: exponential draws [F, V] where tokens are sampled: the largest p / noise is a sample of p.
    """
    logits = biased(logits if choice.temperature == 1 else logits / choice.temperature, choice)
    log_probs, entropy = log_softmax_entropy(logits)
    probabilities = log_probs.exp()
    likeliest = tokens = log_probs.argmax(-1)
    if choice.sampling:
        assert noise is not None, "sampling needs noise"
        flat = probabilities if choice.sampling == 1 else (log_probs / choice.sampling).softmax(-1)
        tokens = (flat / noise).argmax(-1)
    chosen = Chosen(
        tokens=tokens,
        likeliest=likeliest,
        log_probs=log_probs.gather(1, tokens[:, None])[:, 0],
        entropy=entropy,
        soft=logits.new_zeros(len(logits), 0),
    )
    return chosen, probabilities


def vocabulary_tail(hidden: Tensor, table: Tensor, choice: Choice, softcap: float, noise: Tensor | None) -> Chosen:
    """From hidden states [F, D] and the tied table [V, D] to chosen tokens and the soft embedding [F, D]."""
    chosen, probabilities = choose(softcapped(hidden, table, softcap), choice, noise)
    soft = probabilities.to(table.dtype) @ table
    return Chosen(
        tokens=chosen.tokens,
        likeliest=chosen.likeliest,
        log_probs=chosen.log_probs,
        entropy=chosen.entropy,
        soft=soft,
    )


def quantize_nf4(weight: Tensor) -> Nf4:
    """A matrix [N, K] or stack [E, N, K] in NF4; K must be a multiple of 64."""
    blocks = weight.float().reshape(*weight.shape[:-1], -1, BLOCK)
    absmax = blocks.abs().amax(-1)
    levels = torch.tensor(NF4_LEVELS, device=weight.device)
    scaled = blocks / absmax.clamp(min=torch.finfo(torch.float32).tiny)[..., None]
    codes = torch.bucketize(scaled, (levels[1:] + levels[:-1]) / 2).flatten(-2).to(torch.uint8)
    return Nf4((codes[..., 0::2] << 4) | codes[..., 1::2], absmax)


def dequantize_nf4(weight: Nf4, dtype: torch.dtype) -> Tensor:
    """The weights that it stands for."""
    levels = _looked_up(_level_pairs(weight.packed.device), weight.packed)
    values = levels.reshape(*weight.absmax.shape, BLOCK) * weight.absmax[..., None]
    return values.flatten(-2).to(dtype)


def quantize_fp8(weight: Tensor) -> Fp8:
    """A matrix [N, K] or stack [E, N, K] in FP8: the largest of a row becomes the largest number of the type.

    What is not finite makes the scale of its row not finite.
    """
    wide = weight.float()
    scale = (wide.abs().amax(-1) / FP8_MAX).clamp(min=torch.finfo(torch.float32).tiny)
    return Fp8((wide / scale[..., None]).to(torch.float8_e4m3fn), scale)


def dequantize_fp8(weight: Fp8, dtype: torch.dtype) -> Tensor:
    """The weights that it stands for."""
    return (fp8_values(weight, torch.float32) * weight.scale[..., None]).to(dtype)


def fp8_values(weight: Fp8, dtype: torch.dtype) -> Tensor:
    """The values without their scales: exact in any type of 16 bits or more."""
    # On a CPU torch converts this type four times slower than it looks a table up.
    return _looked_up(_fp8_numbers(dtype, weight.values.device), weight.values.view(torch.uint8)).view(weight.shape)


def dense(weight: Weight, dtype: torch.dtype) -> Tensor:
    """The weights as a tensor."""
    if isinstance(weight, Nf4):
        return dequantize_nf4(weight, dtype)
    return dequantize_fp8(weight, dtype) if isinstance(weight, Fp8) else weight.to(dtype)


def linear(x: Tensor, weight: Weight) -> Tensor:
    """x [..., K] times the transpose of a weight [N, K]."""
    if isinstance(weight, Fp8):
        # Scales multiply the sums: no weight is rounded to the type of x.
        return (F.linear(x, fp8_values(weight, x.dtype)) * weight.scale).to(x.dtype)
    return F.linear(x, dense(weight, x.dtype))


def experts(x: Tensor, index: Tensor, share: Tensor, gate_up: Weight, down: Weight) -> Tensor:
    """The sum over a token's experts of their GeGLU blocks, each times its share: [T, D].

    Args:
        x: [T, D].
        index: int64 [T, A], the experts of each token.
        share: float32 [T, A].
        gate_up: [E, 2 I, D], gates above.
        down: [E, D, I].
    """
    out = torch.zeros_like(x)
    flat = index.flatten()
    places = torch.split(flat.argsort(stable=True), flat.bincount(minlength=down.shape[0]).tolist())
    for expert, own in enumerate(places):
        if not len(own):
            continue
        token, place = own // index.shape[1], own % index.shape[1]
        gate, up = linear(x[token], _one(gate_up, expert)).chunk(2, dim=-1)
        inner = geglu(gate, up)
        part = linear(inner, _one(down, expert)) * share[token, place, None]
        out.index_add_(0, token, part.to(out.dtype))
    return out


def rms_norm(
    x: Tensor, weight: Tensor | None, eps: float, residual: Tensor | None = None, scale: Tensor | None = None
) -> Tensor:
    """Root-mean-square norm of x [..., D] in float32, times a weight [D]; on a residual, and all times a scale [1]."""
    wide = x.float()
    wide = wide * torch.pow(wide.pow(2).mean(-1, keepdim=True) + eps, -0.5)
    out = (wide if weight is None else wide * weight.float()).to(x.dtype)
    if residual is not None:
        out = residual + out
    return out if scale is None else out * scale


def norm_rotate(x: Tensor, weight: Tensor | None, cos: Tensor, sin: Tensor, eps: float) -> Tensor:
    """Norm of heads x [N, H, K], then rotary positions by cosines and sines [N, 1, K] whose halves are alike."""
    normed = rms_norm(x, weight, eps)
    left, right = normed.chunk(2, dim=-1)
    return normed * cos + torch.cat((-right, left), dim=-1) * sin


def geglu(gate: Tensor, up: Tensor) -> Tensor:
    """GELU of the gate (tanh form) times what it lets through; all of one shape."""
    return F.gelu(gate, approximate="tanh") * up


def route(scores: Tensor, expert_scale: Tensor, taken: int) -> tuple[Tensor, Tensor]:
    """The best experts of each token from scores [T, E]: shares float32 [T, A] and indices int64 [T, A], best first.

    Shares of a token add up to 1 before each is multiplied by the scale [E] of its expert.
    """
    share, index = scores.softmax(-1, dtype=torch.float32).topk(taken, dim=-1)
    return share / share.sum(-1, keepdim=True) * expert_scale[index], index


def _one(weight: Weight, expert: int) -> Weight:
    """The matrix of one expert."""
    if isinstance(weight, Nf4):
        return Nf4(weight.packed[expert], weight.absmax[expert])
    if isinstance(weight, Fp8):
        return Fp8(weight.values[expert], weight.scale[expert])
    return weight[expert]


def _looked_up(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table for indices in bytes of any shape, flat."""
    return table.index_select(0, index.flatten().int())


@functools.cache
def _level_pairs(device: torch.device) -> Tensor:
    """Float32 [256, 2]: the two levels that a byte stands for."""
    levels, byte = torch.tensor(NF4_LEVELS), torch.arange(256)
    return torch.stack((levels[byte >> 4], levels[byte & 15]), dim=-1).to(device)


@functools.cache
def _fp8_numbers(dtype: torch.dtype, device: torch.device) -> Tensor:
    """[256]: the number that a byte stands for."""
    return torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn).to(dtype).to(device)

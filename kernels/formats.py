"""What kernels take and give: weights in NF4 and FP8, how tokens are chosen, what is known of the chosen ones.

Plain tensors in frozen values; no kernel and no model is known here. Shapes: F rows, V vocabulary, D hidden, N outputs,
K inputs, E experts, B biases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

BLOCK = 64
"""Neighbouring weights of a row that share a scale."""

NF4_LEVELS = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
"""The sixteen values of NormalFloat4 (Dettmers et al., arXiv 2305.14314), as bitsandbytes has them."""


@dataclass(frozen=True)
class Nf4:
    """A matrix [N, K], or a stack of them [E, N, K], in NF4: bitsandbytes' bytes with the rows told apart.

    Raises:
        ValueError: when the parts do not fit each other.
    """

    packed: Tensor
    """uint8 [..., N, K / 2]; of two neighbours the first is in the high half of the byte."""
    absmax: Tensor
    """float32 [..., N, K / 64]: what the levels of a block are multiplied by."""

    def __post_init__(self) -> None:
        if self.packed.dtype != torch.uint8 or self.absmax.dtype != torch.float32:
            raise ValueError(f"NF4 wants uint8 and float32, got {self.packed.dtype} and {self.absmax.dtype}")
        if self.packed.shape[:-1] != self.absmax.shape[:-1] or self.shape[-1] != self.absmax.shape[-1] * BLOCK:
            raise ValueError(f"{tuple(self.packed.shape)} bytes do not go with {tuple(self.absmax.shape)} scales")

    @cached_property
    def shape(self) -> torch.Size:
        """Of the weights that it stands for."""
        return torch.Size((*self.packed.shape[:-1], self.packed.shape[-1] * 2))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.packed.nbytes + self.absmax.nbytes

    def to(self, device: torch.device | str) -> Nf4:
        """The same on another device."""
        return Nf4(self.packed.to(device), self.absmax.to(device))


FP8_MAX = 448.0
"""The largest number that float8_e4m3fn has."""


@dataclass(frozen=True)
class Fp8:
    """A matrix [N, K], or a stack of them [E, N, K], in FP8: a scale a row, as FP8-dynamic checkpoints have it.

    No value may be NaN, which is for the one who makes it to see to: kernels would read it as 480.

    Raises:
        ValueError: when the parts do not fit each other.
    """

    values: Tensor
    """float8_e4m3fn [..., N, K]."""
    scale: Tensor
    """float32 [..., N]: what the values of a row are multiplied by."""

    def __post_init__(self) -> None:
        if self.values.dtype != torch.float8_e4m3fn or self.scale.dtype != torch.float32:
            raise ValueError(f"FP8 wants float8_e4m3fn and float32, got {self.values.dtype} and {self.scale.dtype}")
        if self.values.dim() < 2 or self.values.shape[:-1] != self.scale.shape:
            raise ValueError(f"{tuple(self.values.shape)} values do not go with {tuple(self.scale.shape)} scales")

    @property
    def shape(self) -> torch.Size:
        """Of the weights that it stands for."""
        return self.values.shape

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.values.nbytes + self.scale.nbytes

    def to(self, device: torch.device | str) -> Fp8:
        """The same on another device; MPS has no such type."""
        return Fp8(self.values.to(device), self.scale.to(device))


Weight = Tensor | Nf4 | Fp8
"""A matrix or a stack of matrices, whole or quantised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How a token is chosen for each row.

    Raises:
        ValueError: when a number is out of its range.
    """

    bias: Tensor
    """float32 [B, V], added to the logits after the temperature; minus infinity forbids."""
    rule: Tensor
    """int64 [F]: which bias each row has."""
    temperature: float = 1.0
    """Divides the logits before all else: entropies and the soft embedding are of what comes out."""
    sampling: float = 0.0
    """0 takes the likeliest token; above it one is drawn, from a distribution flattened by so much."""
    as_multinomial: bool = False
    """Draw what `torch.multinomial` would draw from the same generator; without a kernel, where it takes six times as
    long."""

    def __post_init__(self) -> None:
        if self.temperature <= 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        if self.sampling < 0:
            raise ValueError(f"sampling must not be negative, got {self.sampling}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What came out for each row."""

    tokens: Tensor
    """int64 [F], drawn or likeliest."""
    likeliest: Tensor
    """int64 [F]."""
    log_probs: Tensor
    """float32 [F], of `tokens`, in nats."""
    entropy: Tensor
    """float32 [F], nats."""
    soft: Tensor
    """[F, D], the expected row of the table: the self-conditioning signal, without the embedding's scale."""

    def cpu(self, soft: Tensor) -> Chosen:
        """All but the soft embedding on the CPU; that one is replaced and stays where it is."""
        return Chosen(
            tokens=self.tokens.cpu(),
            likeliest=self.likeliest.cpu(),
            log_probs=self.log_probs.cpu(),
            entropy=self.entropy.cpu(),
            soft=soft,
        )

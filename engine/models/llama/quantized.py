"""Matrices as grouped integers of 5 to 8 bits: what a checkpoint's file holds of the weights.

A row's neighbouring weights share a scale. The codes of a row are kept as planes of 4, 2 and 1 bits, each plane packed
into whole bytes, so that any number of bits takes exactly its share of the file and is read back with a few operations
on whole rows. It must know nothing of networks.

Shapes: M rows, D columns, B bits, G columns that share a scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BITS = (5, 6, 7, 8)
PLANES = {5: (4, 1), 6: (4, 2), 7: (4, 2, 1), 8: (8,)}
"""Bits of each plane, the low ones first."""
WHOLE_BYTE = 8
STEP = 8
"""Columns come in multiples of it: the bytes of a plane of single bits."""
SHRINK = (1.0, 0.96, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7)
"""Scales that are tried, as shares of the one that holds a group's largest weight."""


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix [M, D].

    Raises:
        ValueError: when the parts do not fit each other.
    """

    codes: Tensor
    """uint8 [M, D * B / 8]: planes one after the other; a code is its integer plus half the range."""
    scales: Tensor
    """float16 [M, D / G]."""
    columns: int

    def __post_init__(self) -> None:
        if self.codes.dtype != torch.uint8 or self.scales.dtype != torch.float16:
            raise ValueError(f"expected uint8 codes and float16 scales, got {self.codes.dtype} and {self.scales.dtype}")
        if self.codes.ndim != 2 or self.scales.ndim != 2 or len(self.codes) != len(self.scales):
            raise ValueError(f"codes {tuple(self.codes.shape)} do not go with scales {tuple(self.scales.shape)}")
        if self.columns % STEP or self.codes.shape[1] * 8 not in [self.columns * bits for bits in BITS]:
            raise ValueError(f"{self.codes.shape[1]} bytes a row are not {self.columns} integers of 5 to 8 bits")
        if not self.scales.shape[1] or self.columns % self.scales.shape[1]:
            raise ValueError(f"{self.scales.shape[1]} scales a row do not divide {self.columns} columns")

    @property
    def bits(self) -> int:
        """Of each integer."""
        return self.codes.shape[1] * 8 // self.columns


def quantize(weight: Tensor, bits: int, group: int) -> Quantized:
    """The integers nearest to a float32 matrix [M, D], under the scale of each group that leaves the least error.

    Raises:
        ValueError: when the columns do not divide as groups and planes need, or a weight is not finite.
    """
    rows, columns = weight.shape
    if bits not in BITS or columns % group or columns % STEP:
        raise ValueError(f"{columns} columns do not go into {bits} bits in groups of {group}")
    if not bool(weight.isfinite().all()):
        raise ValueError("a weight is not a finite number")
    half = 1 << (bits - 1)
    groups = weight.float().reshape(rows, -1, group)
    if bits == WHOLE_BYTE:
        # As kernels take them: a scale above 0, as far to either side.
        scales = (groups.abs().amax(-1, keepdim=True) / (half - 1)).to(torch.float16)
        integers = _rounded(groups, scales.float(), half)
        return Quantized((integers + half).to(torch.uint8).reshape(rows, columns), scales[..., 0], columns)
    # The end of the range that has one integer more is given to the side of the largest weight.
    peak = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))
    best, least = torch.zeros_like(peak), torch.full_like(peak, torch.inf)
    for share in SHRINK:
        scale = (peak * (-share / half)).to(torch.float16).float()
        error = (groups - _rounded(groups, scale, half) * scale).square().sum(-1, keepdim=True)
        better = error < least
        best, least = torch.where(better, scale, best), torch.where(better, error, least)
    codes = (_rounded(groups, best, half) + half).to(torch.uint8).reshape(rows, columns)
    return Quantized(_packed(codes, bits), best[..., 0].to(torch.float16), columns)


def dequantize(matrix: Quantized) -> Tensor:
    """The float32 matrix [M, D]."""
    integers = _unpacked(matrix.codes, matrix.columns, matrix.bits).to(torch.float32)
    integers = integers.sub_(1 << (matrix.bits - 1)).view(len(integers), matrix.scales.shape[1], -1)
    return integers.mul_(matrix.scales.float()[..., None]).view(len(integers), -1)


def _rounded(groups: Tensor, scale: Tensor, half: int) -> Tensor:
    return torch.where(scale == 0, 0.0, groups / scale).round_().clamp_(-half, half - 1)


def _packed(codes: Tensor, bits: int) -> Tensor:
    """Bytes [M, D * bits / 8] of codes [M, D]: in a plane's byte the parts of a row stand from its low bits on."""
    planes, shift = list[Tensor](), 0
    for width in PLANES[bits]:
        parts = ((codes >> shift) & ((1 << width) - 1)).chunk(8 // width, dim=1)
        plane = torch.zeros_like(parts[0])
        for place, part in enumerate(parts):
            plane |= part << (place * width)
        planes.append(plane)
        shift += width
    return torch.cat(planes, dim=1).contiguous()


def _unpacked(packed: Tensor, columns: int, bits: int) -> Tensor:
    """The inverse of `_packed`."""
    codes = torch.zeros((len(packed), columns), dtype=torch.uint8)
    begin, shift = 0, 0
    for width in PLANES[bits]:
        size = columns * width // 8
        plane, mask = packed[:, begin : begin + size], (1 << width) - 1
        for place in range(8 // width):
            codes[:, place * size : (place + 1) * size] |= ((plane >> (place * width)) & mask) << shift
        begin, shift = begin + size, shift + width
    return codes

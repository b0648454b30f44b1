"""Matrices in NVFP4 as published files hold them, turned into float32 a slice at a time.

    two 4-bit numbers a byte [N, K/2] x an FP8 scale for every 16 of a row [N, K/16] x one scale for the whole matrix

Two libraries write it. compressed-tensors: `weight_packed`, `weight_scale`, `weight_global_scale`, which divides.
modelopt: `weight` as bytes, `weight_scale`, `weight_scale_2`, which multiplies. Scales of inputs beside them serve
arithmetic in 4 bits and are left alone. The numbers are those of E2M1 (Open Compute Project, Microscaling formats 1.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ....kernels import reference
from ....kernels.formats import Fp8
from ...types import EngineError
from ..stored import Stored, check
from .config import REMEDY
from .files import Reader

GROUP = 16
"""Numbers that share a scale."""
FP8, BYTES = "F8_E4M3", "U8"
_E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
UNREAD_ENDS = (".input_scale", ".input_global_scale", ".k_scale", ".v_scale", ".q_scale")
"""Of scales for what goes into a matrix or a cache, not for the matrix."""


@dataclass(frozen=True, slots=True)
class Nvfp4Matrix:
    """The tensors of a file that one matrix is made of."""

    packed: Stored
    scale: Stored
    whole_scale: Stored
    divides: bool
    """Whether the scale of the whole is divided by."""

    @property
    def tensors(self) -> list[Stored]:
        """All that it is made of."""
        return [self.packed, self.scale, self.whole_scale]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of its numbers."""
        return (*self.packed.shape[:-1], 2 * self.packed.shape[-1])

    @property
    def is_fp8(self) -> bool:
        """Whether its rows can be had in FP8 as they are."""
        return False

    def fp8(self, reader: Reader, begin: int, end: int) -> Fp8:
        """Rows in FP8 with a scale each: nearly what is in the file, for a scale of 16 becomes one of a row."""
        return reference.quantize_fp8(self.rows(reader, begin, end))

    def rows(self, reader: Reader, begin: int, end: int) -> Tensor:
        """Rows in float32 [end - begin, K].

        Raises:
            ValueError: when the scale of the whole is no number to divide by.
        """
        # A scale is one number, which is read whole: it may have no dimension to cut.
        whole = reader.whole(self.whole_scale).float().flatten()[0]
        if self.divides and not whole > 0:
            raise ValueError("a scale is not above 0")
        scale = reader.rows(self.scale, begin, end).float() * (1 / whole if self.divides else whole)
        return unpacked(reader.rows(self.packed, begin, end), scale)


def unpacked(packed: Tensor, scale: Tensor) -> Tensor:
    """Numbers in float32 [N, K] of bytes [N, K/2], the lower half first, and float32 scales [N, K/16]."""
    levels = torch.tensor([*_E2M1, *(-level for level in _E2M1)], device=packed.device)
    codes = torch.stack((packed & 15, packed >> 4), dim=-1).flatten(-2)
    numbers = levels[codes.long()].view(*scale.shape, GROUP)
    return (numbers * scale[..., None]).flatten(-2)


def find(found: Mapping[str, Stored], name: str, shape: Sequence[int], folder: Path) -> Nvfp4Matrix | None:
    """The matrix of a weight's name; none where it is not in NVFP4.

    Args:
        shape: of the numbers.

    Raises:
        EngineError: when it is, and something of it is missing or does not fit.
    """
    stem, (*outer, size) = name.removesuffix(".weight"), shape
    packed, whole, divides = f"{stem}.weight_packed", f"{stem}.weight_global_scale", True
    if packed not in found:
        packed, whole, divides = name, f"{stem}.weight_scale_2", False
        if name not in found or found[name].dtype != BYTES:
            return None
    scale = f"{stem}.weight_scale"
    if size % GROUP:
        raise EngineError(f"{folder}: {name} has rows of {size} numbers, NVFP4 has groups of {GROUP}", REMEDY)
    check(found, {packed: (*outer, size // 2)}, dtypes={BYTES}, where=folder, remedy=REMEDY)
    check(found, {scale: (*outer, size // GROUP)}, dtypes={FP8}, where=folder, remedy=REMEDY)
    single = found[whole].shape if whole in found and found[whole].shape == () else (1,)
    check(found, {whole: single}, dtypes={"F32"}, where=folder, remedy=REMEDY)
    return Nvfp4Matrix(found[packed], found[scale], found[whole], divides)


def is_there(found: Mapping[str, Stored], name: str) -> bool:
    """Whether a weight stands in a file under its name, or packed."""
    return name in found or f"{name.removesuffix('.weight')}.weight_packed" in found


def is_unread(name: str) -> bool:
    """Whether a tensor beside a matrix serves arithmetic that is not done here."""
    return name.endswith(UNREAD_ENDS)

"""Tensors in safetensors files, read a slice at a time into their final form, whole, in FP8 or in NF4.

A tensor is only ever there once, and of its source no more than a slice. It must know nothing of what the names mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from ....kernels import reference
from ....kernels.formats import BLOCK, Fp8, Nf4
from ...starting import stay_offline
from ..stored import Stored

SLICE_WEIGHTS = 1 << 20
"""So many weights are on their way at once."""
MAPPED_BYTES = 32 << 20
"""A file is mapped anew after so many bytes: what was read through a map stays in memory as long as the map."""

Rows = Callable[[int, int], Tensor]
"""Gives the rows [begin, end) of a tensor: its first dimension is cut."""
Fp8Rows = Callable[[int, int], Fp8]
"""The same of what is in FP8 in the file, as it is there."""


class Reader:
    """Reads slices; keeps one file mapped, for a while."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._map: Any = None
        self._bytes_read = 0

    def rows(self, stored: Stored, begin: int, end: int) -> Tensor:
        """Rows of a tensor: not a copy, so not to be kept."""
        found: Tensor = self._opened(stored).get_slice(stored.name)[begin:end]
        self._bytes_read += found.nbytes
        return found

    def whole(self, stored: Stored) -> Tensor:
        """A small tensor, which may be one number without a dimension."""
        found: Tensor = self._opened(stored).get_tensor(stored.name)
        return found

    def _opened(self, stored: Stored) -> Any:
        """The map of its file."""
        if stored.file != self._file or self._bytes_read > MAPPED_BYTES:
            self._map = safe_open(stored.file, "pt")
            self._file, self._bytes_read = stored.file, 0
        return self._map


def fill(rows: Rows, shape: tuple[int, ...], dtype: torch.dtype, device: str) -> Tensor:
    """The whole tensor."""
    out = torch.empty(shape, dtype=dtype, device=device)
    for begin, end in slices(shape):
        out[begin:end] = rows(begin, end).to(device)
    return out


def fill_nf4(rows: Rows, shape: tuple[int, ...], device: str) -> Nf4:
    """The whole tensor in NF4.

    Raises:
        ValueError: when a value is not finite.
    """
    *outer, size = shape
    packed = torch.empty((*outer, size // 2), dtype=torch.uint8, device=device)
    absmax = torch.empty((*outer, size // BLOCK), dtype=torch.float32, device=device)
    for begin, end in slices(shape):
        part = quantize(rows(begin, end).to(device))
        packed[begin:end], absmax[begin:end] = part.packed, part.absmax
    if not bool(absmax.isfinite().all()):
        raise ValueError("a value is not finite")
    return Nf4(packed, absmax)


def fill_fp8(rows: Rows | Fp8Rows, shape: tuple[int, ...], device: str) -> Fp8:
    """The whole tensor in FP8.

    Raises:
        ValueError: when a value is not finite.
    """
    values = torch.empty(shape, dtype=torch.float8_e4m3fn, device=device)
    scale = torch.empty(shape[:-1], dtype=torch.float32, device=device)
    for begin, end in slices(shape):
        found = rows(begin, end)
        part = reference.quantize_fp8(found.to(device)) if isinstance(found, Tensor) else found.to(device)
        values[begin:end], scale[begin:end] = part.values, part.scale
        # NaN, which torch does not look for in this type, has all bits but the sign.
        if bool((part.values.view(torch.uint8) & 127 == 127).any()):
            raise ValueError("a value is not a number")
    if not bool(scale.isfinite().all()):
        raise ValueError("a value is not finite")
    return Fp8(values, scale)


def slices(shape: tuple[int, ...]) -> Iterable[tuple[int, int]]:
    """Begin and end of each slice of a tensor."""
    step = max(1, SLICE_WEIGHTS // math.prod(shape[1:]))
    return ((begin, min(begin + step, shape[0])) for begin in range(0, shape[0], step))


def quantize(weight: Tensor) -> Nf4:
    """A matrix or a stack in NF4; by bitsandbytes on its GPU where it is installed, for it needs no memory beside."""
    if weight.is_cuda and _bitsandbytes() is not None:
        return quantize_by_bitsandbytes(weight)
    return reference.quantize_nf4(weight)


def quantize_by_bitsandbytes(weight: Tensor) -> Nf4:
    """A matrix or a stack in NF4.

    The codes of bf16 are those of the reference. It multiplies by a reciprocal where the reference divides, so that of
    float32 values about one in ten million, at the very edge between two codes, gets the other one.
    """
    codes, state = _bitsandbytes().quantize_4bit(weight.contiguous(), blocksize=BLOCK, quant_type="nf4")
    *outer, size = weight.shape
    return Nf4(codes.view(*outer, size // 2), state.absmax.float().view(*outer, size // BLOCK))


@cache
def _bitsandbytes() -> Any:
    stay_offline()
    try:
        import bitsandbytes.functional
    except ImportError:
        return None
    return bitsandbytes.functional

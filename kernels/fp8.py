"""FP8 weights become numbers in registers, for the tiles of `nf4`; it knows nothing of products.

The bits of float8_e4m3 in the places of another float type, sign to sign and the rest across the end of the exponent,
are the same number times a power of two, subnormal ones too: a shift, a mask and one exact multiplication decode it.
Scales are of whole rows and multiply the float32 sums at the end: nothing is rounded but what the twin rounds.

Why not the conversion of the hardware: Hopper has none to bfloat16. What Triton makes of it goes over float16, and
`F2F.BF16.F16` runs 16 times a cycle and multiprocessor, 3.7 T weights a second on an H200, whose memory delivers 4.8 T.
The program of `FP8_PTX` has 2.5 instructions a weight, and with all else in its loop `_widen` has 5.0, `_narrow` 6.4;
of 128 issued a cycle that is 5.9 T and 4.6 T weights a second. Counted in Hopper's machine code, not measured.
It needs an NVIDIA GPU of Ampere or later; elsewhere, and in the interpreter, the same steps are left to Triton.
"""
# mypy: allow-untyped-decorators

from __future__ import annotations

import triton
import triton.language as tl

FP8_PTX = tl.constexpr("""{
.reg .b32 x, y, up, zero;
mov.b32 up, 0x7b807b80;
mov.b32 zero, 0x80008000;
cvt.u32.u16 x, $1;
prmt.b32 x, x, 0, 0x1404;
shr.u32 y, x, 4;
and.b32 y, y, 0x07f007f0;
lop3.b32 y, x, zero, y, 0xea;
fma.rn.bf16x2 $0, y, up, zero;
}""")
"""The program that makes of two bytes, `$1`, two bfloat16 in a word.

A byte goes to the upper half of 16 bits; 0xea is (a & b) | c; then times 2^120, plus minus zero to keep signs of zeros.
"""

UP = tl.constexpr(2.0**120)


@triton.jit
def fp8_numbers(byte: tl.tensor, dtype: tl.constexpr, form: tl.constexpr) -> tl.tensor:
    """Numbers of the bytes of float8_e4m3 that are not NaN; for `form` see `nf4.form_of`."""
    if form == "shifted in pairs":
        numbers = tl.inline_asm_elementwise(FP8_PTX, "=r,h", [byte], dtype=tl.bfloat16, is_pure=True, pack=2)
    else:
        wide = byte.to(tl.uint32)
        bits = ((wide & 0x80) << 24) | ((wide & 0x7F) << 20)
        numbers = (bits.to(tl.float32, bitcast=True) * UP).to(dtype)
    return numbers


@triton.jit
def with_scales(
    total: tl.tensor, scale: tl.tensor, row: tl.tensor, present: tl.tensor, form: tl.constexpr
) -> tl.tensor:
    """Sums [rows, tokens] times the scales of their rows, where weights are in FP8."""
    if form == "shifted" or form == "shifted in pairs":
        total *= tl.load(scale + row, mask=present, other=0.0)[:, None]
    return total

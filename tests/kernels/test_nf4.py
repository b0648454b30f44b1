"""NF4 against bitsandbytes; its products in Triton against the reference, in the interpreter where there is no GPU."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from dgedit.kernels import ops, reference
from dgedit.kernels.formats import NF4_LEVELS, Nf4

nf4_triton = pytest.importorskip("dgedit.kernels.nf4", reason="needs triton")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1.5e-2}
"""Of the root mean square; bfloat16 is 2^-8 = 4e-3 a rounding, and the interpreter cuts off where a GPU rounds."""


def assert_close(got: Tensor, wanted: Tensor) -> None:
    """`wanted` is float32; the worst element may be eight times as far off as the mean one."""
    tolerance = TOLERANCE[got.dtype] * wanted.pow(2).mean().sqrt()
    error = got.float() - wanted
    assert error.isfinite().all()
    assert error.pow(2).mean().sqrt() <= tolerance
    assert error.abs().max() <= 8 * tolerance


@pytest.fixture(autouse=True)
def nan_in_fresh_memory() -> object:
    """What a kernel does not write stays NaN."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.empty(4).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def quantised(*shape: int) -> Nf4:
    return reference.quantize_nf4(torch.randn(*shape)).to(DEVICE)


WEIGHTS = {
    "normal": lambda: torch.randn(96, 192),
    "bfloat16": lambda: torch.randn(64, 128).bfloat16(),
    "stack": lambda: torch.randn(3, 10, 64),
    "zeros": lambda: torch.zeros(2, 128),
    "a block of zeros": lambda: torch.cat((torch.zeros(5, 64), torch.randn(5, 64)), 1),
    "large": lambda: torch.randn(4, 64) * 1e4,
    "small": lambda: torch.randn(4, 64) * 1e-30,
    "one of each level": lambda: torch.tensor(NF4_LEVELS * 4)[None] * 3,
    "negative peak": lambda: -torch.rand(4, 64),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_bytes_and_scales_are_those_of_bitsandbytes(name: str) -> None:
    functional = pytest.importorskip("bitsandbytes.functional")
    torch.manual_seed(0)
    weight = WEIGHTS[name]().to(DEVICE)
    packed, state = functional.quantize_4bit(weight, quant_type="nf4", blocksize=64)
    ours = reference.quantize_nf4(weight)
    assert torch.equal(ours.packed.flatten(), packed.flatten())
    assert torch.equal(ours.absmax.flatten(), state.absmax)
    theirs = functional.dequantize_4bit(packed, state)
    assert torch.equal(reference.dequantize_nf4(ours, weight.dtype), theirs)


def run_ptx(program: str, word: int) -> list[int]:
    """The four words that a program of and, or, shr and prmt makes of one."""
    registers = {"$4": word}

    def value(name: str) -> int:
        return registers[name] if name in registers else int(name, 0)

    for line in program.strip("{}\n").split("\n"):
        operation, target, *sources = line.rstrip(";").replace(",", "").split(" ")
        if operation == ".reg":
            continue
        a, b, *rest = (value(source) for source in sources)
        if operation == "prmt.b32":
            table = (a | b << 32).to_bytes(8, "little")
            picks = [rest[0] >> 4 * i & 15 for i in range(4)]
            assert max(picks) < 8, "the fourth bit would spread a sign"
            registers[target] = int.from_bytes(bytes(table[pick] for pick in picks), "little")
        else:
            registers[target] = {"and.b32": a & b, "or.b32": a | b, "shr.u32": a >> b}[operation]
    return [registers[f"${i}"] for i in range(4)]


def test_the_program_of_the_levels() -> None:
    codes = torch.tensor(NF4_LEVELS).bfloat16().view(torch.int16).to(torch.int32) & 0xFFFF
    levels: list[int] = codes.tolist()
    for first in range(256):
        four = [(first + 67 * i) % 256 for i in range(4)]
        wanted = [levels[byte >> 4] | levels[byte & 15] << 16 for byte in four]
        assert run_ptx(nf4_triton.levels_ptx(), int.from_bytes(bytes(four), "little")) == wanted


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("shape", "n_outputs"),
    [((1, 64), 1), ((3, 128), 70), ((17, 192), 64), ((40, 64), 130), ((2, 3, 64), 5), ((64,), 3), ((0, 64), 8)],
)
def test_linear_is_the_reference(shape: tuple[int, ...], n_outputs: int, dtype: torch.dtype) -> None:
    torch.manual_seed(len(shape))
    x = torch.randn(*shape, device=DEVICE).to(dtype)
    weight = quantised(n_outputs, shape[-1])
    got = ops.linear(x, weight, kernel=True)
    assert got.dtype == dtype
    assert got.shape == (*shape[:-1], n_outputs)
    if got.numel():
        assert_close(got, reference.linear(x.float(), weight))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("block_tokens", [16, 32, 128])
def test_the_block_of_tokens_does_not_matter(block_tokens: int, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(33, 128, device=DEVICE).to(dtype), quantised(65, 128)
    assert_close(nf4_triton.linear(x, weight, block_tokens), reference.linear(x.float(), weight))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("tokens", "weights"), [(1.0, 1e4), (1e4, 1e4), (1e-6, 1.0), (0.0, 1.0), (1.0, 0.0)])
def test_extremes(tokens: float, weights: float, dtype: torch.dtype) -> None:
    torch.manual_seed(2)
    x = (torch.randn(5, 128, device=DEVICE) * tokens).to(dtype)
    weight = reference.quantize_nf4(torch.randn(66, 128) * weights).to(DEVICE)
    assert_close(ops.linear(x, weight, kernel=True), reference.linear(x.float(), weight))


def test_rows_and_blocks_keep_to_themselves() -> None:
    whole = torch.randn(70, 192)
    whole[3] = 0
    whole[5, 64:128] *= 1e6
    x = torch.randn(9, 192, device=DEVICE)
    x[:, 64:128] = 0
    weight = reference.quantize_nf4(whole).to(DEVICE)
    got = ops.linear(x, weight, kernel=True)
    assert (got[:, 3] == 0).all()
    assert_close(got, reference.linear(x, weight))


def test_turned_tokens_are_read_as_they_mean() -> None:
    x, weight = torch.randn(64, 5, device=DEVICE).T, quantised(7, 64)
    assert_close(ops.linear(x, weight, kernel=True), reference.linear(x, weight))


def test_the_same_bits_twice() -> None:
    x, weight = torch.randn(20, 192, device=DEVICE).bfloat16(), quantised(100, 192)
    assert torch.equal(ops.linear(x, weight, kernel=True), ops.linear(x, weight, kernel=True))


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="128 inputs are wanted, got 64"):
        nf4_triton.linear(torch.zeros(2, 64, device=DEVICE), quantised(3, 128))


@pytest.mark.parametrize(("n_tokens", "n_outputs"), [(1, 2816), (64, 2816), (256, 2816), (256, 8192), (768, 8192)])
def test_there_is_work_for_every_multiprocessor(n_tokens: int, n_outputs: int) -> None:
    block = nf4_triton.block_tokens_for(n_tokens, n_outputs)
    assert 16 <= block <= 128
    programs = -(-n_outputs // 64) * -(-n_tokens // block)
    assert programs >= 132 or block <= 32
    decoded = nf4_triton.cost(n_tokens, n_outputs, 2816).decoded_weights
    assert decoded == n_outputs * 2816 * -(-n_tokens // block)


def test_a_cpu_takes_the_reference_and_whole_weights_have_no_kernel() -> None:
    x, weight = torch.randn(4, 64), reference.quantize_nf4(torch.randn(9, 64))
    assert torch.equal(ops.linear(x, weight), reference.linear(x, weight))
    whole = torch.randn(9, 64)
    assert torch.equal(ops.linear(x, whole, kernel=True), torch.nn.functional.linear(x, whole))


WITHOUT_TRITON = """
import sys
from dgedit.kernels import ops
assert not [name for name in sys.modules if name.split(".")[0] == "triton"]
sys.modules["triton"] = None
import torch
from dgedit.kernels import reference
nf4 = reference.quantize_nf4(torch.ones(2, 64))
assert ops.linear(torch.ones(1, 64), nf4).tolist() == [[64.0, 64.0]]
one = torch.zeros(1, 1, dtype=torch.long)
up, down = torch.ones(1, 128, 64) / 64, torch.ones(1, 64, 64) / 64
assert abs(ops.experts(torch.ones(1, 64), one, torch.ones(1, 1), up, down)[0, 0] - 0.8412) < 1e-3
"""


def test_ops_need_no_triton() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TRITON], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

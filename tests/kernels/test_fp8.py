"""FP8 against torch's own numbers; its products in Triton against the reference, compiled for two kinds of GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dgedit.kernels import ops, reference
from dgedit.kernels.formats import FP8_MAX, Fp8

from .test_experts import Case, case

experts_triton = pytest.importorskip("dgedit.kernels.experts", reason="needs triton")
nf4_triton = pytest.importorskip("dgedit.kernels.nf4", reason="needs triton")
fp8_triton = pytest.importorskip("dgedit.kernels.fp8", reason="needs triton")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Of the root mean square; one rounding of the result, which the interpreter cuts off where a GPU rounds."""

NUMBERS = torch.arange(256, dtype=torch.uint8).view(torch.float8_e4m3fn)
FINITE = torch.arange(256) & 127 != 127


def assert_close(got: Tensor, wanted: Tensor, tolerance: float | None = None) -> None:
    """`wanted` is float32; the worst element may be eight times as far off as the mean one."""
    allowed = (tolerance or TOLERANCE[got.dtype]) * wanted.pow(2).mean().sqrt()
    error = got.float() - wanted
    assert error.isfinite().all()
    assert error.pow(2).mean().sqrt() <= allowed
    assert error.abs().max() <= 8 * allowed


@pytest.fixture(autouse=True)
def nan_in_fresh_memory() -> Iterator[None]:
    """What a kernel does not write stays NaN."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.empty(4).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def quantised(*shape: int, size: float = 1.0) -> Fp8:
    return reference.quantize_fp8(torch.randn(*shape) * size).to(DEVICE)


def truth(x: Tensor, weight: Fp8) -> Tensor:
    """In float64, of torch's own conversion."""
    whole = weight.values.double() * weight.scale[..., None].double()
    return torch.nn.functional.linear(x.double(), whole).float()


def test_rows_of_a_bell_curve_lose_a_fortieth() -> None:
    torch.manual_seed(0)
    for whole in (torch.randn(64, 2816), torch.randn(3, 20, 704) * 1e-3, torch.randn(64, 128).bfloat16()):
        weight = reference.quantize_fp8(whole)
        assert (weight.shape, weight.nbytes) == (whole.shape, whole.numel() + 4 * weight.scale.numel())
        error = reference.dense(weight, torch.float32) - whole.float()
        assert 0.02 < error.norm() / whole.float().norm() < 0.03
        # 3 bits behind the first: half a step is a sixteenth; below 2^-6 of the type steps no longer shrink.
        step = torch.maximum(whole.float().abs() / 16, weight.scale[..., None] * 2**-10)
        assert (error.abs() <= step * 1.0001).all()


EXTREMES = {
    "zeros": torch.zeros(2, 64),
    "one huge value": torch.nn.functional.one_hot(torch.tensor([5]), 64).float() * 3e38 + 1,
    "the largest numbers of float32": torch.full((1, 64), torch.finfo(torch.float32).max),
    "the largest numbers of bfloat16": torch.full((1, 64), torch.finfo(torch.bfloat16).max, dtype=torch.bfloat16),
    "the smallest normal numbers": torch.full((1, 64), torch.finfo(torch.float32).tiny),
    "subnormal numbers": torch.full((1, 64), 1e-40),
    "negative peaks": -torch.arange(64.0)[None],
    "a row beside another": torch.stack((torch.full((64,), 1e-20), torch.full((64,), 1e20))),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_rows(name: str) -> None:
    whole = EXTREMES[name]
    weight = reference.quantize_fp8(whole)
    back = reference.dense(weight, torch.float32)
    assert weight.scale.isfinite().all()
    assert back.isfinite().all()
    assert (back[whole == 0] == 0).all()
    assert (weight.values.float().abs().amax(-1)[weight.scale > torch.finfo(torch.float32).tiny] == FP8_MAX).all()
    error, peak = (back - whole.float()).abs().amax(-1), whole.float().abs().amax(-1)
    assert (error <= peak / 16).logical_or(peak < torch.finfo(torch.float32).tiny).all()


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_shows_in_the_scale_of_its_row(value: float) -> None:
    whole = torch.ones(2, 64)
    whole[1, 7] = value
    assert reference.quantize_fp8(whole).scale.isfinite().tolist() == [True, False]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_table_is_torchs_conversion(dtype: torch.dtype) -> None:
    weight = Fp8(NUMBERS.view(4, 64), torch.ones(4))
    got = reference.fp8_values(weight, dtype)
    assert got.dtype == dtype
    assert torch.equal(got[FINITE.view(4, 64)], NUMBERS.to(dtype)[FINITE])
    assert got.flatten()[~FINITE].isnan().all()


def test_parts_that_do_not_fit() -> None:
    values, scale = torch.zeros(2, 3, 64).to(torch.float8_e4m3fn), torch.ones(2, 3)
    assert Fp8(values, scale).to("cpu").shape == (2, 3, 64)
    for wrong in (values.float(), values.view(torch.uint8)):
        with pytest.raises(ValueError, match="wants float8_e4m3fn and float32"):
            Fp8(wrong, scale)
    with pytest.raises(ValueError, match=r"wants float8_e4m3fn and float32, got .*bfloat16"):
        Fp8(values, scale.bfloat16())
    for other in (scale[..., None], scale[0], torch.ones(2, 64)):
        with pytest.raises(ValueError, match="do not go with"):
            Fp8(values, other)
    with pytest.raises(ValueError, match="do not go with"):
        Fp8(values[0, 0], torch.tensor(1.0))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_every_byte_is_decoded(dtype: torch.dtype) -> None:
    """NaN, which no weight has, is read as 480; on a GPU the two types have programs of their own."""
    weight = Fp8(NUMBERS.view(4, 64), torch.ones(4)).to(DEVICE)
    got = nf4_triton.linear(torch.eye(64, device=DEVICE).to(dtype), weight).T.flatten().cpu()
    wanted = torch.where(FINITE, NUMBERS.float(), torch.tensor(480.0).copysign(127.5 - torch.arange(256)))
    assert torch.equal(got.float(), wanted)


def run_ptx(program: str, pair: int) -> int:
    """The word that a program of moves, prmt, shr, and, lop3 and fma makes of two bytes."""
    registers = {"$1": pair}

    def value(name: str) -> int:
        return registers[name] if name in registers else int(name, 0)

    def halves(bits: int) -> Tensor:
        return torch.frombuffer(bytearray(bits.to_bytes(4, "little")), dtype=torch.bfloat16)

    for line in program.strip("{}\n").split("\n"):
        operation, target, *sources = line.rstrip(";").replace(",", "").split(" ")
        if operation == ".reg":
            continue
        a, b, *rest = (value(source) for source in (*sources, "0"))
        if operation == "prmt.b32":
            table = (a | b << 32).to_bytes(8, "little")
            done = int.from_bytes(bytes(table[rest[0] >> 4 * i & 15] for i in range(4)), "little")
        elif operation == "fma.rn.bf16x2":
            sums = (halves(a).double() * halves(b).double() + halves(rest[0]).double()).bfloat16()
            done = int.from_bytes(sums.view(torch.uint8).numpy().tobytes(), "little")
        elif operation == "lop3.b32":
            assert rest[1] == 0xF0 & 0xCC | 0xAA, "a and b, or c"
            done = a & b | rest[0]
        else:
            done = {"and.b32": a & b, "shr.u32": a >> b, "mov.b32": a, "cvt.u32.u16": a}[operation]
        registers[target] = done
    return registers["$0"]


def test_the_program_for_pairs() -> None:
    numbers: list[int] = (NUMBERS.bfloat16().view(torch.int16).int() & 0xFFFF).tolist()
    finite = FINITE.nonzero()[:, 0].tolist()
    for place, first in enumerate(finite):
        second = finite[place * 67 % len(finite)]
        wanted = numbers[first] | numbers[second] << 16
        assert run_ptx(fp8_triton.FP8_PTX.value, first | second << 8) == wanted


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("shape", "n_outputs"),
    [((1, 64), 1), ((3, 128), 70), ((17, 192), 64), ((40, 64), 130), ((2, 3, 64), 5), ((64,), 3), ((0, 64), 8)],
)
@pytest.mark.parametrize("kernel", [True, False])
def test_linear(shape: tuple[int, ...], n_outputs: int, dtype: torch.dtype, kernel: bool) -> None:
    torch.manual_seed(len(shape))
    x = torch.randn(*shape, device=DEVICE).to(dtype)
    weight = quantised(n_outputs, shape[-1])
    got = ops.linear(x, weight, kernel=kernel)
    assert got.dtype == dtype
    assert got.shape == (*shape[:-1], n_outputs)
    if got.numel():
        assert_close(got, truth(x, weight))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("block_tokens", [16, 32, 128])
def test_the_block_of_tokens_does_not_matter(block_tokens: int, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    x, weight = torch.randn(33, 128, device=DEVICE).to(dtype), quantised(65, 128)
    assert_close(nf4_triton.linear(x, weight, block_tokens), truth(x, weight))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kernel", [True, False])
@pytest.mark.parametrize(("tokens", "weights"), [(1.0, 1e4), (1e4, 1e4), (1e-6, 1.0), (0.0, 1.0), (1.0, 0.0)])
def test_extremes(tokens: float, weights: float, dtype: torch.dtype, kernel: bool) -> None:
    torch.manual_seed(2)
    x = (torch.randn(5, 128, device=DEVICE) * tokens).to(dtype)
    weight = quantised(66, 128, size=weights)
    assert_close(ops.linear(x, weight, kernel=kernel), truth(x, weight))


def test_the_smallest_values_count() -> None:
    """One large weight a row leaves all others to the subnormal values."""
    whole = torch.cat((torch.full((66, 1), 448.0), torch.randint(-7, 8, (66, 127)) * 2.0**-9), dim=1)
    weight = reference.quantize_fp8(whole).to(DEVICE)
    assert torch.equal(reference.dense(weight, torch.float32).cpu(), whole)
    x = torch.randn(5, 128, device=DEVICE)
    x[:, 0] = 0
    for dtype in TOLERANCE:
        got = ops.linear(x.to(dtype), weight, kernel=True)
        assert_close(got, truth(x.to(dtype), weight))


def test_rows_keep_to_themselves() -> None:
    whole = torch.randn(70, 192)
    whole[3] = 0
    whole[5] *= 1e6
    x, weight = torch.randn(9, 192, device=DEVICE), reference.quantize_fp8(whole).to(DEVICE)
    got, wanted = ops.linear(x, weight, kernel=True), truth(x, weight)
    assert (got[:, 3] == 0).all()
    others = [row for row in range(70) if row != 5]
    assert_close(got[:, others], wanted[:, others])
    assert_close(got[:, 5], wanted[:, 5])


def test_turned_tokens_and_weights_are_read_as_they_mean() -> None:
    x, weight = torch.randn(64, 5, device=DEVICE).T, quantised(64, 64)
    turned = Fp8(weight.values.T, torch.ones(64, device=DEVICE))
    assert_close(ops.linear(x, turned, kernel=True), truth(x, turned))


def test_the_same_bits_twice() -> None:
    x, weight = torch.randn(20, 192, device=DEVICE).bfloat16(), quantised(100, 192)
    assert torch.equal(ops.linear(x, weight, kernel=True), ops.linear(x, weight, kernel=True))


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="128 inputs are wanted, got 64"):
        nf4_triton.linear(torch.zeros(2, 64, device=DEVICE), quantised(3, 128))
    with pytest.raises(ValueError, match="multiples of 64, got 96"):
        nf4_triton.linear(torch.zeros(2, 96, device=DEVICE), quantised(3, 96))
    x, odd = torch.randn(2, 96, device=DEVICE), quantised(3, 96)
    assert torch.equal(ops.linear(x, odd, kernel=True), reference.linear(x, odd))


def fp8_case(sizes: tuple[int, int, int, int, int], dtype: torch.dtype, x: float = 1.0, weights: float = 1.0) -> Case:
    """Tokens, experts, experts a token, hidden and inner size."""
    whole = case(sizes, torch.float32, False, x, weights)
    assert isinstance(whole.gate_up, Tensor)
    assert isinstance(whole.down, Tensor)
    gate_up, down = reference.quantize_fp8(whole.gate_up), reference.quantize_fp8(whole.down)
    return replace(whole, x=whole.x.to(dtype), gate_up=gate_up, down=down)


SMALL = (9, 4, 2, 64, 64)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1, 64, 64), (3, 4, 2, 128, 64), (17, 7, 1, 64, 128), (40, 7, 2, 128, 64), (17, 3, 2, 192, 128)],
    ids=str,
)
def test_experts_are_the_reference(sizes: tuple[int, int, int, int, int], dtype: torch.dtype) -> None:
    fp8_case(sizes, dtype).check()


@pytest.mark.filterwarnings("ignore:overflow encountered in exp")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("x", "weights"), [(1e4, 1.0), (1.0, 1e4), (1e-4, 1.0), (0.0, 1.0), (1.0, 0.0)])
def test_extreme_experts(x: float, weights: float, dtype: torch.dtype) -> None:
    fp8_case(SMALL, dtype, x, weights).check()


def test_gate_up_and_down_have_scales_of_their_own() -> None:
    some = fp8_case(SMALL, torch.float32)
    assert isinstance(some.gate_up, Fp8)
    assert isinstance(some.down, Fp8)
    scale = some.gate_up.scale.clone()
    scale[1, 5], scale[2, 64 + 9] = 1e3, 0
    down = some.down.scale * torch.rand_like(some.down.scale) * 100
    replace(some, gate_up=Fp8(some.gate_up.values, scale), down=Fp8(some.down.values, down)).check()


def test_one_kind_of_weight_may_be_in_another_form() -> None:
    some, other = fp8_case(SMALL, torch.float32), case(SMALL, torch.float32, True)
    replace(some, down=other.down).check()
    replace(some, gate_up=other.gate_up).check()
    replace(some, down=reference.dense(some.down, torch.float32)).check()


@pytest.mark.parametrize("block_places", [16, 64])
def test_the_block_of_places_does_not_matter(block_places: int) -> None:
    fp8_case((40, 4, 2, 64, 64), torch.bfloat16).check(block_places)


def test_experts_give_the_same_bits_twice_and_none_for_no_tokens() -> None:
    some = fp8_case((17, 4, 2, 128, 64), torch.bfloat16)
    assert torch.equal(some.run(), some.run())
    assert fp8_case((0, 4, 2, 64, 64), torch.float32).run().shape == (0, 64)


def one_expert_after_another(some: Case) -> Tensor:
    """The sums as the definition has them."""
    out = torch.zeros_like(some.x)
    for expert in torch.unique(some.index).tolist():
        token, place = (some.index == expert).nonzero(as_tuple=True)
        gate, up = reference.linear(some.x[token], reference._one(some.gate_up, expert)).chunk(2, dim=-1)
        inner = reference.geglu(gate, up)
        part = reference.linear(inner, reference._one(some.down, expert)) * some.share[token, place, None]
        out.index_add_(0, token, part.to(out.dtype))
    return out


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_reference_adds_in_the_order_of_experts(dtype: torch.dtype) -> None:
    for some in (fp8_case((40, 7, 3, 64, 64), dtype), case((40, 7, 3, 64, 64), dtype, True), fp8_case(SMALL, dtype)):
        twice = replace(some, index=some.index[:, :1].expand(-1, some.index.shape[1]))
        for each in (some, twice):
            got = reference.experts(each.x, each.index, each.share, each.gate_up, each.down)
            assert torch.equal(got, one_expert_after_another(each))
    none = fp8_case((0, 4, 2, 64, 64), dtype)
    assert reference.experts(none.x, none.index, none.share, none.gate_up, none.down).shape == (0, 64)


COMPILE = """
import re, subprocess, sys
from collections import Counter
from pathlib import Path
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction
from dgedit.kernels import experts as experts_triton, nf4 as nf4_triton
from dgedit.kernels.formats import Fp8

TYPES = {torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.uint8: "*u8", torch.int32: "*i32", torch.int64: "*i64"}
CAPABILITY = int(sys.argv[1])

def machine_code(code):
    folder = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    binary = Path(sys.argv[2]) / "code"
    binary.write_bytes(code.asm["cubin"])
    said = subprocess.run([folder / "nvdisasm", "-c", binary], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in re.findall(r"/[*][0-9a-f]{4,}[*]/ +([^;]*);", said)]
    return Counter(next(word for word in words if word[0] != "@").split(".")[0] for words in found)

def compiled(kernel, *args, grid, warmup, **named):
    values = dict(zip(kernel.arg_names, args)) | named
    fixed = {p.name: values[p.name] for p in kernel.params if p.is_constexpr}
    options = {name: value for name, value in values.items() if name not in kernel.arg_names}
    types = {
        name: "constexpr" if name in fixed else TYPES[values[name].dtype] if hasattr(values[name], "dtype") else "i32"
        for name in kernel.arg_names
    }
    aligned = {(i,): [["tt.divisibility", 16]] for i, name in enumerate(kernel.arg_names) if types[name][0] == "*"}
    source = triton.compiler.ASTSource(fn=kernel, signature=types, constexprs=fixed, attrs=aligned)
    code = triton.compile(source, target=GPUTarget("cuda", CAPABILITY, 32), options=options)
    ptx, count = code.asm["ptx"], machine_code(code)
    in_pairs = fixed.get("form") == "shifted in pairs"
    assert (("wgmma.mma_async" if CAPABILITY == 90 else "mma.sync") in ptx) == in_pairs, kernel.__name__
    assert ("fma.rn.bf16x2" in ptx) == in_pairs, kernel.__name__
    assert ".ftz" not in ptx, "subnormal numbers count"
    assert not count["STL"] and not count["LDL"], "spilled"
    print(kernel.__name__, fixed.get("form"), code.metadata.shared, dict(count.most_common(12)))

JITFunction.run = compiled
form = "shifted in pairs"
nf4_triton.form_of = experts_triton.form_of = lambda weight, x: form
wide, inner = 2816, 704
fp8 = lambda *shape: Fp8(torch.zeros(*shape).to(torch.float8_e4m3fn), torch.zeros(*shape[:-1]))
x = torch.zeros(8, wide, dtype=torch.bfloat16)
index, share = torch.zeros(8, 2, dtype=torch.int64), torch.zeros(8, 2)
nf4_triton.linear(x, fp8(wide, wide), 128)
experts_triton.experts(x, index, share, fp8(1, 2 * inner, wide), fp8(1, wide, inner), 64)
form = "shifted"
nf4_triton.linear(x.float(), fp8(wide, wide), 32)
"""


@pytest.mark.parametrize("capability", [90, 80])
def test_code_is_made_without_a_gpu(tmp_path: Path, capability: int) -> None:
    """Its products are those of the tensor cores, nothing is spilled and no subnormal number is flushed."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, str(capability), str(tmp_path)],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["_linear", "_schedule", "_widen", "_narrow", "_linear"]

"""The experts in Triton against the reference, in the interpreter where there is no GPU; their compilation for one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dgedit.kernels import ops, reference
from dgedit.kernels.formats import Weight

experts_triton = pytest.importorskip("dgedit.kernels.experts", reason="needs triton")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""Of the root mean square, after two products; the interpreter cuts bfloat16 off where a GPU rounds."""


@pytest.fixture(autouse=True)
def nan_in_fresh_memory() -> Iterator[None]:
    """What a kernel does not write stays NaN."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.empty(4).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What `experts` takes."""

    x: Tensor
    index: Tensor
    share: Tensor
    gate_up: Weight
    down: Weight

    def run(self, block_places: int = 16) -> Tensor:
        got: Tensor = experts_triton.experts(self.x, self.index, self.share, self.gate_up, self.down, block_places)
        return got

    def check(self, block_places: int = 16) -> None:
        """The reference in float32 is the truth."""
        got, dtype = self.run(block_places), self.x.dtype
        wanted = reference.experts(self.x.float(), self.index, self.share, self.gate_up, self.down)
        assert got.dtype == dtype
        assert got.shape == self.x.shape
        error = got.float() - wanted
        tolerance = TOLERANCE[dtype] * wanted.pow(2).mean().sqrt()
        assert error.isfinite().all()
        assert error.pow(2).mean().sqrt() <= tolerance
        assert error.abs().max() <= 8 * tolerance


def case(
    sizes: tuple[int, int, int, int, int], dtype: torch.dtype, nf4: bool, x: float = 1.0, weights: float = 1.0
) -> Case:
    """Tokens, experts, experts a token, hidden and inner size."""
    torch.manual_seed(sum(sizes))
    n_tokens, n_experts, n_chosen, width, n_inner = sizes
    gate_up, down = (
        torch.randn(n_experts, *shape) * weights / shape[1] ** 0.5 for shape in ((2 * n_inner, width), (width, n_inner))
    )
    return Case(
        x=(torch.randn(n_tokens, width) * x).to(DEVICE, dtype),
        index=torch.rand(n_tokens, n_experts).topk(n_chosen).indices.to(DEVICE),
        share=torch.rand(n_tokens, n_chosen, device=DEVICE),
        gate_up=reference.quantize_nf4(gate_up).to(DEVICE) if nf4 else gate_up.to(DEVICE, dtype),
        down=reference.quantize_nf4(down).to(DEVICE) if nf4 else down.to(DEVICE, dtype),
    )


SMALL = (9, 4, 2, 64, 64)

each_weight = pytest.mark.parametrize("nf4", [True, False], ids=["nf4", "whole"])
each_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "bfloat16"])


@each_weight
@each_dtype
@pytest.mark.parametrize(
    "sizes",
    [
        (1, 1, 1, 64, 64),
        (3, 4, 2, 128, 64),
        (17, 7, 1, 64, 128),
        (17, 1, 1, 192, 64),
        (40, 4, 2, 64, 64),
        (40, 7, 2, 128, 64),
        (17, 3, 2, 192, 128),
    ],
    ids=str,
)
def test_experts_are_the_reference(sizes: tuple[int, int, int, int, int], dtype: torch.dtype, nf4: bool) -> None:
    case(sizes, dtype, nf4).check()


@pytest.mark.filterwarnings("ignore:overflow encountered in exp")
@each_weight
@each_dtype
@pytest.mark.parametrize(("x", "weights"), [(1e4, 1.0), (1.0, 1e4), (1e-4, 1.0), (0.0, 1.0), (1.0, 0.0)])
def test_extremes(x: float, weights: float, dtype: torch.dtype, nf4: bool) -> None:
    case(SMALL, dtype, nf4, x, weights).check()


@each_dtype
def test_a_block_of_zeros(dtype: torch.dtype) -> None:
    whole = case(SMALL, dtype, False)
    assert isinstance(whole.gate_up, Tensor)
    gate_up = whole.gate_up.clone()
    gate_up[1, 5:9] = 0
    replace(whole, gate_up=reference.quantize_nf4(gate_up)).check()


@each_weight
@pytest.mark.parametrize("expert", [0, 2, 3])
def test_all_tokens_to_one_expert(expert: int, nf4: bool) -> None:
    some = case((20, 4, 1, 64, 64), torch.float32, nf4)
    replace(some, index=torch.full_like(some.index, expert)).check()


@each_weight
@pytest.mark.parametrize("missing", [0, 1, 3])
def test_an_expert_without_tokens(missing: int, nf4: bool) -> None:
    some = case(SMALL, torch.float32, nf4)
    others = torch.tensor([e for e in range(4) if e != missing], device=DEVICE)
    replace(some, index=others[torch.rand(9, 3).topk(2).indices.to(DEVICE)]).check()


def test_one_expert_twice_counts_twice() -> None:
    some = case(SMALL, torch.float32, True)
    replace(some, index=some.index[:, :1].expand(-1, 2)).check()


def test_one_kind_of_weight_may_be_whole() -> None:
    some = case(SMALL, torch.float32, True)
    replace(some, down=reference.dense(some.down, torch.float32)).check()


@pytest.mark.parametrize("block_places", [16, 32, 64])
def test_the_block_of_places_does_not_matter(block_places: int) -> None:
    case((40, 4, 2, 64, 64), torch.float32, True).check(block_places)


@each_dtype
def test_the_same_bits_twice(dtype: torch.dtype) -> None:
    some = case((17, 4, 2, 128, 64), dtype, True)
    assert torch.equal(some.run(), some.run())


def test_no_tokens() -> None:
    assert case((0, 4, 2, 64, 64), torch.float32, True).run().shape == (0, 64)


@pytest.mark.parametrize(
    ("n_tokens", "n_chosen", "n_experts", "scan"),
    [(1, 1, 1, 1024), (40, 2, 7, 1024), (33, 3, 5, 16), (64, 8, 32, 256)],
)
@pytest.mark.parametrize("skewed", [False, True])
def test_the_schedule(
    n_tokens: int, n_chosen: int, n_experts: int, scan: int, skewed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experts_triton, "SCAN", scan)
    torch.manual_seed(n_tokens)
    index = torch.randint(n_experts, (n_tokens, n_chosen), device=DEVICE)
    index = index * index // n_experts if skewed else index
    plan = experts_triton.schedule(index, n_experts, 16)
    assert torch.equal(plan.order.long(), index.flatten().argsort(stable=True))
    wanted, first = [], 0
    for expert, count in enumerate(index.flatten().bincount(minlength=n_experts).tolist()):
        wanted += [(expert, first + start, min(16, count - start)) for start in range(0, count, 16)]
        first += count
    got = list(zip(*plan.blocks.tolist(), strict=True))
    assert got[: len(wanted)] == wanted
    assert all(count == 0 for _, _, count in got[len(wanted) :])


@pytest.mark.parametrize("n_experts", [1, 3, 8])
def test_the_worst_routing_has_blocks_enough(n_experts: int) -> None:
    counts = [1] * (n_experts - 1) + [34]
    index = torch.tensor([e for e, count in enumerate(counts) for _ in range(count)], device=DEVICE)[:, None]
    plan = experts_triton.schedule(index, n_experts, 16)
    assert int(plan.blocks[2].sum()) == len(index)


def test_sizes_that_do_not_fit() -> None:
    some = case(SMALL, torch.float32, False)
    with pytest.raises(ValueError, match="multiples of 64, got 32 and 64"):
        replace(some, x=some.x[:, :32]).run()
    with pytest.raises(ValueError, match="do not go with 64 inputs"):
        replace(some, gate_up=some.down).run()


def test_ops_choose() -> None:
    some = case(SMALL, torch.float32, True)
    parts = (some.x, some.index, some.share, some.gate_up, some.down)
    assert torch.equal(ops.experts(*parts, kernel=False), reference.experts(*parts))
    assert torch.equal(ops.experts(*parts, kernel=True), experts_triton.experts(*parts))
    if DEVICE == "cpu":
        assert torch.equal(ops.experts(*parts), reference.experts(*parts))
    odd = case((3, 2, 1, 48, 32), torch.float32, False)
    parts = (odd.x, odd.index, odd.share, odd.gate_up, odd.down)
    assert torch.equal(ops.experts(*parts, kernel=True), reference.experts(*parts))


def test_the_cost_of_a_layer() -> None:
    nf4 = experts_triton.cost(256, 8, 128, 704, 2816, quantised=True)
    whole = experts_triton.cost(256, 8, 128, 704, 2816, quantised=False)
    assert nf4.decoded_weights == 128 * 3 * 704 * 2816
    assert nf4.hbm_bytes == pytest.approx(0.43e9 + 32e6, rel=0.02)
    assert whole.hbm_bytes == pytest.approx(1.52e9 + 32e6, rel=0.02)
    assert experts_triton.block_places_for(256 * 8, 128) == 32


@pytest.mark.skipif(DEVICE == "cpu", reason="needs a GPU")
@each_weight
def test_a_graph_of_one_routing_serves_another(nf4: bool) -> None:
    some = case((40, 7, 2, 128, 64), torch.bfloat16, nf4)
    some.run()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = some.run()
    for shift in (0, 1, 3):
        some.index.copy_((some.index + shift) % 7)
        graph.replay()
        assert torch.equal(out, some.run())
    some.index.fill_(3)
    graph.replay()
    assert torch.equal(out, some.run())


COMPILE = """
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction
from dgedit.kernels import experts as experts_triton, nf4 as nf4_triton
from dgedit.kernels.formats import Nf4

TYPES = {torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.uint8: "*u8", torch.int32: "*i32", torch.int64: "*i64"}

def compiled(kernel, *args, grid, warmup, **named):
    values = dict(zip(kernel.arg_names, args)) | named
    fixed = {p.name: values[p.name] for p in kernel.params if p.is_constexpr}
    fixed |= {name: 1 for name in kernel.arg_names if type(values[name]) is int and values[name] == 1}
    options = {name: value for name, value in values.items() if name not in kernel.arg_names}
    types = {
        name: "constexpr" if name in fixed else TYPES[values[name].dtype] if hasattr(values[name], "dtype") else "i32"
        for name in kernel.arg_names
    }
    aligned = {(i,): [["tt.divisibility", 16]] for i, name in enumerate(kernel.arg_names) if types[name][0] == "*"}
    source = triton.compiler.ASTSource(fn=kernel, signature=types, constexprs=fixed, attrs=aligned)
    code = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    product = kernel.__name__ != "_schedule"
    assert ("wgmma.mma_async" in code.asm["ptx"]) == product, kernel.__name__
    permuted = fixed.get("form") == "permuted"
    assert ("prmt.b32 high, x, y, pick" in code.asm["ptx"]) == permuted, kernel.__name__
    assert ".local" not in code.asm["ptx"]
    print(kernel.__name__, code.metadata.shared)

JITFunction.run = compiled
form = lambda weight, x: "permuted" if isinstance(weight, Nf4) else "whole"
nf4_triton.form_of = experts_triton.form_of = form
wide, inner = 2816, 704
byte = lambda *shape: torch.zeros(*shape, dtype=torch.uint8)
nf4 = lambda *shape: Nf4(byte(*shape[:-1], shape[-1] // 2), torch.zeros(*shape[:-1], shape[-1] // 64))
whole = lambda *shape: torch.zeros(*shape, dtype=torch.bfloat16)
x, index, share = whole(8, wide), torch.zeros(8, 2, dtype=torch.int64), torch.zeros(8, 2)
nf4_triton.linear(x, nf4(wide, wide), 128)
experts_triton.experts(x, index, share, nf4(1, 2 * inner, wide), nf4(1, wide, inner), 64)
experts_triton.experts(x[:1], index[:1, :1], share[:1, :1], whole(1, 2 * inner, wide), nf4(1, wide, inner))
"""


def test_hopper_code_is_made_without_a_gpu(tmp_path: Path) -> None:
    """Matrix products are those of Hopper, the levels come from the program in registers."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["_linear", *["_schedule", "_widen", "_narrow"] * 2]

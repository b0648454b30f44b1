"""The small kernels between products, against their twins in plain torch: ragged sizes, types, extremes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dgedit.kernels import ops, reference

pytest.importorskip("triton")

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 1.6e-2}
"""In bfloat16 two neighbours of the last digit, for the order of a sum may round the other way."""
EPS = 1e-6


def random(*shape: int, dtype: torch.dtype = torch.float32, size: float = 1.0, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=draw) * size).to(DEVICE, dtype)


@pytest.fixture(autouse=True)
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kernel does not write is not a number."""
    empty, like = torch.empty, torch.empty_like

    def bad(tensor: Tensor) -> Tensor:
        return tensor.fill_(float("nan")) if tensor.is_floating_point() else tensor.fill_(-(2**40))

    def bad_empty(*shape: int, **kinds: object) -> Tensor:
        return bad(empty(*shape, **kinds))  # type: ignore[call-overload]

    monkeypatch.setattr(torch, "empty", bad_empty)
    monkeypatch.setattr(torch, "empty_like", lambda tensor: bad(like(tensor)))


def close(ours: Tensor, theirs: Tensor, dtype: torch.dtype) -> None:
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours.float(), theirs.float(), atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@TYPES
@pytest.mark.parametrize("shape", [(1, 1), (3, 64), (2, 5, 17), (4, 1030), (0, 8)])
@pytest.mark.parametrize("parts", ["", "w", "wr", "r", "wrs"])
def test_rms_norm(dtype: torch.dtype, shape: tuple[int, ...], parts: str) -> None:
    weight = random(shape[-1], dtype=dtype, seed=1) if "w" in parts else None
    residual = random(*shape, dtype=dtype, seed=2) if "r" in parts else None
    scale = torch.tensor([0.7], dtype=dtype, device=DEVICE) if "s" in parts else None
    x = random(*shape, dtype=dtype)
    ours = ops.rms_norm(x, weight, EPS, residual, scale, kernel=True)
    close(ours, reference.rms_norm(x, weight, EPS, residual, scale), dtype)


@TYPES
@pytest.mark.parametrize("value", [0.0, 1e-20, 1e4, 1e15])
def test_rms_norm_of_extremes(dtype: torch.dtype, value: float) -> None:
    x = torch.full((2, 96), value, dtype=dtype, device=DEVICE)
    x[0, 3] = -value
    close(ops.rms_norm(x, None, EPS, kernel=True), reference.rms_norm(x, None, EPS), dtype)


def test_rms_norm_of_rows_that_are_not_neighbours() -> None:
    x = random(6, 40).T
    close(ops.rms_norm(x, None, EPS, kernel=True), reference.rms_norm(x, None, EPS), torch.float32)


@TYPES
@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 2, 64), (5, 3, 34), (2, 1, 512), (0, 2, 8)])
@pytest.mark.parametrize("weighted", [True, False])
def test_norm_rotate(dtype: torch.dtype, shape: tuple[int, int, int], weighted: bool) -> None:
    count, _, size = shape
    weight = random(size, dtype=dtype, seed=1) if weighted else None
    angles = random(count, 1, size // 2, size=100.0, seed=2).repeat(1, 1, 2)
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    x = random(*shape, dtype=dtype)
    ours = ops.norm_rotate(x, weight, cos, sin, EPS, kernel=True)
    close(ours, reference.norm_rotate(x, weight, cos, sin, EPS), dtype)


@TYPES
@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (2, 1024), (0, 4)])
@pytest.mark.parametrize("size", [1.0, 1e3])
def test_geglu(dtype: torch.dtype, shape: tuple[int, int], size: float) -> None:
    gate, up = random(*shape, dtype=dtype, size=size), random(*shape, dtype=dtype, seed=1)
    close(ops.geglu(gate, up, kernel=True), reference.geglu(gate, up), dtype)


@TYPES
@pytest.mark.parametrize(("count", "experts", "taken"), [(1, 1, 1), (5, 6, 2), (3, 128, 8), (4, 7, 7), (0, 4, 2)])
def test_route(dtype: torch.dtype, count: int, experts: int, taken: int) -> None:
    scores = random(count, experts, dtype=torch.float32, size=4.0)
    # All different, so that the twin's choice is the only one.
    scores = (scores.argsort(-1).argsort(-1).float() / 8).to(dtype)
    scale = random(experts, dtype=dtype, seed=1)
    share, index = ops.route(scores, scale, taken, kernel=True)
    expected_share, expected_index = reference.route(scores, scale, taken)
    assert index.dtype == torch.int64
    assert torch.equal(index, expected_index)
    torch.testing.assert_close(share, expected_share, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e4, -1e4])
def test_route_of_equal_scores_takes_the_first_experts(value: float) -> None:
    scores = torch.full((2, 10), value, device=DEVICE)
    share, index = ops.route(scores, torch.ones(10, device=DEVICE), 3, kernel=True)
    assert index.tolist() == [[0, 1, 2]] * 2
    torch.testing.assert_close(share, torch.full_like(share, 1 / 3))


def test_route_never_takes_an_expert_twice() -> None:
    scores = torch.full((1, 5), -torch.inf, device=DEVICE)
    scores[0, 3] = 1.0
    index = ops.route(scores, torch.ones(5, device=DEVICE), 4, kernel=True)[1][0]
    assert int(index[0]) == 3
    assert len(set(index.tolist())) == 4


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.rms_norm(x, None, EPS, kernel=True),
        lambda x: ops.geglu(x, x, kernel=True),
        lambda x: ops.route(x, x[0], 3, kernel=True)[0],
    ],
    ids=["norm", "gate", "route"],
)
def test_two_runs_are_equal_to_the_bit(call: Callable[[Tensor], Tensor]) -> None:
    x = random(7, 33)
    assert torch.equal(call(x), call(x))


COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from dgedit.kernels import rows

FIXED = {"has_residual": True, "has_weight": True, "has_scale": True, "half_block": 128, "taken": 8, "taken_block": 8}
BLOCKS = {"_norm": 4096, "_geglu": 1024, "_route": 128}
NUMBERS = {"columns": "i32", "heads": "i32", "size": "i32", "count": "i32", "experts": "i32", "eps": "fp32"}
POINTERS = {"share": "*fp32", "index": "*i64"}

for name in ("_norm", "_rotate", "_geglu", "_route"):
    kernel = getattr(rows, name)
    names = [parameter.name for parameter in kernel.params]
    fixed = {key: value for key, value in FIXED.items() if key in names}
    fixed |= {"block": BLOCKS[name]} if "block" in names else {}
    types = {key: "constexpr" if key in fixed else NUMBERS.get(key) or POINTERS.get(key, "*bf16") for key in names}
    built = triton.compile(ASTSource(kernel, types, fixed), target=GPUTarget("cuda", 90, 32))
    print(name, len(built.asm["cubin"]) > 0)
"""


def test_kernels_compile_for_hopper(tmp_path: Path) -> None:
    free = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    free["TRITON_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, "-P", "-W", "ignore", "-c", COMPILED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=free)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:-1] == [f"{name} True" for name in ("_norm", "_rotate", "_geglu", "_route")]

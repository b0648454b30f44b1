"""The vocabulary tail in Triton, held to its twin; in Triton's interpreter where there is no GPU.

The twin is given the same numbers in float32: what it rounds to bfloat16 on the way is its own error, not the kernel's.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dgedit.kernels import ops, reference
from dgedit.kernels.formats import Choice, Chosen

pytest.importorskip("triton")

from dgedit.kernels import tail
from dgedit.kernels.tail import Plan

pytestmark = pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
"""The interpreter's logarithm of zero, where a tile has no word that may be drawn."""

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SOFTCAP = 30.0
SEED = 2**61 + 12345
"""More than 32 bits, for the generator of a call gives 62."""

ROUNDING = 5e-5
"""Of logits up to 75 nats in float32: scores nearer than this may be taken for each other."""

BFLOAT16, FLOAT32 = torch.bfloat16, torch.float32

SOFT_ERROR = {FLOAT32: ROUNDING, BFLOAT16: 3 * (2**-8 if DEVICE == "cuda" else 2**-7)}
"""Of a sum of absolute terms: in bfloat16 three roundings, which the interpreter does by cutting off."""

PLAN = Plan(rows=32, words=128, inner=64, columns=128, step=64, chunk_tiles=2, splits=2, warps=4)
NARROW = Plan(rows=16, words=64, inner=32, columns=64, step=32, chunk_tiles=5, splits=2, warps=4, stages=2)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a tail is asked."""

    hidden: Tensor
    table: Tensor
    choice: Choice

    def solve(self, plan: Plan | None = PLAN, seed: int = SEED) -> Chosen:
        """By the kernel."""
        with poisoned():
            return tail.vocabulary_tail(self.hidden, self.table, self.choice, SOFTCAP, seed, plan)


def problem(
    n_rows: int,
    n_words: int,
    width: int,
    *,
    dtype: torch.dtype = torch.float32,
    bias: Tensor | None = None,
    temperature: float = 1.0,
    sampling: float = 0.0,
    scale: float = 1.0,
) -> Problem:
    """Random states and table; rows take the biases in turn, by default one of zeros and one that forbids a third."""
    numbers = torch.Generator().manual_seed(n_rows * n_words + width)
    hidden = torch.randn(n_rows, width, generator=numbers) * scale
    table = torch.randn(n_words, width, generator=numbers)
    if bias is None:
        bias = torch.zeros(2, n_words)
        bias[1, ::3] = -math.inf
    choice = Choice(
        bias=bias.to(DEVICE),
        rule=(torch.arange(n_rows) % len(bias)).to(DEVICE),
        temperature=temperature,
        sampling=sampling,
    )
    return Problem(hidden.to(DEVICE, dtype), table.to(DEVICE, dtype), choice)


@contextmanager
def poisoned() -> Iterator[None]:
    """Memory that is not written first is NaN, or the largest integer."""
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.empty(3).isnan().all()
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def assert_agrees(got: Chosen, asked: Problem, seed: int = SEED) -> None:
    """With the twin; another token only where its score is the best but for rounding."""
    choice = asked.choice
    hidden, table = asked.hidden.float(), asked.table.float()
    noise = tail.exponential_noise(len(hidden), len(table), seed, DEVICE)
    want = reference.vocabulary_tail(hidden, table, choice, SOFTCAP, noise)
    logits = reference.softcapped(hidden, table, SOFTCAP) / choice.temperature + choice.bias[choice.rule]
    log_probs = logits.log_softmax(-1)
    scores = log_probs / choice.sampling - noise.log() if choice.sampling else log_probs
    assert_best(got.tokens, want.tokens, scores)
    assert_best(got.likeliest, want.likeliest, log_probs)
    torch.testing.assert_close(got.log_probs, at(log_probs, got.tokens), atol=ROUNDING, rtol=1e-5)
    torch.testing.assert_close(got.entropy, want.entropy, atol=ROUNDING, rtol=1e-5)
    error = (got.soft.float() - want.soft).abs()
    allowed = log_probs.exp() @ table.abs() * SOFT_ERROR[got.soft.dtype]
    assert got.soft.dtype == asked.table.dtype
    assert (error <= allowed).all(), (error / allowed).max()


def assert_best(got: Tensor, want: Tensor, scores: Tensor) -> None:
    behind = at(scores, want) - at(scores, got)
    assert (behind[got != want].abs() <= ROUNDING).all(), (got, want, behind)


def at(values: Tensor, places: Tensor) -> Tensor:
    return values.gather(1, places[:, None])[:, 0]


@pytest.mark.parametrize(
    ("shape", "dtype", "temperature", "sampling", "plan"),
    [
        ((1, 100, 64), FLOAT32, 1.0, 0.0, PLAN),
        ((1, 1030, 96), BFLOAT16, 0.4, 1.0, PLAN),
        ((3, 513, 96), FLOAT32, 0.4, 0.7, PLAN),
        ((3, 513, 200), BFLOAT16, 1.0, 1.0, NARROW),
        ((17, 100, 200), FLOAT32, 1.0, 1.0, NARROW),
        ((17, 513, 64), BFLOAT16, 0.4, 0.0, PLAN),
        ((17, 1030, 96), FLOAT32, 0.4, 1.0, PLAN),
        ((33, 100, 96), BFLOAT16, 1.0, 0.7, NARROW),
        ((33, 1030, 200), FLOAT32, 1.0, 0.7, PLAN),
        ((33, 1024, 128), FLOAT32, 1.0, 1.0, PLAN),
        ((33, 1030, 200), BFLOAT16, 0.4, 0.7, None),
        ((67, 300, 64), FLOAT32, 0.7, 1.0, None),
    ],
)
def test_kernel_and_twin_agree(
    shape: tuple[int, int, int], dtype: torch.dtype, temperature: float, sampling: float, plan: Plan | None
) -> None:
    asked = problem(*shape, dtype=dtype, temperature=temperature, sampling=sampling, scale=shape[2] ** -0.5 * 3)
    assert_agrees(asked.solve(plan), asked)


def only(n_words: int, *allowed: int) -> Tensor:
    """A bias that forbids all other words."""
    bias = torch.full((1, n_words), -math.inf)
    bias[0, list(allowed)] = 0
    return bias


@pytest.mark.parametrize("sampling", [0.0, 0.7])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 100.0, 1e6])
@pytest.mark.parametrize("temperature", [0.4, 1.0])
def test_logits_from_equal_to_saturated(scale: float, temperature: float, sampling: float) -> None:
    asked = problem(5, 300, 64, temperature=temperature, sampling=sampling, scale=scale)
    assert_agrees(asked.solve(), asked)


def test_equal_logits_are_as_uncertain_as_can_be() -> None:
    asked = problem(2, 300, 64, bias=torch.zeros(1, 300), scale=0)
    got = asked.solve()
    assert got.tokens.tolist() == got.likeliest.tolist() == [0, 0]
    assert got.entropy.tolist() == pytest.approx([math.log(300)] * 2)
    assert got.log_probs.tolist() == pytest.approx([-math.log(300)] * 2)
    torch.testing.assert_close(got.soft, asked.table.mean(0).expand(2, -1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("first", [0, 5, 127, 128, 299])
def test_of_words_that_tie_the_first_is_taken(first: int) -> None:
    bias = torch.zeros(1, 300)
    bias[0, :first] = -1
    got = problem(2, 300, 64, bias=bias, scale=0).solve()
    assert got.likeliest.tolist() == [first, first]


@pytest.mark.parametrize("word", [0, 64, 255, 256, 299])
@pytest.mark.parametrize("sampling", [0.0, 1.0])
def test_one_allowed_word_is_certain(word: int, sampling: float) -> None:
    asked = problem(3, 300, 64, bias=only(300, word), sampling=sampling, dtype=BFLOAT16, scale=4)
    got = asked.solve(NARROW)
    assert got.tokens.tolist() == got.likeliest.tolist() == [word] * 3
    assert got.entropy.tolist() == got.log_probs.tolist() == [0.0] * 3
    assert torch.equal(got.soft, asked.table[word].expand(3, -1))


BIASES = {
    "none": torch.zeros(1, 513),
    "first chunks forbidden": torch.where(torch.arange(513) < 450, -math.inf, 0.0)[None],
    "last chunks forbidden": torch.where(torch.arange(513) >= 70, -math.inf, 0.0)[None],
    "pushes": torch.linspace(-80, 80, 513)[None],
    "two far apart": torch.where(torch.arange(513) % 512 == 0, 0.0, -1000.0)[None],
    "four": torch.stack([only(513, 3, 400)[0], torch.zeros(513), torch.linspace(9, -9, 513), only(513, 512, 511)[0]]),
}


@pytest.mark.parametrize("name", BIASES)
def test_biases(name: str) -> None:
    asked = problem(7, 513, 64, bias=BIASES[name], sampling=0.7, temperature=0.8, scale=0.3)
    assert_agrees(asked.solve(), asked)


@pytest.mark.parametrize("raw", [1e30, -1e30])
def test_softcap_holds_at_any_size(raw: float) -> None:
    asked = problem(1, 100, 64, bias=torch.zeros(1, 100))
    asked.hidden[:], asked.table[:] = 0, 0
    asked.hidden[0, 0], asked.table[7, 0] = 1, raw
    got = asked.solve()
    assert got.likeliest.item() == (7 if raw > 0 else 0)
    top = math.log(99 + math.exp(math.copysign(SOFTCAP, raw)))
    assert got.log_probs.item() == pytest.approx((SOFTCAP if raw > 0 else 0) - top, abs=1e-5)


def test_no_rows() -> None:
    got = problem(0, 100, 64, sampling=1).solve(None)
    assert got.tokens.shape == got.entropy.shape == (0,)
    assert got.soft.shape == (0, 64)


def test_the_same_call_gives_the_same_bits_and_the_cut_does_not_choose_tokens() -> None:
    asked = problem(17, 513, 96, dtype=BFLOAT16, sampling=1, scale=0.2)
    first, again, other = asked.solve(), asked.solve(), asked.solve(NARROW)
    for field in ("tokens", "likeliest", "log_probs", "entropy", "soft"):
        assert torch.equal(getattr(first, field), getattr(again, field)), field
    assert torch.equal(first.tokens, other.tokens)
    assert not torch.equal(first.tokens, asked.solve(seed=SEED + 1).tokens)


def test_noise_is_exponential_to_its_smallest_draws() -> None:
    draws = tail.exponential_noise(3, 70001, SEED, DEVICE).double().flatten().cpu().sort().values
    places = (torch.arange(len(draws), dtype=torch.float64) + 0.5) / len(draws)
    farthest = (places - (1 - (-draws).exp())).abs().max()
    assert farthest < 1.95 / math.sqrt(len(draws)), "Kolmogorov's bound at 0.1 %"
    assert draws[0] > 0
    assert draws[-1] < 17
    assert len(set(draws[:1000].tolist())) == 1000, "draws that win races do not tie"
    rows = tail.exponential_noise(2, 4096, SEED, DEVICE)
    assert torch.corrcoef(rows)[0, 1].abs() < 0.06
    assert not torch.equal(rows, tail.exponential_noise(2, 4096, SEED + 2**32, DEVICE))


@pytest.mark.parametrize("sampling", [0.7, 1.0])
def test_tokens_are_drawn_as_often_as_they_are_likely(sampling: float) -> None:
    words, n_rows = [0, 1, 63, 64, 130, 200, 255, 299], 320
    bias = only(300, *words)
    bias[0, words] = torch.linspace(0, -2.5, len(words))
    asked = problem(n_rows, 300, 16, bias=bias, sampling=sampling, scale=0)
    wide = Plan(rows=512, words=64, inner=16, columns=16, step=64, chunk_tiles=5, splits=1)
    drawn = asked.solve(wide if DEVICE == "cpu" else PLAN).tokens
    counts = torch.bincount(drawn.cpu(), minlength=300)[words].double()
    expected = (bias[0, words].double() / sampling).softmax(-1) * n_rows
    assert counts.sum() == n_rows
    assert float(((counts - expected) ** 2 / expected).sum()) < 24.3, "chi square of 7 degrees at 0.1 %"


def test_op_takes_the_kernel_when_told_and_its_seed_from_the_generator() -> None:
    asked = problem(3, 100, 64, sampling=1, scale=0.1)
    given = (asked.hidden, asked.table, asked.choice, SOFTCAP)
    got = ops.vocabulary_tail(*given, torch.Generator().manual_seed(5), kernel=True)
    seed = int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(5)))
    assert torch.equal(got.tokens, tail.vocabulary_tail(*given, seed).tokens)
    assert_agrees(got, asked, seed)


def test_op_takes_the_twin_when_told() -> None:
    asked = problem(3, 100, 64, sampling=1, scale=0.1)
    given = (asked.hidden, asked.table, asked.choice, SOFTCAP)
    got = ops.vocabulary_tail(*given, torch.Generator().manual_seed(5), kernel=False)
    noise = ops.draws(torch.Size((3, 100)), asked.choice, torch.Generator().manual_seed(5), torch.device(DEVICE))
    want = reference.vocabulary_tail(*given, noise)
    assert torch.equal(got.tokens, want.tokens)
    assert torch.equal(got.soft, want.soft)


def test_op_needs_no_triton_without_a_gpu() -> None:
    code = """
import sys
sys.modules["triton"] = None
import torch
from dgedit.kernels import ops
from dgedit.kernels.formats import Choice
choice = Choice(bias=torch.zeros(1, 9), rule=torch.zeros(2, dtype=torch.int64), sampling=1.0)
print(ops.vocabulary_tail(torch.zeros(2, 4), torch.ones(9, 4), choice, 30.0, torch.Generator()).soft.tolist())
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("1.0") + done.stdout.count("0.99") >= 8


def test_plan_refuses_a_step_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="64 words is not whole steps of 128"):
        Plan(rows=64, words=64, inner=64, columns=128, step=128, chunk_tiles=1, splits=1)


@pytest.mark.parametrize("n_rows", [1, 16, 64, 65, 128, 256, 768])
def test_default_plan_fills_the_processors_and_stays_small(n_rows: int) -> None:
    n_words, width = 262144, 2816
    plan = tail.plan_for(n_rows, n_words, width, 2)
    blocks = -(-n_rows // plan.rows)
    assert plan.chunk_tiles * plan.words * width * 2 <= tail.L2_BYTES
    assert 0.9 < blocks * plan.chunk_tiles / (132 * -(-blocks * plan.chunk_tiles // 132)) <= 1
    assert 0.9 < blocks * (width // plan.columns) * plan.splits / 132 <= 1
    figures = tail.cost(n_rows, n_words, width)
    assert figures.operations == 4 * n_rows * n_words * width
    assert figures.hbm_bytes < 1.1 * n_words * width * 2
    assert figures.workspace_bytes <= (64 << 20 if n_rows <= 256 else 80 << 20)
    assert figures.workspace_bytes < n_rows * n_words * 4 or n_rows < 64


COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from dgedit.kernels import tail_programs as programs

TYPES = {name: "*bf16" for name in ("hidden", "table", "weights", "soft")}
TYPES |= {name: "*fp32" for name in ("bias", "floats", "peaks", "heights", "sums", "known", "out")}
TYPES |= {"rule": "*i64", "tokens": "*i64", "places": "*i32", "seed": "i64"}
TYPES |= {name: "fp32" for name in ("softcap", "temperature", "flatten")}
BLOCKS = dict(rows=64, words=64, inner=64, columns=64, step=64, tiles=64)

for kernel in (programs.weigh, programs.mix, programs.finish, programs.noise):
    names = [parameter.name for parameter in kernel.params]
    fixed = {name: BLOCKS[name.removeprefix("block_")] for name in names if name.startswith("block_")}
    fixed |= {"sampled": True} if "sampled" in names else {}
    types = {name: "constexpr" if name in fixed else TYPES.get(name, "i32") for name in names}
    source = ASTSource(kernel, types, {(names.index(name),): value for name, value in fixed.items()})
    built = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    print(names[0], "wgmma" in built.asm["ptx"], "atom." in built.asm["ptx"])
"""


def test_kernels_compile_for_hopper_without_atomics(tmp_path: Path) -> None:
    free = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    free["TRITON_CACHE_DIR"] = str(tmp_path)
    command = [sys.executable, "-P", "-W", "ignore", "-c", COMPILED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=free)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[:-1] == [
        "hidden True False",
        "weights True False",
        "floats False False",
        "out False False",
    ]

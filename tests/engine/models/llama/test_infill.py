"""What the infiller keeps, sees and borrows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dgedit.engine.denoise import edge_bias
from dgedit.engine.infill import fill, infill
from dgedit.engine.models.llama.fused import Arithmetic, fastest
from dgedit.engine.models.llama.infiller import CHUNK, LlamaContext, LlamaInfiller, Tree
from dgedit.engine.models.llama.layout import CUT_TOKENS, borrow, pack, prefix_limit, suffix_limit
from dgedit.engine.tokenizer import BOS, EOM, MASK, PRE, SUF
from dgedit.engine.types import InfillRequest, Origin

from ....support.llama import FORM, infiller, network

ARITHMETICS = [Arithmetic.FLOAT32, fastest(torch.device("cpu"))]
LONG = "def f(value):\n    return value + 1\n\n\n" * 5
SUFFIX = "\n    return total\n"


@pytest.fixture(scope="module", params=dict.fromkeys(ARITHMETICS), ids=lambda each: each.value)
def tiny(request: pytest.FixtureRequest) -> LlamaInfiller:
    return infiller(network(4), request.param)


@pytest.fixture(scope="module")
def exact() -> LlamaInfiller:
    """In float32: what is rounded to 8 bits depends a little on what is read with it."""
    return infiller(network(4))


def held(model: LlamaInfiller, context: LlamaContext) -> list[torch.Tensor]:
    """All keys and values of a context, and its head."""
    room = suffix_limit(model.format)
    kept = slice(room - context.suffix, room + context.prefix + 1)
    return [*(each[:, kept] for each in (*context.cache.keys, *context.cache.values)), context.head_hidden]


def read(model: LlamaInfiller, prefix: str, suffix: str) -> LlamaContext:
    return model.encode(model.pack(InfillRequest(prefix=prefix, suffix=suffix)).context_ids)


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [
        (LONG + "x = 1", SUFFIX),
        (LONG[:-30], SUFFIX),
        (LONG + "x = y", "\n    return other\n"),
        ("z" + LONG[1:], SUFFIX),
        (LONG[:CHUNK] + "#" + LONG[CHUNK:], ""),
        ("x", SUFFIX),
        (LONG * 4 + "x = 12", SUFFIX),
    ],
)
def test_a_context_that_was_kept_is_the_one_that_is_read_anew_to_the_bit(
    tiny: LlamaInfiller, prefix: str, suffix: str
) -> None:
    tiny._last = None
    fresh = held(tiny, read(tiny, prefix, suffix))
    tiny._last = None
    before = read(tiny, LONG + "x = ", SUFFIX)
    tiny.write(before, torch.zeros(266), torch.zeros(266), torch.zeros(266).bool(), tokens_max=3, beams=3)
    kept = held(tiny, read(tiny, prefix, suffix))
    assert all(torch.equal(a, b) for a, b in zip(fresh, kept, strict=True))


def test_only_what_changed_is_read_again(tiny: LlamaInfiller, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny._last = None
    read(tiny, LONG + "x = ", SUFFIX)
    counts = list[int]()
    run = type(tiny.network).run

    def counted(self: object, x: torch.Tensor, *rest: object) -> torch.Tensor:
        counts.append(len(x))
        return run(self, x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(type(tiny.network), "run", counted)
    read(tiny, LONG + "x = 1", SUFFIX)
    assert len(counts) == 1
    assert counts[0] <= CHUNK
    read(tiny, LONG + "x = 1", SUFFIX + "#")
    assert len(counts) == 3, "a new suffix, and the end of the prefix with its head"
    read(tiny, LONG + "x = 1", SUFFIX + "#")
    assert len(counts) == 3


@pytest.mark.parametrize(
    ("change", "canvas_moves", "prefix_moves"),
    [("suffix", True, False), ("prefix", True, True), ("head", True, False)],
)
def test_segments_do_not_see_each_other(
    exact: LlamaInfiller, change: str, canvas_moves: bool, prefix_moves: bool
) -> None:
    ids = [SUF, 60, 61, 62, PRE, BOS, 70, 71, 72]
    other = list(ids)
    other[{"suffix": 2, "prefix": 6, "head": 8}[change]] = 99
    canvas = torch.tensor([[MASK] * 3 + [60, 61]])
    valid, free = torch.ones(1, 5, dtype=torch.bool), torch.tensor([[True] * 3 + [False] * 2])
    exact._last = None
    one, two = (exact.encode(each) for each in (ids, other))
    room = suffix_limit(exact.format)
    segment = slice(room, room + one.prefix)
    pairs = zip(one.cache.keys, two.cache.keys, strict=True)
    same = all(torch.equal(a[:, segment], b[:, segment]) for a, b in pairs)
    assert same is not prefix_moves
    before, after = (exact.logits(each, canvas, valid, free) for each in (one, two))
    assert torch.allclose(before, after, atol=1e-5) is not canvas_moves


def test_a_canvas_sees_its_own_row_and_what_is_left_of_it(exact: LlamaInfiller) -> None:
    context = exact.encode([SUF, 60, PRE, BOS, 70, 71, 72])
    canvas = torch.tensor([[MASK, MASK, MASK, 60], [80, MASK, EOM, 60]])
    valid, free = torch.ones(2, 4, dtype=torch.bool), torch.tensor([[True, True, True, False]] * 2)
    before = exact.logits(context, canvas, valid, free)
    last = canvas.clone()
    last[0, 3] = 90
    after = exact.logits(context, last, valid, free)
    moved = ((after - before).abs().amax(-1) > 1e-4).tolist()
    assert all(moved[:3]), "what stands right of a slot counts"
    assert torch.allclose(after[3:], before[3:], atol=1e-4), "another row does not"
    written = exact.score(context, [[80, 81, EOM]])
    assert torch.equal(exact.logits(context, canvas, valid, free), before), "nor does what was scored"
    assert torch.equal(exact.score(context, [[80, 81, EOM]])[0], written[0])


def test_what_was_written_keeps_its_score(tiny: LlamaInfiller) -> None:
    context = read(tiny, LONG + "x =", SUFFIX)
    ends = torch.zeros(266, dtype=torch.bool)
    ends[EOM] = True
    spans = tiny.write(context, torch.zeros(266), torch.zeros(266), ends, tokens_max=4, beams=5)
    rows = [[*span, EOM] for span in spans]
    assert rows
    assert all(context.knows(row) for row in rows)
    fresh = replace(context, known={})
    for known, again in zip(tiny.score(context, rows), tiny.score(fresh, rows), strict=True):
        torch.testing.assert_close(known, again, atol=0.08, rtol=0.02)


@pytest.mark.parametrize(
    ("prefix", "kept", "borrowed"),
    [
        ("x = ", "x =", " "),
        ("x =", "x =", ""),
        ("if x:\n", "if x:", "\n"),
        ("if x:\r\n", "if x:", "\n"),
        ("if x:\n    ", "if x:\n   ", " "),
        ("\n", "", "\n"),
        (" ", "", " "),
        ("", "", ""),
        ("x\t", "x\t", ""),
    ],
)
def test_a_span_borrows_the_break_or_the_space_before_it(
    tiny: LlamaInfiller, prefix: str, kept: str, borrowed: str
) -> None:
    assert borrow(prefix) == (kept, borrowed)
    packed = tiny.pack(InfillRequest(prefix=prefix, suffix=SUFFIX))
    assert tiny.tokenizer.decode(packed.context_ids).endswith(kept)
    first, _ = edge_bias(packed, tiny)
    texts = [tiny.tokenizer.decode([index]) for index in (first > -torch.inf).nonzero()[:, 0].tolist()]
    assert texts
    assert all(text.startswith(borrowed) for text in texts)
    result = fill(InfillRequest(prefix=prefix, suffix=SUFFIX, max_passes=2, recall=False), tiny)
    for candidate in result.candidates:
        assert Origin.RECALLED not in candidate.origins


def test_an_infill_is_the_same_again_and_with_a_kept_context(tiny: LlamaInfiller) -> None:
    request = InfillRequest(prefix=LONG + "    total = ", suffix=SUFFIX, max_passes=3)
    tiny._last = None
    first = [frame.text for frame in infill(request, tiny)]
    again = [frame.text for frame in infill(request, tiny)]
    read(tiny, LONG + "    total = val", SUFFIX)
    assert first == again == [frame.text for frame in infill(request, tiny)]


def test_a_suffix_or_a_prefix_of_nothing_is_laid_out() -> None:
    model = infiller(network())
    assert model.pack(InfillRequest(prefix="", suffix="")).context_ids == [SUF, PRE, BOS]
    packed = model.pack(InfillRequest(prefix="", suffix="a" * 1000))
    assert len(packed.context_ids) == suffix_limit(FORM) + 2
    assert packed.context.suffix_cut
    assert not packed.context.prefix_cut


def test_a_long_prefix_is_cut_at_a_line_and_stays_cut_while_text_is_added() -> None:
    model = infiller(network())
    text = "".join(f"line_{number} = {number}\n" for number in range(2_000))
    starts = list[str]()
    for more in range(3 * CUT_TOKENS):
        packed = pack(InfillRequest(prefix=text + "y" * more, suffix=""), model.tokenizer, FORM)
        ids = packed.context_ids
        assert packed.context.prefix_cut
        assert ids[1] == PRE
        assert prefix_limit(FORM) - 2 * CUT_TOKENS < len(ids) - 1 <= prefix_limit(FORM)
        starts.append(model.tokenizer.decode(ids[2:12]))
    assert all(start.startswith("\nline_") for start in starts)
    assert len(dict.fromkeys(starts)) <= 5


def test_beginnings_that_rows_share_are_one_node() -> None:
    tree = Tree.of([[5, 6, 7], [5, 6, 8], [5], [], [6, 5, 9]])
    assert tree.ids == [5, 6, 6, 5]
    assert tree.depth == [0, 1, 0, 1]
    assert tree.sources == [[0, 1, 2], [0, 1, 2], [0], [], [0, 3, 4]]
    assert tree.own().long().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 0, 0, 1, 0],
        [1, 0, 0, 1, 1],
    ]

"""Text to what the denoiser reads: encoder context and canvas rows.

    encoder: <suf> suffix <pre> [<bos>] prefix                               (read causally, kept as keys and values)
    canvas : pinned lead | span slots … | near suffix (pinned) | padding     (one row for each length that is tried)

The near suffix is also pinned inside the canvas, because in training the decoder never saw clean keys to the right of
one. What does not fit is left out from the far ends, and the result says so.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from .protocol import CanvasFormat, PackedInfill, Tokenizer
from .types import UNDECIDED, ContextUse, EngineError, InfillRequest

CHARS_PER_TOKEN_MAX = 12
"""Text is cut to so many characters for each token of budget before it is tokenised."""
DRAFT_SLACK = 4
"""Slots that a draft's row has beyond its tokens, the end included."""
BRANCHES = 3
"""Rows that go on from one start: they differ by what is drawn or noised."""
DEFAULT_SLOTS = (8, 16, 28)
"""Row lengths for a span of unknown size; most lines of Python fit the second."""


def pack(request: InfillRequest, tokenizer: Tokenizer, form: CanvasFormat) -> PackedInfill:
    """Lay a request out for a checkpoint; deterministic, never fails on odd text.

    Raises:
        EngineError: when a text to mend is longer than the canvas.
    """
    prefix, borrowed = _move_line_break(request.prefix)
    prefix_ids, prefix_whole = _tail(prefix, form.context_tokens, tokenizer)
    suffix_limit = form.near_suffix_tokens + form.far_suffix_tokens
    suffix_ids, suffix_whole = _head(request.suffix, suffix_limit, tokenizer)
    near = suffix_ids[: form.near_suffix_tokens]

    header = [form.suffix_id, *suffix_ids, form.prefix_id] if suffix_ids else [form.prefix_id]
    room = form.context_tokens - len(header)
    prefix_cut = not prefix_whole or len(prefix_ids) + 1 > room
    body = prefix_ids[-room:] if prefix_cut else [form.start_id, *prefix_ids]
    context_ids = header + body

    slots, starts, passes = choose_rows(request, borrowed, tokenizer, form)
    exact = request.exact_tokens is not None
    # A long span takes room from the pinned suffix, never the other way round.
    near = near[: max(0, form.canvas_tokens - max(slots) - exact)]
    use = ContextUse(
        tokens=len(context_ids) + len(near),
        limit=form.context_tokens + form.near_suffix_tokens,
        prefix_cut=prefix_cut,
        suffix_cut=not suffix_whole,
    )
    return PackedInfill(
        context_ids=context_ids,
        suffix_ids=near,
        pinned_ids=[form.eom_id, *near] if exact else near,
        slots=slots,
        exact=exact,
        starts=starts,
        passes=passes,
        borrowed=borrowed,
        context=use,
        closing_ids=(form.eom_id,),
    )


def with_drafts(
    packed: PackedInfill, drafts: Sequence[Sequence[int]], form: CanvasFormat, noise_rows: int | None = None
) -> PackedInfill:
    """The same request with one more row for each draft, which begins with those ids instead of noise.

    Drafts that do not fit the canvas beside the pinned suffix are left out, and all where the length is exact.

    Args:
        noise_rows: the rows of noise are replaced by so many of the lengths of the last drafts; none keeps them.
    """
    room = form.canvas_tokens - len(packed.pinned_ids) - DRAFT_SLACK
    fitting = [ids for ids in drafts if 0 < len(ids) <= room and not packed.exact]
    lengths = tuple(len(ids) + DRAFT_SLACK for ids in fitting)
    slots = packed.slots
    if noise_rows is not None and fitting:
        slots = tuple(dict.fromkeys(lengths[::-1]))[:noise_rows]
    return replace(
        packed,
        slots=(*slots, *lengths),
        starts=(*packed.starts[: len(slots)], *((*ids, form.eom_id) for ids in fitting)),
    )


def choose_rows(
    request: InfillRequest, borrowed: str, tokenizer: Tokenizer, form: CanvasFormat
) -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...], int]:
    """Slots and starting tokens of each row, and the passes behind them."""
    if request.start is not None:
        slots = request.start.slots[: form.canvas_tokens]
        return (len(slots),) * BRANCHES, (slots,) * BRANCHES, min(request.start.passes, request.max_passes - 1)
    if request.strength < 1:
        ids = tokenizer.encode(borrowed + request.original)
        if len(ids) > form.canvas_tokens - DRAFT_SLACK:
            room = form.canvas_tokens - DRAFT_SLACK
            raise EngineError(f"the span has {len(ids)} tokens, the model mends at most {room}", "choose fewer lines")
        rows = noised_rows(ids, request.strength, request.seed, form)
        return tuple(map(len, rows)), rows, round((1 - request.strength) * (request.max_passes - 1))
    lengths = choose_slots(request, form)
    return lengths, tuple(() for _ in lengths), 0


def noised_rows(ids: Sequence[int], strength: float, seed: int, form: CanvasFormat) -> tuple[tuple[int, ...], ...]:
    """Rows of a text with a share of its tokens noised, other ones in each row.

    The first row keeps its length; the others have their end noised too, with a few slots to grow into.
    """
    chooser = random.Random(seed)
    count = max(1, round(strength * len(ids)))
    rows = []
    for row in range(BRANCHES):
        noised = set(chooser.sample(range(len(ids)), count)) if ids else set()
        kept = [UNDECIDED if place in noised else token for place, token in enumerate(ids)]
        end = [form.eom_id] if row == 0 else [UNDECIDED] * DRAFT_SLACK
        rows.append((*kept, *end))
    return tuple(rows)


def choose_slots(request: InfillRequest, form: CanvasFormat) -> tuple[int, ...]:
    """Row lengths to try, ascending and distinct, each within the canvas."""
    if request.exact_tokens is not None:
        return (max(1, min(request.exact_tokens, form.canvas_tokens - 1)),)
    if request.expected_tokens is None:
        wanted = DEFAULT_SLOTS
    else:
        about = request.expected_tokens + 1
        wanted = (about - about // 4, about + 4, about + about // 2 + 8)
    return tuple(sorted({max(2, min(count, form.canvas_tokens)) for count in wanted}))


def _move_line_break(prefix: str) -> tuple[str, str]:
    """A span at the start of a line takes the line break before it into the canvas."""
    if prefix.endswith("\n") and len(prefix) > 1:
        return prefix[:-1].removesuffix("\r"), "\n"
    return prefix, ""


def _tail(text: str, limit: int, tokenizer: Tokenizer) -> tuple[list[int], bool]:
    """Ids of the end of `text`, and whether that is all of it; the cut is at a line where there is one."""
    kept = text[-limit * CHARS_PER_TOKEN_MAX :]
    whole = len(kept) == len(text)
    if not whole and "\n" in kept:
        kept = kept[kept.index("\n") :]
    return tokenizer.encode(kept), whole


def _head(text: str, limit: int, tokenizer: Tokenizer) -> tuple[list[int], bool]:
    """The first `limit` ids of `text`, and whether that is all of it."""
    kept = text[: limit * CHARS_PER_TOKEN_MAX]
    ids = tokenizer.encode(kept)
    return ids[:limit], len(kept) == len(text) and len(ids) <= limit

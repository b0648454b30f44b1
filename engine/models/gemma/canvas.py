"""A request as an instruct model gets it: the prompt, and a canvas that continues the answer.

    canvas : beginning of the span's line (pinned) | span slots | first lines behind it, fence, end of turn (pinned)

Such a model has no token that ends a span: the span of a row has exactly the row's slots, and rows differ in length.
A span that is longer than a canvas is written in several; each is committed behind the context before the next begins.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from ...packing import BRANCHES, CHARS_PER_TOKEN_MAX
from ...protocol import CanvasFormat, PackedInfill
from ...types import UNDECIDED, ContextUse, EngineError, InfillRequest
from .prompt import LINES, Prompt, PromptWriter, span_line, without_broken_end
from .tokenizer import GemmaTokenizer

DEFAULT_SLOTS = (4, 8, 16, 32, 64)
"""Row lengths for a span of unknown size."""
SHARES = (0.75, 1.0, 1.25, 1.5)
"""Row lengths for a span of about known size, as parts of it."""
PINNED_MIN = 8
"""A long span leaves so many positions to what follows it."""
CLOSING_TOKENS = 8
"""So many tokens of what follows are scored behind a candidate."""
LAST_SLOTS = 16
"""At least so many are left for the last of several canvases."""
MENDED_CHANGES = (0, 2, -2)
"""Slots that rows of a text that is mended have more or less than the text."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What stands behind the slots."""

    suffix_ids: list[int]
    """Of the file."""
    end_ids: list[int]
    """The end of the answer; nothing where the file goes on in the middle of a line."""


@dataclass(frozen=True, slots=True)
class CanvasRows:
    """How the slots of a canvas begin; as in `PackedInfill`."""

    slots: tuple[int, ...]
    starts: tuple[tuple[int, ...], ...]
    passes: int = 0


def canvases(request: InfillRequest, tokenizer: GemmaTokenizer, form: CanvasFormat) -> tuple[int, ...]:
    """Slots of each canvas that the span takes; one where it fits. Rows of the last may have other lengths.

    Raises:
        EngineError: when a text to mend, or a pass to go on from, takes more than one.
    """
    line_ids, _ = span_line(request, tokenizer, form)
    lead = len(line_ids) - _lead_at(line_ids, tokenizer, form)
    wanted = wanted_tokens(request, tokenizer)
    sizes = _sizes(wanted, lead, form)
    if len(sizes) > 1 and _has_start(request):
        room = form.canvas_tokens - lead - PINNED_MIN
        raise EngineError(f"the span has {wanted} tokens, the model mends at most {room}", "choose fewer lines")
    return sizes


def pack_next(
    request: InfillRequest, tokenizer: GemmaTokenizer, form: CanvasFormat, committed: Sequence[int] = ()
) -> PackedInfill:
    """Lay out the next canvas of a span; only the last one knows what follows the span. Deterministic.

    Args:
        committed: ids of the slots of the canvases before it.

    Raises:
        EngineError: when a text to mend is too long, or the instruction leaves no room for the file.
    """
    sizes = canvases(request, tokenizer, form)
    number = sum(end <= len(committed) for end in accumulate(sizes[:-1]))
    prompt = PromptWriter(request, tokenizer, form, ahead=sum(sizes) if len(sizes) > 1 else 0).write()
    context_ids, lead_ids = _split_lead(prompt, committed, tokenizer, form)
    if number < len(sizes) - 1:
        pins, rows = Pins([], []), CanvasRows((sizes[number],), ((),))
    else:
        width = form.canvas_tokens - len(lead_ids)
        room = max(PINNED_MIN, min(form.near_suffix_tokens, width - sizes[-1]))
        pins = pin_suffix(request.suffix, prompt.fence, room, tokenizer)
        room = width - max(PINNED_MIN, len(pins.suffix_ids) + len(pins.end_ids))
        rows = choose_rows(request, sizes[-1], room, tokenizer)
    return _packed(prompt, context_ids, lead_ids, pins, rows, form)


def wanted_tokens(request: InfillRequest, tokenizer: GemmaTokenizer) -> int:
    """About how many tokens the span has; as many as the shortest row where nothing is known of it."""
    if request.start is not None:
        return len(request.start.slots)
    if request.strength < 1:
        return max(1, len(tokenizer.encode(request.original)) + max(MENDED_CHANGES))
    return max(1, request.exact_tokens or request.expected_tokens or DEFAULT_SLOTS[0])


def choose_rows(request: InfillRequest, wanted: int, room: int, tokenizer: GemmaTokenizer) -> CanvasRows:
    """Row lengths within the room for so many tokens, and what the rows begin with."""
    if request.start is not None:
        slots = request.start.slots
        return CanvasRows(
            (len(slots),) * BRANCHES, (slots,) * BRANCHES, min(request.start.passes, request.max_passes - 1)
        )
    if request.strength < 1:
        starts = mended_rows(tokenizer.encode(request.original), request.strength, request.seed)
        return CanvasRows(tuple(map(len, starts)), starts, round((1 - request.strength) * (request.max_passes - 1)))
    lengths = row_lengths(request, wanted, room)
    return CanvasRows(lengths, ((),) * len(lengths))


def row_lengths(request: InfillRequest, wanted: int, room: int) -> tuple[int, ...]:
    """Ascending and distinct, each within the room; longer ones are multiples of 2 and 4."""
    if request.exact_tokens is not None:
        return (min(wanted, room),)
    if request.expected_tokens is None:
        lengths = list(DEFAULT_SLOTS)
    else:
        step = 1 if wanted < 8 else 2 if wanted < 16 else 4
        lengths = [step * max(1, round(wanted * share / step)) for share in SHARES]
    return tuple(sorted({min(length, room) for length in lengths}))


def mended_rows(ids: Sequence[int], strength: float, seed: int) -> tuple[tuple[int, ...], ...]:
    """Rows of a text with a share of its tokens noised, other ones in each row.

    The first keeps its length, the others have a few slots more or less in the middle of a place that is noised.
    """
    chooser = random.Random(seed)
    count = max(1, round(strength * len(ids)))
    rows = []
    for change in MENDED_CHANGES:
        noised = sorted(chooser.sample(range(len(ids)), count)) if ids else []
        kept = list(ids)
        for place in noised:
            kept[place] = UNDECIDED
        if change > 0:
            at = chooser.choice(noised) if noised else 0
            kept[at:at] = [UNDECIDED] * change
        elif change < 0 and len(noised) > -change:
            for place in reversed(noised[change:]):
                del kept[place]
        rows.append(tuple(kept))
    return tuple(dict.fromkeys(row for row in rows if row))


def pin_suffix(suffix: str, fence: str, room: int, tokenizer: GemmaTokenizer) -> Pins:
    """The first lines behind the span and the end of the answer, in at most `room` positions.

    Whole lines, or the beginning of one that is too long; then the answer does not end in the canvas.
    """
    parts = LINES.findall(suffix[: room * CHARS_PER_TOKEN_MAX])
    rows = tokenizer.encode_many(parts)
    at_line, behind_text = ([*tokenizer.encode(end + fence), tokenizer.end_of_turn_id] for end in ("", "\n"))
    cut = len(suffix) > room * CHARS_PER_TOKEN_MAX
    kept, ids = 0, list[int]()
    for part, row in zip(parts, rows, strict=True):
        end = at_line if part.endswith("\n") else behind_text
        if len(ids) + len(row) + len(end) > room or (cut and not part.endswith("\n")):
            break
        kept, ids = kept + 1, ids + row
    if (kept == len(parts) and not cut) or len(ids) >= PINNED_MIN:
        end = at_line if kept and parts[kept - 1].endswith("\n") else behind_text
        return Pins(ids, end[: room - len(ids)])
    flat = [token for row in rows for token in row]
    return Pins(without_broken_end(flat[:room], tokenizer), [])


def _packed(
    prompt: Prompt, context_ids: list[int], lead_ids: list[int], pins: Pins, rows: CanvasRows, form: CanvasFormat
) -> PackedInfill:
    pinned_ids = [*pins.suffix_ids, *pins.end_ids]
    use = ContextUse(
        tokens=len(context_ids) + len(lead_ids) + len(pinned_ids),
        limit=form.context_tokens + _lead_limit(form) + form.near_suffix_tokens,
        prefix_cut=prompt.prefix_cut,
        suffix_cut=prompt.suffix_cut,
    )
    return PackedInfill(
        context_ids=context_ids,
        lead_ids=tuple(lead_ids),
        suffix_ids=pins.suffix_ids,
        pinned_ids=pinned_ids,
        closing_ids=tuple(pins.suffix_ids or pins.end_ids)[:CLOSING_TOKENS],
        slots=rows.slots,
        exact=True,
        starts=rows.starts,
        passes=rows.passes,
        borrowed="",
        context=use,
    )


def _split_lead(
    prompt: Prompt, committed: Sequence[int], tokenizer: GemmaTokenizer, form: CanvasFormat
) -> tuple[list[int], list[int]]:
    """Context and lead: the end of what is written so far stands in the canvas, whole characters only."""
    written = [*prompt.line_ids, *committed]
    at = _lead_at(written, tokenizer, form)
    return [*prompt.context_ids, *written[:at]], written[at:]


def _lead_at(written: list[int], tokenizer: GemmaTokenizer, form: CanvasFormat) -> int:
    """Where the lead begins: at a whole character."""
    at = max(0, len(written) - _lead_limit(form))
    while at and tokenizer.decode(written[at : at + 4]).startswith("\ufffd"):
        at += 1
    return at


def _sizes(wanted: int, lead: int, form: CanvasFormat) -> tuple[int, ...]:
    """Slots of each canvas for so many tokens behind a lead; the last has room for what follows the span."""
    sizes = []
    while wanted > max(1, form.canvas_tokens - lead - PINNED_MIN):
        sizes.append(max(1, min(form.canvas_tokens - lead, wanted - LAST_SLOTS)))
        wanted, lead = wanted - sizes[-1], _lead_limit(form)
    return (*sizes, wanted)


def _has_start(request: InfillRequest) -> bool:
    return request.start is not None or request.strength < 1


def _lead_limit(form: CanvasFormat) -> int:
    return form.near_suffix_tokens // 2

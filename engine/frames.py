"""A denoising step as text: which row is shown, and what state each piece of it is in.

The one place where ids become what a person sees while a span is denoised.
"""

from __future__ import annotations

from dataclasses import dataclass

from .encoded import EncodedInfill
from .protocol import CanvasFormat
from .samplers.step import Step
from .types import UNDECIDED, FrameSpan, SlotState

DRAFT_CONFIDENCE = 0.25
"""A guess below this is shown as noise."""
NOISE_GLYPH = "\u2591"
NOISE_WIDTH_MAX = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """One slot as text."""

    text: str
    state: SlotState
    confidence: float


def span_ids(step: Step, row: int, form: CanvasFormat, *, exact: bool) -> list[int]:
    """Guessed ids of a row's span, up to its first end-of-span token."""
    ids = [int(i) for i in step.guess[row][step.free[row]]]
    if exact:
        return ids
    ends = [number for number, i in enumerate(ids) if i in (form.eom_id, form.pad_id)]
    return ids[: ends[0]] if ends else ids


def slot_ids(step: Step, row: int) -> tuple[int, ...]:
    """A row's slots, `UNDECIDED` where no token is accepted."""
    free = step.free[row]
    kept = zip(step.guess[row][free].tolist(), step.accepted[row][free].tolist(), strict=True)
    return tuple(token if accepted else UNDECIDED for token, accepted in kept)


def row_text(step: Step, row: int, encoded: EncodedInfill) -> str:
    """What a row says now, certain or not, without what it borrowed."""
    packed = encoded.packed
    ids = span_ids(step, row, encoded.model.format, exact=packed.exact)
    return encoded.model.tokenizer.decode(ids).removeprefix(packed.borrowed)


def frame_spans(step: Step, row: int, encoded: EncodedInfill, *, allowed: bool = True) -> tuple[FrameSpan, ...]:
    """The row's span as runs of equal state; the slots behind its likely end are not shown.

    Args:
        allowed: whether what it says may be shown as code; else all of it is noise.
    """
    model, borrowed = encoded.model, encoded.packed.borrowed
    form = model.format
    pieces: list[Piece] = []
    for place in step.free[row].nonzero()[:, 0].tolist():
        token, accepted = int(step.guess[row, place]), bool(step.accepted[row, place])
        confidence = float(step.confidence[row, place])
        if token in (form.eom_id, form.pad_id):
            if accepted or confidence > 0.5:
                break
            pieces.append(Piece(NOISE_GLYPH * 2, SlotState.NOISE, confidence))
            continue
        pieces.append(_piece(model.tokenizer.decode([token]), accepted, bool(step.changed[row, place]), confidence))
    return merged(pieces if allowed else [_noise(piece.text, piece.confidence) for piece in pieces], borrowed)


def _piece(text: str, accepted: bool, changed: bool, confidence: float) -> Piece:
    if accepted:
        return Piece(text, SlotState.NEW if changed else SlotState.FIXED, confidence)
    if confidence < DRAFT_CONFIDENCE or "\n" in text:
        # A guessed line break would make the text below jump in every pass.
        return _noise(text, confidence)
    return Piece(text, SlotState.DRAFT, confidence)


def _noise(text: str, confidence: float) -> Piece:
    """Noise about as wide as a text."""
    return Piece(NOISE_GLYPH * max(1, min(len(text.strip()), NOISE_WIDTH_MAX)), SlotState.NOISE, confidence)


def merged(pieces: list[Piece], borrowed: str) -> tuple[FrameSpan, ...]:
    """Neighbours of one state and nearly one confidence become one span; what is borrowed is taken off the first."""
    spans: list[FrameSpan] = []
    if borrowed and pieces:
        pieces[0] = Piece(pieces[0].text.removeprefix(borrowed), pieces[0].state, pieces[0].confidence)
    for piece in pieces:
        last = spans[-1] if spans else None
        if last and last.state is piece.state and abs(last.confidence - piece.confidence) < 0.1:
            spans[-1] = FrameSpan(last.text + piece.text, last.state, (last.confidence + piece.confidence) / 2)
        elif piece.text:
            spans.append(FrameSpan(piece.text, piece.state, piece.confidence))
    return tuple(spans)

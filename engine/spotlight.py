"""What of a canvas is shown while it is denoised: for the eye alone, no answer depends on it.

Most answers are known before anything is denoised, as a piece of the file or a span written left to right. After the
first pass, so that it costs no time before the first picture, what is known is ranked, and the best of it is the lead:
its words appear, each where it will stay, as soon as a row of the canvas agrees with them. Where nothing is known
beforehand the most certain row is shown, and the eye is not made to jump between rows that are about as certain. What
the guard would not let pass is never shown as code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .encoded import EncodedInfill
from .frames import DRAFT_CONFIDENCE, NOISE_GLYPH, Piece, frame_spans, merged, row_text, slot_ids
from .guard.judge import BAD_TIER
from .rank import Proposal, Scored, rank
from .samplers.step import Step
from .types import FrameSpan, SlotState

MARGIN = 0.5
"""Another row takes over only where its mean entropy is below so much of that of the row shown."""


@dataclass(slots=True, kw_only=True)
class Spotlight:
    """Follows one run over one canvas: `follow` after each pass, then what is to be shown of it."""

    encoded: EncodedInfill
    known: Sequence[Proposal]
    """What may be the answer whatever the rows come to; empty where rows are all there is."""
    judges: bool
    """Whether a row is the whole span, so that the guard has a word to say of it."""
    scored: Scored = field(default_factory=dict)
    """What ranking has found out, for the ranking at the end."""
    row: int = -1
    """The row that is followed."""
    _lead: Proposal | None = None
    _agreed: dict[int, tuple[SlotState, float]] = field(default_factory=dict)
    """Tokens of the lead that a row has agreed with, and how sure it was."""
    _is_shown: bool = False
    """Whether what is followed may be shown as code."""

    def follow(self, step: Step) -> None:
        """Take a pass in."""
        is_first, certain = self.row < 0, step.mean_entropy().argsort().tolist()
        if self.known and not is_first and self._lead is None:
            self._lead = self._found_lead()
        if self._lead is not None:
            self._agree(step, self._lead.ids)
            self._is_shown = self._passes(self._lead.text)
            return
        allowed = [row for row in certain if self._passes(row_text(step, row, self.encoded))]
        # Before it is known which of them leads, no word of theirs is likely to stay.
        self._is_shown = bool(allowed) and not self.known
        self.row = self._steadiest(step, allowed or certain)

    def spans(self, step: Step) -> tuple[FrameSpan, ...]:
        """The runs to draw after the pass that was followed last."""
        if self._lead is None:
            return frame_spans(step, self.row, self.encoded, allowed=self._is_shown)
        return merged([self._piece(place, token) for place, token in enumerate(self._lead.ids)], self._borrowed)

    def slots(self, step: Step) -> tuple[int, ...]:
        """What a branch from here starts with: what the row that is followed has accepted, noise elsewhere."""
        return slot_ids(step, self.row)

    @property
    def _borrowed(self) -> str:
        return self.encoded.packed.borrowed

    def _found_lead(self) -> Proposal | None:
        # Ranking marks proposals; these are ranked again at the end.
        copies = [replace(proposal, origins=set(proposal.origins)) for proposal in self.known]
        best = rank(self.encoded, copies, self.scored)[0]
        return next((each for each in self.known if each.text == best.text and each.ids), None)

    def _agree(self, step: Step, lead: Sequence[int]) -> None:
        """Take note of the tokens that rows have in common with the lead; the row that has most is followed."""
        before, common = dict(self._agreed), list[int]()
        for row in range(len(step.guess)):
            free = step.free[row]
            told = (tensor[row][free].tolist() for tensor in (step.guess, step.confidence, step.accepted))
            alike = [
                (place, confidence, accepted)
                for place, (token, confidence, accepted) in enumerate(zip(*told, strict=True))
                if place < len(lead) and token == lead[place] and (accepted or confidence >= DRAFT_CONFIDENCE)
            ]
            common.append(len(alike))
            for place, confidence, accepted in alike:
                self._agreed[place] = _surer(self._agreed.get(place), before.get(place), accepted, confidence)
        self.row = max(range(len(common)), key=common.__getitem__)

    def _piece(self, place: int, token: int) -> Piece:
        """A token of the lead: as it will stand, or noise as wide; its line breaks stand from the beginning."""
        text = self.encoded.model.tokenizer.decode([token])
        text = text.removeprefix(self._borrowed) if place == 0 and self._borrowed else text
        if not text.strip():
            return Piece(text, SlotState.FIXED, 1.0)
        state, confidence = self._agreed.get(place, (SlotState.NOISE, 0.0))
        hidden = state is SlotState.NOISE or not self._is_shown
        if not hidden:
            return Piece(text, state, confidence)
        return Piece("".join(each if each.isspace() else NOISE_GLYPH for each in text), SlotState.NOISE, confidence)

    def _steadiest(self, step: Step, rows: Sequence[int]) -> int:
        """Of some rows, the most certain first, the one shown before, unless another is far more certain."""
        if self.row not in rows:
            return rows[0]
        entropy = step.mean_entropy()
        return rows[0] if float(entropy[rows[0]]) < MARGIN * float(entropy[self.row]) else self.row

    def _passes(self, text: str) -> bool:
        guard = self.encoded.guard
        if not self.judges or not guard.guides:
            return True
        fitted = guard.trimmed(text)
        return guard.verdict(fitted, guard.least_faults([fitted])).tier < BAD_TIER


def _surer(
    now: tuple[SlotState, float] | None, before: tuple[SlotState, float] | None, accepted: bool, confidence: float
) -> tuple[SlotState, float]:
    """A token's state after one more row agreed with it; what was accepted once stays so."""
    was_accepted = before is not None and before[0] is not SlotState.DRAFT
    if was_accepted:
        state = SlotState.FIXED
    elif accepted or (now is not None and now[0] is SlotState.NEW):
        state = SlotState.NEW
    else:
        state = SlotState.DRAFT
    return state, max(confidence, now[1] if now is not None else 0.0)

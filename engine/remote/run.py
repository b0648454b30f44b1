"""One infill of a server under way: its clock, its count of frames, how much of the file it may send.

Turns text into frames; sends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..guard import judged
from ..types import (
    CHARS_PER_TOKEN,
    Candidate,
    ContextUse,
    EngineError,
    Frame,
    FrameSpan,
    InfillRequest,
    InfillResult,
    Origin,
    SlotState,
)
from .answer import FittedAnswer
from .api import Api
from .line import Line
from .prompt import (
    PREFIX_CHARS_MAX,
    REJECTED_MAX,
    RELATED_CHARS_MAX,
    SUFFIX_CHARS_MAX,
    Excerpt,
    excerpt,
)

TOKENS_UNKNOWN_MAX = 512
"""Of an answer whose length is not known beforehand."""
_CHARS_A_TOKEN_SAFE = 2.5
"""A server that reads little is sent what surely fits."""
_PROMPT_TOKENS = 400
"""What is said around the file."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One answer for the span, before it is judged."""

    fitted: FittedAnswer
    score: float
    """Higher is better, comparable within one infill."""
    origin: Origin


class RemoteRun:
    """One infill under way: its clock, its count of frames, what it may send."""

    def __init__(self, request: InfillRequest, line: Line, api: Api) -> None:
        self.request, self.line, self._api = request, line, api
        self._began = self._before = time.perf_counter()
        self._passes = 0

    @property
    def tokens_max(self) -> int:
        """The longest answer that is asked for: twice what is expected, and what stands around the code."""
        tokens = self.request.exact_tokens or self.request.expected_tokens
        return TOKENS_UNKNOWN_MAX if tokens is None else 2 * tokens + 128

    def around(self, answer_tokens: int, *, related: bool) -> Excerpt:
        """The text around the span that the server can read beside what else is sent."""
        context = self._api.server.served.context_tokens
        share = 1.0
        if context is not None:
            chars = (context - answer_tokens - _PROMPT_TOKENS) * _CHARS_A_TOKEN_SAFE - self._chars_beside(related)
            share = min(1.0, max(0.01, chars / (PREFIX_CHARS_MAX + SUFFIX_CHARS_MAX)))
        return excerpt(self.request, share)

    def _chars_beside(self, related: bool) -> int:
        request = self.request
        others = min(RELATED_CHARS_MAX, sum(map(len, request.related))) if related else 0
        rejected = sum(map(len, request.rejected[-REJECTED_MAX:]))
        return others + rejected + len(request.original) + len(request.instruction)

    def context(self, around: Excerpt, prompt_tokens: int) -> ContextUse:
        """How much is read: as the server counts it, or nearly."""
        limit = self._api.server.served.context_tokens or round((PREFIX_CHARS_MAX + SUFFIX_CHARS_MAX) / CHARS_PER_TOKEN)
        return ContextUse(tokens=prompt_tokens, limit=limit, prefix_cut=around.prefix_cut, suffix_cut=around.suffix_cut)

    def draft(self, code: str, context: ContextUse) -> Frame:
        """A frame of the text so far."""
        return self._frame(code, SlotState.DRAFT, 0.5, context, None)

    def last(self, offers: Sequence[Offer], context: ContextUse) -> Frame:
        """The frame with the result: each text once, what breaks the file or was turned down behind the others.

        Raises:
            EngineError: when nothing is left of the answers.
        """
        ranked = sorted((offer for offer in offers if offer.fitted.text.strip()), key=lambda offer: -offer.score)
        if not ranked:
            raise empty_answer()
        distinct, found = dict[str, Offer](), dict[str, Candidate]()
        for offer in ranked:
            distinct.setdefault(offer.fitted.text, offer)
        for offer in distinct.values():
            candidate = self._candidate(offer)
            found.setdefault(candidate.text, candidate)
        request = self.request

        def last_ones(candidate: Candidate) -> tuple[bool, bool, bool]:
            stands_in = bool(request.stand_in) and request.stand_in in candidate.text
            return candidate.text in request.rejected, stands_in, candidate.breaks

        candidates = sorted(found.values(), key=last_ones)[: request.offered]
        text = candidates[0].text
        result = InfillResult(
            text=text,
            candidates=tuple(candidates),
            passes=self._passes + 1,
            elapsed_ms=(time.perf_counter() - self._began) * 1e3,
            context=context,
        )
        return self._frame(text, SlotState.FIXED, 1.0, context, result)

    def _candidate(self, offer: Offer) -> Candidate:
        request, fitted = self.request, offer.fitted
        kept, verdict = judged(fitted.text, request.prefix, request.suffix, request.language)
        text = kept if kept.strip() else fitted.text
        return Candidate(
            text=text,
            score=offer.score,
            parses=fitted.parses if verdict.parses is None else verdict.parses,
            repeats_suffix=fitted.repeats_suffix or text != fitted.text,
            origins=frozenset({offer.origin}),
            breaks=verdict.breaks,
            unknown_names=tuple(sorted(verdict.unknown)),
        )

    def _frame(
        self, text: str, state: SlotState, confidence: float, context: ContextUse, result: InfillResult | None
    ) -> Frame:
        now = time.perf_counter()
        took, self._before = now - self._before, now
        elapsed = now - self._began
        self._passes += 1
        return Frame(
            pass_index=self._passes,
            passes_max=max(self._passes, self.request.max_passes),
            spans=(FrameSpan(text, state, confidence),) if text else (),
            mean_entropy=0.0,
            elapsed_ms=elapsed * 1e3,
            pass_ms=took * 1e3,
            tokens_per_second=len(text) / CHARS_PER_TOKEN / max(elapsed, 1e-6),
            context=context,
            result=result,
        )


def empty_answer() -> EngineError:
    """What an answer without text is."""
    return EngineError("the server gave an empty answer", "try another --seed, or another model")

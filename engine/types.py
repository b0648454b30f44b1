"""What goes into the engine and what comes out: plain frozen values, no tensors.

Everything above the engine (editor, pipe, hook) speaks these types alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

CHARS_PER_TOKEN = 3.8
"""Of code, about: where no tokenizer is at hand."""


class EngineError(Exception):
    """An infill or a checkpoint cannot be used; says what is wrong and what to do.

    Attributes:
        hint: the remedy, one line.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CancelledError(EngineError):
    """An infill was broken off by whoever asked for it."""


class SlotState(Enum):
    """What a piece of a frame is."""

    NOISE = "noise"
    """Not decided; the text is filler."""
    DRAFT = "draft"
    """The likeliest guess, not accepted."""
    NEW = "new"
    """Accepted or revised in this pass."""
    FIXED = "fixed"
    """Accepted earlier and unchanged."""


SURE_OF_NOTHING = 0.5
"""So likely must it be that nothing belongs in a span before it is left empty: likelier than all else together."""
UNDECIDED = -1
"""Stands in a row of slots where no token is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A canvas to go on from, instead of noise: a pass of an earlier infill that is branched from.

    Raises:
        ValueError: when there is no slot, or the count of passes is negative.
    """

    slots: tuple[int, ...]
    """Token ids of the span slots, `UNDECIDED` where there is noise; as in `Frame.slots`."""
    passes: int
    """Passes that are behind it; the others of the request remain."""

    def __post_init__(self) -> None:
        if not self.slots:
            raise ValueError("a start needs at least one slot")
        if self.passes < 0:
            raise ValueError(f"passes must not be negative, got {self.passes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InfillRequest:
    """One span to fill.

    Raises:
        ValueError: when a number is out of its range.
    """

    prefix: str
    """All text before the span."""
    suffix: str
    """All text after the span."""
    seed: int = 0
    """0 takes the likeliest token everywhere; any other seed samples, and repeats exactly."""
    max_passes: int = 8
    """Denoising passes at most."""
    expected_tokens: int | None = None
    """About how long the span is, where that is known (a selection that is rewritten)."""
    exact_tokens: int | None = None
    """The true length in tokens: one row of exactly this length, for evaluation."""
    language: str = "python"
    recall: bool = True
    """Whether pieces of the file are offered beside what the model writes."""
    may_be_empty: bool = False
    """Whether nothing may be the answer: for a marker in a line that may be whole without it."""
    any_language: bool = False
    """Offer what the model writes in a language that it was not trained on, not only pieces of the files."""
    offered: int = 5
    """So many candidates are offered at most."""
    rejected: tuple[str, ...] = ()
    """Answers that were turned down: they come after all others."""
    stand_in: str = ""
    """What stands where other spans are still to be filled, empty where there are none: answers with it come last."""
    related: tuple[str, ...] = ()
    """Texts that may hold pieces like the span: other open buffers, files beside this one."""
    original: str = ""
    """What stands in the span now; read where `strength` is below 1."""
    strength: float = 1.0
    """The share of `original` that is noised before it is denoised again: little mends it, 1 writes anew."""
    start: Start | None = None
    """Where to go on from; nothing is then recalled or written beside it."""
    instruction: str = ""
    """What a person asks for; read by models that say they can follow one (`ModelInfo.instructed`)."""

    def __post_init__(self) -> None:
        if self.max_passes < 1:
            raise ValueError(f"max_passes must be at least 1, got {self.max_passes}")
        if self.offered < 1:
            raise ValueError(f"offered must be at least 1, got {self.offered}")
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength must be above 0 and at most 1, got {self.strength}")
        if self.strength < 1 and not self.original:
            raise ValueError("a strength below 1 needs the original text")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """A run of text in one state, with its mean confidence in 0..1."""

    text: str
    state: SlotState
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextUse:
    """How much of the file the model reads."""

    tokens: int
    """Context and pinned suffix together."""
    limit: int
    prefix_cut: bool
    """Text at the start of the file was left out."""
    suffix_cut: bool
    """Text at the end of the file was left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The canvas after one pass, as text."""

    pass_index: int
    """1 for the first pass."""
    passes_max: int
    spans: tuple[FrameSpan, ...]
    mean_entropy: float
    """Over the undecided and decided span slots of the row shown, in nats; pins never count."""
    elapsed_ms: float
    pass_ms: float
    tokens_per_second: float
    """Accepted tokens of the row shown, over the time since the start."""
    context: ContextUse
    slots: tuple[int, ...] = ()
    """Token ids of the row shown, `UNDECIDED` where there is noise: what a branch starts from."""
    result: InfillResult | None = None
    """Set in the last frame alone."""

    @property
    def text(self) -> str:
        """The frame's text, filler included."""
        return "".join(span.text for span in self.spans)


class Origin(Enum):
    """Where a candidate comes from."""

    DENOISED = "denoised"
    WRITTEN = "written left to right"
    RECALLED = "recalled"
    NAMED = "a name in reach"
    KEPT = "as it stands"
    """The text that was to be rewritten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One offer for the span."""

    text: str
    score: float
    """What it is ranked by: higher is better, comparable within one result alone."""
    parses: bool | None
    """Whether the file parses with it; none where that cannot be told or was not needed."""
    repeats_suffix: bool
    origins: frozenset[Origin]
    """More than one where the same text was found in several ways."""
    breaks: bool = False
    """The file would parse with another text in the span, and does not with this one."""
    unknown_names: tuple[str, ...] = ()
    """Names in it that nothing in the file defines."""
    confidence: float | None = None
    """The probability that it is what belongs there, 0..1; none where nothing was measured to tell it from."""

    @property
    def says_nothing(self) -> bool:
        """Whether it is that nothing belongs there: judged, no worse than a text, and likely enough to be taken."""
        judged = self.parses is not None and not self.breaks
        return not self.text.strip() and judged and (self.confidence or 0.0) >= SURE_OF_NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class InfillResult:
    """What the engine offers for a span."""

    text: str
    candidates: tuple[Candidate, ...]
    """Best first; the first is `text`."""
    passes: int
    elapsed_ms: float
    context: ContextUse


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What is said of a checkpoint."""

    name: str
    parameters: int
    device: str
    digest: str
    """First 12 hex digits of the weights' SHA-256."""
    instructed: bool = False
    """Whether the model reads an instruction."""
    passes: int = 8
    """Denoising passes that it is made for, at most."""
    span_tokens: int = 70
    """Tokens of the longest span that it writes."""
    languages: tuple[str, ...] = ()
    """What it was trained to write; empty where that is not said, and all are taken as known."""

    def knows(self, language: str) -> bool:
        """Whether it was trained to write a language."""
        return not self.languages or language in self.languages

    is_remote: bool = False
    """Whether the text is sent to a server of the network."""
    facts: tuple[tuple[str, str], ...] = ()
    """What else a person may want to know of it, each a word and what there is to say."""

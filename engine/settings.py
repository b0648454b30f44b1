"""What a checkpoint brings beside its weights: how its canvas is denoised, what its candidates are ranked by."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .confidence import Confidence, names_of, read_fitted
from .samplers.entropy_bound import EntropyBound


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a canvas is denoised.

    Raises:
        ValueError: when a number is out of its range.
    """

    passes_max: int = 8
    passes_alone: int = 0
    """Passes where rows are all there is (a length is given, a text is mended), if that is more."""
    sampler: EntropyBound = field(default_factory=EntropyBound)
    temperature: float = 0.0
    """0 takes the likeliest token; above it tokens are drawn, from a distribution flattened by so much."""
    as_multinomial: bool = False
    """Draw what `torch.multinomial` would from the same generator: slower, for comparison with `generate`."""
    schedule: tuple[float, float] = (1.0, 1.0)
    """What logits are divided by before all else: the first number fades into the second as the passes go."""
    shows_likeliest: bool = False
    """The guess, and so the answer, is the likeliest token even where the canvas gets a drawn one."""
    hurries: bool = True
    """Every pass accepts at least its share of the slots, so that all are accepted after the last."""
    stop_entropy: float = 0.005
    """A row is finished when its guesses hold still and their mean entropy in nats is below this."""
    stops_settled: bool = True
    """A row is also finished when all its slots are accepted and a pass changes none."""

    noise_rows: int | None = None
    """So many rows of noise alone, of the lengths of drafts, where there are drafts; none takes the request's
    lengths."""
    beams: int = 4
    """Spans that are written left to right beside the rows."""
    written_tokens: int = 24
    """Tokens of the longest."""
    long_tokens: int = 0
    """Of a span that is written over several lines, where the model finds that likelier than its end after the first;
    with 0 it always ends there."""
    long_below: float = 0.5
    """The probability of its end under which it is."""
    recalled: int = 10
    """Pieces of the file that are ranked with the denoised rows."""
    rows_kept: int = 3
    """After `prune_after` passes only so many rows go on, the most certain ones; the others stay as they are."""
    prune_after: int = 3

    def __post_init__(self) -> None:
        if min(self.rows_kept, self.prune_after) < 1:
            raise ValueError(f"rows_kept and prune_after must be at least 1, got {self.rows_kept}, {self.prune_after}")
        if min(self.noise_rows or 0, self.recalled, self.long_tokens) < 0:
            given = f"{self.noise_rows}, {self.recalled} and {self.long_tokens}"
            raise ValueError(f"noise_rows, recalled and long_tokens must not be negative, got {given}")
        if min(self.beams, self.written_tokens) < 1:
            raise ValueError(f"beams and written_tokens must be at least 1, got {self.beams} and {self.written_tokens}")
        if self.passes_max < 1:
            raise ValueError(f"passes_max must be at least 1, got {self.passes_max}")
        if self.temperature < 0:
            raise ValueError(f"temperature must not be negative, got {self.temperature}")
        if min(self.schedule) <= 0:
            raise ValueError(f"schedule must be above 0, got {self.schedule}")

    def divisor(self, pass_index: int) -> float:
        """What the logits of a pass are divided by; passes count from 1."""
        first, last = self.schedule
        return last + (first - last) * ((self.passes_max - pass_index + 1) / self.passes_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankWeights:
    """What each thing known of a candidate is worth."""

    mean: float = 0.21
    """A nat of mean log-probability a token, the end included."""
    total: float = 0.04
    """A nat of summed log-probability."""
    end: float = -0.11
    """A nat of the end-of-span token's log-probability."""
    recalled: float = -0.15
    recall_score: float = 1.2
    first_recalled: float = 0.42
    """The best of the recalled pieces."""
    times: float = 0.12
    """A nat of the number of places it was recalled from."""
    adapted: float = 0.26
    """Names in it were changed to those of the span's surroundings."""
    denoised: float = 0.09
    written: float = 0.7
    least: float = 0.0
    """A nat of the log-probability of its least likely token."""
    length: float = 0.0
    """A nat of its count of characters."""
    often: float = 0.0
    """A nat of how often it stands in the file as it is."""
    nearest: float = 0.0
    """It is the nearest of such names, or the first way that a word may go on."""
    named: float = -0.3
    """It is a name that the text around the span suggests."""
    found_twice: float = 0.3
    """In two ways or more."""
    unknown_names: float = -0.9
    """A name in it that stands nowhere else in the file, up to three."""
    unparsable: float = -3.07
    stutter: float = -1.0
    repeats: float = -1.0
    """These two by hand: the fit met too few of them."""
    resolved: float = 0.7
    """A name that it binds, that the text around it reads, and that nothing else binds."""
    idle: float = -0.7
    """A name that it binds and nothing reads."""
    used: float = 0.4
    """A name that it reads and nothing else does."""
    in_function: float = 0.0
    """All its lines stand in the same function already."""
    in_class: float = 0.0
    noise: float = 1.0
    """With a seed the numbers get Gumbel noise of this size: 1 where they are logarithms of probabilities."""

    confidence: Confidence | None = None
    """What tells how likely a candidate is right; none where that was not fitted."""

    def value(self, known: dict[str, float]) -> float:
        """The number to rank by; what has no weight here counts nothing."""
        return sum(float(getattr(self, name, 0.0)) * amount for name, amount in known.items())


def fitted_weights(folder: Path, usual: RankWeights | None = None) -> RankWeights:
    """The weights that are stored beside a checkpoint, or the usual ones of its family.

    Raises:
        EngineError: when they cannot be read.
    """
    found = read_fitted(folder)
    if found is None:
        return usual or RankWeights()
    known = names_of(RankWeights)
    return RankWeights(
        **{name: value for name, value in found.weights.items() if name in known}, confidence=found.confidence
    )

"""Chooses among candidates: denoised rows, spans written left to right, pieces recalled from the file.

Each candidate gets one number, linear in what is known of it: how likely the causal encoder finds it and its end,
how alike the surroundings of a recalled piece are, how it was found. `RankWeights` were fitted by
`python -m dgedit.engine.evals.fit` on held-out spans that no reported figure uses. The score of whole candidates by a
left-to-right model is what chooses between lengths (Hsu et al., PILL).
"""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .parsing import parses
from .protocol import Denoiser, PackedInfill
from .recall import Recalled
from .settings import RankWeights
from .types import Candidate, InfillRequest, Origin

NAME = re.compile(r"[^\W\d]\w*")
ORDINARY_NAMES = frozenset((*keyword.kwlist, *dir(builtins), "self", "cls"))
NAMES_CHARS = 200_000
"""So much text on either side is looked through for names."""
UNKNOWN_MAX = 3
PROSE = frozenset(("markdown", "text", "html", "rst", "tex", ""))
"""Languages in which a new word is nothing to wonder at."""
PARSED_MAX = 4
"""So many candidates are parsed at most, from the best down."""


@dataclass(slots=True)
class Proposal:
    """A candidate before it is ranked."""

    text: str
    ids: list[int]
    """Its tokens as they would stand in a row, the borrowed line break included."""
    origins: set[Origin]
    repeats_suffix: bool = False
    recalled: Recalled | None = None
    place: int = 0
    """Among those of its origin, best first."""

    def known(self, logs: Tensor) -> dict[str, float]:
        """What `RankWeights` weighs; `logs` are the log-probabilities of its tokens and of what closes it."""
        known = {
            "mean": float(logs.mean()),
            "total": float(logs.sum()),
            "end": float(logs[-1]),
            "stutter": float(stutters(self.ids)),
            "repeats": float(self.repeats_suffix),
            "denoised": float(Origin.DENOISED in self.origins),
            "written": float(Origin.WRITTEN in self.origins),
        }
        if self.recalled is not None:
            known |= {
                "recalled": 1.0,
                "recall_score": self.recalled.score,
                "first_recalled": float(self.place == 0),
                "times": math.log(self.recalled.times),
                "adapted": float(self.recalled.adapted),
            }
        return known


def rank(
    model: Denoiser,
    context: Any,
    packed: PackedInfill,
    request: InfillRequest,
    proposals: Sequence[Proposal],
    weights: RankWeights | None = None,
) -> list[Candidate]:
    """Candidates of the proposals, best first; equal texts appear once, blank ones last."""
    weights = weights or model.weights
    merged = merge(proposals)
    known = measure(model, context, packed, request, merged)
    values = [weights.value(each) for each in known]
    if request.seed and not request.rejected:
        # Of logarithms of probabilities with Gumbel noise the first one is a sample.
        uniform = torch.rand(len(values), generator=torch.Generator().manual_seed(request.seed))
        noise = -(-uniform.clamp(1e-6, 1 - 1e-6).log()).log()
        values = [value + weights.noise * each for value, each in zip(values, noise.tolist(), strict=True)]
    valued = list(zip(values, merged, strict=True))
    valued.sort(key=lambda pair: (not pair[1].text.strip(), is_refused(pair[1].text, request), -pair[0]))
    return _with_parses(valued, request, weights)


def merge(proposals: Sequence[Proposal]) -> list[Proposal]:
    """One proposal for each text, with all its origins."""
    merged: dict[str, Proposal] = {}
    for proposal in proposals:
        seen = merged.get(proposal.text)
        if seen is None:
            merged[proposal.text] = proposal
        else:
            seen.origins |= proposal.origins
            if seen.recalled is None:
                seen.recalled, seen.place = proposal.recalled, proposal.place
    return list(merged.values())


def measure(
    model: Denoiser, context: Any, packed: PackedInfill, request: InfillRequest, proposals: Sequence[Proposal]
) -> list[dict[str, float]]:
    """What is known of each proposal, from one causal pass over all of them and the names in the file."""
    lead = list(packed.lead_ids)
    rows = [[*lead, *proposal.ids, *packed.closing_ids] for proposal in proposals]
    # The lead stands between the context and every candidate alike; its own likelihood tells nothing.
    logs = [each[len(lead) :] if len(each) > len(lead) else torch.zeros(1) for each in model.score(context, rows)]
    names = names_in(request.prefix[-NAMES_CHARS:]) | names_in(request.suffix[:NAMES_CHARS]) | ORDINARY_NAMES
    unknown_max = 0 if request.language in PROSE else UNKNOWN_MAX
    return [
        proposal.known(each) | {"unknown_names": float(min(unknown_max, len(names_in(proposal.text) - names)))}
        for proposal, each in zip(proposals, logs, strict=True)
    ]


def names_in(text: str) -> frozenset[str]:
    """The names in a text, keywords among them."""
    return frozenset(NAME.findall(text))


def from_row(
    model: Denoiser, packed: PackedInfill, request: InfillRequest, ids: list[int], origin: Origin, place: int
) -> Proposal:
    """The proposal of a row's span ids."""
    text = span_text(model, packed, ids)
    trimmed = trim_suffix(text, request.suffix)
    return Proposal(trimmed, ids, {origin}, repeats_suffix=trimmed != text, place=place)


def from_memory(model: Denoiser, packed: PackedInfill, recalled: Recalled, place: int) -> Proposal:
    """The proposal of a recalled piece."""
    ids = model.tokenizer.encode("\n" * packed.leading_newline + recalled.text)
    return Proposal(recalled.text, ids, {Origin.RECALLED}, recalled=recalled, place=place)


def _with_parses(valued: list[tuple[float, Proposal]], request: InfillRequest, weights: RankWeights) -> list[Candidate]:
    """Candidates in order, after those that look best were parsed in the file, down to the first that does."""
    found, candidates = False, list[Candidate]()
    for place, (value, proposal) in enumerate(valued):
        fits = None
        if not found and place < PARSED_MAX and proposal.text.strip():
            fits = parses(request, proposal.text)
            found = fits is not False
        candidates.append(
            Candidate(
                text=proposal.text,
                score=value + (weights.unparsable if fits is False else 0.0),
                parses=fits,
                repeats_suffix=proposal.repeats_suffix,
                origins=frozenset(proposal.origins),
            )
        )
    return sorted(candidates, key=lambda c: (not c.text.strip(), is_refused(c.text, request), -c.score))


def is_refused(text: str, request: InfillRequest) -> bool:
    """Whether it was turned down before, or holds what only stands for another span."""
    turned_down = text.strip() in {each.strip() for each in request.rejected}
    return turned_down or bool(request.stand_in and request.stand_in in text)


def stutters(ids: list[int]) -> bool:
    """Whether one token stands three times in a row: a small model left alone with an empty canvas does that."""
    return any(a == b == c for a, b, c in zip(ids, ids[1:], ids[2:], strict=False))


def span_text(model: Denoiser, packed: PackedInfill, ids: list[int]) -> str:
    """The text of a row's span, what earlier canvases wrote of it included, without the line break that it borrowed."""
    text = model.tokenizer.decode([*packed.committed_ids, *ids])
    return text.removeprefix("\n") if packed.leading_newline else text


def trim_suffix(text: str, suffix: str) -> str:
    """`text` without a last line that only says the next line again."""
    following = next((line.strip() for line in suffix.split("\n") if line.strip()), "")
    lines = text.split("\n")
    if len(following) > 3 and len(lines) > 1 and lines[-1].strip() == following:
        return "\n".join(lines[:-1]).rstrip(" \t\n")
    return text

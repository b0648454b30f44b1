"""Chooses among candidates: denoised rows, spans written left to right, pieces recalled from the file.

Each candidate gets one number, linear in what is known of it: how likely the causal encoder finds it and its end,
how alike the surroundings of a recalled piece are, how it was found, what the guard says of it. `RankWeights` were
fitted by `python -m dgedit.engine.evals.fit` on held-out spans that no reported figure uses. The score of whole
candidates by a left-to-right model is what chooses between lengths (Hsu et al., PILL). Before any number counts what
the guard found: an answer that breaks the file comes after all that do not.
"""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .confidence import signs
from .encoded import EncodedInfill
from .guard import Guard, GuardVerdict
from .recall import Recalled
from .types import Candidate, InfillRequest, Origin

NAME = re.compile(r"[^\W\d]\w*")
ORDINARY_NAMES = frozenset((*keyword.kwlist, *dir(builtins), "self", "cls"))
NAMES_CHARS = 200_000
"""So much text on either side is looked through for names."""
UNKNOWN_MAX = 3
NAMED_MAX = 12
"""So many names are looked at whole."""
Scored = dict[tuple[str, tuple[int, ...]], Tensor]
"""What `closing_logs` found of proposals, by their texts and tokens."""
PROSE = frozenset(("markdown", "text", "html", "rst", "tex", ""))
"""Languages in which a new word is nothing to wonder at."""


@dataclass(slots=True)
class Proposal:
    """A candidate before it is ranked."""

    text: str
    ids: list[int]
    """Its tokens as they would stand in a row, what it borrowed included."""
    origins: set[Origin]
    repeats_suffix: bool = False
    recalled: Recalled | None = None
    place: int = 0
    """Among those of its origin, best first."""
    named_place: int = 0
    """Among names in reach, where it is one."""

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
            "named": float(Origin.NAMED in self.origins),
            "nearest": float(Origin.NAMED in self.origins and self.named_place == 0),
            "least": float(logs.min()),
            "length": math.log(1 + len(self.text)),
            "found_twice": float(len(self.origins) > 1),
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


def rank(encoded: EncodedInfill, proposals: Sequence[Proposal], scored: Scored | None = None) -> list[Candidate]:
    """The best candidates of the proposals, best first; equal texts appear once, blank ones last unless nothing may
    belong there and the model is sure of that.

    All of them are judged: what breaks the file, says names that nothing defines or only repeats what stands next to
    it comes after what does not, whatever its number.

    Args:
        scored: what an earlier ranking of the same request found out, which is added to.
    """
    merged, request, model = merge(proposals), encoded.request, encoded.model
    known, verdicts = weighed(encoded, merged, scored)
    values = [model.weights.value(each) for each in known]
    told = model.weights.confidence
    tiers = [verdict.tier for verdict in verdicts]
    sure = [told.of(signs(known, values, place, tiers)) if told is not None else None for place in range(len(known))]
    if not (request.may_be_empty and encoded.guard.place.is_mid_line):
        # Who asks for text is not told that there is none.
        sure = [each if one.text.strip() or each is None else 0.0 for one, each in zip(merged, sure, strict=True)]
    if request.seed and not request.rejected:
        # Of logarithms of probabilities with Gumbel noise the first one is a sample.
        uniform = torch.rand(len(values), generator=torch.Generator().manual_seed(request.seed))
        noise = -(-uniform.clamp(1e-6, 1 - 1e-6).log()).log()
        values = [value + model.weights.noise * each for value, each in zip(values, noise.tolist(), strict=True)]
    ranked = sorted(
        (_candidate(*each) for each in zip(merged, verdicts, values, sure, strict=True)),
        key=lambda pair: (_is_blank(pair[0]), *_order(pair[1], pair[0].text, request), -pair[0].score),
    )
    return _offered([candidate for candidate, _ in ranked], encoded.guard, request.offered)


def weighed(
    encoded: EncodedInfill, merged: Sequence[Proposal], scored: Scored | None = None
) -> tuple[list[dict[str, float]], list[GuardVerdict]]:
    """What is known of each proposal, and the guard's verdict on it."""
    guard = encoded.guard
    least = guard.least_faults([proposal.text for proposal in merged])
    verdicts = [guard.verdict(proposal.text, least) for proposal in merged]
    known = measure(encoded, merged, verdicts, scored)
    mid_line = float(guard.place.is_mid_line)
    return [each | {"mid_line": mid_line} for each in known], verdicts


def _order(verdict: GuardVerdict, text: str, request: InfillRequest) -> tuple[bool, bool, int]:
    """What counts before the number: a broken file, then what the person turned down, then what else is to be said."""
    return verdict.breaks, is_refused(text, request), verdict.tier


def _is_blank(candidate: Candidate) -> bool:
    """Whether a candidate is nothing, and not because nothing belongs there."""
    return not candidate.text.strip() and not candidate.says_nothing


def _candidate(
    proposal: Proposal, verdict: GuardVerdict, value: float, sure: float | None
) -> tuple[Candidate, GuardVerdict]:
    candidate = Candidate(
        text=proposal.text,
        score=value,
        parses=verdict.parses,
        repeats_suffix=proposal.repeats_suffix,
        origins=frozenset(proposal.origins),
        breaks=verdict.breaks,
        unknown_names=tuple(sorted(verdict.unknown)),
        confidence=0.0 if verdict.breaks and sure is not None else sure,
    )
    return candidate, verdict


def _offered(ranked: list[Candidate], guard: Guard, count: int) -> list[Candidate]:
    """The first few, the very first of which was read in the whole file; what was to be rewritten is among them."""
    for place, candidate in enumerate(ranked):
        if candidate.breaks or guard.fits_whole(candidate.text):
            best, found = candidate, [*ranked[:place], *ranked[place + 1 :]]
            break
    else:
        sure = None if ranked[0].confidence is None else 0.0
        best, found = replace(ranked[0], parses=False, breaks=True, confidence=sure), ranked[1:]
    kept = [each for each in found if Origin.KEPT in each.origins]
    others = [each for each in found if each not in kept]
    return [best, *sorted([*others[: max(0, count - 1 - len(kept))], *kept], key=found.index)]


def merge(proposals: Sequence[Proposal]) -> list[Proposal]:
    """One proposal for each text, with all its origins."""
    merged: dict[str, Proposal] = {}
    for proposal in proposals:
        seen = merged.get(proposal.text)
        if seen is None:
            merged[proposal.text] = proposal
        else:
            seen.origins |= proposal.origins
            if Origin.NAMED in proposal.origins:
                seen.named_place = proposal.named_place
            if seen.recalled is None:
                seen.recalled, seen.place = proposal.recalled, proposal.place
    return list(merged.values())


def measure(
    encoded: EncodedInfill,
    proposals: Sequence[Proposal],
    verdicts: Sequence[GuardVerdict],
    scored: Scored | None = None,
) -> list[dict[str, float]]:
    """What is known of each proposal: one causal pass over all of them, the names in the file, the guard's verdict."""
    request, logs = encoded.request, all_closing_logs(encoded, proposals, {} if scored is None else scored)
    around = request.prefix[-NAMES_CHARS:] + "\n" + request.suffix[:NAMES_CHARS]
    names = names_in(around) | ORDINARY_NAMES
    unknown_max = 0 if request.language in PROSE else UNKNOWN_MAX
    return [
        proposal.known(each)
        | {
            "unknown_names": float(min(unknown_max, len(names_in(proposal.text) - names))),
            "often": math.log(1 + around.count(proposal.text.strip())) if proposal.text.strip() else 0.0,
        }
        | of_verdict(verdict)
        for proposal, each, verdict in zip(proposals, logs, verdicts, strict=True)
    ]


def all_closing_logs(encoded: EncodedInfill, proposals: Sequence[Proposal], scored: Scored) -> list[Tensor]:
    """`closing_logs` of each proposal; those that were found before are not found again."""
    keys = [(proposal.text, tuple(proposal.ids)) for proposal in proposals]
    fresh = {key: proposal for key, proposal in zip(keys, proposals, strict=True) if key not in scored}
    if fresh:
        scored.update(zip(fresh, closing_logs(encoded, list(fresh.values())), strict=True))
    return [scored[key] for key in keys]


def closing_logs(encoded: EncodedInfill, proposals: Sequence[Proposal]) -> list[Tensor]:
    """Log-probabilities of each proposal's tokens and of what closes it.

    Where the line goes on, a proposal is also read as it runs into the rest, and the likelier reading counts: tokens
    that hold the last sign of a span and the first one behind it (`]))`) make the span alone look unlikely.
    """
    model, packed = encoded.model, encoded.packed
    lead, others = list(packed.lead_ids), line_breaks(encoded)
    rows = [[*lead, *proposal.ids, *packed.closing_ids] for proposal in proposals]
    for token in others:
        rows += [[*lead, *proposal.ids, token] for proposal in proposals]
    if packed.runs_into:
        texts = (packed.borrowed + proposal.text + packed.runs_into for proposal in proposals)
        rows += [[*lead, *model.tokenizer.encode(text)] for text in texts]
    # The lead stands between the context and every candidate alike; its own likelihood tells nothing.
    scored = model.score(encoded.context, rows)
    logs = [each[len(lead) :] if len(each) > len(lead) else torch.zeros(1) for each in scored]
    alone, on = logs[: len(proposals)], logs[len(proposals) * (1 + len(others)) :]
    if others:
        ends = torch.stack([each[-1] for each in logs[: len(proposals) * (1 + len(others))]])
        ends = ends.view(1 + len(others), -1).logsumexp(0, keepdim=True)
        alone = [torch.cat((each[:-1], end)) for each, end in zip(alone, ends.T, strict=True)]
    if not on:
        return alone
    return [max(pair, key=lambda each: float(each.sum())) for pair in zip(alone, on, strict=True)]


def line_breaks(encoded: EncodedInfill) -> list[int]:
    """Tokens that end a span as well as what closes it: to a network that only writes on, a break ends a line.

    Those of breaks alone, as far as the span ends with its line.
    """
    model, packed = encoded.model, encoded.packed
    if model.format.middle_id is None or not packed.suffix_ids or packed.runs_into:
        return []
    breaks = model.tokenizer.begins_line()
    found = {model.tokenizer.encode(text)[0] for text in ("\n", "\n\n")} | {packed.suffix_ids[0]}
    return sorted(token for token in found if bool(breaks[token]))


def of_verdict(verdict: GuardVerdict) -> dict[str, float]:
    """What `RankWeights` weighs of a verdict; what decides by itself is not in it."""
    return {
        "unparsable": float(verdict.breaks),
        "resolved": float(verdict.resolved),
        "idle": float(verdict.idle),
        "used": float(verdict.used),
        "in_function": float(verdict.in_function),
        "in_class": float(verdict.in_class),
        "next_to": float(verdict.next_to),
    }


def names_in(text: str) -> frozenset[str]:
    """The names in a text, keywords among them."""
    return frozenset(NAME.findall(text))


def from_row(encoded: EncodedInfill, ids: list[int], origin: Origin, place: int) -> Proposal:
    """The proposal of a row's span ids, as it fits its place."""
    return _fitted(encoded, Proposal(span_text(encoded, ids), ids, {origin}, place=place))


def from_memory(encoded: EncodedInfill, recalled: Recalled, place: int) -> Proposal:
    """The proposal of a recalled piece, as it fits its place."""
    return _fitted(encoded, Proposal(recalled.text, [], {Origin.RECALLED}, recalled=recalled, place=place))


def from_names(encoded: EncodedInfill) -> list[Proposal]:
    """Proposals of names that could stand in the span by themselves; of many those that begin likeliest."""
    names = enumerate(_likeliest(encoded, encoded.guard.names()))
    return [_fitted(encoded, Proposal(text, [], {Origin.NAMED}, named_place=place)) for place, text in names]


def _likeliest(encoded: EncodedInfill, names: list[str]) -> list[str]:
    """At most `NAMED_MAX` of some names, in their order; what they begin with costs no more than a look."""
    if len(names) <= NAMED_MAX:
        return names
    model, packed = encoded.model, encoded.packed
    first = [[*packed.lead_ids, *model.tokenizer.encode(packed.borrowed + name)[:1]] for name in names]
    logs = [float(row[-1]) for row in model.score(encoded.context, first)]
    kept = sorted(range(len(names)), key=logs.__getitem__, reverse=True)[:NAMED_MAX]
    return [names[place] for place in sorted(kept)]


def _fitted(encoded: EncodedInfill, proposal: Proposal) -> Proposal:
    """A proposal trimmed by the guard; what was cut is no part of what is scored."""
    model, packed, said = encoded.model, encoded.packed, proposal.text
    proposal.text = encoded.guard.trimmed(said)
    proposal.repeats_suffix = proposal.text.rstrip() != said.rstrip()
    if proposal.text != said or not proposal.ids:
        whole = model.tokenizer.encode(packed.borrowed + proposal.text)
        proposal.ids = whole[len(packed.committed_ids) :] if packed.committed_ids else whole
    return proposal


def is_refused(text: str, request: InfillRequest) -> bool:
    """Whether it was turned down before, or holds what only stands for another span."""
    turned_down = text.strip() in {each.strip() for each in request.rejected}
    return turned_down or bool(request.stand_in and request.stand_in in text)


def stutters(ids: list[int]) -> bool:
    """Whether one token stands three times in a row: a small model left alone with an empty canvas does that."""
    return any(a == b == c for a, b, c in zip(ids, ids[1:], ids[2:], strict=False))


def span_text(encoded: EncodedInfill, ids: list[int]) -> str:
    """The text of a row's span, what earlier canvases wrote of it included, without what it borrowed."""
    packed = encoded.packed
    text = encoded.model.tokenizer.decode([*packed.committed_ids, *ids])
    return text.removeprefix(packed.borrowed)

"""`python -m dgedit.engine.evals.fit`: finds the ranking weights, on held-out spans that the evaluation does not use.

For every span the engine makes its candidates; the weights are those under which the right one, where there is one, is
likeliest (a softmax over the candidates, with a pull towards small weights).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from ..denoise import denoise
from ..infill import beforehand, default_settings, denoised, drafts, remembered
from ..load import load
from ..packing import with_drafts
from ..parsing import parses
from ..protocol import Denoiser
from ..rank import measure, merge
from ..settings import RankWeights
from ..types import InfillRequest
from . import spans
from .spans import Span, SpanKind

NAMES = tuple(field.name for field in fields(RankWeights))


@dataclass(frozen=True, slots=True)
class Example:
    """Candidates of one span as numbers."""

    known: list[dict[str, float]]
    right: int
    """Index of the candidate that is the truth."""


def main() -> int:
    """Collect, fit, print."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals.fit", description="Fit the ranking weights.")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--heldout", type=Path, required=True, help="heldout.jsonl of a corpus")
    parser.add_argument("--spans", type=int, default=300, help="so many of each kind")
    parser.add_argument("--passes", type=int, default=8)
    options = parser.parse_args()
    model = load(options.model)
    examples = list[Example]()
    for kind in SpanKind:
        chosen = unused(options.heldout, kind, options.spans)
        found = gather(model, chosen, options.passes)
        print(f"{kind.value}: {len(found)} of {len(chosen)} have the truth among their candidates", file=sys.stderr)
        examples += found
    weights = fit(examples)
    print(f"first among {len(examples)}: {accuracy(examples, weights):.1%}", file=sys.stderr)
    for name in NAMES:
        print(f"{name} = {getattr(weights, name):.2f}")
    return 0


def unused(heldout: Path, kind: SpanKind, limit: int) -> list[Span]:
    """Spans of held-out files from which the evaluation draws none."""
    taken = {span.text for each in SpanKind for span in spans.load(kind=each)}
    with tempfile.TemporaryDirectory() as folder:
        rest, drawn = Path(folder) / "rest.jsonl", Path(folder) / "drawn.gz"
        with heldout.open(encoding="utf-8") as source, rest.open("w", encoding="utf-8") as out:
            out.writelines(line for line in source if json.loads(line)["text"] not in taken)
        spans.collect(rest, drawn, files_per_package=24, lines_per_file=8, seed=12)
        return spans.load(drawn, limit, kind)


@torch.inference_mode()
def gather(model: Denoiser, chosen: Sequence[Span], passes: int) -> list[Example]:
    """The candidates of each span that has the truth among them."""
    examples = []
    for span in chosen:
        request = InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=passes)
        pieces = remembered(request)
        packed = model.pack(request)
        context, generator = model.encode(packed.context_ids), torch.Generator().manual_seed(0)
        before = beforehand(model, context, packed, request, pieces)
        packed = with_drafts(packed, drafts(before), model.format)
        *_, step = denoise(model, context, packed, default_settings(request, model), generator)
        found = merge([*denoised(step, packed, model, request), *before])
        texts = [proposal.text.strip() for proposal in found]
        if span.answer.strip() in texts:
            known = measure(model, context, packed, request, found)
            for each, proposal in zip(known, found, strict=True):
                each["unparsable"] = float(parses(request, proposal.text) is False)
            examples.append(Example(known, texts.index(span.answer.strip())))
    return examples


def fit(examples: Sequence[Example], pull: float = 0.5) -> RankWeights:
    """Weights of greatest likelihood, less `pull` times their squares."""
    rows = [[[each.get(name, 0.0) for name in NAMES] for each in example.known] for example in examples]
    weights = softmax_weights(rows, [example.right for example in examples], pull)
    return RankWeights(**dict(zip(NAMES, weights, strict=True)))


def softmax_weights(choices: Sequence[list[list[float]]], right: Sequence[int], pull: float) -> list[float]:
    """Weights of numbers under which the right one of each choice is likeliest, less `pull` times their squares.

    Args:
        choices: for each choice its candidates, for each candidate its numbers.
        right: which candidate of each choice is right.
    """
    rows = [torch.tensor(choice) for choice in choices]
    weights = torch.zeros(rows[0].shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        total = pull * weights.square().sum()
        for row, best in zip(rows, right, strict=True):
            total = total - (row @ weights).log_softmax(0)[best]
        torch.autograd.backward(total)
        return total

    with torch.inference_mode(False), torch.enable_grad():
        optimiser.step(loss)  # type: ignore[no-untyped-call]
    found: list[float] = weights.tolist()
    return found


def accuracy(examples: Sequence[Example], weights: RankWeights) -> float:
    """Share of the examples whose right candidate comes first."""
    hits = 0
    for example in examples:
        values = [weights.value(each) for each in example.known]
        hits += values.index(max(values)) == example.right
    return hits / max(1, len(examples))


if __name__ == "__main__":
    sys.exit(main())

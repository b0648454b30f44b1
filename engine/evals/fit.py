"""`python -m dgedit.engine.evals.fit --model NAME`: finds how candidates are ranked, and how sure of them one may be.

For every span the engine makes its candidates. The ranking weights are those under which the right one, where there is
one, is likeliest (a softmax over the candidates, with a pull towards the usual weights); the probability is a logistic
function fitted to whether the first few are right. What is told of both comes from spans that did not fit them (five
parts by file). The result is written beside the checkpoint. The spans are those of `spans.SPANS_FILE`; nothing that is
measured on these may be reported.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
import tree_sitter_python
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from tree_sitter import Language, Node, Parser

from ..catalog import checkpoint_folder
from ..confidence import RANKING_FILE, SIGNS, VERSION, Confidence, names_of, signs
from ..denoise import denoise
from ..infill import default_settings, denoised, gathered, prepare
from ..load import load
from ..protocol import Denoiser
from ..rank import merge, weighed
from ..settings import RankWeights
from ..types import InfillRequest
from . import spans
from .spans import Span, SpanKind

NAMES = tuple(name for name in names_of(RankWeights) if name not in ("noise", "unparsable"))
KINDS = (SpanKind.LINE, SpanKind.REST, SpanKind.EXPRESSION)
FIRST = 5
"""So many candidates of each span tell how sure one may be."""
PARTS = 5
BINS, BIN_ANSWERS = 10, 60
"""At most so many bins, of at least so many answers: in fewer, chance alone is off by more than what is looked for."""
PIECE_PARENTS = frozenset(
    (
        *("argument_list", "subscript", "keyword_argument", "default_parameter", "comparison_operator", "pair"),
        *("return_statement", "assignment", "attribute", "for_statement", "for_in_clause", "interpolation", "list"),
        *("binary_operator", "if_statement", "type", "parameters", "import_statement", "except_clause", "tuple"),
    )
)
"""Of tree-sitter-python: what a short piece of a line is part of."""


@dataclass(frozen=True, slots=True)
class Example:
    """Candidates of one span as numbers."""

    known: list[dict[str, float]]
    right: int | None
    """Index of the candidate that is the truth; none where none is."""
    tiers: tuple[int, ...] = ()
    """What the guard has against each; more is worse, whatever the numbers say."""
    file: int = 0
    """Which file it is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of about one probability."""

    said: float
    """Mean probability."""
    right: float
    """Share that was right."""
    count: int


def main() -> int:
    """Collect, fit, tell, write."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals.fit", description="Fit ranking and certainty.")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--spans", type=int, default=120, help="so many of each kind")
    parser.add_argument("--out", type=Path, help=f"a folder for {RANKING_FILE} (default: the checkpoint's)")
    parser.add_argument("--keep", type=Path, help="a file that examples are kept in, to go on from")
    options = parser.parse_args()
    model = load(options.model)
    # What was fitted before is not where a new fit begins: without a file these are the family's own.
    start = model.weights if model.weights.confidence is None else RankWeights()
    examples = collect(model, options.spans, options.keep)
    fitted = fitted_on(examples, start)
    (options.out or checkpoint_folder(options.model)).joinpath(RANKING_FILE).write_text(
        json.dumps(fitted, indent=1) + "\n", encoding="utf-8"
    )
    return 0


def collect(model: Denoiser, count: int, keep: Path | None = None) -> list[Example]:
    """Examples of spans within a line and of whole lines, the kinds by turns.

    Args:
        keep: what is collected is added to this file, a line each; what is there already is not asked again.
    """
    sets = [spans.load(limit=count, kind=kind) for kind in KINDS] + [pieces(count)]
    chosen = [span for turn in zip_longest(*sets) for span in turn if span is not None]
    lines = keep.read_text(encoding="utf-8").splitlines() if keep is not None and keep.exists() else []
    examples = [Example(**json.loads(line)) for line in lines][: len(chosen)]
    for span in chosen[len(examples) :]:
        examples.append(example_of(model, span))
        if keep is not None:
            with keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(examples[-1])) + "\n")
    among = sum(each.right is not None for each in examples)
    print(f"{among} of {len(examples)} have the truth among their candidates", file=sys.stderr)
    return [each for each in examples if each.known]


def pieces(count: int, seed: int = 9) -> list[Span]:
    """Short pieces of lines: an argument, an index, a default, an attribute."""
    draw, found = random.Random(seed), list[Span]()
    parser = Parser(Language(tree_sitter_python.language()))
    for span in spans.load():
        source = span.text.encode()
        nodes = list(_pieces(parser.parse(source).root_node))
        for node in draw.sample(nodes, min(1, len(nodes))):
            start, end = len(source[: node.start_byte].decode()), len(source[: node.end_byte].decode())
            found.append(Span(package=span.package, text=span.text, start=start, end=end, related=span.related))
    return draw.sample(found, min(count, len(found)))


def _pieces(root: Node) -> list[Node]:
    waiting, found = [root], list[Node]()
    while waiting:
        node = waiting.pop()
        waiting += node.named_children
        short = node.end_byte - node.start_byte <= 40 and node.start_point.row == node.end_point.row
        if short and node.parent is not None and node.parent.type in PIECE_PARENTS and "comment" not in node.type:
            found.append(node)
    return sorted(found, key=lambda node: (node.start_byte, node.end_byte))


@torch.inference_mode()
def example_of(model: Denoiser, span: Span) -> Example:
    """The candidates of one span; none where the model has no single canvas for it."""
    request = InfillRequest(prefix=span.prefix, suffix=span.suffix, related=span.related, max_passes=model.info.passes)
    if model.canvases(request) != 1:
        return Example([], None)
    ready = prepare(request, model)
    encoded, settings = replace(ready.encoded, request=request), default_settings(request, model)
    *_, step = denoise(encoded, settings, torch.Generator().manual_seed(0))
    found = merge(gathered(encoded, denoised(encoded, step), ready.known))
    known, verdicts = weighed(encoded, found)
    texts = [proposal.text.strip() for proposal in found]
    kept = [place for place, text in enumerate(texts) if text]
    truth = span.answer.strip()
    right = next((number for number, place in enumerate(kept) if texts[place] == truth), None)
    tiers = tuple(verdicts[place].tier for place in kept)
    return Example([known[place] for place in kept], right, tiers, hash_of(span.text))


def hash_of(text: str) -> int:
    """A number of a text, the same in every process."""
    return sum(map(ord, text[:2_000])) + len(text)


def fit(examples: Sequence[Example], pull: float = 2.0, start: RankWeights | None = None) -> RankWeights:
    """Weights of greatest likelihood among candidates that the guard treats alike, pulled towards the usual ones."""
    choices, right = list[list[list[float]]](), list[int]()
    for example in examples:
        if example.right is None:
            continue
        tiers = example.tiers or (0,) * len(example.known)
        alike = [place for place, tier in enumerate(tiers) if tier == tiers[example.right]]
        choices.append([[example.known[place].get(name, 0.0) for name in NAMES] for place in alike])
        right.append(alike.index(example.right))
    known = start or RankWeights()
    before = [float(getattr(known, name)) for name in NAMES]
    found = softmax_weights(choices, right, pull, before) if choices else before
    fitted: dict[str, Any] = dict(zip(NAMES, found, strict=True))
    return RankWeights(**fitted)


def softmax_weights(
    choices: Sequence[list[list[float]]], right: Sequence[int], pull: float, usual: Sequence[float] = ()
) -> list[float]:
    """Weights of numbers under which the right one of each choice is likeliest.

    Less `pull` times the squares of how far they are from the usual ones: few examples then change little.

    Args:
        choices: for each choice its candidates, for each candidate its numbers.
        right: which candidate of each choice is right.
        usual: zeros where none are given.
    """
    usual = usual or [0.0] * len(choices[0][0])
    rows, start = [torch.tensor(choice) for choice in choices], torch.tensor(usual)

    def loss(moved: Tensor) -> Tensor:
        total = pull * moved.square().sum()
        for row, best in zip(rows, right, strict=True):
            total = total - (row @ (start + moved)).log_softmax(0)[best]
        return total

    return [before + moved for before, moved in zip(usual, _least(loss, len(usual)), strict=True)]


def _least(loss: Callable[[Tensor], Tensor], count: int) -> list[float]:
    """Numbers for which a loss is least."""
    numbers = torch.zeros(count, requires_grad=True)
    optimiser = torch.optim.LBFGS([numbers], max_iter=300, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        total = loss(numbers)
        torch.autograd.backward(total)
        return total

    with torch.inference_mode(False), torch.enable_grad():
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    found: list[float] = numbers.tolist()
    return found


def order(example: Example, weights: RankWeights) -> list[int]:
    """Candidates as they are ranked, best first."""
    tiers = example.tiers or (0,) * len(example.known)
    values = [weights.value(each) for each in example.known]
    return sorted(range(len(values)), key=lambda place: (tiers[place], -values[place]))


def accuracy(examples: Sequence[Example], weights: RankWeights) -> float:
    """Share of the examples with a right candidate in which it comes first."""
    having = [each for each in examples if each.right is not None]
    return sum(order(each, weights)[0] == each.right for each in having) / max(1, len(having))


def judged(examples: Sequence[Example], weights: RankWeights) -> tuple[list[dict[str, float]], list[bool], list[bool]]:
    """Signs of the first few candidates, whether each is right, and whether it comes first."""
    found, right, first = list[dict[str, float]](), list[bool](), list[bool]()
    for example in examples:
        values = [weights.value(each) for each in example.known]
        for number, place in enumerate(order(example, weights)[:FIRST]):
            found.append(signs(example.known, values, place, example.tiers))
            right.append(place == example.right)
            first.append(number == 0)
    return found, right, first


def fit_confidence(found: Sequence[dict[str, float]], right: Sequence[bool], pull: float = 1.0) -> Confidence:
    """The logistic function of greatest likelihood; first answers count as much as all others together."""
    rows = torch.tensor([[each.get(name, 0.0) for name in SIGNS] for each in found])
    mean, spread = rows.mean(0), rows.std(0).clamp(min=1e-3)
    rows, truth = (rows - mean) / spread, torch.tensor(right, dtype=torch.float)

    def loss(numbers: Tensor) -> Tensor:
        lost = F.binary_cross_entropy_with_logits(rows @ numbers[1:] + numbers[0], truth, reduction="sum")
        return lost + pull * numbers[1:].square().sum()

    bias, *weights = _least(loss, len(SIGNS) + 1)
    scaled = [weight / float(size) for weight, size in zip(weights, spread, strict=True)]
    shift = sum(weight * float(middle) for weight, middle in zip(scaled, mean, strict=True))
    return Confidence(bias=bias - shift, weights=dict(zip(SIGNS, scaled, strict=True)))


def reliability(said: Sequence[float], right: Sequence[bool]) -> list[Bin]:
    """Answers in a few bins of as many each, by what was said of them."""
    ordered = sorted(zip(said, right, strict=True))
    count = max(1, min(BINS, len(ordered) // BIN_ANSWERS))
    size = max(1, -(-len(ordered) // count))
    groups = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return [
        Bin(
            said=sum(each for each, _ in group) / len(group),
            right=sum(is_right for _, is_right in group) / len(group),
            count=len(group),
        )
        for group in groups
    ]


def expected_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: how far what is said is from what is right, over all answers."""
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.said - each.right) for each in bins) / max(1, total)


def parted(examples: Sequence[Example], part: int) -> tuple[list[Example], list[Example]]:
    """The examples of one part, and all others; those of one file are in one part."""
    own = [each for each in examples if each.file % PARTS == part]
    return own, [each for each in examples if each.file % PARTS != part]


def first_shares(examples: Sequence[Example], start: RankWeights) -> tuple[float, float, int]:
    """Shares of right candidates that come first: by weights fitted to other spans, by the usual ones; of how many."""
    hits, having = 0.0, 0
    for part in range(PARTS):
        own, others = parted(examples, part)
        count = sum(each.right is not None for each in own)
        hits, having = hits + accuracy(own, fit(others, start=start)) * count, having + count
    return hits / max(1, having), accuracy(examples, start), having


def fitted_on(examples: Sequence[Example], start: RankWeights | None = None) -> dict[str, Any]:
    """What is written beside the checkpoint, after it was told how good it is on what did not fit it."""
    said, right, first = list[float](), list[bool](), list[bool]()
    start = start or RankWeights()
    hits, usual, having = first_shares(examples, start)
    fits = hits > usual
    for part in range(PARTS):
        own, others = parted(examples, part)
        weights = fit(others, start=start) if fits else start
        found, truth, is_first = judged(own, weights)
        told = fit_confidence(*judged(others, weights)[:2])
        said, right, first = said + [told.of(each) for each in found], right + truth, first + is_first
    firsts = [(s, r) for s, r, is_first in zip(said, right, first, strict=True) if is_first]
    bins = reliability(*zip(*firsts, strict=True))
    print(f"right first of those among: {hits:.1%} of {having}, with the usual weights {usual:.1%}: ", end="")
    print("these are better" if fits else "the usual ones are kept")
    print(f"expected calibration error: {expected_error(bins):.3f} of first answers, ", end="")
    print(f"{expected_error(reliability(said, right)):.3f} of the first {FIRST}")
    print("  said   right  count\n" + "\n".join(f"{b.said:6.1%} {b.right:7.1%} {b.count:6}" for b in bins))
    weights = fit(examples, start=start) if fits else start
    told = fit_confidence(*judged(examples, weights)[:2])
    return {
        "version": VERSION,
        "spans": len(examples),
        "first_of_those_among": round(max(hits, usual), 4),
        "expected_calibration_error": round(expected_error(bins), 4),
        "reliability": [{name: round(value, 4) for name, value in asdict(each).items()} for each in bins],
        "weights": {name: round(float(getattr(weights, name)), 4) for name in NAMES},
        "confidence": {
            "bias": round(told.bias, 5),
            "weights": {name: round(value, 5) for name, value in told.weights.items()},
        },
    }


if __name__ == "__main__":
    sys.exit(main())

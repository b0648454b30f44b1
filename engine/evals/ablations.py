"""`python -m dgedit.engine.evals.ablations`: what parts of the engine are worth, each left out or changed in turn.

Lines of held-out files that the evaluation does not use. Without recall where the model is asked about, because most
right answers are recalled ones and would hide the difference.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from unittest.mock import patch

from torch import Tensor

from .. import infill, packing
from ..load import load
from ..models.nano.checkpoint import NanoContext, NanoInfiller
from . import methods
from . import spans as held_out
from .exact_match import HEADER, Row, evaluate, line
from .spans import Span


class Altered(NanoInfiller):
    """A loaded model with parts switched off."""

    def __init__(self, model: NanoInfiller, *, writes: bool = True, conditions: bool = True) -> None:
        vars(self).update(vars(model))
        self.writes, self.conditions = writes, conditions

    def write(
        self, context: NanoContext, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """Nothing, where writing is off."""
        return super().write(context, first, later, ends, tokens_max=tokens_max * self.writes, beams=beams)

    def logits(self, context: NanoContext, canvas: Tensor, valid: Tensor, free: Tensor, soft: Tensor | None) -> Tensor:
        """As if every pass were the first one, where self-conditioning is off."""
        return super().logits(context, canvas, valid, free, soft if self.conditions else None)


def main() -> int:
    """Print the rows as they are measured."""
    parser = argparse.ArgumentParser(
        prog="python -m dgedit.engine.evals.ablations", description="What parts are worth."
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--spans", type=int, default=200)
    options = parser.parse_args()
    model = load(options.model)
    if not isinstance(model, NanoInfiller):
        sys.exit("only nano checkpoints can be taken apart")
    print(HEADER)
    for row in rows(model, held_out.load(limit=options.spans)):
        print(line(row), flush=True)
    return 0


def rows(model: NanoInfiller, spans: Sequence[Span]) -> Iterator[Row]:
    """One row for each setting."""
    alone = Altered(model, writes=False)
    yield evaluate("everything", spans, methods.engine(model))
    yield evaluate("nothing written", spans, methods.engine(alone))
    with patch.object(infill, "DRAFTED", ()):
        yield evaluate("no drafts", spans, methods.engine(model))
    yield evaluate("no recall", spans, methods.engine(model, use_recall=False))
    yield evaluate("denoised alone", spans, methods.engine(alone, use_recall=False))
    unconditioned = Altered(model, writes=False, conditions=False)
    yield evaluate("- no self-conditioning", spans, methods.engine(unconditioned, use_recall=False))
    for slots in ((28,), (5, 9, 14, 20, 28)):
        with patch.object(packing, "DEFAULT_SLOTS", slots):
            name = f"- rows of {', '.join(map(str, slots))}"
            yield evaluate(name, spans, methods.engine(alone, use_recall=False))
    yield evaluate("- true length", spans, methods.engine(alone, true_length=True))


if __name__ == "__main__":
    sys.exit(main())

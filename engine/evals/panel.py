"""`python -m dgedit.engine.evals.panel`: 40 holes that a programmer would fill in one way; does the model?

Unlike exact match it says whether a person would accept an answer: `panel-holes.toml` has, for every hole, the lines
that a reviewer would take, written down beforehand. An answer counts where the file with it parses to the same tree as
with one of them, so quotes, blanks and brackets are free. It is the habit of asking as a user would, not a benchmark:
of so few holes a difference below some 15 points tells nothing.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..catalog import DEFAULT_MODEL
from ..infill import fill
from ..load import load as load_model
from ..parsing import meaning
from ..protocol import Denoiser
from ..types import EngineError, InfillRequest

HOLES_FILE = Path(__file__).parent / "panel-holes.toml"
MARK = "<hole>"
IN_THREE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelHole:
    """A line that was taken out of a small file.

    Raises:
        ValueError: when the text has not one hole, or nothing is accepted.
    """

    name: str
    text: str
    accepted: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.text.count(MARK) != 1 or not self.accepted:
            raise ValueError(f"{self.name}: a hole needs one {MARK} and an accepted line")

    def request(self, passes: int) -> InfillRequest:
        """What the engine is asked."""
        prefix, _, suffix = self.text.partition(MARK)
        return InfillRequest(prefix=prefix, suffix=suffix, max_passes=passes)

    def accepts(self, answer: str) -> bool:
        """Whether a reviewer would take the answer."""
        said = meaning(self.text.replace(MARK, answer.strip()))
        return said is not None and any(meaning(self.text.replace(MARK, line)) == said for line in self.accepted)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRow:
    """One hole's answers."""

    hole: PanelHole
    answers: tuple[str, ...]
    """Best first, three at most."""

    @property
    def place(self) -> int | None:
        """Of the first accepted answer, 1 for the first; none where there is none."""
        return next((n for n, text in enumerate(self.answers, 1) if self.hole.accepts(text)), None)


def main() -> int:
    """Print every hole with its answers, and the counts."""
    parser = argparse.ArgumentParser(
        prog="python -m dgedit.engine.evals.panel", description="Would a reviewer accept the answers?"
    )
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], help="bundled models or folders")
    parser.add_argument("--quiet", action="store_true", help="the counts alone")
    options = parser.parse_args()
    try:
        for name in options.model:
            print(summary(load_model(name), quiet=options.quiet), flush=True)
    except EngineError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 2
    return 0


def summary(model: Denoiser, *, quiet: bool = False) -> str:
    """Asks for every hole; returns the line with the counts."""
    rows = list[PanelRow]()
    for row in ask(model, load()):
        rows.append(row)
        if not quiet:
            print(f"{row.place or '-'}  {row.hole.name:42} {' | '.join(row.answers).replace(chr(10), '⏎')}", flush=True)
    first, in_three = (sum(row.place is not None and row.place <= most for row in rows) for most in (1, IN_THREE))
    return f"{model.info.name}: {first} of {len(rows)} accepted first, {in_three} in three"


def load(path: Path = HOLES_FILE) -> tuple[PanelHole, ...]:
    """The holes of the panel.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is not such a file.
    """
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["hole"]
    return tuple(PanelHole(name=row["name"], text=row["text"], accepted=tuple(row["accepted"])) for row in rows)


def ask(model: Denoiser, holes: tuple[PanelHole, ...]) -> Iterator[PanelRow]:
    """The answers to each hole, as the editor would offer them."""
    for hole in holes:
        result = fill(hole.request(model.info.passes), model)
        texts = dict.fromkeys(text.strip() for text in (result.text, *(found.text for found in result.candidates)))
        yield PanelRow(hole=hole, answers=tuple(texts)[:IN_THREE])


if __name__ == "__main__":
    sys.exit(main())

"""What was measured of each span, kept in a file as it comes, so that a run that was ended goes on where it was.

One JSON line a span and way. The key names the weights, their settings and the code that used them: a figure is read
back only where all three are what they were. It must know nothing of models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ENGINE = Path(__file__).resolve().parent.parent
CODE = ("*.py", "guard/**/*.py", "models/**/*.py", "samplers/*.py", "evals/methods.py", "../kernels/*.py")
"""What an answer depends on, seen from the engine's folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanResult:
    """One span, measured in one way.

    Raises:
        ValueError: when the place counts from 0.
    """

    way: str
    number: int
    """Of the span among those of its kind, from 0."""
    package: str
    place: int | None = None
    """Of the truth among the answers, 1 where it came first; none where it is not among them."""
    ms: float = 0.0
    passes: int = 0
    nats: float | None = None
    """That the truth costs, the end of the span left out."""
    nats_with_end: float | None = None
    chars: int = 0
    """Characters of the truth."""

    def __post_init__(self) -> None:
        if self.place is not None and self.place < 1:
            raise ValueError(f"places count from 1, got {self.place}")

    @property
    def right(self) -> bool:
        """Whether the truth came first."""
        return self.place == 1


class ResultsFile:
    """Results of one model and set in a file that may hold those of others.

    Args:
        path: none keeps nothing.
    """

    def __init__(self, path: Path | None, key: str) -> None:
        self.path, self.key = path, key
        self.known = {(each.way, each.number): each for each in self._read()}

    def _read(self) -> Iterator[SpanResult]:
        if self.path is None or not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                # The last line of a run that was killed may be half of one.
                if line.endswith("\n"):
                    row = json.loads(line)
                    if row.pop("key") == self.key:
                        yield SpanResult(**row)

    def add(self, result: SpanResult) -> None:
        """Keep one more.

        Raises:
            OSError: when the file cannot be written.
        """
        self.known[result.way, result.number] = result
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": self.key, **asdict(result)}) + "\n")


def key_of(folder: Path, digest: str, spans: str) -> str:
    """Names weights, the settings beside them, the code of the engine and the set of spans."""
    found = hashlib.sha256()
    files = [path for pattern in CODE for path in sorted(ENGINE.glob(pattern))]
    for path in (*files, *sorted(folder.glob("*.json"))):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{digest} {found.hexdigest()[:12]} {spans}"

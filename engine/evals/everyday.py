"""Everyday holes: the places in small ordinary files where people ask for a piece of a line, a line, a word.

`everyday.txt` holds the files, each behind a line that names it; what stands between the signs ⟦ and ⟧ is a hole, its
kind before the bar and what was written there behind it. For each hole the others are filled with what was there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "everyday.txt"
LANGUAGES = {".py": "python", ".ts": "typescript", ".rs": "rust", ".go": "go", ".json": "json", ".ipynb": "json"}
_HOLE = re.compile(r"⟦([^|⟧]+)\|([^⟧]*)⟧")


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyday:
    """One hole."""

    file: str
    kind: str
    prefix: str
    suffix: str
    answer: str

    @property
    def language(self) -> str:
        """What the file is written in."""
        return LANGUAGES[Path(self.file).suffix]


def load(path: Path = FILE) -> list[Everyday]:
    """Every hole, in order.

    Raises:
        OSError: when the file cannot be read.
    """
    name, *parts = re.split(r"^=== (.+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert not name, "the first line names a file"
    found = []
    for file, text in zip(parts[::2], parts[1::2], strict=True):
        for match in _HOLE.finditer(text):
            found.append(
                Everyday(
                    file=file,
                    kind=match[1],
                    prefix=_written(text[: match.start()]),
                    suffix=_written(text[match.end() :]),
                    answer=match[2],
                )
            )
    return found


def _written(text: str) -> str:
    return _HOLE.sub(lambda match: match[2], text)

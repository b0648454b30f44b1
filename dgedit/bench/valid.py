"""`python -m dgedit.bench.valid DIR...`: what the judges say of trees of files that are valid as they lie there.

A row a language: how many files were judged, how many were called broken (flagged), how many nobody could judge, and
how many `dgedit fix` would set out to rewrite, which are the flagged ones. Files are drawn by a seed, so that a run can
be repeated; files of the same bytes count once. Nothing is written and no model is loaded.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DgeditError
from ..fix.document import Document, standing
from ..judges.judge import CHARS_MAX, languages
from ..text.encoding import decode_any
from ..text.languages import EXTENSIONS, NAMES, detect
from ..text.line_breaks import plain

BYTES_MAX = 4 * CHARS_MAX
SHEBANG_BYTES = 200
_SKIPPED_FOLDERS = frozenset({".git", "__pycache__"})


@dataclass(slots=True)
class ValidRow:
    """What the judges said of files of one language."""

    files: int = 0
    flagged: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def line(self, name: str) -> str:
        """The row as text."""
        files = max(1, self.files)
        return (
            f"{name:14}{self.files:7}{len(self.flagged):9}{len(self.flagged) / files:9.2%}"
            f"{len(self.unjudged):11}{len(self.unjudged) / files:9.1%}{1e3 * self.seconds / files:10.0f}"
        )


HEADER = f"{'language':14}{'files':>7}{'flagged':>9}{'':9}{'unjudged':>11}{'':9}{'ms a file':>10}"


def main() -> int:
    """Judge and print; ends with 1 where a file was flagged."""
    options = _parser().parse_args()
    wanted = frozenset(options.languages.split(",")) if options.languages else frozenset(languages())
    rows = dict[str, ValidRow]()
    seen = set[bytes]()
    for path in drawn(options.folders, options.per_language, options.seed, wanted, tuple(options.exclude)):
        _judge(path, rows, seen)
    print(HEADER)
    total = ValidRow()
    for language in sorted(rows):
        row = rows[language]
        print(row.line(language))
        total.files += row.files
        total.flagged += row.flagged
        total.unjudged += row.unjudged
        total.seconds += row.seconds
    print(total.line("all"))
    for line in total.flagged + (total.unjudged if options.list else []):
        print(line)
    return 1 if total.flagged else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dgedit.bench.valid", description="What valid files are called.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="trees of files that are valid")
    parser.add_argument("--per-language", type=int, default=400, help="so many files of each at most (default: 400)")
    parser.add_argument("--languages", default="", help="these alone, like c,css (default: all that can be judged)")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="PART", help="leave out paths with this in them: test data"
    )
    parser.add_argument("--seed", type=int, default=0, help="which files are drawn (default: 0)")
    parser.add_argument("--list", action="store_true", help="name the files that nobody could judge, too")
    return parser


def drawn(
    folders: Iterable[Path], per_language: int, seed: int, wanted: frozenset[str], excluded: tuple[str, ...] = ()
) -> Iterator[Path]:
    """Files of each language, drawn without preference; links are left out."""
    by_kind: dict[str, list[Path]] = {}
    for folder in folders:
        for place, names, files in os.walk(folder):
            names[:] = sorted(set(names) - _SKIPPED_FOLDERS)
            for name in sorted(files):
                path = Path(place, name)
                if any(part in str(path) for part in excluded):
                    continue
                if (kind := _kind(path)) in wanted:
                    by_kind.setdefault(kind, []).append(path)
    for kind in sorted(by_kind):
        yield from random.Random(seed).sample(by_kind[kind], min(per_language, len(by_kind[kind])))


def _kind(path: Path) -> str:
    """The language of a file by its name, and by its first line where the name says nothing."""
    if path.is_symlink() or not path.is_file():
        return ""
    name = path.name.lower()
    if name in _NAMED or path.suffix[1:].lower() in _ENDINGS:
        return detect(path, "")
    if path.suffix:
        return ""
    try:
        with path.open("rb") as opened:
            head = opened.read(SHEBANG_BYTES)
    except OSError:
        return ""
    return detect(path, head.decode("utf-8", "replace")) if head.startswith(b"#!") else ""


_ENDINGS = frozenset(ending for language in languages() for ending in EXTENSIONS.get(language, "").split())
_NAMED = frozenset(name for language in languages() for name in NAMES.get(language, "").split())


def _judge(path: Path, rows: dict[str, ValidRow], seen: set[bytes]) -> None:
    try:
        raw = path.read_bytes()
        text = plain(decode_any(raw, str(path)).text)
    except (OSError, DgeditError):
        return
    digest = hashlib.sha256(raw).digest()
    if not text.strip() or len(raw) > BYTES_MAX or len(text) > CHARS_MAX or digest in seen:
        return
    seen.add(digest)
    language = detect(path, text)
    began = time.perf_counter()
    verdict = standing(Document(name=str(path), text=text, language=language, path=path))
    row = rows.setdefault(language, ValidRow())
    row.files += 1
    row.seconds += time.perf_counter() - began
    told = f"{path}:{verdict.line + 1}: {verdict.message} ({verdict.by})"
    row.flagged += [told] if verdict.is_broken else []
    row.unjudged += [told] if verdict.is_unknown else []


if __name__ == "__main__":
    raise SystemExit(main())

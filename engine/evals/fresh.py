"""The fresh spans: code of packages that were first published in or after March 2026, so that no start model read it.

`python -m dgedit.engine.evals.fresh WHEELS` draws them once from the wheels that `fresh-packages.json` names, each
checked by its SHA-256. The file that it writes ships with dgedit and stays as it is, or figures of different days could
not be compared, and none of these packages may ever be trained on. The month of each is that of its first upload: with
pip 26 `pip index versions NAME --uploaded-prior-to 2026-03-01T00:00:00Z` finds nothing. Every licence is permissive and
its text is kept beside the code. Much of what is published today was written with assistants, and this may be as well.
Drawn with Python 3.11, whose tokenizer says which lines are code. It must know nothing of models.
"""

from __future__ import annotations

import argparse
import email
import gzip
import hashlib
import json
import random
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from ..train.corpus import Deduplicator, is_permissive, read_source
from .spans import MAX_FILE_CHARS, Span, SpanKind, code_lines, places

PACKAGES_FILE = Path(__file__).parent / "fresh-packages.json"
SPANS_FILE = Path(__file__).parent / "fresh-spans.jsonl.gz"
FILES_PER_PACKAGE = 12
LINES_PER_FILE = 3
SEED = 3
LICENCE_NAMES = ("licen", "copying", "notice")


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshPackage:
    """A package as the manifest names it."""

    name: str
    version: str
    licence: str
    first_month: str
    """Of its first upload, as YYYY-MM."""
    wheel: str
    sha256: str


class FreshError(Exception):
    """The spans cannot be drawn; says which wheel is at fault."""


def packages() -> tuple[FreshPackage, ...]:
    """The manifest: what must never be trained on."""
    return tuple(FreshPackage(**row) for row in json.loads(PACKAGES_FILE.read_text(encoding="utf-8")))


def main() -> int:
    """Draw the spans."""
    parser = argparse.ArgumentParser(
        prog="python -m dgedit.engine.evals.fresh", description="Draw the spans of packages first published lately."
    )
    parser.add_argument("wheels", type=Path, help="folder with the wheels that fresh-packages.json names")
    parser.add_argument("--out", type=Path, default=SPANS_FILE)
    options = parser.parse_args()
    try:
        count = draw(packages(), options.wheels, options.out)
    except (FreshError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{count} spans of {len(packages())} packages in {options.out}, {options.out.stat().st_size} bytes")
    return 0


def draw(chosen: Iterable[FreshPackage], wheels: Path, out: Path) -> int:
    """Write the gzipped file of spans; returns how many.

    Raises:
        FreshError: when a wheel is missing, is another one, or its licence is not permissive.
    """
    count, rows = 0, list[str]()
    for package in chosen:
        row = _row(package, wheels / package.wheel)
        count += sum(len(places) for file in row["files"] for places in file["spans"].values())
        rows.append(json.dumps(row) + "\n")
    with out.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        file.write("".join(rows).encode())
    return count


def load(limit: int | None = None, kind: SpanKind = SpanKind.LINE, path: Path = SPANS_FILE) -> list[Span]:
    """The spans of one kind, the packages taking turns, so that the first so many are a fair sample.

    Raises:
        OSError: when the file cannot be read.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    turns = zip_longest(*(_shuffled(row["name"], _spans(row, kind)) for row in rows))
    return [span for span in chain.from_iterable(turns) if span is not None][:limit]


def _spans(row: dict[str, Any], kind: SpanKind) -> Iterator[Span]:
    files = row["files"]
    for file in files:
        related = tuple(other["text"] for other in files if other is not file)
        for start, end in file["spans"][kind.value]:
            yield Span(package=str(row["name"]), text=file["text"], start=start, end=end, related=related)


def _shuffled(name: str, spans: Iterable[Span]) -> list[Span]:
    found = list(spans)
    random.Random(name).shuffle(found)
    return found


def _row(package: FreshPackage, wheel: Path) -> dict[str, Any]:
    """What the file says of a package: its manifest, its licence's text, files with their spans."""
    raw = _checked(package, wheel)
    draw_of = random.Random(f"{SEED} {package.name}")
    with zipfile.ZipFile(raw) as archive, tempfile.TemporaryDirectory() as folder:
        members = sorted(archive.namelist())
        _check_licence(package, archive, members)
        files = _files(archive, members, Path(folder))
        texts = [archive.read(name).decode("utf-8", "replace") for name in members if _is_licence(name)]
    chosen = sorted(draw_of.sample(files, min(FILES_PER_PACKAGE, len(files))))
    return asdict(package) | {
        "licence_text": "\n\n".join(texts),
        "files": [{"path": path, "text": text, "spans": _drawn(text, draw_of)} for path, text in chosen],
    }


def _checked(package: FreshPackage, wheel: Path) -> Path:
    if not wheel.is_file():
        wanted = f"{package.name}=={package.version}"
        raise FreshError(f"{wheel} is missing; to have it: pip download --no-deps --python-version 3.14 {wanted}")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != package.sha256:
        raise FreshError(f"{wheel} is another file: its SHA-256 is {found}, not {package.sha256}")
    return wheel


def _check_licence(package: FreshPackage, archive: zipfile.ZipFile, members: list[str]) -> None:
    name = next(name for name in members if name.endswith(".dist-info/METADATA"))
    said = email.message_from_bytes(archive.read(name))
    stated = [str(said["License-Expression"] or ""), str(said["License"] or "").split("\n")[0]]
    stated += [text for text in said.get_all("Classifier") or [] if text.startswith("License ::")]
    if not any(map(is_permissive, stated)) or not is_permissive(package.licence):
        raise FreshError(f"{package.wheel}: no permissive licence is stated, only {[text for text in stated if text]}")


def _is_licence(name: str) -> bool:
    return ".dist-info/" in name and Path(name).name.lower().startswith(LICENCE_NAMES)


def _files(archive: zipfile.ZipFile, members: list[str], folder: Path) -> list[tuple[str, str]]:
    """Paths and texts of the sources worth a span: neither generated nor near-duplicates of each other."""
    fresh, found = Deduplicator(), list[tuple[str, str]]()
    for name in members:
        if name.endswith(".py"):
            text = read_source(Path(archive.extract(name, folder)))
            if text and len(text) <= MAX_FILE_CHARS and len(code_lines(text)) >= LINES_PER_FILE and fresh.admit(text):
                found.append((name, text))
    return found


def _drawn(text: str, draw_of: random.Random) -> dict[str, list[tuple[int, int]]]:
    """Every kind draws its own lines: those of all of them would crowd at the head of the file."""
    numbers = code_lines(text)
    return {kind.value: places(text, draw_of.sample(numbers, LINES_PER_FILE), kind, draw_of) for kind in SpanKind}


if __name__ == "__main__":
    sys.exit(main())

"""What stops a commit: the problems of one file, told from its bytes alone.

Three kinds are known: a place that is marked to be filled and is not, lines of a conflict, and Python that does not
parse. Python is judged by `judges.python`, from the standard library alone where nothing else is installed; what it
cannot judge passes with a note. Other languages are judged by nobody. It must know nothing of git and models.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from ..errors import DgeditError, ExitCode
from ..fill.document import shortened
from ..judges.python import judge as judge_python
from ..text.conflicts import BLOCK_BYTES
from ..text.encoding import decode_any, encode
from ..text.holes import STAND_IN, Hole, line_of, marked_holes, replaced
from ..text.languages import detect
from .skipped import reason_to_skip

ATTRIBUTES = ("dgedit", "linguist-generated", "linguist-vendored", "filter")
STOPPED = ExitCode.HOLES_LEFT
"""What a hook ends with to stop the commit."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
PROSE = frozenset({"markdown", "restructuredtext"})
BYTES_MAX = 1_000_000
"""A larger file is hardly written by hand."""


class ProblemKind(Enum):
    """What may be wrong with a file."""

    MARKER = auto()
    CONFLICT = auto()
    FAULT = auto()
    NOTE = auto()
    """Nothing that stops a commit, but to be said."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that stops a commit."""

    kind: ProblemKind
    line: int
    """Counted from 1."""
    message: str


def problems_in(path: str, raw: bytes, *, judge: bool) -> list[Problem]:
    """The marked places of a file and, where it must parse, why it does not; a conflict is not looked for."""
    try:
        decoded = decode_any(raw, path)
        text = decoded.text
        holes = marked_holes(text, _language(path, text))
    except DgeditError as error:
        return [Problem(ProblemKind.MARKER, 1, error.line())]
    found = [
        Problem(ProblemKind.MARKER, line_of(text, hole.start), f"not filled: {shortened(text[hole.start : hole.end])}")
        for hole in holes
    ]
    fault = fault_of(path, encode(without_holes(text, holes), decoded.encoding)) if judge else None
    return [*found, fault] if fault else found


def conflict_in(raw: bytes) -> Problem | None:
    """The first conflict that a merge wrote into a file."""
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    opening, middle, closing = BLOCK_BYTES
    begun = opening.search(raw)
    parted = begun and middle.search(raw, begun.end())
    if not begun or not parted or not closing.search(raw, parted.end()):
        return None
    return Problem(
        ProblemKind.CONFLICT, raw.count(b"\n", 0, begun.start()) + 1, "a conflict; a hook never resolves one"
    )


def without_holes(text: str, holes: list[Hole]) -> str:
    """The text with its own code, or something valid, in place of every hole."""
    return replaced(text, [(hole.start, hole.end, hole.indent + (hole.code or STAND_IN)) for hole in holes])


def content_reason(path: str, raw: bytes | None, *, merges: bool = True) -> str:
    """Why to leave a file alone that holds these bytes, none for too many; empty where there is no reason.

    Args:
        merges: whether a merge is under way; without one, signs of a conflict in prose are prose.
    """
    if raw is None or len(raw) > BYTES_MAX:
        return f"larger than {BYTES_MAX:,} bytes"
    if raw.startswith(LFS_POINTER):
        return "a pointer of Git LFS"
    return reason_to_skip(Path(path), raw, conflicts=merges or not is_prose(path)) or ""


def attribute_reason(attributes: dict[str, str]) -> str:
    """Why a file's git attributes say to leave it alone; empty where they do not."""
    if attributes["dgedit"] in ("unset", "false"):
        return "turned off in .gitattributes"
    if attributes["filter"] == "lfs":
        return "kept by Git LFS"
    named = {"linguist-generated": "generated", "linguist-vendored": "vendored"}
    return next((word for name, word in named.items() if attributes[name] in ("set", "true")), "")


def language_of(path: str, raw: bytes) -> str:
    """What a file is written in, by its name and its first line."""
    return _language(path, raw[:300].decode("utf-8", "replace"))


def is_prose(path: str) -> bool:
    """Whether a file tells of code rather than is some: signs of a conflict may be what it tells of."""
    return _language(path, "") in PROSE


def fault_of(path: str, raw: bytes) -> Problem | None:
    """Why the bytes of a Python file do not parse, or a note that nobody can tell; none for other languages."""
    if language_of(path, raw) != "python":
        return None
    # The bytes, because a Python file names its own encoding.
    verdict = judge_python(raw)
    if verdict.is_unknown:
        return Problem(ProblemKind.NOTE, verdict.line + 1, f"not judged: {verdict.message}")
    return (
        Problem(ProblemKind.FAULT, verdict.line + 1, f"does not parse: {verdict.message}")
        if verdict.is_broken
        else None
    )


def stopping(problems: Iterable[Problem]) -> list[Problem]:
    """Those that stop a commit."""
    return [problem for problem in problems if problem.kind is not ProblemKind.NOTE]


def parses(path: str, raw: bytes) -> bool:
    """Whether a file parses, its holes aside; what nobody judges does."""
    return all(problem.kind is not ProblemKind.FAULT for problem in problems_in(path, raw, judge=True))


def _language(path: str, text: str) -> str:
    try:
        return detect(Path(path), text)
    except ImportError:
        # The table of rare names comes with a package that a bare clone lacks.
        return "text"

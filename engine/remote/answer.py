"""From the code that a chat model writes to the text of the span: without what stands around the span already.

Pure text. A model repeats the line before the span, the line after it, or leaves out its indentation; what is certain
is mended, and where the file parses with one reading alone, that one is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..parsing import parses
from ..types import InfillRequest

_LINES_COMPARED = 400
_REPEATED_CHARS_MIN = 4
"""A line or a piece of one that is shorter may well be meant twice."""


@dataclass(frozen=True, slots=True)
class FittedAnswer:
    """The text for the span."""

    text: str
    parses: bool | None
    """Whether the file parses with it; none for other languages and very large files."""
    repeats_suffix: bool
    """Whether the answer said again what stands after the span; that is cut."""


def fit(code: str, request: InfillRequest) -> FittedAnswer:
    """The text of the span that an answer's code stands for."""
    code = code.replace("\r\n", "\n")
    headless = without_repeated_prefix(code, request.prefix)
    text = without_repeated_suffix(headless, request.suffix)
    repeats = text != headless
    readings = list(_readings(text, request))
    for reading in readings:
        if parses(request, reading):
            return FittedAnswer(reading, True, repeats)
    first = readings[0]
    return FittedAnswer(first, parses(request, first), repeats)


def fit_exactly(text: str, request: InfillRequest) -> FittedAnswer:
    """The text of the span where the text before it was pinned: only what follows may have been said again."""
    cut = without_repeated_suffix(text, request.suffix)
    return FittedAnswer(cut, parses(request, cut), cut.rstrip() != text.rstrip())


def without_repeated_prefix(code: str, prefix: str) -> str:
    """`code` without lines, and without the part of a line, that stand before the span."""
    *complete, current = prefix.split("\n")
    lines = code.split("\n")
    repeated = _overlap([line.strip() for line in complete[-_LINES_COMPARED:]], [line.strip() for line in lines])
    lines = lines[repeated:] if repeated < len(lines) else lines
    if not current.strip():
        blank = next((n for n, line in enumerate(lines[:-1]) if line.strip()), len(lines) - 1)
        lines = lines[blank:]
        lines[0] = lines[0].lstrip(" \t") if current else lines[0]
    elif len(current.strip()) >= _REPEATED_CHARS_MIN and lines[0].lstrip().startswith(current.strip()):
        lines[0] = lines[0].lstrip().removeprefix(current.strip())
        if current[-1:].isspace():
            lines[0] = lines[0].lstrip(" \t")
    return "\n".join(lines)


def without_repeated_suffix(code: str, suffix: str) -> str:
    """`code` without lines, and without the end of a line, that stand after the span."""
    rest, *following = suffix.split("\n")
    lines = code.split("\n")
    kept = len(lines)
    while kept > 1 and not lines[kept - 1].strip():
        kept -= 1
    lines = lines[:kept]
    wanted = [line.strip() for line in [rest, *following][:_LINES_COMPARED]]
    while wanted and not wanted[0]:
        del wanted[0]
    repeated = _overlap([line.strip() for line in lines], wanted)
    if repeated > 1 and repeated == len(lines):
        return ""
    if 0 < repeated < len(lines):
        lines = lines[: len(lines) - repeated]
        while len(lines) > 1 and not lines[-1].strip():
            del lines[-1]
    last, end = lines[-1].rstrip(), rest.strip()
    if len(end) >= _REPEATED_CHARS_MIN and last.endswith(end) and last != end:
        lines[-1] = last.removesuffix(end)
        if rest[:1].isspace():
            lines[-1] = lines[-1].rstrip(" \t")
    return "\n".join(lines)


def _overlap(before: list[str], after: list[str]) -> int:
    """How many lines both end `before` and begin `after`; a few short ones may be chance and do not count."""
    for count in range(min(len(before), len(after)), 0, -1):
        shared = after[:count]
        if before[-count:] == shared and any(len(line) >= _REPEATED_CHARS_MIN for line in shared):
            return count
    return 0


def _readings(text: str, request: InfillRequest) -> Iterator[str]:
    """What the text may mean, the likeliest first."""
    current = request.prefix.rsplit("\n", 1)[-1]
    first, *others = text.split("\n")
    indent = current[: len(current) - len(current.lstrip(" \t"))]
    deeper = "\n".join([first, *(indent + line if line.strip() else line for line in others)])
    flush = any(line.strip() and not line[0].isspace() for line in others)
    if indent and flush and request.language != "python":
        # Code that was asked for in the midst of a block begins at the margin: its indentation was left out.
        yield deeper
        return
    yield text
    if indent and others:
        yield deeper
    rest = request.suffix.split("\n", 1)[0]
    if not current.strip() and rest.strip():
        # Whole lines in front of code that stays.
        yield f"{text}\n{current}"
        yield f"{deeper}\n{current}"
    if rest.strip() and text.rstrip().endswith(rest.strip()):
        yield text.rstrip().removesuffix(rest.strip())

"""The conflict blocks that a merge leaves in a text, and the answers that need no model.

    <<<<<<< ours
    ...
    ||||||| base        (only in git's diff3 style)
    ...
    =======
    ...
    >>>>>>> theirs

Texts are given with plain line feeds. This module must know neither models nor files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKER = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$|^={7}$", re.MULTILINE)
OPENING = re.compile(r"^<{7}(?: .*)?$", re.MULTILINE)
MARKER_BYTES = re.compile(rb"^(?:<{7}|>{7}|\|{7})(?: [^\r\n]*)?\r?$", re.MULTILINE)
"""The same in a file's bytes, without the sign between the sides, which is a heading's underline elsewhere."""
BLOCK_BYTES = tuple(re.compile(sign, re.MULTILINE) for sign in (rb"^<{7} ", rb"^={7}\r?$", rb"^>{7} "))
"""The lines that git writes around and between the sides, in the order in which they come."""
_LINES = r"(?:(?!<{7}|>{7}|\|{7}|={7}$).*\n)*"
_BLOCK = re.compile(
    rf"^<{{7}}(?: .*)?\n(?P<ours>{_LINES})(?:\|{{7}}(?: .*)?\n(?P<base>{_LINES}))?={{7}}\n"
    rf"(?P<theirs>{_LINES})>{{7}}(?: .*)?(?:\n|\Z)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A block: characters [start, end) of a text, the line break after its last marker included."""

    start: int
    end: int
    ours: str
    theirs: str
    base: str | None = None


def find_conflicts(text: str) -> list[Conflict]:
    """Every whole block, in order."""
    return [
        Conflict(start=found.start(), end=found.end(), ours=found["ours"], theirs=found["theirs"], base=found["base"])
        for found in _BLOCK.finditer(text)
    ]


def answers(conflict: Conflict) -> list[tuple[str, ...]]:
    """What may stand in place of a block, in groups, the likeliest group first; every answer is of lines of the sides.

    The obvious answer stands alone. Sides that give the same thing two values are a choice between them, then both;
    sides that add different things are both, in either order, then a choice.
    """
    ours, theirs, base = conflict.ours, conflict.theirs, conflict.base
    if _bare(ours) == _bare(theirs) or theirs == base:
        return [(ours,)]
    if ours == base:
        return [(theirs,)]
    if not _bare(ours) or not _bare(theirs):
        # One side took away what the other changed: what would be lost is kept.
        return [(ours if _bare(ours) else theirs,)]
    sides, both = (ours, theirs), (_together(ours, theirs), _together(theirs, ours))
    if base is None or not base.strip():
        fuller = next((one for one, other in (sides, sides[::-1]) if _holds(one, other)), None)
        if fuller is not None:
            return [(fuller,), sides]
    if (base is not None and base.strip()) or _clash(ours, theirs):
        return [sides, both]
    return [both[:1], both[1:], (ours + theirs,), sides]


def _bare(side: str) -> list[str]:
    return [line.rstrip() for line in side.split("\n") if line.strip()]


def _holds(one: str, other: str) -> bool:
    """Whether the lines of a side hold all lines of the other, in order."""
    left = iter(_bare(one))
    return all(line in left for line in _bare(other))


def _together(first: str, second: str) -> str:
    """Lines of both: what both begin and end with once, and between the one's own and then the other's."""
    a, b = first.splitlines(keepends=True), second.splitlines(keepends=True)
    least = min(len(a), len(b))
    head = next((n for n in range(least) if a[n] != b[n]), least)
    tail = next((n for n in range(least - head) if a[-1 - n] != b[-1 - n]), least - head)
    if not _is_shared(a[:head]):
        head = 0
    if not _is_shared(a[len(a) - tail :]) or _margin(a[len(a) - tail]) > min(map(_margin, a)):
        tail = 0
    return "".join([*a[: len(a) - tail], *b[head : len(b) - tail], *b[len(b) - tail :]])


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else len(line)


def _is_shared(lines: list[str]) -> bool:
    """Whether lines that both sides have are one thing that both kept, and not the end of a block in each."""
    return any(len(_WORDS.findall(line)) > 1 for line in lines)


def _clash(ours: str, theirs: str) -> bool:
    """Whether both sides say what one thing is: the same name, key or way out, in other words."""
    return not {*_subjects(ours)}.isdisjoint(_subjects(theirs))


def _subjects(side: str) -> Iterator[str]:
    """What the outermost lines of a side are about."""
    lines = [line for line in side.split("\n") if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    for line in lines:
        if len(line) - len(line.lstrip()) > margin:
            continue
        if found := _DEFINES.match(line) or _ASSIGNS.match(line) or _LEAVES.match(line):
            yield next(filter(None, found.groups()), "a way out")


_WORDS = re.compile(r"\w+")
_DEFINES = re.compile(
    r"\s*(?:(?:export|default|pub|public|private|protected|static|final|async|abstract|unsafe|inline)\s+)*"
    r"(?:def|class|fn|func|function|struct|enum|trait|interface|type|module|impl|const|let|var|val)\s+(?:mut\s+)?([\w.]+)"
)
_ASSIGNS = re.compile(r"\s*(?:[\w.<>\[\]*&]+\s+)*[\"']?([\w.$-]+)[\"']?(?:\[[^\]]*\])?\s*(?:[-+*/|&]?=(?!=)|:(?!:)|:=)")
_LEAVES = re.compile(r"\s*(?:return|raise|throw|break|continue|yield|(if|elif|else|while|for|with|try|assert))\b")

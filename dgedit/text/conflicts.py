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
from dataclasses import dataclass

from .languages import comment_of

MARKER = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$|^={7}$", re.MULTILINE)
OPENING = re.compile(r"^<{7}(?: .*)?$", re.MULTILINE)
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


def plain_answers(conflict: Conflict) -> list[str]:
    """What a person often takes: one side or both; the obvious answer alone where there is one."""
    ours, theirs, base = conflict.ours, conflict.theirs, conflict.base
    if ours == theirs or theirs == base:
        return [ours]
    if ours == base:
        return [theirs]
    shared = set(filter(str.strip, ours.split("\n"))) & set(theirs.split("\n"))
    both = (_union(ours, theirs),) if shared else (ours + theirs, theirs + ours)
    return list(dict.fromkeys((ours, theirs, *both)))


def both_sides(conflict: Conflict, language: str) -> str:
    """Both sides as comments, for a model to read before it writes the answer."""
    sign = comment_of(language).line or "#"
    lines = (conflict.ours + conflict.theirs).split("\n")
    return "".join(f"{sign} {line}".rstrip() + "\n" for line in lines if line.strip())


def _union(ours: str, theirs: str) -> str:
    """All lines of ours, then those of theirs that ours has not."""
    known = set(ours.split("\n"))
    return ours + "".join(line + "\n" for line in theirs.split("\n")[:-1] if line not in known)

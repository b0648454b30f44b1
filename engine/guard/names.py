"""Names that could stand in a hole by themselves: those that the text around it reads and nothing binds, those in
reach, words that the one around the hole may become. Told by the text alone; a model says which is likely."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterator

from .place import HolePlace, PlaceKind

IN_REACH_MAX = 8
WORDS_MAX = 8
WANTED_MAX = 4
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_WORD = re.compile(r"[^\W\d]\w*")
_BOUND_ELSEWHERE = frozenset((*keyword.kwlist, *keyword.softkwlist, *dir(builtins)))
_KEYWORDS = {"python": tuple(keyword.kwlist)}
_BINDS = re.compile(r"(?:\b(?:import|for|as|def|class|global|nonlocal)\s+|[(,]\s*)\Z")
"""Behind these a name may be bound."""


def proposed(prefix: str, suffix: str, place: HolePlace, wanted: tuple[str, ...], before: str) -> list[str]:
    """Texts for a hole in code, each once, the likeliest kind first.

    Args:
        wanted: names that the text around the hole reads and nothing binds.
        before: the part of the text before the hole whose names are in reach.
    """
    if place.kind not in (PlaceKind.CODE, PlaceKind.FIELD):
        return []
    if place.stem or place.tail:
        return list(dict.fromkeys(_completions(prefix, suffix, place)))
    if place.begins_line:
        at_margin = not place.is_mid_line and not place.head
        return [f"import {name}" for name in wanted if at_margin and name in sys.stdlib_module_names][:WANTED_MAX]
    return list(dict.fromkeys((*_binding(place, wanted), *_in_reach(before, place))))


def _binding(place: HolePlace, wanted: tuple[str, ...]) -> Iterator[str]:
    """What may bind the names that are wanted, where a name can be bound."""
    if wanted and _BINDS.search(place.head):
        yield from wanted[:WANTED_MAX]
        if len(wanted) > 1:
            yield ", ".join(wanted[:WANTED_MAX])
            yield ", ".join(wanted[:2])


def _in_reach(before: str, place: HolePlace) -> Iterator[str]:
    """Names that were read or bound before the hole, the nearest first."""
    if place.head.rstrip().endswith((".", "@")) or _BINDS.search(place.head.replace("(", "")):
        return
    found = [name for name in reversed(_NAME.findall(before)) if name not in _BOUND_ELSEWHERE]
    yield from list(dict.fromkeys(found))[:IN_REACH_MAX]


def _completions(prefix: str, suffix: str, place: HolePlace) -> Iterator[str]:
    """What is missing of words that begin and end like the one around the hole, the nearest first."""
    stem, tail = place.stem, place.tail
    if not stem:
        return
    known = (*reversed(_WORD.findall(prefix)), *_WORD.findall(suffix), *_KEYWORDS.get(place.language, ()))
    fitting = (
        word
        for word in known
        if word.startswith(stem) and word.endswith(tail) and len(word) > len(stem) + len(tail) and word != stem
    )
    for word in list(dict.fromkeys(fitting))[:WORDS_MAX]:
        yield word[len(stem) : len(word) - len(tail)]

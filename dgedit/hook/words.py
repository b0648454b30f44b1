"""How a hook speaks: a line each, on whichever stream its caller gives, in which no name can play tricks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..terminal import shown
from .checks import Problem

Say = Callable[[str], None]

NAMED_MAX = 5
"""Of a longer list the rest is counted."""


def listed(words: Iterable[str]) -> str:
    """The first few of a list, and how many there are beside them."""
    every = list(words)
    more = f" and {len(every) - NAMED_MAX:,} more" if len(every) > NAMED_MAX else ""
    return ", ".join(every[:NAMED_MAX]) + more


def say_problems(path: str, problems: Sequence[Problem], say: Say, still: str = "") -> None:
    """A line for each problem, with its place as editors and terminals know places."""
    for problem in problems:
        say(f"{shown(path)}:{problem.line}: {still}{problem.message}")


def say_skipped(reasons: Mapping[str, str], say: Say) -> None:
    """One line for all the files that are left alone, with the reason for each."""
    if reasons:
        say(f"left alone: {listed(f'{shown(path)} ({reason})' for path, reason in sorted(reasons.items()))}")

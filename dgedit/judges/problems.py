"""What is doubtful in a Python text: where it does not parse, and what pyflakes finds in it; told by a process beside.

`python -m dgedit.judges.problems` reads a text and prints what it finds as JSON, so that whoever shows it to a person
never waits for it. A hole that is still to be filled stands for any value.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass

from ..engine.parsing import module_of
from ..text.holes import MARKER
from . import python

STANDS_IN = "Ellipsis".ljust(len(MARKER))
"""Of the same length as a marker, so that columns stay."""
NICENESS = 10
PROBLEMS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One doubtful place; row and column from 0."""

    row: int
    column: int
    message: str
    name: str = ""
    """The name that nothing defines, where that is the problem."""


def problems(text: str) -> list[Doubt]:
    """What is found in a text, in order; nothing where pyflakes is not installed and the text parses."""
    source = text.replace(MARKER, STANDS_IN)
    tree = module_of(source)
    if tree is None:
        verdict = python.judge(source)
        return [Doubt(row=verdict.line, column=verdict.column, message=verdict.message)] if verdict.is_broken else []
    try:
        from pyflakes import checker, messages
    except ImportError:
        return []
    found = [
        Doubt(
            row=each.lineno - 1,
            column=each.col,
            message=each.message % each.message_args,
            name=each.message_args[0] if isinstance(each, messages.UndefinedName) else "",
        )
        for each in checker.Checker(tree).messages
    ]
    return sorted(found, key=lambda problem: (problem.row, problem.column))[:PROBLEMS_MAX]


def read(printed: bytes) -> list[Doubt]:
    """What the process printed."""
    return [Doubt(**each) for each in json.loads(printed)]


if __name__ == "__main__":
    os.nice(NICENESS)
    print(json.dumps([asdict(problem) for problem in problems(sys.stdin.buffer.read().decode("utf-8", "replace"))]))

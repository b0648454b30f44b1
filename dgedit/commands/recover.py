"""`dgedit recover`: lists unsaved work that was left or thrown away, and gives it back."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..batch.output import delivered, printed
from .arguments import CommandParser


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    parser = CommandParser(
        prog="dgedit recover",
        description="List unsaved work that a crash left and what was discarded in the last 30 days, or give one back.",
    )
    parser.add_argument("number", nargs="?", type=int, metavar="NUMBER", help="which one of the list is given back")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write it to a new file instead of standard output"
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """List, or give back; returns the exit code.

    Raises:
        DgeditError: when there is no such number, or the text cannot be written.
    """
    from ..files import recovery

    if options.number is None:
        return printed("".join(f"{line}\n" for line in recovery.listed(recovery.found())))
    work = recovery.chosen(recovery.found(), options.number)
    if options.output is None:
        return delivered(work.raw)
    recovery.write_new(options.output, work.raw)
    return 0

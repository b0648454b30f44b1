"""`dgedit bench`: its command line."""

from __future__ import annotations

import argparse

from ..engine.catalog import DEFAULT_MODEL
from .arguments import CommandParser, number


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(prog="dgedit bench", description="Time the model on this machine.")
    made.add_argument(
        "--model", default=DEFAULT_MODEL, help="a bundled model or the folder of a checkpoint (default: %(default)s)"
    )
    made.add_argument("--runs", type=number(1), default=40, help="infills to time (default: 40)")
    made.add_argument("--serve", action="store_true", help="time `dgedit fill` with a warm process and without")
    made.add_argument("--busy", action="store_true", help="time the slowest infills, idle and beside other programs")
    made.add_argument("--idle", action="store_true", help="count how often an editor wakes up that nobody touches")
    made.add_argument(
        "--holes", action="store_true", help="fill --runs holes of a text of 10 MB, and say what memory it takes"
    )
    made.add_argument("--ui", action="store_true", help="time the editor: first paint, keys, frames")
    return made


def run(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    if options.ui:
        from ..bench.editor import run as run_ui

        return run_ui(options.model)
    if options.serve:
        from ..bench.server import run as run_serve

        return run_serve(options.model)
    if options.holes:
        from ..bench.holes import run as run_holes

        return run_holes(options.model, options.runs)
    if options.idle:
        from ..bench.idle import run as run_idle

        return run_idle()
    if options.busy:
        from ..bench.tail import run as run_tail

        return run_tail(options.model, options.runs)
    from ..bench.model import run

    return run(options.model, options.runs)

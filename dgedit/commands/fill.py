"""`dgedit fill`: its command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import add_engine


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = argparse.ArgumentParser(
        prog="dgedit fill",
        description="Fill every <FILL_ME> and every --lines span; the whole text goes to standard output.",
        epilog="exit codes: 0 filled, 1 nothing to fill, 2 error, 130 cancelled; only at 0 is the text changed",
    )
    made.add_argument("source", metavar="FILE", help="a file, or - for standard input")
    made.add_argument(
        "--lines",
        action="append",
        default=[],
        metavar="A-B",
        help="rewrite these lines, counted from 1; may be repeated",
    )
    made.add_argument("--language", help="what the text is written in (default: by the file's name; python for -)")
    made.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    add_engine(made, model="nano", seed=0, steps=8)
    return made


def run(options: argparse.Namespace) -> int:
    """Fill; returns the exit code."""
    from ..files import language_of
    from ..fill import FillOptions
    from ..pipe import PipeOptions
    from ..pipe import run as fill

    known = "python" if options.source == "-" else language_of(Path(options.source))
    path = None if options.source == "-" else Path(options.source)
    chosen = FillOptions(seed=options.seed, passes=options.steps, language=options.language or known, path=path)
    return fill(
        PipeOptions(
            source=options.source, lines=tuple(options.lines), model=options.model, fill=chosen, quiet=options.quiet
        )
    )

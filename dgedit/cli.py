"""The command line: which surface runs, and with what.

Imports nothing heavy; each surface is imported when it is chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from .errors import DgeditError

EPILOG = """\
commands:
  dgedit FILE          edit a file; select a span or stand in an empty place and press Ctrl+G
  dgedit fill FILE|-   fill every <FILL_ME> and every --lines A-B; the whole text goes to standard output
  dgedit bench         time the bundled model on this machine
"""


def _number(low: int) -> Callable[[str], int]:
    """An argparse type: an integer of at least `low`."""

    def parse(value: str) -> int:
        number = int(value)
        if number < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, got {number}")
        return number

    parse.__name__ = "integer"
    return parse


def _engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="nano", help="a bundled model or the folder of a checkpoint (default: nano)")
    parser.add_argument(
        "--seed", type=_number(0), default=0, help="0: the likeliest tokens; others sample (default: 0)"
    )
    parser.add_argument("--steps", type=_number(1), default=8, help="denoising passes at most (default: 8)")


def editor_parser() -> argparse.ArgumentParser:
    """`dgedit [FILE]`."""
    parser = argparse.ArgumentParser(
        prog="dgedit",
        description="A terminal editor whose infill is diffusion.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", help="the file to edit; it may be new")
    parser.add_argument("--version", action="version", version=f"dgedit {metadata.version('dgedit')}")
    _engine_options(parser)
    return parser


def fill_parser() -> argparse.ArgumentParser:
    """`dgedit fill`."""
    parser = argparse.ArgumentParser(
        prog="dgedit fill",
        description="Fill every <FILL_ME> and every --lines span; the whole text goes to standard output.",
        epilog="exit codes: 0 filled, 1 nothing to fill, 2 error, 130 cancelled; only at 0 is the text changed",
    )
    parser.add_argument("source", metavar="FILE", help="a file, or - for standard input")
    parser.add_argument(
        "--lines",
        action="append",
        default=[],
        metavar="A-B",
        help="rewrite these lines, counted from 1; may be repeated",
    )
    parser.add_argument("--language", help="what the text is written in (default: by the file's name; python for -)")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    _engine_options(parser)
    return parser


def bench_parser() -> argparse.ArgumentParser:
    """`dgedit bench`."""
    parser = argparse.ArgumentParser(prog="dgedit bench", description="Time the model on this machine.")
    parser.add_argument("--model", default="nano", help="a bundled model or the folder of a checkpoint (default: nano)")
    parser.add_argument("--runs", type=_number(1), default=40, help="infills to time (default: 40)")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["fill"]:
            return _fill(fill_parser().parse_args(arguments[1:]))
        if arguments[:1] == ["bench"]:
            return _bench(bench_parser().parse_args(arguments[1:]))
        return _edit(editor_parser().parse_args(arguments))
    except DgeditError as error:
        print(f"dgedit: {error.line()}", file=sys.stderr)
        return error.code


def _fill(options: argparse.Namespace) -> int:
    from .files import language_of
    from .fill import FillOptions
    from .pipe import PipeOptions, run

    known = "python" if options.source == "-" else language_of(Path(options.source))
    path = None if options.source == "-" else Path(options.source)
    chosen = FillOptions(seed=options.seed, passes=options.steps, language=options.language or known, path=path)
    return run(
        PipeOptions(
            source=options.source, lines=tuple(options.lines), model=options.model, fill=chosen, quiet=options.quiet
        )
    )


def _bench(options: argparse.Namespace) -> int:
    from .bench import run

    return run(options.model, options.runs)


def _edit(options: argparse.Namespace) -> int:
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise DgeditError("the editor needs a terminal", "in a pipe, use: dgedit fill -")
    from .tui.app import run

    return run(options.file, model=options.model, seed=options.seed, passes=options.steps)

"""The command line: which surface runs, and with what.

Imports nothing heavy; each surface is imported when it is chosen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import DgeditError, ExitCode

if TYPE_CHECKING:
    from .config import Infill

EPILOG = """\
places: +LINE FILE, +LINE:COLUMN FILE, FILE:LINE, FILE:LINE:COLUMN; after -- everything is a file

commands:
  dgedit FILE...       edit files; select a span or stand in an empty place and press Ctrl+G
  dgedit fill FILE|-   fill every <FILL_ME> and every --lines A-B; the whole text goes to standard output
  dgedit bench         time the model (or, with --ui, the editor) on this machine
  dgedit config        print every setting with its default, as a file to keep and change
  dgedit stats         print what was shown and accepted; the counts stay on this machine

A file with the name of a command is opened as ./NAME.
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


def _engine_options(parser: argparse.ArgumentParser, *, model: str, seed: int, steps: int) -> None:
    parser.add_argument(
        "--model", default=model, help=f"a bundled model or the folder of a checkpoint (default: {model})"
    )
    parser.add_argument(
        "--seed", type=_number(0), default=seed, help=f"0: the likeliest tokens; others sample (default: {seed})"
    )
    parser.add_argument("--steps", type=_number(1), default=steps, help=f"denoising passes at most (default: {steps})")


def editor_parser(infill: Infill) -> argparse.ArgumentParser:
    """`dgedit [FILE...]`."""
    parser = argparse.ArgumentParser(
        prog="dgedit",
        description="A terminal editor whose infill is diffusion.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="files to edit; they may be new")
    parser.add_argument("--version", action="version", version=f"dgedit {metadata.version('dgedit')}")
    _engine_options(parser, model=infill.model, seed=infill.seed, steps=infill.passes)
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
    _engine_options(parser, model="nano", seed=0, steps=8)
    return parser


def bench_parser() -> argparse.ArgumentParser:
    """`dgedit bench`."""
    parser = argparse.ArgumentParser(prog="dgedit bench", description="Time the model on this machine.")
    parser.add_argument("--model", default="nano", help="a bundled model or the folder of a checkpoint (default: nano)")
    parser.add_argument("--runs", type=_number(1), default=40, help="infills to time (default: 40)")
    parser.add_argument("--ui", action="store_true", help="time the editor: first paint, keys, frames")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["fill"]:
            return _fill(fill_parser().parse_args(arguments[1:]))
        if arguments[:1] == ["bench"]:
            return _bench(bench_parser().parse_args(arguments[1:]))
        if arguments in (["config"], ["stats"]):
            return _print(arguments[0])
        return _edit(arguments)
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
    if options.ui:
        from .bench_ui import run as run_ui

        return run_ui(options.model)
    from .bench import run

    return run(options.model, options.runs)


def _print(what: str) -> int:
    """The settings, or the counts."""
    if what == "stats":
        from .stats import Stats

        print(Stats().summary())
    else:
        from .config import document
        from .tui.commands import COMMANDS

        print(document(commands=COMMANDS), end="")
    return ExitCode.OK


def _edit(arguments: list[str]) -> int:
    from . import config, locations
    from .tui.commands import COMMANDS

    split = arguments.index("--") if "--" in arguments else len(arguments)
    # Help and version come before a broken settings file is complained of.
    parser = editor_parser(config.Infill())
    parser.parse_args(arguments[:split])
    loaded = config.load(commands=COMMANDS)
    options = editor_parser(loaded.infill).parse_args(arguments[:split])
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise DgeditError("the editor needs a terminal", "in a pipe, use: dgedit fill -")
    places = locations.parse([*options.files, *arguments[split:]])

    from .fill import FillOptions
    from .tui.app import run

    chosen = replace(loaded, infill=replace(loaded.infill, model=options.model))
    return run(places, config=chosen, options=FillOptions(seed=options.seed, passes=options.steps))

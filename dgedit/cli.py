"""The command line: the editor, or one of the commands beside it.

Imports nothing heavy; each command's module is imported when it is given.
"""

from __future__ import annotations

# Before all that takes time: a signal that comes meanwhile must not cost the text that is on its way.
from . import first_signals  # isort: split

import sys

first_signals.remember(sys.argv[1:])

import importlib  # noqa: E402
import os  # noqa: E402
import traceback  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from contextlib import suppress  # noqa: E402

from . import terminal  # noqa: E402
from .commands import editor  # noqa: E402
from .errors import DgeditError, ExitCode  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    code = int(ExitCode.ERROR)
    try:
        with terminal.guarded():
            code = _run(arguments)
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else int(bool(stopped.code))
        raise
    except KeyboardInterrupt:
        terminal.say("cancelled")
        code = int(ExitCode.CANCELLED)
    except Exception:  # the boundary: nobody thought of it, and its words may come from anywhere
        terminal.to_stderr(terminal.shown_lines(traceback.format_exc()))
        terminal.say("internal error; please report it with the lines above")
    finally:
        if code:
            _give_back(arguments)
        _let_go_of_streams()
    return code


def _run(arguments: list[str]) -> int:
    try:
        if arguments and arguments[0] in editor.COMMANDS:
            command = importlib.import_module(f".commands.{arguments[0]}", __package__)
            return int(command.run(command.parser().parse_args(arguments[1:])))
        return editor.run(arguments)
    except DgeditError as error:
        terminal.say(error.line())
        return error.code


def _give_back(arguments: list[str]) -> None:
    """The text that was on its way, where the command failed before it was read."""
    if "-" in arguments:
        from .batch import echo

        with suppress(OSError):
            echo.give_back(arguments, tuple(editor.COMMANDS))


def _let_go_of_streams() -> None:
    """Whatever is gone must not change the exit code: Python makes it 120 where its last flush fails."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

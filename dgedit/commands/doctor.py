"""`dgedit doctor`: its command line."""

from __future__ import annotations

import argparse
import sys

from ..errors import ExitCode

EPILOG = """\
Each line begins with ok, note (it works, but you may want to know) or BAD (it does not; the line says what to do).
Nothing is fetched or sent.

exit codes: 0 nothing is BAD, 2 something is, 130 cancelled by Ctrl+C
"""


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = argparse.ArgumentParser(
        prog="dgedit doctor",
        description="Look at all that an infill needs: versions, terminal, settings, device, model, one timed infill.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--model", default="nano", help="the model to look for and to try (default: nano)")
    made.add_argument("--no-infill", action="store_true", help="do not load the model")
    return made


def run(options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..doctor import run as examine
    from ..tui.commands import COMMANDS

    try:
        good = examine(options.model, COMMANDS, infills=not options.no_infill, say=_print)
    except KeyboardInterrupt:
        return ExitCode.CANCELLED
    return ExitCode.OK if good else ExitCode.ERROR


def _print(line: str) -> None:
    """One line at once, also where the terminal knows fewer characters."""
    encoding = sys.stdout.encoding
    print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)

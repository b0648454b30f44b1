"""`dgedit doctor`: its command line."""

from __future__ import annotations

import argparse

from ..errors import ExitCode


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = argparse.ArgumentParser(
        prog="dgedit doctor",
        description="Look at all that an infill needs: versions, terminal, device, model, one timed infill.",
        epilog="exit codes: 0 nothing is wrong, 2 something is; such lines begin with BAD and say what to do",
    )
    made.add_argument("--model", default="nano", help="the model to look for and to try (default: nano)")
    made.add_argument("--no-infill", action="store_true", help="do not load the model")
    return made


def run(options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..doctor import run as examine

    return ExitCode.OK if examine(options.model, infills=not options.no_infill) else ExitCode.ERROR

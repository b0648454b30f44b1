"""`dgedit config`: prints every setting with its default."""

from __future__ import annotations

import argparse

from ..batch.output import printed
from .arguments import CommandParser


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    return CommandParser(
        prog="dgedit config", description="Print every setting with its default, as a file to keep and change."
    )


def run(_options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..config import document
    from ..tui.commands import COMMANDS

    return printed(document(commands=COMMANDS))

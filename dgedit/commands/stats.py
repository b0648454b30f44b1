"""`dgedit stats`: prints what was shown and accepted."""

from __future__ import annotations

import argparse

from ..batch.output import printed
from .arguments import CommandParser


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    return CommandParser(
        prog="dgedit stats", description="Print what was shown and accepted; the counts stay on this machine."
    )


def run(_options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..stats import Stats

    return printed(f"{Stats().summary()}\n")

"""`dgedit stats`: prints what was shown and accepted."""

from __future__ import annotations

import argparse

from .arguments import CommandParser


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    return CommandParser(
        prog="dgedit stats", description="Print what was shown and accepted; the counts stay on this machine."
    )


def run(_options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..stats import Stats

    print(Stats().summary())
    return 0

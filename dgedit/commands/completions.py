"""`dgedit completions`: its command line."""

from __future__ import annotations

import argparse

SHELLS = ("bash", "zsh", "fish")


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = argparse.ArgumentParser(
        prog="dgedit completions",
        description="Print the completion script of a shell.",
        epilog="bash: dgedit completions bash > ~/.local/share/bash-completion/completions/dgedit",
    )
    made.add_argument("shell", choices=SHELLS)
    return made


def run(options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..completions import script

    print(script(options.shell), end="")
    return 0

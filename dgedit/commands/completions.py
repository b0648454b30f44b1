"""`dgedit completions`: its command line."""

from __future__ import annotations

import argparse

SHELLS = ("bash", "zsh", "fish")
EPILOG = """\
where the script goes:
  bash  dgedit completions bash > ~/.local/share/bash-completion/completions/dgedit
        or, without the package bash-completion, in ~/.bashrc: source <(dgedit completions bash)
  zsh   dgedit completions zsh > _dgedit, in a folder of $fpath
  fish  dgedit completions fish > ~/.config/fish/completions/dgedit.fish
"""


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = argparse.ArgumentParser(
        prog="dgedit completions",
        description="Print what a shell needs to complete the command line of dgedit.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("shell", choices=SHELLS, help="whose script is printed")
    return made


def run(options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..completions import script

    print(script(options.shell), end="")
    return 0

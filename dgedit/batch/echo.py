"""Standard input given back where a command ended before it read it: a wrong option must not cost a text.

Editors replace a buffer by what a filter writes: `:%!dgedit fill --sed 3 -` would empty it. It must know nothing of
what the commands do.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from ..files.disk import MAX_READ_BYTES
from ..first_signals import FILTERS
from .output import Output

NO_TEXT = ("--check", "--diff", "--in-place", "--json", "--help", "--version")
"""Options with which standard output carries no text."""
ABBREVIATED_CHARS = 4
"""The shortest beginning of one of them that is taken for it."""
COPY_BYTES = 1 << 20

_taken = False


def take() -> None:
    """Say that somebody reads standard input now, and answers for it."""
    global _taken
    _taken = True


def give_back(arguments: Sequence[str], commands: Sequence[str]) -> None:
    """Copy standard input to standard output, where a text was on its way through and nobody has read it.

    Args:
        commands: the words that may stand first; others are taken for misspelt ones.
    """
    if _taken or "-" not in arguments or not _is_filter(arguments, commands):
        return
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return
    # Whoever wants it to end now need not wait for the end of the input.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    output, left, held = Output(), MAX_READ_BYTES, bytearray()
    while left > 0 and (piece := os.read(sys.stdin.fileno(), min(left, COPY_BYTES))):
        left -= len(piece)
        if output.is_terminal:
            # What is shown there is shown as the whole text's encoding says.
            held += piece
        else:
            output.write(piece)
        if output.is_gone:
            return
    output.write_text(bytes(held))


def _is_filter(arguments: Sequence[str], commands: Sequence[str]) -> bool:
    if arguments[0] in commands and arguments[0] not in FILTERS:
        return False
    return not any(_means(argument, option) for argument in arguments for option in NO_TEXT)


def _means(argument: str, option: str) -> bool:
    return argument == "-h" or (len(argument) >= ABBREVIATED_CHARS and option.startswith(argument))

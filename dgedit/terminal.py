"""Words on their way to a terminal: the one place that makes them harmless, and says them.

A file's name, a setting, a server's words, an answer may hold what a terminal obeys: escape sequences, control
characters, signs that turn the direction of text. Whoever writes such words writes `shown(words)`.
"""

from __future__ import annotations

import contextlib
import sys


def shown(words: str, *, keep: str = "", in_place: bool = False) -> str:
    """Words in which every character that a terminal would obey, or not show, is spelt out; on one line.

    Args:
        keep: characters that stay as they are.
        in_place: such a character becomes one that is drawn, not several: the words stay as long as they were.
    """
    if words.isprintable():
        return words
    return "".join(sign if sign.isprintable() or sign in keep else _instead(sign, in_place) for sign in words)


def shown_lines(words: str) -> str:
    """The same for several lines, which keep their breaks and tabs."""
    return shown(words, keep="\n\t")


def drawn(words: str) -> str:
    """The same where cells are counted."""
    return shown(words, in_place=True)


def _instead(sign: str, in_place: bool) -> str:
    if in_place:
        return " " if sign.isspace() else "·"
    return repr(sign)[1:-1]


def say(message: str) -> None:
    """Tell a person something, on one line of standard error."""
    to_stderr(f"dgedit: {shown(message)}\n")


def to_stderr(text: str) -> None:
    """Write what is harmless already; narration never stops the work: its stream may be closed or full."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()

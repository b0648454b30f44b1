"""Words on their way to a terminal: the one place that makes them harmless, and says them.

A file's name, a setting, a server's words, an answer may hold what a terminal obeys: escape sequences, control
characters, signs that turn the direction of text. Whoever writes such words writes `shown(words)`.
"""

from __future__ import annotations

import contextlib
import sys


def shown(words: str) -> str:
    """Words on one line, in which every character that a terminal would obey, or not show, is spelt out."""
    if words.isprintable():
        return words
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in words)


def shown_lines(words: str) -> str:
    """The same for several lines, which keep their breaks and tabs."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in words)


def say(message: str) -> None:
    """Tell a person something, on one line of standard error."""
    to_stderr(f"dgedit: {shown(message)}\n")


def to_stderr(text: str) -> None:
    """Write what is harmless already; narration never stops the work: its stream may be closed or full."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()

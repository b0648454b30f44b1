"""Words on their way to a terminal: the one place that makes them harmless, and says them.

A file's name, a setting, a server's words, an answer may hold what a terminal obeys: escape sequences, control
characters, signs that turn the direction of text. Whoever writes such words writes `shown(words)`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
"""What textual-serve asks Textual to draw with."""


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


class _Shown:
    """A stream whose words are harmless, whoever writes them: Python's own warnings, a library."""

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, words: str) -> int:
        self.beneath.write(shown_lines(words))
        return len(words)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Nothing that is printed in here steers a terminal; bytes that go to a stream's descriptor or buffer are data."""
    before = sys.stdout, sys.stderr
    if sys.stdout is not None and sys.stdout.isatty():
        sys.stdout = cast("TextIO", _Shown(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", _Shown(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def in_browser() -> bool:
    """Whether this process is an editor that a browser shows through `dgedit web`, and no terminal."""
    return os.environ.get("TEXTUAL_DRIVER") == WEB_DRIVER


def say(message: str) -> None:
    """Tell a person something, on one line of standard error."""
    to_stderr(f"dgedit: {shown(message)}\n")


def to_stderr(text: str) -> None:
    """Write what is harmless already; narration never stops the work: its stream may be closed or full."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            stream = getattr(sys.stderr, "beneath", sys.stderr)
            stream.write(text)
            stream.flush()

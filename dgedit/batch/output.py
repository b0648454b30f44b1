"""Standard output as data alone: whole, or an error that says how much of it was written; to a terminal, to be read.

It may be a pipe that nobody reads any more, a full disk, closed, or not willing to wait; and Python's own stream may be
without a buffer (PYTHONUNBUFFERED), in which case it writes what fits and forgets the rest. So bytes go to its
descriptor, in a loop. It must know nothing of what the bytes are.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterable, Sequence

from .. import terminal
from ..errors import DgeditError, ExitCode
from ..text import diff
from ..text.encoding import UTF_8_BOM, UTF_16_BE, UTF_16_LE, Encoding, decode_any

WAIT_S = 1.0
"""For a reader that is slow, before it is looked for again."""


class OutputGoneError(Exception):
    """Nobody reads standard output any more, or it is full."""


class Output:
    """Standard output, which may go away or be full at any time."""

    def __init__(self) -> None:
        self.is_gone = False
        self.written = 0
        """Bytes of all that was written."""
        self.is_terminal = sys.stdout is not None and sys.stdout.isatty()
        """Somebody reads it there: what a terminal would obey is spelt out."""

    def write_text(self, raw: bytes) -> str:
        """Write all of a text: exactly, but to a terminal as it can be read; says what a person should know, once."""
        return self.write(_readable(raw) if self.is_terminal else raw)

    def write(self, raw: bytes) -> str:
        """Write all of it; says what a person should know, once."""
        if self.is_gone or not raw:
            return ""
        if sys.stdout is None:
            self.is_gone = True
            return "standard output is closed"
        before = self.written
        try:
            self._write(raw)
        except OSError as trouble:
            self.is_gone = True
            _let_go()
            if isinstance(trouble, BrokenPipeError):
                return ""
            part = f" after {self.written - before:,} of {len(raw):,} bytes" if self.written > before else ""
            return f"cannot write standard output{part}: {trouble.strerror}"
        return ""

    def _write(self, raw: bytes) -> None:
        # What others have printed comes first.
        sys.stdout.flush()
        try:
            handle = sys.stdout.fileno()
        except (io.UnsupportedOperation, AttributeError):
            # A stream within this process.
            sys.stdout.buffer.write(raw)
            sys.stdout.buffer.flush()
            self.written += len(raw)
            return
        rest = memoryview(raw)
        while rest:
            try:
                count = os.write(handle, rest)
            except BlockingIOError:
                select.select([], [handle], [], WAIT_S)
                continue
            self.written += count
            rest = rest[count:]


def printed(words: str) -> ExitCode:
    """Print lines for a person, or for a file that they are kept in: whole, or an error; returns the exit code."""
    output = Output()
    return _told(output, output.write(_encoded(terminal.shown_lines(words))))


def delivered(raw: bytes) -> ExitCode:
    """Write a text to standard output: whole, or an error that is said; returns the exit code."""
    output = Output()
    return _told(output, output.write_text(raw))


def _told(output: Output, trouble: str) -> ExitCode:
    if trouble:
        terminal.say(trouble)
    return ExitCode.ERROR if output.is_gone else ExitCode.OK


def diff_of(text: str, edits: Sequence[tuple[int, int, str]], encoding: Encoding, name: str) -> bytes:
    """The diff in the encoding of the file, so that `patch` can apply it; of UTF-16 it is there to be read."""
    if encoding is UTF_8_BOM:
        text, edits = "\ufeff" + text, [(start + 1, end + 1, new) for start, end, new in edits]
    lines: Iterable[str] = diff.unified(text, edits, name)
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if on_terminal and _wants_colour():
        lines = diff.coloured(map(terminal.shown_lines, lines))
    elif on_terminal:
        # There it is to be read, not applied.
        lines = map(terminal.shown_lines, lines)
    codec = "utf-8" if encoding in (UTF_16_LE, UTF_16_BE) else encoding.codec
    # A name is not in the encoding of what is in the file.
    return b"".join(os.fsencode(line) if number < 2 else line.encode(codec) for number, line in enumerate(lines))


def _readable(raw: bytes) -> bytes:
    """A text as a terminal shows it, line breaks and tabs alone obeyed."""
    try:
        text = decode_any(raw, "").text
    except DgeditError:
        text = raw.decode("utf-8", "surrogateescape")
    return _encoded(terminal.shown_lines(text.replace("\r\n", "\n")))


def _encoded(words: str) -> bytes:
    """Words as the reader of standard output expects them."""
    return words.encode(getattr(sys.stdout, "encoding", None) or "utf-8", "backslashreplace")


def _wants_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _let_go() -> None:
    """Python would complain once more while it closes the stream."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return

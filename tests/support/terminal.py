"""A real editor on a pseudo-terminal: keys in, the screen out, as a person has it.

`Screen` is the small part of a terminal that the editor needs. It notes every control sequence that it does not know,
so that bytes of a file that would reach the terminal raw are found.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.cells import cell_len

from dgedit import config
from dgedit.errors import ExitCode
from dgedit.tui.typeahead import HOLD_S

TIMEOUT_S = 90.0
EDITOR = (sys.executable, "-m", "dgedit")
FORGOTTEN = ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "FORCE_COLOR", "TERM_PROGRAM", "TMUX", "PYTEST_CURRENT_TEST")
"""Variables of whoever runs the tests that would change what the editor draws."""
SETTINGS = "[infill]\nwarm_up = false\n"
"""Without the model an editor starts three times as fast; an infill still loads it."""
SOURCE = b"def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
READY = "Ctrl+O Open"
SAVE, QUIT, UNDO, REDO, FIND, INFILL = b"\x13", b"\x11", b"\x1a", b"\x19", b"\x06", b"\x07"
NEXT_HOLE, NEXT_TAB, PREVIOUS_TAB = b"\x1b[19~", b"\x1b[6;5~", b"\x1b[5;5~"
TAB, ESCAPE = b"\t", b"\x1b"
_SEQUENCE = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)(?P<kind>[ -/]*[@-~])|\x1b\](?P<command>[^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]"
)
_MODES = re.compile(r"\?[0-9;]+")


class Screen:
    """The cells of a terminal."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.cells = [[" "] * columns for _ in range(rows)]
        self.modes = set[str]()
        """Private modes that are on, as "?1049"."""
        self.commands = list[str]()
        """What came in OSC sequences: the clipboard, the title."""
        self.unknown = list[str]()
        """Control sequences and characters that an editor has no reason to send."""
        self._row = self._column = 0
        self._rest = ""

    @property
    def lines(self) -> list[str]:
        """The rows as text, without spaces at the end."""
        return ["".join(row).rstrip() for row in self.cells]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def feed(self, text: str) -> None:
        """Draw what was printed; a sequence that is not whole waits for its rest."""
        text = self._rest + text
        position, self._rest = 0, ""
        while position < len(text):
            if text[position] != "\x1b":
                self._put(text[position])
                position += 1
                continue
            match = _SEQUENCE.match(text, position)
            if match is not None:
                self._obey(match)
                position = match.end()
            elif len(text) - position < 100:
                self._rest = text[position:]
                return
            else:
                self.unknown.append(text[position : position + 20])
                position += 1

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._row = min(self._row + 1, self.rows - 1)
        elif ord(character) < 32 or 0x7F <= ord(character) < 0xA0:
            self.unknown.append(character)
        else:
            width = cell_len(character)
            if 0 < width <= self.columns - self._column:
                self.cells[self._row][self._column : self._column + width] = [character, *[""] * (width - 1)]
            self._column += width

    def _obey(self, match: re.Match[str]) -> None:
        parameters, kind = match["parameters"], match["kind"]
        if match["command"] is not None:
            self.commands.append(match["command"])
        elif kind == "H":
            row, column = (int(number or 1) for number in (parameters or "1;1").split(";"))
            self._row, self._column = min(row, self.rows) - 1, min(column, self.columns) - 1
        elif kind in ("h", "l") and _MODES.fullmatch(parameters):
            (self.modes.add if kind == "h" else self.modes.discard)(parameters)
        elif kind == "J" and parameters == "2":
            self.cells = [[" "] * self.columns for _ in range(self.rows)]
        elif not (kind == "m" or (kind == "u" and parameters[:1] in "<>") or kind == "$p"):
            self.unknown.append(match[0])


class Terminal:
    """A child on a pseudo-terminal."""

    def __init__(self, child: subprocess.Popen[bytes], handle: int, columns: int, rows: int) -> None:
        self.child, self.handle = child, handle
        self.screen = Screen(columns, rows)
        self.raw = b""
        """Everything that was ever printed."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def type(self, keys: bytes | str) -> None:
        """Press keys."""
        os.write(self.handle, keys.encode() if isinstance(keys, str) else keys)

    def answer(self, keys: bytes | str) -> None:
        """Press keys when the question on the screen takes them."""
        until = time.monotonic() + HOLD_S + 0.2
        while time.monotonic() < until:
            self.read()
        self.type(keys)

    def read(self, wait_s: float = 0.05) -> bool:
        """Draw what was printed; false when the child has closed the terminal."""
        if not select.select([self.handle], [], [], wait_s)[0]:
            return True
        try:
            printed = os.read(self.handle, 65536)
        except OSError:
            return False
        self.raw += printed
        self.screen.feed(self._decoder.decode(printed))
        return bool(printed)

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Read until something holds."""
        until = time.monotonic() + TIMEOUT_S
        while not holds():
            assert time.monotonic() < until, f"{what} never came; the screen:\n{self.screen.text}"
            if not self.read() and not holds():
                raise AssertionError(f"{what} never came, the child ended; the screen:\n{self.screen.text}")

    def wait_for(self, wanted: str) -> None:
        """Read until a text is on the screen."""
        self.wait_until(lambda: wanted in self.screen.text, repr(wanted))

    def wait_gone(self, unwanted: str) -> None:
        """Read until a text is not on the screen."""
        self.wait_until(lambda: unwanted not in self.screen.text, f"the end of {unwanted!r}")

    def wait_file(self, path: Path, content: bytes) -> None:
        """Read until a file has its content."""
        self.wait_until(lambda: path.exists() and path.read_bytes() == content, f"{content!r} in {path.name}")

    def ended(self) -> int:
        """Read to the end of the child; returns its exit code, negative for a signal."""
        until = time.monotonic() + TIMEOUT_S
        while self.child.poll() is None or select.select([self.handle], [], [], 0)[0]:
            assert time.monotonic() < until, f"the child goes on; the screen:\n{self.screen.text}"
            if not self.read():
                break
        return self.child.wait(timeout=TIMEOUT_S)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        self.screen = Screen(columns, rows)
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the window: the child gets SIGHUP and a dead terminal."""
        os.close(self.handle)
        self.handle = -1


def set_up(settings: str) -> Path:
    """Write the settings of the person who is not there."""
    file = config.config_path()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(settings)
    return file


@contextmanager
def terminal(
    *arguments: str,
    command: Sequence[str] = EDITOR,
    columns: int = 80,
    rows: int = 24,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Terminal]:
    """A command on a terminal of its own, killed at the end where it still runs; without settings it gets some."""
    if not config.config_path().exists():
        set_up(SETTINGS)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
    child = subprocess.Popen(
        [*command, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=kept | {"TERM": "xterm-256color"} | dict(env or {}),
        cwd=folder,
        start_new_session=True,
        # The first terminal that a leader of a session opens is the one whose end it is told of.
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )
    os.close(theirs)
    session = Terminal(child, ours, columns, rows)
    try:
        yield session
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.wait()
        if session.handle >= 0:
            os.close(session.handle)


def leave(screen: Terminal) -> None:
    """Quit and see that nothing went wrong on the way."""
    screen.type(QUIT)
    assert screen.ended() == ExitCode.OK
    assert screen.screen.unknown == []
    # The shape of the mouse pointer, and what was copied.
    assert {command.partition(";")[0] for command in screen.screen.commands} <= {"22", "52"}

"""`dgedit fill`: text in, the whole text with its holes filled out.

Standard output carries the text alone; everything said goes to standard error. Whatever fails, the input comes out
byte for byte and the exit code is not 0, so that `:%!dgedit fill -` in any editor never loses a buffer.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import files
from .errors import DgeditError, ExitCode
from .fill import FillOptions, fill_holes, load_model
from .holes import find_holes, parse_line_range

if TYPE_CHECKING:
    from .engine.types import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeOptions:
    """The command line of `dgedit fill`."""

    source: str
    """A path, or - for standard input."""
    lines: tuple[str, ...] = ()
    model: str = "nano"
    fill: FillOptions = field(default_factory=FillOptions)
    quiet: bool = False


def run(options: PipeOptions) -> ExitCode:
    """Read, fill, write; returns the exit code."""
    raw = b""
    _interrupted.clear()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)
    try:
        raw = sys.stdin.buffer.read() if options.source == "-" else files.read(Path(options.source))
        filled = fill_bytes(raw, options)
    except DgeditError as error:
        _say(error.line())
        return _write(raw, error.code)
    except KeyboardInterrupt:
        _say("cancelled; the text is unchanged")
        return _write(raw, ExitCode.CANCELLED)
    except Exception as error:  # the boundary: whatever broke, the text must come out
        _say(f"internal error, the text is unchanged: {type(error).__name__}: {error}")
        return _write(raw, ExitCode.ERROR)
    return _write(filled, ExitCode.OK)


def fill_bytes(raw: bytes, options: PipeOptions) -> bytes:
    """The filled text's bytes.

    Raises:
        DgeditError: when the input, a span or the model cannot be used.
    """
    name = "standard input" if options.source == "-" else options.source
    text = files.decode(raw, name)
    holes = find_holes(text, [parse_line_range(value) for value in options.lines])
    model = load_model(options.model)
    began = time.perf_counter()
    progress = Progress(len(holes), quiet=options.quiet)
    filled, results = fill_holes(text, holes, model, options.fill, progress.show)
    progress.close()
    if not options.quiet:
        what = "1 span" if len(holes) == 1 else f"{len(holes)} spans"
        _say(f"filled {what} in {time.perf_counter() - began:.2f} s with {model.info.name} {model.info.digest}")
        if any(result.context.prefix_cut or result.context.suffix_cut for result in results):
            _say("the file is longer than the model reads: text far from the span was left out of its context")
    return filled.encode("utf-8")


_interrupted = threading.Event()


def _interrupt(_number: int, _frame: object) -> None:
    """Ctrl+C: remembered as well as raised, because an import or a destructor may swallow what is raised in it."""
    _interrupted.set()
    raise KeyboardInterrupt


class Progress:
    """One line on standard error that says which pass runs, where that is a terminal."""

    def __init__(self, holes: int, *, quiet: bool) -> None:
        self.holes = holes
        self.on = sys.stderr.isatty() and not quiet

    def show(self, number: int, frame: Frame) -> None:
        """Say where the number-th hole stands; an interrupt that was swallowed is raised here.

        Raises:
            KeyboardInterrupt: when Ctrl+C was pressed.
        """
        if _interrupted.is_set():
            raise KeyboardInterrupt
        if self.on:
            shown = " ".join(frame.text.split())[:50]
            line = f"span {number + 1}/{self.holes}  pass {frame.pass_index}/{frame.passes_max}  {shown}"
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self.on:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _say(message: str) -> None:
    print(f"dgedit: {message}", file=sys.stderr)


def _write(raw: bytes, code: ExitCode) -> ExitCode:
    try:
        sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader went away; Python would complain once more while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR
    return code

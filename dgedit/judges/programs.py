"""A program that is asked about a text: no network of ours, no terminal, bounded time, memory and output.

The program is one that only parses; it gets the text on standard input, or as a file in a folder of its own that goes
away, never beside the source. Variables by which its user makes it load code are taken out of its environment.
"""

from __future__ import annotations

import math
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SECONDS = 10.0
MEMORY_BYTES = 4 << 30
OUTPUT_CHARS = 200_000
_DROPPED = (
    "BASH_ENV",
    "ENV",
    "NODE_OPTIONS",
    "NODE_PATH",
    "RUBYOPT",
    "RUBYLIB",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
)
_DROPPED_STARTS = ("BASH_FUNC_", "RUFF_", "RUSTC", "GCC_", "LD_")


_UNTIL: ContextVar[float] = ContextVar("until", default=math.inf)


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """What a program ended with and said."""

    code: int
    out: str
    err: str


@contextmanager
def until(deadline_s: float) -> Iterator[None]:
    """Programs that are asked in here end by this time of the monotonic clock."""
    token = _UNTIL.set(min(deadline_s, _UNTIL.get()))
    try:
        yield
    finally:
        _UNTIL.reset(token)


@cache
def found(name: str) -> str | None:
    """Where a program is installed; none where it is not."""
    return shutil.which(name)


def ask(
    command: Sequence[str],
    text: str = "",
    *,
    files: dict[str, str] | None = None,
    memory_bytes: int | None = MEMORY_BYTES,
) -> ProgramAnswer | None:
    """Run a program in an empty folder with a text on standard input; none where it did not end by itself.

    Args:
        files: names and texts that are put into the folder first.
        memory_bytes: address space; none for programs that reserve more than they use.
    """
    seconds = min(SECONDS, _UNTIL.get() - time.monotonic())
    if seconds <= 0:
        return None
    with tempfile.TemporaryDirectory(prefix="dgedit-judge-") as folder:
        for name, content in (files or {}).items():
            Path(folder, name).write_text(content, encoding="utf-8", errors="replace")
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=_bounds(seconds, memory_bytes),
            )
        except OSError:
            return None
        try:
            out, err = process.communicate(text.encode("utf-8", "replace"), timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)
    if process.returncode < 0:
        return None
    return ProgramAnswer(process.returncode, _words(out), _words(err))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started."""
    if process.poll() is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _words(raw: bytes) -> str:
    return raw[: 4 * OUTPUT_CHARS].decode("utf-8", "replace")[:OUTPUT_CHARS]


def _bounds(seconds: float, memory_bytes: int | None) -> Callable[[], None]:
    """What the child does before the program begins: it may use so much and no more."""
    wanted = {resource.RLIMIT_CPU: int(seconds) + 2, resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 64 << 20}
    if memory_bytes is not None:
        wanted[resource.RLIMIT_AS] = memory_bytes

    def limit() -> None:
        for kind, amount in wanted.items():
            with suppress(OSError, ValueError):
                hard = resource.getrlimit(kind)[1]
                least = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
                resource.setrlimit(kind, (least, hard))

    return limit


def _environment(folder: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_STARTS)
    }
    return {**kept, "LC_ALL": "C", "TMPDIR": folder, "NO_COLOR": "1"}

"""`dgedit bench`: how fast dgedit is on this machine, measured now. Nothing here is a remembered figure."""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..engine.factory import open_local
from ..fill.open import trouble_said

COMPARED = 10
"""Spans that are filled in turns with transformers, which is slow."""
HELD_AFTER = 20
"""So many infills before memory is looked at: about an hour's work, and most kernels are built by then."""


def run(model_name: str, runs: int) -> int:
    """Print the table; returns the exit code."""
    paints = [ms for ms in (first_paint_ms() for _ in range(5)) if ms is not None]
    _row("first paint of the editor", f"{statistics.median(paints):.0f} ms" if paints else "not measured (no pty here)")
    began = time.perf_counter()
    with trouble_said():
        model = open_local(model_name).model
    _row("import torch and load the model", f"{(time.perf_counter() - began) * 1e3:.0f} ms")
    _row("model", f"{model.info.name} {model.info.parameters / 1e6:.1f}M {model.info.device} {model.info.digest}")
    _row("resident memory, model loaded", _resident())

    from ..engine.catalog import checkpoint_folder
    from ..engine.evals import beside, spans, speed
    from ..engine.threads import in_use

    chosen = spans.load(limit=runs)
    _row("threads", str(in_use()))
    times, passes = speed.infills(model, chosen[:HELD_AFTER])
    # Before anything that an editor does not do, transformers above all.
    _row(f"resident memory, after {len(times)} infills", _resident())
    if more := chosen[HELD_AFTER:]:
        later = speed.infills(model, more)
        times, passes = times + later[0], passes + later[1]
    ordered = sorted(times)
    _row(f"infill of one line, p50 of {len(times)}", f"{statistics.median(times):.0f} ms")
    _row("infill of one line, p95", f"{ordered[int(0.95 * (len(ordered) - 1))]:.0f} ms")
    _row("passes, mean", f"{statistics.mean(passes):.1f}")
    _row("tokens a second, whole infill", f"{speed.tokens_per_second(model, chosen):.0f}")
    for name, value in speed.parts(model, chosen[0]):
        _row(name, value)
    for name, value in beside.rows(checkpoint_folder(model_name), model, chosen[:COMPARED]):
        _row(name, value)
    return 0


def _resident() -> str:
    held = resident_mb()
    return "not measured (no /proc here)" if held is None else f"{held:.0f} MB"


def resident_mb() -> float | None:
    """Memory of this process in MB that is really held; none where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _row(name: str, value: str) -> None:
    print(f"{name:38}{value}", flush=True)


def first_paint_ms(timeout_s: float = 20.0) -> float | None:
    """From starting the process to the file's text on the terminal; none where there are no pseudo-terminals."""
    try:
        import fcntl
        import pty
        import struct
        import termios
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "paint.py"
        file.write_text("first_paint_probe = 1\n", encoding="utf-8")
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        began = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "dgedit", str(file)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=os.environ | {"TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(theirs)
        try:
            return _until(ours, b"first_paint_probe", began, timeout_s)
        finally:
            child.kill()
            child.wait()
            os.close(ours)


def _until(handle: int, wanted: bytes, began: float, timeout_s: float) -> float | None:
    """Milliseconds until `wanted` was printed, control sequences left out."""
    import select

    seen = b""
    while time.perf_counter() - began < timeout_s:
        ready, _, _ = select.select([handle], [], [], 0.5)
        if not ready:
            continue
        with contextlib.suppress(OSError):
            seen += os.read(handle, 65536)
        if wanted in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen):
            return (time.perf_counter() - began) * 1e3
    return None

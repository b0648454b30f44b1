"""`dgedit bench --ui`: how fast the editor answers on this machine, measured now, with what it aims at in brackets.

Keys are written to a real editor on a pseudo-terminal, and timed until its output shows them. What a terminal does not
show, such as a cursor that moves beside an infill, is timed in an editor of this process, until its screen was drawn.
Settings and journals of the person who measures are left alone. Nothing here is a remembered figure.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..tui.infill.review import FIRST_NOISE
from .model import first_paint_ms
from .silent import MODES, cancelling_ms

if TYPE_CHECKING:
    from ..tui.app import DgeditApp

COLUMNS, ROWS = 100, 30
TIMEOUT_S = 60.0
PAUSE_S = 0.03
"""Between two keys, about as between those of a fast typist."""
GHOST_PAUSE_S = 0.45
"""Between two keys that each come while ghost text is computed, which begins 0.3 s after the one before."""
TYPED = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
HELD_S = 0.5
INFILLS = 7
"""So many infills are begun for each figure."""
ESCAPE_MS = 100
STARTS, PAGES = 5, 40
LONG_LINES, HUGE_LINES = 20_000, 100_000
MARKER = "<FILL_ME>"
NEXT_HOLE, INFILL, ESCAPE, PAGE_DOWN, ENTER, END = b"\x1b[19~", b"\x07", b"\x1b", b"\x1b[6~", b"\r", b"\x1b[F"
_SEQUENCE = re.compile(r"\x1b\[[0-9;:?<>=]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()].")
SOURCE = f"""\
import os


def sizes(folder):
    result = {{}}
    for name in os.listdir(folder):
        {MARKER}
    return result
"""


def run(model_name: str) -> int:
    """Print the table; returns the exit code."""
    paints = [ms for ms in (first_paint_ms() for _ in range(STARTS)) if ms is not None]
    if not paints:
        _row("the editor on a terminal", "not measured (no pseudo-terminals here)")
    else:
        _row("first paint", _middle(paints))
        with tempfile.TemporaryDirectory() as folder:
            for measure in (_keys_idle, _keys_beside_ghost, _keys_in_long_file, _huge_file, _first_frames, _cancelling):
                measure(Path(folder), model_name)
    with tempfile.TemporaryDirectory() as folder, _own_folders(Path(folder)):
        asyncio.run(_beside_an_infill(Path(folder), model_name))
    for mode in MODES:
        _report(f"Esc, a server that {mode}", cancelling_ms(mode, INFILLS), ESCAPE_MS)
    return 0


class PseudoTerminal:
    """An editor on a pseudo-terminal, and what it has printed since the last key."""

    def __init__(self, handle: int) -> None:
        self._handle, self._printed, self._pressed_at = handle, b"", time.perf_counter()

    def press(self, keys: bytes | str) -> None:
        """Write keys; what was printed before them no longer counts."""
        while self._read(0):
            pass
        self._printed = b""
        self._pressed_at = time.perf_counter()
        os.write(self._handle, keys.encode() if isinstance(keys, str) else keys)

    @property
    def text(self) -> str:
        """What was printed since the last key, without colours and places."""
        return _SEQUENCE.sub("", self._printed.decode("utf-8", "replace"))

    def shown(self, holds: Callable[[str], object]) -> float:
        """Milliseconds from the keys until the text printed since then does what is asked."""
        while not holds(self.text):
            if time.perf_counter() - self._pressed_at > TIMEOUT_S or not self._read(TIMEOUT_S):
                raise TimeoutError("the editor did not show what it should; run the measurement again")
        return (time.perf_counter() - self._pressed_at) * 1e3

    def rest(self, seconds: float) -> None:
        """Let the editor do what it does."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._read(left)

    def _read(self, wait_s: float) -> bool:
        import select

        if not select.select([self._handle], [], [], wait_s)[0]:
            return False
        self._printed += os.read(self._handle, 65536)
        return True


@contextmanager
def editor(folder: Path, *arguments: str) -> Iterator[PseudoTerminal]:
    """An editor that is started on a pseudo-terminal, with settings and journals in a folder of its own."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    own = {"TERM": "xterm-256color", "XDG_CONFIG_HOME": str(folder), "XDG_STATE_HOME": str(folder)}
    child = subprocess.Popen(
        [sys.executable, "-m", "dgedit", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | own,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield PseudoTerminal(ours)
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def _keys_idle(folder: Path, model_name: str) -> None:
    path = folder / "idle.py"
    path.write_text(SOURCE, encoding="utf-8")
    with editor(folder, "--model", model_name, f"{path}:3") as terminal:
        terminal.shown(_has_model)
        terminal.rest(HELD_S)
        _report("keystroke, idle", _typing(terminal), 30)


def _keys_beside_ghost(folder: Path, model_name: str) -> None:
    path, settings = folder / "ghost.py", folder / "dgedit" / "config.toml"
    path.write_text(SOURCE, encoding="utf-8")
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("[infill]\nghost = true\nghost_on_battery = true\n", encoding="utf-8")
    with editor(folder, "--model", model_name, f"{path}:5") as terminal:
        terminal.shown(_has_model)
        terminal.press(END)
        terminal.rest(HELD_S)
        _report("keystroke, beside ghost text", _typing(terminal, GHOST_PAUSE_S), 30)
    settings.unlink()


def _keys_in_long_file(folder: Path, model_name: str) -> None:
    path = folder / "long.py"
    path.write_text(_python(LONG_LINES), encoding="utf-8")
    with editor(folder, "--model", model_name, f"{path}:{LONG_LINES // 2}") as terminal:
        terminal.shown(_has_model)
        terminal.rest(2 * HELD_S)
        terminal.press(END + ENTER)
        terminal.rest(HELD_S)
        _report(f"typing in {LONG_LINES:,} lines of Python", _typing(terminal), 16)


def _typing(terminal: PseudoTerminal, pause_s: float = PAUSE_S) -> list[float]:
    """Type a word letter by letter; milliseconds until each is shown."""
    times = []
    for length in range(1, len(TYPED) + 1):
        terminal.press(TYPED[length - 1])
        times.append(terminal.shown(partial(_holds, TYPED[:length])))
        terminal.rest(pause_s)
    return times


def _huge_file(folder: Path, model_name: str) -> None:
    path = folder / "huge.py"
    path.write_text(_python(HUGE_LINES), encoding="utf-8")
    opened = []
    for _ in range(STARTS):
        with editor(folder, "--model", model_name, str(path)) as terminal:
            opened.append(terminal.shown(lambda text: "part_0(" in text))
    _row(f"open {HUGE_LINES:,} lines of Python", _middle(opened))
    with editor(folder, "--model", model_name, str(path)) as terminal:
        terminal.shown(_has_model)
        terminal.rest(2 * HELD_S)
        times = []
        for _ in range(PAGES):
            seen = _parts(terminal.text)
            terminal.press(PAGE_DOWN)
            times.append(terminal.shown(partial(_is_past, seen)))
            terminal.rest(PAUSE_S)
        _report("a page down in it", times)


def _first_frames(folder: Path, model_name: str) -> None:
    noise, warm, cold = list[float](), list[float](), list[float]()
    path = folder / "first.py"
    path.write_text(SOURCE, encoding="utf-8")
    with editor(folder, "--model", model_name, str(path)) as terminal:
        terminal.shown(_has_model)
        for held_s, times in [(HELD_S, warm), (0.0, cold)] * INFILLS:
            # Another letter each time, so that nothing that was read for the last infill can be used again.
            terminal.press(b"\x1b[1;5H" + b"z")
            terminal.rest(0.1)
            terminal.press(NEXT_HOLE)
            terminal.rest(held_s)
            terminal.press(INFILL)
            noise.append(terminal.shown(lambda text: FIRST_NOISE in text))
            times.append(terminal.shown(_has_pass))
            terminal.rest(PAUSE_S)
            terminal.press(ESCAPE)
            terminal.shown(lambda text: "cancelled" in text)
            terminal.rest(HELD_S)
    _row("noise in the span after the key", _middle(noise, 80))
    _row(f"first pass, warm ({HELD_S} s on the span)", _middle(warm))
    _row("first pass, cold", _middle(cold))


def _cancelling(folder: Path, model_name: str) -> None:
    times = []
    path = folder / "cancel.py"
    path.write_text(SOURCE, encoding="utf-8")
    with editor(folder, "--model", model_name, str(path)) as terminal:
        terminal.shown(_has_model)
        for _ in range(INFILLS):
            terminal.press(NEXT_HOLE)
            terminal.rest(HELD_S)
            terminal.press(INFILL)
            terminal.shown(_has_pass)
            terminal.press(ESCAPE)
            times.append(terminal.shown(lambda text: MARKER in text))
            terminal.rest(HELD_S)
    _report("Esc to the restored text", times, ESCAPE_MS)


async def _beside_an_infill(folder: Path, model_name: str) -> None:
    """Keys while the model runs, and the cost of drawing a pass; the model runs in this process as in the editor's."""
    from ..fill.open import load_model
    from ..tui.app import DgeditApp

    path = folder / "beside.py"
    path.write_text(SOURCE, encoding="utf-8")
    app = DgeditApp(path, warm_up=False)
    app.jobs.model = load_model(model_name)
    keys, frames = list[float](), list[float]()
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        await pilot.pause()
        moves = _Moves(app)
        for _ in range(INFILLS):
            app.infills.next_hole()
            app.infills.infill()
            while app.infills.running:
                keys.append(await moves.press("left" if app.area.cursor_location[1] else "right"))
                await asyncio.sleep(PAUSE_S / 4)
            await asyncio.sleep(HELD_S)
            while app.infills.review is not None and app.infills.review.at != 0:
                frames.append(await _drawing_ms(app))
            app.infills.cancel()
            await pilot.pause()
    _report("keystroke, while it denoises", keys, 30)
    _row("one pass drawn, processor time", _middle(frames))


class _Moves:
    """Presses keys that move the cursor, and waits until it was drawn where it then is."""

    def __init__(self, app: DgeditApp) -> None:
        self._app, self._drawn = app, asyncio.Event()
        app.watch(app.area, "selection", self._moved, init=False)

    def _moved(self) -> None:
        self._app.area.call_after_refresh(self._drawn.set)

    async def press(self, key: str) -> float:
        """Milliseconds from a key to the screen that shows what it did."""
        from textual.events import Key

        self._drawn.clear()
        began = time.perf_counter()
        self._app.post_message(Key(key, None))
        await asyncio.wait_for(self._drawn.wait(), TIMEOUT_S)
        return (time.perf_counter() - began) * 1e3


async def _drawing_ms(app: DgeditApp) -> float:
    """Go one pass back; milliseconds of the processor until that pass was drawn."""
    drawn = asyncio.Event()
    began = time.process_time()
    app.infills.scrub(-1)
    app.area.call_after_refresh(drawn.set)
    await asyncio.wait_for(drawn.wait(), TIMEOUT_S)
    return (time.process_time() - began) * 1e3


@contextmanager
def _own_folders(folder: Path) -> Iterator[None]:
    """Settings and journals of this process in another folder."""
    names = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(folder)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _python(lines: int) -> str:
    """So many lines of Python; their numbers tell where one is."""
    rows = (
        "def part_{0}(items):",
        "    value = {0}",
        "    for item in items:",
        "        value += item",
        "    return value",
    )
    return "".join("\n".join((*rows, "")).format(number) for number in range(lines // len(rows)))


def _holds(word: str, text: str) -> bool:
    return word in text


def _is_past(part: int, text: str) -> bool:
    return _parts(text) > part


def _parts(text: str) -> int:
    """The highest number of a part that is shown."""
    return max((int(number) for number in re.findall(r"part_(\d+)", text)), default=-1)


def _has_pass(text: str) -> bool:
    """Whether the status line tells of a pass."""
    return re.search(r"pass \d", text) is not None


def _has_model(text: str) -> bool:
    """Whether the status line names the device of a model that was loaded."""
    return any(f" {device}" in text for device in ("cpu", "cuda", "mps"))


def _report(name: str, times_ms: Sequence[float], target_ms: int | None = None) -> None:
    """A row for the middle and one for the slow end."""
    ordered = sorted(times_ms)
    _row(f"{name}, p50 of {len(ordered)}", f"{statistics.median(ordered):.1f} ms")
    _row(f"{name}, p95", f"{ordered[int(0.95 * (len(ordered) - 1))]:.1f} ms{_aim(target_ms)}")


def _middle(times_ms: Sequence[float], target_ms: int | None = None) -> str:
    return f"{statistics.median(times_ms):.1f} ms{_aim(target_ms)}"


def _aim(target_ms: int | None) -> str:
    return "" if target_ms is None else f" [<= {target_ms} ms]"


def _row(name: str, value: str) -> None:
    print(f"{name:46}{value}", flush=True)

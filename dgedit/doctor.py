"""`dgedit doctor`: what an infill needs of this machine, looked at one by one, and one infill, timed.

Each check is a line; one that found trouble says what to do. Nothing is changed and nothing is sent anywhere.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .errors import DgeditError

if TYPE_CHECKING:
    from .engine.models.base import Denoiser

PACKAGES = ("dgedit", "textual", "torch", "tokenizers", "tree-sitter", "pygments", "watchdog")
OPTIONAL = {"transformers": "comparisons", "bitsandbytes": "4-bit on a GPU", "triton": "kernels on a GPU"}
PREFIX, SUFFIX = "def area(width, height):\n    return ", "\n\nprint(area(2, 3))\n"
SLOW_MS = 2_000
"""An infill of the bundled model that takes longer is a sign of trouble."""


class Grade(Enum):
    """How a check came out."""

    GOOD = "ok"
    NOTE = "note"
    """Works, but a person may want to know."""
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    what: str
    found: str
    grade: Grade = Grade.GOOD
    remedy: str = ""

    def line(self) -> str:
        """As it is printed."""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.grade.value:5} {self.what:14} {self.found}{remedy}"


def examine(model: str, *, infills: bool) -> Iterator[Finding]:
    """All findings, as they are found; the last ones take seconds."""
    yield Finding("python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield from packages()
    yield from terminal(os.environ)
    yield from state_folders()
    if not find_spec("torch"):
        yield Finding("torch", "is not installed", Grade.BAD, "pip install torch: without it nothing can be filled")
        return
    yield from devices()
    yield from weights(model)
    if infills:
        yield from infill(model)


def packages() -> Iterator[Finding]:
    """Versions."""
    for name in PACKAGES:
        try:
            yield Finding(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "is not installed", Grade.BAD, f"pip install {name}")
    for name, use in OPTIONAL.items():
        try:
            yield Finding(name, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, f"is not installed (wanted for {use} alone)")


def terminal(environ: os._Environ[str] | dict[str, str]) -> Iterator[Finding]:
    """What the editor will be drawn on."""
    columns, rows = shutil.get_terminal_size()
    size = f"{columns}x{rows}"
    if columns < 80 or rows < 24:
        yield Finding("terminal size", size, Grade.NOTE, "80x24 is the least that everything was tried in")
    else:
        yield Finding("terminal size", size)
    kind = environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield Finding("terminal", "standard output is none", Grade.NOTE, "the editor needs one; the pipe does not")
    elif kind in ("", "dumb"):
        yield Finding("terminal", f"TERM is {kind!r}", Grade.BAD, "set TERM to what your terminal is")
    else:
        yield Finding("terminal", kind)
    if environ.get("NO_COLOR"):
        yield Finding("colours", "none, because NO_COLOR is set")
    elif environ.get("COLORTERM") in ("truecolor", "24bit"):
        yield Finding("colours", "16 million")
    else:
        count = "256" if "256" in kind else "16"
        remedy = "COLORTERM=truecolor, where the terminal has it, shows confidence better"
        yield Finding("colours", count, Grade.NOTE, remedy)
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.replace("-", "") != "utf8":
        yield Finding("encoding", encoding or "unknown", Grade.NOTE, "set LANG to a UTF-8 locale")
    over_ssh = " (over ssh: the clipboard goes by OSC 52)" if environ.get("SSH_CONNECTION") else ""
    tools = [name for name in ("wl-copy", "xclip", "xsel", "pbcopy") if shutil.which(name)]
    yield Finding("clipboard", (", ".join(tools) or "the terminal's own, by OSC 52") + over_ssh)


def state_folders() -> Iterator[Finding]:
    """Where unsaved work and counts are kept."""
    from .journal import folder as journal_folder

    folder = journal_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Finding(
            "journal", f"{folder}: {error.strerror}", Grade.BAD, "unsaved work cannot be kept; mend the folder"
        )
    else:
        free_gb = shutil.disk_usage(folder).free / 1e9
        grade, remedy = (Grade.GOOD, "") if free_gb > 0.1 else (Grade.BAD, "make room")
        yield Finding("journal", f"{folder} ({free_gb:.1f} GB free)", grade, remedy)


def devices() -> Iterator[Finding]:
    """Processors and memory."""
    import torch

    from .engine.choose import gb, memories

    yield Finding("processor", f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}")
    for memory in memories():
        name = torch.cuda.get_device_name() if memory.device == "cuda" else memory.device
        yield Finding("memory", f"{name}: {gb(memory.free_bytes)} free")


def weights(model: str) -> Iterator[Finding]:
    """Which checkpoints are at hand."""
    from .engine.load import HUB_NAMES, bundled_models, find
    from .engine.types import EngineError

    yield Finding("bundled", ", ".join(bundled_models()) or "none")
    for name in dict.fromkeys((model, *HUB_NAMES)):
        try:
            yield Finding(name, f"{find(name)}")
        except EngineError as error:
            grade = Grade.BAD if name == model else Grade.GOOD
            yield Finding(name, str(error), grade, error.hint)


def infill(model: str) -> Iterator[Finding]:
    """Loads the model and fills one line, twice: the first one warms up."""
    from .fill import load_model

    began = time.perf_counter()
    try:
        loaded = load_model(model)
    except DgeditError as error:
        yield Finding("model", str(error), Grade.BAD, error.hint)
        return
    info = loaded.info
    took_s = time.perf_counter() - began
    yield Finding("model", f"{info.name} {info.digest} on {info.device}, loaded in {took_s:.1f} s")
    answer, _ = _fill(loaded)
    first_ms = (time.perf_counter() - began - took_s) * 1e3
    answer, ms = _fill(loaded)
    shown = " ".join(answer.split()) or "nothing"
    if ms > SLOW_MS:
        yield Finding("one infill", f"{ms:.0f} ms: {shown}", Grade.NOTE, "is something else using the processor?")
    else:
        yield Finding("one infill", f"{ms:.0f} ms (the first {first_ms:.0f} ms): {shown}")


def _fill(model: Denoiser) -> tuple[str, float]:
    from .fill import FillOptions, Gap, fill_gaps

    began, answer = time.perf_counter(), ""
    for _, frame in fill_gaps(PREFIX, [Gap()], SUFFIX, model, FillOptions()):
        answer = frame.result.text if frame.result else answer
    return answer, (time.perf_counter() - began) * 1e3


def run(model: str, *, infills: bool, say: Callable[[str], None] = print) -> bool:
    """Print every finding; whether nothing is bad."""
    good = True
    for finding in examine(model, infills=infills):
        say(finding.line())
        good = good and finding.grade is not Grade.BAD
    return good

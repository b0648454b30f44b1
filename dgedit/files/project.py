"""A project on disk: where it begins, which files belong to it, and where a text is in them.

What git ignores is no part of it: git itself lists a work tree, elsewhere the patterns of every .gitignore are read.
Text is looked for by ripgrep where that is installed, else file by file. Programs are called without what a project's
own settings could make them run. Nothing here knows a screen.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pathspec import GitIgnoreSpec

from ..errors import DgeditError
from ..text.search import Query, find_all
from . import disk

FILES_MAX = 30_000
GIT_S = 20.0
SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache", ".cache"})
"""Folders that nobody looks for a source file in, where no git tells."""
HITS_MAX = 1_000
LINE_CHARS_MAX = 300
FILE_BYTES_MAX = 2_000_000
"""Larger files are looked through by ripgrep alone."""
FILES_AT_ONCE = 50
READ_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A line in which a text was found."""

    name: str
    """The file, relative to the project."""
    row: int
    column: int
    """Of the first match, in code points."""
    line: str
    """The line, or its first characters."""


def root_of(path: Path) -> Path:
    """The nearest folder at or above a path that git knows; else the path's own folder."""
    own = Path(os.path.abspath(path))
    own = own if own.is_dir() else own.parent
    return next((folder for folder in (own, *own.parents) if (folder / ".git").exists()), own)


def names(root: Path) -> list[str]:
    """The files of a project, relative to it, in order; at most `FILES_MAX`."""
    listed = _listed_by_git(root)
    return sorted(islice(_walked(root, []), FILES_MAX)) if listed is None else listed


def _listed_by_git(root: Path) -> list[str] | None:
    """What git lists there, files that are new to it too; none where it has nothing to say."""
    # A setting of the project names a program that git would run to learn what changed.
    command = ("git", "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=GIT_S, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    found = dict.fromkeys(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)
    return sorted(islice((name for name in found if (root / name).is_file()), FILES_MAX))


def _walked(folder: Path, ignoring: Sequence[tuple[Path, GitIgnoreSpec]], lead: str = "") -> Iterator[str]:
    """The files below a folder that no .gitignore above them names."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        patterns = (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
        ignoring = [*ignoring, (folder, GitIgnoreSpec.from_lines(patterns))]
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in SKIPPED or _is_ignored(folder / entry.name, ignoring, is_folder=is_folder):
            continue
        if is_folder:
            yield from _walked(folder / entry.name, ignoring, f"{lead}{entry.name}/")
        elif entry.is_file():
            yield lead + entry.name


def _is_ignored(path: Path, ignoring: Sequence[tuple[Path, GitIgnoreSpec]], *, is_folder: bool) -> bool:
    """Whether the nearest file of patterns that speaks of a path leaves it out."""
    for folder, spec in reversed(ignoring):
        said = spec.check_file(path.relative_to(folder).as_posix() + "/" * is_folder).include
        if said is not None:
            return said
    return False


async def hits(root: Path, text: str) -> AsyncGenerator[list[Hit], None]:
    """Lines that hold a text, some at a time; close it to end the search. Case counts where the text has capitals.

    At most `HITS_MAX` of them; bytes that are no text are left out.
    """
    program = shutil.which("rg")
    found = _by_ripgrep(program, root, text) if program else _file_by_file(root, text)
    left = HITS_MAX
    async with contextlib.aclosing(found):
        async for some in found:
            yield some[:left]
            left -= len(some)
            if left <= 0:
                return


async def _by_ripgrep(program: str, root: Path, text: str) -> AsyncGenerator[list[Hit], None]:
    options = ("--no-config", "--hidden", "--glob=!.git", "--no-require-git", "--sort=path", "--color=never")
    lines = (
        "--line-number",
        "--column",
        "--no-heading",
        "--with-filename",
        "--null",
        f"--max-columns={READ_LIMIT // 4}",
    )
    command = (program, *options, *lines, "--fixed-strings", "--smart-case", "-e", text, "./")
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=root,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=READ_LIMIT,
    )
    assert process.stdout is not None, "a pipe was asked for"
    try:
        while line := await process.stdout.readline():
            hit = _read_hit(line)
            if hit is not None:
                yield [hit]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _read_hit(printed: bytes) -> Hit | None:
    """A line of ripgrep: the file, a zero, ROW:COLUMN:LINE, the column in bytes."""
    name, _, rest = printed.rstrip(b"\r\n").partition(b"\0")
    row, _, rest = rest.partition(b":")
    column, _, line = rest.partition(b":")
    if not (row.isdigit() and column.isdigit()):
        return None
    before = line[: int(column) - 1].decode("utf-8", "replace")
    shown = line.decode("utf-8", "replace")[:LINE_CHARS_MAX]
    return Hit(name=os.fsdecode(name).removeprefix("./"), row=int(row) - 1, column=len(before), line=shown)


async def _file_by_file(root: Path, text: str) -> AsyncGenerator[list[Hit], None]:
    files = await asyncio.to_thread(names, root)
    for at in range(0, len(files), FILES_AT_ONCE):
        found = await asyncio.to_thread(_hits_in_some, root, files[at : at + FILES_AT_ONCE], text)
        if found:
            yield found


def _hits_in_some(root: Path, files: Sequence[str], text: str) -> list[Hit]:
    return [hit for name in files for hit in _hits_in(root, name, text)]


def _hits_in(root: Path, name: str, text: str) -> Iterator[Hit]:
    """The lines of one file that hold a text; nothing where it is no text, or large."""
    try:
        if (root / name).stat().st_size > FILE_BYTES_MAX:
            return
        raw = disk.read(root / name)
    except (OSError, DgeditError):
        return
    if b"\0" in raw:
        return
    whole, row, start, last = raw.decode("utf-8", "replace"), 0, 0, -1
    for place in find_all(whole, Query(text), limit=HITS_MAX).starts:
        row += whole.count("\n", start, place)
        start = place
        if row == last:
            continue
        last, left = row, whole.rfind("\n", 0, place) + 1
        end = whole.find("\n", place)
        line = whole[left : end if end >= 0 else len(whole)].rstrip("\r")
        yield Hit(name=name, row=row, column=place - left, line=line[:LINE_CHARS_MAX])

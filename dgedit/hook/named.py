"""`dgedit hook check|fill|fix FILE...`: the same rules for files that another tool names, as pre-commit does.

The files are taken as they lie in the working tree, where pre-commit has put aside what is not staged. A file that was
changed fails the hook, so that a person looks before staging it. It must know nothing of commits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DgeditError, ExitCode
from ..files import disk
from . import writing
from .checks import (
    ATTRIBUTES,
    BYTES_MAX,
    STOPPED,
    Problem,
    ProblemKind,
    attribute_reason,
    content_reason,
    language_of,
    problems_in,
    stopping,
)
from .git import Repository
from .words import Say, say_problems, say_skipped
from .writing import Effort, Work, is_missing


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A named file: what was found in it, and what it is written in."""

    problems: tuple[Problem, ...]
    language: str

    @property
    def markers(self) -> tuple[Problem, ...]:
        """The places that are marked."""
        return tuple(problem for problem in self.problems if problem.kind is ProblemKind.MARKER)


def check(repository: Repository, paths: Sequence[str], say: Say) -> ExitCode:
    """Fail where a marked place is not filled."""
    marked = {path: looked.markers for path, looked in _look(repository, paths, say).items() if looked.markers}
    for path, problems in marked.items():
        say_problems(path, problems, say)
    return STOPPED if marked else ExitCode.OK


def fill(repository: Repository, paths: Sequence[str], effort: Effort, say: Say) -> ExitCode:
    """Fill the marked places of Python files; fails where a file was changed, or a place is left."""
    marked = {path: looked for path, looked in _look(repository, paths, say).items() if looked.markers}
    return _mend(writing.fill, repository, marked, effort, say)


def fix(repository: Repository, paths: Sequence[str], effort: Effort, say: Say) -> ExitCode:
    """Mend Python files that do not parse; fails where a file was changed, or still does not parse."""
    found = _look(repository, paths, say).items()
    faulty = {path: looked for path, looked in found if stopping(looked.problems) and not looked.markers}
    return _mend(writing.fix, repository, faulty, effort, say)


def _mend(work: Work, repository: Repository, found: Mapping[str, NamedFile], effort: Effort, say: Say) -> ExitCode:
    python = [path for path, looked in found.items() if looked.language == "python"]
    if not python or is_missing(effort, say):
        return ExitCode.OK
    changed = work(repository.root, python, effort, say)
    for path in python:
        left = problems_in(path, changed[path], judge=True) if path in changed else found[path].problems
        say_problems(path, left, say, "still ")
    return STOPPED


def _look(repository: Repository, paths: Sequence[str], say: Say) -> dict[str, NamedFile]:
    """What is found in each file, by its path from the top of the repository; what is left alone is said."""
    named = {_from_top(repository, path) for path in paths}
    attributes = repository.attributes(named, ATTRIBUTES)
    unmerged = repository.unmerged()
    merges = bool(unmerged) or repository.merges()
    reasons = {path: "conflicted" for path in unmerged if path in named}
    found = dict[str, NamedFile]()
    for path in sorted(named - set(reasons)):
        raw = _read(repository.root / path)
        reason = attribute_reason(attributes[path]) or (
            raw if isinstance(raw, str) else content_reason(path, raw, merges=merges)
        )
        if isinstance(raw, str) or reason:
            reasons[path] = reason
        else:
            found[path] = NamedFile(tuple(problems_in(path, raw, judge=True)), language_of(path, raw))
    say_skipped(reasons, say)
    return found


def _read(path: Path) -> bytes | str:
    """The bytes of a file, or why they are not read."""
    if path.is_symlink():
        return "a symbolic link"
    if not path.exists():
        return "deleted"
    if not path.is_file():
        return "no file"
    if path.stat().st_size > BYTES_MAX:
        return f"larger than {BYTES_MAX:,} bytes"
    return disk.read_regular(path)[0]


def _from_top(repository: Repository, path: str) -> str:
    """A path as git writes it.

    Raises:
        DgeditError: when it leads out of the repository.
    """
    found = os.path.relpath(os.path.abspath(path), repository.root)
    if found == os.pardir or found.startswith(os.pardir + os.sep):
        raise DgeditError(f"{path} is not in {repository.root}", "name files of this repository")
    return found

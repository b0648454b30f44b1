"""`dgedit hook check|fill|fix FILE...`: the same rules for files that another tool names, as pre-commit does.

The files are taken as they lie in the working tree, where pre-commit has put aside what is not staged. A file that was
changed fails the hook, so that a person looks before staging it. It must know nothing of commits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
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


def check(repository: Repository, paths: Sequence[str], say: Say) -> ExitCode:
    """Fail where a marked place is not filled."""
    found = _marked(_look(repository, paths, say))
    for path, problems in found.items():
        say_problems(path, problems, say)
    return STOPPED if found else ExitCode.OK


def fill(repository: Repository, paths: Sequence[str], effort: Effort, say: Say) -> ExitCode:
    """Fill the marked places of Python files; fails where a file was changed, or a place is left."""
    found = _look(repository, paths, say)
    marked = _marked(found)
    return _mend(writing.fill, repository, {path: found[path] for path in marked}, effort, say)


def fix(repository: Repository, paths: Sequence[str], effort: Effort, say: Say) -> ExitCode:
    """Mend Python files that do not parse; fails where a file was changed, or still does not parse."""
    found = _look(repository, paths, say)
    marked = _marked(found)
    faulty = {path: problems for path, problems in found.items() if stopping(problems) and path not in marked}
    return _mend(writing.fix, repository, faulty, effort, say)


def _mend(work: Work, repository: Repository, found: Mapping[str, list[Problem]], effort: Effort, say: Say) -> ExitCode:
    python = [path for path in found if language_of(path, disk.read(repository.root / path)) == "python"]
    if not python or is_missing(effort, say):
        return ExitCode.OK
    changed = work(repository.root, python, effort, say)
    for path in python:
        left = problems_in(path, changed[path], judge=True) if path in changed else found[path]
        say_problems(path, left, say, "still ")
    return STOPPED


def _look(repository: Repository, paths: Sequence[str], say: Say) -> dict[str, list[Problem]]:
    """The problems of each file, by its path from the top of the repository; what is left alone is said."""
    named = {_from_top(repository, path) for path in paths}
    attributes = repository.attributes(named, ATTRIBUTES)
    unmerged = repository.unmerged()
    merges = bool(unmerged) or repository.merges()
    reasons = {path: "conflicted" for path in unmerged if path in named}
    found = dict[str, list[Problem]]()
    for path in sorted(named - set(reasons)):
        raw = _read(repository.root / path)
        reason = attribute_reason(attributes[path]) or (
            raw if isinstance(raw, str) else content_reason(path, raw, merges=merges)
        )
        if isinstance(raw, str) or reason:
            reasons[path] = reason
        else:
            found[path] = problems_in(path, raw, judge=True)
    say_skipped(reasons, say)
    return found


def _marked(found: dict[str, list[Problem]]) -> dict[str, list[Problem]]:
    """The problems that are markers, of the files that have some."""
    markers = {
        path: [problem for problem in problems if problem.kind is ProblemKind.MARKER]
        for path, problems in found.items()
    }
    return {path: problems for path, problems in markers.items() if problems}


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

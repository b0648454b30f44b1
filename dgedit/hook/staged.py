"""`dgedit hook run`: stops a commit in which a marked place is not filled, or Python does not parse.

When asked to it also fills and fixes, in the working tree alone, and stops the commit then, too, so that a person
looks. It never stages, never resolves a conflict, and leaves alone what nobody writes by hand. It must know neither
screens nor models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import ExitCode
from ..terminal import shown
from .checks import (
    ATTRIBUTES,
    BYTES_MAX,
    STOPPED,
    Problem,
    ProblemKind,
    attribute_reason,
    conflict_in,
    content_reason,
    fault_of,
    is_prose,
    language_of,
    problems_in,
    stopping,
)
from .git import FILE_MODES, LINK_MODE, SUBMODULE_MODE, Repository, StagedFile
from .words import Say, listed, say_problems, say_skipped
from .writing import Effort, Work, fill, fix, is_missing


@dataclass(frozen=True, slots=True, kw_only=True)
class HookOptions:
    """What a person chooses for the hook."""

    fill: bool = False
    fix: bool = False
    parse: bool = True
    """Whether staged Python must parse."""
    effort: Effort = field(default_factory=Effort)


@dataclass(frozen=True, slots=True)
class Looked:
    """A staged file and what was found in it."""

    file: StagedFile
    problems: tuple[Problem, ...]
    language: str = ""
    """What it is written in; empty where that does not matter."""

    def has(self, kind: ProblemKind) -> bool:
        """Whether it has a problem of this kind."""
        return any(problem.kind is kind for problem in self.problems)


def run(repository: Repository, options: HookOptions, say: Say) -> ExitCode:
    """Look at what is staged, mend what was asked for, and say whether the commit may go on.

    Raises:
        DgeditError: when git cannot be asked, or a model is required and missing.
    """
    looked_at = [looked for looked in _look(repository, options, say) if looked.problems]
    for looked in looked_at:
        say_problems(looked.file.path, looked.problems, say)
    found = [looked for looked in looked_at if stopping(looked.problems)]
    # A marker in the way may be all that is wrong, so what holds one is not fixed.
    marked = [looked for looked in found if looked.has(ProblemKind.MARKER)]
    faulty = [looked for looked in found if looked.has(ProblemKind.FAULT) and not looked.has(ProblemKind.MARKER)]
    changed = {
        **_mend(fill, repository, marked if options.fill else [], options, say),
        **_mend(fix, repository, faulty if options.fix else [], options, say),
    }
    for path, raw in changed.items():
        say_problems(path, problems_in(path, raw, judge=options.parse), say, "still ")
    if changed:
        say(f"changed, not staged: {listed(map(shown, changed))}; look at it, git add it, commit again")
    elif found:
        say("the commit is stopped; mend this, or go on all the same with: git commit --no-verify")
    return STOPPED if found else ExitCode.OK


def _look(repository: Repository, options: HookOptions, say: Say) -> Iterator[Looked]:
    """What is wrong with each staged file; what is not looked at is said."""
    unmerged = repository.unmerged()
    staged = repository.staged()
    attributes = repository.attributes([file.path for file in staged], ATTRIBUTES)
    reasons = dict.fromkeys(unmerged, "conflicted")
    reasons |= {
        file.path: reason
        for file in staged
        if (reason := _mode_reason(file) or attribute_reason(attributes[file.path]))
    }
    merges = bool(unmerged) or repository.merges()
    regular = [file for file in staged if file.path not in reasons]
    for file, raw in zip(regular, repository.blobs([file.blob for file in regular], BYTES_MAX), strict=True):
        if raw is not None and not (is_prose(file.path) and not merges) and (conflict := conflict_in(raw)):
            yield Looked(file, (conflict,))
            continue
        reason = content_reason(file.path, raw, merges=merges)
        if raw is None or reason:
            reasons[file.path] = reason
            continue
        problems = problems_in(file.path, raw, judge=options.parse)
        yield Looked(file, tuple(_new(problems, file, repository, say)), language_of(file.path, raw))
    if reasons:
        say_skipped(reasons, say)


def _mode_reason(file: StagedFile) -> str:
    if file.mode in FILE_MODES:
        return ""
    return {LINK_MODE: "a symbolic link", SUBMODULE_MODE: "a submodule"}.get(file.mode, "no file")


def _new(problems: Sequence[Problem], file: StagedFile, repository: Repository, say: Say) -> Iterator[Problem]:
    """The problems without a fault that the last commit has, too: a file may be wrong on purpose."""
    for problem in problems:
        old = (
            file.old_blob and problem.kind is ProblemKind.FAULT and fault_of(file.path, repository.blob(file.old_blob))
        )
        if old and old.kind is ProblemKind.FAULT:
            say(f"{shown(file.path)}: {problem.message}, and did not before; let through")
        else:
            yield problem


def _mend(
    work: Work, repository: Repository, wanted: Sequence[Looked], options: HookOptions, say: Say
) -> Mapping[str, bytes]:
    """What files hold now that were changed, of those whose working tree holds nothing but what is staged."""
    paths = list[str]()
    for looked in wanted:
        file = looked.file
        if looked.language != "python":
            say(f"{shown(file.path)}: left as it is: a hook writes Python alone")
        elif not repository.is_as_staged(file):
            say(f"{shown(file.path)}: left as it is: it has changes that are not staged; stage them first")
        else:
            paths.append(file.path)
    if not paths or is_missing(options.effort, say):
        return {}
    return work(repository.root, paths, options.effort, say)

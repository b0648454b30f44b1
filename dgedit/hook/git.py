"""What a hook must know of a git repository: what is staged, what else is in the way, and where hooks live.

Everything is asked of the `git` command in forms made for programs, with names ended by NUL, so that no name and no
setting of a person changes an answer. Nothing here changes the index, a commit or a file. It must know nothing of
holes, models and messages about them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DgeditError

FILE_MODES = ("100644", "100755")
LINK_MODE = "120000"
SUBMODULE_MODE = "160000"
UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
"""What lies in git's folder while a merge, or what goes like one, is not done."""


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A path whose staged state differs from the last commit; deleted paths are none."""

    path: str
    """From the top of the working tree; bytes that are no UTF-8 are surrogates."""
    mode: str
    """As git writes it: a file, a link or a submodule."""
    blob: str
    """Which object holds the staged bytes."""
    old_blob: str
    """Which object held them in the last commit; empty where the file is new, or was a link or a submodule."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a working tree."""

    root: Path
    """The top of the working tree."""

    def git(self, *arguments: str, stdin: bytes = b"", allowed: Sequence[int] = (0,)) -> bytes:
        """What a git command prints.

        Raises:
            DgeditError: when git is missing, or ends with a code that is not allowed; git's own words are in it.
        """
        return _git(self.root, arguments, stdin, allowed)

    def staged(self) -> list[StagedFile]:
        """Every path that the next commit changes, by name; what it deletes and what is unmerged is left out."""
        fields = self.git("diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", self._head())
        found = list[StagedFile]()
        words = iter(_names(fields))
        for word, path in zip(words, words, strict=True):
            old_mode, mode, old_blob, blob, status = word.removeprefix(":").split(" ")
            if status not in "DU":
                found.append(StagedFile(path, mode, blob, old_blob if old_mode in FILE_MODES else ""))
        return sorted(found, key=lambda file: file.path)

    def unmerged(self) -> list[str]:
        """Paths with an unresolved conflict, by name."""
        rows = _names(self.git("ls-files", "--unmerged", "-z", "--full-name"))
        return sorted({row.partition("\t")[2] for row in rows})

    def merges(self) -> bool:
        """Whether a merge is under way, or what goes like one: a rebase, a picked or reverted commit."""
        names = [word for name in UNDER_WAY for word in ("--git-path", name)]
        places = os.fsdecode(self.git("rev-parse", *names)).splitlines()
        return any((self.root / place).exists() for place in places)

    def blobs(self, ids: Sequence[str], bytes_max: int) -> Iterator[bytes | None]:
        """The bytes of each object in turn, one at a time in memory; none for one that is larger than the bound."""
        asked = "".join(f"{name}\n" for name in ids).encode()
        sizes = self.git("cat-file", "--batch-check=%(objectsize)", stdin=asked).decode().split()
        command = ["git", "cat-file", "--batch=%(objectsize)"]
        with subprocess.Popen(
            command, cwd=self.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            for name, size in zip(ids, map(int, sizes), strict=True):
                if size > bytes_max:
                    yield None
                    continue
                child.stdin.write(f"{name}\n".encode())
                child.stdin.flush()
                child.stdout.readline()
                yield child.stdout.read(size + 1)[:-1]

    def blob(self, name: str) -> bytes:
        """The bytes of one object."""
        return self.git("cat-file", "blob", name)

    def attributes(self, paths: Iterable[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
        """For every path its git attributes with these names, as git writes their values, from what is staged."""
        asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
        words = iter(_names(self.git("check-attr", "--cached", "-z", "--stdin", *names, stdin=asked)))
        found = dict[str, dict[str, str]]()
        for path, name, value in zip(words, words, words, strict=True):
            found.setdefault(path, {})[name] = value
        return found

    def is_as_staged(self, file: StagedFile) -> bool:
        """Whether the file in the working tree would be staged as it is staged now: it has no unstaged change."""
        path = self.root / file.path
        if path.is_symlink() or not path.is_file():
            return False
        return self.git("hash-object", "--", file.path).decode().strip() == file.blob

    def setting(self, name: str, kind: str) -> str | None:
        """A value of git's settings, in the form that git gives its kind (bool, int, path); none where it is not set.

        Raises:
            DgeditError: when what is set is not of that kind.
        """
        value = os.fsdecode(self.git("config", f"--type={kind}", "-z", "--get", name, allowed=(0, 1)))
        return value.removesuffix("\0") if value else None

    def hooks_folder(self) -> Path:
        """Where git looks for hooks: one folder for all working trees, unless it is told another."""
        return self.root / _line(self.git("rev-parse", "--git-path", "hooks"))

    def hooks_path_scope(self) -> str:
        """Whose setting core.hooksPath is: local, worktree, global, system or command; empty where it is not set."""
        found = _names(self.git("config", "-z", "--show-scope", "--get", "core.hooksPath", allowed=(0, 1)))
        return found[0] if found else ""

    def _head(self) -> str:
        """The last commit, or the empty tree before there is one."""
        found = self.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", allowed=(0, 1))
        return _line(found or self.git("hash-object", "-t", "tree", "--stdin"))


def repository(folder: Path) -> Repository:
    """The repository that a folder belongs to.

    Raises:
        DgeditError: when there is none, or it has no working tree.
    """
    if _line(_git(folder, ("rev-parse", "--is-inside-work-tree"), b"", (0,))) != "true":
        raise DgeditError(f"{folder} is in a repository but not in a working tree", "go to where its files are")
    return Repository(Path(_line(_git(folder, ("rev-parse", "--show-toplevel"), b"", (0,)))))


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        # A commit holds the index's lock while its hooks run.
        "GIT_OPTIONAL_LOCKS": "0",
        # A pattern in a file's name is no pattern.
        "GIT_LITERAL_PATHSPECS": "1",
        # What a partial clone left out is not worth a network.
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }


def _git(folder: Path, arguments: Sequence[str], stdin: bytes, allowed: Sequence[int]) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, input=stdin, capture_output=True, env=_environment())
    except FileNotFoundError as error:
        raise DgeditError("git was not found", "install it, or add it to PATH") from error
    if done.returncode not in allowed:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DgeditError(f"git {arguments[0]} failed: {said[0] if said else f'exit code {done.returncode}'}")
    return done.stdout


def _line(output: bytes) -> str:
    return os.fsdecode(output).removesuffix("\n")


def _names(output: bytes) -> list[str]:
    return os.fsdecode(output).split("\0")[:-1]

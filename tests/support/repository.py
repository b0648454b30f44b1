"""Real git repositories in temporary folders, in which no setting of the person who runs the tests counts."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CLEAN = b"def double(value):\n    return value * 2\n"
MARKED = b"def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"
BROKEN = b"def double(value:\n    return value * 2\n"

BIN = Path(sys.executable).parent
DGEDIT = (sys.executable, "-P", "-m", "dgedit")

Done = subprocess.CompletedProcess[str]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Without settings and identities of a person, and without what an outer git or hook has set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        **more,
    }


@dataclass
class Scratch:
    """A repository to try things in."""

    root: Path
    home: Path
    more: dict[str, str] = field(default_factory=dict)
    """Added to the environment of every command."""

    def run(self, *command: str, cwd: Path | None = None, timeout: float = 300) -> Done:
        """Any command, with its output."""
        return subprocess.run(
            command,
            cwd=cwd or self.root,
            env=environment(self.home, **self.more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
        )

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """What a git command that must succeed prints."""
        done = self.run("git", *arguments, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    def hook(self, *arguments: str, cwd: Path | None = None) -> Done:
        """`dgedit hook ...`."""
        return self.run(*DGEDIT, "hook", *arguments, cwd=cwd)

    def write(self, name: str, raw: bytes) -> Path:
        """A file in the working tree."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        return path

    def stage(self, name: str, raw: bytes) -> Path:
        """A file in the working tree, staged."""
        path = self.write(name, raw)
        self.git("--literal-pathspecs", "add", "--force", "--", name)
        return path

    def read(self, name: str) -> bytes:
        """The bytes in the working tree."""
        return (self.root / name).read_bytes()

    def staged(self, name: str) -> bytes:
        """The staged bytes."""
        shown = subprocess.run(
            ["git", "show", f":{name}"], cwd=self.root, env=environment(self.home), capture_output=True, check=True
        )
        return shown.stdout

    def commit(self, *arguments: str) -> Done:
        """`git commit`, with its hooks."""
        return self.run("git", "commit", "--message", "m", *arguments)

    def commits(self) -> int:
        """How many there are."""
        done = self.run("git", "rev-list", "--count", "HEAD")
        return int(done.stdout) if done.returncode == 0 else 0


def scratch(folder: Path, **more: str) -> Scratch:
    """An empty repository below a folder."""
    made = Scratch(folder / "work", folder / "home", more)
    made.home.mkdir()
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    return made

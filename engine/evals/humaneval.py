"""HumanEval-Infilling, single line (Bavarian et al. 2022, arXiv 2207.14255): pass@1, judged by running the tests.

Generated code is run in a process of its own: a fresh folder, an empty environment, limits on time, memory, file size
and processes, and no network (a network namespace of its own where the system grants one, and Python's socket module
taken away everywhere). That is a fence around a small model's mistakes, not a jail for an enemy.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE_NAME = "HumanEval-SingleLineInfilling.jsonl.gz"
WALL_SECONDS = 8
CPU_SECONDS = 5
MEMORY_BYTES = 1 << 30

_GUARD = """
import resource, sys
for limit, most in ((resource.RLIMIT_CPU, {cpu}), (resource.RLIMIT_AS, {memory}), (resource.RLIMIT_FSIZE, 1 << 20),
                    (resource.RLIMIT_NPROC, 64), (resource.RLIMIT_CORE, 0)):
    resource.setrlimit(limit, (most, most))
sys.modules["socket"] = sys.modules["_socket"] = None
exec(compile(sys.stdin.read(), "task.py", "exec"), {{"__name__": "task"}})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEvalTask:
    """One line to write, and the tests that judge it."""

    name: str
    prompt: str
    suffix: str
    solution: str
    test: str
    entry_point: str

    def program(self, infill: str) -> str:
        """The file with the line in it, and its tests."""
        return f"{self.prompt}{infill}\n{self.suffix}\n{self.test}\ncheck({self.entry_point})\n"


def load(folder: Path) -> list[HumanEvalTask]:
    """The tasks in the folder's file, in its order.

    Raises:
        OSError: when there is no such file.
    """
    with gzip.open(folder / FILE_NAME, "rt", encoding="utf-8") as file:
        return list(_tasks(file))


def _tasks(lines: Iterator[str]) -> Iterator[HumanEvalTask]:
    for line in lines:
        row = json.loads(line)
        yield HumanEvalTask(
            name=row["task_id"],
            prompt=row["prompt"],
            suffix=row["suffix"],
            solution=row["canonical_solution"],
            test=row["test"],
            entry_point=row["entry_point"],
        )


def passes(program: str) -> bool:
    """Whether the program runs to its end within the limits; POSIX only."""
    guard = _GUARD.format(cpu=CPU_SECONDS, memory=MEMORY_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        command = [*_without_network(), sys.executable, "-I", "-B", "-c", guard]
        try:
            done = subprocess.run(
                command,
                input=program,
                text=True,
                cwd=folder,
                env={"PATH": os.defpath},
                capture_output=True,
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


@cache
def _without_network() -> tuple[str, ...]:
    """The command that starts a process in a network namespace of its own, where the system allows it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--net", "--map-root-user")
    tried = subprocess.run([*command, sys.executable, "-c", ""], capture_output=True, check=False)
    return command if tried.returncode == 0 else ()

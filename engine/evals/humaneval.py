"""HumanEval-Infilling, single line (Bavarian et al. 2022, arXiv 2207.14255): pass@1, judged by running the tests.

`python -m dgedit.engine.evals.humaneval --model NAME --tasks N` reads the benchmark's file from a folder; dgedit does
not ship it. A model that was started from one published after 2023 may have read the problems.

Generated code is run in a process of its own: a fresh folder, an empty environment, limits on time, memory, file size
and processes, and no network (a network namespace of its own where the system grants one, and Python's socket module
taken away everywhere). That is a fence around a small model's mistakes, not a jail for an enemy.
"""

from __future__ import annotations

import argparse
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

from ..catalog import DEFAULT_MODEL
from ..infill import fill
from ..load import load as load_model
from ..protocol import Denoiser
from ..types import EngineError, InfillRequest
from .table import Mean

FOLDER = Path("../shared/data/humaneval-infilling")
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


def main() -> int:
    """Print the share of tasks whose tests pass."""
    parser = argparse.ArgumentParser(prog="python -m dgedit.engine.evals.humaneval", description="pass@1 of one line.")
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], help="bundled models or folders")
    parser.add_argument("--tasks", type=int, default=None, help="only so many, evenly spread (default: all)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"where {FILE_NAME} lies")
    options = parser.parse_args()
    try:
        for name in options.model:
            print(row(load_model(name), options.folder, options.tasks), flush=True)
    except EngineError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 2
    return 0


def row(model: Denoiser, folder: Path, limit: int | None) -> str:
    """pass@1 of the first answers as a line, with a limit of tasks evenly spread over the file.

    Raises:
        EngineError: when the benchmark's file is not there.
    """
    if not (folder / FILE_NAME).is_file():
        raise EngineError(
            f"{folder / FILE_NAME} is not there, so HumanEval-Infilling was not measured",
            "get the file from the benchmark's repository and name its folder",
        )
    tasks = load(folder)
    tasks = tasks[:: max(1, len(tasks) // limit)][:limit] if limit else tasks
    passed, exact = list[float](), 0
    for number, task in enumerate(tasks):
        request = InfillRequest(prefix=task.prompt, suffix="\n" + task.suffix, max_passes=model.info.passes)
        text = fill(request, model).text
        exact += text.strip() == task.solution.strip()
        passed.append(float(passes(task.program(text))))
        if sys.stderr.isatty() or number % 20 == 19:
            print(f"{number + 1} of {len(tasks)}, {sum(passed):.0f} pass", file=sys.stderr)
    mean = Mean.of(passed)
    return (
        f"{model.info.name} HumanEval-Infilling single line: {len(tasks)} tasks, pass@1 {mean.value:.1%} "
        f"({mean.low:.1%} - {mean.high:.1%}), as published {exact / len(tasks):.1%}"
    )


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


if __name__ == "__main__":
    sys.exit(main())

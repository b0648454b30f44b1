"""`dgedit bench --serve`: one hole filled by a new process.

With the model loaded in the call and with a warm process that has it, in turns, because other programs run too. It
must know nothing of how either is done.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from ..engine.types import InfillRequest
from ..errors import DgeditError
from ..server.address import PACKAGE
from ..server.client import ServedEngine, find, statuses, stop
from ..text.holes import MARKER

WIDTH = 50
TEXT = b'''import argparse
import json
from pathlib import Path


def load(path: Path) -> dict[str, str]:
    """Read a file of settings."""
    <FILL_ME>


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    print(load(parser.parse_args().path))
'''
CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from dgedit.server import client as served
from dgedit.fill.document import LocalFiller
from dgedit.batch.fill import PipeOptions, run
how, model = sys.argv[2:]
engine = {"cold": lambda name: None, "warm": served.find, "start": served.start_in_background}[how](model)
if how != "cold" and engine is None:
    sys.exit("the warm process is no longer there; was dgedit's code changed meanwhile?")
sys.exit(run(PipeOptions(sources=("-",), model=model, quiet=True), LocalFiller(model, engine)))
"""
"""A whole `dgedit fill -`: interpreter, imports, holes, infill, output."""


def run(model: str, calls: int = 10) -> int:
    """Measure and print; returns the exit code.

    Raises:
        DgeditError: when a call fails.
    """
    kept = os.environ.get("XDG_RUNTIME_DIR", "")
    with tempfile.TemporaryDirectory(prefix="dgedit-") as own:
        # A warm process that is there already is neither asked nor ended. The look there is for none.
        os.environ["XDG_RUNTIME_DIR"] = own
        try:
            _row("a look for a warm process where there is none", [_find_ms(model) for _ in range(calls)])
            _measure(model, calls)
        finally:
            for status in statuses():
                stop(status)
            # An empty one is as good as none.
            os.environ["XDG_RUNTIME_DIR"] = kept
    return 0


def _measure(model: str, calls: int) -> None:
    _row("the first call, which starts the process", [_call("start", model).wall_ms])
    _row("a look where there is one", [_find_ms(model) for _ in range(calls)])
    pairs = [(_call("warm", model), _call("cold", model)) for _ in range(calls)]
    warm_ms, cold_ms = [warm.wall_ms for warm, _ in pairs], [cold.wall_ms for _, cold in pairs]
    _row("cold: a call that loads the model", cold_ms)
    _row("warm: a call that finds it loaded", warm_ms)
    print(f"{'cold / warm':{WIDTH}} {statistics.median(cold_ms) / statistics.median(warm_ms):.1f}x")
    engine = find(model)
    assert engine is not None, "asked above"
    _row("of a warm call: the interpreter", [_process("pass").wall_ms for _ in range(calls)])
    _row("of a warm call: the client's processor time", [warm.processor_ms for warm, _ in pairs])
    _row("of a warm call: the infill", [_infill_ms(engine, seed) for seed in range(calls)])


@dataclass(frozen=True, slots=True)
class ServerTimes:
    """What a process took, until it had ended."""

    wall_ms: float
    processor_ms: float
    """Its own; no other program makes that longer by much."""


def _call(how: str, model: str) -> ServerTimes:
    return _process(CHILD, how, model)


def _process(code: str, *arguments: str) -> ServerTimes:
    command = [sys.executable, "-P", "-c", code, str(PACKAGE.parent), *arguments]
    began, used_ms = time.perf_counter(), _children_ms()
    done = subprocess.run(command, input=TEXT, capture_output=True, check=False)
    taken = ServerTimes((time.perf_counter() - began) * 1e3, _children_ms() - used_ms)
    if done.returncode or (arguments and (not done.stdout or MARKER.encode() in done.stdout)):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise DgeditError(f"a call failed: {said[-1] if said else 'nothing was filled'}", "try dgedit fill")
    return taken


def _children_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e3


def _infill_ms(engine: ServedEngine, seed: int) -> float:
    """With another seed and text each time, so that nothing of it was prepared before."""
    prefix, _, suffix = TEXT.decode().partition(MARKER)
    began = time.perf_counter()
    for _ in engine.infill(InfillRequest(prefix=f"number = {seed}\n{prefix}", suffix=suffix)):
        pass
    return (time.perf_counter() - began) * 1e3


def _find_ms(model: str) -> float:
    began = time.perf_counter()
    find(model)
    return (time.perf_counter() - began) * 1e3


def _row(what: str, times_ms: list[float]) -> None:
    spread = f"   ({min(times_ms):.1f} to {max(times_ms):.1f})" if len(times_ms) > 1 else ""
    print(f"{what:{WIDTH}} {statistics.median(times_ms):.1f} ms, p50 of {len(times_ms)}{spread}", flush=True)

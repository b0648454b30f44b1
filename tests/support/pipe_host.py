"""Fills that are forked by one process; `tests/attack/test_pipe_kills.py` starts this.

A fork costs milliseconds, and a new interpreter with torch two seconds. All is the command's own but for the model,
whose answers are made up and take their time. What comes over the socket are the arguments of a fill, with the
descriptors of its standard streams; what goes back is its process id, and, when it has ended, its exit code.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Generator, Sequence
from typing import Any

from dgedit import cli, first_signals
from dgedit.batch import child, fill
from dgedit.engine.types import Frame, ModelInfo
from dgedit.fill.loop import FillOptions, Limits, Outcome
from dgedit.text.holes import Hole
from tests.support.answers import Answers

ANSWER = "values[0]"
LOAD_S, HOLE_S = 0.02, 0.002
GRACE_S = 0.1


class Slow(Answers):
    """Gives a kill time to come while a model is loaded, and between two holes."""

    def __init__(self, *_given: Any, **_more: Any) -> None:
        super().__init__()

    @property
    def info(self) -> ModelInfo:  # type: ignore[override]
        time.sleep(LOAD_S)
        return Answers.info

    def fill(
        self, text: str, holes: Sequence[Hole], options: FillOptions, limits: Limits
    ) -> Generator[tuple[int, Frame | Outcome], None, None]:
        self.answers = [ANSWER] * len(holes)
        for number, what in super().fill(text, holes, options, limits):
            time.sleep(HOLE_S)
            yield number, what


def filled(arguments: list[str], streams: list[int]) -> int:
    """In a process of its own."""
    # As the command line does it first of all.
    first_signals.remember(arguments)
    for number, handle in enumerate(streams):
        os.dup2(handle, number)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate("rww"))  # noqa: SIM115
    return cli.main(arguments)


def main() -> None:
    """One fill after the other."""
    child.GRACE_S = GRACE_S
    fill.LocalFiller = Slow  # type: ignore[assignment,attr-defined]
    with socket.socket(fileno=int(sys.argv[1])) as host:
        while True:
            message, streams, *_ = socket.recv_fds(host, 65_536, 3)
            if not message:
                return
            pid = os.fork()
            if not pid:
                code = 99
                try:
                    code = filled(json.loads(message), list(streams))
                finally:
                    os._exit(code)
            for handle in streams:
                os.close(handle)
            host.send(f"{pid} ".encode())
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            host.send(f"{code} ".encode())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()

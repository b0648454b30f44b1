"""`dgedit serve`: its command line."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from ..batch.output import printed
from ..engine.catalog import DEFAULT_MODEL
from ..errors import ExitCode
from .arguments import CommandParser

if TYPE_CHECKING:
    from ..server.client import Status


EPILOG = """\
`dgedit fill` finds the process and need not load the model itself; `dgedit fill --warm` starts one when there is none.
It sees what is to be filled and the text around it, answers, and keeps nothing; files are read and written by the
callers alone. Only processes of the same user reach it: its socket is in $XDG_RUNTIME_DIR/dgedit, or in a folder of
yours in the temporary directory. Requests take turns.

exit codes: 0 done (--status, --stop: there was one), 1 there is none, or it does not end, 2 error
"""


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(
        prog="dgedit serve",
        description="Keep a model loaded for the other commands.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--model",
        help=f"a bundled model or the folder of a checkpoint (default: {DEFAULT_MODEL}; all, for --status and --stop)",
    )
    made.add_argument(
        "--idle-minutes",
        type=_minutes,
        default=30.0,
        metavar="N",
        help="end when nobody asked for so long (default: 30)",
    )
    what = made.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say which processes there are, and what they did")
    what.add_argument("--stop", action="store_true", help="end them")
    return made


def run(options: argparse.Namespace) -> int:
    """Serve, or look after who does; returns the exit code."""
    if not options.status and not options.stop:
        from ..server.server import run as serve

        return serve(options.model or DEFAULT_MODEL, options.idle_minutes * 60)
    from ..server.client import statuses, stop

    found = statuses(options.model)
    if not found:
        printed("no warm process\n")
    all_well = bool(found)
    for status in found:
        went = not options.stop or stop(status)
        all_well = all_well and went
        line = shown(status) if options.status else f"{'ended' if went else 'does not end'}: {shown(status)}"
        printed(f"{line}\n")
    return ExitCode.OK if all_well else ExitCode.HOLES_LEFT


def shown(status: Status) -> str:
    """A warm process in a line."""
    hello, info = status.hello, status.info
    pid = f"pid {status.pid or 'unknown'}"
    if hello is None:
        return f"{pid}  does not answer, or is of another version  {status.place.socket}"
    model = f"{info.name} {info.digest} on {info.device}" if info is not None else f"{hello.model}, loading"
    infills = "1 infill" if hello.infills == 1 else f"{hello.infills} infills"
    return f"{pid}  {model}  up {_duration(hello.uptime_s)}  {infills}  {status.place.socket}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _minutes(value: str) -> float:
    found = float(value)
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0, got {value}")
    return found


_minutes.__name__ = "number"

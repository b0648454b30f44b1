"""`dgedit hook`: its command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .. import terminal
from .arguments import CommandParser, number

if TYPE_CHECKING:
    from ..hook.git import Repository
    from ..hook.staged import HookOptions
    from ..hook.writing import Effort

SETTINGS = """\
settings, each one also an option of `run`; for example: git config dgedit.hook.fill true
  dgedit.hook.fill          fill the marked places of staged Python files (default: false)
  dgedit.hook.fix           mend staged Python files that do not parse (default: false)
  dgedit.hook.parse         stop the commit where staged Python does not parse (default: true)
  dgedit.hook.timeout       seconds for one place (default: 20)
  dgedit.hook.deadline      seconds for all places of a commit (default: 120)
  dgedit.hook.model         a bundled model or the folder of a checkpoint (default: mini)
  dgedit.hook.requiremodel  fail where the model cannot be loaded (default: false, a note)

A path with the attribute -dgedit in .gitattributes is left alone.
"""
EXITS = "exit codes: 0 nothing stands against a commit, 1 something does, or files were changed, 2 error, 130 cancelled"

FILE_VERBS = {
    "check": "fail where a marked place of the files is not filled",
    "fill": "fill the marked places of the files",
    "fix": "mend the files that do not parse",
}


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(
        prog="dgedit hook",
        description="Stop commits with places that are not filled; fill and mend on request. Nothing is ever staged.",
        epilog=SETTINGS + EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    verbs.add_parser(
        "install", help="let git run it before each commit, after the hook that is there", allow_abbrev=False
    )
    verbs.add_parser("uninstall", help="take it away again and put back the hook that was there", allow_abbrev=False)
    run = verbs.add_parser("run", help="look at what is staged, as the installed hook does", allow_abbrev=False)
    _add_switches(run)
    _add_limits(run)
    for verb, does in FILE_VERBS.items():
        on_files = verbs.add_parser(verb, help=f"{does} (what pre-commit runs)", description=does, allow_abbrev=False)
        on_files.add_argument("files", nargs="*", metavar="FILE", help="after -- a name may begin with a dash")
        if verb != "check":
            _add_limits(on_files)
    return made


def run(options: argparse.Namespace) -> int:
    """Do what the first word says; returns the exit code."""
    from ..errors import ExitCode
    from ..hook import install, named, staged
    from ..hook.git import repository

    here = repository(Path.cwd())
    try:
        if options.verb == "install":
            install.install(here, sys.executable, _say)
        elif options.verb == "uninstall":
            install.uninstall(here, _say)
        elif options.verb == "run":
            return staged.run(here, _hook_options(here, options), _say)
        elif options.verb == "check":
            return named.check(here, options.files, _say)
        else:
            work = named.fill if options.verb == "fill" else named.fix
            return work(here, options.files, _effort(here, options), _say)
    except KeyboardInterrupt:
        _say("cancelled; every file is as it was, or wholly done")
        return ExitCode.CANCELLED
    return ExitCode.OK


def _add_switches(made: argparse.ArgumentParser) -> None:
    for name, does in (
        ("fill", "fill the marked places of staged Python files, in the working tree"),
        ("fix", "mend staged Python files that do not parse, in the working tree"),
        ("parse", "stop the commit where staged Python does not parse"),
    ):
        made.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, help=does)


def _add_limits(made: argparse.ArgumentParser) -> None:
    made.add_argument("--model", help="a bundled model or the folder of a checkpoint (default: mini)")
    made.add_argument("--timeout", type=number(1), metavar="S", help="seconds for one place (default: 20)")
    made.add_argument("--deadline", type=number(1), metavar="S", help="seconds for all places (default: 120)")
    made.add_argument(
        "--require-model", action=argparse.BooleanOptionalAction, help="fail where the model cannot be loaded"
    )


def _hook_options(repository: Repository, given: argparse.Namespace) -> HookOptions:
    from ..hook.staged import HookOptions

    chosen = {name: getattr(given, name) for name in ("fill", "fix", "parse")}
    for name, value in chosen.items():
        if value is None:
            chosen[name] = _switch(repository, name, default=name == "parse")
    return HookOptions(**chosen, effort=_effort(repository, given))


def _effort(repository: Repository, given: argparse.Namespace) -> Effort:
    """What is given on the command line, else set in git's settings, else the default."""
    from ..hook.writing import Effort

    least = Effort()
    required = given.require_model
    return Effort(
        model=given.model or repository.setting("dgedit.hook.model", "path") or least.model,
        timeout_s=given.timeout or _seconds(repository, "timeout", least.timeout_s),
        deadline_s=given.deadline or _seconds(repository, "deadline", least.deadline_s),
        require_model=_switch(repository, "requiremodel", default=False) if required is None else required,
    )


def _switch(repository: Repository, name: str, *, default: bool) -> bool:
    found = repository.setting(f"dgedit.hook.{name}", "bool")
    return default if found is None else found == "true"


def _seconds(repository: Repository, name: str, default: int) -> int:
    from ..errors import DgeditError

    found = repository.setting(f"dgedit.hook.{name}", "int")
    if found is not None and int(found) < 1:
        raise DgeditError(f"dgedit.hook.{name} is {found} seconds", "set at least 1")
    return int(found) if found is not None else default


def _say(message: str) -> None:
    terminal.say(message)

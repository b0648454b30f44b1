"""Starts the editor on a terminal, and ends the process as the editor ended."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import terminal
from ..config import Config
from ..errors import DgeditError, ExitCode
from ..files.locations import OpenAt
from ..fill.loop import FillOptions
from .app import DgeditApp

MIN_COLUMNS, MIN_ROWS = 40, 8


def run(
    places: Sequence[OpenAt], *, config: Config, options: FillOptions, complaint: str = "", root: Path | None = None
) -> int:
    """Run the editor on the terminal; returns the exit code.

    Args:
    complaint: what is wrong with the settings.
    root: a folder whose files are offered.

    Raises:
        DgeditError: when a file cannot be opened, or the terminal is too small or cannot move its cursor.
    """
    if os.environ.get("TERM") == "dumb":
        raise DgeditError(
            "this terminal says that it cannot move its cursor (TERM=dumb)",
            "set TERM to what it is; in a pipe, use: dgedit fill -",
        )
    size = shutil.get_terminal_size()
    if not terminal.in_browser() and (size.columns < MIN_COLUMNS or size.lines < MIN_ROWS):
        raise DgeditError(
            f"the terminal has {size.columns}x{size.lines} cells", f"make it at least {MIN_COLUMNS}x{MIN_ROWS}"
        )
    app = DgeditApp(places, config=config, options=options, root=root)
    app.complaint = complaint or app.complaint
    if os.name == "posix" and not terminal.in_browser():
        from .driver import TerminalDriver

        app.driver_class = TerminalDriver
    result = app.run()
    if result is None:
        # Textual ended it with an error; what was typed since the last look is not lost with it.
        app.recovery.keep_at_once()
        kept = "unsaved work was kept and is offered next time" if config.editor.recover else "nothing was kept"
        terminal.say(f"ended by an error of its own; {kept}")
    code = result if result is not None else ExitCode.ERROR
    if not app.jobs.is_idle:
        # A thread in the midst of the engine ends the interpreter with an abort; nothing is left that it could lose.
        sys.stdout.flush()
        os._exit(code)
    return code

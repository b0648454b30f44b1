"""Doubtful places of the active text: looked for by a process beside when the typing pauses, shown in the gutter.

A key never waits for it: the process has its own core and a low priority, and one that a key has overtaken is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

from textual.widgets.text_area import Selection

from ...judges.problems import Doubt, read
from ..shell import Shell

if TYPE_CHECKING:
    from ..widgets.code_area import CodeArea

PAUSE_S = 0.8
"""So long nothing is typed before a text is looked at."""
TIMEOUT_S = 10.0
TEXT_CHARS_MAX = 1_000_000
LANGUAGE = "python"


class Problems:
    """Asks the process, and goes from one place to the next."""

    def __init__(self, app: Shell) -> None:
        self.app = app
        self._asked: tuple[CodeArea, int] | None = None

    def look(self) -> None:
        """Look at the active text soon, where it is another one than at the last look."""
        area = self.app.area
        if self.app.config.editor.problems and area.syntax_name == LANGUAGE and self._asked != (area, area.version):
            self._asked = (area, area.version)
            self.app.run_worker(self._look(area, area.version), group="problems", exclusive=True, exit_on_error=False)

    async def _look(self, area: CodeArea, version: int) -> None:
        await asyncio.sleep(PAUSE_S)
        text = area.true_text()
        if area.preview is not None or len(text) > TEXT_CHARS_MAX:
            self._asked = None
            return
        found = await _found(text)
        if area.version == version and area.preview is None:
            area.show_problems(found)
            self.app.refresh_status()

    def next_problem(self) -> None:
        """Go to the next doubtful place; a name that nothing defines is selected, to be filled."""
        area = self.app.area
        if not area.problems:
            self.app.say("no problem was found" if area.syntax_name == LANGUAGE else "only Python is looked at")
            return
        row, column = max(area.selection)
        behind = (each for each in area.problems if (each.row, each.column) > (row, column))
        problem = next(behind, area.problems[0])
        area.go_to(problem.row, problem.column)
        end = problem.column + len(problem.name)
        if problem.name and area.document[problem.row][problem.column : end] == problem.name and not area.locked:
            area.selection = Selection((problem.row, problem.column), (problem.row, end))
            self.app.say(f"{problem.message}: {self.app.key('infill')} fills this")


async def _found(text: str) -> list[Doubt]:
    """What the process finds; nothing where it fails, which is no reason to disturb anybody."""
    command = (sys.executable, "-m", "dgedit.judges.problems")
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=none)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            printed, _ = await process.communicate(text.encode("utf-8", "replace"))
        return read(printed) if process.returncode == 0 else []
    except TimeoutError:
        return []
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

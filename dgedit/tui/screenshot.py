"""Takes the README's pictures: the real editor with the bundled model, as SVG.

An infill is stopped after a pass to be pictured, so that the picture is the same on every machine that gives the same
answers. No picture may fetch fonts from anywhere.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets.text_area import Selection

from ..config import Config, Editor
from ..engine import Engine
from ..files.locations import OpenAt
from ..fill.loop import fill_gaps
from ..fill.open import load_model
from ..text.holes import MARKER
from .app import DgeditApp
from .infill.thread import Delivery, InfillJobs, Task

EXAMPLE = (Path(__file__).parent.parent / "example.py.txt").read_text(encoding="utf-8")
BOX = f"""\
class Box:
    def __init__(self, left, top, right, bottom):
        self.left, self.top = left, top
        self.right, self.bottom = right, bottom

    def width(self):
        return self.right - self.left

    def height(self):
        {MARKER}

    def area(self):
        return self.width() * self.height()

    def moved(self, across, down):
        left, right = self.left + across, self.right + across
        top, bottom = self.top + down, self.bottom + down
        return Box(left, top, right, bottom)
"""
PINNED = "return self."
COLUMNS, ROWS = 92, 26
AT_PASS = 4
DRAWN_S = 0.2
FONT_FACE = re.compile(r"@font-face \{.*?\}", re.S)


class PausedJobs(InfillJobs):
    """Runs an infill up to a pass, and no further."""

    def __init__(self, model: Engine, at_pass: int) -> None:
        super().__init__(model.info.name)
        self.model, self._at_pass = model, at_pass
        self._ready = list[Delivery]()

    def start(self, task: Task) -> int:
        """Take the passes at once; `poll` gives them."""
        assert self.model is not None
        for part, frame in fill_gaps(task.before, task.parts, task.after, self.model, task.options):
            self._ready.append(Delivery(part, frame))
            if frame.pass_index == self._at_pass:
                return 0
        self._ready.append(Delivery(done=True))
        return 0

    def poll(self) -> list[Delivery]:
        """The passes that were taken."""
        ready, self._ready = self._ready, []
        return ready


@asynccontextmanager
async def editor(text: str, model: Engine, at_pass: int = sys.maxsize) -> AsyncIterator[Pilot[int]]:
    """The editor with a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "example.py"
        path.write_text(text, encoding="utf-8")
        settings = Config(editor=Editor(watch=False, recover=False))
        app = DgeditApp([OpenAt(path)], config=settings, warm_up=False)
        app.jobs = app.infills.jobs = PausedJobs(model, at_pass)
        async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
            await pilot.pause(DRAWN_S)
            yield pilot


async def infill(pilot: Pilot[int], holes: int) -> DgeditApp:
    """Go some holes down and infill there."""
    assert isinstance(pilot.app, DgeditApp)
    await pilot.press(*["f8"] * holes, "ctrl+g")
    pilot.app.infills.arrived()
    await pilot.pause(DRAWN_S)
    return pilot.app


def save(app: DgeditApp, out: Path) -> None:
    """Write the screen as a picture."""
    out.write_text(FONT_FACE.sub("", app.export_screenshot(title="dgedit")), encoding="utf-8")


async def under_way(model: Engine, out: Path) -> None:
    """An infill after some passes: noise, drafts, what was accepted."""
    async with editor(EXAMPLE, model, AT_PASS) as pilot:
        save(await infill(pilot, 2), out)


async def review(model: Engine, out: Path) -> None:
    """A finished infill with how sure it is, and a part of it that is pinned."""
    async with editor(BOX, model) as pilot:
        app = await infill(pilot, 1)
        row = next(row for row, line in enumerate(BOX.splitlines()) if MARKER in line)
        column = app.area.document[row].index(PINNED)
        app.area.selection = Selection((row, column), (row, column + len(PINNED)))
        await pilot.press("alt+k")
        await pilot.pause(DRAWN_S)
        save(app, out)


async def find(model: Engine, out: Path) -> None:
    """Find and replace."""
    async with editor(EXAMPLE, model) as pilot:
        assert isinstance(pilot.app, DgeditApp)
        await pilot.press("ctrl+r", *"count", "tab", *"tally")
        await pilot.pause(DRAWN_S)
        save(pilot.app, out)


async def take(folder: Path) -> None:
    """All pictures."""
    model = load_model("nano")
    await review(model, folder / "review.svg")
    # Not the first one: its passes would be those of a model that was just loaded.
    await under_way(model, folder / "screenshot.svg")
    await find(model, folder / "find.svg")


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))

"""Editors that type, denoise and save without a terminal until they are killed; `tests/tui/test_kill.py` starts this.

One process imports everything and forks an editor for every line that it reads, because a fork costs milliseconds and
a new interpreter with torch two seconds. An editor types one x after the other at the start of the text, so how many
there are tells how old a text is; it says on standard output what it is about to do, and what has certainly been done.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from textual import events
from torch import Tensor

from dgedit.config import Config, Editor
from dgedit.engine.local import LocalEngine
from dgedit.files.locations import OpenAt
from dgedit.tui import app as editor
from dgedit.tui import typeahead
from dgedit.tui.app import DgeditApp
from dgedit.tui.controllers import recovery
from dgedit.tui.dialogs import Compare
from tests.support.toy import ToyDenoiser

KEEP_EVERY_S = 0.01
PASS_S = 0.004
ANSWER = "total += 1"
PATIENCE_S = 60.0


class SlowToy(ToyDenoiser):
    """A denoiser that gives a kill time to come between two passes."""

    def logits(self, canvas: Tensor, free: Tensor) -> Tensor:
        time.sleep(PASS_S)
        return super().logits(canvas, free)


def tell(what: str, count: int) -> None:
    """One line; short enough to be written at once."""
    os.write(1, f"{what} {count}\n".encode())


class Driver:
    """Presses keys and sees what comes of them."""

    def __init__(self, app: DgeditApp) -> None:
        self.app = app

    def press(self, key: str) -> None:
        assert self.app._driver is not None
        self.app._driver.send_message(events.Key(key, key if len(key) == 1 else None))

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait; an editor that does not come to it ends, and says where it stands."""
        ends = time.monotonic() + PATIENCE_S
        while not holds():
            if time.monotonic() > ends:
                raise TimeoutError(self.state())
            await asyncio.sleep(0.001)

    def state(self) -> str:
        """What an editor that waits in vain looks like."""
        app, review, area = self.app, self.app.infills.review, self.app.area
        told = {
            "screen": app.screen,
            "focused": app.focused,
            "selection": area.selection,
            "last line": area.document.lines[-1],
            "review": None if review is None else (review.pieces(), review.finished, len(review.seen)),
            "versions": (area.version, app.files.tab.kept_version, app.files.tab.dirty),
            "idle": app.jobs.is_idle,
            "locked": area.locked,
        }
        return ", ".join(f"{name} {value!r}" for name, value in told.items())

    @property
    def count(self) -> int:
        """How many x the text begins with."""
        line = self.app.area.document[0]
        return len(line) - len(line.lstrip("x"))

    def is_past(self, version: int) -> bool:
        return self.app.area.version > version

    async def recover(self) -> None:
        """Answer the question for unsaved work, which is there when the last editor left some."""
        await self.until(lambda: isinstance(self.app.screen, Compare) and self.app.screen.focused)
        on_disk = self.app.area.text
        self.press("r")
        await self.until(lambda: self.app.area.text != on_disk and self.app.area.has_focus)
        tell("recovered", self.count)

    async def type(self) -> None:
        tell("typing", self.count)
        for _ in range(3):
            before = self.app.area.version
            self.press("ctrl+home")
            self.press("x")
            await self.until(partial(self.is_past, before))
        await self.until(lambda: self.app.files.tab.dirty)
        await self.kept()

    async def kept(self) -> None:
        tab = self.app.files.tab
        await self.until(lambda: tab.kept_version == self.app.area.version)
        tell("kept", self.count)

    async def save(self) -> None:
        tell("saving", self.count)
        self.press("ctrl+s")
        await self.until(lambda: not self.app.files.tab.dirty)
        tell("saved", self.count)

    async def denoise(self) -> None:
        """An infill at the end of the text that is given up, or accepted and taken back."""
        infills = self.app.infills
        self.press("ctrl+end")
        if self.app.area.text.endswith(ANSWER):
            # Accepted before the last kill; one more behind it would be cut, for it says the same again.
            for key in ("shift+home", "backspace"):
                self.press(key)
            await self.until(lambda: not self.app.area.text.endswith(ANSWER))
        before = self.app.area.text
        self.press("ctrl+g")
        await self.until(lambda: infills.running)
        tell("denoising", self.count)
        if random.random() < 0.5:
            await self.until(lambda: infills.review is None or infills.review.finished)
            self.press("tab")
            await self.until(lambda: infills.review is None)
            self.press("ctrl+z")
        else:
            await self.until(lambda: infills.review is None or infills.review.seen)
            self.press("escape")
        await self.until(lambda: infills.review is None and self.app.area.text == before)


async def edit(path: Path, left_work: bool) -> None:
    """One editor, until it is killed."""
    app = DgeditApp([OpenAt(path)], config=Config(editor=Editor(watch=False)), warm_up=False)
    app.jobs.model = LocalEngine(SlowToy(ANSWER, lambda _pass, _slot: 0.5 + 0.05 * _pass))
    async with app.run_test(size=(60, 12)):
        driver = Driver(app)
        if left_work:
            await driver.recover()
        tell("started", driver.count)
        steps: list[Callable[[], Awaitable[None]]] = [driver.type, driver.save, driver.denoise]
        while True:
            for step in random.sample(steps, len(steps)):
                await step()


def main() -> None:
    """Fork an editor for every line; "recover" means that unsaved work was left."""
    # What an infill would import is there before the forks.
    import dgedit.engine.infill

    assert dgedit.engine.infill
    recovery.KEEP_EVERY_S = KEEP_EVERY_S
    typeahead.HOLD_S = 0.0
    editor.QUIET_S = KEEP_EVERY_S
    for line in sys.stdin:
        child = os.fork()
        if not child:
            tell("pid", os.getpid())
            random.seed(os.getpid())
            asyncio.run(edit(Path(sys.argv[1]), line == "recover\n"))
            os._exit(1)
        os.waitpid(child, 0)
        tell("end", 0)


if __name__ == "__main__":
    main()

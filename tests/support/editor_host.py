"""The editor without a terminal: keys go in, the text and the screen come out.

Textual's own `press` sleeps until the processor rests, which it does not while a model runs. Here a key is over when
the messages that it led to have been handled, so a test is quick and still sees what a person would. It knows no test.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from textual import events
from textual.pilot import Pilot, WaitForScreenTimeout
from textual.screen import Screen
from textual.widgets import Static
from textual.widgets.text_area import Selection

from dgedit.config import Config, Editor
from dgedit.engine import Engine
from dgedit.engine.types import UNDECIDED, Candidate, ContextUse, Frame, FrameSpan, InfillResult, Origin
from dgedit.files.locations import OpenAt
from dgedit.fill.loop import FillOptions
from dgedit.tui.app import DgeditApp
from dgedit.tui.infill.review import Review
from dgedit.tui.widgets.code_area import CodeArea

Location = tuple[int, int]
ScreenKind = TypeVar("ScreenKind", bound=Screen[Any])
QUIET = Config(editor=Editor(watch=False, close_brackets=False, problems=False))
"""Settings without a thread that watches files, whose reports are asked for by hand; a key writes itself alone."""
TYPED = {"enter": "\r", "tab": "\t", "space": " "}
GIVE_UP_S = 30.0
"""Of a wait for something that is to happen."""
STARVED_WAITS = 20
"""So many waits of Textual's pilot, of 30 s each, may end without the app's work being done, while others have the
processor: an app that works on all the while, or never, hangs."""
AT_WORK_S = 20.0
"""Of this process's own time in such waits: an app that is still at work after it hangs."""
USE = ContextUse(tokens=240, limit=384, prefix_cut=True, suffix_cut=False)


def key_event(key: str) -> events.Key:
    """The event of a key by Textual's name, or of a character."""
    # Terminals send the letter with Alt too.
    letter = key.removeprefix("alt+")
    character = letter if len(letter) == 1 else TYPED.get(key)
    return events.Key("space" if key == " " else key, character)


def a_frame(number: int, *spans: FrameSpan, result: InfillResult | None = None) -> Frame:
    """A pass as the engine would deliver it."""
    return Frame(
        pass_index=number,
        passes_max=8,
        spans=spans,
        mean_entropy=1.0,
        elapsed_ms=10.0 * number,
        pass_ms=10.0,
        tokens_per_second=100.0,
        context=USE,
        slots=(300 + number, UNDECIDED),
        result=result,
    )


def a_result(*texts: str) -> InfillResult:
    """What the engine found for one hole, the best first."""
    candidates = tuple(
        Candidate(
            text=text,
            score=-float(place),
            parses=None,
            repeats_suffix=False,
            origins=frozenset({Origin.DENOISED}),
            confidence=0.62,
        )
        for place, text in enumerate(texts)
    )
    return InfillResult(text=texts[0], candidates=candidates, passes=2, elapsed_ms=30.0, context=USE)


@dataclass(frozen=True, slots=True)
class Host:
    """A running editor."""

    app: DgeditApp
    pilot: Pilot[int]

    @property
    def area(self) -> CodeArea:
        """The active text area."""
        return self.app.area

    @property
    def text(self) -> str:
        """What the active text area holds, an open infill included."""
        return self.app.area.text

    @property
    def selection(self) -> tuple[Location, Location]:
        """Anchor and cursor."""
        return self.app.area.selection.start, self.app.area.selection.end

    @property
    def review(self) -> Review:
        """The open infill."""
        assert self.app.infills.review is not None, "no infill is open"
        return self.app.infills.review

    @property
    def status(self) -> str:
        """The status line, and the message that has no room in it."""
        return str(self.app.screen_stack[0].query_one("#status", Static).render()) + f"\n{self.help_line}"

    @property
    def help_line(self) -> str:
        """The line of keys."""
        return " ".join(str(self.app.screen_stack[0].query_one("#help", Static).render()).split("\n"))

    @property
    def rows(self) -> list[str]:
        """The screen as text."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    async def settle(self) -> None:
        """Let everything that is under way be handled, and what comes of it too."""
        rounds_at_rest = 0
        for _ in range(100):
            if not self.app.is_running or self.app._exit:
                return
            await self._reached()
            await self._handled()
            pumps = [self.app, *self.app.screen.walk_children(with_self=True)]
            at_work = self.app.typed.busy or any(pump.message_queue_size for pump in pumps)
            rounds_at_rest = 0 if at_work else rounds_at_rest + 1
            if rounds_at_rest == 2:
                return

    async def _handled(self) -> None:
        """Wait until what is sent is handled; on a busy machine longer than the pilot would."""
        began_s = time.process_time()
        for left in reversed(range(STARVED_WAITS)):
            try:
                return await self.pilot.pause(0)
            except WaitForScreenTimeout:
                if not left or time.process_time() - began_s > AT_WORK_S:
                    raise
        return None

    async def _reached(self) -> None:
        """Wait until the app has come to what is sent to it now."""
        reached = asyncio.Event()
        self.app.call_later(reached.set)
        began_s = time.process_time()
        for left in reversed(range(STARVED_WAITS)):
            try:
                async with asyncio.timeout(GIVE_UP_S):
                    await reached.wait()
                return
            except TimeoutError:
                if self.app._exception is not None:
                    raise self.app._exception from None
                if not left or time.process_time() - began_s > AT_WORK_S:
                    raise AssertionError("the app no longer answers") from None

    def send(self, key: str) -> None:
        """Press a key and do not wait."""
        self.app.post_message(key_event(key))

    async def press(self, *keys: str) -> None:
        """Press keys, each when the one before has been handled."""
        for key in keys:
            self.send(key)
            await self.settle()

    async def write(self, text: str) -> None:
        """Press the keys of characters."""
        for character in text:
            self.send(character)
        await self.settle()

    async def select(self, start: Location, end: Location | None = None) -> None:
        """Select from an anchor to a cursor, or put the cursor somewhere."""
        self.area.selection = Selection(start, end or start)
        await self.settle()

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that takes its time."""
        end = time.monotonic() + GIVE_UP_S
        while not condition():
            assert time.monotonic() < end, f"waited in vain: {what}; status: {self.status}"
            await self.pilot.pause(0.002)
        await self.settle()

    async def dialog(self, kind: type[ScreenKind]) -> ScreenKind:
        """The dialog that is coming up."""
        await self.until(lambda: isinstance(self.app.screen, kind) and self.app.screen.focused is not None, str(kind))
        screen = self.app.screen
        assert isinstance(screen, kind)
        return screen

    async def answer(self, letter: str) -> None:
        """Answer the dialog that is coming up."""
        await self.until(lambda: len(self.app.screen_stack) == 2 and self.app.screen.focused is not None, "a dialog")
        asked = self.app.screen
        await self.press(letter)
        await self.until(lambda: asked not in self.app.screen_stack, "the dialog to close")

    async def no_dialog(self) -> None:
        """Wait until the last dialog is closed."""
        await self.until(lambda: len(self.app.screen_stack) == 1, "the dialog to close")

    async def answered(self) -> None:
        """Wait for an infill to finish, or to be given up."""
        await self.until(lambda: not self.app.infills.running, "the infill to finish")

    async def left(self) -> int | None:
        """Wait for the editor to end; its exit code."""
        await self.until(lambda: self.app._exit, "the editor to end")
        return self.app.return_value


@asynccontextmanager
async def editor(
    *files: Path,
    model: Engine | None = None,
    config: Config = QUIET,
    options: FillOptions | None = None,
    size: tuple[int, int] = (90, 24),
    hold_s: float = 0.0,
) -> AsyncIterator[Host]:
    """An editor with files open, its first screen drawn; an infill would load no model but the one that is given."""
    app = DgeditApp([OpenAt(file) for file in files], config=config, options=options, warm_up=False)
    app.jobs.model = model
    # Tests of what is typed in flow set it themselves.
    app.typed.hold_s = hold_s
    # A busy machine must not lose a message before it is looked at.
    app.bars.fade_s = 60.0
    async with app.run_test(size=size) as pilot:
        host = Host(app, pilot)
        for _ in range(3):
            await host.settle()
        yield host
        await asyncio.sleep(0)

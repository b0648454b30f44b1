"""Keys and pastes one after the other, however fast they come.

Textual gives a key to the widget that has the focus at that moment, and carries out a binding of the app before the
widget has seen the keys in front of it. Keys that come in one burst, as over a slow line or on a busy machine, would
change places: a Tab before the letters typed before it, a search word in the text. So each key waits until the one
before has had its effects. This module must know nothing of the editor.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event

ROUNDS_MAX = 5
"""A key may open a dialog, which may give the keyboard to a field of its own."""
PATIENCE_S = 2.0
"""A widget that takes longer no longer holds the keys after it back."""
BUSY_S = 0.01
"""So often it is seen whether the last key has had its effects."""
HOLD_S = 0.6
"""Keys that follow each other sooner are typed in flow: they were not meant for a question that has just come up."""


class TypeAhead:
    """Owns the keys that wait."""

    def __init__(
        self, app: App[Any], handle: Callable[[Event], Awaitable[None]], is_wanted: Callable[[float], bool]
    ) -> None:
        """Args:
        handle: does what Textual's app does with a key or a paste.
        is_wanted: whether what came at a time (of the monotonic clock) is heard at all; asked when its turn comes.
        """
        self.hold_s = HOLD_S
        self.last_s = -HOLD_S
        """When the last key came."""
        self._app, self._handle, self._is_wanted = app, handle, is_wanted
        self._waiting = asyncio.Queue[tuple[Event, float]]()
        self._at_work = False
        self._free = asyncio.Event()
        self._free.set()

    def put(self, event: Event) -> None:
        """Take a key or a paste; its turn comes."""
        self.last_s = time.monotonic()
        self._waiting.put_nowait((event, self.last_s))

    async def pause(self) -> None:
        """Wait until no key has come for a while."""
        while self.busy or (left_s := self.last_s + self.hold_s - time.monotonic()) > 0:
            await asyncio.sleep(BUSY_S if self.busy else left_s)

    def hold(self) -> None:
        """Let no further key have its turn until `go_on`: what a key asked for is still to come."""
        self._free.clear()

    def go_on(self) -> None:
        """Let the keys that wait have their turns."""
        self._free.set()

    async def run(self) -> None:
        """Handle what was taken, for as long as the app runs."""
        while True:
            event, came_s = await self._waiting.get()
            self._at_work = True
            if self._is_wanted(came_s):
                await self._handle(event)
                await self._settled()
            await self._free.wait()
            self._at_work = False

    @property
    def busy(self) -> bool:
        """Whether a key has not had all its effects yet."""
        return self._at_work or not self._waiting.empty()

    async def _settled(self) -> None:
        """Wait until the widgets and the app have seen what a key set going, and the keyboard stays where it is."""
        for _ in range(ROUNDS_MAX):
            target = self._app.focused or self._app.screen
            for node in target.ancestors_with_self:
                await _drained(node)
            if target is self._app.screen:
                # Nothing has the focus in a dialog that has just come up: its parts are still being made.
                for node in target.walk_children():
                    await _drained(node)
            if target is (self._app.focused or self._app.screen):
                return


async def _drained(node: DOMNode) -> None:
    """Wait until a node has handled every message that it has now."""
    done = asyncio.Event()
    if node.call_later(done.set):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await done.wait()

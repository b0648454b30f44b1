"""Keys and pastes one after the other, however fast they come.

Textual gives a key to the widget that has the focus at that moment, and carries out a binding of the app before the
widget has seen the keys in front of it. Keys that come in one burst, as over a slow line or on a busy machine, would
change places: a Tab before the letters typed before it, a search word in the text. So each key waits until the one
before has had its effects. This module must know nothing of the editor.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event

ROUNDS_MAX = 5
"""A key may open a dialog, which may give the keyboard to a field of its own."""
PATIENCE_S = 2.0
"""A widget that takes longer no longer holds the keys after it back."""


class TypeAhead:
    """Owns the keys that wait."""

    def __init__(self, app: App[Any], handle: Callable[[Event], Awaitable[None]]) -> None:
        """Args: handle: does what Textual's app does with a key or a paste."""
        self._app, self._handle = app, handle
        self._waiting = asyncio.Queue[Event]()
        self._at_work = False

    def put(self, event: Event) -> None:
        """Take a key or a paste; its turn comes."""
        self._waiting.put_nowait(event)

    async def run(self) -> None:
        """Handle what was taken, for as long as the app runs."""
        while True:
            event = await self._waiting.get()
            self._at_work = True
            await self._handle(event)
            await self._settled()
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

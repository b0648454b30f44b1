"""The row of open files: opening, showing and closing them.

Every question to the person is a dialog that is awaited; nothing is thrown away without one.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from ...errors import DgeditError
from ...files import journal
from ...files.buffer import Buffer
from ...files.journal import Journal
from ...files.locations import OpenAt
from ..dialogs import DISCARD, Choose, OpenFile
from ..shell import Shell
from ..tab import UNTITLED, Tab
from ..widgets.code_area import CodeArea


class FileTabs:
    """Owns the tabs."""

    def __init__(self, app: Shell) -> None:
        self.app = app
        self.tabs = list[Tab]()
        self.at = 0
        self._numbers = count()

    @property
    def tab(self) -> Tab:
        """The active one."""
        return self.tabs[self.at]

    def tab_of(self, area: CodeArea) -> Tab | None:
        """The tab of a text area."""
        return next((tab for tab in self.tabs if tab.area is area), None)

    def make_tab(self, path: Path | None) -> Tab:
        """A tab for a file, or for a new text; not on the screen yet.

        Raises:
            DgeditError: when the file is not text, or not readable.
        """
        buffer, text = Buffer.open(path) if path is not None else (Buffer(), "")
        area = CodeArea(self.app.palette, self.app.config.editor)
        # The switcher shows its children by their ids.
        area.id = f"text-{next(self._numbers)}"
        area.open_text(text, buffer.path, self.app.language_of(buffer.path, text))
        area.locked_because(buffer.read_only_reason)
        return Tab(buffer, area, Journal(buffer.path))

    async def open(self, place: OpenAt) -> bool:
        """Show a file, in a new tab where it is not open yet; false when it cannot be opened, which is said."""
        real = os.path.realpath(place.path)
        for number, tab in enumerate(self.tabs):
            if tab.buffer.path is not None and os.path.realpath(tab.buffer.path) == real:
                self.show(number)
                self.go_to_place(tab, place)
                return True
        try:
            tab = self.make_tab(place.path)
        except DgeditError as error:
            self.app.say(error.line())
            return False
        await self.add(tab)
        self.go_to_place(tab, place)
        await self.app.recovery.offer(tab)
        return True

    def go_to_place(self, tab: Tab, place: OpenAt) -> None:
        """Go to a place of the command line, where it names one."""
        if place.row is not None:
            tab.area.go_to(place.row, place.column or 0)

    async def add(self, tab: Tab) -> None:
        """Put a tab on the screen; an untouched new text makes room for it."""
        spare = self.tabs[0] if len(self.tabs) == 1 else None
        self.tabs.append(tab)
        await self.app.switcher.add_content(tab.area)
        if spare is not None and spare.buffer.path is None and not spare.area.text:
            await self._remove(spare)
        self.show(self.tabs.index(tab))
        self.started(tab)

    def started(self, tab: Tab) -> None:
        """What happens once a tab is there: it is watched and claimed; what should be known of it is said."""
        if tab.buffer.path is not None:
            self.app.watch_file(tab.buffer.path)
            self.app.project.opened(tab)
            other = journal.open_elsewhere(tab.buffer.path) if self.app.config.editor.recover else None
            if other is not None:
                self.app.say(f"{tab.name} is also open in another dgedit (process {other})")
        self.app.recovery.claim(tab)
        if tab.buffer.read_only_reason:
            self.app.say(tab.buffer.read_only_reason)
        elif tab.buffer.notice:
            self.app.say(tab.buffer.notice)

    def new(self) -> None:
        """A new text without a name."""
        self.app.ask(self.add(self.make_tab(None)))

    def show(self, number: int) -> None:
        """Make a tab the active one."""
        self.at = number % len(self.tabs)
        self.app.switcher.current = self.tab.area.id
        self.tab.area.focus()
        self.app.refresh_status()

    def close_asked(self) -> None:
        """Close the active tab, after a question where work would be lost; the last one quits."""
        self.app.ask(self._close_one(self.tab))

    async def _close_one(self, tab: Tab) -> None:
        if not await self._may_go(tab):
            return
        tab.journal.close()
        if len(self.tabs) == 1:
            self.app.leave(0)
        else:
            await self._remove(tab)
            self.show(min(self.at, len(self.tabs) - 1))

    async def _remove(self, tab: Tab) -> None:
        if self.app.infills.area is tab.area:
            self.app.infills.cancel()
        tab.journal.close()
        self.tabs.remove(tab)
        self.at = min(self.at, len(self.tabs) - 1)
        await tab.area.remove()

    def quit_asked(self) -> None:
        """Quit, after a question for every text that would be lost."""
        self.app.ask(self._quit())

    async def _quit(self) -> None:
        for tab in list(self.tabs):
            if not await self._may_go(tab):
                return
        for tab in self.tabs:
            tab.journal.close()
        self.app.leave(0)

    async def _may_go(self, tab: Tab) -> bool:
        """Whether nothing of a tab would be lost now: saved, or given up by the person."""
        if self.app.infills.area is tab.area:
            self.app.infills.cancel()
        self.app.recovery.check_dirty(tab)
        if not tab.dirty:
            return True
        self.show(self.tabs.index(tab))
        answer = await self.app.answer_to(
            Choose(f"Save the changes to {tab.name}?", [("s", "Save"), (DISCARD, "Discard them")])
        )
        if answer == "s":
            return await self.app.saves.save(tab)
        return answer == DISCARD and await self.app.recovery.may_discard(tab)

    def listed(self) -> list[OpenFile]:
        """The open files as the row of tabs shows them."""
        return [OpenFile(tab.buffer.path or Path(UNTITLED), tab.dirty) for tab in self.tabs]

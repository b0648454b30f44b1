"""Unsaved work: kept while it is typed, offered again after a crash, set aside for a month where it is thrown away.

What cannot be kept is said in the status line for as long as that is so. Every question to the person is awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DgeditError
from ...files import journal
from ...files.journal import Recovered
from ..dialogs import DISCARD, Choose, Compare
from ..shell import Shell
from ..tab import Tab

if TYPE_CHECKING:
    from ...text.encoding import Encoding

KEEP_EVERY_S = 1.0
"""So often what was typed is kept, however fast keys come."""
BUSY_S = 0.2


class Recovery:
    """Keeps the journals of the open texts."""

    def __init__(self, app: Shell) -> None:
        self.app = app
        self.trouble = ""
        """Why unsaved work would not survive a crash now; empty where it would."""

    async def run(self) -> None:
        """Keep unsaved work for as long as the editor runs, beside whatever else it does."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            if self.app.config.editor.recover:
                await self.keep_unsaved()

    def claim(self, tab: Tab) -> None:
        """Let other editors see that the file is open here."""
        if self.app.config.editor.recover:
            try:
                tab.journal.claim()
            except DgeditError as error:
                self._is_troubled(error.line())

    def check_dirty(self, tab: Tab) -> None:
        """Find out whether saving would change the file: exact, so it waits for a pause of typing."""
        tab.dirty = tab.gone or tab.buffer.is_dirty(tab.area.true_text())
        if not tab.dirty:
            self.forget(tab)

    def forget(self, tab: Tab) -> None:
        """The text is as it is on disk."""
        tab.kept_version = tab.area.version
        tab.forgotten += 1
        with contextlib.suppress(DgeditError):
            tab.journal.clear()
            if self.trouble:
                # Nothing is unsaved here; whether what will be can be kept is seen by writing.
                tab.journal.claim()
                self._is_troubled("")

    async def keep_unsaved(self) -> None:
        """Write the journals of texts that changed since; on a thread, so that no key waits for the disk."""
        trouble = self.trouble
        for tab in list(self.app.files.tabs):
            if tab.kept_version == tab.area.version:
                continue
            version, forgotten, text = tab.area.version, tab.forgotten, tab.area.true_text()
            try:
                dirty = await asyncio.to_thread(self._keep, tab, text)
            except DgeditError as error:
                trouble = error.line()
                continue
            trouble = ""
            if tab.forgotten != forgotten:
                # Saved or discarded meanwhile: what was just written is no longer unsaved work.
                with contextlib.suppress(DgeditError):
                    tab.journal.clear()
                tab.kept_version = -1
                continue
            tab.dirty = tab.dirty or dirty
            tab.kept_version = version
        if trouble != self.trouble:
            self._is_troubled(trouble)

    def keep_at_once(self) -> None:
        """Write every journal now: the process is about to end without a question."""
        for tab in self.app.files.tabs if self.app.config.editor.recover else ():
            with contextlib.suppress(DgeditError):
                self._keep(tab, tab.area.true_text())

    def _keep(self, tab: Tab, text: str) -> bool:
        if not (tab.gone or tab.buffer.is_dirty(text)):
            return False
        tab.journal.write(text, tab.buffer.encoding, tab.buffer.saved)
        return True

    def _is_troubled(self, trouble: str) -> None:
        self.trouble = trouble
        self.app.refresh_status()

    async def offer(self, tab: Tab) -> None:
        """Offer unsaved work that an ended process left for this file, when the person pauses."""
        if not self.app.config.editor.recover:
            return
        found = journal.pending(tab.buffer.path) if tab.buffer.path is not None else _unnamed()
        if found is None or not await self._may_be_asked(tab):
            return
        when = time.strftime("%d %b %H:%M", time.localtime(found.written_s))
        note = " The file changed on disk since then." if found.changed_since else ""
        question = f"{tab.name}: unsaved work of {when} was left by a dgedit that ended.{note}"
        choices = [("r", "Recover it"), (DISCARD, "Discard it"), ("l", "Later")]
        asked = Compare(question, tab.area.text, found.text, choices, default="r")
        answer = await self.app.answer_to(asked, unbidden=True)
        if answer == "r":
            await self._recover(tab, found)
        elif answer == DISCARD:
            journal.discard(found)
            self.app.say("the unsaved work was discarded; dgedit recover gives it back for a month")

    async def _may_be_asked(self, tab: Tab) -> bool:
        """Wait for a pause in which no infill is open in the text; false where the text is closed by then."""
        await self.app.typed.pause()
        while self.app.infills.area is tab.area:
            await asyncio.sleep(BUSY_S)
            await self.app.typed.pause()
        return tab in self.app.files.tabs

    async def _recover(self, tab: Tab, found: Recovered) -> None:
        tab.area.replace_changed(tab.area.text, found.text)
        self.check_dirty(tab)
        await self.keep_unsaved()
        save, undo = self.app.key("save"), self.app.key("undo")
        if self.trouble:
            self.app.say(f"recovered, and kept where it was; {save} saves it, {undo} takes it back")
            return
        # Only now is the text kept twice, so that nothing is lost at any moment.
        journal.forget(found)
        self.app.say(f"recovered; {save} saves it, {undo} shows the text as it was")

    async def may_discard(self, tab: Tab) -> bool:
        """Keep the text of a tab for a month before it is thrown away; asks where it cannot be kept."""
        return await self.may_lose(tab.buffer.path, tab.area.true_text(), tab.buffer.encoding)

    async def may_lose(self, path: Path | None, text: str, encoding: Encoding) -> bool:
        """Keep the text of a file for a month before it is thrown away; asks where it cannot be kept."""
        if not self.app.config.editor.recover:
            return True
        try:
            journal.set_aside(path, text, encoding)
        except DgeditError as error:
            question = Choose(str(error), [(DISCARD, "Discard it for good")], default="")
            return await self.app.answer_to(question) == DISCARD
        return True


def _unnamed() -> Recovered | None:
    """Unsaved work that never had a name."""
    return next((work for work in journal.all_pending() if work.path is None), None)

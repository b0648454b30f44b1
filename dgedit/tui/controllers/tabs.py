"""Open files: tabs, saving, closing, what other programs do to the files, and unsaved work that is kept and given back.

Every question to the person is a dialog that is awaited; nothing is overwritten or thrown away without one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from ...errors import DgeditError
from ...files import disk, journal
from ...files.buffer import Buffer, Outside
from ...files.journal import Journal, Recovered
from ...files.locations import OpenAt
from ...text import encoding as encodings
from ...text.encoding import UTF_8
from ..dialogs import Ask, Choose, Compare, OpenFile
from ..shell import Shell
from ..tab import UNTITLED, Tab
from ..widgets.code_area import CodeArea
from ..widgets.document import line_ending

COMPLETIONS_MAX = 200


class Filing:
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

    # -- opening ---------------------------------------------------------------------------------------------------

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
                tab.area.go_to_place(place.row, place.column)
                return True
        try:
            tab = self.make_tab(place.path)
        except DgeditError as error:
            self.app.say(error.line())
            return False
        await self.add(tab)
        tab.area.go_to_place(place.row, place.column)
        await self.offer_recovery(tab)
        return True

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
            other = journal.open_elsewhere(tab.buffer.path) if self.app.config.editor.recover else None
            if other is not None:
                self.app.say(f"{tab.name} is also open in another dgedit (process {other})")
        if self.app.config.editor.recover:
            with contextlib.suppress(DgeditError):
                tab.journal.claim()
        if tab.buffer.read_only_reason:
            self.app.say(tab.buffer.read_only_reason)
        elif tab.buffer.notice:
            self.app.say(tab.buffer.notice)

    def new(self) -> None:
        """A new text without a name."""
        self.app.ask(self.add(self.make_tab(None)))

    def open_asked(self) -> None:
        """Ask for a file and open it."""
        self.app.ask(self._open_asked())

    async def _open_asked(self) -> None:
        folder = self.tab.buffer.path.parent if self.tab.buffer.path is not None else Path()
        start = "" if folder in (Path(), Path.cwd()) else f"{folder}/"
        name = await self.app.push_screen_wait(Ask("Open", start, complete=completions))
        if name:
            await self.open(OpenAt(Path(name).expanduser()))

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
        if self.app.infilling.area is tab.area:
            self.app.infilling.cancel()
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
        if self.app.infilling.area is tab.area:
            self.app.infilling.cancel()
        self.check_dirty(tab)
        if not tab.dirty:
            return True
        self.show(self.tabs.index(tab))
        answer = await self.app.push_screen_wait(
            Choose(f"Save the changes to {tab.name}?", [("s", "Save"), ("d", "Discard them")])
        )
        if answer == "s":
            return await self.save(tab)
        return answer == "d"

    # -- saving ----------------------------------------------------------------------------------------------------

    def save_asked(self) -> None:
        """Save the active tab."""
        if self.app.infilling.area is self.tab.area:
            self.app.say("accept or cancel the infill first")
        else:
            self.app.ask(self.save(self.tab))

    def save_as_asked(self) -> None:
        """Save the active tab under another name."""
        if self.app.infilling.area is self.tab.area:
            self.app.say("accept or cancel the infill first")
        else:
            self.app.ask(self.save_as(self.tab))

    async def save(self, tab: Tab) -> bool:
        """Save; asks where the file has no name, changed on disk, or cannot hold a character. False: not saved."""
        if tab.buffer.path is None:
            return await self.save_as(tab)
        outside = tab.buffer.changed_outside()
        if outside is Outside.CHANGED and not await self._settle(tab, saving=True):
            return False
        return await self._written(tab, tab.buffer.path)

    async def save_as(self, tab: Tab) -> bool:
        """Ask for a name and save under it; a file that is there is replaced only after a question."""
        start = str(tab.buffer.path) if tab.buffer.path is not None else ""
        name = await self.app.push_screen_wait(Ask("Save as", start, complete=completions))
        if not name:
            return False
        path = Path(name).expanduser()
        if path == tab.buffer.path:
            return await self.save(tab)
        try:
            taken = disk.status_of(path) is not None
        except DgeditError as error:
            self.app.say(error.line())
            return False
        if taken:
            answer = await self.app.push_screen_wait(Choose(f"{path} exists. Replace it?", [("r", "Replace")]))
            if answer != "r":
                return False
        return await self._written(tab, path)

    async def _written(self, tab: Tab, path: Path) -> bool:
        text = tab.area.true_text()
        try:
            encodings.encode(text, tab.buffer.encoding)
        except DgeditError as error:
            question = Choose(f"{tab.name}: {error}", [("u", "Save as UTF-8")])
            if await self.app.push_screen_wait(question) != "u":
                return False
            tab.buffer.encoding = UTF_8
        renamed = path != tab.buffer.path
        try:
            size_bytes = tab.buffer.save_as(path, text) if renamed else tab.buffer.save(text)
        except DgeditError as error:
            self.app.say(error.line())
            return False
        if renamed:
            self._renamed(tab, path)
        tab.dirty, tab.gone = False, False
        self._forget(tab)
        self.app.say(f"saved {size_bytes:,} bytes")
        return True

    def _renamed(self, tab: Tab, path: Path) -> None:
        tab.journal.close()
        tab.journal = Journal(path)
        tab.kept_version = -1
        tab.area.locked_because(tab.buffer.read_only_reason)
        tab.area.set_language(self.app.language_of(path, tab.area.text))
        self.app.watch_file(path)

    # -- dirty, and the journal ------------------------------------------------------------------------------------

    def check_dirty(self, tab: Tab) -> None:
        """Find out whether saving would change the file: exact, so it waits for a pause of typing."""
        tab.dirty = tab.gone or tab.buffer.is_dirty(tab.area.true_text())
        if not tab.dirty:
            self._forget(tab)

    def _forget(self, tab: Tab) -> None:
        tab.kept_version = tab.area.version
        with contextlib.suppress(DgeditError):
            tab.journal.clear()

    async def keep_unsaved(self) -> None:
        """Write the journals of texts that changed since; on a thread, so that no key waits for the disk."""
        for tab in self.tabs:
            if tab.dirty and tab.kept_version != tab.area.version:
                version, text = tab.area.version, tab.area.true_text()
                with contextlib.suppress(DgeditError):
                    await asyncio.to_thread(tab.journal.write, text, tab.buffer.encoding, tab.buffer.saved)
                    tab.kept_version = version

    def keep_at_once(self) -> None:
        """Write every journal now: the process is about to end without a question."""
        for tab in self.tabs if self.app.config.editor.recover else ():
            with contextlib.suppress(DgeditError):
                if tab.gone or tab.buffer.is_dirty(tab.area.true_text()):
                    tab.journal.write(tab.area.true_text(), tab.buffer.encoding, tab.buffer.saved)

    async def offer_recovery(self, tab: Tab) -> None:
        """Offer unsaved work that an ended process left for this file."""
        if not self.app.config.editor.recover:
            return
        found = journal.pending(tab.buffer.path) if tab.buffer.path is not None else _unnamed()
        if found is None:
            return
        when = time.strftime("%d %b %H:%M", time.localtime(found.written_s))
        note = " The file changed on disk since then." if found.changed_since else ""
        question = f"{tab.name}: unsaved work of {when} was left by a dgedit that ended.{note}"
        choices = [("r", "Recover it"), ("d", "Discard it"), ("l", "Later")]
        answer = await self.app.push_screen_wait(Compare(question, tab.area.text, found.text, choices, default="r"))
        if answer == "r":
            tab.area.replace_changed(tab.area.text, found.text)
            self.check_dirty(tab)
            await self.keep_unsaved()
            # Only now is the text kept twice, so that nothing is lost at any moment.
            journal.discard(found)
            save, undo = self.app.key("save"), self.app.key("undo")
            self.app.say(f"recovered; {save} saves it, {undo} shows the file as it is on disk")
        elif answer == "d":
            journal.discard(found)
            self.app.say("the unsaved work was discarded")

    # -- what other programs do ------------------------------------------------------------------------------------

    def look_outside(self, paths: Sequence[Path] | None = None) -> None:
        """See what became of files on disk: reload untouched ones, ask about the others."""
        touched = None if paths is None else {os.path.realpath(path) for path in paths}
        for tab in list(self.tabs):
            path = tab.buffer.path
            if path is None or tab.asked or (touched is not None and os.path.realpath(path) not in touched):
                continue
            outside = tab.buffer.changed_outside()
            tab.gone = tab.gone and outside is Outside.DELETED
            if outside is Outside.CHANGED:
                self.app.ask(self._settle(tab))
            elif outside is Outside.DELETED and not tab.gone:
                tab.gone, tab.dirty = True, True
                self.app.say(f"{tab.name} was deleted or moved; {self.app.key('save')} writes it again")

    def reload_asked(self) -> None:
        """Read the active file again; unsaved changes are asked about."""
        if self.app.infilling.area is self.tab.area:
            self.app.infilling.cancel()
        self.app.ask(self._settle(self.tab))

    async def _settle(self, tab: Tab, *, saving: bool = False) -> bool:
        """Bring a text and its file together; true when the text may be written over the file."""
        if tab.asked:
            return False
        if self.app.infilling.area is tab.area and not saving:
            # What is on the screen is half an infill; the next look asks again.
            return False
        self.check_dirty(tab)
        if not tab.dirty and not saving:
            self._reload(tab)
            return False
        tab.asked = True
        try:
            on_disk = Buffer.open(tab.buffer.path)[1] if tab.buffer.path is not None else ""
            choices = [("r", "Reload, losing mine"), ("k", "Save mine over it" if saving else "Keep mine")]
            question = f"{tab.name} was changed by another program. Mine against it:"
            # A key that was on its way into the text must not throw the text away.
            default = "r" if saving else "k"
            answer = await self.app.push_screen_wait(
                Compare(question, on_disk, tab.area.true_text(), choices, default=default)
            )
        except DgeditError as error:
            self.app.say(error.line())
            return False
        finally:
            tab.asked = False
        if answer == "r":
            self._reload(tab)
        elif answer == "k":
            with contextlib.suppress(DgeditError):
                tab.buffer.keep_own()
        return answer == "k"

    def _reload(self, tab: Tab) -> None:
        try:
            text = tab.buffer.reload()
        except DgeditError as error:
            self.app.say(error.line())
            return
        if "\n" in text and line_ending(text) != tab.area.document.newline:
            tab.area.open_text(text, tab.buffer.path, tab.area.syntax_name)
        else:
            tab.area.replace_changed(tab.area.text, text, keep_cursor=True)
        tab.area.locked_because(tab.buffer.read_only_reason)
        tab.dirty, tab.gone = False, False
        self._forget(tab)
        self.app.say(f"{tab.name} was read again")

    def listed(self) -> list[OpenFile]:
        """The open files as the row of tabs shows them."""
        return [OpenFile(tab.buffer.path or Path(UNTITLED), tab.dirty) for tab in self.tabs]


def completions(typed: str) -> list[str]:
    """Paths that a typed path could become, folders with a slash."""
    folder, _, start = typed.rpartition("/")
    where = Path(os.path.expanduser(folder or ("/" if typed.startswith("/") else ".")))
    try:
        found = sorted(entry.name + "/" * entry.is_dir() for entry in os.scandir(where) if entry.name.startswith(start))
    except OSError:
        return []
    lead = typed[: len(typed) - len(start)]
    shown = [name for name in found if start or not name.startswith(".")]
    return [lead + name for name in shown[:COMPLETIONS_MAX]]


def _unnamed() -> Recovered | None:
    """Unsaved work that never had a name."""
    return next((work for work in journal.all_pending() if work.path is None), None)

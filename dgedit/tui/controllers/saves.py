"""Saving, and what other programs do to open files: nothing is overwritten or thrown away without a question.

A file is looked at again as the last thing before it is replaced, so that what another program saves meanwhile is asked
about, too.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from ...errors import DgeditError
from ...files import disk
from ...files.buffer import Buffer, Outside, stamp_of
from ...files.journal import Journal
from ...text.encoding import UTF_8, UnencodableError
from ..dialogs import Ask, Choose, Compare
from ..paths import completions
from ..shell import Shell
from ..tab import Tab

RELOAD, OVERWRITE, REPLACE = "ctrl+r", "ctrl+k", "ctrl+r"
"""Answers that throw a text away."""


class Saves:
    """Writes the open texts to their files, and reads them again."""

    def __init__(self, app: Shell) -> None:
        self.app = app

    def save_asked(self) -> None:
        """Save the active tab."""
        self._ask(self.save)

    def save_as_asked(self) -> None:
        """Save the active tab under another name."""
        self._ask(self.save_as)

    def _ask(self, steps: Callable[[Tab], Coroutine[Any, Any, bool]]) -> None:
        tab = self.app.files.tab
        if self.app.infills.area is tab.area and tab.buffer.path is not None and tab.buffer.changed_outside():
            # What is asked about then is two texts, and one of them may be read again.
            self.app.infills.cancel()
        self.app.ask(steps(tab))

    async def save(self, tab: Tab) -> bool:
        """Save; asks where the file has no name, changed on disk, or cannot hold a character. False: not saved."""
        if tab.buffer.path is None:
            return await self.save_as(tab)
        while True:
            outside = tab.buffer.changed_outside()
            if outside is Outside.CHANGED and not await self._settle(tab, saving=True):
                return False
            with contextlib.suppress(disk.ChangedError):
                return await self._written(tab, tab.buffer.path, None)

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
            before = stamp_of(path)
            if before is not None and not await self._may_replace(tab, path):
                return False
            return await self._written(tab, path, lambda: stamp_of(path) == before)
        except DgeditError as error:
            self.app.say(error.line())
            return False

    async def _may_replace(self, tab: Tab, path: Path) -> bool:
        question = Choose(f"{path} exists. Replace it?", [(REPLACE, "Replace")], default="")
        if await self.app.answer_to(question) != REPLACE:
            return False
        with contextlib.suppress(DgeditError):
            # What is no text that dgedit would open is not kept either.
            old, text = Buffer.open(path)
            return await self.app.recovery.may_lose(path, text, old.encoding)
        return True

    async def _written(self, tab: Tab, path: Path, unchanged: Callable[[], bool] | None) -> bool:
        """Write; false where the person does not want what it takes, or it fails, which is said.

        Raises:
            ChangedError: when another program wrote to the file meanwhile.
        """
        text = tab.area.true_text()
        renamed = path != tab.buffer.path
        try:
            size_bytes = self._write(tab, path, text, unchanged)
        except disk.ChangedError:
            raise
        except UnencodableError as error:
            return await self._may_be_utf_8(tab, error) and await self._written(tab, path, unchanged)
        except disk.FixedPlaceError as error:
            return await self._may_write_in_place(tab, error) and await self._written(tab, path, unchanged)
        except DgeditError as error:
            self.app.say(error.line())
            return False
        if renamed:
            self._renamed(tab, path)
        # Nothing was awaited since the text was taken, so it is what the file holds.
        tab.dirty, tab.gone = False, False
        self.app.recovery.forget(tab)
        self.app.say(f"saved {size_bytes:,} bytes{' in place' * tab.buffer.in_place}")
        return True

    def _write(self, tab: Tab, path: Path, text: str, unchanged: Callable[[], bool] | None) -> int:
        if path == tab.buffer.path:
            return tab.buffer.save(text)
        return tab.buffer.save_as(path, text, unchanged=unchanged)

    async def _may_be_utf_8(self, tab: Tab, error: UnencodableError) -> bool:
        if tab.buffer.encoding == UTF_8:
            # Half of a pair of surrogates: nothing can hold it.
            self.app.say(error.line())
            return False
        question = Choose(f"{tab.name}: {error}", [("u", "Save as UTF-8")])
        if await self.app.answer_to(question) != "u":
            return False
        tab.buffer.encoding = UTF_8
        return True

    async def _may_write_in_place(self, tab: Tab, error: DgeditError) -> bool:
        detail = "No new file can take its place. A copy of both texts is kept until all is written."
        question = Choose(f"{error}", [("w", "Write it in place")], detail=detail)
        tab.buffer.in_place = await self.app.answer_to(question) == "w"
        return tab.buffer.in_place

    def _renamed(self, tab: Tab, path: Path) -> None:
        tab.journal.close()
        tab.journal = Journal(path)
        tab.kept_version = -1
        tab.area.locked_because(tab.buffer.read_only_reason)
        tab.area.set_language(self.app.language_of(path, tab.area.text))
        self.app.watch_file(path)

    def look_outside(self, paths: Sequence[Path] | None = None) -> None:
        """See what became of files on disk: reload untouched ones, ask about the others."""
        touched = None if paths is None else {os.path.realpath(path) for path in paths}
        for tab in list(self.app.files.tabs):
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
        tab = self.app.files.tab
        if self.app.infills.area is tab.area:
            self.app.infills.cancel()
        self.app.ask(self._settle(tab, asked=True))

    async def _settle(self, tab: Tab, *, saving: bool = False, asked: bool = False) -> bool:
        """Bring a text and its file together; true when the text may be written over the file.

        Args: asked: the person wants the file read again, changed or not.
        """
        if tab.asked:
            return False
        if self.app.infills.area is tab.area and not saving:
            # What is on the screen is half an infill; the next look asks again.
            return False
        self.app.recovery.check_dirty(tab)
        if not tab.dirty and not saving:
            self._reload(tab)
            return False
        tab.asked = True
        try:
            if not saving and not asked and not await self._is_still_changed(tab):
                return False
            return await self._one_of_two(tab, saving=saving)
        except DgeditError as error:
            self.app.say(error.line())
            return False
        finally:
            tab.asked = False

    async def _is_still_changed(self, tab: Tab) -> bool:
        """Whether there is still something to ask about when the person pauses."""
        await self.app.typed.pause()
        open_still = tab in self.app.files.tabs and self.app.infills.area is not tab.area
        return open_still and tab.buffer.changed_outside() is Outside.CHANGED

    async def _one_of_two(self, tab: Tab, *, saving: bool) -> bool:
        on_disk, text = Buffer.open(tab.buffer.path) if tab.buffer.path is not None else (Buffer(), "")
        keep = (OVERWRITE, "Save mine over it") if saving else ("k", "Keep mine")
        question = f"{tab.name} was changed by another program. Mine against it:"
        choices = [(RELOAD, "Reload, losing mine"), keep]
        asked = Compare(question, text, tab.area.true_text(), choices, default="" if saving else "k")
        answer = await self.app.answer_to(asked, unbidden=not saving)
        if answer == RELOAD and await self.app.recovery.may_discard(tab):
            self._reload(tab)
        if answer != keep[0]:
            return False
        if saving and not await self.app.recovery.may_lose(tab.buffer.path, text, on_disk.encoding):
            return False
        # What was shown is known now; what came since then is asked about again.
        tab.buffer.knows(on_disk)
        return True

    def _reload(self, tab: Tab) -> None:
        try:
            text = tab.buffer.reload()
        except DgeditError as error:
            self.app.say(error.line())
            return
        tab.area.replace_changed(tab.area.text, text, keep_cursor=True)
        tab.area.locked_because(tab.buffer.read_only_reason)
        tab.dirty, tab.gone = False, False
        self.app.recovery.forget(tab)
        self.app.say(f"{tab.name} was read again")

"""The project around the open files: which file to open, where a text is in it, and the way back from a jump."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ...errors import DgeditError
from ...files import project
from ...files.buffer import Buffer
from ...files.locations import OpenAt
from ...files.recent import recent, remember
from ..dialogs import Choose, FindInProject, Item, PickFile
from ..infill.overlay import Location
from ..paths import completions
from ..shell import Shell
from ..tab import Tab

JUMPS_MAX = 100
PREVIEW_LINES_MAX = 20_000
NEW = "n"
WIDE = 40
"""Characters of a selection that is looked for."""


class Project:
    """Owns the folder that was opened, what was looked for and the places that were left."""

    def __init__(self, app: Shell, root: Path | None = None) -> None:
        """Args: root: the folder of the command line; without one it is that of the active file."""
        self.app = app
        self._root = root.absolute() if root is not None else None
        self._looked_for = list[str]()
        self._left = list[tuple[Tab, Location]]()

    @property
    def root(self) -> Path:
        """The folder whose files are offered."""
        path = self.app.files.tab.buffer.path
        return self._root or project.root_of(path or Path.cwd())

    def opened(self, tab: Tab) -> None:
        """Remember a file for the next time."""
        path = tab.buffer.path
        if path is not None and self.app.config.editor.recent and path.exists():
            self.app.run_worker(lambda: remember(path), thread=True, group="recent", exit_on_error=False)

    def leave(self) -> None:
        """Remember the place of the cursor; what follows goes elsewhere."""
        place = (self.app.files.tab, self.app.area.cursor_location)
        if not self._left or self._left[-1] != place:
            self._left = [*self._left, place][-JUMPS_MAX:]

    def jump_back(self) -> None:
        """Go to the place that was left last, in its file, which is opened again where it was closed."""
        here, tabs = (self.app.files.tab, self.app.area.cursor_location), self.app.files.tabs
        while self._left:
            tab, (row, column) = place = self._left.pop()
            if tab in tabs and place != here:
                self.app.files.show(tabs.index(tab))
                tab.area.go_to(row, column)
                return
            if tab not in tabs and tab.buffer.path is not None and tab.buffer.path.exists():
                self.app.ask(self.app.files.open(OpenAt(tab.buffer.path, row, column)))
                return
        self.app.say("no place to go back to")

    def open_asked(self) -> None:
        """Ask for a file and open it."""
        self.app.ask(self._open_asked())

    async def _open_asked(self) -> None:
        root, here = self.root, self.app.files.tab.buffer.path
        asked = PickFile(f"Open in {root.name or root}", [], complete=lambda typed: _completions(root, typed))
        found = list[Path]()

        async def offer() -> None:
            paths, items = await asyncio.to_thread(_offered, root, here, self.app.config.editor.recent)
            found.extend(paths)
            asked.offer(items)

        listing = self.app.run_worker(offer(), group="project", exit_on_error=False)
        number = await self.app.push_screen_wait(asked)
        listing.cancel()
        if number is not None:
            typed = root / Path(asked.typed).expanduser()
            await self._open(found[number] if number < len(found) else typed)

    async def _open(self, path: Path) -> None:
        if not path.exists() and path.parent.is_dir():
            question = Choose(f"There is no {path}. Begin a new file?", [(NEW, "New file")], default="")
            if await self.app.answer_to(question) != NEW:
                return
        self.leave()
        await self.app.files.open(OpenAt(path))

    def find_in_project(self) -> None:
        """Look for a text in all files of the project; the selection, where it is on one line."""
        self.app.ask(self._find())

    async def _find(self) -> None:
        root, selected = self.root, self.app.area.selected_text
        first = selected if selected and "\n" not in selected and len(selected) <= WIDE else ""
        asked = FindInProject(
            f"Find in {root.name or root}",
            first or (self._looked_for[-1] if self._looked_for else ""),
            find=lambda text: project.hits(root, text),
            lines_of=lambda name: self._lines_of(root / name),
            history=self._looked_for,
        )
        hit = await self.app.push_screen_wait(asked)
        if hit is None:
            return
        self._looked_for = [*(text for text in self._looked_for if text != asked.typed), asked.typed]
        self.leave()
        await self.app.files.open(OpenAt(root / hit.name, hit.row, hit.column))

    def _lines_of(self, path: Path) -> Sequence[str]:
        """The lines of a file for a look at it; as they are in the editor where it is open."""
        tab = next((tab for tab in self.app.files.tabs if tab.buffer.path and tab.buffer.path.absolute() == path), None)
        try:
            text = tab.area.true_text() if tab is not None else Buffer.open(path)[1]
        except DgeditError as error:
            return [error.line()]
        return text.split("\n", PREVIEW_LINES_MAX)[:PREVIEW_LINES_MAX]


def _offered(root: Path, here: Path | None, with_recent: bool) -> tuple[list[Path], list[Item]]:
    """Files to open: those opened last, then the others of the project; not the one that is open."""
    own = here.absolute() if here is not None else None
    last = [path for path in (recent() if with_recent else []) if path != own]
    seen = {*last, own}
    rest = [root / name for name in project.names(root)]
    paths = [*last, *(path for path in rest if path not in seen)]
    marks = ["recent"] * len(last) + [""] * (len(paths) - len(last))
    return paths, [Item(_label(root, path), mark) for path, mark in zip(paths, marks, strict=True)]


def _label(root: Path, path: Path) -> str:
    """A path as short as it can be said."""
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)


def _completions(root: Path, typed: str) -> list[str]:
    """What completes a path that counts from the project where it begins nowhere else."""
    if typed.startswith(("/", "~")):
        return completions(typed)
    lead = f"{root}/"
    return [found.removeprefix(lead) for found in completions(lead + typed)]

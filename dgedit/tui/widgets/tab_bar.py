"""The open files in one row, the active one in brackets; it knows names and order, never the files themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from ...terminal import drawn
from .text import cut_middle

NAME_CELLS_MAX = 24
DIRTY = "•"
META = "tab"
"""Under this name a drawn tab carries its number, for clicks."""


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file as the row shows it."""

    path: PurePath
    dirty: bool = False


def tab_names(paths: Sequence[PurePath]) -> list[str]:
    """The base name of each path, with as many of its folders as tell it from the others."""
    depths = [1] * len(paths)
    while True:
        names = [str(PurePath(*path.parts[-depth:])) for path, depth in zip(paths, depths, strict=True)]
        deeper = [
            depth + (names.count(name) > 1 and depth < len(path.parts))
            for name, depth, path in zip(names, depths, paths, strict=True)
        ]
        if deeper == depths:
            return names
        depths = deeper


def window(widths: Sequence[int], active: int, room: int) -> range:
    """The tabs that fit into a room around the active one, which is always among them."""
    first = last = active
    used = widths[active]
    while True:
        if last + 1 < len(widths) and used + widths[last + 1] <= room:
            last += 1
            used += widths[last]
        elif first > 0 and used + widths[first - 1] <= room:
            first -= 1
            used += widths[first]
        else:
            return range(first, last + 1)


class TabBar(Widget):
    """One row, hidden while fewer than two files are open; a click selects, a middle click asks to close."""

    DEFAULT_CSS = """
    TabBar { display: none; width: 100%; height: 1; background: $panel; color: $foreground; }
    TabBar.-shown { display: block; }
    """

    @dataclass
    class Selected(Message):
        """A person wants this file before them."""

        index: int

    @dataclass
    class CloseWanted(Message):
        """A person wants this file closed."""

        index: int

    def __init__(self) -> None:
        super().__init__()
        self._files: tuple[OpenFile, ...] = ()
        self._active = 0

    def show(self, files: Sequence[OpenFile], active: int) -> None:
        """Show these files with one of them active."""
        self._files, self._active = tuple(files), active
        self.set_class(len(files) > 1, "-shown")
        self.refresh()

    def render(self) -> Content:
        """As many tabs as fit, and how many are out of sight at either side."""
        if not self._files:
            return Content("")
        labels = self._labels()
        shown = window([cell_len(label) for label in labels], self._active, self.size.width - self._overflow(labels))
        before, behind = shown.start, len(labels) - shown.stop
        tabs = [self._draw(number, labels[number]) for number in shown]
        left = [_pointing(f"‹{before} ", shown.start - 1)] if before else []
        right = [_pointing(f" {behind}›", shown.stop)] if behind else []
        return Content.assemble(*left, *tabs, *right)

    def on_click(self, event: events.Click) -> None:
        """Select the clicked tab; with the middle button, ask to close it."""
        index = event.style.meta.get(META)
        if index is None:
            return
        self.post_message(self.CloseWanted(index) if event.button == 2 else self.Selected(index))

    def _labels(self) -> list[str]:
        names = tab_names([file.path for file in self._files])
        cells = max(3, min(NAME_CELLS_MAX, self.size.width - 12))
        labels = []
        for number, (file, name) in enumerate(zip(self._files, names, strict=True)):
            around = "[]" if number == self._active else "  "
            mark = f" {DIRTY}" if file.dirty else ""
            labels.append(f"{around[0]}{cut_middle(drawn(name), cells)}{mark}{around[1]}")
        return labels

    def _overflow(self, labels: Sequence[str]) -> int:
        """Cells kept for the counts of the tabs that are out of sight."""
        fits = sum(cell_len(label) for label in labels) <= self.size.width
        return 0 if fits else 2 * len(f"‹{len(labels)} ")

    def _draw(self, number: int, label: str) -> Content:
        look = Style.from_meta({META: number})
        return Content.styled(label, look + Style(bold=True, reverse=True) if number == self._active else look)


def _pointing(text: str, index: int) -> Content:
    return Content.styled(text, Style.from_meta({META: index}))

"""A file to open: picked from a list that is filtered while typing, or named by a path that is written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input

from ...terminal import drawn
from ..widgets.rows import Line
from ..widgets.text import cut
from .completion import Completion
from .pick import MARK, NO_MARK, ROWS_MAX, Item, Pick

PATH_STARTS = ("/", "~", "./", "../")


class PickFile(Pick):
    """Gives the number of an item; their count where `typed` names the file; None for Escape.

    What is typed is the last row of the list, so that a name that is nowhere yet can be chosen beside those like it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete", show=False)]

    def __init__(self, label: str, items: Sequence[Item], *, complete: Callable[[str], list[str]]) -> None:
        """Args:
        items: what is known at once; `offer` brings the others.
        complete: whole paths that a typed path could become.
        """
        super().__init__(label, items)
        self._completion = Completion(complete)
        self._waits, self._entered = True, False
        self.none_said = "…"

    @property
    def typed(self) -> str:
        """What stands in the field."""
        return self._query.strip()

    def offer(self, items: Sequence[Item]) -> None:
        """Show all there is; an Enter that came before them counts now."""
        self._waits, self.none_said = False, Pick.none_said
        self._take(items)
        if self.is_mounted:
            self._rows.styles.height = ROWS_MAX
            self._narrow()
            if self._entered:
                self.finish(self._marked())

    def on_mount(self) -> None:
        """Room for what is still to come."""
        super().on_mount()
        self._rows.styles.height = ROWS_MAX

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        # Textual calls the handlers of all classes; this one stands in the place of the other.
        event.prevent_default()
        self._query = event.value
        self._completion.forget(event.value)
        self._narrow()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.prevent_default()
        self._entered = True
        if not self._waits:
            self.finish(self._marked())

    def action_complete(self) -> None:
        """Complete a path that is written out, or write the marked name."""
        if self._is_path() or self._marked() in (None, len(self._items)):
            self._field.put(self._completion.step(self._field.value, 1))
        else:
            self._field.put(self._items[self._marked() or 0].label)

    def _is_path(self) -> bool:
        return self.typed.startswith(PATH_STARTS)

    def _narrow(self) -> None:
        """The items that are meant, and what is typed; first of all where it is a path."""
        own = [len(self._items)] if self.typed and self.typed not in self._texts else []
        self._shown = [*self._ranked(), *own] if not self._is_path() else [*own, *self._ranked()]
        self._at = 0
        self._show_rows()

    def _draw(self, row: int, width: int) -> Line:
        if self._shown[row] < len(self._items):
            return super()._draw(row, width)
        lead = MARK if row == self._at else NO_MARK
        return ((lead, ""), (cut(drawn(self.typed), width - 20), ""), ("  the file of this name", "hint"))

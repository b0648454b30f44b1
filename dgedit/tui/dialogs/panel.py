"""What the dialogs share: a panel at the bottom over an editor that stays visible, closed once with one result."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...terminal import drawn

Result = TypeVar("Result")


class PanelScreen(ModalScreen[Result | None], Generic[Result]):
    """A dialog at the bottom of the screen; Escape closes it without a result."""

    DEFAULT_CSS = """
    PanelScreen {
        align: left bottom;
        background: transparent;
        .panel { width: 100%; height: auto; max-height: 100%; background: $panel; color: $foreground; }
        .row { width: 100%; height: 1; }
        .title {
            width: auto;
            max-width: 60%;
            height: 1;
            padding: 0 1;
            background: $primary;
            color: $text;
            text-style: bold;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._is_answered = False

    def action_close(self) -> None:
        """Close without a result."""
        self.finish(None)

    def finish(self, result: Result | None) -> None:
        """Close with a result; a second call, as from a repeated key, does nothing."""
        if not self._is_answered:
            self._is_answered = True
            self.dismiss(result)


def title(text: str) -> Static:
    """The heading of a panel, its text taken literally."""
    return Static(Content(drawn(text)), classes="title")

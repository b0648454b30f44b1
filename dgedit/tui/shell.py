"""What a controller may ask of the app: the active text, what matters of other controllers, words for the person.

`DgeditApp` is the one that answers. A controller knows this module and no other controller, and nothing imports the
app but what starts it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from textual.app import App
from textual.widgets import ContentSwitcher

from ..config import Config
from ..files.locations import OpenAt
from ..stats import Event
from ..text.encoding import Encoding
from .colourless import Colourless
from .dialogs import Question
from .infill.review import Review
from .infill.thread import InfillJobs
from .sixteen import Sixteen
from .tab import Tab
from .theme import Theme
from .typeahead import TypeAhead
from .widgets.code_area import CodeArea
from .widgets.status_bar import Part
from .widgets.tab_bar import OpenFile, TabBar


class OpenFiles(Protocol):
    """The tabs."""

    tabs: list[Tab]
    at: int
    """Which of them is active."""

    @property
    def tab(self) -> Tab:
        """The active one."""

    def tab_of(self, area: CodeArea) -> Tab | None:
        """The tab of a text area; none where it is closed."""

    def show(self, number: int) -> None:
        """Make a tab the active one."""

    async def open(self, place: OpenAt) -> bool:
        """Show a file, in a new tab where it is not open yet; false when it cannot be opened, which is said."""

    def listed(self) -> list[OpenFile]:
        """As the tab bar shows them."""


class SavedFiles(Protocol):
    """The way between the tabs and the disk."""

    async def save(self, tab: Tab) -> bool:
        """Save, after questions if need be; false where it is not saved."""

    def look_outside(self, paths: Sequence[Path] | None = None) -> None:
        """See what other programs did to open files."""


class UnsavedWork(Protocol):
    """The journals of the tabs."""

    trouble: str
    """Why unsaved work would not survive a crash now; empty where it would."""

    def claim(self, tab: Tab) -> None:
        """Let other editors see that the file is open here."""

    def check_dirty(self, tab: Tab) -> None:
        """Find out whether saving would change the file."""

    def forget(self, tab: Tab) -> None:
        """The text is as it is on disk."""

    async def offer(self, tab: Tab) -> None:
        """Offer what an editor left that ended."""

    async def may_discard(self, tab: Tab) -> bool:
        """Keep the text of a tab for a month before it is thrown away; whether it may be."""

    async def may_lose(self, path: Path | None, text: str, encoding: Encoding) -> bool:
        """The same for any text of a file."""


class OpenProject(Protocol):
    """The project around the open files."""

    def opened(self, tab: Tab) -> None:
        """Remember a file for the next time."""

    def leave(self) -> None:
        """Remember the place of the cursor; what follows goes elsewhere."""


class OpenInfill(Protocol):
    """The infill that is under way or looked at."""

    review: Review | None

    @property
    def area(self) -> CodeArea | None:
        """The text that it is in."""

    def parts(self) -> list[Part]:
        """What the status line says of it."""

    def cancel(self) -> None:
        """Give the text back as it was."""


class StatusLines(Protocol):
    """The status line and the line of keys."""

    def use(self, theme: Theme) -> None:
        """Draw them in a theme."""


class Shell(App[int]):
    """The app as its controllers see it."""

    config: Config
    palette: Theme
    colourless: Colourless
    sixteen: Sixteen
    jobs: InfillJobs
    files: OpenFiles
    saves: SavedFiles
    recovery: UnsavedWork
    project: OpenProject
    typed: TypeAhead
    infills: OpenInfill
    bars: StatusLines
    switcher: ContentSwitcher
    tab_bar: TabBar

    @property
    def area(self) -> CodeArea:
        """The active text."""
        raise NotImplementedError

    def key(self, command: str) -> str:
        """The key of a command, as people write it."""
        raise NotImplementedError

    def language_of(self, path: Path | None, text: str) -> str:
        """What a text is written in."""
        raise NotImplementedError

    def say(self, message: str) -> None:
        """Put a message into the status line."""
        raise NotImplementedError

    def refresh_status(self) -> None:
        """Draw the status line, the keys and the tabs anew."""
        raise NotImplementedError

    def tell(self, call: Callable[..., object], *values: object) -> None:
        """Call something on the screen's thread, from another one."""
        raise NotImplementedError

    async def answer_to(self, question: Question, *, unbidden: bool = False) -> str | None:
        """The key of the answer that the person gives; none where they give none."""
        raise NotImplementedError

    def ask(self, steps: Coroutine[Any, Any, Any]) -> None:
        """Carry out steps that may wait for the person."""
        raise NotImplementedError

    def count(self, event: Event, elapsed_ms: float = 0.0) -> None:
        """Add to the local counters."""
        raise NotImplementedError

    def accepted(self, area: CodeArea, event: Event) -> None:
        """Take note that an infill went into a text."""
        raise NotImplementedError

    def watch_file(self, path: Path) -> None:
        """Hear of changes that other programs make to a file."""
        raise NotImplementedError

    def use_settings(self, config: Config) -> None:
        """Take settings that were read again."""
        raise NotImplementedError

    def leave(self, code: int) -> None:
        """End the editor."""
        raise NotImplementedError

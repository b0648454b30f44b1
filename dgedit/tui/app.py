"""The editor: builds the screen and routes keys to the parts that carry them out.

It paints before torch is imported: nothing on this path imports the engine, the model loads behind the first paint.
The parts: `FileTabs` (tabs, saving), `Edits` (editing keys), `Search` (search), `Infills` (diffusion).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console
from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingsMap, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import ContentSwitcher, TextArea

from ..config import Config
from ..errors import DgeditError
from ..files import journal
from ..files.locations import OpenAt
from ..files.watch import LOOK_S, WatchKind
from ..fill.loop import FillOptions
from ..stats import Event, Stats
from ..text.languages import detect_original
from .actions import Actions
from .colourless import Colourless, without_greys
from .commands import COMMANDS, bindings, default_keys, key_label
from .controllers.appearance import Looks, own_themes
from .controllers.bars import Bars
from .controllers.edits import Edits
from .controllers.ghost import Ghost
from .controllers.infill import WARM_AFTER_S, Infills
from .controllers.problems import Problems
from .controllers.project import Project
from .controllers.recovery import Recovery
from .controllers.saves import Saves
from .controllers.search import Search
from .controllers.tabs import FileTabs
from .dialogs import FindBar, Question, TabBar, keyboard_is_taken
from .drawable import Drawable
from .infill import typing
from .infill.thread import InfillJobs
from .routes import Routes
from .sixteen import FEW, Sixteen
from .theme import DEFAULT_THEME, find_theme
from .typeahead import TypeAhead
from .widgets.code_area import CodeArea

QUIET_S = 0.1
"""After so long without a key it is found out whether the text differs from the file."""
EDITED_WITHIN_S = 10.0
GONE_S = 3.0
OF_INFILL = frozenset(command.id for command in COMMANDS if command.group == "Infill") - {"cancel"}
"""Commands that speak of the open infill, which may be in another text."""
TAKES_GHOST = ("tab", "accept_word")
KEEPS_CURSORS = ("next_match", "paste", "paste_whole", "copy", "save", "help", "command_palette")
IN_FIND_BAR = frozenset(
    {"save", "quit_guarded", "find", "replace", "help", "command_palette", "next_tab", "previous_tab"}
)
"""Commands that work while the find bar has the keyboard; the other keys are its own."""


class DgeditApp(Routes):
    """The text areas in tabs, a find bar, a status line, a line of keys."""

    TITLE = "dgedit"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layers: base; }
    ContentSwitcher { height: 1fr; }
    CodeArea { border: none; padding: 0; height: 1fr; scrollbar-size: 1 1; }
    #status, #help { height: 1; width: 100%; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = []

    class Arrived(Message):
        """The engine delivered something."""

    def __init__(
        self,
        places: Sequence[OpenAt] | Path = (),
        *,
        config: Config | None = None,
        options: FillOptions | None = None,
        warm_up: bool | None = None,
        root: Path | None = None,
    ) -> None:
        """Open files; the first one is shown. Without any, those of a folder `root` are offered.

        Raises:
            DgeditError: when a file is not readable.
        """
        super().__init__()
        self.config = config or Config()
        self.complaint = ""
        """What is wrong with the settings, which are the defaults then."""
        try:
            self.palette = find_theme(self.config.editor.theme, own_themes())
        except DgeditError as error:
            self.palette, self.complaint = find_theme(DEFAULT_THEME, own_themes()), error.line()
        self._bindings = BindingsMap(self._keys())
        self._chosen = options or FillOptions(seed=self.config.infill.seed, passes=self.config.infill.passes)
        self._warm_up = self.config.infill.warm_up if warm_up is None else warm_up
        self.jobs = InfillJobs(self.config.infill.model, self._mail_from_thread, self.config.infill.engine)
        self.switcher, self.tab_bar, self.find_bar = ContentSwitcher(), TabBar(), FindBar()
        self.files: FileTabs = FileTabs(self)
        self.saves: Saves = Saves(self)
        self.recovery: Recovery = Recovery(self)
        self.edits, self.search = Edits(self), Search(self, self.find_bar)
        self.infills: Infills = Infills(self, self.jobs, self._options)
        self.problems, self.project = Problems(self), Project(self, root)
        self.ghost: Ghost = Ghost(self, self._options)
        self.bars: Bars = Bars(self)
        self.looks = Looks(self)
        self._actions = Actions(
            self,
            files=self.files,
            saves=self.saves,
            edits=self.edits,
            search=self.search,
            infills=self.infills,
            looks=self.looks,
            ghost=self.ghost,
            problems=self.problems,
            project=self.project,
        ).table()
        self._quiet: Timer | None = None
        self._hold: Timer | None = None
        self._accepted: tuple[CodeArea, int, float] | None = None
        self.colourless, self.sixteen = Colourless(), Sixteen()
        if self.no_color:
            self._filters = without_greys(self._filters, self.colourless)
        elif self.console.color_system in FEW:
            self._filters = [self.sixteen]
        self._filters.append(Drawable())
        # What is said after a crash goes through the stream that makes it harmless, which would spell colours out.
        self.error_console = Console(markup=False, highlight=False, stderr=True, color_system=None)
        self.typed = TypeAhead(self, super().on_event, self._is_wanted)
        self.stats = Stats()
        wanted = [OpenAt(places)] if isinstance(places, Path) else list(places)
        self._places: list[OpenAt | None] = [*wanted] or [None]
        self._root = root
        for place in self._places:
            self.files.tabs.append(self.files.make_tab(place.path if place is not None else None))

    def _keys(self) -> list[Binding]:
        keymap = {**default_keys(), **self.config.keys}
        # With priority: a text takes Alt with a letter for the letter. `check_action` leaves dialogs their keys.
        return [replace(binding, action=f"run('{binding.action}')", priority=True) for binding in bindings(keymap)]

    def use_settings(self, config: Config) -> None:
        """Take settings that were read again, keys too."""
        self.config = config
        self._bindings = BindingsMap(self._keys())

    def key(self, command: str) -> str:
        """The key of a command, as people write it."""
        keys = self.config.keys.get(command, default_keys()[command])
        return key_label(keys[0]) if keys else "the command palette"

    def compose(self) -> ComposeResult:
        """Tabs over the text over the find bar over the status line."""
        yield self.tab_bar
        with self.switcher:
            for tab in self.files.tabs:
                yield tab.area
        yield self.find_bar
        yield self.bars.status
        yield self.bars.keys

    async def on_mount(self) -> None:
        """Show the text, then load the model behind it."""
        # Before the first key can be typed, or what it wrote would be lost.
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, self._ended_from_outside, number)
        self.looks.use(self.palette)
        self.files.show(0)
        self.run_worker(self.typed.run(), group="keys")
        self.call_after_refresh(self._after_first_paint)

    async def _after_first_paint(self) -> None:
        """Everything that the first picture does not need."""
        if self.config.editor.watch:
            self.looks.start_watching()
        for tab, place in zip(list(self.files.tabs), self._places, strict=True):
            if place is not None:
                self.files.go_to_place(tab, place)
            self.files.started(tab)
        if self.complaint:
            self.bars.say(self.complaint, lasting=True)
        if self._warm_up:
            self.jobs.load()
        self.run_worker(self.recovery.run(), group="journal")
        self.set_interval(LOOK_S, self.looks.look)
        self.problems.look()
        self.ask(self._recover())
        if self._root is not None and self._places == [None]:
            self.project.open_asked()

    async def _recover(self) -> None:
        for tab in list(self.files.tabs):
            await self.recovery.offer(tab)
        if self.config.editor.recover:
            await asyncio.to_thread(journal.clean_up)

    def _ended_from_outside(self, number: int) -> None:
        """The terminal went away or the system ends us: unsaved work stays in the journal."""
        self.recovery.keep_at_once()
        self.leave(128 + number)
        # A dialog or a terminal that does not answer must not keep a process without a screen alive; on a thread of its
        # own, because the loop may wait for that terminal.
        gone = threading.Timer(GONE_S, os._exit, [128 + number])
        gone.daemon = True
        gone.start()

    def leave(self, code: int) -> None:
        """End the editor."""
        self.jobs.cancel()
        self.stats.flush()
        self.looks.stop()
        self.exit(code)

    def ask(self, steps: Coroutine[Any, Any, Any]) -> None:
        """Carry out steps that may wait for the person; one such thing after the other."""
        self.run_worker(steps, group="ask", exclusive=False)

    async def answer_to(self, question: Question, *, unbidden: bool = False) -> str | None:
        """The key of the answer that the person gives; none where they give none.

        Args: unbidden: nothing that the person did just now led to it, so it comes up in a pause of their typing.
        """
        if unbidden:
            await self.typed.pause()
        question.hold_s = self.typed.hold_s
        return await self.push_screen_wait(question)

    def _is_wanted(self, came_s: float) -> bool:
        """Whether a key is heard: a question that was not seen yet takes none."""
        return not isinstance(self.screen, Question) or self.screen.takes(came_s)

    @property
    def area(self) -> CodeArea:
        """The active text."""
        return self.files.tab.area

    def language_of(self, path: Path | None, text: str) -> str:
        """What a text is written in: the person's word first, then the file's name, then what it says itself."""
        said = self.config.language_of(path) if path is not None else None
        return said or detect_original(path, text)

    def _options(self, area: CodeArea) -> FillOptions:
        tab = self.files.tab_of(area)
        same = (other.area for other in self.files.tabs if other.area is not area)
        texts = tuple(other.true_text() for other in same if other.syntax_name == area.syntax_name)
        path = tab.buffer.path if tab is not None else None
        any_language = self.config.infill.any_language
        chosen = replace(self._chosen, language=area.syntax_name, path=path, open_texts=texts)
        return replace(chosen, any_language=any_language)

    def say(self, message: str) -> None:
        """Put a message into the status line; the next key that changes the text takes it away."""
        self.bars.say(message)

    def refresh_status(self) -> None:
        """Draw the status line, the keys and the tabs anew."""
        self.bars.refresh()

    def tell(self, call: Callable[..., object], *values: object) -> None:
        """Call something on the screen's thread, from another one, which does not wait for it."""
        with contextlib.suppress(RuntimeError):
            self.call_later(call, *values)

    def count(self, event: Event, elapsed_ms: float = 0.0) -> None:
        """Add to the local counters; they are for the person alone."""
        self.run_worker(lambda: self.stats.record(event, elapsed_ms), thread=True, group="stats", exit_on_error=False)

    def accepted(self, area: CodeArea, event: Event) -> None:
        """An infill went into a text."""
        self.count(event)
        self._accepted = (area, area.version, time.monotonic())
        self.bars.say("")

    def watch_file(self, path: Path) -> None:
        """Hear of changes that other programs make to a file."""
        if self.looks.watcher is not None:
            self.looks.watcher.watch(path, WatchKind.FILE)

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes wait for those before them."""
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            self.typed.put(event)
        else:
            await super().on_event(event)

    def _mail_from_thread(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.post_message(self.Arrived())

    @on(Arrived)
    def _mail(self) -> None:
        if self.infills.review is None:
            self.ghost.arrived()
        self.infills.arrived()
        if self.infills.review is None:
            self.refresh_status()

    @on(TextArea.Changed)
    def _text_changed(self, event: TextArea.Changed) -> None:
        area = event.text_area
        if self._accepted is not None and self._accepted[0] is area and self._accepted[1] != self._accepted[0].version:
            if time.monotonic() - self._accepted[2] < EDITED_WITHIN_S:
                self.count(Event.EDITED)
            self._accepted = None
        self.bars.text_changed()
        self._wait_for_quiet()

    @on(TextArea.SelectionChanged)
    def _selection_changed(self) -> None:
        self.ghost.moved()
        self.refresh_status()
        if self._warm_up:
            if self._hold is not None:
                self._hold.stop()
            self._hold = self.set_timer(WARM_AFTER_S, self.infills.warm)

    @on(CodeArea.Refused)
    def _refused(self, event: CodeArea.Refused) -> None:
        self.say(event.reason)

    @on(CodeArea.Typed)
    async def _typed(self, event: CodeArea.Typed) -> None:
        await typing.typed(self.infills, event)

    def _wait_for_quiet(self) -> None:
        if self._quiet is not None:
            self._quiet.stop()
        self._quiet = self.set_timer(QUIET_S, self._is_quiet)

    def _is_quiet(self) -> None:
        for tab in self.files.tabs:
            self.recovery.check_dirty(tab)
        self.problems.look()
        self.refresh_status()

    async def action_run(self, command: str) -> None:
        """Carry out a command."""
        if command not in TAKES_GHOST:
            self.ghost.clear()
        if command not in KEEPS_CURSORS and self.area.cursors.drop() and command == "cancel":
            return
        if command in OF_INFILL and (said := self.infills.elsewhere()):
            self.say(said)
        else:
            self._actions[command]()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of dialogs and of the find bar are theirs."""
        if action == "run" and keyboard_is_taken(self):
            return not self.screen.is_modal and parameters[0] in IN_FIND_BAR
        return True

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every command, for the palette."""
        for command in COMMANDS:
            if command.id != "command_palette":
                keys = self.config.keys.get(command.id, command.keys)
                hint = f"{command.group}  {'  '.join(map(key_label, keys))}"
                yield SystemCommand(command.title, hint, self._actions[command.id])

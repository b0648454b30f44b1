"""Ghost text: after a pause at the end of a line the engine infills quietly, and the answer is shown dim behind it.

Off unless the person asks for it. It shares the engine's thread with the infills that are asked for by a key: any of
those, any key and any dialog ends it. Only the first line of an answer is shown, and what is shown is what is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.timer import Timer

from ...fill.loop import FillOptions, Gap, unlearned
from ...judges.statement import spoils
from ...stats import Event
from ...text.edits import Change
from ..dialogs import keyboard_is_taken
from ..infill.review import NEXT_WORD
from ..infill.thread import Task
from ..shell import Shell

if TYPE_CHECKING:
    from ...engine.types import InfillResult
    from ..widgets.code_area import CodeArea

PAUSE_S = 0.3
LEAST = 0.05
"""What nobody asked for is shown only where it is at least so likely right; a person may want more, never less."""
WHOLE = re.compile(r".+", re.DOTALL)
POWER = Path("/sys/class/power_supply")


class Ghost:
    """Asks for ghost text and takes it."""

    def __init__(self, app: Shell, options: Callable[[CodeArea], FillOptions]) -> None:
        """Args: options: what the person chose, for the file of an area."""
        self.app, self._options = app, options
        self._pause: Timer | None = None
        self._asked: tuple[CodeArea, int] | None = None
        """The text that an answer is computed for, or shown in, and its version."""
        self._lacked_model = False

    def moved(self) -> None:
        """The cursor or the text is another one: what does not go on with what is shown ends, and a pause begins."""
        area = self.app.area
        if self._asked is not None and self._asked[0] is area and area.suggestion and area.version != self._asked[1]:
            # Typed on as it is shown: the text area has kept the rest.
            self._asked = (area, area.version)
            return
        self.clear()
        if self.app.config.infill.ghost:
            if self._pause is not None:
                self._pause.stop()
            self._pause = self.app.set_timer(PAUSE_S, self._begin)

    def clear(self) -> None:
        """Show nothing, and compute nothing."""
        if self._asked is None:
            return
        area, self._asked = self._asked[0], None
        area.suggestion = ""
        if self.app.infills.review is None:
            self.app.jobs.cancel()

    def arrived(self) -> None:
        """Take what the engine delivered, the model too."""
        if self._lacked_model and self.app.jobs.model is not None:
            self._lacked_model = False
            self.moved()
        for delivery in self.app.jobs.poll():
            if delivery.frame is not None and delivery.frame.result is not None:
                self._show(delivery.frame.result)

    def take(self) -> bool:
        """Write all that is shown; false where nothing is."""
        return self._take(WHOLE, Event.ACCEPTED)

    def take_word(self) -> bool:
        """Write the next word of what is shown; false where nothing is."""
        return self._take(NEXT_WORD, Event.ACCEPTED_WORD)

    def _begin(self) -> None:
        area = self.app.area
        self._lacked_model = self.app.jobs.model is None
        if not self._is_wanted(area):
            return
        cursor, document = area.cursor_location, area.document
        texts = (document.get_text_range(*pair) for pair in (((0, 0), cursor), (cursor, document.end)))
        before, after = texts
        self._asked = (area, area.version)
        self.app.jobs.start(Task(before=before, parts=(Gap(),), after=after, options=self._options(area)))

    def _is_wanted(self, area: CodeArea) -> bool:
        """Whether the cursor is behind code at the end of a line, and nothing else is going on."""
        row, column = area.cursor_location
        line, model = area.document[row], self.app.jobs.model
        if model is None or self.app.infills.review is not None or area.locked or keyboard_is_taken(self.app):
            return False
        if not area.selection.is_empty or not line[:column].strip() or line[column:].strip():
            return False
        options = self._options(area)
        if not options.any_language and unlearned(model.info, options.language, options.path):
            return False
        return not model.info.is_remote and (self.app.config.infill.ghost_on_battery or not on_battery())

    def _show(self, result: InfillResult) -> None:
        area = self.app.area
        if self._asked != (area, area.version) or not self._is_wanted(area) or not result.candidates:
            return
        best, least = result.candidates[0], max(LEAST, self.app.config.infill.min_confidence / 100)
        line, (row, column) = best.text.split("\n")[0].rstrip(), area.cursor_location
        is_likely = best.confidence is None or best.confidence >= least
        # A file is seldom whole while it is written, so the line is looked at by itself.
        if line and is_likely and not best.breaks and not spoils(area.document[row][:column], line, area.syntax_name):
            area.suggestion = line
            area.refresh()

    def _take(self, unit: re.Pattern[str], event: Event) -> bool:
        area = self.app.area
        shown = area.suggestion
        match = unit.match(shown) if shown and self._asked is not None else None
        if match is None:
            return False
        place, taken = area.cursor_location, match[0]
        end = place[0], place[1] + len(taken)
        area.apply(Change(place, place, taken, (end, end)))
        self.app.count(event)
        return True


def on_battery(folder: Path = POWER) -> bool:
    """Whether the machine says that it has a battery and no other power."""
    try:
        online = [(each / "online").read_text().strip() for each in folder.iterdir() if (each / "online").exists()]
    except OSError:
        return False
    return bool(online) and "1" not in online

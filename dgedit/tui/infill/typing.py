"""Keys that write while an infill is open: typing the answer accepts it, typing anything else goes on without it.

The rules, for a finished answer with the caret where it goes on: a character that agrees with what comes next accepts
that much, and Backspace takes it back. Any other character and a paste give the answer up and are carried out as if it
had never been there; they take the place of a marker, and of nothing else that was selected. Backspace with nothing to
take back, and Delete, give it up and delete nothing. While passes are still to come every such key gives it up.

Where many holes were filled, Enter accepts the one that is looked at and Backspace rejects it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.widgets.text_area import Selection

from ...text.holes import MARKER
from ..widgets.code_area import CodeArea

if TYPE_CHECKING:
    from ..controllers.infill import Infills

DELETING = ("backspace", "delete")


async def typed(infills: Infills, message: CodeArea.Typed) -> None:
    """Carry out a key or a paste that an open infill held up."""
    area, event = message.area, message.event
    if infills.review is None or infills.area is not area:
        # It was closed by a key before this one.
        await area.take(event)
        return
    key = event.key if isinstance(event, events.Key) else ""
    if infills.review.is_walk and infills.review.finished:
        _decide(infills, key)
        return
    if key == "backspace" and infills.type_back():
        return
    if isinstance(event, events.Key) and infills.type_through("\n" if key == "enter" else event.character or ""):
        return
    give_up(infills, area)
    if key not in DELETING:
        await area.take(event)


def _decide(infills: Infills, key: str) -> None:
    """A key of a walk over many holes, which no stray letter ends."""
    if key == "enter" or key in DELETING:
        infills.decide(key == "enter")
    else:
        infills.app.say("Enter accepts this hole, Backspace rejects it, Tab accepts all, Esc ends the walk")


def give_up(infills: Infills, area: CodeArea) -> None:
    """Close the infill, but for what was accepted of it; the caret is where what is typed next belongs."""
    preview, review = area.preview, infills.review
    if preview is None or review is None:
        return
    caret, behind = area.cursor_location, len(area.text) - area.offset_of(area.cursor_location)
    accepted = area.end_of(preview.start, area.with_own_breaks(review.text[: review.accepted]))
    start, end, original = preview.start, preview.end, preview.original
    infills.cancel()
    if caret < start:
        area.selection = Selection.cursor(caret)
    elif caret > end:
        area.selection = Selection.cursor(area.location_of(len(area.text) - behind))
    elif original == MARKER and accepted == start:
        area.selection = Selection(start, area.end_of(start, original))
    else:
        area.selection = Selection.cursor(accepted)

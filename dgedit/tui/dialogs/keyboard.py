"""Who has the keyboard: the editor, or a dialog or bar whose keys must not be taken by the app."""

from __future__ import annotations

from typing import Any

from textual.app import App

from ..widgets.find_bar import FindBar


def keyboard_is_taken(app: App[Any]) -> bool:
    """Whether a modal dialog is open or the find bar has the focus.

    Priority bindings of an app win over every dialog's own; `App.check_action` should give False for them while this
    holds.
    """
    if not app.screen_stack:
        return False
    return app.screen.is_modal or any(bar.has_focus_within for bar in app.screen.query(FindBar))

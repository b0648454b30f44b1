"""Earlier answers, walked with Up and Down; what was being typed waits at the newest end."""

from __future__ import annotations

from collections.abc import Sequence


class History:
    """A place among earlier answers."""

    def __init__(self, entries: Sequence[str] = ()) -> None:
        """Args: entries: oldest first."""
        self._entries = tuple(entries)
        self._at = len(self._entries)
        self._typed = ""

    def older(self, shown: str) -> str | None:
        """The entry before the one shown; none at the oldest."""
        if self._at == len(self._entries):
            self._typed = shown
        return self._move(-1)

    def newer(self, shown: str) -> str | None:
        """The entry after the one shown, at last what was being typed; none when that is shown already."""
        return None if self._at == len(self._entries) else self._move(1)

    def _move(self, step: int) -> str | None:
        at = self._at + step
        if not 0 <= at <= len(self._entries):
            return None
        self._at = at
        return self._typed if at == len(self._entries) else self._entries[at]

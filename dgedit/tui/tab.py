"""An open file of the editor: its bytes on disk, its text on the screen, its unsaved work."""

from __future__ import annotations

from dataclasses import dataclass

from ..files.buffer import Buffer
from ..files.journal import Journal
from .widgets.code_area import CodeArea

UNTITLED = "untitled"


@dataclass(slots=True, eq=False)
class Tab:
    """One open file."""

    buffer: Buffer
    area: CodeArea
    journal: Journal
    dirty: bool = False
    kept_version: int = -1
    """The version of the text that the journal holds."""
    forgotten: int = 0
    """How often the journal was told that nothing is unsaved."""
    asked: bool = False
    """A question about this file is on the screen, or is to come."""
    gone: bool = False
    """The file was deleted or moved, and that was said."""

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.buffer.path.name if self.buffer.path is not None else UNTITLED

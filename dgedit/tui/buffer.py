"""One open file: its bytes on disk, its text, and what is needed to give the same bytes back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import files

BOM = "\ufeff"


@dataclass(slots=True)
class Buffer:
    """A file, or a new one that is not on disk yet."""

    path: Path
    saved: bytes | None
    """The bytes as last read or written; none where there is no file."""
    bom: bool = False

    @classmethod
    def open(cls, path: Path) -> tuple[Buffer, str]:
        """The buffer and the text to show.

        Raises:
            DgeditError: when the file is not readable text.
        """
        if not path.exists():
            files.check_parent(path)
            return cls(path, None), ""
        raw = files.read(path)
        text = files.decode(raw, str(path))
        bom = text.startswith(BOM)
        return cls(path, raw, bom), text.removeprefix(BOM) if bom else text

    @property
    def language(self) -> str:
        """What the file is written in, as the engine names it."""
        return files.language_of(self.path)

    def encode(self, text: str) -> bytes:
        """The bytes that the text is saved as."""
        return ((BOM if self.bom else "") + text).encode("utf-8")

    def is_dirty(self, text: str) -> bool:
        """Whether saving would change the file."""
        return self.encode(text) != (self.saved if self.saved is not None else b"")

    def changed_outside(self) -> bool:
        """Whether the file on disk is no longer what was read or written last."""
        try:
            return self.path.read_bytes() != self.saved
        except FileNotFoundError:
            return self.saved is not None
        except OSError:
            return False

    def save(self, text: str) -> int:
        """Write atomically; returns the number of bytes.

        Raises:
            DgeditError: when it cannot be written; the old file is then untouched.
        """
        raw = self.encode(text)
        files.write_atomically(self.path, raw)
        self.saved = raw
        return len(raw)

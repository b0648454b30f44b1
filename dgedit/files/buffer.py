"""The open file of one tab: how its bytes and its text go together, and what stands on disk.

The text itself belongs to the document on the screen; here is what is needed to give the same bytes back, to tell
whether they would change the file, and to tell whether someone else changed it. It must know nothing of widgets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from pathlib import Path

from ..errors import DgeditError
from ..text import encoding as encodings
from ..text.encoding import UTF_8, Encoding
from . import disk
from .disk import Fingerprint, Stamp
from .in_place import write_in_place


class Outside(IntEnum):
    """What became of the file on disk since it was last read or written here; false where nothing did."""

    SAME = 0
    CHANGED = 1
    DELETED = 2
    UNREADABLE = 3


@dataclass(slots=True)
class Buffer:
    """A file, or a new text that is not on disk yet."""

    path: Path | None = None
    """None for a new text without a name."""
    encoding: Encoding = UTF_8
    """What the file was read as, and is saved as."""
    saved: Fingerprint | None = None
    """Of the bytes as last read or written; none where there is no file."""
    read_only_reason: str | None = None
    """Why the text cannot be edited and saved where it is; none where it can."""
    notice: str = ""
    """What a person should know before the first save; mostly nothing."""
    in_place: bool = False
    """The person chose that the file is overwritten, because no other file can take its place."""
    _stamp: Stamp | None = None

    @classmethod
    def open(cls, path: Path) -> tuple[Buffer, str]:
        """The buffer and the text to show; a path without a file is a new file.

        Raises:
            DgeditError: when the path is not a file of text, or a new file's directory does not exist.
        """
        if disk.status_of(path) is None:
            disk.check_parent(path)
            return cls(path, read_only_reason=disk.read_only_reason(path, 0)), ""
        raw, status = disk.read_regular(path)
        decoded = encodings.decode_any(raw, str(path))
        buffer = cls(
            path,
            decoded.encoding,
            Fingerprint.of(raw),
            disk.read_only_reason(path, len(raw)),
            disk.saving_notice(status, path),
            _stamp=Stamp.of(status),
        )
        return buffer, decoded.text

    def encode(self, text: str) -> bytes:
        """The bytes that the text is saved as.

        Raises:
            DgeditError: when the encoding has no bytes for a character.
        """
        return encodings.encode(text, self.encoding)

    def is_dirty(self, text: str) -> bool:
        """Whether saving would change the file."""
        if self.saved is None:
            return bool(text)
        try:
            return not self.saved.fits(self.encode(text))
        except DgeditError:
            # What cannot be encoded cannot be what is on disk.
            return True

    def changed_outside(self) -> Outside:
        """What became of the file on disk; it is read only where its status cannot tell."""
        if self.path is None:
            return Outside.SAME
        try:
            status = disk.status_of(self.path)
            if status is None:
                return Outside.SAME if self.saved is None else Outside.DELETED
            if self.saved is None or self._stamp is None or status.st_size != self._stamp.size_bytes:
                return Outside.CHANGED
            if self._stamp.is_settled and Stamp.of(status) == self._stamp:
                return Outside.SAME
            raw, status = disk.read_regular(self.path)
        except DgeditError:
            return Outside.UNREADABLE
        if not self.saved.fits(raw):
            return Outside.CHANGED
        self._stamp = Stamp.of(status)
        return Outside.SAME

    def knows(self, other: Buffer) -> None:
        """Take what another buffer read of the file as known: a person saw it and chose the own text over it."""
        self.saved, self._stamp = other.saved, other._stamp

    def save(self, text: str, *, encoding: Encoding | None = None) -> int:
        """Write in one step, in another encoding where one is given; returns the number of bytes.

        Raises:
            ChangedError: when another program wrote to the file since it was last looked at.
            FixedPlaceError: when the file can only be written in place, and `in_place` does not say so.
            DgeditError: when it cannot be encoded or written; the old file is then untouched.
        """
        if self.path is None:
            raise DgeditError("this text has no name yet", "save it under a name")
        known = {Outside.SAME, self.changed_outside()} - {Outside.CHANGED}
        return self._write(self.path, text, encoding or self.encoding, lambda: self.changed_outside() in known)

    def save_as(
        self,
        path: Path,
        text: str,
        *,
        encoding: Encoding | None = None,
        unchanged: Callable[[], bool] | None = None,
    ) -> int:
        """Save under another name, which the buffer then has; a file that is there is replaced, so ask before.

        Args: unchanged: whether what is there is still what was asked about; that is looked at last of all.

        Raises:
            ChangedError: when the file there was written to meanwhile.
            FixedPlaceError: when the file there can only be written in place, and `in_place` does not say so.
            DgeditError: when it cannot be encoded or written; name and old file are then untouched.
        """
        disk.status_of(path)
        disk.check_parent(path)
        size_bytes = self._write(path, text, encoding or self.encoding, unchanged)
        self.path, self.read_only_reason = path, disk.read_only_reason(path, size_bytes)
        return size_bytes

    def reload(self) -> str:
        """Read the file again, whatever encoding it now has; returns the text.

        Raises:
            DgeditError: when it is gone or no longer a file of text; the buffer is then as it was.
        """
        if self.path is None:
            raise DgeditError("this text has no file yet", "save it under a name")
        if disk.status_of(self.path) is None:
            raise DgeditError(f"{self.path} is gone", "save the text, or close it")
        anew, text = Buffer.open(self.path)
        anew.in_place = self.in_place
        for field in fields(self):
            setattr(self, field.name, getattr(anew, field.name))
        return text

    def _write(self, path: Path, text: str, encoding: Encoding, unchanged: Callable[[], bool] | None) -> int:
        raw = encodings.encode(text, encoding)
        write = write_in_place if self.in_place else disk.write_atomically
        self._stamp = write(path, raw, unchanged=unchanged)
        self.encoding, self.saved, self.notice = encoding, Fingerprint.of(raw), ""
        return len(raw)


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; none where there is no file.

    Raises:
        DgeditError: when it cannot be asked for, and when it is no regular file.
    """
    status = disk.status_of(path)
    return None if status is None else Stamp.of(status)

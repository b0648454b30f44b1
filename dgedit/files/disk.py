"""Bytes of files in, and an atomic way back.

Reading never waits for another process and never takes in more than it can hold. A save is a new file renamed over
the old one, so that no crash can tear a file, or it is refused; where no rename can replace a file, `in_place` can. It
must know nothing of screens; which encoding the bytes are in is `encoding`'s to say.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..errors import DgeditError
from . import temporary

MAX_BYTES = 20_000_000
"""More than this is not edited."""
MAX_READ_BYTES = 200_000_000
"""More than this is not even shown."""
COARSEST_CLOCK_NS = 2_000_000_000
"""The coarsest times that a file system keeps (FAT)."""
LANGUAGES = {".py": "python", ".pyi": "python", ".pyw": "python"}

ELSEWHERE = "your text is still in the editor; save elsewhere"
NO_RENAME = frozenset({errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV})
"""How the system says that no new file may take this one's place: a mount of this one file, a folder that is closed."""
FOLDER_CLOSED = (
    "dgedit saves by renaming a new file over the old one, which this folder does not permit; save elsewhere"
)
HINTS = {
    errno.EACCES: FOLDER_CLOSED,
    errno.EPERM: FOLDER_CLOSED,
    errno.EROFS: FOLDER_CLOSED,
    errno.EBUSY: FOLDER_CLOSED,
    errno.ENOSPC: "your text is still in the editor; free some space, or save elsewhere",
    errno.EDQUOT: "your text is still in the editor; free some space, or save elsewhere",
    errno.ENOENT: "its directory is gone: make it again, or save elsewhere",
}


class ChangedError(DgeditError):
    """Another program has written to the file since it was looked at; it is as that program left it."""


class FixedPlaceError(DgeditError):
    """The file may be written to, but no other file can take its place; it is as it was."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is remembered of bytes instead of the bytes."""

    size_bytes: int
    digest: str

    @classmethod
    def of(cls, raw: bytes) -> Fingerprint:
        """The fingerprint of some bytes."""
        return cls(len(raw), hashlib.blake2b(raw, digest_size=16).hexdigest())

    def fits(self, raw: bytes) -> bool:
        """Whether these are the bytes; cheap where the size tells."""
        return len(raw) == self.size_bytes and Fingerprint.of(raw) == self


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells without reading that a file is another one, or was written to."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int
    taken_ns: int = field(compare=False)

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """The stamp of a file's status, asked for just now."""
        times_ns = (status.st_mtime_ns, status.st_ctime_ns)
        return cls(status.st_dev, status.st_ino, status.st_size, *times_ns, time.time_ns())

    @property
    def is_settled(self) -> bool:
        """Whether it was taken so long after the last write that one more write must show in the file's times."""
        return self.taken_ns - max(self.modified_ns, self.changed_ns) > COARSEST_CLOCK_NS


def language_of(path: Path) -> str:
    """What a file is written in, as the engine and the highlighter name it; `text` where that is not known."""
    return LANGUAGES.get(path.suffix.lower(), "text")


def read(path: Path) -> bytes:
    """All bytes of a file, or of a pipe until its end.

    Raises:
        DgeditError: when it is missing, a directory, not readable, or over the hard limit of size.
    """
    try:
        with open(path, "rb") as stream:
            return read_stream(stream, str(path))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_stream(stream: BinaryIO, name: str) -> bytes:
    """All bytes of a stream, which may be one without an end.

    Raises:
        DgeditError: when there are more than the hard limit of size.
        OSError: when it cannot be read.
    """
    raw = stream.read(MAX_READ_BYTES + 1)
    if len(raw) > MAX_READ_BYTES:
        raise DgeditError(f"{name} has more than {MAX_READ_BYTES:,} bytes", "give a smaller text")
    return raw


def status_of(path: Path) -> os.stat_result | None:
    """The status of the file behind any links; none where there is no file.

    Raises:
        DgeditError: when it cannot be asked for, and when it is no regular file.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    _require_regular(path, status)
    return status


def read_regular(path: Path) -> tuple[bytes, os.stat_result]:
    """The bytes of a regular file and its status from before they were read; it never waits.

    Raises:
        DgeditError: when it is missing, no regular file, not readable, or over the hard limit of size.
    """
    # Asked before it is opened: opening a device can do things.
    if status_of(path) is None:
        raise _unreadable(path, FileNotFoundError())
    try:
        # Without waiting, because the name may have become a pipe since.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            status = os.fstat(handle)
            _require_regular(path, status)
            raw = b"" if status.st_size > MAX_READ_BYTES else read_all(handle, status.st_size)
        finally:
            os.close(handle)
    except OSError as error:
        raise _unreadable(path, error) from error
    size = max(status.st_size, len(raw))
    if size > MAX_READ_BYTES:
        raise DgeditError(f"{path} has {size:,} bytes, more than {MAX_READ_BYTES:,}", "open a smaller file")
    return raw, status


def read_all(handle: int, expected: int) -> bytes:
    """Read to the end, or a little over the hard limit; some files of the system do not know their size."""
    pieces: list[bytes] = []
    size = 0
    while size <= MAX_READ_BYTES and (piece := os.read(handle, max(expected - size, 0) + 65_536)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def read_only_reason(path: Path, size_bytes: int) -> str | None:
    """Why a file of this size cannot be saved where it is; none where it can. The file need not exist."""
    if size_bytes > MAX_BYTES:
        return f"read-only: {size_bytes:,} bytes, more than {MAX_BYTES:,}"
    target = os.path.realpath(path)
    if os.path.exists(target):
        return None if os.access(target, os.W_OK) else "read-only: no permission to write"
    return "read-only: no permission to write in its folder" if _is_closed(os.path.dirname(target)) else None


def saving_notice(status: os.stat_result, path: Path | None = None) -> str:
    """What a person should know before the file is replaced by a new one; mostly nothing."""
    if path is not None and _is_closed(os.path.dirname(os.path.realpath(path))):
        return "its folder takes no new files: it can only be saved in place"
    if status.st_nlink > 1:
        return f"this file has {status.st_nlink} names (hard links); saving changes it under this name alone"
    if os.geteuid() not in (0, status.st_uid):
        return "this file is another user's; saving makes it yours"
    return ""


def _is_closed(folder: str) -> bool:
    return os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK)


def check_parent(path: Path) -> None:
    """Fail early for a new file that could not be saved.

    Raises:
        DgeditError: when its directory does not exist.
    """
    parent = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(parent):
        raise DgeditError(f"{path}: its directory does not exist", f"make it first: mkdir -p {parent}")


def write_atomically(
    path: Path, raw: bytes, *, new_mode: int = 0o666, unchanged: Callable[[], bool] | None = None
) -> Stamp:
    """Replace a file's bytes in one step: a crash at any moment leaves the old file or the new one.

    Mode and extended attributes are kept, owner and group where the system allows; a symbolic link stays one and its
    target is replaced; another hard link keeps the old bytes. Temporary files that a crash left are taken away.

    Args:
        path: the file; its directory must exist and permit new files.
        raw: what it shall hold.
        new_mode: permissions of a file that does not exist yet, less the umask.
        unchanged: whether the file is still the one that may be replaced; asked last of all, when the new file is whole
            and nothing but the rename is left to do.

    Raises:
        ChangedError: when it is not.
        FixedPlaceError: when the file can be written to but not be replaced.
        DgeditError: when it cannot be written. The old file is then untouched, as it is in the other cases.
    """
    try:
        target = Path(os.path.realpath(path))
        before = _replaceable(target)
        temporary.remove_leftovers(target.parent, target.name)
        stamp = _replace(target, raw, before, new_mode, unchanged or (lambda: True))
    except (OSError, ValueError) as error:
        number, reason = (error.errno, error.strerror) if isinstance(error, OSError) else (None, str(error))
        if number in NO_RENAME and _takes_writing(target):
            raise FixedPlaceError(f"cannot replace {path}: {reason}", "it can be written in place") from error
        raise DgeditError(f"cannot save {path}: {reason}", HINTS.get(number or 0, ELSEWHERE)) from error
    _sync_directory(target.parent)
    return stamp


def _replaceable(target: Path) -> os.stat_result | None:
    """The status of the file that is to be replaced; none where it is new."""
    try:
        before = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, f"it is {_kind(before.st_mode)}")
    if not os.access(target, os.W_OK):
        # Renaming over it would work, against the will of whoever took the permission away.
        raise OSError(errno.EINVAL, "it is read-only")
    return before


def _takes_writing(target: Path) -> bool:
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _replace(
    target: Path, raw: bytes, before: os.stat_result | None, new_mode: int, unchanged: Callable[[], bool]
) -> Stamp:
    partial = target.with_name(temporary.name_beside(target.name))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    handle = os.open(partial, flags, new_mode if before is None else 0o600)
    try:
        write_all(handle, raw)
        if before is not None:
            _keep_attributes(handle, target, before)
        os.fsync(handle)
        if not unchanged():
            raise ChangedError(f"{target} was changed by another program just now", "save again to see how")
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        with contextlib.suppress(OSError):
            os.close(handle)
        raise
    # The rename itself changes a time in the status, so it is asked for after it.
    return stamp_and_close(handle, len(raw))


def stamp_and_close(handle: int, size_bytes: int) -> Stamp:
    """The stamp of what was just written whole; trouble from here on must not say that it was not."""
    try:
        return Stamp.of(os.fstat(handle))
    except OSError:
        # It is like no other, so that the file itself is looked at to find out whether it changed.
        return Stamp(0, 0, size_bytes, 0, 0, 0)
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)


def write_all(handle: int, raw: bytes) -> None:
    """Write all of it, however little the system takes at a time."""
    rest = memoryview(raw)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _keep_attributes(handle: int, target: Path, before: os.stat_result) -> None:
    """Give a new file the owner, mode and extended attributes of the old one; owner and attributes may be refused."""
    owner, group = before.st_uid, before.st_gid
    for changed in ((owner, group), (-1, group)):
        with contextlib.suppress(OSError):
            os.fchown(handle, *changed)
            break
    now, mode = os.fstat(handle), stat.S_IMODE(before.st_mode)
    if now.st_uid != owner:
        mode &= ~(stat.S_ISUID | stat.S_ISGID)
    if now.st_gid != group:
        # What the old group was granted is not for another group.
        mode = mode & ~stat.S_ISGID & ~0o070 | (mode & 0o007) << 3
    os.fchmod(handle, mode)
    if sys.platform == "linux":
        _keep_extended(handle, target)


def _keep_extended(handle: int, target: Path) -> None:
    names: list[str] = []
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            names = os.listxattr(target)
        for name in names:
            if name.startswith("user.") or name in ("system.posix_acl_access", "security.selinux"):
                with contextlib.suppress(OSError):
                    os.setxattr(handle, name, os.getxattr(target, name))


def _sync_directory(folder: Path) -> None:
    """Make the rename itself survive a power cut, where directories can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _require_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise _unreadable(path, IsADirectoryError())
    if not stat.S_ISREG(status.st_mode):
        raise DgeditError(f"{path} is {_kind(status.st_mode)}, not a file", "name a regular file")


def _kind(mode: int) -> str:
    """What stands under a name that is no regular file."""
    kinds = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe (FIFO)", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _unreadable(path: Path, error: OSError | ValueError) -> DgeditError:
    if isinstance(error, FileNotFoundError):
        return DgeditError(f"{path}: no such file", "check the path")
    if isinstance(error, IsADirectoryError):
        return DgeditError(f"{path} is a directory", "name a file in it")
    if isinstance(error, PermissionError):
        return DgeditError(f"{path}: {error.strerror}", "check its permissions")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return DgeditError(f"{path}: {reason}", "check the path")

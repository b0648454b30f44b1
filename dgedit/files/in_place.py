"""Writing over a file where no new file can take its place: a mount of the one file, a folder that is closed.

A crash in the midst of it would leave half of each text, so both are kept first, whole and on disk: the new one where
unsaved work is kept, so that the editor offers it, the old one where discarded work is. They go when all is written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import DgeditError
from ..text.encoding import LATIN_1, Decoded, decode_any
from . import disk, journal
from .disk import ChangedError, Fingerprint, Stamp

NO_RESERVE = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV})
"""How a file system says that it cannot set space aside."""


def save(path: Path, raw: bytes, stamp: Stamp | None) -> str:
    """Give a file that was read other bytes: in one step, or in place where no new file can take its place.

    Args: stamp: of the file when it was read; it is looked at again as the last thing before the file is replaced.

    Returns:
        What a person should know of how that was done; mostly nothing.

    Raises:
        ChangedError: when another program wrote to the file meanwhile.
        DgeditError: when it cannot be written. In both cases the file is as it was.
    """

    def unchanged() -> bool:
        status = disk.status_of(path)
        return status is not None and Stamp.of(status) == stamp

    status = disk.status_of(path)
    try:
        disk.write_atomically(path, raw, unchanged=unchanged)
    except disk.FixedPlaceError:
        write_in_place(path, raw, unchanged=unchanged)
        return "written in place, for no new file can take its place"
    if status is not None and status.st_nlink > 1:
        return f"written under this name alone; its other hard links ({status.st_nlink - 1}) keep the old text"
    return ""


def write_in_place(path: Path, raw: bytes, *, unchanged: Callable[[], bool] | None = None) -> Stamp:
    """Overwrite a file that is there.

    Args:
        unchanged: whether the file is still the one that may be overwritten; asked when both texts are kept.

    Raises:
        ChangedError: when it is not.
        DgeditError: when it cannot be written, or what is needed to mend a crash cannot be kept; the old bytes stand.
    """
    target = Path(os.path.realpath(path))
    try:
        handle = os.open(target, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise DgeditError(f"cannot write {path}: {error}", disk.ELSEWHERE) from error
    try:
        _overwritten(path, target, handle, raw, unchanged)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.close(handle)
        if isinstance(error, OSError):
            raise _failed(path, error) from error
        raise
    return disk.stamp_and_close(handle, len(raw))


class TornError(DgeditError):
    """The file is half of each text, for it could not be put back either; both texts are kept."""


def _failed(path: Path, error: OSError) -> DgeditError:
    hint = disk.HINTS.get(error.errno or 0, disk.ELSEWHERE)
    return DgeditError(f"cannot write {path}: {error.strerror}; it is as it was", hint)


def _overwritten(path: Path, target: Path, handle: int, raw: bytes, unchanged: Callable[[], bool] | None) -> None:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise DgeditError(f"{path} is no regular file", disk.ELSEWHERE)
    old = disk.read_all(handle, status.st_size)
    with _kept(target, old, raw):
        if unchanged is not None and not unchanged():
            raise ChangedError(f"{path} was changed by another program just now", "save again to see how")
        _overwrite(path, handle, old, raw)


@contextlib.contextmanager
def _kept(target: Path, old: bytes, new: bytes) -> Iterator[None]:
    """Both texts on disk for as long as the file may be half of each."""
    before, after = _decoded(old), _decoded(new)
    aside = journal.set_aside(target, before.text, before.encoding)
    copy = journal.Journal(target)
    try:
        copy.write(after.text, after.encoding, Fingerprint.of(old))
        yield
    except TornError:
        raise
    except BaseException:
        _let_go(copy, aside)
        raise
    # The file is whole: it is the new text, or the old one again.
    _let_go(copy, aside)


def _let_go(copy: journal.Journal, aside: Path) -> None:
    with contextlib.suppress(OSError):
        copy.close()
    with contextlib.suppress(OSError):
        os.unlink(aside)


def _decoded(raw: bytes) -> Decoded:
    """Text that gives exactly these bytes back, whatever they are."""
    try:
        return decode_any(raw, "")
    except DgeditError:
        return Decoded(raw.decode(LATIN_1.codec), LATIN_1)


def _overwrite(path: Path, handle: int, old: bytes, new: bytes) -> None:
    try:
        _reserve(handle, len(new))
        _put(handle, new)
    except BaseException as error:
        try:
            _put(handle, old)
        except OSError as worse:
            what = f"cannot write {path}: {worse.strerror}; it may hold parts of two texts, and both are kept"
            raise TornError(what, "dgedit recover lists them") from error
        raise


def _reserve(handle: int, size: int) -> None:
    """Fail before anything is overwritten where the disk has no room."""
    if not size or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno not in NO_RESERVE:
            raise


def _put(handle: int, raw: bytes) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    disk.write_all(handle, raw)
    os.ftruncate(handle, len(raw))
    os.fsync(handle)

"""Files as text without loss, and an atomic way back.

A text keeps its exact line endings and byte order mark; only UTF-8 is read. It must know nothing of screens.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from .errors import DgeditError

MAX_BYTES = 20_000_000
LANGUAGES = {".py": "python", ".pyi": "python", ".pyw": "python"}


def language_of(path: Path) -> str:
    """What a file is written in, as the engine and the highlighter name it; `text` where that is not known."""
    return LANGUAGES.get(path.suffix.lower(), "text")


def decode(raw: bytes, name: str) -> str:
    """The text of a file's bytes; encoding it again gives the same bytes.

    Raises:
        DgeditError: for binary data, another encoding, or a file over the size limit.
    """
    if len(raw) > MAX_BYTES:
        raise DgeditError(f"{name} has {len(raw):,} bytes, more than {MAX_BYTES:,}", "open a smaller file")
    if b"\0" in raw:
        raise DgeditError(f"{name} is binary (a NUL byte at offset {raw.index(0):,})", "dgedit edits text files")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DgeditError(
            f"{name} is not UTF-8 (byte 0x{raw[error.start]:02x} at offset {error.start:,})",
            "convert it to UTF-8 first",
        ) from error


def read(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises:
        DgeditError: when it is missing, a directory, or not readable.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DgeditError(f"{path}: no such file", "check the path") from error
    except IsADirectoryError as error:
        raise DgeditError(f"{path} is a directory", "name a file in it") from error
    except OSError as error:
        raise DgeditError(f"{path}: {error.strerror}", "check its permissions") from error


def check_parent(path: Path) -> None:
    """Fail early for a new file that could not be saved.

    Raises:
        DgeditError: when its directory does not exist.
    """
    if not path.resolve().parent.is_dir():
        raise DgeditError(f"{path}: its directory does not exist", f"make it first: mkdir -p {path.parent}")


def write_atomically(path: Path, raw: bytes) -> None:
    """Replace a file's bytes in one step: a crash at any moment leaves the old file or the new one.

    Mode is kept, and owner where the system allows; a symbolic link stays one and its target is replaced.

    Raises:
        DgeditError: when it cannot be written; the old file is then untouched.
    """
    target = Path(os.path.realpath(path))
    temporary = ""
    try:
        before = target.stat() if target.exists() else None
        if before is not None and not os.access(target, os.W_OK):
            raise PermissionError(13, "is read-only")
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, before.st_mode & 0o7777 if before else 0o666 & ~_umask())
        if before is not None and (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
            with contextlib.suppress(OSError):
                os.chown(temporary, before.st_uid, before.st_gid)
        os.replace(temporary, target)
        temporary = ""
        _sync_directory(target.parent)
    except OSError as error:
        raise DgeditError(
            f"cannot save {path}: {error.strerror}", "your text is still in the editor; save elsewhere"
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_directory(folder: Path) -> None:
    """Make the rename itself survive a power cut, where directories can be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

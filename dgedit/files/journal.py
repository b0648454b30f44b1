"""Unsaved work, kept beside the file: what survives a killed process or a lost terminal.

Every open text has one file in the journal's folder: a line of JSON that says whose it is, then the text. It goes when
the text is saved or closed; what is found of a process that ended is unsaved work, and what is found of one that runs
means that the file is open there. What a person discards stays for a month under another ending, and so does what is
damaged. It must know nothing of screens, nor of when an editor writes.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import DgeditError
from ..paths import state_folder
from ..text.encoding import UTF_8, Encoding, encode, named
from . import disk, temporary
from .disk import Fingerprint
from .process import Process, this_process

VERSION = 1
KEPT_S = 30 * 24 * 3600
"""How long what needs no one is kept all the same."""
SUFFIX, TORN_SUFFIX, DISCARDED_SUFFIX = ".journal", ".torn", ".discarded"
LATEST_S = 1e11
"""No time is later, in the year 5138; calendars of some systems end there."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """Unsaved work of a process that ended."""

    path: Path | None
    """The file that it belongs to; none where it had no name."""
    text: str
    encoding: Encoding
    written_s: float
    """When it was kept or discarded, in seconds since the epoch."""
    host: str
    """The machine that it was written on."""
    base: Fingerprint | None
    """Of the file that the text was made from; none where there was none."""
    changed_since: bool
    """Whether the file on disk is no longer the one that the text was made from."""
    file: Path
    """Where it is kept; see `discard`."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file of the journal."""

    file: Path
    path: Path | None
    encoding: Encoding
    owner: Process
    written_s: float
    base: Fingerprint | None
    text: str | None
    """None where the file is only open, with nothing unsaved."""


def folder() -> Path:
    """Where journals are kept, by the XDG convention."""
    return state_folder() / "journal"


class Journal:
    """The journal of one open text; every method may be called from any thread."""

    def __init__(self, path: Path | None) -> None:
        """Nothing is written yet; without a path it is that of a new text without a name."""
        here = this_process()
        self._path = None if path is None else Path(os.path.realpath(path))
        self._file = folder() / f"{_key(self._path)}-{here.pid}-{here.start_ticks}-{next(_numbers)}{SUFFIX}"
        self._lock = threading.Lock()
        self._written: tuple[Fingerprint, Encoding, Fingerprint | None] | None = None
        self._closed = False

    def claim(self) -> None:
        """Let others see that the file is open here, though nothing is unsaved yet.

        Raises:
            DgeditError: when the folder cannot be written.
        """
        with self._lock:
            if self._path is not None and self._written is None and not self._closed:
                self._put(None, UTF_8, None)

    def write(self, text: str, encoding: Encoding, base: Fingerprint | None) -> bool:
        """Keep an unsaved text; returns whether it had to be written.

        Args:
            text: the whole text, without a byte order mark.
            encoding: what it would be saved as.
            base: of the file that it was made from, as last read or saved.

        Raises:
            DgeditError: when the folder cannot be written; what was kept before stays.
        """
        raw = text.encode("utf-8", "surrogatepass")
        content = (Fingerprint.of(raw), encoding, base)
        with self._lock:
            if self._closed or self._written == content:
                return False
            self._put(raw, encoding, base)
            self._written = content
            return True

    def clear(self) -> None:
        """Forget the text, because it was saved or is as it was; the file stays claimed."""
        with self._lock:
            if self._written is None or self._closed:
                return
            self._written = None
            if self._path is not None:
                with contextlib.suppress(DgeditError):
                    # Replaced rather than taken away and claimed anew: there is no moment without the claim.
                    self._put(None, UTF_8, None)
                    return
            _unlink(self._file)

    def close(self) -> None:
        """Take the journal away, because the text was saved, discarded or closed; later writes do nothing."""
        with self._lock:
            self._closed = True
            _unlink(self._file)

    def _put(self, raw: bytes | None, encoding: Encoding, base: Fingerprint | None) -> None:
        try:
            _put(self._file, self._path, raw, encoding, base)
        except (OSError, DgeditError) as error:
            hint = f"save often; unsaved work is kept in {self._file.parent}"
            raise DgeditError(f"unsaved work would not survive a crash: {error}", hint) from error


def _put(file: Path, path: Path | None, raw: bytes | None, encoding: Encoding, base: Fingerprint | None) -> None:
    here = this_process()
    header = {
        "version": VERSION,
        "path": None if path is None else str(path),
        "encoding": encoding.name,
        "pid": here.pid,
        "start_ticks": here.start_ticks,
        "host": here.host,
        "written_s": time.time(),
        "base": _as_json(base),
        "text": None if raw is None else _as_json(Fingerprint.of(raw)),
    }
    # A path may hold bytes that are no UTF-8; as ASCII, JSON gives them back.
    line = json.dumps(header, ensure_ascii=True).encode("ascii")
    _make_folder(file.parent)
    disk.write_atomically(file, line + b"\n" + (raw or b""), new_mode=0o600)


def pending(path: Path) -> Recovered | None:
    """The newest unsaved work on a file that a process left which ended; none where there is none.

    What equals the file on disk is not unsaved, and is taken away.
    """
    real = Path(os.path.realpath(path))
    return next(iter(_recoverable(_entries(_key(real)))), None)


def all_pending() -> list[Recovered]:
    """All unsaved work that ended processes left, the newest first; texts without a name have no path."""
    return _recoverable(_entries(""))


def forget(recovered: Recovered) -> None:
    """Take recovered work away because it goes on in an open text, whose own journal must be written before."""
    _unlink(recovered.file)


def discard(recovered: Recovered) -> None:
    """Offer recovered work no more; it stays for a month, see `discarded`."""
    with contextlib.suppress(OSError):
        os.utime(recovered.file)
        os.replace(recovered.file, recovered.file.with_suffix(DISCARDED_SUFFIX))


def set_aside(path: Path | None, text: str, encoding: Encoding) -> Path:
    """Keep a text for a month that is about to be thrown away, see `discarded`; returns where.

    Raises:
        DgeditError: when the folder cannot be written.
    """
    here, real = this_process(), None if path is None else Path(os.path.realpath(path))
    file = folder() / f"{_key(real)}-{here.pid}-{here.start_ticks}-{next(_numbers)}{DISCARDED_SUFFIX}"
    try:
        _put(file, real, text.encode("utf-8", "surrogatepass"), encoding, None)
    except (OSError, DgeditError) as error:
        raise DgeditError(f"what is discarded cannot be kept: {error}", f"it is kept in {file.parent}") from error
    return file


def discarded() -> list[Recovered]:
    """What was thrown away in the last month, the newest first."""
    found = [_recovered(entry) for entry in _entries("", DISCARDED_SUFFIX) if entry.text is not None]
    aged = [replace(work, written_s=_modified_s(work.file)) for work in found]
    return sorted(aged, key=lambda work: work.written_s, reverse=True)


def damaged() -> list[Path]:
    """Files of the journal that do not hold together."""
    with contextlib.suppress(OSError):
        return sorted(folder().glob(f"*{TORN_SUFFIX}"))
    return []


def open_elsewhere(path: Path) -> int | None:
    """The id of another running process that has a file open; none where there is none."""
    for entry in _entries(_key(Path(os.path.realpath(path)))):
        if entry.owner.pid != os.getpid() and entry.owner.is_running:
            return entry.owner.pid
    return None


def clean_up() -> None:
    """Take away what needs no one: claims and temporary files of ended processes, and after a while saved work."""
    oldest_s = time.time() - KEPT_S
    for entry in _entries(""):
        old = entry.written_s < oldest_s
        if not entry.owner.is_running and (entry.text is None or (old and _is_on_disk(entry))):
            _unlink(entry.file)
    with contextlib.suppress(OSError):
        for kept in [*folder().glob(f"*{TORN_SUFFIX}"), *folder().glob(f"*{DISCARDED_SUFFIX}")]:
            if _modified_s(kept) < oldest_s:
                _unlink(kept)
    temporary.remove_leftovers(folder())


def _recoverable(entries: Iterator[_Entry]) -> list[Recovered]:
    found = []
    for entry in entries:
        if entry.owner.is_running:
            continue
        if entry.text is None or _is_on_disk(entry):
            _unlink(entry.file)
            continue
        found.append(_recovered(entry))
    return sorted(found, key=lambda work: work.written_s, reverse=True)


def _recovered(entry: _Entry) -> Recovered:
    return Recovered(
        path=entry.path,
        text=entry.text or "",
        encoding=entry.encoding,
        written_s=entry.written_s,
        host=entry.owner.host,
        base=entry.base,
        changed_since=_changed_since(entry),
        file=entry.file,
    )


def _is_on_disk(entry: _Entry) -> bool:
    """Whether nothing would be lost without the entry."""
    if entry.path is None or entry.text is None:
        return not entry.text
    try:
        return encode(entry.text, entry.encoding) == disk.read_regular(entry.path)[0]
    except DgeditError:
        return False


def _changed_since(entry: _Entry) -> bool:
    if entry.path is None:
        return False
    try:
        if disk.status_of(entry.path) is None:
            return entry.base is not None
        return entry.base is None or not entry.base.fits(disk.read_regular(entry.path)[0])
    except DgeditError:
        return True


def _entries(key: str, suffix: str = SUFFIX) -> Iterator[_Entry]:
    """The readable entries whose names begin with a key; one that is torn is set aside under another name."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(folder())
    for name in names:
        if not name.startswith(key) or not name.endswith(suffix):
            continue
        file = folder() / name
        try:
            entry = _parse(file, disk.read_regular(file)[0])
        except DgeditError:
            # Unreadable, or in an encoding that only a newer dgedit knows.
            continue
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            # Whatever a field may hold that no editor has written.
            with contextlib.suppress(OSError):
                os.replace(file, file.with_suffix(TORN_SUFFIX))
            continue
        if entry is not None:
            yield entry


def _parse(file: Path, raw: bytes) -> _Entry | None:
    """What a file of the journal says; none where a newer dgedit wrote it. Raises where it does not hold together."""
    line, _, body = raw.partition(b"\n")
    header = json.loads(line)
    if not isinstance(header["version"], int):
        raise TypeError("the version is none")
    if header["version"] > VERSION:
        return None
    kept = _from_json(header["text"])
    if kept is not None and not kept.fits(body):
        raise ValueError("the text is not the one that the header speaks of")
    path = header["path"]
    if path is not None and (not os.path.isabs(path) or "\0" in path):
        raise ValueError("the path is none")
    written_s = float(header["written_s"])
    return _Entry(
        file=file,
        path=None if path is None else Path(path),
        encoding=named(header["encoding"]),
        owner=Process(int(header["pid"]), int(header["start_ticks"]), str(header["host"])),
        written_s=written_s if 0 <= written_s < LATEST_S else _modified_s(file),
        base=_from_json(header["base"]),
        text=None if kept is None else body.decode("utf-8", "surrogatepass"),
    )


def _as_json(fingerprint: Fingerprint | None) -> dict[str, Any] | None:
    return None if fingerprint is None else {"size_bytes": fingerprint.size_bytes, "digest": fingerprint.digest}


def _from_json(value: Any) -> Fingerprint | None:
    return None if value is None else Fingerprint(int(value["size_bytes"]), str(value["digest"]))


def _key(path: Path | None) -> str:
    """How the names of all journals of one file begin."""
    if path is None:
        return "untitled"
    return hashlib.blake2b(str(path).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _make_folder(path: Path) -> None:
    """The folder, for its owner's eyes alone: it holds texts that may be secret."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


def _modified_s(file: Path) -> float:
    try:
        return min(max(0.0, file.stat().st_mtime), LATEST_S)
    except OSError:
        return 0.0


def _unlink(file: Path) -> None:
    with contextlib.suppress(OSError):
        os.unlink(file)

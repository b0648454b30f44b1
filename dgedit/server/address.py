"""Where a warm process is met: its socket, the lock beside it, and who is at the other end.

There is one socket for each model and for each state of dgedit's own code, in a folder that is the person's alone. A
folder of somebody else is never used, nor one that others can look into. It must know nothing of what is said.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import socket
import stat
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..engine.catalog import checkpoint_folder
from ..errors import DgeditError

PACKAGE = Path(__file__).resolve().parent.parent
CODE = (
    *("server", "fill", "engine", "engine/models", "engine/models/nano", "engine/models/llama"),
    *("engine/models/gemma", "engine/guard", "engine/samplers", "kernels"),
)
"""What a warm process runs; when it changes, one that still runs the old code is no longer asked."""
ENVIRONMENT = ("CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_CACHE")
"""What decides which weights a name means, and where they are put."""
FORM = re.compile(r":(bf16|fp8|nf4)$")
"""What may follow a model's name."""
SOCKET, LOCK = ".sock", ".lock"
FOLDER_BYTES_MAX = 65
"""The system's limit for a socket's whole path is 104 to 108."""
LABEL_CHARS = 12
PATIENCE_S = 5.0
"""For a process to answer that it is there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the warm process of a model is met."""

    folder: Path
    stem: str

    @property
    def socket(self) -> Path:
        """The socket."""
        return self.folder / (self.stem + SOCKET)

    @property
    def lock(self) -> Path:
        """Held by the process that has the socket."""
        return self.folder / (self.stem + LOCK)


def place_of(model: str) -> Place:
    """The place for a model, given as on the command line; nothing is made or looked for there."""
    path, form = folder_of(model), FORM.search(model)
    parts = [code_stamp(PACKAGE), *(os.environ.get(name, "") for name in ENVIRONMENT)]
    parts += [model] if path is None else [form[0] if form else "", str(path), *_files(path)]
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    label = re.sub(r"[^A-Za-z0-9_]+", "-", Path(model).name)[:LABEL_CHARS]
    return Place(folder(), f"{label}-{digest}")


def folder_of(model: str) -> Path | None:
    """The folder of a model's weights, where its name is one's or the model is bundled."""
    name = FORM.sub("", model)
    found = checkpoint_folder(name)
    return Path(os.path.realpath(found)) if found.is_dir() else None


@cache
def code_stamp(package: Path) -> str:
    """Changes with every change of the code that a warm process runs, and with the place of the code.

    This process runs the code that was there when it began, so it looks once.
    """
    return "\0".join([str(package), *(line for part in CODE for line in _files(package / part, ".py"))])


def _files(path: Path, suffix: str = "") -> Iterator[str]:
    """Name, size and time of a file, or of the files of a folder."""
    try:
        entries = [entry.path for entry in os.scandir(path)] if path.is_dir() else [str(path)]
    except OSError:
        return
    for name in sorted(entries):
        with contextlib.suppress(OSError):
            found = os.stat(name)
            if name.endswith(suffix) and stat.S_ISREG(found.st_mode):
                yield f"{name} {found.st_size} {found.st_mtime_ns}"


def folder() -> Path:
    """The folder of all sockets: in the person's runtime directory, else one of their own in the temporary one."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    own = Path(runtime, "dgedit")
    if os.path.isabs(runtime) and len(os.fsencode(own)) <= FOLDER_BYTES_MAX and _is_mine(Path(runtime)):
        return own
    try:
        base = tempfile.gettempdir()
    except OSError:
        # Nothing can be written anywhere: nobody is met there, and all works without.
        base = "/tmp"
    return Path(base, f"dgedit-{os.getuid()}")


def make_folder(path: Path) -> None:
    """Make the folder where there is none.

    Raises:
        DgeditError: when it cannot be made, or is not the person's alone.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DgeditError(
            f"cannot make {path}: {error.strerror}", "set XDG_RUNTIME_DIR to a folder of yours"
        ) from error
    if trouble := why_not_safe(path):
        raise DgeditError(trouble, f"take {path} away, or set XDG_RUNTIME_DIR to a folder of yours")


def why_not_safe(path: Path) -> str:
    """What speaks against meeting anyone in a folder; nothing where it is the person's alone."""
    try:
        found = path.lstat()
    except OSError as error:
        return f"{path} cannot be looked at: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{path} is not a folder"
    if found.st_uid != os.getuid():
        return f"{path} belongs to another user ({found.st_uid})"
    if found.st_mode & 0o077:
        return f"{path} is open to others (mode {stat.S_IMODE(found.st_mode):04o}, not 0700)"
    return ""


def _is_mine(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


class Lock:
    """The right to a place; the system takes it back when the process ends."""

    def __init__(self, place: Place, handle: int) -> None:
        """See `take`."""
        self._place, self._handle = place, handle

    def release(self) -> None:
        """Leave nothing at the place."""
        for path in (self._place.socket, self._place.lock):
            with contextlib.suppress(OSError):
                path.unlink()
        os.close(self._handle)


def take(place: Place) -> Lock | None:
    """The lock of a place; none where another process has it.

    Raises:
        DgeditError: when the lock's file cannot be made.
    """
    while True:
        try:
            handle = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DgeditError(f"cannot make {place.lock}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return None
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(handle), os.stat(place.lock)):
                return Lock(place, handle)
        # The process that had it took the file away in between.
        os.close(handle)


def sweep(path: Path) -> None:
    """Take away what killed processes left in the folder."""
    for name in path.glob("*" + LOCK):
        lock = take(Place(path, name.stem))
        if lock is not None:
            lock.release()


def listen(place: Place) -> socket.socket:
    """A new listening socket, for whoever holds the lock; one that a killed process left goes.

    Raises:
        DgeditError: when there can be none.
    """
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        place.socket.unlink(missing_ok=True)
        made.bind(str(place.socket))
        made.listen()
    except OSError as error:
        made.close()
        raise DgeditError(f"cannot listen at {place.socket}: {error}", "set XDG_RUNTIME_DIR to a short path") from error
    finally:
        os.umask(before)
    return made


def dial(place: Place) -> socket.socket | None:
    """A connection to the process of a place, with `PATIENCE_S` for a timeout; none where none can be trusted."""
    if not place.socket.exists() or why_not_safe(place.folder):
        return None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(PATIENCE_S)
    with contextlib.suppress(OSError):
        made.connect(str(place.socket))
        if is_own(made):
            return made
    made.close()
    return None


def peer(connection: socket.socket) -> tuple[int, int] | None:
    """Process and user at the other end; none where the system does not tell."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid


def is_own(connection: socket.socket) -> bool:
    """Whether the other end is a process of the same user, as far as the system tells."""
    found = peer(connection)
    return found is None or found[1] == os.getuid()

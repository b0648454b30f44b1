"""Notices that other programs change, replace, move or delete files: open ones, the theme, the settings.

The operating system tells of changes in the folders of those files (through watchdog), for a rename over a file is an
event of its folder. Beside that the files themselves are looked at every `LOOK_S`: that finds what no event tells of,
because the folder is missing, lies on a network, was replaced, or because the system has no more watches to give. It
says that something happened; what the file holds now is for the caller to read.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent
    from watchdog.observers.api import ObservedWatch

LOOK_S = 2.0
SETTLE_S = 0.1
"""So long nothing more must happen to a file before it is told of: a save is often several events."""
SETTLE_MAX_S = 1.0
"""A file that is written to without a pause is told of so often."""
NO_WATCHES = "the system has no more file watches; files are looked at every few seconds"

TELLING = frozenset(("created", "modified", "closed", "moved", "deleted"))
"""Of watchdog's types of events; a file that is only read is opened, and closed without having been written."""

Stamp = tuple[int, int, int, int]


class WatchKind(Enum):
    """Why a file is watched."""

    FILE = "file"
    THEME = "theme"
    CONFIG = "config"


@dataclass(slots=True)
class _Watched:
    """One path that somebody wants to hear of."""

    path: Path
    """As the caller wrote it."""
    name: str
    """The same, absolute."""
    kinds: set[WatchKind]
    stamp: Stamp | None
    """As it was when it was last told of; none where there was no file."""
    places: frozenset[str]
    """Where events of it come from: the name in its folder, and the file that it is a link to."""


@dataclass(slots=True)
class _Folder:
    """A folder that the system tells of."""

    watch: ObservedWatch
    identity: tuple[int, int]
    """Device and inode: another folder may take its name."""


@dataclass(slots=True)
class _Change:
    first_s: float
    last_s: float


@dataclass(slots=True)
class _Inbox:
    """Events by the path that they are of; written to by the observer's thread."""

    clock: Callable[[], float]
    told: Callable[[], object] = lambda: None
    wanted: frozenset[str] = frozenset()
    """Events of other paths are dropped: a folder may hold files that are written to all the time."""
    guard: threading.Lock = field(default_factory=threading.Lock)
    changes: dict[str, _Change] = field(default_factory=dict)

    def put(self, place: str) -> None:
        """Note that something happened."""
        if place in self.wanted:
            with self.guard:
                now = self.clock()
                is_first = not self.changes
                self.changes.setdefault(place, _Change(now, now)).last_s = now
            if is_first:
                self.told()

    def take_settled(self) -> set[str]:
        """Places that nothing more happens to."""
        with self.guard:
            now = self.clock()
            settled = {
                place
                for place, change in self.changes.items()
                if now - change.last_s >= SETTLE_S or now - change.first_s >= SETTLE_MAX_S
            }
            for place in settled:
                del self.changes[place]
            return settled


class Watcher:
    """Watched paths; all but the observer's own thread belongs to the thread that polls."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, told: Callable[[], object] = lambda: None) -> None:
        """Args: told: called, from another thread, when events begin to come; `poll` then has something soon."""
        self.note = ""
        """What a person should know of how the files are watched; mostly nothing."""
        self._clock, self._inbox = clock, _Inbox(clock, told)
        self._watched: dict[str, _Watched] = {}
        self._folders: dict[str, _Folder] = {}
        self._observer: Any = None
        self._handler: Any = None
        self._looked_s = clock()

    def start(self) -> None:
        """Ask the system for events from now on; without it `poll` only looks. Takes some ms to import."""
        from watchdog.events import FileSystemEventHandler
        from watchdog.observers import Observer

        # What a logger without a handler says goes to standard error, where the screen is drawn.
        logging.getLogger("watchdog").addHandler(logging.NullHandler())
        inbox = self._inbox

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type in TELLING:
                    inbox.put(os.fsdecode(event.src_path))
                    inbox.put(os.fsdecode(event.dest_path))

        try:
            observer = Observer()
            observer.start()
        except OSError:
            self.note = NO_WATCHES
            return
        self._observer, self._handler = observer, Handler()
        self._renew_folders()

    def watch(self, path: Path, kind: WatchKind) -> None:
        """Tell of this path from now on; it need not exist."""
        name = os.path.abspath(path)
        if name in self._watched:
            self._watched[name].kinds.add(kind)
            return
        self._watched[name] = _Watched(path, name, {kind}, _stamp(name), _places(name))
        self._renew_folders()

    def unwatch(self, path: Path, kind: WatchKind) -> None:
        """Tell no more of this path for this reason."""
        name = os.path.abspath(path)
        watched = self._watched.get(name)
        if watched is not None:
            watched.kinds.discard(kind)
            if not watched.kinds:
                del self._watched[name]
                self._renew_folders()

    def kinds(self, path: Path) -> frozenset[WatchKind]:
        """Why a path is watched; none where it is not."""
        watched = self._watched.get(os.path.abspath(path))
        return frozenset(watched.kinds) if watched is not None else frozenset()

    def poll(self) -> list[Path]:
        """Paths that something happened to since they were last told of, each once; never waits.

        What the caller itself writes is told of too, and sometimes a file that holds what it held before.
        """
        settled = self._inbox.take_settled()
        changed = [watched for watched in self._watched.values() if not settled.isdisjoint(watched.places)]
        if self._clock() - self._looked_s >= LOOK_S:
            self._looked_s = self._clock()
            others = (watched for watched in self._watched.values() if watched not in changed)
            changed += [watched for watched in others if _stamp(watched.name) != watched.stamp]
            self._renew_folders()
        for watched in changed:
            self._told(watched)
        return [watched.path for watched in changed]

    @property
    def is_waiting(self) -> bool:
        """Whether something happened that is not told of before it settles."""
        return bool(self._inbox.changes)

    def stop(self) -> None:
        """End the observer's thread."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        self._folders.clear()

    def _told(self, watched: _Watched) -> None:
        watched.stamp, places = _stamp(watched.name), _places(watched.name)
        if places != watched.places:
            watched.places = places
            self._renew_folders()

    def _renew_folders(self) -> None:
        """Ask for events of the folders that are needed now, and of no others."""
        places = frozenset(place for watched in self._watched.values() for place in watched.places)
        self._inbox.wanted = places
        if self._observer is None:
            return
        wanted = {os.path.dirname(place) for place in places}
        for name in [*self._folders]:
            if name not in wanted or _identity(name) != self._folders[name].identity:
                self._observer.unschedule(self._folders.pop(name).watch)
        for name in wanted - self._folders.keys():
            identity = _identity(name)
            if identity is None:
                continue
            try:
                self._folders[name] = _Folder(self._observer.schedule(self._handler, name), identity)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EMFILE, errno.ENFILE):
                    self.note = NO_WATCHES


def _stamp(name: str) -> Stamp | None:
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _identity(folder: str) -> tuple[int, int] | None:
    stamp = _stamp(folder)
    return stamp[:2] if stamp is not None else None


def _places(name: str) -> frozenset[str]:
    """The file in the real path of its folder, for events name that, and the file that it is a link to."""
    folder, base = os.path.split(name)
    return frozenset({os.path.join(os.path.realpath(folder), base), os.path.realpath(name)})

"""One runner for whatever is done to many texts: `dgedit fill`, `dgedit fix`, and what a hook writes.

    source -> bytes -> task.read -> work -> task.do (in a child) -> Done -> output, diff or file

Reading, output, diffs, giving the input back, interrupts, time, exit codes and records are here, once; what is done to
a text is the task's. Standard output carries data alone: the text, a diff, or records; everything said goes to standard
error. Whatever fails, the input comes out byte for byte, or the file stays as it was, and the exit code is not 0: so
that `:%!dgedit fill -` in any editor never loses a buffer.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from .. import terminal
from ..errors import DgeditError, ExitCode
from ..files import disk, in_place
from ..fill import records
from ..fill.records import FileCount, Record
from ..text.encoding import Encoding
from . import echo
from .child import Child, OverdueError, can_fork, internal
from .input import read_input
from .interrupts import Interrupts
from .output import Output, OutputGoneError, diff_of

Work = TypeVar("Work")
Say = Callable[[str], None]


class Mode(Enum):
    """What is done with texts."""

    FILTER = "filter"
    """The one text goes to standard output."""
    CHECK = "check"
    """Nothing is changed; what there would be to do is said."""
    DIFF = "diff"
    IN_PLACE = "in place"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSource:
    """A text that was named, and its bytes once they are read."""

    given: str
    """A path, or - for standard input."""
    path: Path | None
    """The file that it is, or is called."""
    label: str
    """As a person is told."""
    raw: bytes = b""
    stamp: disk.Stamp | None = None
    """The file's from when it was read, where it is to be written again."""

    @classmethod
    def of(cls, given: str, stdin_name: Path | None) -> BatchSource:
        """What a command line names."""
        path = stdin_name if given == "-" else Path(given)
        return cls(given=given, path=path, label=str(path or "standard input"))

    @property
    def record_name(self) -> str:
        """As records name it."""
        return str(self.path or "-") if self.given == "-" else self.given


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a text."""

    raw: bytes
    """Its bytes now: encoded once."""
    text: str = ""
    """What the edits are of."""
    edits: tuple[tuple[int, int, str], ...] = ()
    encoding: Encoding | None = None
    """None where nothing was decoded: there are no edits then."""
    code: ExitCode = ExitCode.OK
    said: tuple[str, ...] = ()
    """Lines for a person, said when the text is where it belongs."""
    places: tuple[str, ...] = ()
    """Lines of what a check found, as `grep -n` writes them, so that editors can jump there."""
    count: FileCount | None = None
    """For the records; none where there are no records. Its file is named by the runner."""


class BatchTask(Protocol[Work]):
    """What is done to texts."""

    records: bool
    """Whether standard output carries records, not a text or a diff."""
    doing: str
    """What a file is while it is worked on: filled, mended."""

    def read(self, source: BatchSource) -> Work:
        """A source as what is worked on.

        Raises:
            DgeditError: when it cannot be.
        """

    def is_idle(self, work: Work) -> bool:
        """Whether nothing is to be done, and no model needed."""

    def do(self, work: Work, mode: Mode, until: float, tell: Callable[[Any], None]) -> Done:
        """Do it, by a time of the monotonic clock; the rest is left as it is.

        Raises:
            DgeditError: when it cannot be done.
        """

    def late(self, work: Work) -> Done:
        """What is said where it was not done in time."""

    def watch(self, work: Work, tell: Callable[[Record], None]) -> Callable[[Any], None]:
        """What takes what `do` tells; records of it go to the function that is given."""

    def settle(self) -> None:
        """Nothing more is told of a work."""

    def finish(self, code: ExitCode, all_done: list[Done]) -> list[str]:
        """What a person is told at the very end."""

    def summary(self, code: ExitCode, all_done: list[Done], counts: list[FileCount]) -> Record:
        """The last record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What every command line has."""

    sources: tuple[BatchSource, ...]
    mode: Mode = Mode.FILTER
    timeout_s: float = math.inf
    """For all sources together, loading the model included."""
    source_timeout_s: float = math.inf
    """For each of them."""
    say: Say = field(default=terminal.say)
    raises: bool = False
    """Whether Ctrl+C and SIGTERM are the caller's to speak of."""
    in_child: bool = True
    """Whether work may be done in another process; not where the task's model is in this one."""


class Run(Generic[Work]):
    """All sources of one command line, one after the other."""

    def __init__(self, options: RunOptions, task: BatchTask[Work], caught: Interrupts) -> None:
        """Args: caught: signals that come meanwhile."""
        self._options, self._task, self._caught = options, task, caught
        self._output = Output()
        self._until = time.monotonic() + options.timeout_s
        self._raw = b""
        """What comes out again when something fails."""
        self._counts, self._done = list[FileCount](), list[Done]()
        self._written = dict[str, bytes]()
        self._child = Child[tuple[Work, float], Done](self._do) if options.in_child and can_fork() else None

    @property
    def written(self) -> Mapping[str, bytes]:
        """What files hold now that were changed, by the name that was given."""
        return self._written

    def all(self) -> ExitCode:
        """Every source; one that cannot be used does not stop the others."""
        code = ExitCode.OK
        try:
            for source in self._options.sources:
                try:
                    code = max(code, self._one(source))
                except KeyboardInterrupt:
                    if self._options.raises:
                        raise
                    self._options.say("cancelled; the text is unchanged" if self._is_text else "cancelled")
                    code = max(ExitCode.CANCELLED, self._give_back())
                if code is ExitCode.CANCELLED or self._output.is_gone:
                    break
        finally:
            if self._child is not None:
                self._child.end()
        for line in self._task.finish(code, self._done):
            self._options.say(line)
        if self._task.records:
            code = max(code, self._deliver(records.line(self._task.summary(code, self._done, self._counts))))
        return code

    def _one(self, source: BatchSource) -> ExitCode:
        """One source; signals interrupt it until its output begins."""
        self._raw = b""
        try:
            source = self._with_bytes(source)
            self._caught.check()
            work = self._task.read(source)
            done = self._worked(work)
            self._caught.check()
        except OutputGoneError:
            return ExitCode.ERROR
        except DgeditError as trouble:
            return self._failed(source, trouble)
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as trouble:  # the boundary: whatever broke, panics included, the text must come out
            return self._failed(source, DgeditError(internal(trouble)))
        return self._finish(source, done)

    def _with_bytes(self, source: BatchSource) -> BatchSource:
        if source.given == "-":
            if sys.stdin is None:
                raise DgeditError("standard input is closed", "give it a text, or name a file")
            echo.take()
            with self._caught.held():
                self._raw = read_input(lambda: self._caught.have_come)
            return replace(source, raw=self._raw)
        if self._options.mode is Mode.IN_PLACE:
            assert source.path is not None, "only a file is written"
            raw, status = disk.read_regular(source.path)
            return replace(source, raw=raw, stamp=disk.Stamp.of(status))
        self._raw = disk.read(Path(source.given))
        return replace(source, raw=self._raw)

    def _worked(self, work: Work) -> Done:
        """What becomes of it: in the child, unless there is nothing to do."""
        until = min(self._until, time.monotonic() + self._options.source_timeout_s)
        watch = self._task.watch(work, self._record)

        def tell(what: Any) -> None:
            self._caught.check()
            watch(what)

        try:
            if self._child is None or self._task.is_idle(work):
                return self._task.do(work, self._options.mode, until, tell)
            return self._child.do((work, until), until, tell)
        except OverdueError:
            return self._task.late(work)
        finally:
            self._task.settle()

    def _do(self, asked: tuple[Work, float], tell: Callable[[Any], None]) -> Done:
        """In the child."""
        work, until = asked
        return self._task.do(work, self._options.mode, until, tell)

    def _record(self, record: Record) -> None:
        if self._deliver(records.line(record)) is not ExitCode.OK:
            raise OutputGoneError

    def _finish(self, source: BatchSource, done: Done) -> ExitCode:
        writes = self._options.mode is Mode.IN_PLACE
        with self._caught.held(mortal=not writes):
            changed = bool(done.edits)
            if writes:
                try:
                    changed = self._write(source, done)
                except DgeditError as trouble:
                    return self._failed(source, trouble)
            text = done.raw if self._is_text else b""
            code = max(self._deliver(text, is_text=True), self._deliver(self._diff_of(source, done)))
            self._raw = b""
            self._done.append(done)
            if done.count is not None:
                self._counts.append(replace(done.count, file=source.record_name, changed=changed))
            for line in done.places:
                terminal.to_stderr(terminal.shown(line) + "\n")
            for line in done.said:
                self._options.say(line)
            return max(code, done.code)

    def _diff_of(self, source: BatchSource, done: Done) -> bytes:
        """What standard output gets where a diff is asked for."""
        if self._task.records or self._options.mode is not Mode.DIFF or done.encoding is None:
            return b""
        name = str(source.path) if source.path is not None else "-"
        return diff_of(done.text, done.edits, done.encoding, name)

    def _write(self, source: BatchSource, done: Done) -> bool:
        """Put a text into its file in one step; false where nothing changed, and the file is then untouched.

        Raises:
            DgeditError: when it cannot be written, or was changed by another program since it was read.
        """
        path = source.path
        if done.raw == source.raw or path is None:
            return False
        try:
            note = in_place.save(path, done.raw, source.stamp)
        except disk.ChangedError as trouble:
            what = f"{path} changed while it was {self._task.doing}; it is as the other program left it"
            raise DgeditError(what, "run it again") from trouble
        except DgeditError as trouble:
            raise DgeditError(str(trouble), "the file is as it was") from trouble
        if note:
            self._options.say(f"{source.label}: {note}")
        self._written[source.given] = done.raw
        return True

    def _failed(self, source: BatchSource, trouble: DgeditError) -> ExitCode:
        self._options.say(trouble.line())
        code = ExitCode.OK
        if self._task.records:
            code = self._deliver(records.line(records.error(source.record_name, trouble)))
        self._counts.append(FileCount(file=source.record_name))
        return max(trouble.code, code, self._give_back())

    def _give_back(self) -> ExitCode:
        """The input as it came, where that is what standard output is for."""
        with self._caught.held(mortal=True):
            raw, self._raw = self._raw, b""
            return self._deliver(raw, is_text=True) if self._is_text else ExitCode.OK

    def _deliver(self, raw: bytes, *, is_text: bool = False) -> ExitCode:
        trouble = self._output.write_text(raw) if is_text else self._output.write(raw)
        if trouble:
            self._options.say(trouble)
        return ExitCode.ERROR if raw and self._output.is_gone else ExitCode.OK

    @property
    def _is_text(self) -> bool:
        """Whether standard output carries the text itself."""
        return self._options.mode is Mode.FILTER and not self._task.records

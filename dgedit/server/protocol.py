"""What a warm process and its clients say to each other: one value a line, as JSON.

The values are frozen dataclasses, and their annotations are all that is known of them here: a field that is added to
one is sent and read without a change in this file. What comes in is trusted in nothing: msgspec checks every type, the
length of a line is bounded, and whatever does not fit is a `WireError`. Lines are written by the standard library:
msgspec refuses half characters, which names of files may hold, and has no order for a set. Knows no sockets; imports no
torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, get_args

import msgspec

from ..engine.types import Frame, InfillRequest, ModelInfo

VERSION = 1
"""Of the messages; another one is not understood."""
LINE_BYTES_MAX = 64 << 20
"""Of one message, its line break included."""


class WireError(Exception):
    """A line is no message that is understood here, or a message is too long for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The first line of a warm process, to everyone who connects."""

    pid: int
    model: str
    """As it was asked for, not as it is called."""
    uptime_s: float
    infills: int
    """Done so far."""
    is_ready: bool
    """Whether the model is loaded; `Ready` follows when it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The model is loaded: one request may be sent."""

    info: ModelInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class InfillQuestion:
    """Asks for frames; the last one has the result. A client that goes away cancels."""

    request: InfillRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Asks how many tokens a text has."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The answer to `Count`."""

    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Asks how likely pieces are between two texts; see `engine.Engine.score`."""

    prefix: str
    suffix: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The answer to `Score`."""

    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Instead of an answer: an `EngineError`."""

    message: str
    hint: str


Question = InfillQuestion | Count | Score
"""What a client may send."""
Message = Hello | Ready | Question | Counted | Scored | Failed | Frame

_KINDS: dict[str, type[Message]] = {kind.__name__.lower(): kind for kind in get_args(Message)}

_V = TypeVar("_V")


def to_line(message: Message) -> bytes:
    """The message as a line, its line break included.

    Raises:
        WireError: when it is longer than `LINE_BYTES_MAX`.
    """
    wrapped = {"wire": VERSION, "type": type(message).__name__.lower(), "body": to_plain(message)}
    # Lone surrogates stand for bytes that were no text; they must come out as they went in.
    line = json.dumps(wrapped, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
    if len(line) > LINE_BYTES_MAX:
        raise WireError(f"a message has {len(line):,} bytes, more than {LINE_BYTES_MAX:,}")
    return line


def from_line(line: bytes) -> Message:
    """The message that a line holds.

    Raises:
        WireError: when it holds none of this version.
    """
    if len(line) > LINE_BYTES_MAX or not line.endswith(b"\n"):
        raise WireError(f"a line of {len(line):,} bytes is cut off or too long")
    try:
        wrapped = json.loads(line.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise WireError(f"a line is not JSON: {error}") from error
    if not isinstance(wrapped, dict) or wrapped.get("wire") != VERSION:
        raise WireError(f"a line is not of version {VERSION}")
    kind = wrapped.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise WireError("a line is of no known type")
    return from_plain(_KINDS[kind], wrapped.get("body"))


def from_plain(kind: type[_V], plain: Any) -> _V:
    """A value of a dataclass from what JSON knows.

    Raises:
        WireError: when it does not fit.
    """
    try:
        value = msgspec.convert(plain, kind, strict=True)
    except (ValueError, OverflowError, RecursionError) as error:
        # Of msgspec, which says types and names alone, and of the checks of the dataclasses themselves.
        raise WireError(f"{kind.__name__}: {error}") from error
    # A field that is missing would get its default, and one too many would be dropped: another version said either.
    if to_plain(value) != plain:
        raise WireError(f"{kind.__name__} has other fields than {_short(plain)}")
    return value


def to_plain(value: Any) -> Any:
    """A value of a dataclass in terms of what JSON knows; see `from_plain`."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_plain(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(to_plain(each) for each in value)
    return value


def _short(plain: Any) -> str:
    """What came instead, without the texts in it: they are no one's business in a log."""
    if isinstance(plain, dict):
        return "{" + ", ".join(sorted(str(key)[:20] for key in plain)[:20]) + "}"
    return type(plain).__name__

"""What a warm process and its clients say to each other: one value a line, as JSON.

The values are frozen dataclasses, and their annotations are all that is known of them here: a field that is added to
one is sent and read without a change in this file. What comes in is trusted in nothing: every type is checked, the
length of a line is bounded, and whatever does not fit is a `WireError`. Knows no sockets; imports no torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

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
        value: _V = _value(kind, plain)
    except (ValueError, OverflowError) as error:
        # The checks of the dataclasses themselves.
        raise WireError(f"{kind.__name__}: {error}") from error
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


def _value(kind: Any, plain: Any) -> Any:
    """The value of an annotated kind."""
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass(kind, plain)
    read = _READERS.get(get_origin(kind) or kind)
    if read is not None:
        return read(kind, plain)
    if isinstance(kind, type) and issubclass(kind, Enum) and isinstance(plain, str):
        return kind(plain)
    raise WireError(f"{_short(plain)} is not of {kind}")


@cache
def _kinds_of(kind: type) -> dict[str, Any]:
    """The kinds of a dataclass's fields."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _dataclass(kind: type, plain: Any) -> Any:
    kinds = _kinds_of(kind)
    if not isinstance(plain, dict) or plain.keys() != kinds.keys():
        raise WireError(f"{kind.__name__} has other fields than {_short(plain)}")
    return kind(**{name: _value(of, plain[name]) for name, of in kinds.items()})


def _exactly(kind: type, plain: Any) -> Any:
    if type(plain) is not kind:
        raise WireError(f"{_short(plain)} is not of {kind.__name__}")
    return plain


def _number(_kind: type, plain: Any) -> float:
    if type(plain) not in (int, float):
        raise WireError(f"{_short(plain)} is not a number")
    return float(plain)


def _optional(kind: Any, plain: Any) -> Any:
    if plain is None:
        return None
    (inner,) = (each for each in get_args(kind) if each is not type(None))
    return _value(inner, plain)


def _collection(kind: Any, plain: Any) -> Any:
    if not isinstance(plain, list):
        raise WireError(f"{_short(plain)} is not a list")
    inner = get_args(kind)[0]
    return get_origin(kind)(_value(inner, each) for each in plain)


_READERS: dict[Any, Callable[[Any, Any], Any]] = {
    str: _exactly,
    int: _exactly,
    bool: _exactly,
    float: _number,
    UnionType: _optional,
    tuple: _collection,
    frozenset: _collection,
}


def _short(plain: Any) -> str:
    """What came instead, without the texts in it: they are no one's business in a log."""
    if isinstance(plain, dict):
        return "{" + ", ".join(sorted(str(key)[:20] for key in plain)[:20]) + "}"
    return type(plain).__name__

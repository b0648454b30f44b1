"""A stream of server-sent events as the pieces of one chat answer.

Takes bytes in whatever portions they arrive, a character cut in two included. Opens no connection and knows no code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..types import EngineError
from .address import clean

_BREAK = re.compile(rb"\r\n|\n|\r")
_DONE = "[DONE]"
TOKENS_MAX = 1_000_000_000
"""More tokens than this nobody has read."""
_AGAIN = "try again; the server's log says why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one event adds to the answer."""

    text: str = ""
    token_ids: tuple[int, ...] = ()
    """Where the request asked for them and the server gives them."""
    finish: str | None = None
    """Why the answer ended: `stop`, `length` or another word."""
    prompt_tokens: int | None = None


def deltas(pieces: Iterable[bytes], hide: Callable[[str], str] = str) -> Iterator[Delta]:
    """The pieces of an answer, up to its end.

    Args:
        hide: takes out of a server's words what must not be shown.

    Raises:
        EngineError: when an event is malformed or an error, or the stream ends before the answer does.
    """
    finished = False
    for data in events(pieces):
        if data.strip() == _DONE:
            return
        delta = delta_of(_loaded(data), hide)
        finished = finished or delta.finish is not None
        yield delta
    if not finished:
        raise EngineError("the server broke off in the middle of its answer", _AGAIN)


def events(pieces: Iterable[bytes]) -> Iterator[str]:
    """The data of each event; comments, names and numbers of events are left out."""
    data = list[str]()
    for line in _lines(pieces):
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    # An event that no blank line ends is cut off, unless it is the one that says there are no more.
    if data == [_DONE]:
        yield _DONE


def delta_of(chunk: dict[str, Any], hide: Callable[[str], str] = str) -> Delta:
    """What a chunk of an answer, or a whole answer that came at once, adds.

    Raises:
        EngineError: when it is an error, or not of the form.
    """
    if chunk.get("error"):
        error = chunk["error"]
        said = error.get("message") if isinstance(error, dict) else error
        raise EngineError(f"the server failed in the middle of its answer: {clean(hide(_words(said)), 200)}", _AGAIN)
    try:
        usage = chunk.get("usage") or {}
        prompt_tokens = usage.get("prompt_tokens")
        # A chunk that only counts tokens has no choice.
        choice = (chunk.get("choices") or [{}])[0]
        message = choice.get("delta") or choice.get("message") or {}
        delta = Delta(
            text=message.get("content") or "",
            token_ids=tuple(choice.get("token_ids") or ()),
            finish=choice.get("finish_reason"),
            prompt_tokens=prompt_tokens,
        )
    except (AttributeError, KeyError, TypeError):
        raise _malformed() from None
    if not isinstance(delta.text, str) or not all(type(each) is int for each in delta.token_ids):
        raise _malformed()
    if not isinstance(delta.finish, str | None) or not is_count(delta.prompt_tokens):
        raise _malformed()
    return delta


def is_count(value: object) -> bool:
    """Whether a server's number of tokens, where it gives one, is one that can be."""
    return value is None or (type(value) is int and 0 <= value <= TOKENS_MAX)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines with any of the three endings, without them; the last one may lack its own. Each byte is looked at once."""
    begun, after_return, first = list[bytes](), False, True
    for piece in pieces:
        if after_return and piece:
            # The other half of a line ending that was cut in two.
            piece = piece.removeprefix(b"\n")
            after_return = False
        after_return = after_return or piece.endswith(b"\r")
        *whole, rest = _BREAK.split(piece)
        for end in whole:
            line = _decoded(b"".join((*begun, end)))
            begun.clear()
            yield line.removeprefix("\ufeff") if first else line
            first = False
        if rest:
            begun.append(rest)
    if begun:
        yield _decoded(b"".join(begun))


def _words(said: object) -> str:
    """What an error says, of whatever form it is."""
    return said if isinstance(said, str) else json.dumps(said)


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed() from None


def _loaded(data: str) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise _malformed() from None
    if not isinstance(chunk, dict):
        raise _malformed()
    return chunk


def _malformed() -> EngineError:
    return EngineError("the server's answer is malformed", "is this the address of a model server?")

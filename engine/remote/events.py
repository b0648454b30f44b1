"""A stream of server-sent events as the pieces of one chat answer.

Takes bytes in whatever portions they arrive, a character cut in two included. Opens no connection and knows no code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..types import EngineError
from .address import clean

_BREAK = re.compile(rb"\r\n|\n|\r")
_DONE = "[DONE]"
TOKENS_MAX = 1_000_000_000
"""More tokens than this nobody has read."""
DETAIL_CHARS_MAX = 2_000
_AGAIN = "try again; the server's log says why"
_BROKEN_ERROR = re.compile(r'\s*\{\s*"error"\s*:\s*"?')
_ERROR_LINES_MAX = 200
_BY_NUMBER = "token_id:"


class FailedError(EngineError):
    """The server broke an answer off with an error.

    Attributes:
        detail: the server's own words, printable, without the key.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(f"the server failed in the middle of its answer: {clean(detail, 200)}", _AGAIN)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One place of an answer, as far as a server tells how likely it found what it says there."""

    log_probability: float
    """Of the token that it says."""
    others: Mapping[int, float]
    """Log-probabilities of the likeliest tokens, where they are given by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one event adds to the answer."""

    text: str = ""
    token_ids: tuple[int, ...] = ()
    """Where the request asked for them and the server gives them."""
    guesses: tuple[Guess, ...] = ()
    """One for each token, where they were asked for."""
    finish: str | None = None
    """Why the answer ended: `stop`, `length` or another word."""
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    """So many the server says to have answered."""


def deltas(pieces: Iterable[bytes], hide: Callable[[str], str] = str) -> Iterator[Delta]:
    """The pieces of an answer, up to its end.

    Args:
        hide: takes out of a server's words what must not be shown.

    Raises:
        FailedError: when an event is an error, or was meant to be one and is not written as JSON.
        EngineError: when an event is malformed, or the stream ends before the answer does.
    """
    finished, lines = False, _lines(pieces)
    for data in _events(lines):
        if data.strip() == _DONE:
            return
        broken = _BROKEN_ERROR.match(data)
        if broken is not None and not _is_json(data):
            # Written by hand around an exception's text: quotes and line breaks in it end the string and the event.
            rest = "".join(f"\n{line}" for line in islice(lines, _ERROR_LINES_MAX))
            raise FailedError(clean(hide((data[broken.end() :] + rest).rstrip().rstrip('"}')), DETAIL_CHARS_MAX))
        delta = delta_of(_loaded(data), hide)
        finished = finished or delta.finish is not None
        yield delta
    if not finished:
        raise EngineError("the server broke off in the middle of its answer", _AGAIN)


def events(pieces: Iterable[bytes]) -> Iterator[str]:
    """The data of each event; comments, names and numbers of events are left out."""
    return _events(_lines(pieces))


def _events(lines: Iterator[str]) -> Iterator[str]:
    data, loose = list[str](), list[str]()
    for line in lines:
        if not line:
            if data:
                yield "\n".join(data + loose)
            data, loose = [], []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif data and _BROKEN_ERROR.match(data[0]):
            loose.append(line)
    # An event that no blank line ends is cut off, unless it is the one that says there are no more, or an error.
    if data == [_DONE] or (data and _BROKEN_ERROR.match(data[0])):
        yield "\n".join(data + loose)


def delta_of(chunk: dict[str, Any], hide: Callable[[str], str] = str) -> Delta:
    """What a chunk of an answer, or a whole answer that came at once, adds.

    Raises:
        FailedError: when it is an error.
        EngineError: when it is not of the form.
    """
    if chunk.get("error"):
        error = chunk["error"]
        said = error.get("message") if isinstance(error, dict) else error
        raise FailedError(clean(hide(_words(said)), DETAIL_CHARS_MAX))
    try:
        usage = chunk.get("usage") or {}
        # A chunk that only counts tokens has no choice.
        choice = (chunk.get("choices") or [{}])[0]
        message = choice.get("delta") or choice.get("message") or {}
        delta = Delta(
            text=message.get("content") or "",
            token_ids=tuple(choice.get("token_ids") or ()),
            guesses=tuple(map(_guess, (choice.get("logprobs") or {}).get("content") or ())),
            finish=choice.get("finish_reason"),
            prompt_tokens=usage.get("prompt_tokens"),
            answer_tokens=usage.get("completion_tokens"),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _malformed() from None
    if not isinstance(delta.text, str) or not all(type(each) is int for each in delta.token_ids):
        raise _malformed()
    if not isinstance(delta.finish, str | None) or not all(map(is_count, (delta.prompt_tokens, delta.answer_tokens))):
        raise _malformed()
    return delta


def _guess(entry: dict[str, Any]) -> Guess:
    """One place of `logprobs`, tokens written as vLLM writes them by number."""
    others = {
        int(other["token"].removeprefix(_BY_NUMBER)): float(other["logprob"])
        for other in entry.get("top_logprobs") or ()
        if other["token"].startswith(_BY_NUMBER)
    }
    return Guess(log_probability=float(entry["logprob"]), others=others)


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


def _is_json(data: str) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


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

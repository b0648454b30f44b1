"""A model server that does everything wrong: what it sends is drawn anew for each case, and told by its name."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..support.remote_server import Answer, Wire, block, event, said, streams, wire_of

KEY = "sk-hostile-0123456789abcdef"
STEERING = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
CODE = "return a + b"
NUMBERS: list[Any] = [0, -1, 1, 2**63, 10**400, 1.5, 1e308, True, None, "7", [], {}]


def cases(seed: int) -> Iterator[tuple[str, Answer]]:
    """Endless: the kinds in turn, each with other values."""
    draw = random.Random(seed)
    while True:
        for kind in KINDS:
            yield f"{kind.__name__} {draw.random():.6f}", kind(draw)


def _fields(draw: random.Random) -> Answer:
    """A whole answer in which one field holds something else."""
    pieces = wire_of(block(CODE))
    number = draw.randrange(len(pieces))
    if not pieces[number].startswith(b"data: {"):
        return streams(*pieces)
    chunk = json.loads(pieces[number][6:])
    ways = [("choices",), ("usage",), ("error",), ("choices", 0), ("choices", 0, "delta"), ("choices", 0, "index")]
    ways += [("choices", 0, "finish_reason"), ("choices", 0, "token_ids"), ("usage", "prompt_tokens")]
    way, value = draw.choice(ways), draw.choice([*NUMBERS, STEERING + KEY, [[1]], {"content": 7}])
    table = chunk
    try:
        for name in way[:-1]:
            table = table[name]
        table[way[-1]] = value
    except (KeyError, IndexError, TypeError):
        chunk["choices"] = value
    return streams(*pieces[:number], f"data: {json.dumps(chunk)}\n\n".encode(), *pieces[number + 1 :])


def _bytes(draw: random.Random) -> Answer:
    """A whole answer with bytes changed, lost or repeated."""
    raw = bytearray(b"".join(wire_of("```python\n", CODE, "\n```")))
    for _ in range(draw.randrange(1, 8)):
        at = draw.randrange(len(raw))
        how = draw.randrange(3)
        if how == 0:
            raw[at] = draw.randrange(256)
        elif how == 1:
            del raw[at : at + draw.randrange(1, 30)]
        else:
            raw[at:at] = raw[at : at + draw.randrange(1, 30)]
    size = draw.choice([1, 7, 1000])
    return streams(*(bytes(raw[start : start + size]) for start in range(0, len(raw), size)))


def _status(draw: random.Random) -> Answer:
    """An error whose words are hostile."""
    code = draw.choice([100, 204, 300, 307, 400, 401, 403, 404, 409, 418, 422, 429, 500, 501, 502, 503, 504, 599])
    word = draw.choice([STEERING, KEY, KEY[:12], KEY[::-1], " ".join(KEY), STEERING + KEY + "\n" * 50, "x" * 70_000])
    after = draw.choice(
        ["0", "-1", "9" * 400, "soon", word[:60].encode("ascii", "replace").decode().replace("\n", " ")]
    )
    value = draw.choice([{"error": {"message": word}}, {"detail": [word]}, word, word.encode(), {"error": [word] * 50}])

    def answer(wire: Wire) -> None:
        safe = "".join(sign for sign in after if " " <= sign <= "~")
        wire.json(code, value, Retry_After=safe, Location=safe)

    return answer


def _answer(draw: random.Random) -> Answer:
    """A well-formed answer whose text is hostile."""
    text = draw.choice(
        [
            block(STEERING + CODE),
            block(KEY),
            block(f"x = '{KEY[:9]}' '{KEY[9:]}'"),
            block("~" * draw.randrange(60_000)),
            block("(" * draw.randrange(60_000)),
            block("\n" * draw.randrange(60_000)),
            block("lambda: " * draw.randrange(8_000)),
            block("f'{" * draw.randrange(2_000)),
            block("\ufffe\uffff"),
            "```" * draw.randrange(20_000),
            "<think>" * draw.randrange(8_000) + block(CODE),
            block(CODE) * draw.randrange(1, 2_000),
            "",
        ]
    )
    size = draw.choice([1, 50, 100_000]) if len(text) < 4_000 else draw.choice([500, 100_000])
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return streams(*wire_of(*pieces, finish=draw.choice(["stop", "length", STEERING + KEY, ""])))


def _http(draw: random.Random) -> Answer:
    """Something that is hardly HTTP."""
    raw = draw.choice(
        [
            b"",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 200\r\n\r\n",
            b"HTTP/9.9 200 OK\r\n\r\n",
            b"HTTP/1.1 99999 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/\x1b[31m\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n[[[[[",
            bytes(draw.randrange(256) for _ in range(draw.randrange(400))),
        ]
    )

    def answer(wire: Wire) -> None:
        wire.raw(raw)
        wire.drop()

    return answer


def _slow(draw: random.Random) -> Answer:
    """Signs of life for ever, and nothing else; the person's time limit ends it."""
    pieces = [b": keep-alive\n\n", b"\n", b"data:\n", said(""), event(None), said("x")]
    piece, pause_s = draw.choice(pieces), draw.choice([0.001, 0.05, 30.0])

    def answer(wire: Wire) -> None:
        wire.head()
        ends_s = time.monotonic() + 20
        while time.monotonic() < ends_s:
            wire.chunk(piece)
            if pause_s > 1:
                wire.is_left()
                return
            time.sleep(pause_s)

    return answer


KINDS: list[Callable[[random.Random], Answer]] = [_fields, _bytes, _status, _answer, _http, _slow]

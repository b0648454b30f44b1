"""A model server in a thread: real HTTP on a real socket, with the wire format of vLLM and OpenAI.

What it answers to a chat is a list of functions, one for each request, so that every fault can be played; what it was
sent is kept.
"""

from __future__ import annotations

import json
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHAT = "/v1/chat/completions"
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Wire:
    """What an answer is written with."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: Any) -> None:
        self._handler, self.body = handler, body

    def head(self, status: int = 200, kind: str = "text/event-stream; charset=utf-8", **headers: str) -> None:
        """The status line and the headers of a chunked answer."""
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def chunk(self, data: bytes) -> None:
        """One chunk."""
        self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def end(self) -> None:
        """The last chunk."""
        self.raw(b"0\r\n\r\n")

    def json(self, status: int, value: Any, **headers: str) -> None:
        """A whole answer."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self._handler.send_response(status)
        self._handler.send_header("Content-Type", "application/json")
        for name, text in headers.items():
            self._handler.send_header(name.replace("_", "-"), text)
        self._handler.send_header("Content-Length", str(len(data)))
        self._handler.end_headers()
        self.raw(data)

    def drop(self) -> None:
        """Close the connection in the midst of whatever was said."""
        self._handler.wfile.flush()
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def is_left(self) -> bool:
        """Whether the client closes its side before patience ends."""
        ready, _, _ = select.select([self._handler.connection], [], [], PATIENCE_S)
        try:
            return bool(ready) and self._handler.connection.recv(1) == b""
        except ConnectionError:
            return True


Answer = Callable[[Wire], None]
TokenRoute = Callable[[Any], Any]


@dataclass
class ModelServer:
    """What it says and what it was sent."""

    answers: list[Answer] = field(default_factory=list)
    """One for each chat, the last one for all further ones."""
    models: list[dict[str, Any]] = field(default_factory=lambda: [model("tiny")])
    routes: dict[str, TokenRoute] = field(default_factory=dict)
    """JSON in, JSON out, for other paths."""
    gets: dict[str, Answer] = field(default_factory=dict)
    program: str = "uvicorn"
    """What it calls itself in the `Server` header."""
    sent: list[Sent] = field(default_factory=list)
    url: str = ""
    left: threading.Event = field(default_factory=threading.Event)
    """Set by `waiting` when the client has gone."""

    def chats(self) -> list[Any]:
        """Bodies of the chats."""
        return [each.body for each in self.sent if each.path == CHAT]

    def get(self, wire: Wire, path: str) -> None:
        """Answer a GET."""
        if path in self.gets:
            self.gets[path](wire)
        elif path == "/v1/models":
            wire.json(200, {"object": "list", "data": self.models})
        else:
            wire.json(404, {"detail": "Not Found"})

    def post(self, wire: Wire, path: str) -> None:
        """Answer a POST."""
        if path in self.routes:
            wire.json(200, self.routes[path](wire.body))
        elif path == CHAT and self.answers:
            number = sum(each.path == CHAT for each in self.sent) - 1
            self.answers[min(number, len(self.answers) - 1)](wire)
        else:
            wire.json(404, {"detail": "Not Found"})

    def waiting(self, *pieces: bytes) -> Answer:
        """An answer that sends pieces and then waits for the client to go."""

        def answer(wire: Wire) -> None:
            wire.head()
            for piece in pieces:
                wire.chunk(piece)
            if wire.is_left():
                self.left.set()

        return answer


def model(name: str, **more: Any) -> dict[str, Any]:
    """An entry of /v1/models, as vLLM lists it."""
    return {"id": name, "object": "model", "created": 1790000000, "owned_by": "someone", "root": name, **more}


def event(choice: dict[str, Any] | None, *, ending: str = "\n", **more: Any) -> bytes:
    """One chunk of a chat as an event."""
    value = {
        "id": "chatcmpl-9f1c",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": "tiny",
        "choices": [] if choice is None else [choice],
        **more,
    }
    return f"data: {json.dumps(value, ensure_ascii=False)}{ending}{ending}".encode()


def said(text: str, finish: str | None = None, *, ending: str = "\n", **more: Any) -> bytes:
    """An event that adds text."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish, **more}
    return event(choice, ending=ending)


def wire_of(*texts: str, finish: str = "stop", ending: str = "\n") -> list[bytes]:
    """A whole stream: role, texts, the end, usage, the last word; with comments that keep it alive."""
    role = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    usage = {"prompt_tokens": 321, "total_tokens": 333, "completion_tokens": 12}
    return [
        f": keep-alive{ending}{ending}".encode(),
        event(role, ending=ending),
        *(said(text, ending=ending) for text in texts),
        f": keep-alive{ending}".encode(),
        said("", finish, ending=ending, stop_reason=None),
        event(None, ending=ending, usage=usage),
        f"data: [DONE]{ending}{ending}".encode(),
    ]


def streams(*pieces: bytes) -> Answer:
    """An answer that is these chunks."""

    def answer(wire: Wire) -> None:
        wire.head()
        for piece in pieces:
            wire.chunk(piece)
        wire.end()

    return answer


def says(*texts: str, finish: str = "stop") -> Answer:
    """An answer that streams texts."""
    return streams(*wire_of(*texts, finish=finish))


def block(code: str, language: str = "python") -> str:
    """Code as an obedient model gives it."""
    return f"```{language}\n{code}\n```"


@contextmanager
def serving(*answers: Answer, certificate: str | None = None, **more: Any) -> Iterator[ModelServer]:
    """A server on a free port of this machine, gone at the end."""
    server = ModelServer(list(answers), **more)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve(None, server.get)

        def do_POST(self) -> None:
            self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))), server.post)

        def _serve(self, body: Any, respond: Callable[[Wire, str], None]) -> None:
            self.close_connection = True
            server.sent.append(Sent(self.command, self.path, dict(self.headers), body))
            try:
                respond(Wire(self, body), self.path)
            except ConnectionError:
                server.left.set()

        def version_string(self) -> str:
            return server.program

        def log_message(self, *_: Any) -> None:
            """Nothing is written."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    server.url = f"http{'s' * (certificate is not None)}://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


class Tokens:
    """A tokenizer of words, spaces and signs, with the control tokens of DiffusionGemma."""

    CONTROL = ("<|channel>", "<channel|>", "<turn|>", "<|turn>")

    def __init__(self) -> None:
        self.ids = {"<|channel>": 100, "<channel|>": 101, "<turn|>": 106, "<|turn>": 105}

    def encode(self, text: str) -> list[int]:
        """Ids, new ones for pieces that were never met."""
        control = "|".join(map(re.escape, self.CONTROL))
        pieces = re.findall(rf"{control}|\w+| +|\n|.", text, re.DOTALL)
        return [self.ids.setdefault(piece, 1000 + len(self.ids)) for piece in pieces]

    def decode(self, ids: list[int]) -> str:
        """The text of ids."""
        pieces = {number: piece for piece, number in self.ids.items()}
        return "".join(pieces.get(number, "") for number in ids)

    def routes(self) -> dict[str, TokenRoute]:
        """vLLM's /tokenize and /detokenize."""

        def tokenize(body: Any) -> Any:
            text = body.get("prompt")
            if text is None:
                text = "".join(f"<|turn>{each['role']}\n{each['content']}<turn|>\n" for each in body["messages"])
                text += "<|turn>model\n"
            tokens = self.encode(text)
            return {"count": len(tokens), "max_model_len": 8192, "tokens": tokens}

        return {"/tokenize": tokenize, "/detokenize": lambda body: {"prompt": self.decode(body["tokens"])}}

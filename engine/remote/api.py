"""The endpoints of a model server: its models, its tokenizer, its chat.

Knows their paths and bodies, and which fields a server may not know. What is asked for a span, and what an answer
means, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..types import EngineError
from .address import clean
from .events import Delta, FailedError, delta_of, deltas
from .line import Line
from .probe import CHAT, NOT_A_SERVER, Known
from .server import RemoteServer
from .wire import Client, RefusedError

CONTEXT_TOKENS_MIN = 256
"""A server that reads less than this is of no use for code."""

TOKEN_ID_MAX = 2**31 - 1
_FIELDS_DROPPED = {
    "stream_options": "stream_options",
    "seed": "seed",
    "sampling_seed": "seed",
    "stop": "stop",
    "temperature": "temperature",
    "chat_template_kwargs": "chat_template_kwargs",
    "top_logprobs": "top_logprobs",
    "logprobs": "logprobs",
    "return_tokens_as_token_ids": "return_tokens_as_token_ids",
}
"""What a server may name as what it cannot take, and the field that it means: it is asked again without."""
_CONTEXT_SAID = re.compile(r"context (?:length|size|window)[^.\d]{0,30}(\d+)")
"""How much a server reads, where it refuses a longer request."""


@dataclass(frozen=True, slots=True)
class Api:
    """One model of one server; keeps what the server was found not to take."""

    client: Client
    known: Known

    @property
    def server(self) -> RemoteServer:
        """What is known of the server."""
        return self.known.server

    def chat(self, line: Line, body: Mapping[str, Any]) -> Generator[Delta, None, None]:
        """The answer to a body, without the fields that the server does not take; sent again where it names another.

        Raises:
            RefusedError: when the server says no to something else.
            FailedError: when it breaks off with an error.
            EngineError: for any other failure.
        """
        while True:
            sent, begun = self._body(body), False
            try:
                for delta in self._deltas(line, sent):
                    begun = begun or bool(delta.text or delta.token_ids)
                    yield delta
                return
            except (RefusedError, FailedError) as trouble:
                # Some servers begin an answer before they look at what is asked.
                named = None if begun else _field_refused(trouble, sent)
                if named is None:
                    raise
                self.known.dropped.add(named)

    def _deltas(self, line: Line, sent: Mapping[str, Any]) -> Generator[Delta, None, None]:
        reply = self.client.ask(line, "POST", CHAT, sent)
        try:
            if reply.kind == "text/event-stream":
                yield from deltas(reply.pieces(), self.client.hide)
            elif reply.kind == "application/json":
                yield delta_of(_table(reply.json()), self.client.hide)
            else:
                kind = clean(self.client.hide(reply.kind), 40)
                raise EngineError(
                    f"{self.client.address} answered with {kind} instead of a stream of events", NOT_A_SERVER
                )
        finally:
            reply.close()

    def learn_context(self, trouble: RefusedError | FailedError) -> bool:
        """Whether a refusal says how much the server reads, and that is less than what was known: now it is known."""
        said, known = _CONTEXT_SAID.search(trouble.detail), self.server.served.context_tokens
        tokens = int(said[1][:9]) if said else 0
        if not CONTEXT_TOKENS_MIN <= tokens < (known or tokens + 1):
            return False
        self.known.server = self.server.with_context(tokens)
        return True

    def tokenizer(self, line: Line) -> ServerTokenizer:
        """The server's tokenizer."""
        return ServerTokenizer(self.client, line, self.server.served.name)

    @property
    def unsent(self) -> frozenset[str]:
        """Fields that are not sent."""
        return self.server.unsent | self.known.dropped

    def _body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        unsent = self.unsent
        kept = {name: value for name, value in body.items() if name not in unsent}
        if "max_tokens" in unsent:
            kept["max_completion_tokens"] = body["max_tokens"]
        return {"model": self.server.served.name, **kept}


@dataclass(slots=True)
class ServerTokenizer:
    """vLLM's `/tokenize` and `/detokenize`."""

    client: Client
    line: Line
    model: str

    def encode(self, text: str) -> list[int]:
        """Ids of a text, none added."""
        return self._tokens({"prompt": text, "add_special_tokens": False})

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Ids of messages, up to where the answer begins."""
        return self._tokens(
            {
                "messages": list(messages),
                "add_generation_prompt": True,
                "chat_template_kwargs": {"enable_thinking": False},
            }
        )

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        text = self._ask("/detokenize", {"tokens": list(ids)}).get("prompt")
        if not isinstance(text, str):
            raise _malformed("/detokenize")
        return text

    def _tokens(self, body: dict[str, Any]) -> list[int]:
        tokens = self._ask("/tokenize", body).get("tokens")
        if not isinstance(tokens, list) or not all(
            type(token) is int and 0 <= token <= TOKEN_ID_MAX for token in tokens
        ):
            raise _malformed("/tokenize")
        return tokens

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return _table(self.client.ask(self.line, "POST", path, {"model": self.model, **body}).json())


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EngineError("the server's answer is malformed", NOT_A_SERVER)
    return value


def _malformed(path: str) -> EngineError:
    return EngineError(f"the server's answer to {path} is malformed", NOT_A_SERVER)


def _field_refused(trouble: RefusedError | FailedError, sent: Mapping[str, Any]) -> str | None:
    """The field of a body that a server names as what it cannot take."""
    if isinstance(trouble, RefusedError) and trouble.status not in (400, 422):
        return None
    if "max_tokens" in sent and "max_completion_tokens" in trouble.detail:
        return "max_tokens"
    named = (
        name for word, name in _FIELDS_DROPPED.items() if name in sent and re.search(rf"\b{word}\b", trouble.detail)
    )
    return next(named, None)

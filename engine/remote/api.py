"""The endpoints of a model server: its models, its tokenizer, its chat.

Knows their paths and bodies, and which fields a server may not know. What is asked for a span, and what an answer
means, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..types import EngineError
from .address import clean
from .events import Delta, delta_of, deltas, is_count
from .line import Line
from .wire import Client, RefusedError

_CHAT = "/v1/chat/completions"
_NAMES_SHOWN = 8
TOKEN_ID_MAX = 2**31 - 1
_FIELDS_DROPPED = ("stream_options", "seed", "stop", "temperature", "chat_template_kwargs")
"""A server that names one of these as what it cannot take is asked again without."""
_NOT_A_SERVER = "is this the address of a model server?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a server says of the model that is used."""

    name: str
    owner: str = ""
    context_tokens: int | None = None

    @property
    def looks_diffusing(self) -> bool:
        """Whether it may know a canvas."""
        return self.is_vllm and "diffusion" in self.name.lower()

    @property
    def is_vllm(self) -> bool:
        """Whether it is a vLLM by its own word."""
        return self.owner == "vllm"


@dataclass(slots=True)
class Api:
    """One model of one server; keeps what the server was found not to take."""

    client: Client
    served: Served
    dropped: set[str] = field(default_factory=set)

    def chat(self, line: Line, body: Mapping[str, Any]) -> Generator[Delta, None, None]:
        """The answer to a body, sent again without the fields that the server cannot take.

        Raises:
            RefusedError: when the server says no to something else.
            EngineError: for any other failure.
        """
        while True:
            sent = self._body(body)
            try:
                reply = self.client.ask(line, "POST", _CHAT, sent)
                break
            except RefusedError as refused:
                refused_field = _field_refused(refused, sent)
                if refused_field is None:
                    raise
                self.dropped.add(refused_field)
        try:
            if reply.kind == "text/event-stream":
                yield from deltas(reply.pieces(), self.client.hide)
            elif reply.kind == "application/json":
                yield delta_of(_table(reply.json()), self.client.hide)
            else:
                kind = clean(self.client.hide(reply.kind), 40)
                raise EngineError(
                    f"{self.client.address} answered with {kind} instead of a stream of events", _NOT_A_SERVER
                )
        finally:
            reply.close()

    def tokenizer(self, line: Line) -> ServerTokenizer:
        """The server's tokenizer."""
        return ServerTokenizer(self.client, line, self.served.name)

    def _body(self, body: Mapping[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in body.items() if name not in self.dropped}
        if "max_tokens" in self.dropped:
            kept["max_completion_tokens"] = body["max_tokens"]
        return {"model": self.served.name, **kept}


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


def find_served(client: Client, line: Line, name: str | None) -> Served:
    """The model of a server that a person means.

    Args:
        name: none where the server has one alone.

    Raises:
        EngineError: when that is not clear.
    """
    try:
        models = _models(client.ask(line, "GET", "/v1/models").json())
    except RefusedError:
        if name is None:
            raise
        # Some servers list nothing; the first infill tells whether the name is right.
        return Served(name=name)
    if name is not None:
        return next((model for model in models if model.name == name), Served(name=name))
    if len(models) == 1:
        return models[0]
    shown = ", ".join(clean(client.hide(model.name), 60) for model in models[:_NAMES_SHOWN])
    more = ", …" if len(models) > _NAMES_SHOWN else ""
    raise EngineError(
        f"{client.address} serves {len(models)} models", f"name one with --model: {shown or 'none'}{more}"
    )


def _models(answer: Any) -> list[Served]:
    listed = _table(answer).get("data")
    if not isinstance(listed, list):
        raise _malformed("/v1/models")
    found = list[Served]()
    for each in listed:
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            owner, tokens = each.get("owned_by"), each.get("max_model_len")
            found.append(
                Served(
                    name=each["id"],
                    owner=owner if isinstance(owner, str) else "",
                    context_tokens=tokens if tokens and is_count(tokens) else None,
                )
            )
    return found


def _is_id(token: object) -> bool:
    return type(token) is int and 0 <= token <= TOKEN_ID_MAX


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EngineError("the server's answer is malformed", _NOT_A_SERVER)
    return value


def _malformed(path: str) -> EngineError:
    return EngineError(f"the server's answer to {path} is malformed", _NOT_A_SERVER)


def _field_refused(refused: RefusedError, sent: Mapping[str, Any]) -> str | None:
    """The field of a body that a server names as what it cannot take."""
    if refused.status not in (400, 422):
        return None
    if "max_tokens" in sent and "max_completion_tokens" in refused.detail:
        return "max_tokens"
    named = (name for name in _FIELDS_DROPPED if name in sent and re.search(rf"\b{name}\b", refused.detail))
    return next(named, None)

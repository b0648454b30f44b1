"""Finds out what a server is before anything is asked of it: its models, its program, what it refuses.

    /v1/models -> the program (by owner, headers, or its list of paths) -> what only that program tells

A vLLM is shown an empty canvas, which a diffusion model refuses before it computes anything, naming how long a canvas
must be; other models answer with one token. What was found is kept for the process. No file's text is sent.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from ..types import EngineError
from .address import clean
from .events import is_count
from .line import Line
from .server import RemoteServer, Runtime, Served
from .wire import Client, RefusedError

CHAT = "/v1/chat/completions"
NOT_A_SERVER = "is this the address of a model server?"
PATIENCE_S = 20.0
"""So long is waited for what is good to know, but not needed."""
CANVAS_TOKENS_MAX = 1 << 14
_NAMES_SHOWN = 8
_VERSION_CHARS = 40
_OWNERS = {
    "vllm": Runtime.VLLM,
    "sglang": Runtime.SGLANG,
    "llamacpp": Runtime.LLAMA_CPP,
    "me": Runtime.LLAMA_CPP_PYTHON,
}
_HEADERS = {"mlx_vlm": Runtime.MLX_VLM, "llama.cpp": Runtime.LLAMA_CPP}
"""What a `Server` header begins with."""
_TITLES = {"MLX-VLM": Runtime.MLX_VLM, "llama.cpp Python": Runtime.LLAMA_CPP_PYTHON}
_TRANSFORMERS_PATHS = {"/load_model", "/reset", CHAT}
_CANVAS_REFUSED = re.compile(r"must hold exactly (\d+) ids")
_PINS_SINCE = (0, 33)
"""The vLLM that first checks the arguments of a canvas for sure."""
_EMPTY_CANVAS = {"diffusion_seed_canvas": list[int](), "diffusion_max_steps": 0}
"""Refused by each vLLM that knows canvases, whatever it serves them with."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """The answer to a question for models."""

    models: list[Served]
    program: str
    """The `Server` header."""


@dataclass(slots=True)
class Known:
    """What is known of a server, and what infills have added to it."""

    server: RemoteServer
    dropped: set[str] = field(default_factory=set)
    """Fields that it was found not to take."""


_found = dict[tuple[str, Served, bool], Known]()
_lock = threading.Lock()


def find_server(client: Client, line: Line, name: str | None, *, insists_on_pins: bool = False) -> Known:
    """The server at an address and the model that a person means.

    Args:
        name: none where the server has one alone.
        insists_on_pins: whether a canvas is shown to a server that does not look like a vLLM.

    Raises:
        EngineError: when it is not clear which model is meant, or nothing answers.
    """
    try:
        listed = _models(client, line)
    except RefusedError:
        if name is None:
            raise
        # Some servers list nothing; the first infill tells whether the name is right.
        listed = _Listed([], "")
    served = _chosen(listed.models, name, client)
    served = replace(served, root=client.hide(served.root))
    key = (str(client.address), served, insists_on_pins)
    with _lock:
        known = _found.get(key)
    if known is None:
        question = _Question(client, line, served)
        known = Known(_examined(question, listed.program, insists_on_pins))
        if not question.is_unanswered:
            with _lock:
                _found[key] = known
    return known


def forget() -> None:
    """Look anew at every server from now on."""
    with _lock:
        _found.clear()


@dataclass(slots=True)
class _Question:
    """How a server is asked what is good to know: once, and not for long."""

    client: Client
    line: Line
    served: Served
    is_unanswered: bool = False
    """Whether something stayed open because the way there failed: then it is asked again another time."""

    def get(self, path: str) -> dict[str, Any]:
        """A path's JSON; empty where there is none."""
        try:
            found = self._client.ask(self.line, "GET", path).json()
        except RefusedError:
            return {}
        except EngineError:
            self._missed()
            return {}
        return found if isinstance(found, dict) else {}

    def refusal(self) -> str:
        """What the server says to a canvas that no server can take; empty where it says nothing of it."""
        body = {
            "model": self.served.name,
            "messages": [{"role": "user", "content": "1"}],
            "max_tokens": 1,
            "vllm_xargs": _EMPTY_CANVAS,
        }
        try:
            self._client.ask(self.line, "POST", CHAT, body).close()
        except RefusedError as refused:
            return refused.detail if refused.status in (400, 422) else ""
        except EngineError:
            self._missed()
        return ""

    def _missed(self) -> None:
        # A person who broke it off, or the clock, ends more than this question.
        self.line.check()
        self.is_unanswered = True

    @property
    def _client(self) -> Client:
        return replace(self.client, retries=0, chunk_timeout_s=min(PATIENCE_S, self.client.chunk_timeout_s))


def _examined(question: _Question, program: str, insists_on_pins: bool) -> RemoteServer:
    """All that can be known of a server whose models are."""
    served = question.served
    runtime, version = _program(question, program)
    server = RemoteServer(served=served, runtime=runtime, version=version, diffuses=served.sounds_diffusing)
    if runtime is Runtime.VLLM:
        server = replace(server, version=_word(question.get("/version").get("version")))
    if runtime is Runtime.VLLM or insists_on_pins:
        server = _with_canvas(server, question.refusal(), certain=not question.is_unanswered)
    if runtime is Runtime.SGLANG:
        server = _with_arguments(server, question)
    if runtime is Runtime.LLAMA_CPP and served.context_tokens is None:
        settings = question.get("/props").get("default_generation_settings")
        tokens = settings.get("n_ctx") if isinstance(settings, dict) else None
        server = server.with_context(tokens) if tokens and is_count(tokens) else server
    return server


def _program(question: _Question, header: str) -> tuple[Runtime, str]:
    """Which program it is, and its version where that was said along with it."""
    owned = _OWNERS.get(question.served.owner)
    if owned is not None:
        return owned, ""
    name, _, version = header.partition("/")
    for begins, runtime in _HEADERS.items():
        if name.lower().startswith(begins):
            return runtime, _word(version)
    described = question.get("/openapi.json")
    info, paths = described.get("info"), described.get("paths")
    about = info if isinstance(info, dict) else {}
    for part, runtime in _TITLES.items():
        if part in str(about.get("title", "")):
            return runtime, _word(about.get("version"))
    if isinstance(paths, dict) and paths.keys() >= _TRANSFORMERS_PATHS:
        return Runtime.TRANSFORMERS, ""
    return Runtime.OTHER, ""


def _with_canvas(server: RemoteServer, refusal: str, *, certain: bool) -> RemoteServer:
    """What a vLLM's refusal of an empty canvas tells, or that it did not refuse it."""
    found = _CANVAS_REFUSED.search(refusal)
    if found is not None:
        return replace(server, diffuses=True, canvas_tokens=min(int(found[1]), CANVAS_TOKENS_MAX))
    if "diffusion" in refusal and "xargs" not in refusal:
        # It denoises, and is too old to hold a canvas.
        return replace(server, diffuses=True)
    numbers = re.match(r"(\d{1,6})\.(\d{1,6})", server.version)
    if certain and not refusal and numbers and (int(numbers[1]), int(numbers[2])) >= _PINS_SINCE:
        # Whatever its name says: a model that denoises would have refused.
        return replace(server, diffuses=False)
    return server


def _with_arguments(server: RemoteServer, question: _Question) -> RemoteServer:
    """What an SGLang says of how it was started."""
    told = question.get("/server_info") or question.get("/get_server_info")
    kinds = question.get("/model_info").get("architectures") if "dllm_algorithm" not in told else None
    named = any("Diffusion" in str(kind) for kind in kinds) if isinstance(kinds, list) else False
    return replace(
        server,
        version=_word(told.get("version")),
        diffuses=server.diffuses or bool(told.get("dllm_algorithm")) or named,
        deterministic=told.get("enable_deterministic_inference") is True,
    )


def _word(value: object) -> str:
    return clean(value, _VERSION_CHARS) if isinstance(value, str) else ""


def _chosen(models: list[Served], name: str | None, client: Client) -> Served:
    """The model that is meant."""
    if name is not None:
        # One that is not listed may be an adapter, or what a router calls it: the program is the same.
        other = Served(name=name, owner=models[0].owner if models else "")
        return next((model for model in models if model.name == name), other)
    loaded = [model for model in models if model.is_loaded]
    for few in (models, loaded):
        if len(few) == 1:
            return few[0]
    shown = ", ".join(clean(client.hide(model.name), 60) for model in models[:_NAMES_SHOWN])
    more = ", …" if len(models) > _NAMES_SHOWN else ""
    raise EngineError(
        f"{client.address} serves {len(models)} models", f"name one with --model: {shown or 'none'}{more}"
    )


def _models(client: Client, line: Line) -> _Listed:
    reply = client.ask(line, "GET", "/v1/models")
    answer = reply.json()
    listed = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise EngineError("the server's answer to /v1/models is malformed", NOT_A_SERVER)
    found = [_served(each) for each in listed if isinstance(each, dict) and isinstance(each.get("id"), str)]
    return _Listed(found, reply.header("Server"))


def _served(entry: dict[str, Any]) -> Served:
    owner, root, tokens, status = (entry.get(name) for name in ("owned_by", "root", "max_model_len", "status"))
    loaded = status.get("value") == "loaded" if isinstance(status, dict) else entry.get("loaded") is True
    return Served(
        name=entry["id"],
        owner=owner if isinstance(owner, str) else "",
        root=clean(root, 120) if isinstance(root, str) else "",
        context_tokens=tokens if tokens and is_count(tokens) else None,
        is_loaded=loaded,
    )

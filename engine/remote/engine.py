"""An engine that asks a server: the same requests and frames as the local one, over HTTP.

    connect(url) -> RemoteEngine.infill(request) -> Iterator[Frame]

Speaks to chat completions as OpenAI's API has them, and pins the text around the span where the server is a vLLM that
can hold tokens of DiffusionGemma's canvas. What is sent is put together in `prompt`. Torch is not imported.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from enum import Enum
from typing import Any

from ..interface import Preparation
from ..types import CHARS_PER_TOKEN, EngineError, Frame, InfillRequest, ModelInfo, Origin
from . import pins
from .address import clean, find_key, parse_address
from .answer import fit, fit_exactly
from .api import Api, find_served
from .chat import Chat, refuse_key
from .line import Line
from .prompt import question
from .run import RemoteRun, empty_answer
from .wire import Client, RefusedError

TIMEOUT_S = 120.0
CHUNK_TIMEOUT_S = 60.0
RETRIES = 2
SAMPLING_TEMPERATURE = 0.7
"""For every seed but 0, as in the local engine."""
NAME_CHARS_MAX = 120
"""Of a model's name, as a person is shown it."""
PASSES = 24
"""Of a pinned canvas; DiffusionGemma needs about twenty for code."""
SPAN_TOKENS_MAX = 1_000
_IGNORED_SHARE = 0.5
"""A server that changes more of the pinned tokens does not know pins at all."""


class RemoteMode(Enum):
    """How a span is asked for."""

    AUTO = "auto"
    """With pins where the server looks as if it knew them."""
    CHAT = "chat"
    PINNED = "pinned"
    """With pins first, whatever the server looks like."""


def connect(
    url: str,
    *,
    model: str | None = None,
    mode: RemoteMode = RemoteMode.AUTO,
    timeout_s: float = TIMEOUT_S,
    chunk_timeout_s: float = CHUNK_TIMEOUT_S,
    retries: int = RETRIES,
    share_related: bool = False,
    canvas_tokens: int = pins.CANVAS_TOKENS,
    environ: Mapping[str, str] = os.environ,
    holding: Callable[[Callable[[], None]], None] | None = None,
) -> RemoteEngine:
    """The engine at an address; asks it for its models.

    Args:
        model: which of several.
        timeout_s: for a whole infill, retries included.
        chunk_timeout_s: without a sign of life.
        share_related: whether texts of other files may be sent.
        environ: where the key is.
        holding: is given what breaks the wait for the server off, from any thread.

    Raises:
        CancelledError: when it was broken off.
        EngineError: when there is no such server or model, or the key does not fit.
    """
    address = parse_address(url)
    client = Client(address, find_key(environ, address), chunk_timeout_s, retries)
    line = Line(timeout_s)
    if holding is not None:
        holding(line.cut)
    try:
        api = Api(client, find_served(client, line, model))
    finally:
        line.release()
    return RemoteEngine(api, mode=mode, timeout_s=timeout_s, share_related=share_related, canvas_tokens=canvas_tokens)


class RemoteInfill(Iterator[Frame]):
    """Frames of one infill. `close` may be called from any thread, also while another waits for the next frame."""

    def __init__(self, frames: Generator[Frame, None, None], line: Line, ended: Callable[[Line], None]) -> None:
        self._frames, self._line, self._ended = frames, line, ended

    def __next__(self) -> Frame:
        """The next frame.

        Raises:
            CancelledError: after it was closed.
            EngineError: when the server or the way there fails.
        """
        self._line.check()
        try:
            return next(self._frames)
        except StopIteration:
            self._end()
            # Closed by another thread just before: that is no end.
            self._line.check()
            raise
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Break the connection at once; a thread that waits for a frame gets `CancelledError`."""
        self._line.cut()
        # Another thread may be in the midst of it: then it ends by itself.
        with suppress(ValueError):
            self._frames.close()
        self._end()

    def __del__(self) -> None:
        self.close()

    def _end(self) -> None:
        self._line.release()
        self._ended(self._line)


class RemoteEngine:
    """A model on a server.

    Attributes:
        info: what is said of it.
    """

    def __init__(
        self, api: Api, *, mode: RemoteMode, timeout_s: float, share_related: bool, canvas_tokens: int
    ) -> None:
        address = api.client.address
        self.info = ModelInfo(
            name=clean(api.client.hide(api.served.name), NAME_CHARS_MAX),
            parameters=0,
            device=str(address),
            digest="",
            instructed=True,
            passes=PASSES,
            span_tokens=SPAN_TOKENS_MAX,
            is_remote=True,
        )
        self._api, self._mode, self._timeout_s = api, mode, timeout_s
        self._share_related, self._canvas_tokens = share_related, canvas_tokens
        self._lock = threading.Lock()
        self._lines = set[Line]()
        self._notes = dict[str, None]()
        self._knows_no_pins = False
        if address.scheme == "http" and not address.is_local:
            self._note(f"code is sent to {address} in the clear")

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how answers came about, oldest first."""
        with self._lock:
            return tuple(self._notes)

    def prepare(self, request: InfillRequest) -> None:
        """Nothing: the server reads a text when it answers."""

    def infill(self, request: InfillRequest, prepared: Preparation | None = None) -> RemoteInfill:
        """The frames of an infill; nothing is sent before the first is asked for.

        Raises:
            EngineError: when the request is one that no server can serve.
        """
        if request.start is not None:
            raise EngineError("a model on a server cannot go on from a pass", "start the infill anew")
        line = Line(self._timeout_s)
        with self._lock:
            self._lines.add(line)
        return RemoteInfill(self._frames(RemoteRun(request, line, self._api)), line, self._forget)

    def score(self, prefix: str, suffix: str, pieces: Sequence[str]) -> list[float]:
        """Raise: chat completions tell no probabilities of a given text."""
        raise EngineError("a model on a server tells no probabilities", "use a model of this machine")

    def count_tokens(self, text: str) -> int:
        """About how many tokens a text has."""
        return round(len(text) / CHARS_PER_TOKEN)

    def cancel(self) -> None:
        """Break off every infill under way; may be called from any thread."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.cut()

    def _forget(self, line: Line) -> None:
        with self._lock:
            self._lines.discard(line)

    def _note(self, text: str) -> None:
        with self._lock:
            self._notes[text] = None

    def _frames(self, run: RemoteRun) -> Generator[Frame, None, None]:
        if self._tries_pins():
            try:
                yield self._pinned(run)
                return
            except pins.NotPinnedError as reason:
                self._knows_no_pins = self._knows_no_pins or reason.lasting
                self._note(f"asked as a chat, without pins: {reason}")
        yield from self._chat(run)

    def _tries_pins(self) -> bool:
        if self._mode is RemoteMode.CHAT or self._knows_no_pins:
            return False
        return self._mode is RemoteMode.PINNED or self._api.served.looks_diffusing

    def _chat(self, run: RemoteRun) -> Generator[Frame, None, None]:
        """Frames of a chat's answer: the code so far, then the code as it fits."""
        request, tokens_max = run.request, run.tokens_max
        around = run.around(tokens_max, related=self._share_related)
        asked = question(request, around, related=self._share_related)
        body: dict[str, Any] = {
            "messages": asked.messages(),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": tokens_max,
            "temperature": SAMPLING_TEMPERATURE if request.seed else 0.0,
            "seed": request.seed,
            # What follows a closed block; one that opens is hardly ever followed by an empty line.
            "stop": [f"\n{asked.fence}\n\n"],
        }
        if self._api.served.is_vllm:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        chat = Chat(self._api, run, around, round(asked.chars / CHARS_PER_TOKEN))
        yield from chat.frames(body)
        if "seed" in self._api.dropped:
            self._note("the server takes no seed: the same seed may give another answer")
        yield run.last(fit(chat.code(tokens_max), request), Origin.WRITTEN, chat.context)

    def _pinned(self, run: RemoteRun) -> Frame:
        """The result from a canvas whose text around the span is held.

        Raises:
            NotPinnedError: when this server or this span cannot do that.
            EngineError: when the answer changed what was pinned, or fails otherwise.
        """
        request, width = run.request, self._canvas_tokens
        around = run.around(width, related=self._share_related)
        tokenizer = self._api.tokenizer(run.line)
        fence = question(request, around).fence
        try:
            near, head, tail = pins.build(tokenizer, f"{fence}{request.language}\n", fence, around, request, width)
            asked = question(request, around, related=self._share_related, lines=(near.before, near.after))
            canvas, prompt_tokens = pins.compose(tokenizer, asked.messages(), head, tail, request, width)
            ids = self._canvas_answer(run, canvas, asked.messages())
            _check_pins(canvas, ids)
            text = tokenizer.decode(canvas.span_ids(ids))
            key = self._api.client.key
            if key is not None and key.is_in(text):
                refuse_key(key, request)
        except RefusedError as refused:
            lasting = refused.status == 404 or bool(re.search("diffusion|xargs|token_ids", refused.detail))
            raise pins.NotPinnedError(str(refused), lasting=lasting) from None
        if not text.strip():
            raise empty_answer()
        return run.last(fit_exactly(text, request), Origin.DENOISED, run.context(around, prompt_tokens))

    def _canvas_answer(self, run: RemoteRun, canvas: pins.Canvas, messages: list[dict[str, str]]) -> list[int]:
        body = {
            "messages": messages,
            "stream": True,
            "max_tokens": canvas.checked,
            "seed": run.request.seed,
            "return_token_ids": True,
            "chat_template_kwargs": {"enable_thinking": False},
            "vllm_xargs": canvas.arguments(run.request.max_passes),
        }
        with closing(self._api.chat(run.line, body)) as stream:
            return [token for delta in stream for token in delta.token_ids]


def _check_pins(canvas: pins.Canvas, ids: list[int]) -> None:
    """Raise for an answer that does not hold what was pinned."""
    if not ids:
        raise pins.NotPinnedError("the server gives no token ids", lasting=True)
    changed, of = canvas.changed(ids)
    if changed > of * _IGNORED_SHARE:
        raise pins.NotPinnedError("the server does not hold pinned tokens", lasting=True)
    if changed:
        raise EngineError(
            f"the server changed {changed} of {of} pinned tokens; its answer is refused",
            "try another --seed, or ask without pins",
        )


__all__ = ["RemoteEngine", "RemoteInfill", "RemoteMode", "connect"]

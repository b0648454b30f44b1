"""An engine that asks a server: the same requests and frames as the local one, over HTTP.

    connect(url) -> RemoteEngine.infill(request) -> Iterator[Frame]

Speaks to chat completions as OpenAI's API has them, and pins the text around the span where the server is a vLLM that
can hold tokens of DiffusionGemma's canvas. What is sent is put together in `prompt`. Torch is not imported.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

from ..interface import Preparation
from ..types import CHARS_PER_TOKEN, EngineError, Frame, InfillRequest, ModelInfo, Origin
from .address import clean, find_key, parse_address
from .answer import fit
from .api import Api
from .chat import Chat
from .events import FailedError
from .line import Line
from .pinned import SCHEDULE_PASSES, PinnedInfill
from .pins import NotPinnedError
from .probe import find_server
from .prompt import ChatQuestion, question
from .rows import RemoteRows
from .run import Offer, RemoteRun
from .server import CANVAS_TOKENS, Runtime
from .wire import Client, RefusedError

TIMEOUT_S = 120.0
CHUNK_TIMEOUT_S = 60.0
RETRIES = 2
SAMPLING_TEMPERATURE = 0.7
"""For every seed but 0, as in the local engine."""
NAME_CHARS_MAX = 120
"""Of a model's name, as a person is shown it."""
FACT_CHARS_MAX = 200
SPAN_TOKENS_MAX = 1_000
_CHATS_BESIDE = 2
"""So many more answers are asked for where a server computes them at once."""
_SEEDS_APART = 1_000_003
_NO_SEED_OF_CANVAS = (
    "the server takes no seed: another one begins from another canvas, the same one may give another answer"
)


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
        api = Api(client, find_server(client, line, model, insists_on_pins=mode is RemoteMode.PINNED))
    finally:
        line.release()
    return RemoteEngine(api, mode=mode, timeout_s=timeout_s, share_related=share_related)


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

    def __init__(self, api: Api, *, mode: RemoteMode, timeout_s: float, share_related: bool) -> None:
        address = api.client.address
        self.info = ModelInfo(
            name=clean(api.client.hide(api.server.served.name), NAME_CHARS_MAX),
            parameters=0,
            device=str(address),
            digest="",
            instructed=True,
            passes=SCHEDULE_PASSES,
            span_tokens=SPAN_TOKENS_MAX,
            is_remote=True,
            facts=tuple((what, clean(api.client.hide(said), FACT_CHARS_MAX)) for what, said in api.server.facts()),
        )
        self._api, self._mode, self._timeout_s = api, mode, timeout_s
        self._share_related = share_related
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
        canvas_tokens = self._canvas_tokens()
        if canvas_tokens is not None:
            pinned = PinnedInfill(self._api, run, canvas_tokens, share_related=self._share_related)
            try:
                yield from self._said(run, pinned.frames())
                self._note(_NO_SEED_OF_CANVAS)
                return
            except NotPinnedError as reason:
                self._knows_no_pins = self._knows_no_pins or reason.lasting
                self._note(f"asked as a chat, without pins: {reason}")
        try:
            yield from self._said(run, self._chat(run))
        except (RefusedError, FailedError) as refused:
            if not self._api.learn_context(refused):
                raise
            yield from self._said(run, self._chat(run))
        if "seed" in self._api.unsent:
            self._note("the server takes no seed: the same seed may give another answer")

    def _canvas_tokens(self) -> int | None:
        """The longest canvas of this server; none where it is asked as a chat."""
        server = self._api.server
        if self._mode is RemoteMode.CHAT or self._knows_no_pins:
            return None
        if server.takes_pins:
            return server.canvas_tokens
        # It did not say so when it was asked, but its name does: then the answer is looked at with care.
        named = server.runtime is Runtime.VLLM and server.diffuses
        return CANVAS_TOKENS if named or self._mode is RemoteMode.PINNED else None

    def _said(self, run: RemoteRun, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames; a person is told where the answer is one that was turned down before."""
        for frame in frames:
            if frame.result is not None and frame.result.text in run.request.rejected:
                self._note("the server gave an answer again that was turned down: another seed changes nothing there")
            yield frame

    def _chat(self, run: RemoteRun) -> Generator[Frame, None, None]:
        """Frames of a chat's answer: the code so far, then the code as it fits."""
        request, tokens_max = run.request, run.tokens_max
        around = run.around(tokens_max, related=self._share_related)
        asked = question(request, around, related=self._share_related)
        prompt_tokens = round(asked.chars / CHARS_PER_TOKEN)
        chat = Chat(self._api, run, around, prompt_tokens)

        def other(number: int) -> Callable[[Line], str]:
            def ask(line: Line) -> str:
                beside = Chat(self._api, RemoteRun(request, line, self._api), around, prompt_tokens)
                for _ in beside.frames(self._body(asked, tokens_max, request.seed + number * _SEEDS_APART)):
                    pass
                return beside.code(tokens_max)

            return ask

        beside = _CHATS_BESIDE if self._api.server.serves_in_parallel and request.offered > 1 else 0
        others = RemoteRows([other(number) for number in range(1, beside + 1)], run.line)
        yield from chat.frames(self._body(asked, tokens_max, request.seed))
        offers = [Offer(fit(chat.code(tokens_max), request), 0.0, Origin.WRITTEN)]
        with suppress(EngineError):
            # One answer is enough.
            for number, code in others.answers():
                offers.append(Offer(fit(code, request), -1.0 - number, Origin.WRITTEN))
        run.line.check()
        yield run.last(offers, chat.context)

    def _body(self, asked: ChatQuestion, tokens_max: int, seed: int) -> dict[str, Any]:
        """What is sent for a question; what the server does not take is left out when it is sent."""
        server = self._api.server
        body: dict[str, Any] = {
            "messages": asked.messages(),
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": tokens_max,
            "temperature": SAMPLING_TEMPERATURE if seed else 0.0,
            "seed": seed,
            # What follows a closed block; one that opens is hardly ever followed by an empty line.
            "stop": [f"\n{asked.fence}\n\n"],
        }
        if server.diffuses and seed:
            # A canvas has a schedule of temperatures, which this would be multiplied with.
            del body["temperature"]
        if server.template_arguments:
            body["chat_template_kwargs"] = server.template_arguments
        return body


__all__ = ["RemoteEngine", "RemoteInfill", "RemoteMode", "connect"]

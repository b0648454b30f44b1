"""A span asked for as a canvas whose surroundings are pinned, on a vLLM with DiffusionGemma.

    lengths -> canvases -> requests at once -> tokens of the free slots and how likely they are -> offers

The pins are ours: what the server says at their places is not looked for, but how likely it finds those behind the span
tells whether a row's length fits. Each row begins from noise of its own, which the seed of the request decides; what
the server draws in its passes no seed decides.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ..types import Frame, Origin
from . import pins
from .answer import fit_exactly
from .api import Api, ServerTokenizer
from .chat import refuse_key
from .events import FailedError
from .line import Line
from .prompt import question
from .rows import RemoteRows
from .run import Offer, RemoteRun
from .wire import RefusedError

SCHEDULE_PASSES = 48
"""Over so many a server's temperature falls: fewer end it too warm, and it stops by itself before them."""
_NOT_HELD = 0.5
"""A server that was never heard to know pins, and says other tokens than these at more than so many: it does not."""
_LIKELIEST = 5
"""So many tokens of each place are asked for with their probabilities."""


class PinnedInfill:
    """One infill by canvases."""

    def __init__(self, api: Api, run: RemoteRun, canvas_tokens: int, *, share_related: bool) -> None:
        """Args: canvas_tokens: of the longest canvas that the server takes."""
        self._api, self._run, self._limit, self._share_related = api, run, canvas_tokens, share_related
        self._request = run.request

    def frames(self) -> Iterator[Frame]:
        """Drafts as rows end, then the result.

        Raises:
            NotPinnedError: when this server or this span cannot be asked so.
            EngineError: when no row was answered.
        """
        try:
            yield from self._frames()
        except (RefusedError, FailedError) as refused:
            lost = isinstance(refused, RefusedError) and refused.status == 404
            lasting = lost or bool(re.search("diffusion|xargs|token_ids", refused.detail))
            if not lasting and isinstance(refused, FailedError):
                raise
            raise pins.NotPinnedError(str(refused), lasting=lasting) from None

    def _frames(self) -> Iterator[Frame]:
        run, request = self._run, self._request
        tokenizer = self._api.tokenizer(run.line)
        original = tokenizer.encode(request.original) if request.strength < 1 else []
        slots = pins.row_slots(request, original, self._limit)
        around = run.around(self._limit, related=self._share_related)
        fence = question(request, around).fence
        near, head, tail = pins.build(tokenizer, f"{fence}{request.language}\n", fence, around, max(slots), self._limit)
        asked = question(request, around, related=self._share_related, lines=(near.before, near.after))
        messages = asked.messages()
        prompt, silence = tokenizer.encode_chat(messages), tokenizer.encode(pins.NO_THOUGHT)
        head = head if prompt[-len(silence) :] == silence else [*silence, *head]
        canvases = list[pins.Canvas]()
        for number, count in enumerate(slots):
            draw = random.Random(f"{request.seed}/{number}")
            free = pins.free_ids(count, draw, original, request.strength)
            canvases.append(pins.compose(head, free, tail, self._limit))
        context = run.context(around, len(prompt))
        offers = dict[int, Offer]()
        for number, (text, score) in RemoteRows(
            [_Row(self, canvas, messages) for canvas in canvases], run.line
        ).answers():
            if text.strip():
                # Here and not in the row's thread: Python 3.11 parses in one thread at a time.
                offers[number] = Offer(fit_exactly(text, request), score, Origin.DENOISED)
                yield run.draft(max(offers.values(), key=lambda each: each.score).fitted.text, context)
        # By number, so that equals do not stand as chance had them end.
        yield run.last([offers[number] for number in sorted(offers)], context)

    def ask(self, canvas: pins.Canvas, messages: list[dict[str, str]], line: Line) -> tuple[str, float]:
        """What the server writes into one canvas, and how well it fits there."""
        passes = self._request.max_passes
        steps = passes if passes < SCHEDULE_PASSES else None
        body: dict[str, Any] = {
            "messages": messages,
            "stream": True,
            "max_tokens": canvas.checked,
            "return_token_ids": True,
            "logprobs": True,
            "top_logprobs": _LIKELIEST,
            "return_tokens_as_token_ids": True,
            "chat_template_kwargs": {"enable_thinking": False},
            "vllm_xargs": canvas.arguments(steps),
        }
        with closing(self._api.chat(line, body)) as stream:
            deltas = list(stream)
        answer = pins.CanvasAnswer(
            ids=tuple(token for delta in deltas for token in delta.token_ids),
            guesses=tuple(guess for delta in deltas for guess in delta.guesses),
        )
        self._check(canvas, answer)
        text = self._decoded(canvas.span_ids(answer), line)
        return text, canvas.score(answer)

    def _decoded(self, ids: list[int], line: Line) -> str:
        text = ServerTokenizer(self._api.client, line, self._api.server.served.name).decode(ids) if ids else ""
        key = self._api.client.key
        if key is not None and key.is_in(text):
            refuse_key(key, self._request)
        return text

    def _check(self, canvas: pins.Canvas, answer: pins.CanvasAnswer) -> None:
        """Raise for an answer that is none of a canvas."""
        if not answer.ids:
            raise pins.NotPinnedError("the server gives no token ids", lasting=True)
        if len(answer.ids) < canvas.start + canvas.slots:
            raise pins.NotPinnedError("the server ended its answer before the end of the span")
        if not self._api.server.takes_pins and canvas.share_held(answer) < _NOT_HELD:
            raise pins.NotPinnedError("the server does not hold pinned tokens", lasting=True)


class _Row:
    """A canvas to be asked for."""

    def __init__(self, infill: PinnedInfill, canvas: pins.Canvas, messages: list[dict[str, str]]) -> None:
        self._infill, self._canvas, self._messages = infill, canvas, messages

    def __call__(self, line: Line) -> tuple[str, float]:
        return self._infill.ask(self._canvas, self._messages, line)

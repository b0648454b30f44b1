"""A canvas for a diffusion server that can hold tokens still: text around the span pinned, the span free.

    block opening | lines before | free slots | lines after | block end | end of turn | padding

The arguments are vLLM's for DiffusionGemma (`diffusion_seed_canvas`, `diffusion_pinned`, `diffusion_max_steps`,
`diffusion_canvas_length`, `diffusion_read_only`). Ids come from the server's own tokenizer. A server may ignore the
arguments, and the tokens that it sends are its guesses, not its pins: so every pinned place of an answer is compared.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..types import InfillRequest
from .prompt import Excerpt, head_lines, tail_lines

CANVAS_TOKENS = 256
"""DiffusionGemma's; a server may be started with another."""
VOCABULARY = 262_144
END_OF_TURN = "<turn|>"
NO_THOUGHT = "<|channel>thought\n<channel|>"
"""What the model begins an answer without thinking with, where its chat template does not."""
PADDING_ID = 0
_ENDS = (0, 1, 50)
"""Padding and the ends that a canvas may hold beside the end of the turn."""
_SLOTS_UNKNOWN = 32
_SLOTS_MAX = 128
_CONTROL = re.compile(r"<\|[^\s<>]{0,40}>|<[^\s<>|]{0,40}\|>|<(?:bos|eos|pad|unk|mask|unused\d+|(?:start|end)_of_\w+)>")
_CHARS_A_TOKEN_MIN = 2.0
"""Lines are chosen as if tokens were as short as this, so that they nearly always fit."""
_SHRINKS = 3


class NotPinnedError(Exception):
    """This span cannot be asked for with pins.

    Attributes:
        lasting: no other span can either.
    """

    def __init__(self, reason: str, *, lasting: bool = False) -> None:
        super().__init__(reason)
        self.lasting = lasting


class PinTokenizer(Protocol):
    """The server's."""

    def encode(self, text: str) -> list[int]:
        """Ids of a text, none added."""

    def encode_chat(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """Ids of messages, up to where the answer begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Lines close to the span, which are pinned."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What is sent, and what the answer is read by."""

    ids: tuple[int, ...]
    start: int
    """The first free slot."""
    slots: int
    checked: int
    """So many places from the first on must come back: padding may not."""
    end_id: int

    @property
    def pinned(self) -> list[int]:
        """Places that are held."""
        return [place for place in range(len(self.ids)) if not self.start <= place < self.start + self.slots]

    def arguments(self, steps: int) -> dict[str, Any]:
        """The server's arguments."""
        return {
            "diffusion_seed_canvas": list(self.ids),
            "diffusion_pinned": self.pinned,
            "diffusion_max_steps": steps,
            "diffusion_canvas_length": len(self.ids),
            # One canvas is the whole answer, and an end of turn within it does not cut it short.
            "diffusion_read_only": 1,
        }

    def changed(self, answer: Sequence[int]) -> tuple[int, int]:
        """How many pinned places an answer changed or left out, of how many."""
        places = [place for place in self.pinned if place < self.checked]
        same = sum(place < len(answer) and answer[place] == self.ids[place] for place in places)
        return len(places) - same, len(places)

    def span_ids(self, answer: Sequence[int]) -> list[int]:
        """Ids of the free slots, up to the first that ends a text."""
        ids = list(answer[self.start : self.start + self.slots])
        ends = [place for place, token in enumerate(ids) if token in (*_ENDS, self.end_id)]
        return ids[: ends[0]] if ends else ids


def slots_for(request: InfillRequest) -> int:
    """How many free slots a span gets; what it does not need the model fills with line breaks or padding.

    Raises:
        NotPinnedError: when the span is too long for a canvas.
    """
    if request.exact_tokens is not None:
        wanted = request.exact_tokens
    elif request.expected_tokens is not None:
        wanted = max(8, round(request.expected_tokens * 1.25) + 4)
    else:
        wanted = _SLOTS_UNKNOWN
    if wanted > _SLOTS_MAX:
        raise NotPinnedError(f"the span is about {wanted} tokens long, a canvas holds {_SLOTS_MAX}")
    return wanted


def near_lines(around: Excerpt, tokens: int) -> Near:
    """Lines on both sides that probably fit into so many tokens; more of what follows, the prompt has the rest.

    Raises:
        NotPinnedError: when they hold what a tokenizer may read as a control token.
    """
    chars = int(tokens * _CHARS_A_TOKEN_MIN)
    near = Near(before=tail_lines(around.prefix, chars * 2 // 5), after=head_lines(around.suffix, chars * 3 // 5))
    found = _CONTROL.search(near.before) or _CONTROL.search(near.after)
    if found is not None:
        raise NotPinnedError(f"the text near the span holds {found[0]!r}, which may be a control token")
    return near


def build(
    tokenizer: PinTokenizer, opening: str, fence: str, around: Excerpt, request: InfillRequest, canvas_tokens: int
) -> tuple[Near, list[int], list[int]]:
    """Lines that are pinned, and the ids before and after the free slots.

    Raises:
        NotPinnedError: when they do not fit, or the server's tokenizer is not DiffusionGemma's.
    """
    end = tokenizer.encode(END_OF_TURN)
    if len(end) != 1:
        raise NotPinnedError(f"the server's tokenizer has no token {END_OF_TURN}", lasting=True)
    # The empty thought may have to stand before the rest; it is known only when the prompt is.
    room = canvas_tokens - slots_for(request) - len(end) - len(tokenizer.encode(NO_THOUGHT))
    budget = room
    for _ in range(_SHRINKS):
        near = near_lines(around, budget)
        head = tokenizer.encode(opening + near.before)
        tail = [*tokenizer.encode(f"{near.after.rstrip()}\n{fence}" if near.after.strip() else f"\n{fence}"), *end]
        if len(head) + len(tail) - len(end) <= room:
            return near, head, tail
        budget //= 2
    raise NotPinnedError(f"the lines around the span do not fit into a canvas of {canvas_tokens} tokens")


def compose(
    tokenizer: PinTokenizer,
    messages: Sequence[dict[str, str]],
    head: list[int],
    tail: list[int],
    request: InfillRequest,
    canvas_tokens: int,
) -> tuple[Canvas, int]:
    """The canvas for messages that are asked, and how many tokens those have."""
    prompt, silence = tokenizer.encode_chat(messages), tokenizer.encode(NO_THOUGHT)
    if prompt[-len(silence) :] != silence:
        head = [*silence, *head]
    slots = slots_for(request)
    draw = random.Random(request.seed)
    noise = [draw.randrange(VOCABULARY) for _ in range(slots)]
    ids = [*head, *noise, *tail]
    checked = len(ids)
    ids += [PADDING_ID] * (canvas_tokens - len(ids))
    return Canvas(ids=tuple(ids), start=len(head), slots=slots, checked=checked, end_id=tail[-1]), len(prompt)

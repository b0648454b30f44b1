"""A canvas for a diffusion server that can hold tokens still: text around the span pinned, the span free.

    block opening | lines before | free slots | lines after | block end | end of turn | padding

The arguments are vLLM's for DiffusionGemma (`diffusion_seed_canvas`, `diffusion_pinned`, `diffusion_max_steps`,
`diffusion_canvas_length`, `diffusion_read_only`). Ids come from the server's own tokenizer. A server may ignore the
arguments, and the tokens that it sends are its guesses, not its pins: the free slots are read, the rest is known.
What it guesses for the pins behind the span says how well a row's length fits.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..types import InfillRequest
from .events import Guess
from .prompt import Excerpt, head_lines, tail_lines

VOCABULARY = 262_144
END_OF_TURN = "<turn|>"
NO_THOUGHT = "<|channel>thought\n<channel|>"
"""What the model begins an answer without thinking with, where its chat template does not."""
PADDING_ID = 0
_ENDS = (0, 1, 50)
"""Padding and the ends that a canvas may hold beside the end of the turn."""
_SLOTS_UNKNOWN = (4, 8, 16, 32, 64)
"""Lengths of rows where nothing says how long the span is."""
_SHARES = (0.75, 1.0, 1.25, 1.5)
"""Lengths of rows as shares of what is expected."""
_MENDED_ROWS = 3
"""So often a span that is kept in part is noised, each time elsewhere."""
_NEAR_TOKENS_MIN = 48
_CLOSING_TOKENS = 8
"""Pins behind the span that say whether it ends well."""
_UNLIKELY = -12.0
"""The log-probability of a token that is not among the likeliest that a server names."""
_WIDTH_STEP = 8
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
class CanvasAnswer:
    """What a server says of a canvas: a token for each place, and how likely it finds them where it tells that."""

    ids: tuple[int, ...]
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What is sent, and what the answer is read by."""

    ids: tuple[int, ...]
    start: int
    """The first free slot."""
    slots: int
    checked: int
    """So many places from the first on are text: padding follows."""
    end_id: int

    @property
    def pinned(self) -> list[int]:
        """Places that are held."""
        return [place for place in range(len(self.ids)) if not self.start <= place < self.start + self.slots]

    def arguments(self, steps: int | None) -> dict[str, Any]:
        """The server's arguments.

        Args:
            steps: none for the server's own schedule to its end.
        """
        given = {
            "diffusion_seed_canvas": list(self.ids),
            "diffusion_pinned": self.pinned,
            "diffusion_canvas_length": len(self.ids),
            # One canvas is the whole answer, and an end of turn within it does not cut it short.
            "diffusion_read_only": 1,
        }
        return given if steps is None else given | {"diffusion_max_steps": steps}

    def share_held(self, answer: CanvasAnswer) -> float:
        """The share of pinned places at which the server says what is pinned; those of padding do not count."""
        places = [place for place in self.pinned if place < self.checked]
        same = sum(place < len(answer.ids) and answer.ids[place] == self.ids[place] for place in places)
        return same / max(1, len(places))

    def span_ids(self, answer: CanvasAnswer) -> list[int]:
        """Ids of the free slots, up to the first that ends a text."""
        ids = list(answer.ids[self.start : self.start + self.slots])
        ends = [place for place, token in enumerate(ids) if token in (*_ENDS, self.end_id)]
        return ids[: ends[0]] if ends else ids

    def score(self, answer: CanvasAnswer) -> float:
        """The mean log-probability of the span's tokens and of the pins that follow it; 0 where nothing is told."""
        guesses, behind = answer.guesses, self.start + self.slots
        if len(guesses) < behind:
            return 0.0
        logs = [guess.log_probability for guess in guesses[self.start : behind]]
        for place in range(behind, min(behind + _CLOSING_TOKENS, self.checked, len(guesses), len(answer.ids))):
            guess, pin = guesses[place], self.ids[place]
            said = guess.log_probability if answer.ids[place] == pin else _UNLIKELY
            logs.append(guess.others.get(pin, said))
        return sum(logs) / len(logs)


def row_slots(request: InfillRequest, original: Sequence[int], canvas_tokens: int) -> tuple[int, ...]:
    """How many free slots each row gets, the shortest first.

    Args:
        original: ids of the text that is kept in part; empty where the span is written anew.

    Raises:
        NotPinnedError: when the span is too long for a canvas.
    """
    most = canvas_tokens // 2
    if original:
        wanted = (len(original),) * _MENDED_ROWS
    elif request.exact_tokens is not None:
        wanted = (request.exact_tokens,)
    elif request.expected_tokens is not None:
        wanted = tuple(sorted({max(1, round(request.expected_tokens * share)) for share in _SHARES}))
    else:
        wanted = _SLOTS_UNKNOWN
    fitting = tuple(count for count in wanted if count <= most)
    if not fitting:
        raise NotPinnedError(f"the span is about {wanted[0]} tokens long, a canvas holds {most}")
    return fitting[-request.offered :]


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
    tokenizer: PinTokenizer, opening: str, fence: str, around: Excerpt, slots: int, canvas_tokens: int
) -> tuple[Near, list[int], list[int]]:
    """Lines that are pinned, and the ids before and after the free slots.

    Args:
        slots: of the longest row.
        canvas_tokens: the longest canvas of the server; a span that needs less gets less.

    Raises:
        NotPinnedError: when they do not fit, or the server's tokenizer is not DiffusionGemma's.
    """
    end = tokenizer.encode(END_OF_TURN)
    if len(end) != 1:
        raise NotPinnedError(f"the server's tokenizer has no token {END_OF_TURN}", lasting=True)
    # The empty thought may have to stand before the rest; it is known only when the prompt is.
    room = canvas_tokens - slots - len(end) - len(tokenizer.encode(NO_THOUGHT))
    room = min(room, max(_NEAR_TOKENS_MIN, 2 * slots) + len(tokenizer.encode(opening)))
    budget = room
    for _ in range(_SHRINKS):
        near = near_lines(around, budget)
        head = tokenizer.encode(opening + near.before)
        tail = [*tokenizer.encode(f"{near.after.rstrip()}\n{fence}" if near.after.strip() else f"\n{fence}"), *end]
        if len(head) + len(tail) - len(end) <= room:
            return near, head, tail
        budget //= 2
    raise NotPinnedError(f"the lines around the span do not fit into a canvas of {canvas_tokens} tokens")


def free_ids(slots: int, draw: random.Random, original: Sequence[int] = (), strength: float = 1.0) -> list[int]:
    """What the free slots begin with: noise, or the text that stands there with a share of its tokens noised."""
    noise = [draw.randrange(VOCABULARY) for _ in range(slots)]
    if len(original) != slots:
        return noise
    noised = set(draw.sample(range(slots), max(1, round(slots * strength))))
    return [noise[place] if place in noised else token for place, token in enumerate(original)]


def compose(head: Sequence[int], free: Sequence[int], tail: Sequence[int], canvas_tokens: int) -> Canvas:
    """The canvas of one row, no wider than it must be: a server computes every place of it in every pass."""
    ids = [*head, *free, *tail]
    checked = len(ids)
    width = min(canvas_tokens, -(-checked // _WIDTH_STEP) * _WIDTH_STEP)
    ids += [PADDING_ID] * (width - checked)
    return Canvas(ids=tuple(ids), start=len(head), slots=len(free), checked=checked, end_id=tail[-1])

"""Text to what the llama family reads: two causal segments that do not see each other, and the canvas behind both.

    suffix : <suf> suffix                       right before the prefix's positions
    prefix : <pre> [<bos>] prefix               its last token, the head, is read apart: it sees the suffix too
    canvas : [copy of the head | slots | near suffix]

What is cut off a long prefix ends at a line, and stays cut while text is added behind it: the keys and values of what
is read would be lost with every key otherwise. It must know nothing of tensors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...packing import CHARS_PER_TOKEN_MAX, choose_rows
from ...protocol import CanvasFormat, PackedInfill, Tokenizer
from ...types import ContextUse, InfillRequest

FIRST_POSITION = 1024
"""Of a prefix; suffixes end right before it. Rotary positions are relative: where they begin makes no difference."""
_PIECE = re.compile(r"[ \t]*(?:[^\w\s]+|\w+)")
BORROWED = ("\n", " ")
"""Last characters of a prefix that the span takes with it: tokens begin with them."""
CUT_TOKENS = 64
"""A prefix that is too long loses a multiple of so many tokens, and what is left of that line."""
CUT_CHARS = 4096
"""Before it is tokenised it loses a multiple of so many characters."""


def prefix_limit(form: CanvasFormat) -> int:
    """Tokens of a prefix at most, `<pre>` included."""
    return form.context_tokens - suffix_limit(form)


def suffix_limit(form: CanvasFormat) -> int:
    """Tokens of a suffix at most, `<suf>` included."""
    return form.near_suffix_tokens + form.far_suffix_tokens + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaText:
    """What is read before and behind a span, as tokens without a role."""

    prefix: list[int]
    suffix: list[int]
    borrowed: str
    """The end of the prefix, which the span takes with it."""
    prefix_cut: bool
    suffix_cut: bool

    def use(self, context_ids: Sequence[int], form: CanvasFormat) -> ContextUse:
        """How much of the file is read."""
        return ContextUse(
            tokens=len(context_ids),
            limit=form.context_tokens,
            prefix_cut=self.prefix_cut,
            suffix_cut=self.suffix_cut,
        )


def text_around(request: InfillRequest, tokenizer: Tokenizer, form: CanvasFormat) -> LlamaText:
    """The text on both sides of a span, as much of it as the format has room for."""
    text, borrowed = borrow(request.prefix)
    prefix, prefix_cut = tail(text, prefix_limit(form) - 2, tokenizer)
    limit = suffix_limit(form) - 1
    kept = request.suffix[: limit * CHARS_PER_TOKEN_MAX]
    whole = tokenizer.encode(kept)
    return LlamaText(
        prefix=prefix,
        suffix=whole[:limit],
        borrowed=borrowed,
        prefix_cut=prefix_cut,
        suffix_cut=len(kept) < len(request.suffix) or limit < len(whole),
    )


def pack(request: InfillRequest, tokenizer: Tokenizer, form: CanvasFormat) -> PackedInfill:
    """Lay a request out; never fails on odd text.

    Raises:
        EngineError: when a text to mend is longer than the canvas.
    """
    read = text_around(request, tokenizer, form)
    header = [form.prefix_id] if read.prefix_cut else [form.prefix_id, form.start_id]
    context_ids = [form.suffix_id, *read.suffix, *header, *read.prefix]
    slots, starts, passes = choose_rows(request, read.borrowed, tokenizer, form)
    exact = request.exact_tokens is not None
    near = read.suffix[: max(0, min(form.near_suffix_tokens, form.canvas_tokens - max(slots) - exact))]
    return PackedInfill(
        context_ids=context_ids,
        suffix_ids=near,
        pinned_ids=[form.eom_id, *near] if exact else near,
        slots=slots,
        exact=exact,
        starts=starts,
        passes=passes,
        borrowed=read.borrowed,
        context=read.use(context_ids, form),
        closing_ids=(form.eom_id,),
        runs_into=next_piece(request.suffix),
    )


def next_piece(suffix: str) -> str:
    """What follows in the line: signs or a word, with the blank before it; empty at the end of a line."""
    found = _PIECE.match(suffix)
    return found[0] if found else ""


def borrow(prefix: str) -> tuple[str, str]:
    """The prefix as it is tokenised, and the character that it lends to the span."""
    borrowed = prefix[-1:]
    if borrowed not in BORROWED:
        return prefix, ""
    kept = prefix[:-1]
    return kept.removesuffix("\r") if borrowed == "\n" else kept, borrowed


def tail(text: str, limit: int, tokenizer: Tokenizer) -> tuple[list[int], bool]:
    """Ids of the end of `text`, and whether something before them was cut off."""
    over = len(text) - limit * CHARS_PER_TOKEN_MAX
    begin = -(-over // CUT_CHARS) * CUT_CHARS if over > 0 else 0
    ids = tokenizer.encode(text[begin:])
    if len(ids) <= limit:
        return ids, begin > 0
    cut = -(-(len(ids) - limit) // CUT_TOKENS) * CUT_TOKENS
    breaks = tokenizer.begins_line()
    line = next((at for at in range(cut, min(cut + CUT_TOKENS, len(ids) - 1)) if breaks[ids[at]]), cut)
    return ids[min(line, len(ids) - 1) :], True

"""What an instruct model reads of a request: a user turn that quotes the file, and the beginning of its answer.

    <bos> task | related files | file above the span's line, mark, file behind the span | what is asked
    answer: an open code block, the last lines above the span's line         (the line itself goes into the canvas)

What changes last stands first, so that keys and values are read again from the first change alone. The beginning of
the span's line is not quoted: while a person types there, or inside the span, the whole prompt stays as it is. Texts
are cut by whole lines, the nearest are kept. It must know nothing of canvases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, count

from ...packing import CHARS_PER_TOKEN_MAX
from ...protocol import CanvasFormat
from ...types import EngineError, InfillRequest
from .tokenizer import GemmaTokenizer

TASK = (
    "Text is missing from the file below: the mark {mark} stands for it. Write out this passage of the file: the last "
    "lines above {mark}, the text that {mark} stands for, and the first lines below it. "
    "Reply with one code block and nothing else.\n\n"
)
RELATED = "Another file, for reference:\n"
FILE = "The file:\n"
ASKED = "\n\nWhat the missing text should be: {instruction}"
REPLACED = "\n\nIt replaces this text:\n{fence}{language}\n{original}\n{fence}"
MARK = "[MISSING]"
FENCE_MAX = 32
"""Longer runs of backticks are no fences."""
SUFFIX_PART = 4
"""Of a long file one token in so many is behind the span."""
RELATED_PART = 4
"""Of a context at most one token in so many is of related texts."""
RELATED_STEPS = 16
"""Room for related texts comes in so many steps of the context: they stand before the file and would move all of it."""
RELATED_TOKENS_MIN = 64
"""Less of a related text says nothing."""
SNAP_PARTS = 8
"""The quoted file begins at a line whose number is a multiple of about 1/8 of the lines that are kept."""
REACHES = (4, CHARS_PER_TOKEN_MAX)
"""Characters that are tokenised for each token of room: the second where the first were not enough."""
LINES = re.compile(r"[^\n]*\n+|[^\n]+")
"""A line with the line breaks behind it. What ends in a line break is tokenised as if nothing followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request as an instruct model reads it."""

    context_ids: list[int]
    """The user turn and the answer up to the span's line."""
    line_ids: list[int]
    """The beginning of the span's line."""
    fence: str
    """Ends the answer's code block."""
    prefix_cut: bool
    suffix_cut: bool


@dataclass(frozen=True, slots=True)
class PromptLines:
    """Lines of a text as ids: those that are near enough to be kept."""

    rows: list[list[int]]
    numbers: list[int]
    """Of the line that each row begins with, in the whole text; and one more, of what comes behind the last."""
    total: int
    """Lines of the whole text."""
    whole: bool
    """Whether these are all of it."""

    @property
    def tokens(self) -> int:
        """Of all rows together."""
        return sum(map(len, self.rows))

    def last(self, room: int) -> int:
        """The first row of the last ones that fit."""
        sizes = accumulate(len(row) for row in reversed(self.rows))
        return len(self.rows) - sum(size <= room for size in sizes)

    def first(self, room: int) -> int:
        """How many of the first rows fit."""
        return sum(size <= room for size in accumulate(map(len, self.rows)))


class PromptWriter:
    """Writes the prompts of one request.

    Args:
        ahead: tokens that will be committed behind the prompt, for which room is kept.
    """

    def __init__(self, request: InfillRequest, tokenizer: GemmaTokenizer, form: CanvasFormat, ahead: int) -> None:
        self.request, self.tokenizer, self.form, self.ahead = request, tokenizer, form, ahead
        reach = form.context_tokens * CHARS_PER_TOKEN_MAX
        near = (request.prefix[-reach:] + request.suffix[:reach], request.instruction, *request.related)
        self.fence = fence_for((*near, request.original), request.language)
        self.mark = mark_for(near)
        self.marked = tokenizer.encode(self.mark + "\n")
        self.opening = f"{self.fence}{_info_string(request.language)}\n"

    def write(self) -> Prompt:
        """The prompt.

        Raises:
            EngineError: when nothing of the file fits beside the instruction.
        """
        tokenizer, form, request = self.tokenizer, self.form, self.request
        above = request.prefix[: line_start(request)]
        line_ids, line_cut = span_line(request, tokenizer, form)
        head = [tokenizer.bos_id, tokenizer.turn_id, *tokenizer.encode("user\n" + TASK.format(mark=self.mark))]
        file_head = tokenizer.encode(FILE + self.opening)
        tail = self._tail()
        # The line grows while a person types: room for it is taken in steps, so that nothing else moves meanwhile.
        step = form.near_suffix_tokens
        line_room = -(-len(line_ids) // step) * step
        taken = len(head) + len(file_head) + len(tail) + line_room + step + self.ahead
        room = form.context_tokens - taken
        if room < 2 * len(self.marked):
            raise EngineError(
                f"the request needs {taken} tokens beside the file, the model reads {form.context_tokens}",
                "shorten the instruction or choose fewer lines",
            )
        quote, prefix_cut, suffix_cut = self._quote(above, room)
        coarse = max(1, form.context_tokens // RELATED_STEPS)
        unused = (room - len(quote)) // coarse * coarse
        related = self._related(min(unused, form.context_tokens // RELATED_PART))
        repeated = last_lines(above, step, tokenizer)
        answer = [token for row in repeated.rows[repeated.last(step) :] for token in row]
        return Prompt(
            context_ids=[*head, *related, *file_head, *quote, *tail, *answer],
            line_ids=line_ids,
            fence=self.fence,
            prefix_cut=prefix_cut or line_cut,
            suffix_cut=suffix_cut,
        )

    def _tail(self) -> list[int]:
        """From the end of the quoted file to the open code block of the answer."""
        tokenizer, request = self.tokenizer, self.request
        text = self.fence
        if request.instruction.strip():
            text += ASKED.format(instruction=request.instruction.strip())
            if request.original.strip():
                language = _info_string(request.language)
                text += REPLACED.format(fence=self.fence, language=language, original=request.original)
        return [
            *tokenizer.encode(text),
            tokenizer.end_of_turn_id,
            *tokenizer.encode("\n"),
            tokenizer.turn_id,
            *tokenizer.encode("model\n"),
            *tokenizer.thought_ids,
            *tokenizer.encode(self.opening),
        ]

    def _quote(self, above: str, room: int) -> tuple[list[int], bool, bool]:
        """The file around the mark, and whether anything above or behind it was left out."""
        tokenizer = self.tokenizer
        before = last_lines(above, room, tokenizer)
        after = first_lines(self.mark + self.request.suffix, room, tokenizer)
        share = max(len(self.marked), min(self.form.far_suffix_tokens, room // SUFFIX_PART))
        wanted = after.tokens + len(tokenizer.encode("\n"))
        after_room = max(min(wanted, share), room - before.tokens)
        before_room = room - min(wanted, after_room)

        first = 0
        if not before.whole or before.tokens > before_room:
            first = snapped(before, before.last(max(0, before_room - self._note_room(before))))
        left = before.numbers[first]
        ids = [*(self._left_out(left) if left else []), *(token for row in before.rows[first:] for token in row)]
        behind, suffix_cut = self._behind(after, after_room)
        return ids + behind, left > 0, suffix_cut

    def _behind(self, after: PromptLines, room: int) -> tuple[list[int], bool]:
        """The mark and what follows the span; ends with a line break."""
        tokenizer = self.tokenizer
        line_break = tokenizer.encode("\n")
        if after.whole and after.tokens + len(line_break) <= room:
            ids = [token for row in after.rows for token in row]
            return self._ended(ids), False
        kept = after.first(max(0, room - self._note_room(after) - len(line_break)))
        if kept:
            ids = [token for row in after.rows[:kept] for token in row]
            return self._ended(ids) + self._left_out(after.total - after.numbers[kept]), True
        # Not even the rest of the span's line fits: its beginning is better than nothing.
        return without_broken_end(after.rows[0][: room - len(line_break)], tokenizer) + line_break, True

    def _related(self, room: int) -> list[int]:
        """Beginnings of related texts, each at most half of the room that is left."""
        tokenizer, ids = self.tokenizer, list[int]()
        head, end = tokenizer.encode(RELATED + self.opening), tokenizer.encode(self.fence + "\n\n")
        for text in self.request.related:
            limit = (room - len(ids)) // 2 - len(head) - len(end) - 1
            if limit < RELATED_TOKENS_MIN:
                break
            lines = first_lines(text, limit, tokenizer)
            kept = lines.first(limit - self._note_room(lines))
            body = [token for row in lines.rows[:kept] for token in row]
            if not body:
                continue
            left = lines.total - lines.numbers[kept]
            ids += [*head, *self._ended(body), *(self._left_out(left) if left else []), *end]
        return ids

    def _ended(self, ids: list[int]) -> list[int]:
        """The ids with a line break at their end."""
        return ids if self.tokenizer.decode(ids[-1:]).endswith("\n") else [*ids, *self.tokenizer.encode("\n")]

    def _note_room(self, lines: PromptLines) -> int:
        """What `_left_out` takes at most."""
        return len(self._left_out(0)) + len(str(lines.total)) + 2

    def _left_out(self, lines: int) -> list[int]:
        """The line that stands where lines were left out."""
        return self.tokenizer.encode(f"… {lines} {'line' if lines == 1 else 'lines'} left out …\n")


def line_start(request: InfillRequest) -> int:
    """Where the line begins in which the span begins."""
    return request.prefix.rfind("\n") + 1


def span_line(request: InfillRequest, tokenizer: GemmaTokenizer, form: CanvasFormat) -> tuple[list[int], bool]:
    """The beginning of the span's line as ids, at most half of a context, and whether it was cut."""
    line, limit = request.prefix[line_start(request) :], form.context_tokens // 2
    near = line[-limit * CHARS_PER_TOKEN_MAX :]
    ids = tokenizer.encode(near)
    return ids[-limit:], len(near) < len(line) or len(ids) > limit


def last_lines(text: str, tokens: int, tokenizer: GemmaTokenizer) -> PromptLines:
    """The last lines of a text that ends with a line break or is empty: as many as fit, or more."""
    lines = PromptLines([], [0], 0, whole=True)
    for chars in REACHES:
        at = max(0, len(text) - tokens * chars)
        if at:
            at = text.find("\n", at) + 1 or len(text)
        parts = LINES.findall(text[at:])
        numbers = [*accumulate((part.count("\n") for part in parts), initial=text.count("\n", 0, at))]
        lines = PromptLines(tokenizer.encode_many(parts), numbers, numbers[-1], whole=at == 0)
        if lines.whole or lines.tokens > tokens:
            break
    return lines


def first_lines(text: str, tokens: int, tokenizer: GemmaTokenizer) -> PromptLines:
    """The first lines of a text: as many as fit, or more; or the beginning of a long one."""
    total = text.count("\n") + (not text.endswith("\n"))
    lines = PromptLines([], [0], total, whole=True)
    for chars in REACHES:
        kept = text[: tokens * chars]
        whole = len(kept) == len(text)
        if not whole and "\n" in kept:
            kept = kept[: kept.rindex("\n") + 1]
        parts = LINES.findall(kept)
        numbers = [*accumulate((part.count("\n") for part in parts), initial=0)]
        if whole:
            numbers[-1] = total
        lines = PromptLines(tokenizer.encode_many(parts), numbers, total, whole)
        if whole or lines.tokens > tokens:
            break
    return lines


def snapped(lines: PromptLines, first: int) -> int:
    """The row at or behind `first` where a quote begins: it moves rarely while lines are added below.

    It is the next one that reaches a line whose number is a multiple of a power of two.
    """
    kept = lines.total - lines.numbers[first]
    step = 1 << max(0, (kept // SNAP_PARTS).bit_length() - 1)
    previous = lines.numbers[first - 1] if first else lines.numbers[0] - 1
    for row in range(first, len(lines.rows)):
        if lines.numbers[row] // step > previous // step:
            return row
        previous = lines.numbers[row]
    return len(lines.rows)


def without_broken_end(ids: Sequence[int], tokenizer: GemmaTokenizer) -> list[int]:
    """The ids without a last character of which bytes are missing."""
    kept = list(ids)
    while kept and tokenizer.decode(kept[-4:]).endswith("\ufffd"):
        del kept[-1]
    return kept


def fence_for(texts: Iterable[str], language: str) -> str:
    """A fence that none of the texts has; Markdown's own answer may hold the usual one."""
    longest = max((len(run) for text in texts for run in re.findall("`{3,}", text)), default=2)
    return "`" * min(FENCE_MAX, max(longest + 1, 4 if language == "markdown" else 3))


def mark_for(texts: Sequence[str]) -> str:
    """A mark that is in none of the texts."""
    names = (MARK if number == 1 else f"{MARK[:-1]} {number}]" for number in count(1))
    return next(name for name in names if not any(name in text for text in texts))


def _info_string(language: str) -> str:
    """The language as it may stand behind a fence."""
    return "".join(character for character in language if character.isalnum() or character in "+-#._")

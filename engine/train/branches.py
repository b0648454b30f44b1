"""Batches for the llama family: many spans on one prefix, each filled left to right and as a canvas.

A row is a window of one document, read causally, and several branches off it. A branch has its own suffix, then the
span left to right, then the span as a canvas:

    prefix   : <pre> [<bos>] window of a document                   sees itself, causally
    branch k : <suf> suffix | head span | lead slots near-suffix    suffix sees itself, causally; the span also sees the
                                                                    prefix up to its place; the canvas all that in both
                                                                    directions, but not the span

Prefix and suffix do not see each other, so one prefix serves every branch, and an editor keeps either while the other
is edited. The suffix has the positions right before the prefix, so that the span stands behind the prefix as in plain
text. Head is what the span is predicted from: the last token before it; the lead is a copy of it. Predictions are of
the next token in span and canvas alike ("shifted"), as the network was pretrained. It must know nothing of networks.

Shapes: B rows, P prefix positions, K branches a row, T positions of a branch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..models.llama.layout import FIRST_POSITION
from ..tokenizer import BOS, EOM, MASK, PAD, PRE, SPECIAL_TOKENS, SUF
from .data import Floats, Ints, TokenCorpus

HEAD_MAX = 4
"""Tokens of a head; longer only where a cut inside a token is tokenised in more pieces, and then left out."""
PIECE = re.compile(r"\w+|\s+|[^\w\s]")
OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchShape:
    """The sizes of a batch; few are used, because every one is compiled."""

    rows: int
    prefix: int
    branches: int
    suffix: int
    answer: int
    """Head and span, left to right."""
    canvas: int
    """Lead, slots and near suffix."""
    near_suffix: int = 12

    @property
    def branch(self) -> int:
        """Positions of a branch."""
        return self.suffix + self.answer + self.canvas

    @property
    def tokens(self) -> int:
        """Positions of a batch."""
        return self.rows * (self.prefix + self.branches * self.branch)

    @property
    def longest(self) -> int:
        """Tokens of the longest span."""
        return min(self.answer - HEAD_MAX, self.canvas - 2 - self.near_suffix // 2)


@dataclass(frozen=True, slots=True)
class BranchBatch:
    """Arrays for one step; `prefix_*` are [B, P], the others [B * K, T]."""

    prefix_ids: Ints
    prefix_targets: Ints
    prefix_weights: Floats
    ids: Ints
    positions: Ints
    targets: Ints
    span_weights: Floats
    """Weights of the left-to-right predictions of spans and their ends."""
    canvas_weights: Floats
    visible: NDArray[np.bool_]
    """[B * K, T, P + T]: which prefix and branch positions each one sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchSpan:
    """A span of a document as a request would have it."""

    cut: int
    """Stream index: what stands before it is prefix as it stands."""
    head: list[int] = field(default_factory=list)
    """Prefix tokens behind the cut, at least one."""
    tokens: list[int]
    tail: list[int]
    """Suffix tokens up to `after`."""
    after: int


class BranchSampler:
    """Draws batches from a corpus; always the same one for the same (seed, step)."""

    def __init__(self, corpus: TokenCorpus, shape: BranchShape, seed: int) -> None:
        self.corpus, self.shape, self.seed = corpus, shape, seed

    def batch(self, step: int) -> BranchBatch:
        """The batch of one step."""
        rng = np.random.default_rng([self.seed, step])
        rows = [self._row(rng) for _ in range(self.shape.rows)]
        prefixes = (np.stack(column) for column in zip(*(row[0] for row in rows), strict=True))
        branches = [branch for row in rows for branch in row[1]]
        return BranchBatch(*prefixes, *(np.stack(column) for column in zip(*branches, strict=True)))

    def _row(self, rng: np.random.Generator) -> tuple[tuple[Ints, Ints, Floats], list[tuple[NDArray[np.generic], ...]]]:
        shape, stream = self.shape, self.corpus.ids
        while True:
            begin, end = self.corpus.document_at(int(rng.integers(len(stream))))
            room = shape.prefix - 2
            first = int(rng.integers(begin, max(begin + 1, end - room * 3 // 4)))
            first = self._line_start(first, begin)
            if rng.random() < 0.2:
                first = begin
            stop = min(end, first + room)
            spans = self._spans(rng, first, stop, end)
            if spans:
                break
        header = [PRE, BOS] if first == begin else [PRE]
        prefix = np.full(shape.prefix, PAD, dtype=np.int64)
        text = [*header, *(int(token) for token in stream[first:stop])]
        prefix[: len(text)] = text
        targets, weights = np.zeros(shape.prefix, dtype=np.int64), np.zeros(shape.prefix, dtype=np.float32)
        targets[: len(text) - 1] = text[1:]
        weights[: len(text) - 1] = prefix[1 : len(text)] >= len(SPECIAL_TOKENS)
        branches = [self._branch(rng, span, prefix, len(header) + span.cut - first, end) for span in spans]
        return (prefix, targets, weights), branches

    def _spans(self, rng: np.random.Generator, first: int, stop: int, end: int) -> list[BranchSpan]:
        """As many spans as a row has branches, or none where the window has too few."""
        found = list[BranchSpan]()
        for _ in range(8 * self.shape.branches):
            span = self._span(rng, int(rng.integers(first, stop)), first, stop, end)
            if span is not None:
                found.append(span)
            if len(found) == self.shape.branches:
                return found
        return []

    def _span(self, rng: np.random.Generator, at: int, first: int, stop: int, end: int) -> BranchSpan | None:
        start = self._line_start(at, first)
        lines = 1 if rng.random() < 0.8 else int(rng.integers(2, 6))
        after = self._line_end(start + 1, min(end, start + self.shape.longest + 40), lines)
        if after is None or start == first:
            return None
        pieces = [self.corpus.tokenizer.decode([int(token)]) for token in self.corpus.ids[start:after]]
        text = "".join(pieces)
        place = choose(rng, text, whole=lines > 1)
        if place is None or "\ufffd" in text:
            return None
        span = self._cut(text, pieces, place, start, after)
        # The line may go on behind the window.
        return span if span is not None and span.cut <= stop else None

    def _cut(self, text: str, pieces: list[str], place: tuple[int, int], start: int, after: int) -> BranchSpan | None:
        """Tokenise what stands before, in and behind the place as a request does."""
        encode = self.corpus.tokenizer.encode
        before = text[: place[0]]
        borrowed = before[-1:] if before[-1:] in ("\n", " ") else ""
        before = before[: len(before) - len(borrowed)]
        whole, index = 0, 0
        while index < len(pieces) and whole + len(pieces[index]) <= len(before):
            whole += len(pieces[index])
            index += 1
        head = encode(before[whole:])
        if not head:
            index -= 1
            head = [int(self.corpus.ids[start + index])]
        tokens = encode(borrowed + text[place[0] : place[1]])
        if len(head) > HEAD_MAX or not 0 < len(tokens) <= self.shape.longest:
            return None
        return BranchSpan(cut=start + index, head=head, tokens=tokens, tail=encode(text[place[1] :]), after=after)

    def _branch(
        self, rng: np.random.Generator, span: BranchSpan, prefix: Ints, depth: int, end: int
    ) -> tuple[NDArray[np.generic], ...]:
        """ids, positions, targets, span weights, canvas weights, visible of one branch."""
        shape, total = self.shape, self.shape.branch
        ids = np.full(total, PAD, dtype=np.int64)
        positions, targets = np.zeros(total, dtype=np.int64), np.zeros(total, dtype=np.int64)
        span_weights, canvas_weights = np.zeros(total, dtype=np.float32), np.zeros(total, dtype=np.float32)
        visible = np.zeros((total, shape.prefix + total), dtype=bool)
        own = visible[:, shape.prefix :]
        own[np.arange(total), np.arange(total)] = True

        rest = self.corpus.ids[span.after : min(end, span.after + shape.suffix)]
        following = [*span.tail, *(int(token) for token in rest)]
        length = int(rng.integers(shape.suffix // 3, shape.suffix)) if rng.random() > 0.05 else 0
        suffix = [SUF, *following[:length]]
        used = len(suffix)
        ids[:used] = suffix
        positions[:used] = FIRST_POSITION - used + np.arange(used)
        own[:used, :used] |= np.tri(used, dtype=bool)

        base = FIRST_POSITION + depth
        answer = [*span.head, *span.tokens]
        at, heads, count = shape.suffix, len(span.head), len(answer)
        ids[at : at + count] = answer
        positions[at : at + count] = base + np.arange(count)
        visible[at : at + count, :depth] = True
        own[at : at + count, :used] = True
        own[at : at + count, at : at + count] |= np.tri(count, dtype=bool)
        targets[at + heads - 1 : at + count] = [*span.tokens, EOM]
        span_weights[at + heads - 1 : at + count] = 1.0

        canvas = at + shape.answer
        clean, noisy, weights = self._canvas(rng, span.tokens, prefix[:depth])
        slots = len(clean)
        near = [] if rng.random() < 0.05 or not length else following[: shape.near_suffix][: shape.canvas - 1 - slots]
        row = [span.head[-1], *noisy, *near]
        ids[canvas : canvas + len(row)] = row
        positions[canvas : canvas + len(row)] = base + heads - 1 + np.arange(len(row))
        here = slice(canvas, canvas + len(row))
        visible[here, :depth] = True
        own[here, :used] = True
        own[here, at : at + heads - 1] = True
        own[here, here] = True
        targets[canvas : canvas + slots] = clean
        canvas_weights[canvas : canvas + slots] = weights
        return ids, positions, targets, span_weights, canvas_weights, visible

    def _canvas(
        self, rng: np.random.Generator, tokens: list[int], nearby: Ints
    ) -> tuple[list[int], list[int], list[float]]:
        """Clean slots, noised ones, and the loss weight of each.

        A third of the canvases is clean up to a place and noise behind it, the state that a canvas is in when it is
        decided from the left; a quarter is all noise, how every infill begins; the rest is noised here and there.
        """
        shape = self.shape
        room = shape.canvas - 1 - shape.near_suffix // 2 - len(tokens) - 1
        slack = min(room, int(rng.integers(0, 9)))
        clean = np.asarray([*tokens, EOM, *[PAD] * slack], dtype=np.int64)
        count, kind = len(clean), rng.random()
        if kind < 0.25:
            corrupt = np.ones(count, dtype=bool)
        elif kind < 0.6:
            corrupt = np.arange(count) >= rng.integers(0, len(tokens) + 1)
        else:
            corrupt = rng.random(count) < rng.random()
        masked = rng.random(count) < (0.9 if rng.random() < 0.7 else 0.4)
        uniform = rng.integers(len(SPECIAL_TOKENS), self.corpus.tokenizer.vocab_size, count)
        copied = nearby[rng.integers(0, len(nearby), count)] if len(nearby) else uniform
        random = np.where((rng.random(count) < 0.6) & (copied >= len(SPECIAL_TOKENS)), copied, uniform)
        noisy = np.where(corrupt, np.where(masked, MASK, random), clean)
        weights = np.where(corrupt, 1.0, 0.1) * np.where(clean == PAD, 0.05, 1.0)
        return clean.tolist(), noisy.tolist(), weights.tolist()

    def _line_start(self, at: int, first: int) -> int:
        """Index of the line-break token that begins the line of `at`, or `first`."""
        newline, stream = self.corpus.is_newline, self.corpus.ids
        while at > first and not newline[stream[at]]:
            at -= 1
        return at

    def _line_end(self, begin: int, limit: int, lines: int) -> int | None:
        """Index of the line-break token that ends the `lines`-th line, or none before the limit."""
        breaks = np.flatnonzero(self.corpus.is_newline[self.corpus.ids[begin:limit]])
        return begin + int(breaks[lines - 1]) if len(breaks) >= lines else None


def choose(rng: np.random.Generator, text: str, *, whole: bool) -> tuple[int, int] | None:
    """Where a span begins and ends in a line that begins with its line break; none where nothing is worth filling."""
    body = text.lstrip()
    indent = len(text) - len(body)
    if not body.strip() or (body.startswith("#") and rng.random() < 0.8):
        return None
    kind = rng.random()
    if whole or kind < 0.45:
        return (1 if rng.random() < 0.5 and "\n" not in text[1:indent] else indent), len(text.rstrip())
    bounds = [indent + match.start() for match in PIECE.finditer(body) if not match[0].isspace()]
    if kind < 0.75:
        begin = int(rng.choice(bounds)) if rng.random() < 0.75 else int(rng.integers(indent, len(text)))
        return (begin, len(text.rstrip())) if begin < len(text.rstrip()) else None
    begin = int(rng.choice(bounds))
    ends = balanced(text, begin)
    return (begin, int(rng.choice(ends))) if ends else None


def balanced(text: str, begin: int) -> list[int]:
    """Where a piece that begins there may end with as many brackets closed as opened."""
    depth, ends = 0, list[int]()
    for match in PIECE.finditer(text, begin):
        depth += (match[0] in OPENING) - (match[0] in CLOSING)
        if depth < 0:
            break
        if depth == 0 and not match[0].isspace():
            ends.append(match.end())
    return ends

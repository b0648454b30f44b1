"""Training batches: windows of code with several spans cut out of each.

One row is `[<suf> suffix] <pre> prefix, span, <eom>` as the encoder reads it from left to right, followed by K
canvases. Each canvas is `[span slots | near suffix]`, looks at what stands before its own span alone, and never at
another canvas, so one pass over the prefix serves K spans. The last canvas is the honest one: its span is the one that
the row's suffix goes on after (it may begin at any character); the encoder learns to write the same span left to
right, and where it ends.

A batch is a pure function of (seed, step): training resumes in the exact order it would have had.
It must know nothing of networks. Shapes: B rows, C context positions, K canvases of W positions, T = C + K * W.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tree_sitter_python
from numpy.typing import NDArray
from tree_sitter import Language, Node, Parser

from ..tokenizer import BOS, EOM, MASK, PAD, PRE, SPECIAL_TOKENS, SUF, TextTokenizer
from .vocabulary import documents

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

NEAR_SUFFIX_TOKENS = 24
"""At most so many tokens of the suffix are pinned inside the canvas."""
FAR_SUFFIX_TOKENS = 48
MIN_CUT = 8
"""A span inside a window has at least so many context tokens before it."""
NO_SUFFIX_SHARE = 0.1
"""Of rows, how many are read without their suffix, as at the end of a file."""
NODE_SHARE = 0.15
"""Of honest spans, how many are a node of the syntax tree."""
MID_TOKEN_SHARE = 0.35
"""Of the other honest spans, how many begin inside a token, as a cursor does."""
LONGEST_UNCANVASED = 96
"""Span tokens, and two, in a row that has no canvas."""
PARSED_TOKENS = 64
"""So many tokens on either side of a node are parsed to find it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many of what a batch holds."""

    rows: int
    context: int
    canvases: int
    canvas: int

    @property
    def length(self) -> int:
        """Positions of a row."""
        return self.context + self.canvases * self.canvas


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How canvas tokens are corrupted: with probability t each, to the mask or to a random token."""

    mask_share: float = 0.85
    """Of corrupted tokens, how many become the mask; 0 is uniform noise as in DiffusionGemma."""
    full_share: float = 0.2
    """Of canvases, how many start from full noise (t = 1), the state that every infill begins with."""
    level: float | None = None
    """A fixed t for the other canvases; none draws it uniformly."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Arrays [B, T] for one training step."""

    ids: Ints
    """Input tokens, the canvases corrupted."""
    targets: Ints
    """What each position should predict: the next token in the context, its own clean token in a canvas."""
    weights: Floats
    """Loss weight of each position; 0 where nothing is learned."""
    positions: Ints
    visible: Ints
    """How many context positions each position may look at."""
    group: Ints
    """0 in the context, k in the k-th canvas, -1 - k for padding of the k-th canvas."""
    free: NDArray[np.bool_]
    """Span slots: neither context nor pinned suffix nor padding."""


class TokenCorpus:
    """All training documents as one array of ids, with the places where documents begin."""

    def __init__(self, ids: NDArray[np.uint16], starts: Ints, tokenizer: TextTokenizer) -> None:
        self.ids, self.starts, self.tokenizer = ids, starts, tokenizer
        self.is_newline: NDArray[np.bool_] = tokenizer.begins_line().numpy()

    @classmethod
    def load(cls, folder: Path, tokenizer: TextTokenizer) -> TokenCorpus:
        """Read tokens.bin and starts.npy, which `pack` wrote."""
        return cls(
            np.memmap(folder / "tokens.bin", dtype=np.uint16, mode="r"), np.load(folder / "starts.npy"), tokenizer
        )

    def document_at(self, position: int) -> tuple[int, int]:
        """First and past-the-last token index of the document that holds `position`."""
        index = int(np.searchsorted(self.starts, position, side="right")) - 1
        return int(self.starts[index]), int(self.starts[index + 1])


def pack(corpus: Path, folder: Path, tokenizer: TextTokenizer) -> int:
    """Tokenise a corpus text file into tokens.bin and starts.npy; returns the number of tokens."""
    starts, total, waiting = [0], 0, list[str]()
    with (folder / "tokens.bin").open("wb") as out:

        def flush() -> None:
            nonlocal total
            for ids in tokenizer.encode_many(waiting):
                out.write(np.asarray(ids, dtype=np.uint16).tobytes())
                total += len(ids)
                starts.append(total)
            waiting.clear()

        for text in documents(corpus):
            waiting.append(text)
            if len(waiting) == 512:
                flush()
        flush()
    np.save(folder / "starts.npy", np.asarray(starts, dtype=np.int64))
    return total


@dataclass(frozen=True, slots=True)
class TrainingSpan:
    """A span to fill: where it stands in the token stream, what stands in it and what goes on after it.

    A span that begins or ends inside a token has its edges tokenised anew, as an infill has them.
    """

    begin: int
    """Stream index of the first token that is not context as it stands."""
    tokens: list[int]
    after: int
    """Stream index of the first token that is suffix as it stands."""
    head: list[int] = field(default_factory=list)
    """Context between `begin` and the span, tokenised anew."""
    tail: list[int] = field(default_factory=list)
    """Suffix between the span and `after`, tokenised anew."""


class Sampler:
    """Draws batches from a corpus."""

    def __init__(self, corpus: TokenCorpus, shape: Shape, noise: Noise, seed: int) -> None:
        self.corpus, self.shape, self.noise, self.seed = corpus, shape, noise, seed
        self._parser = Parser(Language(tree_sitter_python.language()))

    def batch(self, step: int) -> Batch:
        """The batch of one step: always the same for the same (seed, step)."""
        rng = np.random.default_rng([self.seed, step])
        rows = [self._row(rng) for _ in range(self.shape.rows)]
        return Batch(*(np.stack(column) for column in zip(*rows, strict=True)))

    def _row(self, rng: np.random.Generator) -> tuple[Ints, Ints, Floats, Ints, Ints, Ints, NDArray[np.bool_]]:
        shape, stream = self.shape, self.corpus.ids
        while True:
            at = int(rng.integers(len(stream)))
            begin, end = self.corpus.document_at(at)
            if end - begin > 4 * MIN_CUT:
                break
        last = self._last_span(rng, max(at, begin + 1), begin, end)
        most = min(NEAR_SUFFIX_TOKENS + FAR_SUFFIX_TOKENS, shape.context // 4)
        suffix = self._suffix(last, int(rng.integers(8, most + 1)), end)
        if rng.random() < NO_SUFFIX_SHARE:
            suffix = []
        answer = [*last.tokens[: self._longest], EOM]
        room = shape.context - (len(suffix) + 1 if suffix else 0) - len("pb") - len(last.head) - len(answer)
        first = max(begin, last.begin - max(room, 0))
        header = ([SUF, *suffix] if suffix else []) + [PRE] + ([BOS] if first == begin else [])
        context = [*header, *(int(t) for t in stream[first : last.begin]), *last.head, *answer]

        ids = np.full(shape.length, PAD, dtype=np.int64)
        targets = np.zeros(shape.length, dtype=np.int64)
        weights = np.zeros(shape.length, dtype=np.float32)
        positions = np.arange(shape.length, dtype=np.int64)
        visible = np.minimum(positions + 1, shape.context)
        group = np.zeros(shape.length, dtype=np.int64)
        free = np.zeros(shape.length, dtype=bool)
        ids[: len(context)] = context
        following = np.asarray(context[1:])
        targets[: len(context) - 1] = following
        weights[: len(context) - 1] = (following >= len(SPECIAL_TOKENS)) | (following == EOM)

        arrays = ids, targets, weights, positions, visible, group, free
        for index in range(shape.canvases):
            if index == shape.canvases - 1:
                span, depth = last, len(context) - len(answer)
            else:
                span = self._inner_span(rng, first, last.begin, end)
                depth = len(header) + span.begin - first
            self._canvas(rng, arrays, index, span, depth, end)
        return arrays

    @property
    def _longest(self) -> int:
        """Tokens of the longest span; left to right there is no canvas to fit."""
        return min(self.shape.canvas or LONGEST_UNCANVASED, self.shape.context // 3) - 2

    def _suffix(self, span: TrainingSpan, length: int, end: int) -> list[int]:
        """At most `length` tokens that stand after a span in its document."""
        rest = self.corpus.ids[span.after : min(end, span.after + length)]
        return [*span.tail, *(int(t) for t in rest)][:length]

    def _canvas(
        self,
        rng: np.random.Generator,
        arrays: tuple[Ints, Ints, Floats, Ints, Ints, Ints, NDArray[np.bool_]],
        index: int,
        span: TrainingSpan,
        depth: int,
        end: int,
    ) -> None:
        """Write the index-th canvas of a row: slots with noise, pinned suffix, padding."""
        ids, targets, weights, positions, visible, group, free = arrays
        shape, width = self.shape, self.shape.canvas
        start = shape.context + index * width
        tokens = span.tokens[: self._longest]
        room = width - len(tokens) - 1
        slack = min(int(rng.integers(0, 13)), room)
        slots = len(tokens) + 1 + slack
        near = 0 if rng.random() < 0.05 else min(NEAR_SUFFIX_TOKENS, width - slots)
        suffix = self._suffix(span, near, end)
        clean = np.asarray([*tokens, EOM, *[PAD] * slack], dtype=np.int64)

        drawn = float(rng.random()) if self.noise.level is None else self.noise.level
        level = 1.0 if rng.random() < self.noise.full_share else drawn
        corrupt = rng.random(slots) < level
        masked = rng.random(slots) < self.noise.mask_share
        uniform = rng.integers(len(SPECIAL_TOKENS), self.corpus.tokenizer.vocab_size, slots)
        nearby = ids[rng.integers(0, max(depth, 1), slots)]
        random = np.where(rng.random(slots) < (0.5 if self.noise.mask_share else 0.0), nearby, uniform)
        noisy = np.where(corrupt, np.where(masked, MASK, random), clean)

        whole = slice(start, start + width)
        used = slots + len(suffix)
        ids[start : start + slots] = noisy
        ids[start + slots : start + used] = suffix
        targets[start : start + slots] = clean
        weights[start : start + slots] = np.where(corrupt, 1.0, 0.1) * np.where(clean == PAD, 0.05, 1.0)
        positions[whole] = depth + np.arange(width)
        visible[whole] = depth
        group[whole] = -1 - index
        group[start : start + used] = index + 1
        free[start : start + slots] = True

    def _last_span(self, rng: np.random.Generator, at: int, first: int, end: int) -> TrainingSpan:
        """The honest span of a row, which may begin and end at any character."""
        if rng.random() < NODE_SHARE:
            node = self._node_span(rng, at, first, end)
            if node is not None:
                return node
        span = self._span(rng, at, first, end)
        if rng.random() > MID_TOKEN_SHARE or not span.tokens:
            return span
        tokenizer = self.corpus.tokenizer
        text = tokenizer.decode(span.tokens[:1])
        if len(text) < 2 or text.startswith("\n") or "\ufffd" in text:
            return span
        cut = int(rng.integers(1, len(text)))
        rest = tokenizer.encode(tokenizer.decode(span.tokens)[cut:])
        if len(rest) > self._longest:
            return span
        return TrainingSpan(span.begin, rest, span.after, head=tokenizer.encode(text[:cut]))

    def _node_span(self, rng: np.random.Generator, at: int, first: int, end: int) -> TrainingSpan | None:
        """A node of the syntax tree around `at` (an argument, a call, a condition, a statement), if one fits."""
        tokenizer, stream = self.corpus.tokenizer, self.corpus.ids
        around = min(PARSED_TOKENS, self.shape.context // 4)
        low, high = max(first, at - around), min(end, at + around)
        text = tokenizer.decode(stream[low:high])
        if "\ufffd" in text:
            return None  # cut inside a character
        source = text.encode()
        place = len(tokenizer.decode(stream[low:at]).encode())
        root = self._parser.parse(source).root_node
        node = root.named_descendant_for_byte_range(place, min(place + 1, len(source)))
        for _ in range(int(rng.integers(0, 4))):
            if node is not None and node.parent is not None and node.parent != root:
                node = node.parent
        if node is None or node == root or not _is_fillable(node):
            return None
        parts = (source[: node.start_byte], source[node.start_byte : node.end_byte], source[node.end_byte :])
        head, tokens, tail = (tokenizer.encode(part.decode(errors="ignore")) for part in parts)
        return TrainingSpan(low, tokens, high, head=head, tail=tail) if 0 < len(tokens) <= self._longest else None

    def _inner_span(self, rng: np.random.Generator, first: int, cut: int, end: int) -> TrainingSpan:
        """A span that begins inside the window's prefix."""
        low = min(first + MIN_CUT, cut)
        # No further back than the window: the canvas must see what stands right before its span.
        return self._span(rng, int(rng.integers(low, cut + 1)), first, end)

    def _span(self, rng: np.random.Generator, at: int, first: int, end: int) -> TrainingSpan:
        """A span at `at` or at the start of its line: whole lines, a line's rest, or some tokens of [first, end)."""
        kind = rng.random()
        newline = self.corpus.is_newline
        stream = self.corpus.ids
        longest = self._longest
        if kind < 0.5:
            begin = at
            while begin > first and not newline[stream[begin - 1]]:
                begin -= 1
            lines = (
                1 if rng.random() < 0.6 else int(rng.integers(2, 4)) if rng.random() < 0.6 else int(rng.integers(4, 9))
            )
            # Sometimes the line break before is part of the span: the model then chooses the indentation.
            include_break = begin > first + 1 and rng.random() < 0.35
            stop = self._line_end(begin, min(end, begin + longest), lines)
            begin -= include_break and stop - begin < longest
        elif kind < 0.8:
            begin, stop = at, self._line_end(at, min(end, at + longest), 1)
        else:
            begin, stop = at, min(end, at + 1 + int(rng.integers(0, 12)))
        return TrainingSpan(begin, [int(t) for t in stream[begin:stop]], stop)

    def _line_end(self, begin: int, limit: int, lines: int) -> int:
        """Index of the newline token that ends the `lines`-th line from `begin`, or the last before `limit`."""
        breaks = np.flatnonzero(self.corpus.is_newline[self.corpus.ids[begin:limit]])
        breaks = breaks[breaks > 0]
        return begin + int(breaks[min(lines, len(breaks)) - 1]) if len(breaks) else limit


def _is_fillable(node: Node) -> bool:
    """Whether a person would select it: not a piece of text inside a string, not a mistake of the parser."""
    return not (node.has_error or "string_" in node.type or node.type in {"comment", "escape_sequence"})

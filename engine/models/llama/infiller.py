"""The llama network behind the `Denoiser` protocol.

A context is two segments that do not see each other, so either keeps its keys and values while the other is edited.
The head, the last prefix token, is read behind both; it predicts the first token of a span that is written left to
right, and a copy of it leads every canvas: position j of a canvas predicts the token of the next one.

    cache: [ room | suffix | prefix without head | head, tokens written, or canvases ]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from ....kernels import ops
from ....kernels.formats import Choice, Chosen
from ...protocol import CanvasFormat, PackedInfill
from ...samplers.entropy_bound import EntropyBound
from ...settings import RankWeights, Settings
from ...tokenizer import TextTokenizer
from ...types import InfillRequest, ModelInfo
from ..beams import search as beam_search
from .fused import FusedLlama, LlamaCache, Places
from .layout import FIRST_POSITION, pack, suffix_limit

CHUNK = 64
"""Prefix tokens that are read together; whole chunks are kept across edits: none is read in any other way."""
ROOM = 320
"""Positions behind a prefix for what is written, scored and denoised before the cache must grow."""
DEFAULTS = Settings(
    passes_max=4,
    sampler=EntropyBound(bound=0.1, left_bias=0.5),
    stop_entropy=0.02,
    noise_rows=1,
    rows_kept=1,
    prune_after=1,
    long_tokens=64,
    long_below=0.1,
)
"""Few rows, of the right length, and the most certain one alone from the second pass on: a pass costs what its
positions cost, and of 120 spans two rows in five passes had not one more right. Several lines are written where the end
of a line is unlikely: of 30 spans each in 9 of one line and 15 of several; at 0.5 it was in 18 and 28, for nothing."""


@dataclass(frozen=True, slots=True)
class LlamaContext:
    """A context that was read."""

    cache: LlamaCache
    suffix: int
    """Its tokens stand right before the first prefix position of the cache."""
    prefix: int
    """Tokens of the prefix without its head."""
    head: int
    """Id of the head."""
    head_hidden: Tensor
    """[1, D], read behind prefix and suffix."""
    known: dict[tuple[int, ...], Tensor]
    """Log-probabilities [V] of the token behind what was written left to right."""

    def knows(self, row: list[int]) -> bool:
        """Whether a row was written, all of it or up to its last token."""
        return all(tuple(row[:end]) in self.known for end in range(len(row)))

    def score(self, row: list[int]) -> Tensor:
        """Log-probabilities of a known row's tokens."""
        return torch.tensor([float(self.known[tuple(row[:end])][token]) for end, token in enumerate(row)])


class LlamaInfiller:
    """A network of the llama family as the engine asks for it."""

    usual, usual_weights = DEFAULTS, RankWeights()
    """How its canvases are denoised and its candidates ranked, where nothing else is known."""

    def __init__(
        self,
        network: FusedLlama,
        tokenizer: TextTokenizer,
        form: CanvasFormat,
        info: ModelInfo,
        weights: RankWeights | None = None,
    ) -> None:
        self.network, self.tokenizer, self.format, self.info = network, tokenizer, form, info
        self.defaults, self.weights = self.usual, weights or self.usual_weights
        self._room = self._ahead()
        self._last: tuple[list[int], LlamaContext] | None = None

    def _ahead(self) -> int:
        """Positions of a cache before the prefix."""
        return suffix_limit(self.format)

    def _seen(self, row: Tensor, column: Tensor) -> Tensor | None:
        """Which positions of canvases see each other, boolean [N, N], by row and column [N] of each; none is all."""
        return None if not bool(row.any()) else row[:, None] == row

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.device

    @cached_property
    def roles(self) -> Tensor:
        """Ids below the first text id."""
        return torch.arange(self.tokenizer.vocab_size) < self.format.first_text_id

    def canvases(self, request: InfillRequest) -> int:
        """One: it was trained on no longer span."""
        return 1

    def pack(self, request: InfillRequest, committed: tuple[int, ...] = ()) -> PackedInfill:
        """See `layout.pack`."""
        return pack(request, self.tokenizer, self.format)

    @torch.inference_mode()
    def encode(self, context_ids: list[int]) -> LlamaContext:
        """Read suffix, prefix and head; what the last context has in common with it is taken from there."""
        if self._last is not None and self._last[0] == context_ids:
            # What is known of rows depends on what was asked before: another infill begins anew.
            return replace(self._last[1], known={})
        at = context_ids.index(self.format.prefix_id)
        suffix, prefix, head = context_ids[:at], context_ids[at:-1], context_ids[-1]
        cache = self.network.new_cache(self._room + len(prefix) + ROOM)
        kept = self._take_over(cache, suffix, prefix)
        if not kept[0]:
            self._read(cache, suffix, FIRST_POSITION - len(suffix), self._room - len(suffix), 0)
        whole = len(prefix) // CHUNK * CHUNK
        for begin in range(kept[1], whole, CHUNK):
            self._read(cache, prefix[begin : begin + CHUNK], FIRST_POSITION + begin, self._room, begin)
        hidden = self._read_end(cache, [*prefix[whole:], head], len(suffix), whole)
        context = LlamaContext(cache, len(suffix), len(prefix), head, hidden, {})
        self._last = (list(context_ids), context)
        return context

    def _take_over(self, cache: LlamaCache, suffix: list[int], prefix: list[int]) -> tuple[bool, int]:
        """Copy what the last context shares: whether the suffix was, and how many tokens of the prefix."""
        if self._last is None:
            return False, 0
        ids, last = self._last
        at = ids.index(self.format.prefix_id)
        old = ids[at:-1]
        shared = next((n for n, pair in enumerate(zip(prefix, old, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(prefix), len(old)) if shared is None else shared
        whole = shared // CHUNK * CHUNK
        same = ids[:at] == suffix
        begin = self._room - len(suffix) * same
        cache.take(last.cache, begin, self._room + whole)
        return same, whole

    def _read(self, cache: LlamaCache, ids: list[int], position: int, seen: int, behind: int) -> None:
        """Read tokens causally behind so many of their own segment, which begins at `seen`."""
        count = len(ids)
        places = torch.arange(position, position + count, device=self.device)
        visible = torch.arange(behind + count, device=self.device) <= behind + torch.arange(count)[:, None]
        x = self.network.embed(torch.tensor(ids, device=self.device))
        self.network.run(x, places, visible, cache, Places(seen, seen + behind))

    def _read_end(self, cache: LlamaCache, ids: list[int], suffix: int, whole: int) -> Tensor:
        """Read what no chunk holds, the head last, which alone sees the suffix; returns its hidden state [1, D]."""
        count = len(ids)
        own = torch.tril(torch.ones(count, count, dtype=torch.bool))
        visible = torch.cat((own.new_ones(count, suffix + whole), own), dim=1)
        visible[:-1, :suffix] = False
        x = self.network.embed(torch.tensor(ids, device=self.device))
        positions = FIRST_POSITION + whole + torch.arange(count, device=self.device)
        places = Places(self._room - suffix, self._room + whole)
        return self.network.run(x, positions, visible.to(self.device), cache, places)[-1:]

    def _run(
        self, ids: list[int], positions: list[int], own: Tensor | None, cache: LlamaCache, suffix: int, depth: int
    ) -> Tensor:
        """Hidden states of tokens that see suffix, `depth` tokens behind it, and each other as `own` [N, M] says."""
        mask = None
        if own is not None:
            mask = torch.cat((own.new_ones(len(own), suffix + depth), own), dim=1)
        x = self.network.embed(torch.tensor(ids, device=self.device))
        places = Places(self._room - suffix, self._room + depth)
        return self.network.run(x, torch.tensor(positions, device=self.device), mask, cache, places)

    @torch.inference_mode()
    def logits(self, context: LlamaContext, canvas: Tensor, valid: Tensor, free: Tensor) -> Tensor:
        """Logits [F, V] of the free positions, on the model's device; the arguments are those of `predict`."""
        rows, begin = len(canvas), FIRST_POSITION + context.prefix
        led = torch.cat((torch.full((rows, 1), context.head), canvas), dim=1)
        read = torch.cat((torch.ones(rows, 1, dtype=torch.bool), valid), dim=1)
        # The token of a slot is predicted by the position before it.
        predicts = torch.cat((free, torch.zeros(rows, 1, dtype=torch.bool)), dim=1)
        row, column = read.nonzero().unbind(1)
        own = self._seen(row, column)
        ids, positions = led[read].tolist(), (begin + column).tolist()
        hidden = self._run(ids, positions, own, context.cache, context.suffix, context.prefix)
        return self.network.logits(hidden[predicts[read].to(self.device)])

    @torch.inference_mode()
    def predict(
        self,
        context: LlamaContext,
        canvas: Tensor,
        valid: Tensor,
        free: Tensor,
        soft: Tensor | None,
        choice: Choice,
        generator: torch.Generator,
    ) -> Chosen:
        """See `Denoiser.predict`; it was trained without self-conditioning, so `soft` is not looked at."""
        logits = self.logits(context, canvas, valid, free)
        chosen, _ = ops.choose(logits, choice, generator)
        return chosen.cpu(logits.new_zeros(len(logits), 0))

    @torch.inference_mode()
    def score(self, context: LlamaContext, rows: list[list[int]]) -> list[Tensor]:
        """Left-to-right log-probabilities of each row's tokens; beginnings that rows share are read once.

        Rows that were written from this context are known.
        """
        unknown = [row for row in rows if not context.knows(row)]
        found = iter(self._score(context, unknown) if unknown else [])
        return [context.score(row) if context.knows(row) else next(found) for row in rows]

    def _score(self, context: LlamaContext, rows: list[list[int]]) -> list[Tensor]:
        tree = Tree.of(rows)
        logs = self.network.logits(context.head_hidden)
        if tree.ids:
            base = FIRST_POSITION + context.prefix + 1
            ids, depth = [context.head, *tree.ids], [0, *(d + 1 for d in tree.depth)]
            hidden = self._run(
                ids, [base - 1 + d for d in depth], tree.own(), context.cache, context.suffix, context.prefix
            )
            logs = torch.cat((logs, self.network.logits(hidden[1:])))
        logs = logs.log_softmax(-1).cpu()
        return [
            logs[torch.tensor(source, dtype=torch.long), torch.tensor(row, dtype=torch.long)]
            for source, row in zip(tree.sources, rows, strict=True)
        ]

    @torch.inference_mode()
    def write(
        self, context: LlamaContext, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """Spans written left to right by beam search, the likeliest first; see `Denoiser.write`."""
        written = _LlamaBeams(self.network, context, self._room)
        return beam_search(written, first, later, ends, tokens_max=tokens_max, count=beams)


class _LlamaBeams:
    """Beams in one flat sequence behind a context; each looks at its own tokens in it."""

    def __init__(self, network: FusedLlama, context: LlamaContext, room: int) -> None:
        self.network, self.context, self.room = network, context, room
        self.own = torch.zeros(1, 0, dtype=torch.bool)
        self.length = 0

    def begin(self) -> Tensor:
        """Log-probabilities [1, V] of the first token."""
        logs = self.network.logits(self.context.head_hidden).log_softmax(-1).cpu()
        self.context.known[()] = logs[0]
        return logs

    def step(self, rows: list[list[int]], source: Tensor, token: Tensor) -> Tensor:
        """Log-probabilities [B, V] behind the rows, each a beam of the step before and one more token."""
        context, count = self.context, len(rows)
        self.own = torch.cat((self.own[source], torch.eye(count, dtype=torch.bool)), dim=1)
        own, positions = self.own, torch.full((count,), FIRST_POSITION + context.prefix + 1 + self.length)
        # The head is read with the first tokens: canvases are written over it.
        led = self.length == 0
        if led:
            alone = torch.zeros(1, count, dtype=torch.bool)
            own = torch.cat((alone, own))
            token = torch.cat((torch.tensor([context.head]), token))
            positions = torch.cat((positions[:1] - 1, positions))
        before = context.suffix + context.prefix
        visible = torch.cat((own.new_ones(len(own), before + 1), own), dim=1)
        at = self.room + context.prefix + (0 if led else 1 + own.shape[1] - count)
        device = self.network.device
        x = self.network.embed(token.to(device))
        places = Places(self.room - context.suffix, at)
        hidden = self.network.run(x, positions.to(device), visible.to(device), context.cache, places)
        self.length += 1
        logs = self.network.logits(hidden[int(led) :]).log_softmax(-1).cpu()
        self.context.known.update(zip(map(tuple, rows), logs, strict=True))
        return logs


@dataclass(frozen=True, slots=True)
class Tree:
    """Rows of tokens as one tree: each beginning that rows share is one node; the last token of a row is not read."""

    ids: list[int]
    parents: list[int]
    """-1 for a node that begins a row."""
    depth: list[int]
    sources: list[list[int]]
    """For each row, what predicts each of its tokens: 0 is the head, n + 1 node n."""

    @classmethod
    def of(cls, rows: list[list[int]]) -> Tree:
        """The tree of some rows."""
        tree = cls([], [], [], [])
        nodes: dict[tuple[int, int], int] = {}
        for row in rows:
            at, sources = -1, [0]
            for token, _ in pairwise(row):
                known = nodes.get((at, token))
                at = tree._add(nodes, at, token) if known is None else known
                sources.append(at + 1)
            tree.sources.append(sources[: len(row)])
        return tree

    def _add(self, nodes: dict[tuple[int, int], int], parent: int, token: int) -> int:
        nodes[parent, token] = node = len(self.ids)
        self.ids.append(token)
        self.parents.append(parent)
        self.depth.append(self.depth[parent] + 1 if parent >= 0 else 0)
        return node

    def own(self) -> Tensor:
        """Boolean [1 + N, 1 + N]: the head and every node see themselves and what they follow."""
        seen = torch.zeros(len(self.ids) + 1, len(self.ids) + 1, dtype=torch.bool)
        seen[0, 0] = True
        for node, parent in enumerate(self.parents):
            seen[node + 1] = seen[parent + 1]
            seen[node + 1, node + 1] = True
        return seen

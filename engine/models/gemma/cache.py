"""Keys and values of a context: kept whole so that an edit cuts them anywhere, laid out for passes that only read them.

`ContextCache` is what the encoder has read; a text that is edited keeps the part before the edit. `Board` is a copy for
runs that look at the context: what a sliding layer no longer sees is left out, and behind the context there is room for
the positions of a run, written over by the next one, so that nothing is concatenated in a pass. Shapes: G key/value
heads, K head size, C context positions, N positions of a run, M = C + N.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from .config import FULL, SLIDING

STEP = 512
"""A cache grows by so many positions at least."""


class CacheKind(Enum):
    """How far a layer looks back; the published names."""

    SLIDING = SLIDING
    FULL = FULL


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a cache must know of its layers."""

    kinds: tuple[CacheKind, ...]
    heads: tuple[int, ...]
    head_dims: tuple[int, ...]
    window: int


@dataclass(slots=True, weakref_slot=True)
class Board:
    """A context and room behind it; see the module's docstring."""

    kinds: tuple[CacheKind, ...]
    keys: list[Tensor]
    """[G, C + room, K] a layer."""
    values: list[Tensor]
    places: dict[CacheKind, Tensor]
    """Positions [C] of the context that is kept, -1 where there is none."""
    whole: bool
    """No place is -1, so that a run that sees everything needs no mask."""
    length: int
    """Positions of the whole context: where the next one stands."""

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write a run's keys and values [G, N, K] behind the context; returns both together [G, M, K].

        Where there is no room the two are copied: a run that is larger than what a board was made for is rare, and must
        not leave it large.
        """
        begin = len(self.places[self.kinds[layer]])
        end = begin + keys.shape[1]
        if end > self.keys[layer].shape[1]:
            together = (
                torch.cat((held[layer][:, :begin], new), dim=1)
                for held, new in ((self.keys, keys), (self.values, values))
            )
            return next(together), next(together)
        self.keys[layer][:, begin:end] = keys
        self.values[layer][:, begin:end] = values
        return self.keys[layer][:, :end], self.values[layer][:, :end]

    def fresh(self, layer: int, count: int) -> tuple[Tensor, Tensor]:
        """Keys and values of the first `count` positions of the last run."""
        begin = len(self.places[self.kinds[layer]])
        return self.keys[layer][:, begin : begin + count], self.values[layer][:, begin : begin + count]

    def load(self, other: Board) -> None:
        """Take over another board's context into the same buffers; both have places for as many positions.

        Raises:
            ValueError: when they do not.
        """
        for kind, places in self.places.items():
            if len(places) != len(other.places[kind]):
                raise ValueError(f"a board of {len(places)} places cannot take {len(other.places[kind])}")
            places.copy_(other.places[kind])
        for layer, kind in enumerate(self.kinds):
            count = len(self.places[kind])
            self.keys[layer][:, :count] = other.keys[layer][:, :count]
            self.values[layer][:, :count] = other.values[layer][:, :count]
        self.length = other.length

    def twin(self, room: int) -> Board:
        """An empty board of the same shapes with room for runs of that size, whose buffers never move."""
        shapes = [
            (len(keys), len(self.places[kind]) + room, keys.shape[2])
            for kind, keys in zip(self.kinds, self.keys, strict=True)
        ]
        keys, values = ([self.keys[0].new_zeros(shape) for shape in shapes] for _ in range(2))
        places = {kind: torch.full_like(each, -1) for kind, each in self.places.items()}
        return Board(self.kinds, keys, values, places, False, 0)

    def mask(self, kind: CacheKind, positions: Tensor, own: Tensor | None, window: int | None) -> Tensor | None:
        """Boolean [N, M]: what each position of a run sees; none where all see everything.

        Args:
            own: boolean [N, N] among the run's positions; none means all.
            window: how far a sliding layer looks back; none means over all that is kept.
        """
        places = self.places[kind]
        slides = kind is CacheKind.SLIDING and window is not None
        if own is None and self.whole and not slides:
            return None
        count = len(positions)
        behind = (places >= 0).expand(count, -1)
        among = own if own is not None else torch.ones(count, count, dtype=torch.bool, device=places.device)
        if slides and window is not None:
            behind = behind & (places > positions[:, None] - window)
            among = among & (positions > positions[:, None] - window)
        return torch.cat((behind, among), dim=1)


class ContextCache:
    """What the encoder has read, with its ids."""

    def __init__(self, sizes: Sizes, dtype: torch.dtype, device: torch.device) -> None:
        self.sizes, self.ids = sizes, list[int]()
        shapes = [(heads, 0, size) for heads, size in zip(sizes.heads, sizes.head_dims, strict=True)]
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for shape in shapes]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for shape in shapes]

    def cut(self, length: int) -> None:
        """Keep the first `length` positions."""
        del self.ids[length:]

    def extend(self, ids: list[int], board: Board) -> None:
        """Take over what a run of these ids wrote behind a board of this cache."""
        begin, end = len(self.ids), len(self.ids) + len(ids)
        for layer in range(len(self.keys)):
            if end > self.keys[layer].shape[1]:
                self._grow(layer, end)
            fresh = board.fresh(layer, len(ids))
            self.keys[layer][:, begin:end], self.values[layer][:, begin:end] = fresh
        self.ids += ids

    def _grow(self, layer: int, end: int) -> None:
        more = max(STEP, end - self.keys[layer].shape[1])
        for held in (self.keys, self.values):
            held[layer] = torch.cat(
                (held[layer], held[layer].new_zeros(len(held[layer]), more, held[layer].shape[2])), 1
            )

    def board(self, room: int, bucket: int = 1) -> Board:
        """A copy for runs of up to `room` positions; full layers get a multiple of `bucket` places.

        With a bucket above 1 the shapes stay the same while a text grows, as a captured graph needs it.
        """
        sizes, length = self.sizes, len(self.ids)
        places = {
            CacheKind.SLIDING: self._places(min(length, sizes.window - 1), sizes.window - 1 if bucket > 1 else 0),
            CacheKind.FULL: self._places(length, -(-length // bucket) * bucket),
        }
        board = Board(sizes.kinds, [], [], places, all(bool((p >= 0).all()) for p in places.values()), length)
        for layer, kind in enumerate(sizes.kinds):
            kept = int((places[kind] >= 0).sum())
            for held, copies in ((self.keys, board.keys), (self.values, board.values)):
                shape = (sizes.heads[layer], len(places[kind]) + room, sizes.head_dims[layer])
                copy = torch.zeros(shape, dtype=held[layer].dtype, device=held[layer].device)
                copy[:, :kept] = held[layer][:, length - kept : length]
                copies.append(copy)
        return board

    def _places(self, kept: int, capacity: int) -> Tensor:
        device, length = self.keys[0].device, len(self.ids)
        places = torch.full((max(kept, capacity),), -1, device=device)
        places[:kept] = torch.arange(length - kept, length, device=device)
        return places

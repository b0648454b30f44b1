"""Decoder passes of fixed shapes: on a GPU each is recorded once as a CUDA graph and played back without launch costs.

A pass of the 26B is some thousand small kernels; launched one by one they leave the GPU waiting. What varies is
brought into buffers of a few sizes: positions to one of `COUNTS`, the context to a multiple of `CONTEXT_STEP`. All
passes behind contexts of one size share one board, and all recordings one pool of memory. Where a recording fails,
passes run as they are. On other devices the same function runs unrecorded, which is how it is tested without a GPU.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .cache import Board
from .network import GemmaNetwork, Side

COUNTS = (64, 128, 256, 384, 512, 768, 1024, 2048)
"""Positions that a pass is computed with; more run as they are."""
CONTEXT_STEP = 1024
PASSES_MAX = 16
"""Recordings that are kept."""
WARM_UPS = 3
"""Runs before a recording: kernels are compiled and chosen in them."""


def rounded(count: int) -> int | None:
    """Positions that a pass of `count` is computed with; none where it is too large."""
    return next((each for each in COUNTS if each >= count), None)


@dataclass(slots=True)
class Desk:
    """A board that never moves, and whose context is on it."""

    board: Board
    loaded: weakref.ref[Board] | None = None

    def load(self, board: Board) -> None:
        """Put a context on it, unless it is there."""
        if self.loaded is None or self.loaded() is not board:
            self.loaded = None
            self.board.load(board)
            self.loaded = weakref.ref(board)


class FixedPasses:
    """The passes that a network has run so far, by their shapes."""

    def __init__(self, network: GemmaNetwork) -> None:
        self.network = network
        self.note = ""
        """What went wrong with recordings; nothing while they work."""
        self._desks: dict[tuple[int, ...], Desk] = {}
        self._passes: dict[tuple[int, ...], FixedPass] = {}
        self._pool: Any = None

    def run(
        self, board: Board, ids: Tensor, soft: Tensor | None, free: Tensor, column: Tensor, row: Tensor
    ) -> Tensor | None:
        """Hidden states [N, D] of ids [N] in their columns of their rows; none where there are too many.

        Args:
            soft: [F, D], of the free positions.
        """
        count = rounded(len(ids))
        if count is None:
            return None
        desk = self._desk(board)
        desk.load(board)
        return self._pass(desk, count).run(self, ids, soft, free, column, row)

    def pool(self) -> Any:
        """Memory that all recordings share: no two of them ever run at once."""
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        return self._pool

    def _desk(self, board: Board) -> Desk:
        key = _shape(board)
        if key not in self._desks:
            # Contexts of another size are rare; what was recorded behind them goes with their board.
            self._desks.clear()
            self._passes.clear()
            self._desks[key] = Desk(board.twin(COUNTS[-1]))
        return self._desks[key]

    def _pass(self, desk: Desk, count: int) -> FixedPass:
        key = (count, *_shape(desk.board))
        made = self._passes.pop(key, None) or FixedPass(self.network, desk.board, count)
        if len(self._passes) == PASSES_MAX:
            del self._passes[next(iter(self._passes))]
        self._passes[key] = made
        return made


class FixedPass:
    """The decoder for `count` positions behind the context of a board."""

    def __init__(self, network: GemmaNetwork, board: Board, count: int) -> None:
        """Args: count: one of `COUNTS`."""
        self.network, self.count, self.board = network, count, board
        device, hidden = network.device, network.config.hidden_size
        self._ids = torch.zeros(count, dtype=torch.long, device=device)
        self._positions = torch.zeros(count, dtype=torch.long, device=device)
        self._own = torch.ones(count, count, dtype=torch.bool, device=device)
        self._soft = torch.zeros(count, hidden, dtype=network.dtype, device=device)
        self._out: Tensor | None = None
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(
        self, passes: FixedPasses, ids: Tensor, soft: Tensor | None, free: Tensor, column: Tensor, row: Tensor
    ) -> Tensor:
        """See `FixedPasses.run`."""
        used = len(ids)
        self._ids[:used], self._ids[used:] = ids, 0
        self._positions[:used], self._positions[used:] = self.board.length + column, self.board.length
        # Positions past the end form a row of their own: one that sees nothing would be a division by zero.
        rows = torch.full_like(self._ids, -1)
        rows[:used] = row
        torch.eq(rows[:, None], rows, out=self._own)
        self._soft.zero_()
        if soft is not None:
            self._soft[:used][free] = soft.to(self._soft.dtype)
        return self._play(passes)[:used]

    def _pass(self) -> Tensor:
        # Nothing in here may ask for a value: a recording cannot wait for the GPU.
        x = self.network.embed_canvas(self._ids, self._soft, None)
        return self.network.run(x, self._positions, self._own, self.board, Side.DECODER)

    def _play(self, passes: FixedPasses) -> Tensor:
        if self.network.device.type != "cuda" or passes.note:
            return self._pass()
        if self._graph is None:
            try:
                self._graph, self._out = self._recorded(passes)
            except RuntimeError as error:
                passes.note = f"passes are not recorded ({str(error).splitlines()[0][:120]}): they take longer"
                return self._pass()
        assert self._out is not None
        self._graph.replay()
        return self._out

    def _recorded(self, passes: FixedPasses) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._pass()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=passes.pool()):
            out = self._pass()
        return graph, out


def _shape(board: Board) -> tuple[int, ...]:
    return tuple(len(places) for places in board.places.values())

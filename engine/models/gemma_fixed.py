"""A decoder pass of fixed shapes: on a GPU it is recorded once as a CUDA graph and played back without launch costs.

A pass of the 26B is some thousand small kernels; launched one by one they leave the GPU waiting. What varies is brought
into buffers of a few sizes: positions to a multiple of `COUNT_STEP`, the context to a multiple of `CONTEXT_STEP`.
On other devices the same function runs as it is, which is how it is tested where there is no GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .gemma_cache import Board
from .gemma_network import GemmaNetwork, Side

COUNT_STEP = 64
CONTEXT_STEP = 1024
WARM_UPS = 3
"""Runs before the recording: kernels are compiled and chosen in them."""


def rounded(count: int) -> int:
    """Positions that a pass of `count` is computed with."""
    return -(-count // COUNT_STEP) * COUNT_STEP


class FixedPass:
    """The decoder for `count` positions behind contexts of one board's shapes."""

    def __init__(self, network: GemmaNetwork, like: Board, count: int) -> None:
        """Args: count: a multiple of `COUNT_STEP`."""
        self.network, self.count, self.board = network, count, like.twin(count)
        device, hidden = network.device, network.config.hidden_size
        self._ids = torch.zeros(count, dtype=torch.long, device=device)
        self._positions = torch.zeros(count, dtype=torch.long, device=device)
        self._own = torch.ones(count, count, dtype=torch.bool, device=device)
        self._soft = torch.zeros(count, hidden, dtype=network.dtype, device=device)
        self._out: Tensor | None = None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._loaded: Board | None = None

    def run(self, board: Board, ids: Tensor, soft: Tensor | None, free: Tensor, column: Tensor, row: Tensor) -> Tensor:
        """Hidden states [N, D] of ids [N] in their columns of their rows; `soft` [F, D] is of the free ones."""
        if self._loaded is not board:
            self.board.load(board)
            self._loaded = board
        used = len(ids)
        self._ids[:used], self._ids[used:] = ids, 0
        self._positions[:used], self._positions[used:] = board.length + column, board.length
        # Positions past the end form a row of their own: one that sees nothing would be a division by zero.
        rows = torch.full_like(self._ids, -1)
        rows[:used] = row
        torch.eq(rows[:, None], rows, out=self._own)
        self._soft.zero_()
        if soft is not None:
            self._soft[:used][free] = soft.to(self._soft.dtype)
        return self._play()[:used]

    def _pass(self) -> Tensor:
        # Nothing in here may ask for a value: a recording cannot wait for the GPU.
        x = self.network.embed_canvas(self._ids, self._soft, None)
        return self.network.run(x, self._positions, self._own, self.board, Side.DECODER)

    def _play(self) -> Tensor:
        if self.network.device.type != "cuda":
            return self._pass()
        if self._graph is None:
            self._record()
        assert self._graph is not None
        assert self._out is not None
        self._graph.replay()
        return self._out

    def _record(self) -> None:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._pass()
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._out = self._pass()

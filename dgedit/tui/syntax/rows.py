"""Where each row of a text begins, kept through edits.

A plain list of running sums would have to be rewritten from the edited row to the end at every key. Here all rows
after the last edit share one pending shift, so an edit near the last one costs nothing that grows with the file,
and an edit far away costs the distance once. It knows lengths alone: characters or bytes, as the caller counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate


class RowStarts:
    """Running sums of row lengths; a row's length includes its line ending."""

    def __init__(self, lengths: Iterable[int]) -> None:
        self._starts = list(accumulate(lengths, initial=0))
        self._pivot = len(self._starts)
        self._shift = 0

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._starts) - 1

    def __getitem__(self, row: int) -> int:
        """Where a row begins; the row after the last one begins where the text ends."""
        return self._starts[row] + (self._shift if row >= self._pivot else 0)

    def row_at(self, offset: int) -> int:
        """The row that an offset stands in; an offset past the end belongs to the last row."""
        if self._pivot < len(self._starts) and offset >= self[self._pivot]:
            row = bisect_right(self._starts, offset - self._shift, lo=self._pivot)
        else:
            row = bisect_right(self._starts, offset, hi=self._pivot)
        return min(max(row - 1, 0), len(self) - 1)

    def splice(self, row: int, stop: int, lengths: Sequence[int]) -> None:
        """Put rows of other lengths, at least one, in place of the rows [row, stop)."""
        self._settle(stop + 1)
        base = self._starts[row]
        new = list(accumulate(lengths, initial=base))[1:]
        self._shift += new[-1] - self._starts[stop]
        self._starts[row + 1 : stop + 1] = new
        self._pivot = row + 1 + len(new)

    def _settle(self, pivot: int) -> None:
        """Make the pending shift begin at another row."""
        old, shift = self._pivot, self._shift
        if shift and pivot > old:
            self._starts[old:pivot] = [start + shift for start in self._starts[old:pivot]]
        elif shift and pivot < old:
            self._starts[pivot:old] = [start - shift for start in self._starts[pivot:old]]
        self._pivot = pivot

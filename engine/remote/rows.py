"""Several requests of one infill at once, each in a thread of its own: rows of a canvas, or tries of a chat.

A server that computes batches answers them in little more time than one. Cutting the infill's line ends all of them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from .line import Line

Answer = TypeVar("Answer")


class RemoteRows(Generic[Answer]):
    """Requests under way."""

    def __init__(self, rows: Sequence[Callable[[Line], Answer]], line: Line) -> None:
        """Send them; each row asks over a branch of `line`, and gives what came back."""
        self._line, self._count = line, len(rows)
        self._ended = queue.SimpleQueue[tuple[int, Answer | Exception]]()
        for number, row in enumerate(rows):
            arguments = (number, row, line.branch())
            threading.Thread(target=self._ask, args=arguments, name=f"row {number}", daemon=True).start()

    def answers(self) -> Iterator[tuple[int, Answer]]:
        """The number of each row that was answered, and what came back, in the order in which they end.

        Raises:
            EngineError: when the infill was cut, or, at the end, what befell the first row when none was answered.
        """
        troubles = dict[int, Exception]()
        for _ in range(self._count):
            number, answer = self._ended.get()
            self._line.check()
            if isinstance(answer, Exception):
                troubles[number] = answer
            else:
                yield number, answer
        if troubles and len(troubles) == self._count:
            raise troubles[min(troubles)]

    def _ask(self, number: int, row: Callable[[Line], Answer], branch: Line) -> None:
        try:
            self._ended.put((number, row(branch)))
        except Exception as trouble:  # the boundary of the row's thread: whoever waits for the rows is told
            self._ended.put((number, trouble))
        finally:
            branch.release()

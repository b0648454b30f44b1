"""A parse in slices: bounded in time by the processor's clock, and given up where a grammar cannot be held to it.

A slice ends where the parser asks whether to go on, which it does after every hundred steps. While it recovers from an
error a single step may scan all that follows, so hundred of them can take seconds and gigabytes. The one way in is the
reading: text that is asked for too late is said to be at its end, the scan stops, and what came of it is dropped. This
module must know neither documents nor what a grammar is for.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from time import perf_counter, thread_time

from tree_sitter import Language, Parser, Tree

CHUNK_BYTES = 2_048
"""How much the parser reads at once; what it has read it scans even after it was told that the text ends."""
STEPS_S = 0.004
"""So much of the processor's time the parser may take before it asks again whether to go on."""
CUTS_MAX = 2
"""Not at the first cut is a text given up: the interpreter may have had other work in between."""
SPENT_S = 1.0
SPENT_S_PER_MB = 5.0
"""So much time all slices of one text may take."""
GROWN_BYTES = 64_000_000
GROWN_BYTES_PER_BYTE = 100
"""So much memory all slices of one text may take."""
STATM = Path("/proc/self/statm")

Point = tuple[int, int]


class CostlyParseError(Exception):
    """A text takes more time or memory than its parse may have; what was parsed of it is dropped."""


class SlicedParse:
    """One parser and the text that it is in the midst of."""

    def __init__(self, language: Language, text: bytes | bytearray) -> None:
        """Args: text: may be changed between two parses; `reset` must then be called."""
        self._language, self._text = language, text
        self._parser = Parser(language)
        self._is_half = False
        self._spent_s, self._grown, self._cuts = 0.0, 0, 0
        self._deadline = self._asked_s = 0.0
        self._is_cut = False
        self._piece = bytearray()

    def reset(self) -> None:
        """Forget a parse that was not finished."""
        if self._is_half:
            self._drop()
        self._spent_s, self._grown, self._cuts = 0.0, 0, 0

    def _drop(self) -> None:
        # A parser that is only reset keeps the memory that it had.
        self._parser = Parser(self._language)
        self._is_half = False

    def go_on(self, tree: Tree | None, budget_ms: float) -> Tree | None:
        """The tree of the text, or none where the budget was not enough; the next call then goes on.

        Raises:
            CostlyParseError: when the text cannot be parsed within bounds; the next call begins anew.
        """
        began_s, had_bytes = thread_time(), resident_bytes()
        self._deadline = perf_counter() + budget_ms / 1000
        self._asked_s, self._is_cut, self._is_half = began_s, False, True
        try:
            parsed = self._parse(tree)
        except ValueError:
            # How the binding says that the callback stopped it.
            parsed = None
        finally:
            self._let_go()
        self._spent_s += thread_time() - began_s
        self._grown += resident_bytes() - had_bytes
        if self._is_cut:
            # What was parsed ends where the reading was cut.
            self._drop()
            parsed, self._cuts = None, self._cuts + 1
        if parsed is not None:
            self._is_half = False
        elif self._cuts < CUTS_MAX and not self._is_too_much():
            return None
        self.reset()
        if parsed is None:
            raise CostlyParseError
        return parsed

    def _parse(self, tree: Tree | None) -> Tree:
        if tree is None:
            return self._parser.parse(self._read, progress_callback=self._should_stop)
        return self._parser.parse(self._read, tree, progress_callback=self._should_stop)

    def _is_too_much(self) -> bool:
        size = len(self._text)
        too_long = self._spent_s > SPENT_S + SPENT_S_PER_MB * size / 1e6
        return too_long or self._grown > GROWN_BYTES + GROWN_BYTES_PER_BYTE * size

    def _should_stop(self, _offset: int, _has_error: bool) -> bool:
        self._asked_s = thread_time()
        return self._is_cut or perf_counter() > self._deadline

    def _read(self, offset: int, _point: Point) -> bytearray | bytes:
        self._let_go()
        if self._is_cut or thread_time() - self._asked_s > STEPS_S:
            self._is_cut = True
            return b""
        self._piece = bytearray(self._text[offset : offset + CHUNK_BYTES])
        return self._piece

    def _let_go(self) -> None:
        # The binding never gives up its reference to what was read: emptied, next to nothing is left of it.
        self._piece.clear()


def parsed_within(language: Language, text: bytes, tree: Tree | None, budget_ms: float) -> Tree | None:
    """The tree of a text, from an edited one where there is one; none where that takes longer than the budget."""
    parse = SlicedParse(language, text)
    try:
        return parse.go_on(tree, budget_ms)
    except CostlyParseError:
        return None


def resident_bytes() -> int:
    """Memory that the process has now, or the most that it ever had where the system does not tell."""
    try:
        return int(STATM.read_bytes().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024

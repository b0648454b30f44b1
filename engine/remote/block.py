"""The first code block of a chat's answer, read as the answer comes: each piece is looked at once.

An answer of 100,000 pieces of one character costs as much as one piece of 100,000: lines are judged when they end, and
the code is put together only when it is asked for. Thoughts before the block are left out. Pure text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

_THOUGHTS = {"<think>": "</think>", "<|channel>thought": "<channel|>"}
"""What a model begins and ends a thought with, at the beginning of its answer."""
# Possessive, because what is given back could never help: a long run of signs must not be tried anew at each length.
_OPENING = re.compile(r" {0,3}+(?P<fence>`{3,}+|~{3,}+)[^`]*+\Z")
_CLOSING = re.compile(r" {0,3}+(?P<fence>`{3,}+|~{3,}+)[ \t]*+\Z")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """The first code block of an answer, as far as it has come."""

    code: str
    opened: bool
    closed: bool


class _Where(Enum):
    """What comes next."""

    START = auto()
    THOUGHT = auto()
    TALK = auto()
    """What stands before the block."""
    CODE = auto()
    END = auto()


class BlockReader:
    """Takes an answer in pieces."""

    def __init__(self) -> None:
        self._where = _Where.START
        self._line = list[str]()
        """Pieces of the line that has not ended."""
        self._code = list[str]()
        """Lines of the block with their breaks."""
        self._fence = self._thought_end = self._begun = ""

    @property
    def is_closed(self) -> bool:
        """Whether the block has ended: what follows is not looked at."""
        return self._where is _Where.END

    def add(self, piece: str) -> None:
        """What the answer goes on with."""
        if self._where is _Where.START:
            piece = self._after_start(piece)
        if self._where is _Where.THOUGHT:
            piece = self._after_thought(piece)
        if self._where in (_Where.TALK, _Where.CODE):
            *whole, rest = piece.split("\n")
            for end in whole:
                self._line.append(end)
                self._ended("".join(self._line))
                self._line.clear()
                if self.is_closed:
                    return
            if rest:
                self._line.append(rest)

    def block(self, *, ended: bool = False) -> CodeBlock:
        """The block as far as it has come.

        Args:
            ended: whether the answer is whole; what may yet become a closing fence is held back until then.
        """
        if self._where not in (_Where.CODE, _Where.END):
            return CodeBlock("", opened=False, closed=False)
        code, last = "".join(self._code), "".join(self._line)
        if self.is_closed or (ended and self._closes(last)):
            return CodeBlock(code.removesuffix("\n"), opened=True, closed=True)
        if ended:
            whole = (code + last).rstrip()
            return CodeBlock(whole.removesuffix(self._fence), opened=True, closed=whole.endswith(self._fence))
        if not last.strip(f" \t{self._fence[0]}"):
            return CodeBlock(code.removesuffix("\n"), opened=True, closed=False)
        return CodeBlock((code + last).rstrip(self._fence[0]), opened=True, closed=False)

    def _after_start(self, piece: str) -> str:
        """What of the answer's beginning is no thought; nothing while that cannot be told."""
        self._line.append(piece)
        if not piece.strip() and not self._begun:
            return ""
        self._begun += piece if self._begun else piece.lstrip()
        whole = "".join(self._line)
        for opening, end in _THOUGHTS.items():
            if self._begun.startswith(opening):
                self._where, self._thought_end = _Where.THOUGHT, end
                self._line.clear()
                return whole.lstrip()[len(opening) :]
            if opening.startswith(self._begun):
                return ""
        self._where = _Where.TALK
        self._line.clear()
        return whole

    def _after_thought(self, piece: str) -> str:
        """What stands behind the end of the thought."""
        tail = "".join(self._line) + piece
        self._line.clear()
        at = tail.find(self._thought_end)
        if at < 0:
            self._line.append(tail[max(0, len(tail) - len(self._thought_end) + 1) :])
            return ""
        self._where = _Where.TALK
        return tail[at + len(self._thought_end) :]

    def _ended(self, line: str) -> None:
        """A line of talk or code is whole."""
        if self._where is _Where.TALK:
            opening = _OPENING.match(line)
            if opening is not None:
                self._where, self._fence = _Where.CODE, opening["fence"]
        elif self._closes(line):
            self._where = _Where.END
        else:
            self._code.append(line + "\n")

    def _closes(self, line: str) -> bool:
        """Whether a line is a fence that ends the block."""
        found = _CLOSING.match(line)
        return found is not None and found["fence"].startswith(self._fence)


def code_block(answer: str, *, ended: bool = False) -> CodeBlock:
    """The code block in an answer that is there as one text; see `BlockReader.block`."""
    reader = BlockReader()
    reader.add(answer)
    return reader.block(ended=ended)

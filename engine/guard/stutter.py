"""Answers that say one thing over and over, or only a line again that already stands near the hole."""

from __future__ import annotations

import re

from .lexing import is_word, solid

RUN_TOKENS = 3
LISTED_TOKENS = 6
"""In a list things may well stand thrice."""
_RUN = re.compile(r"([A-Za-z_]{2,}?)\1{2,}")
_TRIVIAL = re.compile(r"(?:pass|else:|try:|finally:|return|return None|break|continue|\W*|@\w+)$")
"""Lines that stand many times in any file."""


def stutters(text: str) -> bool:
    """Whether a word, or a pair of tokens, stands three times in a row, or a word is one piece said thrice."""
    said = [token.text for token in solid(text)]
    for size in (1, 2, 3):
        for at in range(len(said) - RUN_TOKENS * size + 1):
            piece = said[at : at + size]
            runs = LISTED_TOKENS if "," in piece else RUN_TOKENS
            again = all(said[at + n * size : at + (n + 1) * size] == piece for n in range(1, runs))
            if again and any(map(is_word, piece)) and not all(each.isdigit() or each == "," for each in piece):
                return True
    return any(is_word(each) and _RUN.search(each) for each in said)


def is_trivial(line: str) -> bool:
    """Whether a line may well stand twice."""
    return _TRIVIAL.match(line.strip()) is not None


def stands_in(text: str, lines: frozenset[str]) -> bool:
    """Whether every line of an answer that says something stands among the given ones, and there is one."""
    telling = [line.strip() for line in text.split("\n") if not is_trivial(line)]
    return bool(telling) and all(line in lines for line in telling)

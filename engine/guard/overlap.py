"""What an answer repeats of the text around its hole: found in tokens within a line, in lines beyond it.

A model that is shown both sides of a hole likes to write on into the one that follows, or to begin its line again.
Cuts are only proposed here, the longest first; whether one is right is for the parser to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .lexing import is_word, solid, unopened

_CALL = re.compile(r"(\w+)\([^()]*(?:\([^()]*\)[^()]*)*\)")
"""A call with no more than one call deep among its arguments."""

TOKENS_COMPARED = 24
LINES_COMPARED = 40
SIGNS_SAID_ONCE = (["@"], ["#"], ["$"])
"""What begins a decorator, a comment, a field."""
WORD_CHARS = 2
"""A single word that is shorter may well be meant twice."""


def ends_cut(text: str, rest: str) -> Iterator[str]:
    """The text without what its end repeats of the rest of the hole's line: the longest repetition first.

    What stands from a closing bracket on that nothing opened is cut too: the bracket is that of the rest.
    """
    at = unopened(text)
    if at is not None and solid(rest):
        yield from ends_cut(text[:at], rest)
        yield text[:at]
    said, coming = solid(text), [token.text for token in solid(rest)[:TOKENS_COMPARED]]
    spoken = [token.text for token in said]
    for count in range(min(len(spoken), len(coming)), 0, -1):
        if spoken[-count:] == coming[:count]:
            yield text[: said[-count].start]


def begins_cut(text: str, head: str) -> Iterator[str]:
    """The text without what its start repeats of the line before the hole: the longest repetition first."""
    said, before = solid(text), [token.text for token in solid(head)[-TOKENS_COMPARED:]]
    spoken = [token.text for token in said]
    for count in range(min(len(spoken), len(before)), 0, -1):
        shared = spoken[:count]
        telling = count > 1 or (is_word(shared[0]) and len(shared[0]) >= WORD_CHARS)
        alone = shared in SIGNS_SAID_ONCE
        if before[-count:] == shared and (alone or (telling and any(map(is_word, shared)))):
            yield text[said[count - 1].end :]


def lines_cut(text: str, suffix: str) -> Iterator[str]:
    """The text without last lines that only say the next lines again."""
    lines = text.rstrip().split("\n")
    coming = [line.strip() for line in suffix.split("\n")[: 2 * LINES_COMPARED] if line.strip()]
    for count in range(min(len(lines) - 1, len(coming), LINES_COMPARED), 0, -1):
        if [line.strip() for line in lines[-count:]] == coming[:count]:
            yield "\n".join(lines[:-count]).rstrip()


def first_lines_cut(text: str, prefix: str) -> Iterator[str]:
    """The text without first lines that only say the lines before the hole again; something remains."""
    lines = text.split("\n")
    before = [line.strip() for line in prefix.split("\n")[-2 * LINES_COMPARED :] if line.strip()]
    for count in range(min(len(lines) - 1, len(before), LINES_COMPARED), 0, -1):
        if [line.strip() for line in lines[:count]] == before[-count:]:
            yield "\n".join(lines[count:])


def repeats(text: str, head: str, rest: str) -> bool:
    """Whether an answer says again what stands next to it in its line: the rest as its end, or the head as its start.

    A lone closing bracket or sign is told by the parser; here it takes a word.
    """
    said, coming = [token.text for token in solid(text)], [token.text for token in solid(rest)]
    before = [token.text for token in solid(head)]
    after = any(
        said[-n:] == coming[:n] and any(map(is_word, coming[:n])) for n in range(1, min(len(said), len(coming)) + 1)
    )
    return after or any(
        said[:n] == before[-n:] and any(is_word(each) and len(each) >= WORD_CHARS for each in said[:n])
        for n in range(1, min(len(said), len(before)) + 1)
    )


def call_cut(text: str, rest: str) -> Iterator[str]:
    """The name alone of a call, where the parenthesis of the call stands behind the hole already."""
    called = _CALL.fullmatch(text.strip())
    if called and rest.startswith("("):
        yield called[1]

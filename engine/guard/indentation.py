"""The indentation of an answer's later lines in the characters that the file uses."""

from __future__ import annotations

import re

SPACES_A_TAB = 4
_LEADING = re.compile(r"^[ \t]+", re.MULTILINE)
NEAR_CHARS = 4_000


def uses_tabs(prefix: str, suffix: str) -> bool:
    """Whether the lines around a hole are indented by tabs."""
    found = _LEADING.findall(prefix[-NEAR_CHARS:]) + _LEADING.findall(suffix[:NEAR_CHARS])
    tabs = sum(each[0] == "\t" for each in found)
    return bool(tabs * 2 > len(found))


def fitted(text: str, prefix: str, suffix: str) -> str:
    """The text with its lines indented as those around it are: by tabs, or by spaces."""
    if uses_tabs(prefix, suffix):
        return _LEADING.sub(lambda match: _as_tabs(match.group()), text)
    return _LEADING.sub(lambda match: match.group().expandtabs(SPACES_A_TAB), text)


def _as_tabs(leading: str) -> str:
    wide = leading.expandtabs(SPACES_A_TAB)
    return "\t" * (len(wide) // SPACES_A_TAB) + " " * (len(wide) % SPACES_A_TAB)

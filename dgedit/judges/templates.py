"""Texts from which a program makes others: signs that a line is not yet in the language that its file is named for."""

from __future__ import annotations

import re

LINES_ABOVE = 2
LINES_BELOW = 1
IN_DATA = re.compile(r"\{\{.*\}\}|\{%.*%\}|<%.*%>|\$\{\w+\}|@\w+@|#\{\w+\}")
"""What is filled in in data, where no such thing has a meaning of its own."""
IN_CODE = re.compile(r"\{%-?\s*\w.*%\}|\{\{-?\s*[\w.][^{}\"']*\}\}|<%.*%>|<\?(?:php|=)|(?<!\w)@[A-Z][A-Z0-9_]+@")
"""What is filled in in code, where a dollar and braces mean something."""

BLOCKS = re.compile(r"\{%-?\s*\w.*%\}|<%.*%>|<\?(?:php|=)")
"""What chooses between parts of a text, each of which may open what another closes."""


def is_near(text: str, line: int, signs: re.Pattern[str]) -> bool:
    """Whether a line, counted from 0, or one near it is made to be filled in by a program."""
    lines = text.split("\n")
    return any(signs.search(each) for each in lines[max(0, line - LINES_ABOVE) : line + LINES_BELOW + 1])

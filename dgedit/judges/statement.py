"""Whether one line of code is a statement by itself, or the head of one: for text that nobody asked for.

Python alone is told; what a line means in its file is for the judges of whole texts.
"""

from __future__ import annotations

from ..engine.parsing import module_of

LANGUAGE = "python"
_AROUND = (("", ""), ("", "\n pass"), ("if 1: pass\n", "\n pass"), ("try: pass\n", "\n pass"))
"""What may stand around a line: nothing, the block under it, and what comes before `else` and `except`."""


def is_statement(line: str, language: str) -> bool | None:
    """Whether a line without its indentation parses, alone or with a block under it; none where that is not known."""
    if language != LANGUAGE:
        return None
    return any(module_of(before + line.strip() + after) is not None for before, after in _AROUND)


def spoils(before: str, added: str, language: str) -> bool:
    """Whether a line is a statement without what is added to it, and is none with it."""
    return bool(is_statement(before, language)) and not is_statement(before + added, language)

"""Whether a file parses with an answer in its span; imports no torch."""

from __future__ import annotations

import ast
import warnings

from .types import InfillRequest

PARSE_LIMIT_CHARS = 400_000
"""Larger files are not parsed for each candidate."""


def parses(request: InfillRequest, text: str) -> bool | None:
    """Whether the whole file parses with `text` in the span; none for other languages and very large files."""
    source = request.prefix + text + request.suffix
    if request.language != "python" or len(source) > PARSE_LIMIT_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True

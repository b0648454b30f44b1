"""Style sheets as tinycss2 reads them, which follows CSS Syntax Level 3: the syntax that later CSS is written in.

The syntax is made so that browsers go on after any fault, and closes at the end of a text whatever is open. So a text
counts as read only where nothing had to be skipped, and where no value holds what looks like the next declaration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_DEEPEST = 64
_COLONS = ("filter", "-ms-filter", "behavior", "-ms-behavior")
"""Declarations whose old values hold colons."""
_STARRED = re.compile(r"(?<=[{;\s])\*(?=[a-z-]+\s*:)")
"""What makes an old browser alone read a declaration."""
_HOLDING = ("content", "arguments")
BY = "tinycss2"


def read(text: str) -> bool:
    """Whether every rule and declaration of a style sheet is one; never where the library is missing."""
    try:
        import tinycss2
    except ImportError:
        return False
    rules = tinycss2.parse_stylesheet(_STARRED.sub("", text), skip_comments=True, skip_whitespace=True)
    return _are_rules(rules, tinycss2.parse_blocks_contents, 0)


def _are_rules(nodes: Iterable[Any], parse: Any, depth: int) -> bool:
    return depth < _DEEPEST and all(_is_rule(node, parse, depth) for node in nodes)


def _is_rule(node: Any, parse: Any, depth: int) -> bool:
    if node.type == "error":
        return False
    if node.type == "declaration":
        return _is_whole(node.value, 0) and not _holds_another(node)
    if node.type not in ("qualified-rule", "at-rule"):
        return True
    if not _is_whole(node.prelude, 0):
        return False
    content = node.content
    return content is None or _are_rules(parse(content, skip_comments=True, skip_whitespace=True), parse, depth + 1)


def _is_whole(tokens: Iterable[Any], depth: int) -> bool:
    """Whether no token, at any depth, is what could not be read."""
    if depth >= _DEEPEST:
        return False
    for token in tokens:
        if token.type == "error":
            return False
        for name in _HOLDING:
            inner = getattr(token, name, None)
            if isinstance(inner, list) and not _is_whole(inner, depth + 1):
                return False
    return True


def _holds_another(declaration: Any) -> bool:
    """Whether a value holds a colon, as where a semicolon is missing before the next declaration."""
    name = str(declaration.lower_name)
    if name.startswith("--") or name.lstrip("*_") in _COLONS:
        return False
    return any(token.type == "literal" and token.value == ":" for token in declaration.value)

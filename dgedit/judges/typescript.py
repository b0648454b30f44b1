"""TypeScript that is newer than its grammar, or in a form that the grammar does not know, in forms that it does.

Each form stands here with another that means the same to whoever only parses. A text counts as read where the grammar
reads it so written; its no stays none. Every line keeps its number.
"""

from __future__ import annotations

import re

from . import grammar

_LANGUAGES = frozenset({"typescript", "tsx"})
_FORMS = (
    # A type of another module, by its path.
    (
        re.compile(
            r"\bimport\s*\(\s*(?:\"[^\"\n]*\"|'[^'\n]*')\s*(?:,\s*\{[^{}]*\{[^{}]*\}\s*,?\s*\}\s*)?\)\s*\.\s*(?=[\w$])"
        ),
        "",
    ),
    (re.compile(r"\b(export\s+)type\s+(?=\*)"), r"\1"),
    (re.compile(r"\bimport\s+(?:defer|source)\s+(?=[\w$*])"), "import "),
    (re.compile(r"([<,]\s*)(?:const\s+|in\s+out\s+|in\s+|out\s+)(?=[A-Z_$][\w$]*\s*(?:[,>=]|extends\b))"), r"\1"),
    (re.compile(r"^([ \t]*(?:declare[ \t]+)?)(?=global[ \t]*\{)", re.MULTILINE), r"\1namespace "),
    # A property that is named like a modifier.
    (
        re.compile(
            r"^([ \t]*(?:readonly[ \t]+)?)(?:abstract|declare|accessor|override|static)(?=\??[ \t]*:)", re.MULTILINE
        ),
        r"\1name",
    ),
)
_BODILESS = (re.compile(r"\bexport\s+default\s+(?:async\s+)?function\s*(?=[<(])"), "export declare function name")
"""What a module that is only declared exports; elsewhere the function has a body."""
_UNSEPARATED = (re.compile(r"([\w>\])}'\"])(?=[ \t]*\n[ \t]*(?:<[A-Za-z_$][^\n]*|\([^\n]*))"), r"\1;")
"""Signatures one below the other, with nothing between them."""
_ALSO = ((), (_UNSEPARATED,), (_BODILESS,), (_BODILESS, _UNSEPARATED))


def read(text: str, language: str) -> bool:
    """Whether the grammar reads a text in other forms of the same meaning."""
    if language not in _LANGUAGES:
        return False
    for pattern, instead in _FORMS:
        text = _written(text, pattern, instead)
    return any(grammar.reads(each, language) for each in dict.fromkeys(_more(text)))


def _more(text: str) -> list[str]:
    found = []
    for forms in _ALSO:
        other = text
        for pattern, instead in forms:
            other = _written(other, pattern, instead)
        found.append(other)
    return found


def _written(text: str, pattern: re.Pattern[str], instead: str) -> str:
    return pattern.sub(lambda found: found.expand(instead) + "\n" * _lost(found, instead), text)


def _lost(found: re.Match[str], instead: str) -> int:
    return found.group().count("\n") - found.expand(instead).count("\n")

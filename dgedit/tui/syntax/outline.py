"""Symbols of a text by the words that its definitions begin with, for languages that have no grammar here.

It reads lines alone and takes their indentation for depth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .base import Symbol

LINE_CHARS_MAX = 500
_MODIFIERS = (
    "public|private|protected|internal|static|final|abstract|open|sealed|data|override|async|export|local|inline"
    "|suspend|virtual|partial|case|pub"
)
_KINDS = "class|struct|interface|trait|enum|object|protocol|extension|module|namespace|record|macro|type"
_FUNCTIONS = "def|defp|fn|fun|func|function|sub|proc|method"
_DEFINITION = re.compile(
    rf"\s*(?:(?:{_MODIFIERS})\s+)*(?P<kind>{_KINDS}|defmodule|{_FUNCTIONS})\s+(?P<name>[\w.:$*'-]*[\w$*'?!-])"
)
_BY_LANGUAGE = {
    "diff": re.compile(r"\+\+\+ (?:b/)?(?P<name>\S+)"),
    "docker": re.compile(r"(?P<kind>FROM)\s+(?P<name>.*\S)", re.IGNORECASE),
    "ini": re.compile(r"\s*\[(?P<name>[^\]]+)\]"),
    "make": re.compile(r"(?P<name>[^\s#:=][^:=#]*?)\s*::?(?!=)"),
    "sql": re.compile(
        r"\s*create\s+(?:or\s+replace\s+)?(?:(?:temp|temporary|unique|materialized)\s+)*"
        r"(?P<kind>table|view|function|procedure|index|trigger|type|schema)\s+(?:if\s+not\s+exists\s+)?"
        r"(?P<name>[\w.\"`\[\]]+)",
        re.IGNORECASE,
    ),
    "tex": re.compile(r"\s*\\(?:part|chapter|(?:sub)*section)\*?\{(?P<name>[^}]*)"),
}
_KIND_OF = {"diff": "file", "docker": "stage", "ini": "section", "make": "target", "tex": "heading"}
_SAME_KIND = {"defmodule": "module", "from": "stage"} | dict.fromkeys(_FUNCTIONS.split("|"), "function")


def outline(language: str, lines: Sequence[str]) -> list[Symbol]:
    """The symbols of a text, in its order."""
    pattern = _BY_LANGUAGE.get(language, _DEFINITION)
    symbols: list[Symbol] = []
    margins: list[int] = []
    for row, line in enumerate(lines):
        found = pattern.match(line) if len(line) <= LINE_CHARS_MAX else None
        if found is None:
            continue
        margin = len(line) - len(line.lstrip())
        while margins and margins[-1] >= margin:
            margins.pop()
        kind = _KIND_OF.get(language) or found["kind"].lower()
        symbols.append(Symbol(found["name"], _SAME_KIND.get(kind, kind), row, found.start("name"), len(margins)))
        margins.append(margin)
    return symbols

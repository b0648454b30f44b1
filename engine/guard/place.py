"""What kind of place a hole stands in, told by the grammar of the language around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from tree_sitter import Node

from . import parse

_OPENING = re.compile(r"([A-Za-z]{0,3}#*)(\"\"\"|'''|\"|'|`)")
_WORD_END, _WORD_START = re.compile(r"\w+\Z"), re.compile(r"\w+")
_FIELDS = ("interpolation", "template_substitution", "format_expression", "interpolated_expression")
_STRINGS = ("string", "rune", "char_literal", "quote_scalar", "template_literal")


class PlaceKind(Enum):
    """What an answer would be part of."""

    CODE = "code"
    STRING = "string"
    FIELD = "field of a string"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True, kw_only=True)
class HolePlace:
    """Where a hole stands."""

    kind: PlaceKind
    language: str
    head: str
    """The hole's line before it."""
    rest: str
    """The hole's line after it."""
    quote: str = ""
    """What closes the string that the hole is in, or the block comment."""
    raw: bool = False
    """No escapes are known in the string."""

    @property
    def is_mid_line(self) -> bool:
        """Whether text follows in the line."""
        return bool(self.rest.strip())

    @property
    def begins_line(self) -> bool:
        """Whether nothing but indentation stands before the hole in its line."""
        return not self.head.strip()

    @property
    def stem(self) -> str:
        """The first part of a word that the hole is in the middle of."""
        found = _WORD_END.search(self.head)
        return found.group() if found else ""

    @property
    def tail(self) -> str:
        """The last part of that word."""
        found = _WORD_START.match(self.rest)
        return found.group() if found else ""


def place_of(prefix: str, suffix: str, language: str, tree: parse.ParsedSource | None = None) -> HolePlace:
    """The place between two texts; code where the language has no grammar here.

    Args:
        tree: of the two texts with a filler between them, where it is known already.
    """
    head, rest = prefix[prefix.rfind("\n") + 1 :], suffix.split("\n", 1)[0]
    source = tree if tree is not None else parse.source_of(prefix, suffix, language)
    kind, quote, raw = PlaceKind.CODE, "", False
    node = source.node() if source is not None else None
    while node is not None:
        if (found := _known(node)) is not None:
            kind, quote, raw = found
            break
        node = node.parent
    return HolePlace(kind=kind, language=language, head=head, rest=rest, quote=quote, raw=raw)


def _known(node: Node) -> tuple[PlaceKind, str, bool] | None:
    """Kind, closing sign and whether it is raw, where a node tells."""
    text = node.text or b""
    if node.type in _FIELDS:
        outer = node.parent
        quote = _OPENING.match((outer.text or b"").decode(errors="replace")) if outer is not None else None
        return PlaceKind.FIELD, quote[2] if quote else "", False
    if "comment" in node.type:
        return PlaceKind.COMMENT, "*/" if text.startswith(b"/*") else "", False
    if any(part in node.type for part in _STRINGS) and node.is_named:
        opening = _OPENING.match(text.decode(errors="replace"))
        if opening is not None:
            return PlaceKind.STRING, opening[2], "r" in opening[1].lower()
    return None

"""Characters that act instead of being seen: which a text holds, how they are called, and texts without them.

Control characters move a terminal's cursor or start its commands; bidirectional overrides show code in another order
than a compiler reads it. Tabs and line breaks are none of them, nor are the marks that Arabic and Hebrew are written
with. Pure functions of strings.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Embeddings, overrides and isolates: they reach beyond the word that they stand in."""
UNSEEN = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{BIDI}\U000e0000-\U000e007f\ud800-\udfff]")
"""Those, tags, which no program draws, and halves of characters, which no file can hold."""
NAMES = {0x00: "NUL", 0x07: "BEL", 0x08: "BS", 0x0B: "VT", 0x0C: "FF", 0x1B: "ESC", 0x7F: "DEL"}
KINDS_SHOWN = 3


def unseen(text: str) -> Counter[str]:
    """How often each character is in a text that is not seen in it."""
    return Counter(UNSEEN.findall(text))


def without_unseen(text: str) -> str:
    """The text without characters that are not seen in it."""
    return UNSEEN.sub("", text)


def named(character: str) -> str:
    """What a person calls a character that cannot be shown."""
    code = ord(character)
    return NAMES.get(code) or unicodedata.name(character, "").lower() or f"U+{code:04X}"


def told(found: Counter[str]) -> str:
    """What was found, in a few words: "2 control characters (ESC, NUL)"."""
    count = sum(found.values())
    names = [named(character) for character, _ in found.most_common(KINDS_SHOWN)]
    more = [f"{len(found) - KINDS_SHOWN} other kinds"] if len(found) > KINDS_SHOWN else []
    return f"{count:,} control character{'s' * (count != 1)} ({', '.join([*names, *more])})"

"""Keys by name: as a person spells them, as Textual calls them, and which of them a terminal can tell apart."""

from __future__ import annotations

import string
import unicodedata

from .errors import nearest

MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_UNICODE = {sign: unicodedata.name(sign).lower().replace("-", "_").replace(" ", "_") for sign in string.punctuation}
SIGNS = {sign: _RENAMED.get(name, name) for sign, name in _UNICODE.items()}
"""Signs by the names that Textual has for their keys."""
PRINTING = frozenset([*"abcdefghijklmnopqrstuvwxyz0123456789", *SIGNS.values(), "space"])
_MOVES = ("up", "down", "left", "right", "home", "end", "pageup", "pagedown")
_EDITS = ("insert", "delete", "backspace", "enter", "tab", "escape")
NAMED = frozenset([*_MOVES, *_EDITS, *(f"f{number}" for number in range(1, 25))])
SPELLINGS = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "del": "delete", "ins": "insert", "return": "enter"}
SAME_KEY = {"ctrl+slash": "ctrl+underscore", "ctrl+at": "ctrl+space"}
"""Keys that are one key in a plain terminal; conflicts are found by the second name."""
SAME_BYTE = {
    "ctrl+h": "backspace",
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
}
"""Keys that a terminal sends the same byte for as for another one."""


def key_name(written: str) -> str:
    """Textual's name of a key as a person writes it: "Ctrl+]" is "ctrl+right_square_bracket".

    Raises:
        ValueError: when there is no such key, or it can never reach a command.
    """
    spelled = written.strip().lower()
    head, _, last = (spelled[:-2], "", "+") if spelled.endswith("++") else spelled.rpartition("+")
    modifiers = sorted({modifier.strip() for modifier in head.split("+")}) if head else []
    last = last.strip() or spelled
    key = SIGNS.get(last, SPELLINGS.get(last, last))
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise ValueError(f"{written!r} has no modifier {modifier!r}; there are {', '.join(MODIFIERS)}")
    if key not in PRINTING and key not in NAMED:
        raise ValueError(f"there is no key {written!r}{nearest(key, [*NAMED, *SIGNS.values()])}")
    if key in PRINTING and not set(modifiers) - {"shift"}:
        raise ValueError(f"{written!r} writes itself; add ctrl or alt")
    name = "+".join([*modifiers, key])
    if name in SAME_BYTE:
        raise ValueError(f"{written!r} arrives as {SAME_BYTE[name]} in a terminal; bind another key")
    return SAME_KEY.get(name, name)


def written_key(key: str) -> str:
    """A key as a person would write it, with its sign and not the sign's name."""
    plain = {same: name for name, same in SAME_KEY.items() if name != "ctrl+at"}
    head, plus, last = plain.get(key, key).rpartition("+")
    return head + plus + {name: sign for sign, name in SIGNS.items()}.get(last, last)

"""Keys from the sequences of a terminal: Textual's parser, but Alt with any key stays Alt with that key.

Terminals send Escape before a key that is pressed with Alt. Textual takes some of these for other keys altogether
(Alt+Backspace for Ctrl+W, Alt+Tab for Shift+Tab, Alt+B for Ctrl+Left, Alt+1 for a sign) and forgets the Alt of others
(Alt+Enter, Alt+/), so that a slip of the hand would close a file. The character of such a key is nothing that is typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, _character_to_key

ESCAPE = "\x1b"
INTRODUCERS = frozenset("[O]PX^_")
"""What begins a longer sequence behind an Escape; alone it is Alt with that sign, once nothing more has come."""
BACKSPACES = {"\x7f": "backspace", "\x08": "backspace"}
OTHER_KEYS = re.compile(r"\x1b\[27;(?P<modifiers>\d+);(?P<code>\d+)~")
"""How xterm and tmux send keys with modifiers where they are asked for all of them (modifyOtherKeys)."""


class KeyParser(XTermParser):
    """Turns what a terminal sends into events."""

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if alt and len(sequence) == 1:
            return [events.Key(alt_key(sequence), None)]
        if len(sequence) == 2 and sequence[0] == ESCAPE and sequence[1] not in INTRODUCERS:
            return [events.Key(alt_key(sequence[1]), None)]
        found = OTHER_KEYS.fullmatch(sequence)
        if found is not None:
            sequence = f"{ESCAPE}[{found['code']};{found['modifiers']}u"
        try:
            return list(super()._sequence_to_key_events(sequence, alt))
        except (OverflowError, ValueError):
            # A number that is no character: noise of the line, which Textual would end the editor for.
            return [events.Key(Keys.Ignore, sequence)]


def alt_key(character: str) -> str:
    """The name of the key that sends a character, with Alt."""
    return f"alt+{_name(character)}"


def _name(character: str) -> str:
    if character in BACKSPACES:
        return BACKSPACES[character]
    known = ANSI_SEQUENCES_KEYS.get(character)
    if isinstance(known, tuple) and isinstance(known[0], Keys):
        return str(known[0].value)
    if character.isupper() and len(character.lower()) == 1:
        return f"shift+{character.lower()}"
    name = character if character.isalnum() else _character_to_key(character)
    return KEY_NAME_REPLACEMENTS.get(name, name)

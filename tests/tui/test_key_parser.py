"""What terminals send for keys: with Alt a key stays that key with Alt, and no noise ends the editor."""

from __future__ import annotations

import random
import time

import pytest
from textual import events

from dgedit.tui.key_parser import KeyParser

SENT = {
    "\x1b\x7f": "alt+backspace",
    "\x1b\x08": "alt+backspace",
    "\x1b\r": "alt+enter",
    "\x1b\t": "alt+tab",
    "\x1b/": "alt+slash",
    "\x1b.": "alt+full_stop",
    "\x1b-": "alt+minus",
    "\x1b1": "alt+1",
    "\x1bb": "alt+b",
    "\x1bf": "alt+f",
    "\x1bB": "alt+shift+b",
    "\x1b ": "alt+space",
    "\x1b\x17": "alt+ctrl+w",
    "\x1bé": "alt+é",
    "\x1b[": "alt+left_square_bracket",
    "\x1b]": "alt+right_square_bracket",
    "\x1bO": "alt+shift+o",
    "\x1b[127;3u": "alt+backspace",
    "\x1b[27;3;127~": "alt+backspace",
    "\x1b[27;5;119~": "ctrl+w",
    "\x1b[3;3~": "alt+delete",
    "\x1b[1;3A": "alt+up",
    # What is no Alt stays what it was.
    "\x1b": "escape",
    "\x17": "ctrl+w",
    "\x7f": "backspace",
    "\x1b[A": "up",
    "\x1bOP": "f1",
    "\x1b[Z": "shift+tab",
    "\x1b[1;5D": "ctrl+left",
}


def parsed(text: str) -> list[events.Key]:
    parser = KeyParser(False)
    found = list(parser.feed(text))
    if parser._timeout_time is not None:
        # Nothing more comes: what waits for the rest of a sequence is a key by itself.
        parser._timeout_time = time.monotonic() - 1
        found += parser.tick()
    return [event for event in found if isinstance(event, events.Key)]


@pytest.mark.parametrize("sent", SENT)
def test_a_key_is_known_by_what_is_sent_for_it(sent: str) -> None:
    (key,) = parsed(sent)
    assert key.key == SENT[sent]
    assert not key.key.startswith("alt+") or not key.is_printable, "a key with Alt types nothing"


def test_keys_behind_one_with_alt_are_their_own() -> None:
    assert [key.key for key in parsed("a\x1b\x7fb\x1b/c")] == ["a", "alt+backspace", "b", "alt+slash", "c"]


def test_no_noise_raises_and_none_closes_a_file() -> None:
    draw = random.Random(1)
    pieces = ["\x1b", "\x1b[", "\x1bO", "9999999999", ";", "3", "u", "~", "M", "<", "R", "\x7f", "a", "é", "\x1b]11;x"]
    for _ in range(3_000):
        sent = "".join(draw.choices(pieces, k=draw.randrange(1, 9)))
        assert "ctrl+w" not in {key.key for key in parsed(sent)}, sent

"""Characters that act instead of being seen."""

from __future__ import annotations

import pytest

from dgedit.terminal import drawn
from dgedit.text.controls import told, unseen, without_unseen

HIDDEN = {
    "a\0b": ("ab", "1 control character (NUL)"),
    "\x1b[31m\x1b[0m": ("[31m[0m", "2 control characters (ESC)"),
    "a\x7f\x07\x9b": ("a", "3 control characters (DEL, BEL, U+009B)"),
    "if \u202e x": ("if  x", "1 control character (right-to-left override)"),
    "\u2066\u2069": ("", "2 control characters (left-to-right isolate, pop directional isolate)"),
    "\x01\x02\x03\x04": ("", "4 control characters (U+0001, U+0002, U+0003, 1 other kinds)"),
    "x\ud800": ("x", "1 control character (U+D800)"),
}


@pytest.mark.parametrize("text", HIDDEN)
def test_what_is_not_seen_is_named_and_left_out(text: str) -> None:
    clean, words = HIDDEN[text]
    assert without_unseen(text) == clean
    assert told(unseen(text)) == words


@pytest.mark.parametrize(
    "text", ["", "a\tb\r\nc", "\u05d0\u200f\u0627\u061c", "\u6f22\u5b57 \U0001f600\u200d\u2642", "\u00e9\u00ad"]
)
def test_what_people_write_is_no_control_character(text: str) -> None:
    assert not unseen(text)
    assert without_unseen(text) == text


def test_what_is_printed_holds_nothing_that_a_terminal_acts_on() -> None:
    everything = "".join(map(chr, range(0x3000))) + "\u202e\ud800\U000e0041"
    shown = drawn(everything)
    assert len(shown) == len(everything)
    assert shown.isprintable()

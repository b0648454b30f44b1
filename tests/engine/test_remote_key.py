"""The key is taken out of whatever a server says, however it is put back."""

from __future__ import annotations

import base64
import html
import json
import random
from urllib.parse import quote

import pytest

from dgedit.engine.remote.key import HIDDEN, Key

KEY = "sk-Very/secret+0123456789"
SPELT = {
    "as it is": KEY,
    "in capitals": KEY.upper(),
    "backwards": KEY[::-1],
    "for a URL": quote(KEY, safe=""),
    "every sign for a URL": "".join(f"%{ord(sign):02X}" for sign in KEY),
    "for JSON": "".join(f"\\u{ord(sign):04x}" for sign in KEY),
    "as Python's bytes": "".join(f"\\x{ord(sign):02x}" for sign in KEY),
    "for HTML": "".join(f"&#{ord(sign)};" for sign in KEY),
    "for HTML in hexadecimal": "".join(f"&#x{ord(sign):x};" for sign in KEY),
    "with escapes of HTML": html.escape(KEY),
    "in hexadecimal": KEY.encode().hex(),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "in base64 behind one sign": base64.b64encode(b":" + KEY.encode()).decode(),
    "in base64 behind a user": base64.b64encode(b"ab:" + KEY.encode()).decode(),
    "with blanks": " ".join(KEY),
    "over lines": "\n".join((KEY[:10], KEY[10:])),
    "with colours": "\x1b".join((KEY[:10], KEY[10:])),
    "its first signs": KEY[:9],
    "its last signs": KEY[-9:],
}
LEFT_CHARS = 6
"""What may be left of base64, whose ends the key shares with the signs around it."""


@pytest.mark.parametrize("name", SPELT)
def test_no_spelling_of_the_key_is_left(name: str) -> None:
    spelt = SPELT[name]
    shown = Key(KEY).hide(f"the key <{spelt}> is wrong")
    assert HIDDEN in shown
    assert shown.startswith("the key <")
    assert shown.endswith("> is wrong")
    kept = shown[len("the key <") : -len("> is wrong")].replace(HIDDEN, "").rstrip("=")
    assert len(kept) <= LEFT_CHARS, shown


@pytest.mark.parametrize(
    "text", ["", "the key is wrong", "sk-Ver", "a" * 200, "0123456", "\x1b[31m", "sk-very-long-word", "%73%6b%2d"]
)
def test_what_is_not_the_key_is_left_as_it_is(text: str) -> None:
    assert Key(KEY).hide(text) == text


def test_each_piece_of_eight_signs_is_hidden() -> None:
    key = Key(KEY)
    for begin in range(len(KEY) - 8 + 1):
        assert key.hide(f"({KEY[begin : begin + 8]})") == f"({HIDDEN})"


def test_a_short_key_is_hidden_whole() -> None:
    assert Key("pass1").hide("pass1 and pass") == f"{HIDDEN} and pass"


@pytest.mark.parametrize("name", [name for name in SPELT if not name.startswith(("with ", "its "))])
def test_a_key_is_found_in_a_text_that_comes_in_pieces(name: str) -> None:
    draw, text = random.Random(0), f"before = 1\n{SPELT[name]}\nafter"
    watch, found, place = Key(KEY).watch(), False, 0
    while place < len(text):
        size = draw.randrange(1, 5)
        found = watch.sees(text[place : place + size]) or found
        place += size
    assert found
    assert Key(KEY).is_in(text)


@pytest.mark.parametrize("text", ["", "return sk", KEY[:15], json.dumps({"a": list(range(400))})])
def test_chance_is_no_key(text: str) -> None:
    assert not Key(KEY).is_in(text)


def test_a_mere_word_is_no_secret_in_an_answer() -> None:
    assert not Key("EMPTY").is_in("EMPTY = 0")
    assert Key("pass1").is_in("x = 'pass1'")


@pytest.mark.parametrize(("text", "chars"), [("x = 'sk-V", 4), ("sk-Very/s", 9), ("sk-", 0), ("sk-Verb", 0), ("", 0)])
def test_what_may_become_the_key_is_known(text: str, chars: int) -> None:
    assert Key(KEY).begun(text) == chars


def test_the_key_is_not_in_its_words() -> None:
    assert KEY not in repr(Key(KEY)) + str(Key(KEY))
    assert Key(KEY).header() == f"Bearer {KEY}"

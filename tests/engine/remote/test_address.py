"""Addresses that a person writes, and keys: where one may be sent, and that it is shown nowhere."""

from __future__ import annotations

import pytest

from dgedit.engine.remote.address import clean, find_key, parse_address
from dgedit.engine.types import EngineError

KEY = "sk-very-secret-0123456789"


NEARLY_HERE = [
    "http://example.com",
    "http://10.0.0.5:8000",
    "http://localhost.example.com",
    "http://me.localhost",
    "http://localhost.",
    "http://0.0.0.0",
    "http://127.1",
    "http://2130706433",
    "http://[::ffff:127.0.0.1]",
    "http://[::]",
    "http://[::1%25lo]",
]
"""Names and numbers that some resolver or other may lead elsewhere."""


@pytest.mark.parametrize("url", NEARLY_HERE)
def test_a_key_does_not_cross_a_network_in_the_clear(url: str) -> None:
    with pytest.raises(EngineError, match="in the clear") as caught:
        find_key({"DGEDIT_API_KEY": KEY}, parse_address(url))
    assert KEY not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.3.0.1", "http://[::1]:8000", "https://example.com"])
def test_a_key_may_be_sent_where_nobody_listens_in(url: str) -> None:
    key = find_key({"DGEDIT_API_KEY": KEY}, parse_address(url))
    assert key is not None
    assert repr(key) == "Key(***)"


@pytest.mark.parametrize("key", ["two words", "line\nbreak: injected", "schlüssel"])
def test_a_key_that_is_none_is_refused_unseen(key: str) -> None:
    with pytest.raises(EngineError) as caught:
        find_key({"DGEDIT_API_KEY": key}, parse_address("https://example.com"))
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost:8000", "http://localhost:8000"),
        (" https://Example.com/v1/ ", "https://example.com"),
        ("https://example.com:443/api/v1", "https://example.com/api"),
        ("http://[::1]:8000/v1/chat/completions", "http://[::1]:8000"),
    ],
)
def test_addresses(url: str, address: str) -> None:
    assert str(parse_address(url)) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000",
        "ftp://example.com",
        "http://",
        "http://example.com:99999",
        "http://[::1",
        f"https://user:{KEY}@example.com",
        f"ftp://user:{KEY}@example.com",
        f"{KEY}@example.com",
        f"https://example.com/?key={KEY}",
        "http://exa mple.com",
        "http://example.com/a\r\nX: y",
        "http://münchen.example",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(EngineError) as caught:
        parse_address(url)
    assert caught.value.hint
    assert KEY not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  two\nlines\t ", "two lines"),
        ("\x1b[31mred\x07", "[31mred"),
        ("a\u202eb", "a b"),
        ("x" * 30, "x" * 9 + "…"),
    ],
)
def test_what_a_server_says_is_one_printable_line(text: str, line: str) -> None:
    assert clean(text, 10) == line

"""Bytes in any encoding give a text that gives them back; what is no text is refused."""

from __future__ import annotations

import pytest

from dgedit.errors import DgeditError
from dgedit.text.encoding import LATIN_1, UTF_8, UTF_8_BOM, UTF_16_BE, UTF_16_LE, Encoding, decode_any, encode, named


@pytest.mark.parametrize(
    ("raw", "encoding", "text"),
    [
        (b"", UTF_8, ""),
        ("é😀\u2028\x85\f\r".encode(), UTF_8, "é😀\u2028\x85\f\r"),
        (b"a\x1b[31m\b\t", UTF_8, "a\x1b[31m\b\t"),
        (b"few \x01\x02 controls", UTF_8, "few \x01\x02 controls"),
        (b"\xef\xbb\xbf", UTF_8_BOM, ""),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", UTF_8_BOM, "\ufeffa"),
        (b"\xef\xbb\xbf\xff", LATIN_1, "ï»¿ÿ"),
        (b"\xef\xbb", LATIN_1, "ï»"),
        (b"caf\xe9\r\n", LATIN_1, "café\r\n"),
        (b"\x85\x80\x9f", LATIN_1, "\x85\x80\x9f"),
        (b"\xed\xa0\x80", LATIN_1, "í\xa0\x80"),
        (b"\xc0\xaf", LATIN_1, "À¯"),
        (b"\xff\xfe", UTF_16_LE, ""),
        (b"\xff\xfea\0\r\0\n\0", UTF_16_LE, "a\r\n"),
        (b"\xff\xfe\x3d\xd8\x00\xde", UTF_16_LE, "😀"),
        (b"\xfe\xff\0a\x20\x28", UTF_16_BE, "a\u2028"),
    ],
)
def test_the_encoding_is_found_and_kept(raw: bytes, encoding: Encoding, text: str) -> None:
    decoded = decode_any(raw, "x")
    assert (decoded.encoding, decoded.text) == (encoding, text)
    assert encode(decoded.text, decoded.encoding) == raw
    assert named(encoding.name) is encoding


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a\0b", "is binary .*NUL, 1 times"),
        (b"\xef\xbb\xbfa\0", "is binary"),
        (b"\xff\xfea\0\0\0", "is binary .*NUL, 1 times"),
        (b"\x01\x02\x7f" * 3, "is binary .*9 of its 9 bytes"),
        (bytes(range(1, 256)) * 40, "is binary"),
        (b"\xff\xfe\0\0a\0\0\0", "is UTF-32"),
        (b"\0\0\xfe\xff\0\0\0a", "is UTF-32"),
        (b"\xff\xfea\0b", "not valid UTF-16"),
        (b"\xff\xfe\x3d\xd8a\0", "not valid UTF-16"),
        (b"\xfe\xff\xde\x00", "UTF-16 BE but"),
    ],
)
def test_what_is_no_text_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(DgeditError, match=message) as caught:
        decode_any(raw, "name.py")
    assert "name.py" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "encoding", "message", "hint"),
    [
        ("a\r\nbé😀", LATIN_1, r"Latin-1 has no 😀 \(U\+1F600\), at line 2, column 3", "save as UTF-8"),
        ("€", LATIN_1, r"€ \(U\+20AC\), at line 1, column 1", "save as UTF-8"),
        ("ab\ud800", UTF_8, r"UTF-8 has no U\+D800, at line 1, column 3", "remove it"),
        ("\n\n\udc00", UTF_16_LE, r"UTF-16 LE has no U\+DC00, at line 3, column 1", "remove it"),
    ],
)
def test_a_character_that_cannot_be_saved_is_named(text: str, encoding: Encoding, message: str, hint: str) -> None:
    with pytest.raises(DgeditError, match=message) as caught:
        encode(text, encoding)
    assert caught.value.hint.startswith(hint)


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(DgeditError, match="EBCDIC") as caught:
        named("EBCDIC")
    assert "Latin-1" in caught.value.hint

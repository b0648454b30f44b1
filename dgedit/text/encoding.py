"""Which encoding a file is in, and its text without loss: encoding the text again gives the same bytes.

A byte order mark decides; without one a file is UTF-8, or else Latin-1, in which every byte is a character. What was
found is kept as a value, so that a file is saved as it was read. It must know nothing of paths, disks and screens.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import DgeditError
from .skim import CONTROLS as CONTROLS
from .skim import CONTROLS_ALLOWED as CONTROLS_ALLOWED


class UnencodableError(DgeditError):
    """The encoding has no bytes for a character of the text."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a text stands in a file."""

    name: str
    """As a person is told."""
    codec: str
    """As Python names it."""
    bom: bytes = b""
    """The byte order mark that stands before the text; not part of the text."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text, and what it takes to get its bytes back."""

    text: str
    encoding: Encoding


UTF_8 = Encoding("UTF-8", "utf-8")
UTF_8_BOM = Encoding("UTF-8 BOM", "utf-8", b"\xef\xbb\xbf")
UTF_16_LE = Encoding("UTF-16 LE", "utf-16-le", b"\xff\xfe")
UTF_16_BE = Encoding("UTF-16 BE", "utf-16-be", b"\xfe\xff")
LATIN_1 = Encoding("Latin-1", "latin-1")

ENCODINGS = (UTF_8, UTF_8_BOM, UTF_16_LE, UTF_16_BE, LATIN_1)

UTF_32_MARKS = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")

CONTROL_SHARE = 0.05


def named(name: str) -> Encoding:
    """The encoding that a person knows by this name.

    Raises:
        DgeditError: when there is none.
    """
    for encoding in ENCODINGS:
        if encoding.name == name:
            return encoding
    raise DgeditError(f"no encoding is named {name}", "use one of: " + ", ".join(known.name for known in ENCODINGS))


def decode_any(raw: bytes, name: str) -> Decoded:
    """The text of a file's bytes, in whichever encoding gives exactly these bytes back.

    Raises:
        DgeditError: for binary data, UTF-32, and UTF-16 that is broken.
    """
    if raw.startswith(UTF_32_MARKS):
        raise DgeditError(f"{name} is UTF-32", "convert it first: iconv -f UTF-32 -t UTF-8")
    for encoding in (UTF_16_LE, UTF_16_BE):
        if raw.startswith(encoding.bom):
            text = _utf_16(raw, encoding, name)
            _refuse_binary(text.encode("utf-8"), name)
            return Decoded(text, encoding)
    _refuse_binary(raw, name)
    for encoding in (UTF_8_BOM, UTF_8):
        if raw.startswith(encoding.bom) and (found := _exact(raw, encoding)) is not None:
            return Decoded(found, encoding)
    return Decoded(raw.decode(LATIN_1.codec), LATIN_1)


def encode(text: str, encoding: Encoding) -> bytes:
    """The bytes of a text, byte order mark included.

    Raises:
        UnencodableError: when the encoding has no bytes for a character; it says which and where.
    """
    try:
        return encoding.bom + text.encode(encoding.codec)
    except UnicodeEncodeError as error:
        raise _unencodable(text, error.start, encoding) from error


def _unencodable(text: str, index: int, encoding: Encoding) -> UnencodableError:
    character = text[index]
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    surrogate = "\ud800" <= character <= "\udfff"
    shown = f"U+{ord(character):04X}" if surrogate else f"{character} (U+{ord(character):04X})"
    return UnencodableError(
        f"{encoding.name} has no {shown}, at line {line:,}, column {column:,}",
        "remove it" if surrogate else f"save as {UTF_8.name}, or remove it",
    )


def _exact(raw: bytes, encoding: Encoding) -> str | None:
    """The text, where it gives exactly these bytes back."""
    try:
        text = raw[len(encoding.bom) :].decode(encoding.codec)
    except UnicodeDecodeError:
        return None
    return text if encode(text, encoding) == raw else None


def _utf_16(raw: bytes, encoding: Encoding, name: str) -> str:
    text = _exact(raw, encoding)
    if text is not None:
        return text
    raise DgeditError(
        f"{name} begins with the mark of {encoding.name} but is not valid UTF-16",
        "a lone surrogate or an odd number of bytes; mend it in a hex editor",
    )


def _refuse_binary(raw: bytes, name: str) -> None:
    hint = "dgedit edits text files"
    if b"\0" in raw:
        raise DgeditError(f"{name} is binary (it holds NUL, {raw.count(0):,} times)", hint)
    controls = len(raw) - len(raw.translate(None, CONTROLS))
    if controls > max(CONTROLS_ALLOWED, CONTROL_SHARE * len(raw)):
        raise DgeditError(f"{name} is binary ({controls:,} of its {len(raw):,} bytes are control bytes)", hint)

"""An answer as it must be written inside of a string, a field of one, or a comment."""

from __future__ import annotations

import re

from .lexing import comment_signs, unopened

_BAD_JSON_ESCAPE = re.compile(r'\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')


def until_quote(text: str, quote: str, *, raw: bool = False) -> str:
    """The text up to the quote that would close the string, without a backslash that would escape what follows."""
    at = 0
    while at < len(text):
        if text[at] == "\\" and not raw:
            at += 2
            continue
        if text.startswith(quote, at):
            return text[:at]
        at += 1
    trailing = len(text) - len(text.rstrip("\\"))
    return text[:-1] if trailing % 2 else text


def in_json(text: str) -> str:
    """The text with escapes that JSON knows, and with no control characters."""
    mended = _BAD_JSON_ESCAPE.sub(r"\\\\", text)
    return "".join(f"\\u{ord(c):04x}" if c < " " else c for c in mended.replace("\n", "\\n").replace("\t", "\\t"))


def in_field(text: str, quote: str) -> str:
    """The text as it may stand in the field of a Python string: up to the brace that closes the field, on one line.

    Before Python 3.12 the quote of the whole string and a backslash may not stand there; other quotes are taken.
    """
    line = text.split("\n", 1)[0]
    at = unopened(line)
    if at is not None:
        line = line[:at]
    other = "'" if quote[:1] == '"' else '"'
    if quote[:1] and quote[:1] in line and len(quote) == 1:
        balanced = line.count(quote) % 2 == 0 and other not in line
        line = line.replace(quote, other) if balanced else line[: line.index(quote)]
    return line


def in_comment(text: str, language: str, *, closing: str = "") -> str:
    """The text as the rest of a comment: its first line, and the comments that follow that at once."""
    if closing:
        return text.split(closing, 1)[0].rstrip()
    first, *others = text.split("\n")
    kept = [first]
    for line in others:
        if not line.strip().startswith(comment_signs(language) or ("#",)):
            break
        kept.append(line)
    return "\n".join(kept).rstrip()

"""Which files a check for holes must read closely: it leaves out those that surely hold none, by their bytes alone.

Most of a tree holds no marker. To see that takes a search in bytes; to decode, to find out the language and to look for
comments takes ten times as long, and so does importing what does it. It must know nothing of what holes are but how
their markers are written, and it imports nothing but what the interpreter has loaded.
"""

from __future__ import annotations

import os
import stat

MARKER = "<FILL_ME>"
SIGNS = (MARKER.encode(), b"dgedit:")
"""What every marker holds, in every encoding that has no zero bytes."""
MARKS = (b"\xff\xfe", b"\xfe\xff")
"""A text that begins so is in another encoding."""
LARGEST = 20_000_000
"""Of larger files something else is to be said."""
CONTROLS = bytes([*range(0x20), 0x7F]).translate(None, b"\b\t\n\v\f\r\x1b")
"""Bytes that texts hardly hold; tabs, line breaks, form feeds, overstrikes and terminal colours are not among them."""
CONTROLS_ALLOWED = 8


def is_plainly_empty(name: str) -> bool:
    """Whether a named file is a text without a marker; false wherever anything about it needs a closer look."""
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            return False
        handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError):
        return False
    try:
        size = os.fstat(handle).st_size
        raw = os.read(handle, min(size, LARGEST) + 1)
    except OSError:
        return False
    finally:
        os.close(handle)
    # What grew, shrank or comes in pieces is read by those who take their time.
    return len(raw) == size <= LARGEST and _holds_nothing(raw)


def _holds_nothing(raw: bytes) -> bool:
    if raw.startswith(MARKS) or any(sign in raw for sign in SIGNS):
        return False
    return len(raw) - len(raw.translate(None, CONTROLS)) <= CONTROLS_ALLOWED and 0 not in raw

"""Standard input, read whole although signals come: what is on its way must come out again.

It must know nothing of what the bytes are.
"""

from __future__ import annotations

import io
import os
import select
import sys
import time
from collections.abc import Callable

from ..errors import DgeditError
from ..files.disk import MAX_READ_BYTES, read_stream

READ_BYTES = 1 << 20
SLICE_S = 0.1
"""So often a signal is looked for."""
PATIENCE_S = 1.0
"""For the rest of the input after a signal, each time that nothing comes."""


def read_input(is_cancelled: Callable[[], bool]) -> bytes:
    """All bytes of standard input; after a signal all that still come without a pause.

    Raises:
        DgeditError: when there are more than the hard limit of size, or they cannot be read.
    """
    try:
        handle = sys.stdin.fileno()
    except (io.UnsupportedOperation, ValueError):
        # A stream within this process.
        return read_stream(sys.stdin.buffer, "standard input")
    try:
        return _read(handle, is_cancelled)
    except OSError as error:
        raise DgeditError(
            f"standard input cannot be read: {error.strerror}", "give it a text, or name a file"
        ) from error


def _read(handle: int, is_cancelled: Callable[[], bool]) -> bytes:
    pieces, size, last_s = list[bytes](), 0, time.monotonic()
    while size <= MAX_READ_BYTES:
        if not select.select([handle], [], [], SLICE_S)[0]:
            if is_cancelled() and time.monotonic() - last_s > PATIENCE_S:
                return b"".join(pieces)
            continue
        try:
            piece = os.read(handle, READ_BYTES)
        except BlockingIOError:
            continue
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size, last_s = size + len(piece), time.monotonic()
    raise DgeditError(f"standard input has more than {MAX_READ_BYTES:,} bytes", "give a smaller text")

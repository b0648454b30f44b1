"""What makes the first infill of a process come sooner: no looks for garbage meanwhile, and memory that is kept.

To leave parts of torch out of its import would save as much again, but its generators of random numbers then do not
work in some releases. It must know nothing of models, and imports no torch itself.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

KEPT_FROM_BYTES = 32 << 20
"""Tensors up to this size come from memory that the process has."""
KEPT_BYTES = 64 << 20
"""So much that is free stays with the process."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names that glibc's malloc.h has for these numbers."""


def stay_offline() -> None:
    """Have the libraries of models ask no hub from here on: what a person has of it is on the machine.

    With the package kernels installed bitsandbytes (0.50.2) asks one while it is imported.
    """
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@contextmanager
def quickly() -> Iterator[None]:
    """Import torch and load a model in here without looks for garbage: of a million new objects hardly any is."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep_memory() -> None:
    """Have freed memory stay with the process, where the C library can be asked to.

    Else every larger tensor of a pass is given back to the system and comes again page by page: a tenth of the time.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, KEPT_FROM_BYTES)
        library.mallopt(_TRIM_THRESHOLD, KEPT_BYTES)

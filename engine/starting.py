"""What makes the first infill of a process come sooner: parts of torch that wait, memory that is kept.

Torch imports, with all else, its rules for tensors without values and its exporter: a quarter of the time of the import
is theirs, and nothing that runs a network eagerly on a CPU asks for them. They are imported when somebody does. It must
know nothing of models, and imports no torch itself.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

POSTPONED = ("torch._meta_registrations", "torch.export")
KEPT_FROM_BYTES = 32 << 20
"""Tensors up to this size come from memory that the process has."""
KEPT_BYTES = 64 << 20
"""So much that is free stays with the process."""
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names that glibc's malloc.h has for these numbers."""


class _Waiting(ModuleType):
    """Stands for a module until anything of it is asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":
            # Looked at in every module there is, by those who look for the source of a call.
            raise AttributeError(name)
        return getattr(_imported(self.__name__), name)


def _imported(name: str) -> ModuleType:
    if isinstance(sys.modules.get(name), _Waiting):
        del sys.modules[name]
    return import_module(name)


@contextmanager
def quickly() -> Iterator[None]:
    """Import torch in here without what can wait, and without looks for garbage: hardly any of it is."""
    if "torch" not in sys.modules:
        sys.modules.update({name: _Waiting(name) for name in POSTPONED})
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def complete() -> None:
    """Import what waits: for those who use torch in other ways, such as on tensors without values."""
    for name in POSTPONED:
        if isinstance(sys.modules.get(name), _Waiting):
            _imported(name)


def keep_memory() -> None:
    """Have freed memory stay with the process, where the C library can be asked to.

    Else every larger tensor of a pass is given back to the system and comes again page by page: a tenth of the time.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, KEPT_FROM_BYTES)
        library.mallopt(_TRIM_THRESHOLD, KEPT_BYTES)

"""The infill engine: text around a span in, frames of denoised text out.

    InfillRequest -> packing -> encode context -> denoise: predict -> accept -> renoise -> Frame …
                                                                         rank rows -> InfillResult

`open_engine` is the door: whoever stands above the engine needs the names here alone. They are plain values and one
protocol, and are imported when they are asked for, so that nothing brings torch before a model is opened.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .factory import open_engine
    from .interface import Engine, Preparation
    from .types import CancelledError, EngineError, Frame, InfillRequest, InfillResult

__all__ = [
    "CancelledError",
    "Engine",
    "EngineError",
    "Frame",
    "InfillRequest",
    "InfillResult",
    "Preparation",
    "open_engine",
]

_HOMES = {"open_engine": "factory", "Engine": "interface", "Preparation": "interface"}


def __getattr__(name: str) -> Any:
    """A public name from the module that has it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES.get(name, 'types')}", __name__), name)

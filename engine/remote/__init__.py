"""An engine that asks a server over HTTP; `connect` makes it. Imports no torch."""

from .engine import CancelledError, Mode, RemoteEngine, RemoteInfill, connect

__all__ = ["CancelledError", "Mode", "RemoteEngine", "RemoteInfill", "connect"]

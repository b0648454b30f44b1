"""An engine that asks a server over HTTP; `connect` makes it. Imports no torch."""

from .engine import RemoteEngine, RemoteInfill, RemoteMode, connect

__all__ = ["RemoteEngine", "RemoteInfill", "RemoteMode", "connect"]

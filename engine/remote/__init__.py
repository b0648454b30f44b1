"""An engine that asks a server over HTTP; `connect` makes it. Imports no torch."""

from .engine import Mode, RemoteEngine, RemoteInfill, connect

__all__ = ["Mode", "RemoteEngine", "RemoteInfill", "connect"]

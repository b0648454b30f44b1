"""The editor in a browser on this machine, through textual-serve, for the one who holds the link.

The link holds a token that opens one browser session; whoever comes later with it is turned away, and so is every page
of another site and every name that is made to point here. The pages may load nothing from anywhere else. Each visit
runs an editor of its own, as the command line would.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from textual_serve.server import Server

from .. import terminal

HOST = "127.0.0.1"
TOKEN, COOKIE = "token", "dgedit"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """Lets one browser session in."""

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(24)
        self._is_used = False
        self._own = f"{HOST}:{port}"

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, or turn away."""
        # A name of another site may be made to point here, and its pages may call what is here.
        origin = request.headers.get("Origin")
        if request.host != self._own or origin not in (None, f"http://{self._own}"):
            raise web.HTTPForbidden(text="this is an editor of another page\n")
        if _same(request.cookies.get(COOKIE, ""), self._session):
            return self._closed_in(await handler(request))
        if request.path == "/" and not self._is_used and _same(request.query.get(TOKEN, ""), self.token):
            self._is_used = True
            inside = web.HTTPFound("/")
            inside.set_cookie(COOKIE, self._session, httponly=True, samesite="Strict")
            raise inside
        raise web.HTTPForbidden(text="the link opens one browser session; start dgedit web again for another\n")

    def _closed_in(self, response: web.StreamResponse) -> web.StreamResponse:
        """A page that may load nothing from elsewhere, be shown nowhere else, and tells nobody where it is."""
        if not response.prepared:
            own = f"'self' ws://{self._own} data: 'unsafe-inline'"
            response.headers["Content-Security-Policy"] = f"default-src {own}; frame-ancestors 'none'"
            response.headers["Referrer-Policy"] = "no-referrer"
        return response


class EditorServer(Server):
    """textual-serve behind a gate."""

    def __init__(self, arguments: Sequence[str], port: int) -> None:
        """Args: arguments: what the editor is started with."""
        command = shlex.join([sys.executable, "-m", "dgedit", *arguments])
        super().__init__(command, host=HOST, port=port, title="dgedit")
        self.gate = Gate(port)

    @property
    def link(self) -> str:
        """What opens the editor, once."""
        return f"http://{HOST}:{self.port}/?{TOKEN}={self.gate.token}"

    def initialize_logging(self) -> None:
        """Errors alone: what is asked for holds the token."""
        logging.basicConfig(level=logging.ERROR)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self.gate.check)
        return app

    def serve(self, debug: bool = False) -> None:
        """Serve until Ctrl+C; the port listens before the link is said, so the link opens as soon as it is seen.

        Raises:
            OSError: when the port is taken.
        """
        self.debug = debug
        self.initialize_logging()
        with socket.create_server((HOST, self.port)) as listening:
            loop = asyncio.new_event_loop()
            with contextlib.suppress(NotImplementedError):  # on Windows
                for ending in (signal.SIGINT, signal.SIGTERM):
                    loop.add_signal_handler(ending, self.request_exit)
            web.run_app(self._make_app(), sock=listening, handle_signals=False, loop=loop, print=lambda *_words: None)

    async def on_startup(self, app: web.Application) -> None:
        """Say where it is."""
        terminal.say(f"open {self.link}  (it opens once; Ctrl+C ends)")


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def serve(arguments: Sequence[str], port: int) -> int:
    """Serve until Ctrl+C; returns the exit code."""
    EditorServer(arguments, port or free_port()).serve()
    return 0


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())

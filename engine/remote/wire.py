"""One HTTP exchange with the server that a person named: connect, send, read, cut from any thread.

Knows HTTP(S), the key and the clock, nothing of prompts, tokens or code. Redirects are not followed, no proxy is used,
certificates are checked, and what comes back is bounded. Whatever goes wrong is an `EngineError` without the key in it.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ..types import CancelledError, EngineError
from .address import Address, clean
from .key import Key
from .line import Line, connected

ANSWER_BYTES_MAX = 4_000_000
DETAIL_BYTES_MAX = 64_000
DETAIL_CHARS_MAX = 2_000
BACKOFF_S = 0.5
"""Before the first retry; doubled for each further one, and up to as much again by chance."""
RETRY_AFTER_MAX_S = 30.0
"""A server that asks for a longer pause is not waited for."""
RETRIED = frozenset({429, 502, 503, 504})
_READ_BYTES = 65_536


class RefusedError(EngineError):
    """The server understood and said no.

    Attributes:
        status: of HTTP.
        detail: the server's own words, printable, without the key.
    """

    def __init__(self, message: str, hint: str, status: int, detail: str) -> None:
        super().__init__(message, hint)
        self.status, self.detail = status, detail


class TryAgainError(EngineError):
    """Nothing of an answer has come yet and another attempt may succeed.

    Attributes:
        wait_s: what the server asks for; none where it says nothing.
    """

    def __init__(self, message: str, hint: str, wait_s: float | None = None) -> None:
        super().__init__(message, hint)
        self.wait_s = wait_s


@dataclass(slots=True)
class Reply:
    """A server's answer whose head is read and whose body is still to come."""

    address: Address
    line: Line
    connection: http.client.HTTPConnection
    response: http.client.HTTPResponse

    @property
    def kind(self) -> str:
        """Its media type."""
        return self.response.headers.get_content_type()

    def header(self, name: str) -> str:
        """One of its headers; empty where it has none."""
        return self.response.getheader(name, "")

    def pieces(self, bytes_max: int = ANSWER_BYTES_MAX) -> Iterator[bytes]:
        """The body as it comes; the connection is closed after it, or when the iterator is.

        Raises:
            EngineError: when it is too long, too slow, or breaks off.
        """
        total = 0
        try:
            while piece := self.response.read1(_READ_BYTES):
                total += len(piece)
                if total > bytes_max:
                    raise EngineError(
                        f"the server's answer is over {bytes_max:,} bytes", "is this the address of a model server?"
                    )
                yield piece
                self.line.check()
            if self.response.length:
                raise http.client.IncompleteRead(b"", self.response.length)
            self.line.check()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _explained(error, self.address, self.line, answering=True) from None
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection up."""
        self.response.close()
        self.connection.close()

    def json(self) -> Any:
        """The whole body as JSON.

        Raises:
            EngineError: when it is none.
        """
        body = b"".join(self.pieces())
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise EngineError(
                f"{self.address} answered with something that is not JSON", "is this the address of a model server?"
            ) from None


@dataclass(frozen=True, slots=True)
class Client:
    """How a server is spoken to."""

    address: Address
    key: Key | None
    chunk_timeout_s: float
    """Between two pieces of an answer, and before its first."""
    retries: int

    def hide(self, text: str) -> str:
        """A server's words without the key, were it to repeat it."""
        return self.key.hide(text) if self.key else text

    def ask(self, line: Line, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Send a request; tried again where nothing has come back yet and the trouble may pass.

        Raises:
            RefusedError: when the server says no.
            EngineError: for any other failure.
        """
        for attempt in range(self.retries + 1):
            try:
                return self._once(line, method, path, body)
            except TryAgainError as trouble:
                pause = trouble.wait_s
                if pause is None:
                    pause = BACKOFF_S * 2**attempt * (1 + random.random())
                if attempt == self.retries or pause > min(RETRY_AFTER_MAX_S, line.remaining_s):
                    raise
                line.pause(pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, line: Line, method: str, path: str, body: Mapping[str, Any] | None) -> Reply:
        connection: http.client.HTTPConnection | None = None
        try:
            connection = self._connected(line)
            connection.request(method, self.address.root + path, _encoded(body), self._headers(body is not None))
            response = connection.getresponse()
            line.check()
        except (OSError, http.client.HTTPException, ValueError) as error:
            if connection is not None:
                connection.close()
            raise _explained(error, self.address, line) from None
        except EngineError:
            if connection is not None:
                connection.close()
            raise
        reply = Reply(self.address, line, connection, response)
        if response.status != 200:
            raise self._trouble(reply)
        return reply

    def _connected(self, line: Line) -> http.client.HTTPConnection:
        address = self.address
        plain = connected(address, line)
        if address.scheme == "http":
            plain.settimeout(self.chunk_timeout_s)
            open_ = http.client.HTTPConnection(address.host, address.port)
            open_.sock = plain
            return open_
        try:
            wrapped = ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
        except BaseException:
            plain.close()
            raise
        wrapped.settimeout(self.chunk_timeout_s)
        secure = http.client.HTTPSConnection(address.host, address.port)
        secure.sock = wrapped
        return secure

    def _headers(self, has_body: bool) -> dict[str, str]:
        headers = {
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "dgedit",
        }
        if has_body:
            headers["Content-Type"] = "application/json"
        return headers | ({"Authorization": self.key.header()} if self.key else {})

    def _trouble(self, reply: Reply) -> EngineError:
        """The error that a status other than 200 stands for."""
        status, where = reply.response.status, self.address
        target = reply.response.getheader("Location", "")
        after = _retry_after(reply.response.getheader("Retry-After"))
        detail = self._detail(reply)
        said = f": {clean(detail, 200)}" if detail else ""
        if 300 <= status < 400:
            goal = clean(self.hide(target), 200) or "nowhere"
            return EngineError(f"{where} redirects to {goal}", "redirects are not followed; give the address itself")
        if status in (401, 403):
            hint = "the key in DGEDIT_API_KEY is not accepted" if self.key else "set DGEDIT_API_KEY to your key"
            return EngineError(f"{where} refuses access ({status})", hint)
        if status == 429:
            asked = f", it asks to wait {after:g} s" if after is not None else ""
            return TryAgainError(f"{where} is over its limit (429{asked}){said}", "try again later", after)
        if status in RETRIED:
            return TryAgainError(f"{where} is not available ({status}){said}", "try again later", after)
        if status == 404:
            hint = "check the address and the name of the model"
            return RefusedError(f"{where} does not know this address or model (404){said}", hint, status, detail)
        if status >= 500:
            return EngineError(f"{where} failed ({status}){said}", "the server's own log says why")
        return RefusedError(
            f"{where} refused the request ({status}){said}", "the server names the reason", status, detail
        )

    def _detail(self, reply: Reply) -> str:
        """What the server says of its error."""
        body = b""
        try:
            for piece in reply.pieces(DETAIL_BYTES_MAX):
                body += piece
        except CancelledError:
            raise
        except EngineError:
            pass  # the status alone must do
        text = _message(body.decode("utf-8", errors="replace"))
        return clean(self.hide(text), DETAIL_CHARS_MAX)


def _encoded(body: Mapping[str, Any] | None) -> bytes | None:
    # Escapes keep a lone surrogate of the file from failing the whole request.
    return None if body is None else json.dumps(body).encode("ascii")


def _message(text: str) -> str:
    """The message within an error's JSON, or the text itself."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else text
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    return found if isinstance(found, str) else json.dumps(found)


def _explained(error: Exception, address: Address, line: Line, *, answering: bool = False) -> EngineError:
    """What a failed exchange means to a person; a cut line explains itself."""
    try:
        line.check()
    except EngineError as cut:
        return cut
    host = address.host
    if isinstance(error, socket.gaierror):
        return EngineError(f"the name {host} cannot be resolved", "check the address and the network")
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = clean(error.verify_message, 120)
        return EngineError(
            f"the certificate of {host} is not trusted: {reason}",
            "for an authority of your own, name its file in SSL_CERT_FILE",
        )
    if isinstance(error, ssl.SSLError) and not answering:
        return EngineError(f"no TLS connection to {address}", "does the server speak https there, or plain http?")
    if isinstance(error, TimeoutError):
        doing = "stopped in the middle of its answer" if answering else "does not answer"
        return EngineError(f"{address} {doing}", "try again, or allow more time between two pieces")
    if answering:
        return EngineError(f"{address} broke off in the middle of its answer", "try again; the server's log says why")
    if isinstance(error, ConnectionRefusedError):
        return TryAgainError(f"{address} refuses connections", "is the server running, and on this port?")
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
        return TryAgainError(
            f"{address} closed the connection without an answer", "try again; the server's log says why"
        )
    if isinstance(error, http.client.HTTPException | ValueError):
        return EngineError(f"{address} does not speak HTTP", "check the address, its port, and http or https")
    return EngineError(f"{address} cannot be reached: {clean(str(error), 120)}", "check the address and the network")


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None

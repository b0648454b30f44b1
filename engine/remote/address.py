"""Where a model server is and what opens it: the address that a person gives, the key from the environment.

Opens no connection. The key is kept out of every text that is made here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..types import EngineError
from .key import Key

KEY_VARIABLE = "DGEDIT_API_KEY"
_PORTS = {"http": 80, "https": 443}
_LOOPBACKS = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
"""The numbers that are this machine to itself; others, and names, may lead anywhere."""
_ENDS = ("/chat/completions", "/v1")
"""What people copy along with the address of a server."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server: what comes before `/v1/...`."""

    scheme: str
    host: str
    port: int
    root: str
    """The path before `/v1`, without a slash at its end."""

    @property
    def is_local(self) -> bool:
        """Whether what is sent stays on this machine."""
        return self.host == "localhost" or is_loopback(self.host)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.root}"


def is_loopback(number: str) -> bool:
    """Whether a host is given by a number that means this machine."""
    try:
        found = ipaddress.ip_address(number)
    except ValueError:
        return False
    # A number with a zone is bound to an interface.
    return "%" not in number and any(found in network for network in _LOOPBACKS if network.version == found.version)


def parse_address(url: str) -> Address:
    """The address that a person wrote; `/v1` and `/v1/chat/completions` at its end are allowed.

    Raises:
        EngineError: when it is no address of a server, or holds what belongs elsewhere.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise EngineError("the server's address cannot be read", "write it like http://localhost:8000") from None
    if parts.scheme not in _PORTS or not host:
        # The address is not repeated: a password may stand in it.
        raise EngineError("this is no server's address", "write it like http://localhost:8000")
    if parts.username is not None or parts.password is not None:
        raise EngineError("the server's address holds a name or a password", f"put the key into {KEY_VARIABLE}")
    if parts.query or parts.fragment:
        raise EngineError("the server's address has a query or a fragment", "leave out what follows ? or #")
    if not re.fullmatch(r"[!-~]+", host) or not re.fullmatch(r"[!-~]*", parts.path):
        raise EngineError("the server's address has characters that no address has", "write the host in ASCII")
    root = parts.path.rstrip("/")
    for end in _ENDS:
        root = root.removesuffix(end).rstrip("/")
    return Address(parts.scheme, host, port or _PORTS[parts.scheme], root)


def find_key(environ: Mapping[str, str], address: Address) -> Key | None:
    """The key from the environment, where it may be sent.

    Raises:
        EngineError: when it cannot be one, or would cross a network in the clear.
    """
    value = environ.get(KEY_VARIABLE, "").strip()
    if not value:
        return None
    if not re.fullmatch(r"[!-~]+", value):
        raise EngineError(
            f"the key in {KEY_VARIABLE} has characters that no key has", "copy it again, without spaces or quotes"
        )
    if address.scheme == "http" and not address.is_local:
        raise EngineError(
            f"the key in {KEY_VARIABLE} is not sent to {address} in the clear", "use https, or unset the key"
        )
    return Key(value)


def clean(text: str, chars_max: int) -> str:
    """A server's text as one short printable line: it must not steer the terminal."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"

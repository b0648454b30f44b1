"""`dgedit web`: its command line."""

from __future__ import annotations

import argparse

from ..errors import DgeditError
from .arguments import CommandParser

EPILOG = """\
The editor runs here, in the files that are named; the browser shows it and sends the keys. The link that is printed
opens one browser session. To reach it on another machine, forward the port: ssh -L PORT:127.0.0.1:PORT MACHINE.

exit codes: 0 ended by Ctrl+C, 2 error
"""


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(
        prog="dgedit web",
        description="Edit in a browser on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("files", nargs="*", metavar="FILE", help="files to edit, or a folder")
    made.add_argument("--port", type=_port, default=0, metavar="N", help="listen there (default: any that is free)")
    return made


def run(options: argparse.Namespace) -> int:
    """Serve; returns the exit code.

    Raises:
        DgeditError: when the library that serves is not installed, or the port is taken.
    """
    try:
        from ..tui.web import serve
    except ModuleNotFoundError as error:
        raise DgeditError(
            f"{error.name} is not installed", "install dgedit with it: pip install 'dgedit[web]'"
        ) from error
    try:
        return serve(["--", *options.files] if options.files else [], options.port)
    except OSError as error:
        raise DgeditError(f"cannot listen on port {options.port}: {error.strerror}", "choose another --port") from error


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port; there are 1 to 65535")
    return number

"""The system's clipboard: the tools of the desktop, else the terminal's OSC 52, else a register of the editor's own.

Tools are looked for at the first use. Each call of one ends within `timeout_s`, and one that hangs is not asked again.
A call may still take that long: make it from a thread. Whether a terminal obeys OSC 52 cannot be known, and it is
not asked for its clipboard, since most terminals refuse.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

TOOL_TIMEOUT_S = 2.0
OSC_52_BYTES_MAX = 74_994
"""UTF-8 bytes that many terminals take: a sequence of 100,000 bytes, less its frame, in base64."""

POWERSHELL_PASTE = "[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes((Get-Clipboard -Raw -ErrorAction Stop)))"
"""In base64, which no code page of the console can garble."""


class Terminal(Protocol):
    """What is asked of the app."""

    def copy_to_clipboard(self, text: str) -> None:
        """Send text to the terminal's clipboard."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that sets the clipboard and one that reads it."""

    name: str
    copy: tuple[str, ...]
    paste: tuple[str, ...]
    needs: tuple[str, ...] = ()
    """Environment variables of which one must be set."""
    windows: bool = False
    """It takes UTF-16 and gives UTF-8 in base64."""


TOOLS = (
    Tool("wl-copy", ("wl-copy",), ("wl-paste", "--no-newline", "--type", "text"), ("WAYLAND_DISPLAY",)),
    Tool("xclip", ("xclip", "-selection", "clipboard"), ("xclip", "-selection", "clipboard", "-out"), ("DISPLAY",)),
    Tool("xsel", ("xsel", "--clipboard", "--input"), ("xsel", "--clipboard", "--output"), ("DISPLAY",)),
    Tool("pbcopy", ("pbcopy",), ("pbpaste",)),
    Tool(
        "clip.exe",
        ("clip.exe",),
        ("powershell.exe", "-NoProfile", "-NonInteractive", "-Command", POWERSHELL_PASTE),
        ("WSL_DISTRO_NAME", "WSL_INTEROP"),
        windows=True,
    ),
)


class Clipboard:
    """Copies to and pastes from the first place that works; may be used from any thread."""

    def __init__(self, environment: Mapping[str, str] | None = None, *, timeout_s: float = TOOL_TIMEOUT_S) -> None:
        self._environment = dict(os.environ if environment is None else environment)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._tools: list[Tool] | None = None
        self._pasting: list[Tool] | None = None
        self._register: str | None = None

    def copy(self, text: str, app: Terminal) -> str:
        """Put text on the clipboard; returns what was done, in a few words."""
        with self._lock:
            self._register = text
            tools = self._known_tools()
            for tool in list(tools):
                if self._run(tool, tool.copy, text.encode("utf-16-le" if tool.windows else "utf-8", "replace")) is None:
                    continue
                # What stands before a tool that worked has not taken the copy, so a paste must not ask it.
                self._pasting = tools[tools.index(tool) :]
                return f"copied {amount(text)} ({tool.name})"
            self._pasting = []
        size = len(text.encode("utf-8", "replace"))
        if size > OSC_52_BYTES_MAX:
            return f"copied {amount(text)} within dgedit alone: {size:,} bytes, OSC 52 takes {OSC_52_BYTES_MAX:,}"
        try:
            app.copy_to_clipboard(text)
        except (OSError, UnicodeError):
            return f"copied {amount(text)} within dgedit alone"
        return f"copied {amount(text)} (OSC 52)"

    def paste(self) -> str | None:
        """The text on the clipboard, CRLF as line feeds; None where there is none.

        After a copy that no tool took, what was copied in the editor.
        """
        with self._lock:
            tools = self._known_tools() if self._pasting is None else self._pasting
            # All tools together have the time of one: the keys that come next wait for the paste.
            ends_s = time.monotonic() + self._timeout_s
            for tool in list(tools):
                output = self._run(tool, tool.paste, None, max(0.0, ends_s - time.monotonic()))
                text = None if output is None else _decoded(output, tool)
                if text is not None:
                    return text.replace("\r\n", "\n")
            return self._register

    def _known_tools(self) -> list[Tool]:
        if self._tools is None:
            self._tools = [tool for tool in TOOLS if self._has(tool)]
        return self._tools

    def _has(self, tool: Tool) -> bool:
        """Whether a tool is installed and has the screen of the person who sits here."""
        there = self._environment.get
        if there("SSH_CONNECTION") and not (there("DISPLAY") or there("WAYLAND_DISPLAY")):
            return False
        if tool.needs and not any(there(name) for name in tool.needs):
            return False
        return shutil.which(tool.copy[0], path=there("PATH", "")) is not None

    def _run(
        self, tool: Tool, command: tuple[str, ...], given: bytes | None, timeout_s: float | None = None
    ) -> bytes | None:
        """What a command prints, or None where it fails; where it hangs the tool is forgotten."""
        program = shutil.which(command[0], path=self._environment.get("PATH", ""))
        if program is None:
            return None
        try:
            # In a session of its own: it and what it starts can be ended together, and a tool that stays to serve
            # the clipboard outlives the terminal. It must not hold a pipe of ours meanwhile.
            process = subprocess.Popen(
                [program, *command[1:]],
                stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
                stdout=subprocess.PIPE if given is None else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            output, _ = process.communicate(given, timeout=self._timeout_s if timeout_s is None else timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            for known in (self._tools, self._pasting):
                if known is not None and tool in known:
                    known.remove(tool)
            return None
        return (output or b"") if process.returncode == 0 else None


def amount(text: str) -> str:
    """How much text that is, for a status line."""
    lines = text.count("\n") + (not text.endswith("\n"))
    count, unit = (lines, "line") if "\n" in text else (len(text), "character")
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started."""
    # The group is gone where the program had just ended by itself.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _decoded(output: bytes, tool: Tool) -> str | None:
    try:
        return (base64.b64decode(output, validate=False) if tool.windows else output).decode("utf-8")
    except ValueError:
        return None

"""Textual's driver of a terminal, but for how keys are read, and for its end.

An Escape that begins no other key is heard after ESCDELAY, where Textual looks up to a tenth of a second later; and a
byte that is no UTF-8, as from a terminal with another encoding, is one wrong character, where Textual ends the editor.
A terminal that goes away ends the editor, whatever waits for it.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import signal
from queue import Full

from textual import constants
from textual.drivers.linux_driver import LinuxDriver

from .key_parser import KeyParser

IDLE_S = 0.1
"""So often it is seen whether the editor or its terminal has ended."""
READ_BYTES = 65_536


class TerminalDriver(LinuxDriver):
    """Reads keys of a terminal on a thread of its own."""

    def run_input_thread(self) -> None:
        """Turn what the terminal sends into keys, until the editor ends or the terminal is gone."""
        parser = KeyParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                is_waiting = parser._timeout_time is not None
                if selector.select(min(IDLE_S, constants.ESCAPE_DELAY) if is_waiting else IDLE_S):
                    sent = self._read()
                    if not sent:
                        # The system says so too, but its signal is lost on a loop that a full terminal has held up.
                        self._loop.call_soon_threadsafe(signal.raise_signal, signal.SIGHUP)
                        return
                    for message in parser.feed(decode(sent)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def write(self, data: str) -> None:
        """Draw, as long as there is something to draw on."""
        # The thread that writes ends with the terminal, and its queue may be full then: there will be no room in it.
        thread = self._writer_thread
        while thread is not None and thread.is_alive():
            with contextlib.suppress(Full):
                thread._queue.put(data, timeout=IDLE_S)
                return

    def _read(self) -> bytes:
        """What the terminal sent; nothing when it is gone."""
        try:
            return os.read(self.fileno, READ_BYTES)
        except OSError:
            return b""

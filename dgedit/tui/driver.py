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
from collections.abc import Iterator
from queue import Full

from textual import constants
from textual.drivers.linux_driver import LinuxDriver

from .key_parser import KeyParser

IDLE_S = 0.1
"""So often it is seen whether a terminal that takes no more has ended."""
READ_BYTES = 65_536


class TerminalDriver(LinuxDriver):
    """Reads keys of a terminal on a thread of its own."""

    _ring = -1
    """What is written to it ends the wait for keys; below 0 where nobody waits."""

    def run_input_thread(self) -> None:
        """Turn what the terminal sends into keys, until the editor ends or the terminal is gone."""
        parser = KeyParser(self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        with selectors.DefaultSelector() as selector, self._bell() as bell:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(bell, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                is_waiting = parser._timeout_time is not None
                # An idle editor sleeps until a key or the bell: nothing is looked at meanwhile.
                ready = {key.fd for key, _ in selector.select(constants.ESCAPE_DELAY if is_waiting else None)}
                if bell in ready:
                    self.exit_event.wait(IDLE_S)
                if self.fileno in ready:
                    sent = self._read()
                    if not sent:
                        # The system says so too, but its signal is lost on a loop that a full terminal has held up.
                        self._loop.call_soon_threadsafe(signal.raise_signal, signal.SIGHUP)
                        return
                    for message in parser.feed(decode(sent)):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def disable_input(self) -> None:
        """Read no more keys; the thread that does may be asleep."""
        if self._ring >= 0:
            with contextlib.suppress(OSError):  # it ended by itself meanwhile
                os.write(self._ring, b"!")
        super().disable_input()

    @contextlib.contextmanager
    def _bell(self) -> Iterator[int]:
        """What can be read from as soon as the thread of keys is to end."""
        heard, self._ring = os.pipe()
        try:
            yield heard
        finally:
            ring, self._ring = self._ring, -1
            os.close(ring)
            os.close(heard)

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

"""The warm process: one model, loaded once, for every dgedit of the same person on this machine.

It gets requests and gives frames; files, holes and everything that is written stay with the clients, under their own
rights. Connections are looked after in the main thread, the model has a thread of its own (`worker`). No client can end
it: not by going away, not by what it sends. It ends by a signal, or when nobody asked for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio import StreamReader, StreamWriter
from functools import partial

from .. import terminal
from ..engine.types import ModelInfo
from ..errors import DgeditError, ExitCode
from . import address, protocol
from .address import Place
from .worker import Worker, WorkerJob

CONNECTIONS_MAX = 64
"""Further clients are turned away, and do without."""
ASK_WITHIN_S = 60.0
"""A client that is silent for so long is sent away."""
UNREAD_BYTES_MAX = 16 << 20
"""A client that leaves so much unread is sent away."""
GOODBYE_S = 2.0
"""For clients and for the pass that runs, when it ends."""
LOCK_PATIENCE_S = 5.0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(model: str, idle_s: float) -> ExitCode:
    """Serve until a signal comes or nobody asks any more; returns the exit code.

    Raises:
        DgeditError: when the model cannot be loaded, or there can be no socket.
    """
    place = address.place_of(model)
    address.make_folder(place.folder)
    lock = _take(place)
    if lock is None:
        say(f"{model} is served already, at {place.socket}")
        return ExitCode.OK
    # Who finds the socket may send a signal at once; it waits until it is understood.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        address.sweep(place.folder)
        server = Server(model, place, idle_s)
        asyncio.run(server.run(address.listen(place)))
    finally:
        lock.release()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    if not server.worker.join(GOODBYE_S):
        # A pass or a load cannot be broken off, and threads of torch must not run into the end of the interpreter.
        sys.stderr.flush()
        os._exit(ExitCode.OK)
    if server.trouble is not None:
        raise server.trouble
    return ExitCode.OK


def say(text: str) -> None:
    """Say to a person, or to the log."""
    begin = f"{time.strftime('%Y-%m-%d %H:%M:%S')} dgedit serve [{os.getpid()}]"
    terminal.to_stderr(f"{begin}: {terminal.shown_lines(text)}\n")


def _take(place: Place) -> address.Lock | None:
    """The lock; none where a process serves there. One that is about to end is waited for."""
    until = time.monotonic() + LOCK_PATIENCE_S
    while (lock := address.take(place)) is None:
        connection = address.dial(place)
        if connection is not None:
            connection.close()
            return None
        if time.monotonic() > until:
            raise DgeditError(f"another process holds {place.lock} and does not answer", "dgedit serve --stop")
        time.sleep(0.05)
    return lock


class Server:
    """Connections, and when it is time to end."""

    def __init__(self, model: str, place: Place, idle_s: float) -> None:
        """Nothing runs yet."""
        self.worker = Worker(model, self._told, say)
        self.trouble: DgeditError | None = None
        """Why there is no model."""
        self._model, self._place, self._idle_s = model, place, idle_s
        self._began_s = self._used_s = time.monotonic()
        self._running = 0
        """Jobs that run or wait, and the loading."""
        self._clients = set[asyncio.Task[object]]()

    async def run(self, listener: socket.socket) -> None:
        """Serve until the end."""
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ready = self._loop.create_future()
        for number in SIGNALS:
            # As after nohup.
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._loop.add_signal_handler(number, self._end, signal.Signals(number).name)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        server = await asyncio.start_unix_server(self._client, sock=listener, limit=protocol.LINE_BYTES_MAX)
        say(f"loading {self._model}; at {self._place.socket}, until nobody asks for {self._idle_s / 60:g} minutes")
        self._running += 1
        self.worker.start()
        await self._wait_for_end()
        # Who connects from now on finds nobody, rather than somebody who leaves.
        with contextlib.suppress(OSError):
            self._place.socket.unlink()
        server.close()
        self.worker.stop()
        if self.trouble is not None:
            await self._wait_for_clients()
        for client in self._clients:
            client.cancel()
        await self._wait_for_clients()
        say(f"ended after {self.worker.infills} infills")

    async def _wait_for_end(self) -> None:
        while not self._ended.is_set():
            left_s = self._idle_s if self._running else self._used_s + self._idle_s - time.monotonic()
            if left_s <= 0:
                say("nobody asks any more")
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), left_s)

    async def _wait_for_clients(self) -> None:
        if self._clients:
            await asyncio.wait(set(self._clients), timeout=GOODBYE_S)

    def _end(self, why: str) -> None:
        say(why)
        self._ended.set()

    def _told(self, how: ModelInfo | DgeditError) -> None:
        """In the worker's thread: the model is loaded, or cannot be."""
        self._call(self._loaded, how)

    def _loaded(self, how: ModelInfo | DgeditError) -> None:
        self._freed()
        if isinstance(how, DgeditError):
            self.trouble = how
            self._ended.set()
            self._ready.set_result(protocol.Failed(message=str(how), hint=how.hint))
            return
        say(f"{how.name} {how.digest} on {how.device}, loaded in {time.monotonic() - self._began_s:.1f} s")
        self._ready.set_result(protocol.Ready(info=how))

    def _freed(self) -> None:
        """A job is done, or the loading."""
        self._running -= 1
        self._used_s = time.monotonic()

    def _call(self, what: object, *arguments: object) -> None:
        """From the worker's thread: have something done in this one, unless all is over."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *arguments)  # type: ignore[arg-type]

    async def _client(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One client, from its first line to its last."""
        task = asyncio.current_task()
        assert task is not None, "streams run this in a task"
        if len(self._clients) >= CONNECTIONS_MAX or not address.is_own(writer.get_extra_info("socket")):
            writer.transport.abort()
            return
        self._clients.add(task)
        try:
            await self._talk(reader, writer)
            await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            writer.close()

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> None:
        is_ready = self._ready.done()
        uptime_s = time.monotonic() - self._began_s
        hello = protocol.Hello(
            pid=os.getpid(), model=self._model, uptime_s=uptime_s, infills=self.worker.infills, is_ready=is_ready
        )
        writer.write(protocol.to_line(hello))
        ready = await asyncio.shield(self._ready)
        writer.write(protocol.to_line(ready))
        if isinstance(ready, protocol.Failed):
            return
        try:
            asked = await _asked(reader)
        except (protocol.WireError, ValueError) as trouble:
            say(f"a client said what is not understood: {trouble}")
            writer.write(
                protocol.to_line(protocol.Failed(message=f"not understood: {trouble}", hint="dgedit serve --stop"))
            )
            return
        if asked is not None:
            await self._do(asked, reader, writer)

    async def _do(self, asked: protocol.Question, reader: StreamReader, writer: StreamWriter) -> None:
        """Have a job done; a client that goes away, or says anything more, cancels it."""
        done = asyncio.Event()
        job = WorkerJob(
            asked=asked,
            emit=lambda line: self._call(partial(_write, writer, line)),
            done=lambda: self._call(self._job_done, done),
        )
        self._running += 1
        self.worker.put(job)
        left = asyncio.ensure_future(reader.read(1))
        finished = asyncio.ensure_future(done.wait())
        try:
            await asyncio.wait((left, finished), return_when=asyncio.FIRST_COMPLETED)
        finally:
            job.cancelled.set()
            for each in (left, finished):
                each.cancel()
            # What ended the connection is nobody's business any more.
            await asyncio.gather(left, finished, return_exceptions=True)

    def _job_done(self, done: asyncio.Event) -> None:
        self._freed()
        done.set()


def _write(writer: StreamWriter, line: bytes) -> None:
    if writer.transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
        writer.transport.abort()
    elif not writer.transport.is_closing():
        writer.write(line)


async def _asked(reader: StreamReader) -> protocol.Question | None:
    """What a client asks for; nothing where it leaves or is silent.

    Raises:
        ValueError: when its line is too long.
        wire.WireError: when it is not understood.
    """
    try:
        line = await asyncio.wait_for(reader.readline(), ASK_WITHIN_S)
    except TimeoutError:
        return None
    if not line:
        return None
    message = protocol.from_line(line)
    if not isinstance(message, protocol.Question):
        raise protocol.WireError(f"{type(message).__name__} is no question")
    return message

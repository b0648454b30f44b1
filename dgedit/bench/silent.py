"""How soon Esc ends the wait for a server that says nothing of use: until the next infill could begin.

The server is one of this process, on 127.0.0.1: it says nothing at all, or names a model, takes a request, and then is
silent, or sends comments for ever. What is measured is the editor's own thread, from the key's cancel until it waits
for work again.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..fill.loop import FillOptions, Gap
from ..tui.infill.thread import InfillJobs, Task

MODES = ("says nothing", "takes a request", "sends comments")
WAITED_S = 0.3
"""Long enough for the request to be sent."""
COMMENT_EVERY_S = 0.02


def cancelling_ms(mode: str, count: int) -> list[float]:
    """Milliseconds from a cancel to a thread that waits for work, for so many infills."""
    with _serving(mode) as url:
        # The first of a process imports what it takes to ask a server.
        return [_cancelled_ms(InfillJobs("", engine=url)) for _ in range(count + 1)][1:]


def _cancelled_ms(jobs: InfillJobs) -> float:
    jobs.start(Task(before="x = ", parts=(Gap(),), after="\n", options=FillOptions()))
    time.sleep(WAITED_S)
    if jobs.is_idle:
        raise RuntimeError("the infill ended before it was cancelled")
    began = time.perf_counter()
    jobs.cancel()
    while not jobs.is_idle:
        time.sleep(0.0005)
    return (time.perf_counter() - began) * 1e3


@contextlib.contextmanager
def _serving(mode: str) -> Iterator[str]:
    ended = threading.Event()

    class Silent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if mode == MODES[0]:
                ended.wait()
                return
            raw = json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_POST(self) -> None:
            if mode == MODES[1]:
                ended.wait()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not ended.wait(COMMENT_EVERY_S):
                    self.wfile.write(b": wait\n\n")

        def log_message(self, *_words: object) -> None:
            """Nothing is said of it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            ended.set()
            server.shutdown()

"""The editor's worker and `fill_gaps` on an engine that asks a server: real HTTP with the wire format."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dgedit.errors import DgeditError
from dgedit.fill.loop import FillOptions, Gap, fill_gaps
from dgedit.fill.open import open_model
from dgedit.tui.infill.thread import Delivery, InfillJobs, Task

from ...support.remote_server import Wire, block, said, says, serving

PATIENCE_S = 20.0
TASK = Task(before="x = ", parts=(Gap(),), after="\n", options=FillOptions(instruction="seven"))


def until(jobs: InfillJobs, wanted: Callable[[list[Delivery]], bool]) -> list[Delivery]:
    end_s, seen = time.monotonic() + PATIENCE_S, list[Delivery]()
    while not wanted(seen):
        assert time.monotonic() < end_s, seen
        seen += jobs.poll()
        time.sleep(0.005)
    return seen


def test_the_worker_delivers_what_a_server_answers() -> None:
    with serving(says(block("7"))) as server:
        jobs = InfillJobs("nano", engine=server.url)
        jobs.start(TASK)
        seen = until(jobs, lambda found: bool(found) and found[-1].done)
        assert "seven" in str(server.chats()[0])
    results = [each.frame.result.text for each in seen if each.frame and each.frame.result]
    assert results == ["7"]
    assert jobs.model is not None
    assert jobs.model.info.instructed


def test_cancelling_breaks_the_connection_at_once() -> None:
    left = []

    def waits(wire: Wire) -> None:
        wire.head()
        wire.chunk(said("```python\n7"))
        left.append(wire.is_left())

    with serving(waits) as server:
        jobs = InfillJobs("nano", engine=server.url)
        jobs.start(TASK)
        until(jobs, lambda found: bool(found))
        jobs.cancel()
        until(jobs, lambda _found: jobs.is_idle)
    assert left == [True]
    assert jobs.poll() == []


def test_cancelling_ends_the_wait_for_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        jobs = InfillJobs("nano", engine=f"http://127.0.0.1:{silent.getsockname()[1]}")
        jobs.start(TASK)
        connection, _ = silent.accept()
        jobs.cancel()
        # The wait itself would go on for two minutes.
        until(jobs, lambda _found: jobs.is_idle)
        connection.close()
        assert jobs.poll() == []
    with serving(says(block("7"))) as server:
        jobs.engine = server.url
        jobs.start(TASK)
        assert until(jobs, lambda found: bool(found) and found[-1].done)


def test_a_failing_server_is_said() -> None:
    with serving(lambda wire: wire.json(500, {"error": {"message": "out of memory"}})) as server:
        jobs = InfillJobs("nano", engine=server.url)
        jobs.start(TASK)
        (last,) = until(jobs, lambda found: bool(found) and found[-1].error is not None)
    assert last.error is not None
    assert "500" in last.error


def test_there_is_no_server() -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(DgeditError, match=r"connect|refused") as caught:
        open_model("nano", url)
    assert caught.value.hint


def test_what_the_list_forbids_is_never_sent(tmp_path: Path) -> None:
    secret = tmp_path / "secrets.py"
    with serving(says(block("7"))) as server:
        model = open_model("nano", server.url)
        with pytest.raises(DgeditError, match=r"secrets\.py is not sent to a server"):
            list(fill_gaps("x = ", (Gap(),), "\n", model, FillOptions(path=secret)))
        assert server.chats() == []
        beside = tmp_path / "code.py"
        (tmp_path / "other.py").write_text("the_neighbour = 1\n")
        list(fill_gaps("x = ", (Gap(),), "\n", model, FillOptions(path=beside, open_texts=("an_open_text = 2\n",))))
        (sent,) = server.chats()
    assert "the_neighbour" not in str(sent)
    assert "an_open_text" not in str(sent)


def test_a_selection_is_shown_to_a_model_that_follows_instructions() -> None:
    with serving(says(block("8"))) as server:
        model = open_model("nano", server.url)
        list(fill_gaps("x = ", (Gap(code="7 + 0"),), "\n", model, FillOptions(instruction="one more")))
        assert "7 + 0" in str(server.chats()[0])

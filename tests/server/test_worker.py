"""The thread that has the model: what it does with jobs that are cancelled, broken or too late."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dgedit.engine import Engine, EngineError
from dgedit.engine.types import Frame, InfillRequest, ModelInfo
from dgedit.errors import DgeditError
from dgedit.server import protocol, worker
from dgedit.server.worker import Worker, WorkerJob

PATIENCE_S = 60.0
REQUEST = InfillRequest(prefix="def add(a, b):\n    ", suffix="\n\n\nprint(add(1, 2))\n")


class Client:
    """Collects what is answered to one job."""

    def __init__(self, asked: protocol.InfillQuestion | protocol.Count, lines_max: int = 1000) -> None:
        """Args: lines_max: it cancels after so many."""
        self.answers, self._lines_max = list[protocol.Message](), lines_max
        self._done = queue.SimpleQueue[bool]()
        self.job = WorkerJob(asked=asked, emit=self._take, done=lambda: self._done.put(True))

    def _take(self, line: bytes) -> None:
        self.answers.append(protocol.from_line(line))
        if len(self.answers) >= self._lines_max:
            self.job.cancelled.set()

    def wait(self) -> list[protocol.Message]:
        """What was answered, once that is all."""
        assert self._done.get(timeout=PATIENCE_S)
        return self.answers


@pytest.fixture
def working(nano: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that has the model already."""
    monkeypatch.setattr(worker, "open_engine", lambda _name, *, report: nano)
    told = queue.SimpleQueue[ModelInfo | DgeditError]()
    made = Worker("nano", told.put, lambda _line: None)
    made.start()
    assert told.get(timeout=PATIENCE_S) == nano.info
    yield made
    made.stop()
    assert made.join(PATIENCE_S)


@pytest.mark.parametrize("passes", [1, 2])
def test_no_pass_is_made_for_who_cancelled(working: Worker, passes: int) -> None:
    leaving, staying = (
        Client(protocol.InfillQuestion(request=REQUEST), passes),
        Client(protocol.InfillQuestion(request=REQUEST)),
    )
    working.put(leaving.job)
    working.put(staying.job)
    assert len(leaving.wait()) == passes
    last = staying.wait()[-1]
    assert isinstance(last, Frame)
    assert last.result is not None
    assert working.infills == 1


def test_who_cancelled_while_waiting_is_not_served(working: Worker) -> None:
    clients = [
        Client(protocol.InfillQuestion(request=REQUEST)),
        Client(protocol.Count(text="x")),
        Client(protocol.InfillQuestion(request=REQUEST)),
    ]
    for client in clients:
        client.job.cancelled.set()
        working.put(client.job)
    assert [client.wait() for client in clients] == [[], [], []]
    assert working.infills == 0


def test_another_seed_needs_no_other_preparation(
    working: Worker, nano: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, prepare = list[InfillRequest](), nano.prepare

    def counted(request: InfillRequest) -> object:
        made.append(request)
        return prepare(request)

    monkeypatch.setattr(nano, "prepare", counted)
    for request in (REQUEST, replace(REQUEST, seed=5), replace(REQUEST, prefix="x = "), REQUEST):
        client = Client(protocol.InfillQuestion(request=request))
        working.put(client.job)
        assert isinstance(client.wait()[-1], Frame)
    assert [request.prefix for request in made] == [REQUEST.prefix, "x = ", REQUEST.prefix]


def test_what_breaks_one_answer_breaks_no_other(working: Worker) -> None:
    # A lone surrogate is no text to the tokenizer.
    broken, whole = Client(protocol.Count(text="\udc80")), Client(protocol.Count(text="x = 1"))
    working.put(broken.job)
    working.put(whole.job)
    (said,) = broken.wait()
    assert isinstance(said, protocol.Failed)
    assert "internal error" in said.message
    (counted,) = whole.wait()
    assert isinstance(counted, protocol.Counted)
    assert counted.tokens > 1


@pytest.mark.parametrize("error", [EngineError("no such model", "another one"), MemoryError("all of it")])
def test_a_model_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def load(_name: str, *, report: object) -> Engine:
        raise error

    monkeypatch.setattr(worker, "open_engine", load)
    told = queue.SimpleQueue[ModelInfo | DgeditError]()
    made = Worker("none", told.put, lambda _line: None)
    made.start()
    how = told.get(timeout=PATIENCE_S)
    assert isinstance(how, DgeditError)
    assert str(error) in str(how)
    assert made.join(PATIENCE_S)

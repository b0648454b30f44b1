"""The warm process: a real server with the bundled model in a process of its own, good clients and bad ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dgedit.commands import serve as command
from dgedit.engine import CancelledError, Engine, threads
from dgedit.engine.types import EngineError, Frame, InfillRequest, Start
from dgedit.errors import DgeditError, ExitCode
from dgedit.fill import loop
from dgedit.fill import open as models
from dgedit.fill.document import LocalFiller, fill_job, job_of
from dgedit.server import address, protocol
from dgedit.server import client as served
from dgedit.server.address import Place
from dgedit.server.client import ServedEngine, Status
from dgedit.server.connection import GoneError
from dgedit.server.server import CONNECTIONS_MAX
from dgedit.text.holes import Wanted

PATIENCE_S = 60.0
REQUEST = InfillRequest(prefix="def add(a, b):\n    ", suffix="\n\n\nprint(add(1, 2))\n")
ROOT = str(address.PACKAGE.parent)
STILL = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from dgedit.server import address, client as served; address.CODE = ()\n"
)
"""Begins every program here: whoever edits dgedit while this runs does not part servers from clients."""


@pytest.fixture(scope="module", autouse=True)
def still() -> Iterator[None]:
    """See `STILL`."""
    with pytest.MonkeyPatch.context() as patch:
        address.code_stamp.cache_clear()
        patch.setattr(address, "CODE", ())
        patch.setattr(served, "LAUNCH", STILL + served.LAUNCH)
        yield
    address.code_stamp.cache_clear()


@contextmanager
def on_one_core() -> Iterator[None]:
    """What is started here has one thread: the last bits of a sum depend on the number of threads."""
    if sys.platform != "linux":
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def engine(still: None) -> Iterator[ServedEngine]:
    """The one server of these tests, as `--warm` starts it."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="dg") as runtime:
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        patch.setenv("XDG_STATE_HOME", runtime)
        with on_one_core():
            started = served.start_in_background("nano", idle_minutes=10)
        yield started
        assert [served.stop(status) for status in served.statuses()] == [True]


@pytest.fixture(scope="module")
def nano() -> Iterator[Engine]:
    """The model in this process, with one thread as the server: sums over more differ in a last bit."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "cores", lambda: 1)
        yield models.load_model("nano")
    torch.set_num_threads(before)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory where nobody serves."""
    with tempfile.TemporaryDirectory(prefix="dg") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield Path(runtime)


def the_status() -> Status:
    (status,) = served.statuses("nano")
    return status


def infills() -> int:
    hello = the_status().hello
    assert hello is not None
    return hello.infills


def answer(engine: ServedEngine, request: InfillRequest = REQUEST) -> str:
    result = list(engine.infill(request))[-1].result
    assert result is not None
    return result.text


def server(*more: str, model: str = "nano") -> subprocess.Popen[str]:
    """A server in the foreground; a test that fails does not leave it for long."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", served.LAUNCH, ROOT, "serve", "--model", model, "--idle-minutes", "1", *more],
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What a server said until its end, which must be a good one."""
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 0, said
    return said


def wait_for_socket(place: Place) -> None:
    until = time.monotonic() + PATIENCE_S
    while (connection := address.dial(place)) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    connection.close()


@pytest.mark.parametrize(
    "request_",
    [
        REQUEST,
        replace(REQUEST, seed=7, related=("def sub(a, b):\n    return a - b\n",)),
        replace(REQUEST, original="return b + a", strength=0.5),
        replace(REQUEST, exact_tokens=6, prefix="s = '\u2028\0😀'\n" + REQUEST.prefix),
        replace(REQUEST, start=Start(slots=(-1, -1, -1, -1), passes=2)),
    ],
    ids=["greedy", "sampled", "mended", "exact", "branched"],
)
def test_the_same_comes_out_served_or_not(engine: ServedEngine, nano: Engine, request_: InfillRequest) -> None:
    asked = list(engine.infill(request_))
    here = list(loop.frames(request_, nano, loop.prepare(request_, nano)))
    assert [frame.text for frame in asked] == [frame.text for frame in here]
    assert [frame.slots for frame in asked] == [frame.slots for frame in here]
    last, result = asked[-1].result, here[-1].result
    assert last is not None
    assert result is not None
    assert [each.text for each in last.candidates] == [each.text for each in result.candidates]
    assert last.candidates[0].origins == result.candidates[0].origins
    assert last.context == result.context


def test_it_is_what_the_layers_above_ask(engine: ServedEngine, nano: Engine) -> None:
    asked: Engine = engine
    assert asked.prepare(REQUEST) is None
    assert engine.info == nano.info
    assert engine.notes == ()
    for text in ("", "x = 1\n", "a lot of 'tokens' ..."):
        assert engine.count_tokens(text) == nano.count_tokens(text)
    pieces = ["return a + b", "return a - b", ""]
    assert engine.score("def add(a, b):\n    ", "\n", pieces) == nano.score("def add(a, b):\n    ", "\n", pieces)


def test_what_the_engine_refuses_is_said_as_it_says_it(engine: ServedEngine, nano: Engine) -> None:
    request = replace(REQUEST, original="x = 1\n" * 200, strength=0.5)
    with pytest.raises(DgeditError) as here:
        loop.prepare(request, nano)
    with pytest.raises(EngineError) as there:
        list(engine.infill(request))
    assert str(there.value) == str(here.value)
    assert there.value.hint == here.value.hint
    assert answer(engine)


PIPE = """
from dgedit.fill.document import LocalFiller
from dgedit.batch.fill import PipeOptions, run
engine = served.find("nano")
assert engine is not None
code = run(PipeOptions(sources=(sys.argv[2],), quiet=True), LocalFiller("nano", engine))
assert not {"torch", "numpy", "tokenizers", "asyncio"} & set(sys.modules), "these take long"
sys.exit(code)
"""


def test_a_file_is_filled_by_a_process_without_torch(engine: ServedEngine, nano: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"def add(a, b):\r\n    <FILL_ME>\r\n\r\n\r\nprint(add(1, <FILL_ME>))\r\n")
    done = subprocess.run([sys.executable, "-P", "-c", STILL + PIPE, ROOT, str(path)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    here = fill_job(
        job_of(path.read_bytes(), str(path), path, Wanted()),
        LocalFiller("nano", nano),
        loop.FillOptions(),
        loop.Limits(),
    )
    assert done.stdout == here.raw()
    assert b"<FILL_ME>" not in done.stdout


def test_frames_are_iterators_that_end(engine: ServedEngine) -> None:
    frames: Iterator[Frame] = engine.infill(REQUEST)
    assert list(frames)[-1].result is not None
    assert list(frames) == []


def test_closing_the_frames_ends_the_infill(engine: ServedEngine) -> None:
    before = infills()
    frames = engine.infill(REQUEST)
    assert next(frames).result is None
    frames.close()
    with pytest.raises(CancelledError):
        next(frames)
    assert answer(engine)
    assert infills() == before + 1


def test_frames_that_nobody_holds_end_the_infill(engine: ServedEngine) -> None:
    before = infills()
    next(engine.infill(REQUEST))
    assert answer(engine)
    assert infills() == before + 1


@pytest.mark.parametrize("by", ["frames", "engine"])
def test_another_thread_cancels_while_this_one_waits(engine: ServedEngine, by: str) -> None:
    before = infills()
    frames = engine.infill(REQUEST)
    caught = list[EngineError]()

    def read() -> None:
        try:
            list(frames)
        except EngineError as error:
            caught.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    frames.close() if by == "frames" else engine.cancel()
    reader.join(PATIENCE_S)
    assert [type(error) for error in caught] == [CancelledError]
    assert answer(engine)
    assert infills() == before + 1


def test_clients_take_turns_and_may_leave_while_they_wait(engine: ServedEngine) -> None:
    other = served.find("nano")
    assert other is not None
    before, alone = infills(), answer(engine)
    first, leaving, last = engine.infill(REQUEST), other.infill(REQUEST), other.infill(REQUEST)
    leaving.close()
    assert [frame.text for frame in last][-1] == alone
    assert [frame.text for frame in first][-1] == alone
    assert infills() == before + 3


def test_a_client_that_is_killed_cancels(engine: ServedEngine) -> None:
    before = infills()
    code = "; ".join(
        (
            "import os",
            "from dgedit.engine.types import InfillRequest",
            "next(served.find('nano').infill(InfillRequest(prefix='x = ', suffix='')))",
            "os.kill(os.getpid(), 9)",
        )
    )
    killed = subprocess.run([sys.executable, "-P", "-c", STILL + code, ROOT], timeout=PATIENCE_S, check=False)
    assert killed.returncode == -9
    assert answer(engine)
    assert infills() == before + 1


def raw_client() -> socket.socket:
    made = address.dial(address.place_of("nano"))
    assert made is not None
    made.settimeout(PATIENCE_S)
    return made


@pytest.mark.parametrize(
    "sent",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 5000 + b"\n",
        b"[" * 100_000 + b"\n",
        protocol.to_line(protocol.InfillQuestion(request=REQUEST)).replace(b'"wire":1', b'"wire":2'),
        protocol.to_line(protocol.InfillQuestion(request=REQUEST)).replace(b'"max_passes":8', b'"max_passes":0'),
        protocol.to_line(protocol.Counted(tokens=1)),
    ],
    ids=["nothing", "http", "zeros", "deep", "version", "range", "no question"],
)
def test_what_is_not_understood_is_said_and_harms_nobody(engine: ServedEngine, sent: bytes) -> None:
    with raw_client() as client, client.makefile("rb") as lines:
        client.sendall(sent)
        assert isinstance(protocol.from_line(lines.readline()), protocol.Hello)
        assert isinstance(protocol.from_line(lines.readline()), protocol.Ready)
        said = protocol.from_line(lines.readline())
        assert isinstance(said, protocol.Failed)
        assert "not understood" in said.message
        assert lines.read() == b""
    assert answer(engine)


def test_a_line_without_an_end_is_cut_off(engine: ServedEngine) -> None:
    with raw_client() as client, pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
        client.sendall(b"x" * (3 * protocol.LINE_BYTES_MAX))
    assert answer(engine)


def test_half_a_line_and_many_silent_clients_harm_nobody(engine: ServedEngine) -> None:
    clients = [raw_client() for _ in range(20)]
    for client in clients[:10]:
        client.sendall(protocol.to_line(protocol.InfillQuestion(request=REQUEST))[:50])
    assert answer(engine)
    for client in clients:
        client.close()
    assert answer(engine)


def test_who_comes_after_too_many_is_turned_away(engine: ServedEngine) -> None:
    clients = [raw_client()]
    # Each is let in, or not, before the next one comes; those of other tests may not have left yet.
    while clients[-1].recv(1):
        assert len(clients) <= CONNECTIONS_MAX
        clients.append(raw_client())
    assert served.find("nano") is None
    for client in clients:
        client.close()
    until = time.monotonic() + PATIENCE_S
    while served.find("nano") is None:
        assert time.monotonic() < until


def test_a_second_server_leaves_it_to_the_first(engine: ServedEngine) -> None:
    assert "served already" in ended(server())
    assert answer(engine)


def test_status_says_what_it_did(engine: ServedEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(engine)
    assert command.run(command.parser().parse_args(["--status", "--model", "nano"])) == 0
    said = capsys.readouterr().out
    status = the_status()
    assert f"pid {status.pid}  nano {engine.info.digest} on cpu" in said
    assert f"{infills()} infills" in said


def test_a_server_takes_the_place_of_a_killed_one_and_ends_when_nobody_asks(elsewhere: Path) -> None:
    place, other = address.place_of("nano"), address.place_of("other")
    address.make_folder(place.folder)
    for left in (place, other):
        with closing(address.listen(left)):
            left.lock.touch()
    assert place.socket.exists()
    assert served.find("nano") is None
    process = server("--idle-minutes", "0.05")
    wait_for_socket(place)
    assert oct(place.socket.stat().st_mode & 0o777) == "0o600"
    found = served.find("nano")
    assert found is not None
    assert answer(found)
    assert "nobody asks any more" in ended(process)
    assert list(place.folder.iterdir()) == []
    with pytest.raises(GoneError):
        found.infill(REQUEST)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_while_it_loads(elsewhere: Path, name: str) -> None:
    place = address.place_of("nano")
    process = server()
    wait_for_socket(place)
    process.send_signal(signal.Signals[name])
    assert name in ended(process)
    assert list(place.folder.iterdir()) == []


def test_a_model_that_is_not_there_is_said_as_without_a_server(elsewhere: Path) -> None:
    with pytest.raises(DgeditError) as here:
        models.load_model("nanu")
    with pytest.raises(DgeditError) as there:
        served.start_in_background("nanu")
    assert (str(there.value), there.value.hint) == (str(here.value), here.value.hint)


MARKED = b"def add(a, b):\n    return <FILL_ME>\n"
FILLS = STILL + "from dgedit.cli import main; sys.exit(main(sys.argv[2:]))"


def filled(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """`dgedit fill - ...` of `MARKED`."""
    command = [sys.executable, "-c", FILLS, ROOT, "fill", "-", *arguments]
    return subprocess.run(command, input=MARKED, capture_output=True, timeout=PATIENCE_S)


def test_one_that_is_stopped_costs_the_time_that_is_given_and_can_be_ended(elsewhere: Path) -> None:
    served.start_in_background("nano", idle_minutes=10)
    status = the_status()
    assert status.pid is not None
    os.kill(status.pid, signal.SIGSTOP)
    done = filled("--timeout", "1")
    assert (done.returncode, done.stdout) == (ExitCode.HOLES_LEFT, MARKED)
    assert b"it was not done in time" in done.stderr
    assert served.stop(status)
    assert served.statuses() == []
    assert list(elsewhere.rglob("*.sock")) == []


def test_one_that_only_says_hello_costs_the_time_that_is_given(elsewhere: Path) -> None:
    place = address.place_of("nano")
    address.make_folder(place.folder)
    hello = protocol.Hello(pid=os.getpid(), model="nano", uptime_s=1.0, infills=0, is_ready=False)
    with closing(address.listen(place)) as listener:

        def greet() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                kept.append(connection)
                connection.sendall(protocol.to_line(hello))

        kept = list[socket.socket]()
        threading.Thread(target=greet, daemon=True).start()
        done = filled("--timeout", "1")
        assert kept, "it was asked"
        for connection in kept:
            connection.close()
    assert (done.returncode, done.stdout) == (ExitCode.HOLES_LEFT, MARKED)

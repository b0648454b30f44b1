"""What goes wrong between the engine and a server: every failure is one error with a remedy, and no key is in it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dgedit.engine.remote import connect
from dgedit.engine.remote import wire as remote_wire
from dgedit.engine.remote.address import parse_address
from dgedit.engine.remote.line import Line, connected
from dgedit.engine.types import CancelledError, EngineError, InfillRequest

from ...support.remote_server import (
    PATIENCE_S,
    Answer,
    ModelServer,
    Wire,
    block,
    event,
    model,
    said,
    says,
    serving,
    streams,
    wire_of,
)

REQUEST = InfillRequest(prefix="x = ", suffix="\n")
KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_wire, "BACKOFF_S", 0.01)


def ask(server: ModelServer, **more: Any) -> str:
    engine = connect(server.url, **{"environ": {}, "retries": 0, "timeout_s": PATIENCE_S, **more})
    return list(engine.infill(REQUEST))[-1].text


def failure(server: ModelServer, **more: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        ask(server, **more)
    error = caught.value
    assert str(error)
    assert error.hint
    assert error.__context__ is None or error.__suppress_context__
    assert KEY not in f"{error!r} {error.hint}"
    return error


def broken_chunk(wire: Wire) -> None:
    wire.head()
    wire.raw(b"40\r\ndata: {")
    wire.drop()


def no_http(wire: Wire) -> None:
    wire.raw(b"SSH-2.0-OpenSSH_9.2\r\n")
    wire.drop()


def short_of_its_length(wire: Wire) -> None:
    wire.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 5000\r\n\r\n" + said("```\nx"))
    wire.drop()


def whole_but_short(wire: Wire) -> None:
    wire.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{}")
    wire.drop()


def endless(wire: Wire) -> None:
    wire.head()
    while True:
        wire.chunk(said("x" * 100_000))


def endless_comments(wire: Wire) -> None:
    wire.head()
    while True:
        wire.chunk(b": keep-alive\n" * 10_000)


def html(wire: Wire) -> None:
    wire.head(kind="text/html")
    wire.chunk(b"<html>please log in</html>")
    wire.end()


def status(code: int, value: Any = None, **headers: str) -> Answer:
    return lambda wire: wire.json(code, {"error": {"message": "the reason"}} if value is None else value, **headers)


FAULTS: dict[str, tuple[Answer, str]] = {
    "401": (status(401), "refuses access (401)"),
    "403": (status(403), "refuses access (403)"),
    "404": (status(404), "does not know this address or model (404): the reason"),
    "400": (status(400), "refused the request (400): the reason"),
    "422 of FastAPI": (status(422, {"detail": [{"msg": "field required"}]}), 'field required"'),
    "429": (status(429), "over its limit (429): the reason"),
    "429 with a long pause": (status(429, Retry_After="3600"), "asks to wait 3600 s"),
    "500": (status(500), "failed (500): the reason"),
    "500 with HTML": (status(500, b"<html>oops"), "failed (500)"),
    "502": (status(502), "is not available (502)"),
    "503": (status(503), "is not available (503)"),
    "504": (status(504), "is not available (504)"),
    "a redirect": (status(307, Location="https://elsewhere.example/v1"), "redirects to https://elsewhere.example/v1"),
    "a page": (html, "text/html instead of a stream"),
    "no HTTP": (no_http, "does not speak HTTP"),
    "a connection that is dropped": (lambda wire: wire.drop(), "closed the connection without an answer"),
    "a broken chunk": (broken_chunk, "broke off in the middle"),
    "a short body": (short_of_its_length, "broke off in the middle"),
    "a whole answer that is short": (whole_but_short, "broke off in the middle"),
    "a stream that ends too early": (streams(said("```\nx")), "broke off in the middle"),
    "a last event that is cut": (streams(said("```\nx"), b'data: {"choices": [{"del'), "broke off in the middle"),
    "JSON that is none": (streams(b"data: {not json}\n\n"), "malformed"),
    "JSON of another form": (streams(b"data: [1, 2]\n\n"), "malformed"),
    "choices of another form": (streams(b'data: {"choices": [7]}\n\n'), "malformed"),
    "text of another form": (streams(said("x", delta={"content": 7})), "malformed"),
    "deep JSON": (streams(b"data: " + b"[" * 100_000 + b"\n\n"), "malformed"),
    "no UTF-8": (streams(b"data: \xff\xfe\n\n"), "malformed"),
    "a whole answer that is no JSON": (lambda wire: wire.json(200, b"{"), "not JSON"),
    "an error within the stream": (
        streams(said("```\nx"), event(None, error={"message": "out of\x1b[31m memory", "code": 500})),
        "failed in the middle of its answer: out of [31m memory",
    ),
    "an empty answer": (says(""), "empty answer"),
    "an empty block": (says("```python\n\n```"), "empty answer"),
    "no code block": (says("x = 1"), "without a code block"),
    "an answer that is too long": (says("```python\nx = [", finish="length"), "did not end within 512 tokens"),
    "a thought that is too long": (says("<think>hmm", finish="length"), "did not end within 512 tokens"),
    "a filter": (says("```python\nx = [", finish="content_filter"), "ended its answer early: content_filter"),
    "an endless answer": (endless, "over 100,000 characters"),
    "endless bytes": (endless_comments, "over 4,000,000 bytes"),
    "the key in the midst of a stream": (streams(event(None, error={"message": f"bad {KEY}"})), "answer: bad ***"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_failure_is_an_error_with_a_remedy(name: str) -> None:
    answer, message = FAULTS[name]
    with serving(answer) as server:
        error = failure(server, environ={"DGEDIT_API_KEY": KEY})
        assert message in str(error)
        assert len(server.chats()) == 1


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(EngineError, match="refuses connections") as caught:
            connect(url, environ={}, retries=1)
    assert "running" in caught.value.hint


def test_a_name_that_is_none() -> None:
    with pytest.raises(EngineError, match=r"the name nowhere\.invalid cannot be resolved"):
        connect("http://nowhere.invalid", environ={})


def full_listener() -> socket.socket:
    """A port that takes no more connections: what connects to it hangs."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    return listener


@pytest.fixture
def hanging() -> Iterator[str]:
    if sys.platform != "linux":
        pytest.skip("other systems refuse what a full port does not take")
    listener = full_listener()
    place = listener.getsockname()
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(place)
    time.sleep(0.1)
    yield f"http://127.0.0.1:{place[1]}"
    for each in (*waiting, listener):
        each.close()


def test_a_connection_that_hangs_ends_by_the_clock(hanging: str) -> None:
    with pytest.raises(EngineError, match=r"did not finish within 0\.3 s"):
        connect(hanging, environ={}, timeout_s=0.3)


def test_a_connection_that_hangs_can_be_cancelled(hanging: str) -> None:
    line = Line(PATIENCE_S)
    threading.Timer(0.1, line.cut).start()
    with pytest.raises(CancelledError):
        connected(parse_address(hanging), line)
    line.release()


def slow(wire: Wire, pieces: list[bytes], pause_s: float) -> None:
    wire.head()
    for piece in pieces:
        wire.chunk(piece)
        time.sleep(pause_s)
    wire.end()


def test_slow_pieces_are_waited_for() -> None:
    with serving(lambda wire: slow(wire, wire_of("```\n", "1", "\n```"), 0.05)) as server:
        assert ask(server, chunk_timeout_s=5.0) == "1"


@pytest.mark.parametrize(
    ("pieces", "message"), [((), "does not answer"), ((said("```\nx"),), "stopped in the middle of its answer")]
)
def test_a_server_that_falls_silent_is_given_up(pieces: tuple[bytes, ...], message: str) -> None:
    def silent(wire: Wire) -> None:
        if pieces:
            wire.head()
        for piece in pieces:
            wire.chunk(piece)
        wire.is_left()

    with serving(silent) as server:
        assert message in str(failure(server, chunk_timeout_s=1.0))


@pytest.mark.parametrize("with_head", [True, False])
def test_a_server_that_only_keeps_the_connection_alive_is_given_up(with_head: bool) -> None:
    def dripping(wire: Wire) -> None:
        if with_head:
            wire.head()
        else:
            wire.raw(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while True:
            wire.chunk(b": keep-alive\n\n") if with_head else wire.raw(b"x")
            time.sleep(0.02)

    with serving(dripping) as server:
        assert "did not finish within 1 s" in str(failure(server, timeout_s=1.0, chunk_timeout_s=5.0))


@pytest.mark.parametrize(
    "trouble", [status(429, Retry_After="0"), status(502), status(503), status(504), lambda wire: wire.drop()]
)
def test_trouble_that_passes_is_tried_again(trouble: Answer) -> None:
    with serving(trouble, trouble, says(block("1"))) as server:
        assert ask(server, retries=2) == "1"
        assert len(server.chats()) == 3


@pytest.mark.parametrize("name", ["401", "404", "400", "500", "a redirect", "a broken chunk", "JSON that is none"])
def test_other_trouble_is_not_tried_again(name: str) -> None:
    with serving(FAULTS[name][0], says(block("1"))) as server:
        failure(server, retries=3)
        assert len(server.chats()) == 1


def test_an_answer_that_has_begun_is_not_tried_again() -> None:
    with serving(streams(said("```\nx")), says(block("1"))) as server:
        failure(server, retries=3)
        assert len(server.chats()) == 1


def test_retries_end() -> None:
    with serving(status(503)) as server:
        failure(server, retries=2)
        assert len(server.chats()) == 3


@pytest.mark.parametrize("after", ["1", "Wed, 21 Oct 2065 07:28:00 GMT"])
def test_a_pause_that_a_server_asks_for_is_kept_or_not_waited_for(after: str) -> None:
    began = time.monotonic()
    with serving(status(429, Retry_After=after), says(block("1"))) as server:
        if after == "1":
            assert ask(server, retries=1) == "1"
            assert time.monotonic() - began >= 1
        else:
            assert "asks to wait" in str(failure(server, retries=1))
            assert len(server.chats()) == 1


def test_the_key_is_sent_as_a_bearer_and_shown_nowhere() -> None:
    with serving(says(block("1"))) as server:
        engine = connect(server.url, environ={"DGEDIT_API_KEY": f" {KEY}\n"})
        list(engine.infill(REQUEST))
        sent = [each.headers.get("Authorization") for each in server.sent]
        assert len(sent) >= 2
        assert set(sent) == {f"Bearer {KEY}"}
        assert KEY not in json.dumps([each.body for each in server.sent])
    assert KEY not in repr(vars(engine)) + repr(engine._api) + repr(engine.info)


def test_no_key_is_sent_where_there_is_none() -> None:
    with serving(says(block("1"))) as server:
        ask(server, environ={"DGEDIT_API_KEY": "  ", "OPENAI_API_KEY": KEY})
        assert not any("Authorization" in each.headers for each in server.sent)


def test_a_key_in_an_answer_is_refused_unless_the_file_has_it() -> None:
    pieces = [f"```python\n'{KEY[:9]}", KEY[9:20], KEY[20:] + "'\n```"]
    known = {"DGEDIT_API_KEY": KEY}
    with serving(says(*pieces)) as server:
        frames = connect(server.url, environ=known, retries=0).infill(REQUEST)
        shown = list[str]()
        with pytest.raises(EngineError, match="holds the key of DGEDIT_API_KEY") as caught:
            shown += (frame.text for frame in frames)
        assert KEY not in f"{caught.value!r} {caught.value.hint}"
        assert not any(KEY[:4] in text for text in shown)
        request = InfillRequest(prefix=f"key = '{KEY}'\nx = ", suffix="\n")
        assert list(connect(server.url, environ=known).infill(request))[-1].text == f"'{KEY}'"


@pytest.mark.parametrize(
    ("models", "more"),
    [
        ([model(f"a\x1b[31m{KEY}\nb"), model("c")], {}),
        ([model(f"a\x1b[31m{KEY}\nb")], {}),
        ([model(f"a\x1b[31m{KEY}\nb", max_model_len=10**400)], {}),
    ],
)
def test_names_of_models_steer_no_terminal_and_tell_no_key(models: list[dict[str, Any]], more: dict[str, Any]) -> None:
    with serving(says("```\n1", finish=f"no\x1b[2J{KEY}"), models=models) as server:
        try:
            engine = connect(server.url, environ={"DGEDIT_API_KEY": KEY}, retries=0)
            said = repr(engine.info)
            list(engine.infill(REQUEST))
        except EngineError as error:
            said = f"{error} {error.hint}" if len(models) > 1 else f"{error} {engine.info.name}"
        assert "a [31m*** b" in said
        assert KEY not in said
        assert said.isprintable()
        if len(models) == 1:
            assert server.chats()[0]["model"] == models[0]["id"], "the server is told its own name"


def test_many_small_pieces_cost_as_much_as_a_large_one() -> None:
    code = "[" + "1, " * 5_000 + "1]"
    with serving(says(*block(code))) as server:
        frames = list(connect(server.url, environ={}, timeout_s=60.0).infill(REQUEST))
    assert frames[-1].text == code
    assert sum(len(frame.text) for frame in frames) < len(code) ** 2 / 50, "drafts come as they are worth it"


@pytest.mark.parametrize("code", [400, 429, 500])
def test_a_server_that_repeats_the_key_does_not_get_it_shown(code: int) -> None:
    with serving(status(code, {"error": {"message": f"bad key {KEY}", "code": KEY}})) as server:
        assert "bad key ***" in str(failure(server, environ={"DGEDIT_API_KEY": KEY}))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is needed to make a certificate")
    place = tmp_path_factory.mktemp("tls") / "server.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext"
    subprocess.run(
        [*command.split(), "subjectAltName=IP:127.0.0.1", "-keyout", f"{place}.key", "-out", str(place)],
        check=True,
        capture_output=True,
    )
    with place.open("ab") as file:
        file.write(Path(f"{place}.key").read_bytes())
    return str(place)


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: str) -> None:
    with serving(says(block("1")), certificate=certificate) as server:
        error = failure(server, retries=2)
        assert "certificate of 127.0.0.1 is not trusted" in str(error)
        assert server.sent == []


def test_an_authority_of_ones_own_is_trusted(certificate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    with serving(says(block("1")), certificate=certificate) as server:
        assert ask(server, environ={"DGEDIT_API_KEY": KEY}) == "1"
        with pytest.raises(EngineError, match="not trusted"):
            connect(server.url.replace("127.0.0.1", "localhost"), environ={})


def test_cancelling_works_through_tls(certificate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    with serving(certificate=certificate) as server:
        server.answers.append(server.waiting(said("```\nx")))
        frames = connect(server.url, environ={}, timeout_s=600, chunk_timeout_s=600).infill(REQUEST)
        assert next(frames).text == "x"
        timer = threading.Timer(0.1, frames.close)
        timer.start()
        with pytest.raises(CancelledError):
            next(frames)
        assert server.left.wait(PATIENCE_S)


def test_https_to_a_server_that_speaks_http() -> None:
    with serving() as server, pytest.raises(EngineError, match="no TLS connection"):
        connect(server.url.replace("http:", "https:"), environ={}, retries=0)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_no_proxy_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(says(block("1"))) as server:
        assert ask(server) == "1"


def test_plain_http_elsewhere_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = socket.getaddrinfo
    with serving(says(block("1"))) as server:
        port = parse_address(server.url).port
        monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: real("127.0.0.1", *rest, **more))
        engine = connect(f"http://team.example:{port}", environ={})
        assert list(engine.infill(REQUEST))[-1].text == "1"
    assert engine.notes == (f"code is sent to http://team.example:{port} in the clear",)

"""The remote engine against a real server on this machine: answers, what is sent, cancelling, keys."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from dgedit.engine.remote import RemoteEngine, RemoteInfill, connect
from dgedit.engine.remote.line import Line
from dgedit.engine.types import CancelledError, EngineError, Frame, InfillRequest, Origin, SlotState, Start

from ...support.remote_server import (
    PATIENCE_S,
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

REQUEST = InfillRequest(prefix="def add(a, b):\n    ", suffix="\n\n\nprint(add(1, 2))\n")
CODE = "return a + b"


def engine_of(server: ModelServer, **more: Any) -> RemoteEngine:
    return connect(server.url, **{"environ": {}, "retries": 0, "timeout_s": PATIENCE_S, **more})


def frames_of(server: ModelServer, request: InfillRequest = REQUEST, **more: Any) -> list[Frame]:
    return list(engine_of(server, **more).infill(request))


def test_an_answer_comes_as_drafts_and_then_as_the_result() -> None:
    with serving(says("Here", " you are:\n```pyt", "hon\nreturn", " a +", " b\n`", "``", "\nmore")) as server:
        frames = frames_of(server)
    assert [frame.text for frame in frames] == ["return", "return a +", "return a + b", CODE]
    assert [frame.pass_index for frame in frames] == [1, 2, 3, 4]
    assert {span.state for frame in frames[:-1] for span in frame.spans} == {SlotState.DRAFT}
    assert all(frame.result is None for frame in frames[:-1])
    result = frames[-1].result
    assert result is not None
    assert (result.text, result.passes) == (CODE, 4)
    (candidate,) = result.candidates
    assert candidate.text == CODE
    assert candidate.parses is True
    assert candidate.origins == {Origin.WRITTEN}
    assert not candidate.repeats_suffix


def test_the_context_is_as_the_server_counts_it() -> None:
    with serving(says(block(CODE)), models=[model("tiny", max_model_len=8192)]) as server:
        used = frames_of(server)[-1].context
    assert used.limit == 8192
    assert 50 < used.tokens < 1000
    assert not used.prefix_cut


def test_the_answer_may_come_at_once() -> None:
    whole = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": block(CODE)}, "finish_reason": "stop"}]
    }
    with serving(lambda wire: wire.json(200, whole)) as server:
        assert [frame.text for frame in frames_of(server)] == [CODE, CODE]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100_000])
def test_bytes_may_be_cut_anywhere(ending: str, size: int) -> None:
    stream = b"".join(wire_of("```python\n", 'name = "é漢😀"', "\n```", ending=ending))
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    with serving(streams(*pieces)) as server:
        assert frames_of(server)[-1].text == 'name = "é漢😀"'


def test_a_stop_string_may_have_taken_the_end_of_the_block() -> None:
    with serving(says(f"```python\n{CODE}")) as server:
        assert frames_of(server)[-1].text == CODE


def test_a_stream_may_lack_its_last_word_when_the_answer_has_ended() -> None:
    with serving(streams(*wire_of(block(CODE))[:-1])) as server:
        assert frames_of(server)[-1].text == CODE


@pytest.mark.parametrize(
    "thought", ["<think>\n```python\nno\n```\n</think>\n", "<|channel>thought\n```\nno\n```<channel|>"]
)
def test_thoughts_are_no_answer(thought: str) -> None:
    with serving(says(thought[:12], thought[12:], block(CODE))) as server:
        frames = frames_of(server)
    assert frames[-1].text == CODE
    assert not any("no" in frame.text for frame in frames)


def test_reasoning_that_comes_apart_is_no_answer() -> None:
    thought = event({"index": 0, "delta": {"reasoning": "```\nno\n```"}, "finish_reason": None})
    with serving(streams(thought, *wire_of(block(CODE)))) as server:
        assert [frame.text for frame in frames_of(server)] == [CODE, CODE]


def test_what_is_sent() -> None:
    request = InfillRequest(
        prefix="SECRET_PREFIX = 1\n",
        suffix="\nsuffix = '``````'\n",
        seed=7,
        expected_tokens=20,
        instruction="make it short",
        original="old = 1",
        rejected=("bad = 2",),
        related=("other = 3",),
        language="python",
    )
    with serving(says(block(CODE))) as server:
        frames_of(server, request)
        (body,) = server.chats()
    assert body["model"] == "tiny"
    assert (body["seed"], body["temperature"], body["stream"], body["max_tokens"]) == (7, 0.7, True, 168)
    assert body["stop"] == ["\n```````\n\n"]
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    text = body["messages"][1]["content"]
    for part in (
        "SECRET_PREFIX = 1\n<SPAN_TO_WRITE>\nsuffix",
        "make it short",
        "old = 1",
        "bad = 2",
        "```````python\n",
    ):
        assert part in text
    assert "other = 3" not in text
    assert "vllm_xargs" not in body
    assert "chat_template_kwargs" not in body


def test_related_texts_are_sent_only_where_that_is_allowed() -> None:
    request = InfillRequest(prefix="a = 1\n", suffix="", related=("other = 3\n", "x" * 20_000 + "END", "third = 1\n"))
    with serving(says(block(CODE))) as server:
        frames_of(server, request, share_related=True)
        text = server.chats()[0]["messages"][1]["content"]
    assert "other = 3" in text
    assert "third = 1" in text
    assert "END" not in text
    assert len(text) < 20_000


def test_seed_0_takes_the_likeliest() -> None:
    with serving(says(block(CODE))) as server:
        frames_of(server)
        assert (server.chats()[0]["seed"], server.chats()[0]["temperature"]) == (0, 0.0)


@pytest.mark.parametrize(("tokens", "chars"), [(None, 36_000), (4096, 8_000), (900, 1_500)])
def test_long_files_are_cut_to_what_the_server_reads(tokens: int | None, chars: int) -> None:
    line = "value = 1  # a line\n"
    request = InfillRequest(prefix=line * 10_000, suffix="\n" + line * 10_000)
    with serving(says(block(CODE)), models=[model("tiny", max_model_len=tokens)]) as server:
        used = frames_of(server, request)[-1].context
        text = server.chats()[0]["messages"][1]["content"]
    assert used.prefix_cut
    assert used.suffix_cut
    assert chars * 0.2 < len(text) < chars + 1_500
    assert f"{line}<SPAN_TO_WRITE>\n{line}" in text


@pytest.mark.parametrize("field", ["instruction", "original", "rejected", "related"])
def test_what_is_sent_beside_the_file_leaves_less_room_for_it(field: str) -> None:
    long = "word " * 700
    beside: dict[str, Any] = {field: long if field in ("instruction", "original") else (long,)}
    lengths = list[int]()
    with serving(says(block(CODE)), models=[model("tiny", max_model_len=4096)]) as server:
        for more in ({}, beside):
            frames_of(server, InfillRequest(prefix="value = 1\n" * 5_000, suffix="", **more), share_related=True)
            lengths.append(len(server.chats()[-1]["messages"][1]["content"]))
    assert abs(lengths[0] - lengths[1]) < 1_500


def test_a_mark_in_the_file_is_told_apart() -> None:
    with serving(says(block(CODE))) as server:
        frames_of(server, InfillRequest(prefix="<SPAN_TO_WRITE>\n", suffix="\n<SPAN_TO_WRITE_2>"))
        assert "<SPAN_TO_WRITE>\n<SPAN_TO_WRITE_3>\n" in server.chats()[0]["messages"][1]["content"]


def test_text_that_is_no_text_is_sent_all_the_same() -> None:
    with serving(says(block(CODE))) as server:
        frames_of(server, InfillRequest(prefix="x = '\ud800'\n", suffix=""))
        assert "\ud800" in server.chats()[0]["messages"][1]["content"]


def test_the_only_model_is_taken() -> None:
    with serving() as server:
        info = engine_of(server).info
    assert (info.name, info.instructed, info.device) == ("tiny", True, server.url)
    assert info.span_tokens > 500


def test_one_of_many_models_must_be_named() -> None:
    with serving(says(block(CODE)), models=[model("one"), model("two")]) as server:
        with pytest.raises(EngineError, match="serves 2 models") as caught:
            engine_of(server)
        assert "one, two" in caught.value.hint
        assert frames_of(server, model="two")[-1].text == CODE
        assert server.chats()[0]["model"] == "two"


def test_a_server_that_lists_nothing_needs_a_name() -> None:
    with serving(says(block(CODE)), gets={"/v1/models": lambda wire: wire.json(404, {})}) as server:
        with pytest.raises(EngineError, match="404"):
            engine_of(server)
        assert frames_of(server, model="mine")[-1].text == CODE


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_address_may_be_copied_with_its_end(end: str) -> None:
    with serving(says(block(CODE))) as server:
        engine = connect(server.url + end, environ={})
        assert list(engine.infill(REQUEST))[-1].text == CODE


def picky(*unknown: str) -> Any:
    """A server that refuses the first unknown field that it meets."""

    def answer(wire: Wire) -> None:
        for name in unknown:
            if name in wire.body:
                other = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
                error = {"message": f"Unsupported parameter: '{name}'.{other}", "param": name, "code": None}
                wire.json(400, {"error": error})
                return
        says(block(CODE))(wire)

    return answer


def test_fields_that_a_server_does_not_take_are_left_out() -> None:
    unknown = ("max_tokens", "temperature", "seed", "stop", "stream_options")
    with serving(picky(*unknown)) as server:
        engine = engine_of(server)
        assert list(engine.infill(REQUEST))[-1].text == CODE
        body = server.chats()[-1]
        assert not set(unknown) & set(body)
        assert body["max_completion_tokens"] == 512
        asked = len(server.chats())
        assert list(engine.infill(REQUEST))[-1].text == CODE
        assert len(server.chats()) == asked + 1
    assert any("seed" in note for note in engine.notes)


def test_a_field_that_is_needed_is_not_left_out() -> None:
    with serving(picky("messages")) as server:
        with pytest.raises(EngineError, match="Unsupported parameter: 'messages'"):
            frames_of(server)
        assert len(server.chats()) == 1


def test_closing_the_frames_breaks_the_connection() -> None:
    with serving() as server:
        server.answers.append(server.waiting(said("```python\nreturn")))
        frames = engine_of(server).infill(REQUEST)
        assert next(frames).text == "return"
        frames.close()
        assert server.left.wait(PATIENCE_S)
        with pytest.raises(CancelledError):
            next(frames)


def test_frames_that_nobody_holds_break_the_connection() -> None:
    with serving() as server:
        server.answers.append(server.waiting(said("```python\nreturn")))
        frames = engine_of(server).infill(REQUEST)
        next(frames)
        del frames
        assert server.left.wait(PATIENCE_S)


def reading(frames: RemoteInfill) -> tuple[threading.Thread, list[EngineError]]:
    """A thread that takes all frames, and what ended it."""
    ended = list[EngineError]()

    def read() -> None:
        try:
            list(frames)
        except EngineError as error:
            ended.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    return reader, ended


@pytest.mark.parametrize("by", ["frames", "engine"])
@pytest.mark.parametrize("pieces", [0, 1])
def test_another_thread_cancels_while_this_one_waits(by: str, pieces: int) -> None:
    with serving() as server:
        server.answers.append(server.waiting(*[said("```python\nreturn")] * pieces))
        engine = engine_of(server, timeout_s=600, chunk_timeout_s=600)
        frames = engine.infill(REQUEST)
        reader, ended = reading(frames)
        while not server.chats():
            time.sleep(0.005)
        time.sleep(0.05)
        frames.close() if by == "frames" else engine.cancel()
        reader.join(PATIENCE_S)
        assert not reader.is_alive()
        assert server.left.wait(PATIENCE_S)
        assert [type(error) for error in ended] == [CancelledError]
        engine.cancel()


def test_cancelling_ends_the_pause_before_a_retry() -> None:
    with serving(lambda wire: wire.json(503, {}, Retry_After="25")) as server:
        frames = engine_of(server, timeout_s=600, retries=3).infill(REQUEST)
        reader, ended = reading(frames)
        while not server.chats():
            time.sleep(0.005)
        time.sleep(0.1)
        frames.close()
        reader.join(PATIENCE_S)
        assert not reader.is_alive()
        assert [type(error) for error in ended] == [CancelledError]
        assert len(server.chats()) == 1


def test_an_engine_serves_again_after_a_cancel() -> None:
    with serving() as server:
        server.answers += [server.waiting(said("```python\n")), says(block(CODE))]
        engine = engine_of(server)
        engine.cancel()
        frames = engine.infill(REQUEST)
        frames.close()
        first = engine.infill(REQUEST)
        threading.Timer(0.1, first.close).start()
        with pytest.raises(CancelledError):
            list(first)
        assert list(engine.infill(REQUEST))[-1].text == CODE


def test_frames_that_another_thread_closed_do_not_end_as_if_they_were_whole() -> None:
    line = Line(PATIENCE_S)

    def closed() -> Generator[Frame, None, None]:
        line.cut()
        yield from ()

    with pytest.raises(CancelledError):
        next(RemoteInfill(closed(), line, lambda _: None))


def test_nothing_is_sent_for_frames_that_nobody_asks_for() -> None:
    with serving(says(block(CODE))) as server:
        engine_of(server).infill(REQUEST).close()
        assert server.chats() == []


def test_a_pass_cannot_be_gone_on_from() -> None:
    with serving() as server, pytest.raises(EngineError, match="cannot go on"):
        engine_of(server).infill(InfillRequest(prefix="", suffix="", start=Start(slots=(1,), passes=1)))


def test_no_torch_is_imported() -> None:
    code = "import sys, dgedit.engine.remote, dgedit.files.private; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"

"""Pinned canvases against a server that checks the arguments as vLLM does and holds, ignores or breaks the pins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dgedit.engine.remote import RemoteEngine, RemoteMode, connect
from dgedit.engine.remote.pins import CANVAS_TOKENS, END_OF_TURN, NO_THOUGHT
from dgedit.engine.types import EngineError, Frame, InfillRequest, Origin

from ...support.remote_server import PATIENCE_S, Answer, ModelServer, Tokens, Wire, block, event, model, says, serving

NAME = "google/diffusiongemma-26B-A4B-it"
LINES = "".join(f"value_{number} = {number}\n" for number in range(200))
REQUEST = InfillRequest(prefix=LINES + "def add(a, b):\n    ", suffix="\n\n\nprint(add(1, 2))\n" + LINES, max_passes=24)
Change = Callable[[list[int]], list[int]]


def canvas_answer(tokens: Tokens, text: str, change: Change = lambda ids: ids, *, width: int = CANVAS_TOKENS) -> Answer:
    """A vLLM that knows pins: refuses what its validation refuses, writes `text` into the free slots."""

    def answer(wire: Wire) -> None:
        asked = wire.body["vllm_xargs"]
        seed, pinned = asked["diffusion_seed_canvas"], asked["diffusion_pinned"]
        if asked["diffusion_canvas_length"] > width:
            reason = "diffusion_canvas_length must be a positive integer no larger than the served canvas."
            wire.json(400, {"error": {"message": reason, "type": "BadRequestError", "code": 400}})
            return
        assert len(seed) == asked["diffusion_canvas_length"]
        assert all(0 <= token < 262_144 for token in seed)
        assert all(0 <= place < len(seed) for place in pinned)
        free = [place for place in range(len(seed)) if place not in set(pinned)]
        written = [*tokens.encode(text), *[0] * len(free)]
        ids = list(seed)
        for place, token in zip(free, written, strict=False):
            ids[place] = token
        ids = change(ids[: wire.body["max_tokens"]])
        wire.head()
        wire.chunk(event({"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}))
        for start in range(0, len(ids), 100):
            part = ids[start : start + 100]
            choice = {"index": 0, "delta": {"content": tokens.decode(part)}, "finish_reason": None}
            wire.chunk(event(choice | ({"token_ids": part} if wire.body["return_token_ids"] else {})))
        wire.chunk(event({"index": 0, "delta": {"content": ""}, "finish_reason": "length", "token_ids": []}))
        wire.chunk(b"data: [DONE]\n\n")
        wire.end()

    return answer


def vllm(tokens: Tokens) -> dict[str, Any]:
    return {"models": [model(NAME, owned_by="vllm", max_model_len=8192)], "routes": tokens.routes()}


def engine_of(server: ModelServer, **more: Any) -> RemoteEngine:
    return connect(server.url, **{"environ": {}, "retries": 0, "timeout_s": PATIENCE_S, **more})


def run(engine: RemoteEngine, request: InfillRequest = REQUEST) -> Frame:
    return list(engine.infill(request))[-1]


def test_the_span_is_read_from_the_free_slots() -> None:
    tokens = Tokens()
    with serving(canvas_answer(tokens, "return a + b"), **vllm(tokens)) as server:
        engine = engine_of(server)
        frame = run(engine)
        body = server.chats()[-1]
    assert engine.notes == ()
    assert frame.result is not None
    (candidate,) = frame.result.candidates
    assert (candidate.text, candidate.parses) == ("return a + b", True)
    assert candidate.origins == {Origin.DENOISED}
    asked = body["vllm_xargs"]
    canvas, pinned = asked["diffusion_seed_canvas"], asked["diffusion_pinned"]
    assert (asked["diffusion_max_steps"], asked["diffusion_read_only"], len(canvas)) == (24, 1, CANVAS_TOKENS)
    free = sorted(set(range(CANVAS_TOKENS)) - set(pinned))
    assert free == list(range(free[0], free[0] + 32))
    before, after = tokens.decode(canvas[: free[0]]), tokens.decode(canvas[free[-1] + 1 : body["max_tokens"]])
    assert before.startswith(f"{NO_THOUGHT}```python\nvalue_")
    assert before.endswith("def add(a, b):\n    ")
    assert after.startswith("\n\n\nprint(add(1, 2))\n")
    assert after.endswith(f"\n```{END_OF_TURN}")
    assert set(canvas[body["max_tokens"] :]) <= {0}
    assert "Answer with these lines" in body["messages"][1]["content"]


def test_a_template_that_closes_the_thought_gets_no_second_one() -> None:
    tokens = Tokens()
    routes = tokens.routes()
    plain = routes["/tokenize"]

    def tokenize(body: Any) -> Any:
        found = plain(body)
        return found | ({"tokens": found["tokens"] + tokens.encode(NO_THOUGHT)} if "messages" in body else {})

    with serving(
        canvas_answer(tokens, "return 1"), **vllm(tokens) | {"routes": routes | {"/tokenize": tokenize}}
    ) as server:
        assert run(engine_of(server)).text == "return 1"
        canvas = server.chats()[-1]["vllm_xargs"]["diffusion_seed_canvas"]
    assert tokens.decode(canvas).startswith("```python\n")


@pytest.mark.parametrize(("expected", "slots"), [(None, 32), (3, 8), (40, 54)])
def test_the_slots_follow_from_what_is_expected(expected: int | None, slots: int) -> None:
    tokens = Tokens()
    request = InfillRequest(prefix="x = ", suffix="\n", expected_tokens=expected)
    with serving(canvas_answer(tokens, "1"), **vllm(tokens)) as server:
        assert run(engine_of(server), request).text == "1"
        assert CANVAS_TOKENS - len(server.chats()[-1]["vllm_xargs"]["diffusion_pinned"]) == slots


def test_the_noise_is_the_seeds() -> None:
    tokens = Tokens()
    canvases = []
    with serving(canvas_answer(tokens, "1"), **vllm(tokens)) as server:
        engine = engine_of(server)
        for seed in (1, 1, 2):
            run(engine, InfillRequest(prefix="x = ", suffix="\n", seed=seed))
            canvases.append(server.chats()[-1]["vllm_xargs"]["diffusion_seed_canvas"])
    assert canvases[0] == canvases[1] != canvases[2]


@pytest.mark.parametrize("number", [0, 20, -1])
def test_an_answer_that_changed_a_pin_is_refused(number: int) -> None:
    tokens = Tokens()

    def change(ids: list[int]) -> list[int]:
        ids[number] += 1
        return ids

    with serving(canvas_answer(tokens, "return a + b", change), **vllm(tokens)) as server:
        with pytest.raises(EngineError, match=r"changed 1 of .* pinned tokens; its answer is refused"):
            run(engine_of(server))
        assert len(server.chats()) == 1


def test_an_empty_span_is_an_error() -> None:
    tokens = Tokens()
    with serving(canvas_answer(tokens, ""), **vllm(tokens)) as server, pytest.raises(EngineError, match="empty answer"):
        run(engine_of(server))


def no_ids(ids: list[int]) -> list[int]:
    return []


LASTING: dict[str, tuple[Change, int, str]] = {
    "a server that shifts all tokens": (lambda ids: ids[1:], CANVAS_TOKENS, "does not hold pinned tokens"),
    "a server without token ids": (no_ids, CANVAS_TOKENS, "gives no token ids"),
    "a server with a smaller canvas": (lambda ids: ids, 64, "no larger than the served canvas"),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_server_that_does_not_hold_pins_is_asked_as_a_chat_from_then_on(name: str) -> None:
    change, width, reason = LASTING[name]
    tokens = Tokens()
    with serving(
        canvas_answer(tokens, "return 1", change, width=width), says(block("return 2")), **vllm(tokens)
    ) as server:
        engine = engine_of(server)
        assert run(engine).text == "return 2"
        assert run(engine).text == "return 2"
        assert ["vllm_xargs" in body for body in server.chats()] == [True, False, False]
        assert server.chats()[-1]["chat_template_kwargs"] == {"enable_thinking": False}
    (note,) = engine.notes
    assert "without pins" in note
    assert reason in note


def test_a_server_that_names_the_argument_is_asked_as_a_chat() -> None:
    tokens = Tokens()
    refusal = {"error": {"message": "Unrecognized request argument supplied: vllm_xargs"}}
    with serving(lambda wire: wire.json(400, refusal), says(block("return 2")), **vllm(tokens)) as server:
        engine = engine_of(server)
        assert run(engine).text == "return 2"
    assert "vllm_xargs" in engine.notes[0]


def test_a_server_without_a_tokenizer_is_asked_as_a_chat() -> None:
    with serving(says(block("return 2")), models=[model(NAME, owned_by="vllm")]) as server:
        engine = engine_of(server)
        assert run(engine).text == "return 2"
        assert run(engine).text == "return 2"
        assert sum(each.path == "/tokenize" for each in server.sent) == 1
    assert "404" in engine.notes[0]


@pytest.mark.parametrize("text", ["x = '<turn|>'\n", "<|channel>\n", "# <eos>\n"])
def test_control_tokens_near_the_span_are_not_pinned(text: str) -> None:
    tokens = Tokens()
    answers = (says(block("2")), canvas_answer(tokens, "3"))
    with serving(*answers, **vllm(tokens)) as server:
        engine = engine_of(server)
        assert run(engine, InfillRequest(prefix=text + "x = ", suffix="\n")).text == "2"
        assert "control token" in engine.notes[0]
        assert run(engine, InfillRequest(prefix="x = ", suffix="\n")).text == "3"


def test_a_long_span_is_asked_as_a_chat() -> None:
    tokens = Tokens()
    with serving(says(block("2")), **vllm(tokens)) as server:
        engine = engine_of(server)
        assert run(engine, InfillRequest(prefix="x = ", suffix="\n", expected_tokens=150)).text == "2"
    assert "a canvas holds 128" in engine.notes[0]


def test_dense_lines_are_left_out_until_they_fit() -> None:
    tokens = Tokens()
    dense = "".join("+-*/"[number % 4] for number in range(400))
    prefix, suffix = "\n".join([dense] * 5) + "\nx = ", "\n" + "\n".join([dense] * 5)
    with serving(canvas_answer(tokens, "1"), **vllm(tokens)) as server:
        assert run(engine_of(server), InfillRequest(prefix=prefix, suffix=suffix)).text == "1"


@pytest.mark.parametrize(
    ("mode", "name", "owner", "pinned"),
    [
        (RemoteMode.AUTO, NAME, "vllm", True),
        (RemoteMode.AUTO, NAME, "someone", False),
        (RemoteMode.AUTO, "qwen", "vllm", False),
        (RemoteMode.CHAT, NAME, "vllm", False),
        (RemoteMode.PINNED, "mine", "someone", True),
    ],
)
def test_when_pins_are_tried(mode: RemoteMode, name: str, owner: str, pinned: bool) -> None:
    tokens = Tokens()

    def either(wire: Wire) -> None:
        (canvas_answer(tokens, "1") if "vllm_xargs" in wire.body else says(block("1")))(wire)

    with serving(either, models=[model(name, owned_by=owner)], routes=tokens.routes()) as server:
        engine = engine_of(server, mode=mode)
        assert run(engine, InfillRequest(prefix="x = ", suffix="\n")).text == "1"
        assert ["vllm_xargs" in body for body in server.chats()] == [pinned]
    assert engine.notes == ()

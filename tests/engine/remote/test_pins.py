"""Pinned canvases against a server that checks the arguments as vLLM does and says its own guesses for the pins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dgedit.engine.remote import RemoteEngine, RemoteMode, connect
from dgedit.engine.remote.pins import END_OF_TURN, NO_THOUGHT
from dgedit.engine.types import EngineError, Frame, InfillRequest, Origin

from ...support.remote_server import PATIENCE_S, ModelServer, Wire, block, model, says, serving
from ...support.runtimes import DIFFUSION_GEMMA, Vllm, guessed_pins, shifted

LINES = "".join(f"value_{number} = {number}\n" for number in range(200))
REQUEST = InfillRequest(prefix=LINES + "def add(a, b):\n    ", suffix="\n\n\nprint(add(1, 2))\n" + LINES, max_passes=48)
SHORT = InfillRequest(prefix="x = ", suffix="\n")
CODE = "return a + b"


def engine_of(server: ModelServer, **more: Any) -> RemoteEngine:
    return connect(server.url, **{"environ": {}, "retries": 0, "timeout_s": PATIENCE_S, **more})


def run(engine: RemoteEngine, request: InfillRequest = REQUEST) -> Frame:
    return list(engine.infill(request))[-1]


def canvases(server: ModelServer) -> list[dict[str, Any]]:
    """The arguments of each canvas that was asked for, the shortest first; the probe's is empty."""
    asked = [body["vllm_xargs"] for body in server.chats() if "vllm_xargs" in body]
    return sorted((each for each in asked if each["diffusion_seed_canvas"]), key=lambda each: free(each)[1])


def free(asked: dict[str, Any]) -> tuple[int, int]:
    """The first free slot and how many there are; they stand together."""
    places = sorted(set(range(asked["diffusion_canvas_length"])) - set(asked["diffusion_pinned"]))
    assert places == list(range(places[0], places[0] + len(places)))
    return places[0], len(places)


def test_the_span_is_read_from_the_free_slots() -> None:
    vllm = Vllm(write=lambda slots: CODE)
    with serving(vllm, **vllm.serving()) as server:
        frames = list(engine_of(server).infill(REQUEST))
        asked, bodies = canvases(server), [body for body in server.chats() if body.get("return_token_ids")]
    result = frames[-1].result
    assert result is not None
    candidate = result.candidates[0]
    assert (candidate.text, candidate.parses) == (CODE, True)
    assert [frame.result is None for frame in frames] == [True] * 5 + [False]
    assert candidate.origins == {Origin.DENOISED}
    assert [free(each)[1] for each in asked] == [4, 8, 16, 32, 64]
    assert all(each["diffusion_read_only"] == 1 and "diffusion_max_steps" not in each for each in asked)
    assert not any({"seed", "temperature", "min_p"} & body.keys() for body in bodies)
    start, slots = free(asked[-1])
    canvas = asked[-1]["diffusion_seed_canvas"]
    before, after = vllm.tokens.decode(canvas[:start]), vllm.tokens.decode(canvas[start + slots :])
    assert before.startswith(f"{NO_THOUGHT}```python\nvalue_")
    assert before.endswith("def add(a, b):\n    ")
    assert after.startswith("\n\n\nprint(add(1, 2))\n")
    assert after.rstrip("\0").endswith(f"\n```{END_OF_TURN}")
    assert "Answer with these lines" in bodies[0]["messages"][1]["content"]


def test_no_request_is_refused_but_the_probe() -> None:
    vllm = Vllm()
    with serving(vllm, **vllm.serving()) as server:
        engine = engine_of(server)
        for seed in (0, 7):
            run(engine, InfillRequest(prefix="x = ", suffix="\n", seed=seed))
        assert len(server.chats()) == 1 + 2 * 5
        assert [each.path for each in server.sent].count("/version") == 1


@pytest.mark.parametrize("name", ["dgemma", "my-model", DIFFUSION_GEMMA])
def test_a_name_that_says_nothing_gets_pins(name: str) -> None:
    vllm = Vllm(name=name, root="/models/checkpoint-7")
    with serving(vllm, **vllm.serving()) as server:
        assert run(engine_of(server)).text == CODE
        assert len(canvases(server)) == 5


def test_another_model_of_a_vllm_is_asked_as_a_chat() -> None:
    vllm = Vllm(canvas=None, name="my-diffusion-of-ideas", root="qwen", chat=block("return 1"))
    with serving(vllm, **vllm.serving()) as server:
        engine = engine_of(server, mode=RemoteMode.CHAT)
        assert run(engine).text == "return 1"
        assert canvases(server) == []
        assert sorted(body["seed"] for body in server.chats()[1:])[0] == 0


@pytest.mark.parametrize("places", ["one before", "one behind", "half", "all"])
def test_the_pins_are_ours_whatever_comes_back(places: str) -> None:
    kept: dict[str, Callable[[int], bool]] = {
        "one before": lambda place: place != 0,
        "one behind": lambda place: place != 75,
        "half": lambda place: place % 2 == 0,
        "all": lambda place: False,
    }
    request = InfillRequest(prefix=REQUEST.prefix, suffix=REQUEST.suffix, exact_tokens=7)
    vllm = Vllm()
    with serving(vllm, **vllm.serving()) as server:
        run(engine_of(server), request)
        start, slots = free(canvases(server)[0])
        spoilt = guessed_pins(lambda place: start <= place < start + slots or kept[places](place))
        vllm.change = spoilt
        engine = engine_of(server)
        for _ in range(2):
            assert run(engine, request).text == CODE
        assert len(canvases(server)) == 3
    assert not any("without pins" in note for note in engine.notes)


@pytest.mark.parametrize("limit", [16, 32, 64, 128, 256, 512])
@pytest.mark.parametrize("expected", [None, 1, 6, 20])
def test_the_canvas_is_no_wider_than_it_must_be(limit: int, expected: int | None) -> None:
    vllm = Vllm(canvas=limit, chat=block("return 2"), write=lambda slots: "return")
    request = InfillRequest(prefix=REQUEST.prefix, suffix=REQUEST.suffix, expected_tokens=expected)
    with serving(vllm, **vllm.serving()) as server:
        text = run(engine_of(server), request).text
        asked = canvases(server)
    if limit < 32:
        assert (text, asked) == ("return 2", [])  # there is no room for the surroundings
        return
    assert text == ("return" if asked else "return 2")
    for each in asked:
        assert each["diffusion_canvas_length"] <= min(limit, 8 * (free(each)[1] + 24) + 64)
    if expected == 1 and limit >= 64:
        assert asked[0]["diffusion_canvas_length"] <= 80


@pytest.mark.parametrize(
    ("expected", "exact", "slots"),
    [(None, None, [4, 8, 16, 32, 64]), (20, None, [15, 20, 25, 30]), (1, None, [1, 2]), (None, 9, [9])],
)
def test_the_rows_follow_from_what_is_expected(expected: int | None, exact: int | None, slots: list[int]) -> None:
    vllm = Vllm()
    request = InfillRequest(prefix="x = ", suffix="\n", expected_tokens=expected, exact_tokens=exact)
    with serving(vllm, **vllm.serving()) as server:
        run(engine_of(server), request)
        assert [free(each)[1] for each in canvases(server)] == slots


def test_rows_are_alternatives_in_the_order_of_their_likelihood() -> None:
    texts = {4: "1", 8: "f(1)", 16: "f(1, 2)", 32: "f(1)", 64: "(1"}
    likely = {4: -2.0, 8: -0.7, 16: -0.4, 32: -0.9, 64: -0.1}
    vllm = Vllm(write=lambda slots: texts[slots], likely=lambda slots: likely[slots])
    with serving(vllm, **vllm.serving()) as server:
        result = run(engine_of(server), SHORT).result
        again = run(engine_of(server), InfillRequest(prefix="x = ", suffix="\n", seed=3, rejected=("f(1, 2)",))).result
    assert result is not None
    assert again is not None
    # The likeliest breaks the file.
    assert [each.text for each in result.candidates] == ["f(1, 2)", "f(1)", "1", "(1"]
    assert [each.breaks for each in result.candidates] == [False, False, False, True]
    assert result.text == "f(1, 2)"
    assert result.candidates[1].score == pytest.approx(-0.7)
    assert again.text == "f(1)"


def test_a_row_behind_which_other_tokens_are_expected_comes_later() -> None:
    def change(ids: list[int]) -> list[int]:
        # In the longer row the pins behind the span are not what the model would say.
        return ids if len(ids) < 100 else [*ids[:-60], *[3] * 60]

    vllm = Vllm(write=lambda slots: f"f({slots})", change=change)
    with serving(vllm, **vllm.serving()) as server:
        result = run(engine_of(server)).result
    assert result is not None
    assert result.text != "f(64)"
    assert result.candidates[-1].text == "f(64)"


def test_rows_that_fail_leave_the_others() -> None:
    vllm = Vllm(write=lambda slots: f"f({slots})", fails_at=frozenset({4, 16, 64}))
    with serving(vllm, **vllm.serving()) as server:
        result = run(engine_of(server), SHORT).result
    assert result is not None
    assert {each.text for each in result.candidates} == {"f(8)", "f(32)"}


def test_where_all_rows_fail_that_is_said() -> None:
    vllm = Vllm(fails_at=frozenset({4, 8, 16, 32, 64}))
    with serving(vllm, **vllm.serving()) as server, pytest.raises(EngineError, match="closed the connection"):
        run(engine_of(server), SHORT)


def test_a_template_that_closes_the_thought_gets_no_second_one() -> None:
    vllm = Vllm()
    routes = vllm.tokens.routes()
    plain = routes["/tokenize"]

    def tokenize(body: Any) -> Any:
        found = plain(body)
        return found | ({"tokens": found["tokens"] + vllm.tokens.encode(NO_THOUGHT)} if "messages" in body else {})

    with serving(vllm, **vllm.serving() | {"routes": routes | {"/tokenize": tokenize}}) as server:
        assert run(engine_of(server)).text == CODE
        assert vllm.tokens.decode(canvases(server)[0]["diffusion_seed_canvas"]).startswith("```python\n")


def test_the_noise_is_the_seeds_and_the_rows() -> None:
    vllm, seen = Vllm(), []
    with serving(vllm, **vllm.serving()) as server:
        engine = engine_of(server)
        for seed in (1, 1, 2):
            before = len(canvases(server))
            run(engine, InfillRequest(prefix="x = ", suffix="\n", seed=seed, exact_tokens=6))
            assert len(canvases(server)) == before + 1
            seen.append([each["diffusion_seed_canvas"] for each in canvases(server)])
    assert seen[2][0] == seen[2][1] != seen[2][2]
    (note,) = engine.notes
    assert "takes no seed: another one begins from another canvas" in note


@pytest.mark.parametrize(("strength", "noised"), [(0.25, 1), (0.5, 2), (1.0, 0)])
def test_a_span_that_is_mended_begins_from_its_text(strength: float, noised: int) -> None:
    vllm = Vllm()
    old = "one + two"
    request = InfillRequest(
        prefix="x = ", suffix="\n", original=old, strength=strength, expected_tokens=5, exact_tokens=None
    )
    with serving(vllm, **vllm.serving()) as server:
        run(engine_of(server), request)
        asked = canvases(server)
    ids = vllm.tokens.encode(old)
    if strength == 1:
        assert len(asked) == 4
        return
    assert len(asked) == 3
    for each in asked:
        start, slots = free(each)
        begun = each["diffusion_seed_canvas"][start : start + slots]
        assert sum(old_id != new for old_id, new in zip(ids, begun, strict=True)) == noised


@pytest.mark.parametrize(("passes", "sent"), [(8, 8), (24, 24), (48, None), (100, None)])
def test_passes_are_capped_only_below_the_schedule(passes: int, sent: int | None) -> None:
    vllm = Vllm()
    with serving(vllm, **vllm.serving()) as server:
        engine = engine_of(server)
        run(engine, InfillRequest(prefix="x = ", suffix="\n", max_passes=passes))
        assert {each.get("diffusion_max_steps") for each in canvases(server)} == {sent}
    assert engine.info.passes == 48


def test_an_empty_span_is_an_error() -> None:
    vllm = Vllm(write=lambda slots: "")
    with serving(vllm, **vllm.serving()) as server, pytest.raises(EngineError, match="empty answer"):
        run(engine_of(server))


LASTING: dict[str, tuple[dict[str, Any], str]] = {
    "without token ids": ({"gives_ids": False}, "gives no token ids"),
    "that is too old for pins": ({"knows_pins": False}, "gives no token ids"),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_server_that_does_not_hold_pins_is_asked_as_a_chat_from_then_on(name: str) -> None:
    settings, reason = LASTING[name]
    vllm = Vllm(chat=block("return 2"), **settings)
    with serving(vllm, **vllm.serving()) as server:
        engine = engine_of(server)
        assert run(engine).text == "return 2"
        before = len(canvases(server))
        assert run(engine).text == "return 2"
        assert len(canvases(server)) == before
        assert server.chats()[-1]["chat_template_kwargs"] == {"enable_thinking": False}
    notes = [note for note in engine.notes if "without pins" in note]
    assert len(notes) == 1
    assert reason in notes[0]


def test_a_server_that_ignores_pins_is_seen_through_where_it_never_said_to_know_them() -> None:
    vllm = Vllm(name="mine", change=shifted, chat=block("return 2"))

    def old(wire: Wire) -> None:
        probes = "vllm_xargs" in wire.body and not wire.body["vllm_xargs"]["diffusion_seed_canvas"]
        (says("no") if probes else vllm)(wire)

    with serving(old, models=[model("mine")], routes=vllm.tokens.routes()) as server:
        engine = engine_of(server, mode=RemoteMode.PINNED)
        assert run(engine).text == "return 2"
    assert "does not hold pinned tokens" in engine.notes[0]


def test_a_server_that_names_the_argument_is_asked_as_a_chat() -> None:
    def picky(wire: Wire) -> None:
        refusal = {"error": {"message": "Unrecognized request argument supplied: vllm_xargs"}}
        wire.json(400, refusal) if "vllm_xargs" in wire.body else says(block("return 2"))(wire)

    vllm = Vllm()
    with serving(picky, **vllm.serving()) as server:
        engine = engine_of(server)
        assert run(engine).text == "return 2"
    assert "vllm_xargs" in engine.notes[0]


def test_a_server_without_a_tokenizer_is_asked_as_a_chat() -> None:
    vllm = Vllm(chat=block("return 2"))
    with serving(vllm, models=vllm.serving()["models"]) as server:
        engine = engine_of(server)
        assert run(engine).text == "return 2"
        assert run(engine).text == "return 2"
        assert sum(each.path == "/tokenize" for each in server.sent) == 1
    assert "404" in engine.notes[0]


@pytest.mark.parametrize("text", ["x = '<turn|>'\n", "<|channel>\n", "# <eos>\n"])
def test_control_tokens_near_the_span_are_not_pinned(text: str) -> None:
    vllm = Vllm(chat=block("2"), write=lambda slots: "3")
    with serving(vllm, **vllm.serving()) as server:
        engine = engine_of(server)
        assert run(engine, InfillRequest(prefix=text + "x = ", suffix="\n")).text == "2"
        assert "control token" in engine.notes[0]
        assert run(engine, SHORT).text == "3"


def test_a_long_span_is_asked_as_a_chat() -> None:
    vllm = Vllm(chat=block("2"))
    with serving(vllm, **vllm.serving()) as server:
        engine = engine_of(server)
        assert run(engine, InfillRequest(prefix="x = ", suffix="\n", expected_tokens=250)).text == "2"
    assert "a canvas holds 128" in engine.notes[0]


def test_dense_lines_are_left_out_until_they_fit() -> None:
    vllm = Vllm(write=lambda slots: "1")
    dense = "".join("+-*/"[number % 4] for number in range(400))
    prefix, suffix = "\n".join([dense] * 5) + "\nx = ", "\n" + "\n".join([dense] * 5)
    with serving(vllm, **vllm.serving()) as server:
        assert run(engine_of(server), InfillRequest(prefix=prefix, suffix=suffix)).text == "1"


@pytest.mark.parametrize(
    ("mode", "name", "owner", "pinned"),
    [
        (RemoteMode.AUTO, DIFFUSION_GEMMA, "someone", False),
        (RemoteMode.AUTO, DIFFUSION_GEMMA, "vllm", True),
        (RemoteMode.CHAT, DIFFUSION_GEMMA, "vllm", False),
        (RemoteMode.PINNED, "mine", "someone", True),
    ],
)
def test_when_pins_are_tried(mode: RemoteMode, name: str, owner: str, pinned: bool) -> None:
    vllm = Vllm(write=lambda slots: "1", chat=block("1"))

    def lenient(wire: Wire) -> None:
        vllm(wire) if "vllm_xargs" in wire.body else says(block("1"))(wire)

    with serving(lenient, models=[model(name, owned_by=owner)], routes=vllm.tokens.routes()) as server:
        assert run(engine_of(server, mode=mode), SHORT).text == "1"
        assert bool(canvases(server)) == pinned

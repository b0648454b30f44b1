"""What is known of each server before it is asked, and that no request is lost to a field that it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from dgedit.engine.remote import RemoteEngine, connect
from dgedit.engine.remote.events import FailedError, deltas
from dgedit.engine.remote.server import Runtime
from dgedit.engine.types import EngineError, InfillRequest

from ...support.remote_server import PATIENCE_S, ModelServer, block, model, said, says, serving, streams, wire_of
from ...support.runtimes import LlamaCppPython, MlxVlm, Sglang, TransformersServe, Vllm

REQUEST = InfillRequest(prefix="x = ", suffix="\n")
ANOTHER = InfillRequest(prefix="x = ", suffix="\n", seed=7)
LONG = "value = 1  # a line of a long file\n" * 12


def engine_of(server: ModelServer, **more: Any) -> RemoteEngine:
    return connect(server.url, **{"environ": {}, "retries": 0, "timeout_s": PATIENCE_S, **more})


def fill(engine: RemoteEngine, request: InfillRequest = REQUEST) -> str:
    return list(engine.infill(request))[-1].text


Made = Vllm | Sglang | MlxVlm | TransformersServe | LlamaCppPython
KINDS: dict[str, tuple[Made, str, set[str]]] = {
    "a vLLM with DiffusionGemma": (Vllm(write=lambda slots: "1"), "vLLM 0.33.0", {"seed", "temperature"}),
    "an SGLang with DiffusionGemma": (Sglang(chat=block("1")), "SGLang 0.5.23", {"seed", "temperature"}),
    "an SGLang with another model": (Sglang(chat=block("1"), diffuses=False), "SGLang 0.5.23", {"seed"}),
    "an SGLang that tells nothing": (
        Sglang(chat=block("1"), tells=False, name="diffusiongemma"),
        "SGLang",
        {"seed", "temperature"},
    ),
    "mlx-vlm": (MlxVlm(chat=block("1")), "mlx-vlm 0.7.10", set()),
    "transformers serve": (
        TransformersServe(chat=block("1")),
        "transformers serve",
        {"stop", "stream_options"},
    ),
    "llama-cpp-python": (LlamaCppPython(chat=block("1")), "llama-cpp-python", set()),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_server_is_known_before_it_is_asked(name: str) -> None:
    stand_in, shown, unsent = KINDS[name]
    with serving(stand_in, **stand_in.serving()) as server:
        engine = engine_of(server)
        probes = len(server.chats())
        facts = dict(engine.info.facts)
        answers = {fill(engine, request) for request in (REQUEST, ANOTHER)}
        bodies = server.chats()[probes:]
    assert answers == {"1"}
    assert facts["server"] == shown
    assert not any(unsent & body.keys() for body in bodies)
    for field in unsent:
        assert field in facts["not sent"]
    rows = {"vLLM": 5, "SGLang": 3}.get(shown.split()[0], 1)
    assert len(bodies) == 2 * rows
    said_of_seeds = any("takes no seed" in note for note in engine.notes)
    assert said_of_seeds == ("seed" in unsent)


def test_a_server_is_looked_at_once_in_a_process() -> None:
    vllm = Vllm(write=lambda slots: "1")
    with serving(vllm, **vllm.serving()) as server:
        for _ in range(3):
            engine_of(server)
        paths = [each.path for each in server.sent]
    assert paths.count("/v1/models") == 3
    assert paths.count("/version") == 1
    assert len(server.chats()) == 1


def test_another_model_at_the_same_address_is_looked_at_anew() -> None:
    vllm = Vllm(write=lambda slots: "1")
    with serving(vllm, **vllm.serving()) as server:
        assert "canvas of up to 256" in dict(engine_of(server).info.facts)["asked by"]
        vllm.canvas = None
        server.models = [model("qwen", owned_by="vllm")]
        assert dict(engine_of(server).info.facts)["asked by"] == "chat, without pins"


def test_a_probe_that_failed_is_repeated() -> None:
    vllm = Vllm(write=lambda slots: "1")
    with serving(lambda wire: wire.json(500, {}), vllm, **vllm.serving()) as server:
        assert dict(engine_of(server).info.facts)["asked by"].startswith("chat")
        assert "canvas of up to 256" in dict(engine_of(server).info.facts)["asked by"]


def test_an_sglang_that_names_its_own_word_for_the_seed_is_asked_again_without() -> None:
    sglang = Sglang(chat=block("1"), tells=False)
    with serving(sglang, **sglang.serving()) as server:
        engine = engine_of(server)
        assert fill(engine, InfillRequest(prefix="x = ", suffix="\n", offered=1)) == "1"
        server.models[0]["owned_by"] = "someone"
        hidden = engine_of(server)
        before = len(server.chats())
        assert fill(hidden) == "1"
        assert fill(hidden, ANOTHER) == "1"
        bodies = server.chats()[before:]
    assert ["seed" in body for body in bodies] == [True, False, False]
    assert any("takes no seed" in note for note in hidden.notes)


def test_the_loaded_one_of_many_models_is_taken() -> None:
    stand_in = MlxVlm(chat=block("1"))
    with serving(stand_in, **stand_in.serving()) as server:
        engine = engine_of(server)
        assert engine.info.name == "mlx-community/diffusiongemma-4bit"
        fill(engine)
        fill(engine, ANOTHER)
        first, second = server.chats()
    assert (first["temperature"], first["seed"]) == (0.0, 0)
    # A canvas has a schedule of its own, which a temperature would be multiplied with.
    assert "temperature" not in second
    assert second["seed"] == 7


@pytest.mark.parametrize("runtime", ["transformers", "llama"])
def test_a_file_that_is_too_long_for_the_server_is_sent_shorter(runtime: str) -> None:
    stand_in = LlamaCppPython(chat=block("1"))
    with serving(stand_in, **stand_in.serving()) as server:
        engine = engine_of(server)
        long = InfillRequest(prefix=LONG * 40 + "x = ", suffix="\n" + LONG * 40)
        assert fill(engine, long) == "1"
        assert fill(engine, long) == "1"
        assert len(server.chats()) == 3
        assert list(engine.infill(long))[-1].context.limit == 2048


@pytest.mark.parametrize("more", [0, 40])
def test_an_answer_that_was_cut_is_known_as_cut_although_it_says_stop(more: int) -> None:
    code = "```python\n" + "value = call(1)\n" * (20 + more)
    stand_in = TransformersServe(chat=code + "```", canvas=256)
    with serving(stand_in, **stand_in.serving()) as server:
        engine = engine_of(server, model="/models/dg")
        with pytest.raises(EngineError, match="did not end within 512 tokens") as caught:
            fill(engine)
    assert "fewer lines" in caught.value.hint


def test_an_answer_of_a_text_model_that_leaves_its_fence_open_is_taken() -> None:
    stand_in = TransformersServe(chat="```python\nvalue(1)", diffuses=False)
    with serving(stand_in, **stand_in.serving()) as server:
        usage = {"prompt_tokens": 1, "completion_tokens": 5}
        server.answers = [streams(*wire_of("```python\nvalue(1)")[:-2], said("", usage=usage))]
        assert fill(engine_of(server)) == "value(1)"


ERRORS = {
    "plain": "out of memory",
    "quotes": 'KeyError: "canvas" is not in "config"',
    "lines": "Traceback:\n  line one\n  line two",
    "an empty line": 'first\n\nsecond "quoted"\n\nthird',
    "quotes and lines": 'bad "x"\nand {"y": 1}',
    "a line like an event": 'bad\ndata: {"choices": []}',
    "control characters": "red \x1b[31mtext\x07 ends",
}


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("begun", [True, False])
def test_an_error_in_the_midst_of_an_answer_is_shown(name: str, begun: bool) -> None:
    stand_in = TransformersServe(chat=block("value = 1") if begun else "", fails=ERRORS[name])
    with serving(stand_in, **stand_in.serving()) as server, pytest.raises(EngineError) as caught:
        fill(engine_of(server))
    message = str(caught.value)
    assert message.isprintable()
    words = [word for word in ERRORS[name].replace("data:", "").split() if word.isalpha()]
    assert "failed in the middle of its answer" in message
    assert all(word in message for word in words)


def test_an_error_is_cut_from_its_string_whatever_portions_it_comes_in() -> None:
    stream = b'data: {"error": "no "canvas"\nhere"}\n\n'
    for size in (1, 3, 1000):
        pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
        with pytest.raises(FailedError) as caught:
            list(deltas(pieces))
        assert caught.value.detail == 'no "canvas" here'


def test_a_person_is_told_where_another_seed_gives_the_same_answer() -> None:
    with serving(says(block("1"))) as server:
        engine = engine_of(server)
        fill(engine)
        assert not engine.notes
        fill(engine, InfillRequest(prefix="x = ", suffix="\n", seed=2, rejected=("1",)))
    assert any("another seed changes nothing" in note for note in engine.notes)


def test_a_vllm_without_canvases_gives_alternatives_in_a_chat() -> None:
    vllm = Vllm(canvas=None, name="qwen", root="qwen")
    texts = {0: "1", 1_000_003: "2", 2_000_006: "1"}
    with serving(lambda wire: says(block(texts[wire.body.get("seed", 0)]))(wire), **vllm.serving()) as server:
        result = list(engine_of(server).infill(REQUEST))[-1].result
    assert result is not None
    assert [each.text for each in result.candidates] == ["1", "2"]


def test_the_other_programs_are_told_apart_by_what_they_list() -> None:
    llama = [model("smol", owned_by="llamacpp")]
    props = {"default_generation_settings": {"n_ctx": 4096}}
    with serving(says(block("1")), models=llama, gets={"/props": lambda wire: wire.json(200, props)}) as server:
        engine = engine_of(server)
        assert dict(engine.info.facts)["server"] == Runtime.LLAMA_CPP.value
        assert list(engine.infill(REQUEST))[-1].context.limit == 4096


def test_what_a_server_says_of_itself_cannot_steer_a_terminal() -> None:
    vllm = Vllm(name="dg\x1b[2J", root="r\x07oot")
    with serving(vllm, **vllm.serving()) as server:
        facts = engine_of(server).info.facts
    assert all(found.isprintable() for _, found in facts)

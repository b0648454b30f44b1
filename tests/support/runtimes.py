"""Model servers as the released programs are to a client: what they list, take, refuse, and how they answer.

Written after vLLM 0.33.0, SGLang 0.5.23, mlx-vlm 0.7.10, transformers 5.24.0 and llama-cpp-python 0.3, for those need a
GPU, a Mac or minutes. Each refuses what its program refuses, in its words.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .remote_server import CHAT, Answer, Tokens, Wire, event, model, said, says

VOCABULARY = 262_144
DIFFUSION_GEMMA = "google/diffusiongemma-26B-A4B-it"
Change = Callable[[list[int]], list[int]]


def refused(wire: Wire, message: str, status: int = 400) -> None:
    """A refusal as vLLM and SGLang write it."""
    wire.json(status, {"error": {"message": message, "type": "BadRequestError", "param": None, "code": status}})


@dataclass
class Vllm:
    """vLLM with a diffusion model, or another one where `canvas` is none."""

    chat: str = "```python\npass\n```"
    write: Callable[[int], str] = lambda slots: "return a + b"
    """What is written into so many free slots."""
    likely: Callable[[int], float] = lambda slots: -0.5
    """The log-probability of each token in a row of so many slots."""
    change: Change = lambda ids: ids
    """What becomes of a canvas before it is sent: pins go back into what the model reads, not into what it says."""
    canvas: int | None = 256
    gives_ids: bool = True
    name: str = DIFFUSION_GEMMA
    root: str = DIFFUSION_GEMMA
    knows_pins: bool = True
    tokens: Tokens = field(default_factory=Tokens)
    fails_at: frozenset[int] = frozenset()
    """Rows of so many slots are not answered."""

    def serving(self) -> dict[str, Any]:
        """For `serving`, the answer apart."""
        return {
            "models": [model(self.name, owned_by="vllm", root=self.root, max_model_len=8192)],
            "routes": self.tokens.routes(),
            "gets": {"/version": lambda wire: wire.json(200, {"version": "0.33.0" if self.knows_pins else "0.29.0"})},
        }

    def __call__(self, wire: Wire) -> None:
        body = wire.body
        fixed = {"seed", "min_p", "min_tokens", "logit_bias", "bad_words"} & body.keys()
        if self.canvas is not None and (fixed or body.get("temperature", 1.0) != 1.0):
            refused(
                wire,
                "The temperature, min_p, seed, min_tokens, logit_bias, bad_words, and allowed_token_ids sampling "
                "parameters are not yet supported with diffusion models.",
            )
            return
        asked = body.get("vllm_xargs") or {}
        if self.canvas is None or not self.knows_pins:
            says(self.chat)(wire)
            return
        problem = self._problem(asked)
        if problem:
            refused(wire, problem)
        elif "diffusion_seed_canvas" in asked:
            self._denoise(wire, asked)
        else:
            says(self.chat)(wire)

    def _problem(self, asked: dict[str, Any]) -> str:
        """What the validation of its release says, in its order."""
        width, seed = asked.get("diffusion_canvas_length"), asked.get("diffusion_seed_canvas")
        assert self.canvas is not None
        if width is not None and not 0 < width <= self.canvas:
            return "diffusion_canvas_length must be a positive integer no larger than the served canvas."
        length = width or self.canvas
        if seed is not None and not all(0 <= token < VOCABULARY for token in seed):
            return f"diffusion_seed_canvas ids must be in [0, {VOCABULARY})."
        if seed is not None and len(seed) != length:
            return f"diffusion_seed_canvas must hold exactly {length} ids, got {len(seed)}."
        if not all(0 <= place < length for place in asked.get("diffusion_pinned", [])):
            return "diffusion_pinned positions must lie inside the canvas."
        if asked.get("diffusion_max_steps", 1) < 1:
            return "diffusion_max_steps must be a positive integer."
        return ""

    def _denoise(self, wire: Wire, asked: dict[str, Any]) -> None:
        seed, pinned = asked["diffusion_seed_canvas"], set(asked["diffusion_pinned"])
        free = [place for place in range(len(seed)) if place not in pinned]
        if len(free) in self.fails_at:
            wire.drop()
            return
        ids = list(seed)
        text = self.tokens.encode(self.write(len(free)))
        written, likely = [*text, *[0] * len(free)], self.likely(len(free))
        if len(text) > len(free):
            likely -= 3  # what does not fit is cut, and the model sees that
        for place, token in zip(free, written, strict=False):
            ids[place] = token
        ids = self.change(ids)[: wire.body["max_tokens"]]
        wire.head()
        wire.chunk(event({"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}))
        for start in range(0, len(ids), 40):
            wire.chunk(event(self._part(wire.body, ids[start : start + 40], likely)))
        wire.chunk(event({"index": 0, "delta": {"content": ""}, "finish_reason": "length"}))
        wire.chunk(b"data: [DONE]\n\n")
        wire.end()

    def _part(self, body: dict[str, Any], ids: list[int], likely: float) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "delta": {"content": self.tokens.decode(ids)}, "finish_reason": None}
        if body.get("return_token_ids") and self.gives_ids:
            choice["token_ids"] = ids
        if body.get("logprobs"):
            by_number = body.get("return_tokens_as_token_ids")
            names = [f"token_id:{token}" if by_number else self.tokens.decode([token]) for token in ids]
            choice["logprobs"] = {
                "content": [
                    {"token": name, "logprob": likely, "top_logprobs": [{"token": name, "logprob": likely}]}
                    for name in names
                ]
            }
        return choice


@dataclass
class Sglang:
    """SGLang with Gemma4Renoise, or with another model where it does not diffuse."""

    chat: str = "```python\npass\n```"
    diffuses: bool = True
    tells: bool = True
    """Whether `/server_info` may be read."""
    name: str = "dgemma"

    def serving(self) -> dict[str, Any]:
        """For `serving`, the answer apart."""
        info = {"version": "0.5.23", "dllm_algorithm": "Gemma4Renoise" if self.diffuses else None}
        told: Answer = lambda wire: wire.json(200, info) if self.tells else wire.json(404, {})  # noqa: E731
        return {"models": [model(self.name, owned_by="sglang", max_model_len=8192)], "gets": {"/server_info": told}}

    def __call__(self, wire: Wire) -> None:
        names = {"seed": "sampling_seed", "min_p": "min_p", "logit_bias": "logit_bias", "logprobs": "return_logprob"}
        found = [other for field_name, other in names.items() if wire.body.get(field_name)]
        if "seed" in wire.body and "sampling_seed" not in found:
            found.append("sampling_seed")
        if not (self.diffuses and found):
            says(self.chat)(wire)
            return
        message = (
            f"DiffusionGemma with Gemma4Renoise does not support request-level {', '.join(found)}; sampling is "
            "governed by the renoise schedule."
        )
        if not wire.body.get("stream"):
            refused(wire, message)
            return
        # The scheduler refuses it, after the head of the stream has gone.
        wire.head()
        error = {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
        wire.chunk(event(None, error=error))
        wire.chunk(b"data: [DONE]\n\n")
        wire.end()


@dataclass
class MlxVlm:
    """mlx-vlm: takes unknown fields, lists what is in its cache and what is loaded."""

    chat: str = "```python\npass\n```"

    def serving(self) -> dict[str, Any]:
        """For `serving`, the answer apart."""
        listed = [{"id": name, "object": "model", "created": 1, "loaded": False} for name in ("a/other", "b/other")]
        loaded = {"id": "mlx-community/diffusiongemma-4bit", "object": "model", "created": 1, "loaded": True}
        return {"models": [*listed, loaded], "program": "mlx_vlm/0.7.10"}

    def __call__(self, wire: Wire) -> None:
        says(self.chat)(wire)


@dataclass
class TransformersServe:
    """transformers serve: refuses fields that it does not know, counts a canvas as one token, says no `[DONE]`."""

    chat: str = "```python\npass\n```"
    diffuses: bool = True
    canvas: int = 256
    name: str = "/models/dg"
    fails: str = ""
    """What an exception in the midst of an answer says."""

    KNOWN = frozenset(
        {"model", "messages", "stream", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop"}
        | {"chat_template_kwargs", "stream_options", "n", "logprobs", "top_logprobs", "logit_bias", "generation_config"}
    )

    def serving(self) -> dict[str, Any]:
        """For `serving`, the answer apart."""
        entry = {"owned_by": "", "id": self.name, "object": "model", "created": 0, "status": {"value": "unloaded"}}
        described = {"info": {"title": "FastAPI"}, "paths": {CHAT: {}, "/load_model": {}, "/reset": {}, "/health": {}}}
        return {"models": [entry], "gets": {"/openapi.json": lambda wire: wire.json(200, described)}}

    def __call__(self, wire: Wire) -> None:
        unknown = wire.body.keys() - self.KNOWN
        if unknown:
            wire.json(422, {"detail": f"Unexpected fields in the request: {unknown}"})
            return
        most = wire.body["max_tokens"]
        pieces = [self.chat[start : start + 40] for start in range(0, len(self.chat), 40)]
        tokens = self.canvas * len(pieces) if self.diffuses else len(pieces)
        kept = pieces[: max(1, most // self.canvas)] if self.diffuses else pieces[:most]
        wire.head()
        wire.chunk(event({"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}))
        for piece in kept:
            wire.chunk(said(piece))
        if self.fails:
            wire.chunk(f'data: {{"error": "{self.fails}"}}\n\n'.encode())
            wire.end()
            return
        finish = "length" if not self.diffuses and tokens > most else "stop"
        usage = {"prompt_tokens": 100, "completion_tokens": len(kept), "total_tokens": 100 + len(kept)}
        wire.chunk(event({"index": 0, "delta": {}, "finish_reason": finish}, usage=usage))
        wire.end()


@dataclass
class LlamaCppPython:
    """llama-cpp-python's server: a context of 2,048 tokens unless told otherwise, refused where more is asked."""

    chat: str = "```python\npass\n```"
    context: int = 2048

    def serving(self) -> dict[str, Any]:
        """For `serving`, the answer apart."""
        return {"models": [{"id": "smol.gguf", "object": "model", "owned_by": "me", "permissions": []}]}

    def __call__(self, wire: Wire) -> None:
        sent = sum(len(message["content"]) for message in wire.body["messages"]) // 4
        if sent + wire.body["max_tokens"] > self.context:
            message = (
                f"This model's maximum context length is {self.context} tokens, however you requested "
                f"{sent + wire.body['max_tokens']} tokens ({sent} in your prompt; {wire.body['max_tokens']} for the "
                "completion). Please reduce your prompt; or completion length."
            )
            wire.json(400, {"error": {"message": message, "type": "invalid_request_error", "code": None}})
            return
        says(self.chat)(wire)


def shifted(ids: list[int]) -> list[int]:
    """A server that loses the first token."""
    return ids[1:]


def guessed_pins(free: Callable[[int], bool], seed: int = 0) -> Change:
    """Says other tokens at some places than what is held there."""
    draw = random.Random(seed)
    return lambda ids: [token if free(place) else draw.randrange(2000) for place, token in enumerate(ids)]

"""What is known of a server: which program it is, which model it has, which fields it takes, what a seed means to it.

    models + version + what it says of itself -> RemoteServer -> fields that are sent, canvas, pins

What the released programs take is written down here; how it is found out stands in `probe`. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

CANVAS_TOKENS = 256
"""DiffusionGemma's, where a server does not say its own."""


class Runtime(Enum):
    """The program behind an address."""

    VLLM = "vLLM"
    SGLANG = "SGLang"
    MLX_VLM = "mlx-vlm"
    TRANSFORMERS = "transformers serve"
    LLAMA_CPP = "llama.cpp"
    LLAMA_CPP_PYTHON = "llama-cpp-python"
    OTHER = "an OpenAI-style server"


class Seeds(Enum):
    """What becomes of a seed."""

    TAKEN = "taken"
    IGNORED = "ignored"
    """Sent or not, an answer does not depend on it; one may still differ from the next."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a server says of the model that is used."""

    name: str
    owner: str = ""
    root: str = ""
    """The checkpoint behind the name, where it is told."""
    context_tokens: int | None = None
    is_loaded: bool = False
    """Whether a server that lists what it could load has this one loaded."""

    @property
    def sounds_diffusing(self) -> bool:
        """Whether its name, or that of its checkpoint, is that of a diffusion model."""
        return "diffusion" in f"{self.name} {self.root}".lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteServer:
    """One model of one server, as far as it is known before the first infill."""

    served: Served
    runtime: Runtime = Runtime.OTHER
    version: str = ""
    diffuses: bool = False
    """Whether the model is known, or named, to denoise canvases."""
    canvas_tokens: int | None = None
    """The longest canvas that can be asked for; none where the server takes no canvas."""
    deterministic: bool = False
    """Whether an SGLang was started so that it reads seeds."""

    @property
    def takes_pins(self) -> bool:
        """Whether it has said that it holds tokens of a canvas."""
        return self.canvas_tokens is not None

    @property
    def seeds(self) -> Seeds:
        """What becomes of a seed."""
        if self.diffuses and self.runtime in (Runtime.VLLM, Runtime.SGLANG):
            return Seeds.REFUSED
        if self.runtime is Runtime.SGLANG and not self.deterministic:
            return Seeds.IGNORED
        return Seeds.TAKEN

    @property
    def takes_temperature(self) -> bool:
        """Whether a temperature changes an answer; a canvas has a schedule of its own."""
        return not (self.diffuses and self.runtime in (Runtime.VLLM, Runtime.SGLANG, Runtime.TRANSFORMERS))

    @property
    def unsent(self) -> frozenset[str]:
        """Fields of a chat that it is known to refuse or to ignore."""
        fields = set[str]()
        if self.seeds is not Seeds.TAKEN:
            fields.add("seed")
        if not self.takes_temperature:
            fields.add("temperature")
        if self.runtime is Runtime.TRANSFORMERS:
            # It counts tokens in its last chunk unasked, and keeps a stop string in the text.
            fields |= {"stream_options", "stop"}
        return frozenset(fields)

    @property
    def template_arguments(self) -> dict[str, bool]:
        """What keeps a model from thinking aloud, where the program passes it on to the chat template."""
        knows = (Runtime.VLLM, Runtime.SGLANG, Runtime.TRANSFORMERS)
        return {"enable_thinking": False} if self.runtime in knows else {}

    @property
    def serves_in_parallel(self) -> bool:
        """Whether several requests at once cost it little more than one."""
        return self.runtime in (Runtime.VLLM, Runtime.SGLANG)

    def with_context(self, tokens: int) -> RemoteServer:
        """The same, once a refusal has said how much it reads."""
        return replace(self, served=replace(self.served, context_tokens=tokens))

    def facts(self) -> Iterator[tuple[str, str]]:
        """What a person may want to know of it: a word and what there is to say, one line each."""
        version = f" {self.version}" if self.version else ""
        yield "server", f"{self.runtime.value}{version}"
        kind = "diffusion" if self.diffuses else "text"
        context = f"reads {self.served.context_tokens} tokens" if self.served.context_tokens else "says no context"
        behind = f" ({self.served.root})" if self.served.root not in ("", self.served.name) else ""
        yield "served", f"{self.served.name}{behind}, a {kind} model, {context}"
        yield "asked by", self._way()
        yield "seeds", self._said_of_seeds()
        left = ", ".join(sorted(self.unsent)) or "nothing"
        yield "not sent", f"{left}: refused or ignored there" if self.unsent else left

    def _way(self) -> str:
        if self.takes_pins:
            return f"canvas of up to {self.canvas_tokens} tokens, the text around the span pinned; several rows at once"
        return "chat, without pins" + (": this server holds no tokens of a canvas" if self.diffuses else "")

    def _said_of_seeds(self) -> str:
        if self.takes_pins:
            return "refused; another seed begins from another canvas, the same one may give another answer"
        if self.seeds is Seeds.REFUSED:
            return "refused; each try is another one by chance"
        if self.seeds is Seeds.IGNORED:
            return "ignored; each try is another one by chance"
        return "sent"

"""Loads a nano checkpoint and serves it as a `Denoiser`; reads the same files as plain transformers does.

A checkpoint is a folder: model.safetensors and config.json in the published class's names, tokenizer.json, and
infill_config.json with the canvas format it was trained for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ....kernels import ops
from ....kernels.formats import Choice, Chosen
from ...packing import pack
from ...protocol import CanvasFormat, PackedInfill
from ...settings import RankWeights, Settings, fitted_weights
from ...tokenizer import TextTokenizer
from ...types import EngineError, InfillRequest, ModelInfo
from ..beams import search as beam_search
from ..canvas_file import canvas_format, trained_languages
from ..scoring import flat
from ..settings_file import HEADS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX, SettingsFile
from ..stored import FLOATS, check, check_finite, check_layers, index, refuse_unknown
from ..tokenizer_file import check_backend, read_backend
from .fused import Cache, FusedNano
from .network import NanoConfig, NanoDenoiser

PREFIX = "model.decoder."
ROOM = 320
"""Positions that a context's cache has for rows of canvases and candidates before it must grow."""


@dataclass(frozen=True, slots=True)
class NanoContext:
    """An encoded context: its keys and values, and the last position's hidden state [1, D]."""

    cache: Cache
    last_hidden: Tensor


class NanoInfiller:
    """The nano network behind the `Denoiser` protocol."""

    def __init__(
        self,
        network: NanoDenoiser,
        tokenizer: TextTokenizer,
        form: CanvasFormat,
        info: ModelInfo,
        weights: RankWeights | None = None,
    ) -> None:
        self.network, self.tokenizer, self.format, self.info = FusedNano(network), tokenizer, form, info
        self.defaults, self.weights = Settings(), weights or RankWeights()
        self._last: tuple[list[int], NanoContext] | None = None

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.device

    @cached_property
    def roles(self) -> Tensor:
        """Ids below the first text id."""
        return torch.arange(self.tokenizer.vocab_size) < self.format.first_text_id

    @torch.inference_mode()
    def encode(self, context_ids: list[int]) -> NanoContext:
        """Keys and values of the context, read causally; those of the last one are kept for another try at it."""
        if self._last is not None and self._last[0] == context_ids:
            return self._last[1]
        ids = torch.tensor(context_ids, device=self.device)
        cache = self.network.new_cache(len(ids) + ROOM)
        places = torch.arange(len(ids), device=self.device)
        hidden = self.network.run(self.network.embed(ids), places, places[:, None] >= places, cache)
        cache.length = len(ids)
        context = NanoContext(cache, hidden[-1:])
        self._last = (list(context_ids), context)
        return context

    def canvases(self, request: InfillRequest) -> int:
        """One: it was trained on no longer span."""
        return 1

    def pack(self, request: InfillRequest, committed: tuple[int, ...] = ()) -> PackedInfill:
        """See `packing.pack`."""
        return pack(request, self.tokenizer, self.format)

    @torch.inference_mode()
    def logits(self, context: NanoContext, canvas: Tensor, valid: Tensor, free: Tensor, soft: Tensor | None) -> Tensor:
        """Logits [F, V] of the free positions, on the model's device; the arguments are those of `predict`."""
        canvas, valid, free = (tensor.to(self.device) for tensor in (canvas, valid, free))
        row, column = valid.nonzero().unbind(1)
        chosen = free[valid]
        x = self.network.embed_canvas(canvas[valid], soft, chosen)
        mask = None if len(canvas) == 1 else self.behind(context, row[:, None] == row)
        hidden = self.network.run(x, context.cache.length + column, mask, context.cache)
        return self.network.logits(hidden[chosen])

    @torch.inference_mode()
    def predict(
        self,
        context: NanoContext,
        canvas: Tensor,
        valid: Tensor,
        free: Tensor,
        soft: Tensor | None,
        choice: Choice,
        generator: torch.Generator,
    ) -> Chosen:
        """See `Denoiser.predict`."""
        logits = self.logits(context, canvas, valid, free, soft)
        chosen, probabilities = ops.choose(logits, choice, generator)
        return chosen.cpu(self.network.soft_embed(probabilities))

    @torch.inference_mode()
    def score(self, context: NanoContext, rows: list[list[int]]) -> list[Tensor]:
        """Left-to-right log-probabilities of each row's tokens after the context."""
        if not any(rows):
            return [torch.zeros(0) for _ in rows]
        laid = flat(rows, self.device)
        hidden = context.last_hidden
        if len(laid.ids):
            mask, positions = self.behind(context, laid.own), context.cache.length + laid.place
            hidden = torch.cat((hidden, self.network.run(self.network.embed(laid.ids), positions, mask, context.cache)))
        logits = self.network.logits(hidden)
        logs = logits[laid.source, laid.target] - logits.logsumexp(-1)[laid.source]
        return list(torch.split(logs.cpu(), laid.lengths))

    @torch.inference_mode()
    def write(
        self, context: NanoContext, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """Spans written left to right by beam search, the likeliest first; see `Denoiser.write`."""
        return beam_search(_NanoBeams(self, context), first, later, ends, tokens_max=tokens_max, count=beams)

    def behind(self, context: NanoContext, own: Tensor) -> Tensor:
        """The mask of N tokens that see the whole context, and of what stands behind it what `own` [N, M] says."""
        return torch.cat((own.new_ones(len(own), context.cache.length), own), dim=1)


class _NanoBeams:
    """Beams in one flat sequence behind a context; each looks at its own tokens in it."""

    def __init__(self, infiller: NanoInfiller, context: NanoContext) -> None:
        self.infiller, self.context, self.cache = infiller, context, replace(context.cache)
        self.own = torch.zeros(1, 0, dtype=torch.bool, device=infiller.device)
        self.length = 0

    def begin(self) -> Tensor:
        """Log-probabilities [1, V] of the first token."""
        return self.infiller.network.logits(self.context.last_hidden).log_softmax(-1).cpu()

    def step(self, rows: list[list[int]], source: Tensor, token: Tensor) -> Tensor:
        """Log-probabilities [B, V] behind the rows, each a beam of the step before and one more token."""
        infiller, network, count, device = self.infiller, self.infiller.network, len(rows), self.infiller.device
        self.own = torch.cat((self.own[source.to(device)], torch.eye(count, dtype=torch.bool, device=device)), dim=1)
        positions = torch.full((count,), self.context.cache.length + self.length, device=device)
        mask = infiller.behind(self.context, self.own)
        hidden = network.run(network.embed(token.to(device)), positions, mask, self.cache)
        self.cache.length += count
        self.length += 1
        return network.logits(hidden).log_softmax(-1).cpu()


def load(folder: Path, name: str, *, device: str = "cpu", dtype: torch.dtype = torch.bfloat16) -> NanoInfiller:
    """Load a checkpoint folder; nothing is built before its files were found to fit each other.

    Raises:
        EngineError: when a file is missing, unreadable or does not fit the others; it names file and field.
    """
    published = SettingsFile.read(folder / "config.json", _REMEDY)
    own = SettingsFile.read(folder / "infill_config.json", _REMEDY)
    config = nano_config(published)
    form = canvas_format(own, config.vocab_size)
    weights_path, tokenizer_path = folder / "model.safetensors", folder / "tokenizer.json"
    found = index([weights_path], _REMEDY)
    layers = f"{published.name}: text_config.num_hidden_layers"
    check_layers(found, f"{PREFIX}layers.", config.num_layers, layers, weights_path, _REMEDY)
    with torch.device("meta"):
        network = NanoDenoiser(config)
    check(found, published_shapes(network), dtypes=FLOATS, where=weights_path, remedy=_REMEDY)
    backend = read_backend(tokenizer_path, _REMEDY)
    check_backend(backend, config.vocab_size, tokenizer_path, _REMEDY)
    tokenizer = TextTokenizer(backend)
    if tokenizer.vocab_size != config.vocab_size:
        raise EngineError(
            f"{tokenizer_path} has {tokenizer.vocab_size:,} tokens, the weights {config.vocab_size:,}", _REMEDY
        )
    weights = _weights(weights_path)
    refuse_unknown(weights.keys() - network.state_dict().keys(), weights_path, _REMEDY)
    network.load_state_dict(weights, assign=True)
    network = network.to(device=device, dtype=dtype).eval().requires_grad_(False)
    info = ModelInfo(
        name=name,
        parameters=sum(p.numel() for p in network.parameters()),
        device=device,
        digest=hashlib.sha256(weights_path.read_bytes()).hexdigest()[:12],
        languages=trained_languages(own),
    )
    return NanoInfiller(network, tokenizer, form, info, fitted_weights(folder))


_REMEDY = "use a folder written by `python -m dgedit.engine.train export`, or leave --model out for the bundled one"


def _weights(path: Path) -> dict[str, Tensor]:
    """The weights under the twin's names."""
    try:
        weights = to_twin_names(load_file(path))
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{path} is not readable: {' '.join(str(error).split())}", _REMEDY) from error
    check_finite(weights, path, _REMEDY)
    return weights


def nano_config(published: SettingsFile) -> NanoConfig:
    """The network's sizes from the published class's config.json.

    Raises:
        EngineError: when a size is missing or out of its bounds, or the file asks for what the twin does not do.
    """
    published.only("model_type", {"diffusion_gemma"})
    text = published.table("text_config")
    layers = text.size("num_hidden_layers", LAYERS_MAX)
    types = text.words("layer_types", {"sliding_attention", "full_attention"}, layers)
    if types != ["sliding_attention"] * (layers - 1) + ["full_attention"]:
        text.refuse("layer_types", "full_attention in the last layer, and there alone, is needed")
    text.only("num_experts", {1})
    rope = text.table("rope_parameters").table("sliding_attention")
    heads, shared = text.size("num_attention_heads", HEADS_MAX), text.size("num_key_value_heads", HEADS_MAX)
    if heads % shared:
        text.refuse("num_key_value_heads", f"a divisor of the {heads} heads is needed")
    head_dim = text.size("head_dim", WIDTH_MAX)
    if head_dim % 2:
        text.refuse("head_dim", "an even number is needed")
    return NanoConfig(
        vocab_size=text.size("vocab_size", VOCABULARY_MAX),
        hidden_size=text.size("hidden_size", WIDTH_MAX),
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=shared,
        head_dim=head_dim,
        intermediate_size=text.size("intermediate_size", WIDTH_MAX),
        expert_size=text.size("moe_intermediate_size", WIDTH_MAX),
        rope_theta=rope.number("rope_theta", above=1.0),
        logit_softcap=text.number("final_logit_softcapping"),
        norm_eps=text.number("rms_norm_eps", most=1.0),
    )


def published_shapes(network: NanoDenoiser) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the network's weights in the published class."""
    shapes = dict[str, tuple[int, ...]]()
    for twin_name, tensor in network.state_dict().items():
        name, shape = PREFIX + twin_name, tuple(tensor.shape)
        if name.endswith("expert.gate_proj.weight"):
            shapes[name.replace("expert.gate_proj.weight", "experts.gate_up_proj")] = (1, 2 * shape[0], shape[1])
        elif name.endswith("expert.down_proj.weight"):
            shapes[name.replace("expert.down_proj.weight", "experts.down_proj")] = (1, *shape)
        elif not name.endswith("expert.up_proj.weight"):
            shapes[name] = shape
    return shapes


def to_twin_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The decoder's weights of the published class under the twin's names."""
    out: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if not name.startswith(PREFIX) or ".router." in name or name.endswith("layer_scalar"):
            continue
        name = name.removeprefix(PREFIX)
        if name.endswith("experts.gate_up_proj"):
            gate, up = tensor[0].chunk(2)
            stem = name.replace("experts.gate_up_proj", "expert.")
            out |= {f"{stem}gate_proj.weight": gate.clone(), f"{stem}up_proj.weight": up.clone()}
        elif name.endswith("experts.down_proj"):
            out[name.replace("experts.down_proj", "expert.down_proj.weight")] = tensor[0].clone()
        else:
            out[name] = tensor
    return out

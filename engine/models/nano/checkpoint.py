"""Loads a nano checkpoint and serves it as a `Denoiser`; reads the same files as plain transformers does.

A checkpoint is a folder: model.safetensors and config.json in the published class's names, tokenizer.json, and
infill_config.json with the canvas format it was trained for.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ....kernels import ops
from ....kernels.formats import Choice, Chosen
from ...denoise import Settings
from ...packing import PackedInfill, pack
from ...protocol import CanvasFormat
from ...rank import RankWeights
from ...tokenizer import TextTokenizer
from ...types import EngineError, InfillRequest, ModelInfo
from ..scoring import flat
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

    def __init__(self, network: NanoDenoiser, tokenizer: TextTokenizer, form: CanvasFormat, info: ModelInfo) -> None:
        self.network, self.tokenizer, self.format, self.info = FusedNano(network), tokenizer, form, info
        self.defaults, self.weights = Settings(), RankWeights()
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
        mask = None if len(canvas) == 1 else self._behind(context, row[:, None] == row)
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
            mask, positions = self._behind(context, laid.own), context.cache.length + laid.place
            hidden = torch.cat((hidden, self.network.run(self.network.embed(laid.ids), positions, mask, context.cache)))
        logits = self.network.logits(hidden)
        logs = logits[laid.source, laid.target] - logits.logsumexp(-1)[laid.source]
        return list(torch.split(logs.cpu(), laid.lengths))

    @torch.inference_mode()
    def write(
        self, context: NanoContext, first: Tensor, later: Tensor, ends: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """Spans written left to right by beam search, the likeliest first; see `Denoiser.write`."""
        network, depth = self.network, context.cache.length
        # All beams are kept in one flat sequence; each looks at its own tokens in it.
        cache = replace(context.cache)
        own = torch.zeros(1, 0, dtype=torch.bool, device=self.device)
        logs = network.logits(context.last_hidden).log_softmax(-1).cpu() + first
        scores, rows = torch.zeros(1), [list[int]()]
        ended: list[tuple[float, list[int]]] = []
        for length in range(tokens_max + 1):
            if length:
                finals = scores + logs[:, ends].logsumexp(-1)
                ended = sorted([*ended, *zip(finals.tolist(), rows, strict=True)], key=lambda e: -e[0])[:beams]
                logs = logs.masked_fill(ends, -math.inf)
            scores, flat = (scores[:, None] + logs).flatten().topk(beams)
            # A longer span is never likelier: what is already below the worst one kept cannot come back.
            alive = scores > (ended[-1][0] if len(ended) == beams else -math.inf)
            if length == tokens_max or not bool(alive.any()):
                break
            scores, source, token = scores[alive], flat[alive] // logs.shape[1], flat[alive] % logs.shape[1]
            rows = [[*rows[row], new] for row, new in zip(source.tolist(), token.tolist(), strict=True)]
            source, token = source.to(self.device), token.to(self.device)
            own = torch.cat((own[source], torch.eye(len(rows), dtype=torch.bool, device=self.device)), dim=1)
            positions = torch.full((len(rows),), depth + length, device=self.device)
            hidden = network.run(network.embed(token), positions, self._behind(context, own), cache)
            cache.length += len(rows)
            logs = network.logits(hidden).log_softmax(-1).cpu() + later
        return [ids for score, ids in ended if score > -math.inf]

    def _behind(self, context: NanoContext, own: Tensor) -> Tensor:
        """The mask of N tokens that see the whole context, and of what stands behind it what `own` [N, M] says."""
        return torch.cat((own.new_ones(len(own), context.cache.length), own), dim=1)


def load(folder: Path, name: str, *, device: str = "cpu", dtype: torch.dtype = torch.bfloat16) -> NanoInfiller:
    """Load a checkpoint folder.

    Raises:
        EngineError: when a file is missing, unreadable or does not fit the others.
    """
    config, form = _read_configs(folder)
    weights_path = folder / "model.safetensors"
    try:
        weights = load_file(weights_path)
        tokenizer = TextTokenizer.load(folder / "tokenizer.json")
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{weights_path.parent} is not readable as a checkpoint: {error}", _REMEDY) from error
    except Exception as error:  # the tokenizers library raises bare Exception on a malformed file
        raise EngineError(f"{folder / 'tokenizer.json'} is not readable: {error}", _REMEDY) from error
    if tokenizer.vocab_size != config.vocab_size:
        raise EngineError(
            f"{folder}: tokenizer has {tokenizer.vocab_size} tokens, the weights {config.vocab_size}", _REMEDY
        )
    with torch.device("meta"):
        network = NanoDenoiser(config)
    try:
        network.load_state_dict(to_twin_names(weights), assign=True)
    except RuntimeError as error:
        first = str(error).split("\n")[1].strip() if "\n" in str(error) else str(error)
        raise EngineError(f"{weights_path} does not match config.json: {first[:200]}", _REMEDY) from error
    network = network.to(device=device, dtype=dtype).eval().requires_grad_(False)
    info = ModelInfo(
        name=name,
        parameters=sum(p.numel() for p in network.parameters()),
        device=device,
        digest=hashlib.sha256(weights_path.read_bytes()).hexdigest()[:12],
    )
    return NanoInfiller(network, tokenizer, form, info)


_REMEDY = "use a folder written by `python -m dgedit.engine.train export`, or leave --model out for the bundled one"


def _read_configs(folder: Path) -> tuple[NanoConfig, CanvasFormat]:
    try:
        published = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        own = json.loads((folder / "infill_config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EngineError(f"{error.filename} is missing", _REMEDY) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EngineError(f"{folder}: config is not readable as JSON: {error}", _REMEDY) from error
    try:
        form = CanvasFormat(**{field.name: own[field.name] for field in fields(CanvasFormat)})
        return nano_config(published), form
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"{folder}: config does not describe a nano checkpoint ({error!r})", _REMEDY) from error


def nano_config(published: dict[str, Any]) -> NanoConfig:
    """The network's sizes from the published class's config.json.

    Raises:
        KeyError: when a size is missing.
        ValueError: when the file asks for something that the twin does not do.
    """
    text = published["text_config"]
    if text["num_experts"] != 1 or text["num_hidden_layers"] * ["sliding_attention"] == text["layer_types"]:
        raise ValueError("nano has one expert a layer and a last layer of full attention")
    return NanoConfig(
        vocab_size=text["vocab_size"],
        hidden_size=text["hidden_size"],
        num_layers=text["num_hidden_layers"],
        num_heads=text["num_attention_heads"],
        num_kv_heads=text["num_key_value_heads"],
        head_dim=text["head_dim"],
        intermediate_size=text["intermediate_size"],
        expert_size=text["moe_intermediate_size"],
        rope_theta=text["rope_parameters"]["sliding_attention"]["rope_theta"],
        logit_softcap=text["final_logit_softcapping"],
        norm_eps=text["rms_norm_eps"],
    )


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

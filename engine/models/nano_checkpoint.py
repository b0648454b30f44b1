"""Loads a nano checkpoint and serves it as a `Denoiser`; reads the same files as plain transformers does.

A checkpoint is a folder: model.safetensors and config.json in the published class's names, tokenizer.json, and
infill_config.json with the canvas format it was trained for.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..tokenizer import TextTokenizer
from ..types import EngineError, ModelInfo
from .base import CanvasFormat
from .nano import KeyValues, NanoConfig, NanoDenoiser

PREFIX = "model.decoder."


@dataclass(frozen=True, slots=True)
class NanoContext:
    """An encoded context: keys and values [1, G, T, K] a layer, and the last position's hidden state [1, D]."""

    past: KeyValues
    last_hidden: Tensor


class NanoInfiller:
    """The nano network behind the `Denoiser` protocol."""

    def __init__(self, network: NanoDenoiser, tokenizer: TextTokenizer, form: CanvasFormat, info: ModelInfo) -> None:
        self.network, self.tokenizer, self.format, self.info = network, tokenizer, form, info
        self.device = network.embed_tokens.weight.device

    @torch.inference_mode()
    def encode(self, context_ids: list[int]) -> NanoContext:
        """Keys and values of the context, read causally."""
        ids = torch.tensor([context_ids], device=self.device)
        positions = torch.arange(len(context_ids), device=self.device)[None]
        hidden, past = self.network.run(
            self.network.embed(ids), positions, _causal_mask(len(context_ids), 0, self.device)
        )
        return NanoContext(past, hidden[:, -1])

    @torch.inference_mode()
    def predict(
        self, context: NanoContext, canvas: Tensor, valid: Tensor, free: Tensor, previous: Tensor | None
    ) -> Tensor:
        """Logits [F, V] of the free positions; see `Denoiser.predict`."""
        rows, width = canvas.shape
        canvas, valid, free = (tensor.to(self.device) for tensor in (canvas, valid, free))
        soft = None
        if previous is not None:
            known = self.network.soft_embed(previous.to(self.device))
            soft = known.new_zeros(rows, width, known.shape[-1])
            soft[free] = known
        depth = context.past.length
        positions = (depth + torch.arange(width, device=self.device))[None].expand(rows, -1)
        mask = None
        if not bool(valid.all()):
            mask = torch.cat((valid.new_ones(rows, depth), valid), dim=1)[:, None, None]
        hidden, _ = self.network.run(self.network.embed_canvas(canvas, soft), positions, mask, context.past)
        return self.network.logits(hidden[free]).cpu()

    @torch.inference_mode()
    def score(self, context: NanoContext, rows: list[list[int]]) -> list[Tensor]:
        """Left-to-right log-probabilities of each row's tokens after the context."""
        width = max(map(len, rows), default=0)
        if width == 0:
            return [torch.zeros(0) for _ in rows]
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows], device=self.device)
        depth = context.past.length
        positions = (depth + torch.arange(width, device=self.device))[None].expand(len(rows), -1)
        mask = _causal_mask(width, depth, self.device)
        hidden, _ = self.network.run(self.network.embed(ids), positions, mask, context.past)
        before = torch.cat((context.last_hidden[None].expand(len(rows), -1, -1), hidden[:, :-1]), dim=1)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        real = torch.arange(width, device=self.device) < lengths[:, None]
        # The vocabulary is the dear part: it is asked about real tokens alone.
        logits = self.network.logits(before[real])
        logs = logits.gather(1, ids[real][:, None])[:, 0] - logits.logsumexp(-1)
        return list(torch.split(logs.cpu(), lengths.tolist()))

    @torch.inference_mode()
    def write(
        self, context: NanoContext, first: Tensor, later: Tensor, *, tokens_max: int, beams: int
    ) -> list[list[int]]:
        """Spans written left to right by beam search, the likeliest first; see `Denoiser.write`."""
        network, end = self.network, self.format.eom_id
        past, depth = context.past, context.past.length
        logs = (network.logits(context.last_hidden[:, None])[0, 0].log_softmax(-1) + first)[None]
        scores = torch.zeros(1)
        rows: list[list[int]] = [[]]
        ended: list[tuple[float, list[int]]] = []
        for length in range(tokens_max + 1):
            best, flat = (scores[:, None] + logs).flatten().topk(2 * beams)
            source, token = flat // logs.shape[1], flat % logs.shape[1]
            kept = list[int]()
            for place, (total, row, new) in enumerate(zip(best.tolist(), source.tolist(), token.tolist(), strict=True)):
                if new == end and place < beams:
                    ended.append((total / (length + 1), rows[row]))
                elif new != end and len(kept) < beams and total > -math.inf:
                    kept.append(place)
            if len(ended) >= beams or not kept or length == tokens_max:
                break
            source, token, scores = source[kept], token[kept], best[kept]
            rows = [[*rows[row], new] for row, new in zip(source.tolist(), token.tolist(), strict=True)]
            past = KeyValues([k[source] for k in past.keys], [v[source] for v in past.values])
            positions = torch.full((len(kept), 1), depth + length, device=self.device)
            hidden, fresh = network.run(network.embed(token[:, None]), positions, None, past)
            past = KeyValues(
                [torch.cat(pair, dim=2) for pair in zip(past.keys, fresh.keys, strict=True)],
                [torch.cat(pair, dim=2) for pair in zip(past.values, fresh.values, strict=True)],
            )
            logs = network.logits(hidden)[:, 0].log_softmax(-1) + later
        return [ids for _, ids in sorted(ended, reverse=True)[:beams]]


def _causal_mask(length: int, past: int, device: torch.device) -> Tensor:
    """Boolean [1, 1, length, past + length]."""
    return torch.ones(length, past + length, dtype=torch.bool, device=device).tril(past)[None, None]


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

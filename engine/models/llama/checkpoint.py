"""A checkpoint of the llama family: a folder of config.json, model.safetensors, tokenizer.json, infill_config.json.

The sizes have the names of the published class. Every matrix NAME is two tensors, NAME.codes and NAME.scales
(`quantized`); norms are float32. Nothing is built from sizes that the file of weights does not bear out, and no code
of a folder is run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ... import threads
from ...protocol import CanvasFormat
from ...settings import fitted_weights
from ...tokenizer import SPECIAL_TOKENS, TextTokenizer
from ...types import EngineError, ModelInfo
from .causal import CausalInfiller
from .fused import Arithmetic, FusedLlama, fastest
from .infiller import LlamaInfiller
from .network import LlamaConfig, published
from .quantized import Quantized, dequantize, quantize

MODEL_TYPES = {"llama": False, "qwen2": True}
"""The published classes that are read, and whether queries, keys and values have biases."""
PUBLISHED = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_heads",
    "num_key_value_heads": "num_kv_heads",
    "head_dim": "head_dim",
    "intermediate_size": "intermediate_size",
    "rope_theta": "rope_theta",
    "rms_norm_eps": "norm_eps",
}
"""The published class's names of the sizes."""
WHOLE = frozenset(PUBLISHED) - {"rope_theta", "rms_norm_eps"}
LARGEST = 1 << 20
"""No size is above it."""
LAYERS_MAX = 1000
AT_ONCE = 4
"""Layers that are laid out at the same time at most: each holds its largest matrix in float32 meanwhile."""
GROUP = 64
BITS = {"mlp.gate_up_proj.weight": 5}
"""Bits of the matrices whose names end so; the others have `BITS_ELSE`. Half of all weights, and they bear it best."""
BITS_ELSE = 6
_REMEDY = "use a folder written by `python -m dgedit.engine.train --start`, or leave --model out for the bundled one"


def save(
    weights: Mapping[str, Tensor],
    config: LlamaConfig,
    tokenizer_file: Path,
    folder: Path,
    form: CanvasFormat,
    *,
    bits: int | None = None,
    group: int | None = GROUP,
    languages: Sequence[str] = ("python",),
) -> None:
    """Write a checkpoint folder.

    Args:
        languages: that it was trained on.
        weights: float32, by the joined names of `LlamaConfig.shapes`.
        bits: of every matrix; by default what `BITS` says of each.
        group: columns that share a scale; none for whole rows.

    Raises:
        ValueError: when a weight is missing, has another shape or is not finite.
    """
    tensors = dict[str, Tensor]()
    shapes = config.shapes()
    for name, shape in shapes.items():
        weight = weights.get(name)
        if weight is None or tuple(weight.shape) != shape:
            raise ValueError(f"{name} must have the shape {shape}")
        if len(shape) == 1:
            tensors[name] = weight.detach().float().cpu().contiguous()
            continue
        matrix = quantize(weight.detach().float().cpu(), bits or bits_of(name), group or shape[1])
        tensors |= {f"{name}.codes": matrix.codes, f"{name}.scales": matrix.scales}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    sizes = config.to_dict()
    published = {"model_type": "qwen2" if config.qkv_bias else "llama", "tie_word_embeddings": True}
    published |= {theirs: sizes[own] for theirs, own in PUBLISHED.items()}
    (folder / "config.json").write_text(json.dumps(published, indent=1) + "\n", encoding="utf-8")
    own = asdict(form) | {"languages": list(languages)}
    (folder / "infill_config.json").write_text(json.dumps(own, indent=1) + "\n", encoding="utf-8")
    (folder / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())


def bits_of(name: str) -> int:
    """Bits of a matrix where nothing else is asked for."""
    return next((bits for end, bits in BITS.items() if name.endswith(end)), BITS_ELSE)


def load(folder: Path, name: str, *, device: str = "cpu", arithmetic: Arithmetic | None = None) -> LlamaInfiller:
    """Load a checkpoint folder.

    Args:
        arithmetic: by default what this machine is best at.

    Raises:
        EngineError: when a file is missing, unreadable or does not fit the others.
    """
    config, (form, languages) = _read_config(folder / "config.json"), _read_format(folder / "infill_config.json")
    tokenizer = _read_tokenizer(folder / "tokenizer.json", config, form)
    path = folder / "model.safetensors"
    try:
        with safe_open(path, framework="pt") as file, ThreadPoolExecutor(min(threads.most(), AT_ONCE)) as pool:
            digest = pool.submit(_digest, path)
            weights = StoredWeights(file, config, path)
            network = FusedLlama(config, weights.stored, arithmetic or fastest(torch.device(device)), device, pool=pool)
    except FileNotFoundError as error:
        raise EngineError(f"{path} is missing", _REMEDY) from error
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{path} is not readable as weights: {error}", _REMEDY) from error
    family = LlamaInfiller if form.middle_id is None else CausalInfiller
    info = ModelInfo(
        name=name,
        parameters=weights.parameters,
        device=device,
        digest=digest.result(),
        passes=family.usual.passes_max,
        span_tokens=form.canvas_tokens - 2 - (form.near_suffix_tokens if form.middle_id is None else 0),
        languages=languages,
    )
    return family(network, tokenizer, form, info, fitted_weights(folder, family.usual_weights))


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()[:12]


def read_published(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A checkpoint folder for transformers' class: the sizes of its `LlamaConfig`, float32 weights by its names.

    Raises:
        EngineError: when the files do not fit each other.
        OSError: when the weights cannot be read.
    """
    config, weights = read(folder)
    sizes = config.to_dict()
    return {theirs: sizes[own] for theirs, own in PUBLISHED.items()}, published(weights, config)


def read(folder: Path) -> tuple[LlamaConfig, dict[str, Tensor]]:
    """Sizes and float32 weights of a checkpoint folder, by the joined names of `LlamaConfig.shapes`.

    Raises:
        EngineError: when the files do not fit each other.
        OSError: when the weights cannot be read.
    """
    config, path = _read_config(folder / "config.json"), folder / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        stored = StoredWeights(file, config, path)
        return config, {name: stored.take(name) for name in config.shapes()}


class StoredWeights:
    """The weights of an open file, held to the shapes that the sizes ask for before any is read."""

    def __init__(self, file: Any, config: LlamaConfig, path: Path) -> None:
        self._file, self._path, self._shapes = file, path, config.shapes()
        self.parameters = 0
        wanted = dict[str, tuple[int, ...]]()
        for name, shape in self._shapes.items():
            columns = {name: shape} if len(shape) == 1 else {f"{name}.{part}": shape for part in ("codes", "scales")}
            wanted |= columns
            count = 1
            for size in shape:
                count *= size
            self.parameters += count
        found = set(file.keys())
        missing, spare = sorted(wanted.keys() - found), sorted(found - wanted.keys())
        if missing or spare:
            said = f"{missing[0]} is missing" if missing else f"{spare[0]} has no place"
            raise EngineError(f"{path} does not match config.json: {said}", _REMEDY)
        for name, shape in wanted.items():
            stored = tuple(file.get_slice(name).get_shape())
            if stored[:1] != shape[:1] or len(stored) != len(shape):
                raise EngineError(f"{path}: {name} has the shape {stored}, config.json wants rows {shape[0]}", _REMEDY)

    def take(self, name: str) -> Tensor:
        """One weight in float32.

        Raises:
            EngineError: when it is not what its name says.
        """
        found = self.stored(name)
        return dequantize(found) if isinstance(found, Quantized) else found

    def stored(self, name: str) -> Tensor | Quantized:
        """One weight as the file has it, a vector in float32.

        Raises:
            EngineError: when it is not what its name says.
        """
        shape = self._shapes[name]
        if len(shape) == 1:
            norm: Tensor = self._file.get_tensor(name)
            if norm.dtype != torch.float32:
                raise EngineError(f"{self._path}: {name} is {norm.dtype}, expected torch.float32", _REMEDY)
            return self._finite(name, norm)
        codes, scales = (self._file.get_tensor(f"{name}.{part}") for part in ("codes", "scales"))
        try:
            matrix = Quantized(codes, scales, shape[1])
        except ValueError as error:
            raise EngineError(f"{self._path}: {name}: {error}", _REMEDY) from error
        self._finite(f"{name}.scales", scales)
        return matrix

    def _finite(self, name: str, tensor: Tensor) -> Tensor:
        if not bool(tensor.isfinite().all()):
            raise EngineError(f"{self._path}: {name} holds a number that is not finite", _REMEDY)
        return tensor


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EngineError(f"{path} is missing", _REMEDY) from error
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise EngineError(f"{path} is not readable as JSON: {error}", _REMEDY) from error
    if not isinstance(found, dict):
        raise EngineError(f"{path} holds no object", _REMEDY)
    return found


def _read_config(path: Path) -> LlamaConfig:
    found = _read_json(path)
    kind = found.get("model_type")
    if not isinstance(kind, str) or kind not in MODEL_TYPES:
        expected = " or ".join(map(repr, MODEL_TYPES))
        raise EngineError(f"{path}: model_type is {kind!r}, expected {expected}", _REMEDY)
    if found.get("tie_word_embeddings") is not True:
        raise EngineError(f"{path}: tie_word_embeddings must be true: there is one table for input and output", _REMEDY)
    sizes = dict[str, Any]()
    for theirs, own in PUBLISHED.items():
        value = found.get(theirs)
        whole = theirs in WHOLE
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise EngineError(f"{path}: {theirs} must be a {'whole ' * whole}number, got {value!r}", _REMEDY)
        most = LAYERS_MAX if theirs == "num_hidden_layers" else LARGEST if whole else 1e9
        if not 0 < value <= most:
            raise EngineError(f"{path}: {theirs} must be above 0 and at most {most:g}, got {value}", _REMEDY)
        sizes[own] = value
    try:
        return LlamaConfig(**sizes, qkv_bias=MODEL_TYPES[kind])
    except ValueError as error:
        raise EngineError(f"{path}: {error}", _REMEDY) from error


def _read_format(path: Path) -> tuple[CanvasFormat, tuple[str, ...]]:
    found = _read_json(path)
    values = dict[str, int | None]()
    for each in fields(CanvasFormat):
        value = found.get(each.name)
        if value is None and (each.name == "middle_id" or (each.name == "mask_id" and "mask_id" in found)):
            values[each.name] = None
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise EngineError(f"{path}: {each.name} must be a whole number from 0 to {LARGEST}, got {value!r}", _REMEDY)
        values[each.name] = value
    languages = found.get("languages", [])
    if not isinstance(languages, list) or not all(isinstance(each, str) for each in languages):
        raise EngineError(f"{path}: languages must be a list of names, got {languages!r}", _REMEDY)
    try:
        return CanvasFormat(**values), tuple(languages)  # type: ignore[arg-type]
    except ValueError as error:
        raise EngineError(f"{path}: {error}", _REMEDY) from error


def _read_tokenizer(path: Path, config: LlamaConfig, form: CanvasFormat) -> TextTokenizer:
    if not path.exists():
        raise EngineError(f"{path} is missing", _REMEDY)
    try:
        tokenizer = TextTokenizer.load(path)
    except Exception as error:  # the tokenizers library raises bare Exception on a malformed file
        raise EngineError(f"{path} is not readable as a tokenizer: {error}", _REMEDY) from error
    if tokenizer.vocab_size != config.vocab_size:
        raise EngineError(f"{path} has {tokenizer.vocab_size} tokens, config.json says {config.vocab_size}", _REMEDY)
    roles = {each.name: getattr(form, each.name) for each in fields(form) if each.name.endswith("_id")}
    for name, role in roles.items():
        if name != "first_text_id" and role is not None and role >= len(SPECIAL_TOKENS):
            raise EngineError(f"infill_config.json beside {path}: {name} {role} is the id of a text token", _REMEDY)
    return tokenizer

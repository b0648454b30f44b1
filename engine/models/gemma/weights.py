"""From a checkpoint's folder to weights by name, and back: whole, in FP8 or in NF4, one tensor after another.

Four forms are read. The published class's: names under `model.decoder.`, or under `model.encoder.` where a file has a
shared weight there alone; the vision tower is never read. The layout of FP8-dynamic checkpoints: float8_e4m3 matrices
with a `weight_scale` a row, each expert on its own; they may be held as they are. NVFP4, see `nvfp4`; it is turned into
what is asked for. Both are written from descriptions and from what the libraries write that make such files, and were
not checked against a published one. And our own, which `save` writes.

It must know nothing of the network's arithmetic.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ....kernels import reference
from ....kernels.formats import BLOCK, Fp8, Nf4, Weight
from ...types import EngineError
from ..settings_file import SettingsFile
from ..stored import FLOATS, Stored, check, index, refuse_unknown
from . import nvfp4
from .config import REMEDY, GemmaConfig
from .files import Fp8Rows, Reader, Rows, fill, fill_fp8, fill_nf4
from .layout import ENCODER_SCALAR, Precision, Slot, WeightPart, layout
from .nvfp4 import Nvfp4Matrix

DECODER, ENCODER = "model.decoder.", "model.encoder.language_model."
UNREAD = ("model.encoder.vision_tower.", "model.encoder.embed_vision.", "lm_head.")
"""Beginnings of names that are left alone: pictures, and the output matrix, which is the embedding."""
FP8 = "F8_E4M3"
OWN_DTYPES = {"U8": torch.uint8, "F32": torch.float32, "BF16": torch.bfloat16, FP8: torch.float8_e4m3fn}

MARKER = "dgedit_weights.json"
"""Its presence says that a folder is in our own form; it is written last."""
FORMAT = 1
CODES, MAXIMA = ".nf4", ".absmax"
"""Endings of the two tensors that stand for one in NF4."""
VALUES, SCALES = ".fp8", ".fp8_scale"
"""Endings of the two that stand for one in FP8."""
SHARD_BYTES = 1 << 30
COPIED = {".json", ".jinja", ".model", ".txt"}
"""Endings of the small files beside the weights; a licence goes with them."""

Load = Callable[[str], Weight]
Progress = Callable[[int, int], None]
"""Is told how many bytes of the result are done, and of how many."""


def read(
    folder: Path, precision: Precision, *, device: str = "cpu", progress: Progress | None = None
) -> dict[str, Weight]:
    """All weights of the checkpoint in a folder.

    Raises:
        EngineError: when a weight is missing, unknown or of the wrong shape, or a file is unreadable.
    """
    return dict(stream(folder, precision, device=device, progress=progress))


def stream(
    folder: Path, precision: Precision, *, device: str = "cpu", progress: Progress | None = None
) -> Iterator[tuple[str, Weight]]:
    """The weights of the checkpoint in a folder one after another; see `read`."""
    slots = layout(GemmaConfig.read(folder))
    done, total = 0, sum(slot.nbytes(precision) for slot in slots.values())
    try:
        load = _opened(folder, slots, precision, device)
        for name, slot in slots.items():
            yield name, _loaded(load, name)
            done += slot.nbytes(precision)
            if progress is not None:
                progress(done, total)
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{folder} is not readable as a checkpoint: {error}", REMEDY) from error


def stored_precision(folder: Path) -> Precision | None:
    """The only one that a folder in our own form can be read in; none for other folders, which any can be read of.

    Raises:
        EngineError: when it was written by another version.
    """
    if not (folder / MARKER).exists():
        return None
    marker = _json(folder / MARKER)
    if marker.get("format") != FORMAT or marker.get("precision") not in {form.value for form in Precision}:
        raise EngineError(f"{folder / MARKER} is of format {marker.get('format')}, not {FORMAT}", "quantise anew")
    return Precision(marker["precision"])


def best_precision(folder: Path) -> Precision:
    """The form above which a folder has nothing to give: our own's, or FP8 where matrices of the published one are.

    Raises:
        EngineError: when a file is unreadable.
    """
    stored = stored_precision(folder)
    if stored is not None:
        return stored
    found = index(_published_files(folder), REMEDY)
    in_fp8 = any(
        # The scales of NVFP4 are of that type, too.
        stored.dtype == FP8 and not name.startswith(UNREAD) and not name.endswith("_scale")
        for name, stored in found.items()
    )
    return Precision.FP8 if in_fp8 else Precision.BF16


def save(weights: Mapping[str, Weight] | Iterable[tuple[str, Weight]], config_folder: Path, out_folder: Path) -> None:
    """Write weights in our own form, beside the small files of the checkpoint that they come from.

    Pairs as `stream` gives them are written as they come: no more than a shard is then in memory.

    Raises:
        EngineError: when the folder is in use or cannot be written.
    """
    pairs = weights.items() if isinstance(weights, Mapping) else weights
    try:
        out_folder.mkdir(parents=True, exist_ok=True)
        if any(out_folder.iterdir()):
            raise EngineError(f"{out_folder} is not empty", "name a new folder, or delete what an earlier try left")
        for path in sorted(config_folder.iterdir()):
            if _is_copied(path):
                shutil.copyfile(path, out_folder / path.name)
        files, seen = list[str](), set[torch.dtype]()
        for number, shard in enumerate(_shards(pairs)):
            files.append(f"weights-{number:05}.safetensors")
            save_file(shard, out_folder / files[-1])
            seen |= {tensor.dtype for tensor in shard.values()}
        marker = {"format": FORMAT, "precision": _precision(seen).value, "files": files}
        (out_folder / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise EngineError(f"{out_folder} cannot be written: {error}", "make room, or name another folder") from error


def _is_copied(path: Path) -> bool:
    kept = path.suffix in COPIED or path.name.upper().startswith("LICENSE")
    return kept and path.is_file() and path.name != MARKER and not path.name.endswith(".index.json")


def _shards(pairs: Iterable[tuple[str, Weight]]) -> Iterator[dict[str, Tensor]]:
    shard = dict[str, Tensor]()
    for name, weight in pairs:
        if isinstance(weight, Nf4):
            shard |= {name + CODES: weight.packed.cpu(), name + MAXIMA: weight.absmax.cpu()}
        elif isinstance(weight, Fp8):
            shard |= {name + VALUES: weight.values.cpu(), name + SCALES: weight.scale.cpu()}
        else:
            shard[name] = weight.cpu()
        if sum(tensor.nbytes for tensor in shard.values()) >= SHARD_BYTES:
            yield shard
            shard = {}
    if shard:
        yield shard


def _precision(seen: set[torch.dtype]) -> Precision:
    if torch.uint8 in seen:
        return Precision.NF4
    if torch.float8_e4m3fn in seen:
        return Precision.FP8
    return Precision.FLOAT32 if torch.float32 in seen else Precision.BF16


def _loaded(load: Load, name: str) -> Weight:
    try:
        return load(name)
    except ValueError as error:
        raise EngineError(f"{name} cannot be used: {error}", REMEDY) from error


def _opened(folder: Path, slots: Mapping[str, Slot], precision: Precision, device: str) -> Load:
    """What loads a weight by name, after all names and shapes were found right."""
    stored = stored_precision(folder)
    if stored is not None and stored is not precision:
        raise EngineError(f"{folder} holds {stored.value}, not {precision.value}", "ask for what it holds")
    if stored is not None:
        return _opened_own(folder, slots, precision, device)
    reader = Reader()
    sources = _sources(index(_published_files(folder), REMEDY), slots, folder)

    def load(name: str) -> Weight:
        slot = slots[name]
        if slot.is_nf4(precision):
            return fill_nf4(_rows(sources[name], slot, reader), slot.shape, device)
        if slot.is_fp8(precision):
            return fill_fp8(_fp8_rows(sources[name], slot, reader), slot.shape, device)
        return fill(_rows(sources[name], slot, reader), slot.shape, precision.dtype, device)

    return load


def _opened_own(folder: Path, slots: Mapping[str, Slot], precision: Precision, device: str) -> Load:
    files = _json(folder / MARKER).get("files")
    reader, found = Reader(), index(_listed(folder / MARKER, files if isinstance(files, list) else ()), REMEDY)
    wanted = {part: need for name, slot in slots.items() for part, need in _own_parts(name, slot, precision).items()}
    for name, (shape, dtype) in wanted.items():
        check(found, {name: shape}, dtypes={dtype}, where=folder, remedy=REMEDY)
    refuse_unknown(found.keys() - wanted.keys(), folder, REMEDY)

    def whole(name: str) -> Tensor:
        stored = found[name]
        dtype = OWN_DTYPES[stored.dtype]
        return fill(lambda begin, end: reader.rows(stored, begin, end), stored.shape, dtype, device)

    def load(name: str) -> Weight:
        if slots[name].is_nf4(precision):
            return Nf4(whole(name + CODES), whole(name + MAXIMA))
        fp8 = slots[name].is_fp8(precision)
        return Fp8(whole(name + VALUES), whole(name + SCALES)) if fp8 else whole(name)

    return load


def _own_parts(name: str, slot: Slot, precision: Precision) -> dict[str, tuple[tuple[int, ...], str]]:
    """Names, shapes and types of the tensors that stand for a weight in our own form."""
    *outer, size = slot.shape
    if slot.is_nf4(precision):
        return {name + CODES: ((*outer, size // 2), "U8"), name + MAXIMA: ((*outer, size // BLOCK), "F32")}
    if slot.is_fp8(precision):
        return {name + VALUES: (slot.shape, FP8), name + SCALES: (tuple(outer), "F32")}
    return {name: (slot.shape, "F32" if precision is Precision.FLOAT32 else "BF16")}


def _published_files(folder: Path) -> Sequence[Path]:
    listed = folder / "model.safetensors.index.json"
    if not listed.exists():
        return [folder / "model.safetensors"]
    names = _json(listed).get("weight_map")
    return _listed(listed, names.values() if isinstance(names, dict) else ())


def _listed(path: Path, names: Iterable[object]) -> list[Path]:
    """The files that a list beside them names; it may not lead out of the folder."""
    found = {str(name) for name in names}
    strange = sorted(name for name in found if Path(name).name != name)
    if strange:
        raise EngineError(f"{path} names {strange[0]!r}, which is not a file beside it", REMEDY)
    return [path.parent / name for name in sorted(found)]


def _sources(found: Mapping[str, Stored], slots: Mapping[str, Slot], folder: Path) -> dict[str, list[_AnyMatrix]]:
    """What each weight is made of."""
    sources = {name: _matrices(found, name, slot, folder) for name, slot in slots.items()}
    used = {stored.name for matrices in sources.values() for matrix in matrices for stored in matrix.tensors}
    # What both sides share may stand in the file twice.
    twice = {name.replace(DECODER, ENCODER) for name in used} | {name.replace(ENCODER, DECODER) for name in used}
    known = used | twice
    unknown = (name for name in found if not (name in known or name.startswith(UNREAD) or nvfp4.is_unread(name)))
    refuse_unknown(unknown, folder, REMEDY)
    return sources


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A tensor of a file, with the scales of its rows where it is in FP8."""

    values: Stored
    scale: Stored | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def is_fp8(self) -> bool:
        return self.scale is not None

    @property
    def tensors(self) -> list[Stored]:
        return [self.values] if self.scale is None else [self.values, self.scale]

    def rows(self, reader: Reader, begin: int, end: int) -> Tensor:
        values = reader.rows(self.values, begin, end)
        if self.scale is None:
            return values
        return values.float() * reader.rows(self.scale, begin, end).float()

    def fp8(self, reader: Reader, begin: int, end: int) -> Fp8:
        if self.scale is None:
            return reference.quantize_fp8(reader.rows(self.values, begin, end))
        return Fp8(reader.rows(self.values, begin, end), reader.rows(self.scale, begin, end)[..., 0].float())


_AnyMatrix = _Matrix | Nvfp4Matrix


def _matrices(found: Mapping[str, Stored], name: str, slot: Slot, folder: Path) -> list[_AnyMatrix]:
    """The tensors that a weight is made of: itself, or gate, up or down of one expert after another."""
    whole = _names(name)
    experts = [_expert_names(full, slot) for full in whole if slot.part is WeightPart.EXPERTS]
    for full in whole:
        if nvfp4.is_there(found, full):
            return [_matrix(found, full, slot.shape, folder)]
    for names in experts:
        if nvfp4.is_there(found, names[0]):
            rows = slot.shape[1] * slot.shape[0] // len(names)
            return [_matrix(found, part, (rows, slot.shape[2]), folder) for part in names]
    raise EngineError(f"{folder}: the tensor {whole[0]} is missing", REMEDY)


def _names(name: str) -> list[str]:
    """Names of a weight in a file of the published class, the first that is there counts."""
    if name.endswith(ENCODER_SCALAR):
        return [ENCODER + name.replace(ENCODER_SCALAR, "layer_scalar")]
    return [DECODER + name] if name.endswith(".layer_scalar") else [DECODER + name, ENCODER + name]


def _expert_names(full: str, slot: Slot) -> list[str]:
    """Names of a stack's matrices where each expert is on its own."""
    stem, _, kind = full.rpartition(".")
    kinds = ("gate_proj", "up_proj") if kind == "gate_up_proj" else (kind,)
    return [f"{stem}.{expert}.{part}.weight" for expert in range(slot.shape[0]) for part in kinds]


def _matrix(found: Mapping[str, Stored], name: str, shape: tuple[int, ...], folder: Path) -> _AnyMatrix:
    packed = nvfp4.find(found, name, shape, folder)
    if packed is not None:
        return packed
    check(found, {name: shape}, dtypes=FLOATS | {FP8}, where=folder, remedy=REMEDY)
    if found[name].dtype != FP8:
        return _Matrix(found[name], None)
    scale = f"{name}_scale"
    check(found, {scale: (*shape[:-1], 1)}, dtypes=FLOATS, where=folder, remedy=REMEDY)
    return _Matrix(found[name], found[scale])


def _rows(matrices: list[_AnyMatrix], slot: Slot, reader: Reader) -> Rows:
    """Rows of a weight; of a stack that is not stored as one, a row is a whole expert."""
    if _is_one(matrices, slot):
        return lambda begin, end: matrices[0].rows(reader, begin, end)

    def rows(begin: int, end: int) -> Tensor:
        read = [part.rows(reader, 0, part.shape[0]) for part in _of_experts(matrices, slot, begin, end)]
        return torch.cat(read).view(end - begin, *slot.shape[1:])

    return rows


def _fp8_rows(matrices: list[_AnyMatrix], slot: Slot, reader: Reader) -> Rows | Fp8Rows:
    """The same, in FP8 where any of the matrices is."""
    if not any(matrix.is_fp8 for matrix in matrices):
        return _rows(matrices, slot, reader)
    if _is_one(matrices, slot):
        return lambda begin, end: matrices[0].fp8(reader, begin, end)

    def rows(begin: int, end: int) -> Fp8:
        read = [part.fp8(reader, 0, part.shape[0]) for part in _of_experts(matrices, slot, begin, end)]
        values, scale = torch.cat([part.values for part in read]), torch.cat([part.scale for part in read])
        return Fp8(values.view(end - begin, *slot.shape[1:]), scale.view(end - begin, slot.shape[1]))

    return rows


def _is_one(matrices: list[_AnyMatrix], slot: Slot) -> bool:
    return len(matrices) == 1 and matrices[0].shape == slot.shape


def _of_experts(matrices: list[_AnyMatrix], slot: Slot, begin: int, end: int) -> list[_AnyMatrix]:
    each = len(matrices) // slot.shape[0]
    return matrices[begin * each : end * each]


def _json(path: Path) -> Mapping[str, Any]:
    return SettingsFile.read(path, REMEDY).values

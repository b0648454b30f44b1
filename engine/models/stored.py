"""What files of tensors hold, by name, shape and type, read from their headers and held against what a network needs.

No tensor is read here and nothing is built: a checkpoint that does not fit is refused at once, however large the sizes
are that it claims. The format is safetensors, which holds no code. It must know nothing of any network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..types import EngineError
from .settings_file import require_file

FLOATS = frozenset({"F32", "F16", "BF16"})
FILE_BYTES_MAX = 1 << 40
NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: str
    """As the format writes it: BF16, F8_E4M3."""


def index(files: Iterable[Path], remedy: str) -> dict[str, Stored]:
    """What the files hold, by name.

    Raises:
        EngineError: when a file is missing, no regular file, or damaged.
    """
    found = dict[str, Stored]()
    for file in files:
        require_file(file, FILE_BYTES_MAX, remedy)
        try:
            with safe_open(file, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118  not a mapping
                    part = opened.get_slice(name)
                    found[name] = Stored(file, name, tuple(part.get_shape()), part.get_dtype())
        except (OSError, SafetensorError) as error:
            raise EngineError(
                f"{file} is not readable as safetensors: {' '.join(str(error).split())}", remedy
            ) from error
    return found


def check(
    found: Mapping[str, Stored],
    wanted: Mapping[str, Sequence[int]],
    *,
    dtypes: Collection[str],
    where: Path,
    remedy: str,
) -> None:
    """See to it that every tensor that a network needs is there, of its shape and of one of some types.

    Args:
        where: what is named where a tensor is missing.

    Raises:
        EngineError: for the first that is not.
    """
    missing = [name for name in wanted if name not in found]
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise EngineError(f"{where}: the tensor {missing[0]} is missing{more}", remedy)
    for name, shape in wanted.items():
        stored = found[name]
        if stored.shape != tuple(shape):
            raise EngineError(
                f"{stored.file}: {name} has shape {list(stored.shape)}, by config.json it is {list(shape)}", remedy
            )
        if stored.dtype not in dtypes:
            kinds = " or ".join(sorted(dtypes))
            raise EngineError(f"{stored.file}: {name} is of type {stored.dtype}, {kinds} is needed", remedy)


def check_layers(found: Iterable[str], prefix: str, layers: int, config: str, where: Path, remedy: str) -> None:
    """See to it that there are as many layers as config.json says, before so many are thought of.

    Args:
        prefix: what stands before the number of a layer in a name.
        config: of the file and field that say how many.

    Raises:
        EngineError: when there are not.
    """
    tails = (name.removeprefix(prefix) for name in found if name.startswith(prefix))
    numbers = {tail.split(".", 1)[0] for tail in tails}
    if len(numbers) != layers:
        raise EngineError(f"{config} is {layers:,}, but {where} holds {len(numbers):,} layers", remedy)


def refuse_unknown(names: Iterable[str], where: Path, remedy: str) -> None:
    """Refuse tensors that no network has a place for.

    Raises:
        EngineError: when there is one.
    """
    unknown = sorted(names)
    if unknown:
        raise EngineError(f"{where}: the network has no place for {unknown[0]} ({len(unknown)} such tensors)", remedy)


def check_finite(tensors: Mapping[str, Tensor], where: Path, remedy: str) -> None:
    """See to it that every value is a number: one that is not would spread to all answers.

    Raises:
        EngineError: for the first tensor with another one.
    """
    for name, tensor in tensors.items():
        # The sum of finite values is finite in double precision, and costs no second tensor.
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.sum(dtype=torch.float64))):
            raise EngineError(f"{where}: {name} holds values that are no numbers", remedy)

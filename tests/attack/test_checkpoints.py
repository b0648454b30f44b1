"""Damaged checkpoints are refused in a line that names the file, with a remedy, or load and fill as others do.

No damage may raise anything but `EngineError`, wait for somebody, or take the memory that a size asks for.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from dgedit.engine.catalog import CHECKPOINTS
from dgedit.engine.infill import infill
from dgedit.engine.load import load
from dgedit.engine.types import EngineError, InfillRequest

from . import damage
from .budget import Budget

NANO = CHECKPOINTS / "nano"
FILES = ("config.json", "infill_config.json", "tokenizer.json", "model.safetensors")
UNREAD = ("vision_config", "architectures", "boi_token_id", "eoi_token_id", "image_token_id", "initializer_range")
"""What the network has no use for."""
FEW, ALL = 60, 1_000


def all_damages(draw: random.Random, few: int) -> list[tuple[str, damage.Damage]]:
    """Every damage to settings, every kind of file, and a few to the bytes of the others; in any order."""
    found = [
        *damage.settings_damages(NANO, "config.json", UNREAD),
        *damage.settings_damages(NANO, "infill_config.json"),
        *(each for name in FILES for each in damage.file_damages(name)),
        *damage.header_damages("model.safetensors", draw, few),
        *damage.value_damages("model.safetensors", draw, few),
        *damage.byte_damages("model.safetensors", draw, few),
        *damage.byte_damages("tokenizer.json", draw, few),
    ]
    draw.shuffle(found)
    return found


def fresh(folder: Path) -> Path:
    """A copy of the bundled checkpoint that costs no copying: damage replaces links, it does not write through them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in FILES:
        os.symlink(NANO / name, folder / name)
    return folder


def judged(folder: Path, case: str) -> str | None:
    """What is wrong with how a damaged checkpoint is taken; none where nothing is."""
    try:
        model = load(str(folder))
        frames = list(infill(InfillRequest(prefix="def f(x):\n    return ", suffix="\n", max_passes=1), model))
    except EngineError as error:
        line = f"{error}; {error.hint}"
        if not error.hint or "\n" in line or not line.isprintable():
            return f"{case}: not one line with a remedy: {line!r}"
        if not any(name in line for name in FILES):
            return f"{case}: the file is not named: {line!r}"
        return None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"{case}: {type(error).__name__}: {str(error)[:200]}"
    return None if frames[-1].result is not None else f"{case}: no result"


@pytest.fixture
def cases(budget: Budget) -> Iterator[tuple[str, damage.Damage]]:
    """A slice of all damages, or all of them for as long as there is time."""
    return budget.cases(lambda seed: all_damages(random.Random(seed), 40), few=FEW, all_=ALL)


def test_a_damaged_checkpoint_is_refused_by_name(
    cases: Iterator[tuple[str, damage.Damage]], tmp_path: Path, budget: Budget
) -> None:
    wrong = list[str]()
    for case, damages in cases:
        folder = fresh(tmp_path / "model")
        damages(folder)
        found = judged(folder, case)
        budget.count("damaged checkpoints", failed=found is not None)
        wrong += [found] if found else []
    assert not wrong, "\n".join(wrong[:20])


def test_an_undamaged_copy_loads(tmp_path: Path) -> None:
    assert judged(fresh(tmp_path / "model"), "no damage") is None


def test_a_tensor_that_the_network_has_no_place_for_is_named(tmp_path: Path) -> None:
    folder = fresh(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if name.endswith("layer_scalar"))
    tensors[f"{name}.renamed"] = tensors.pop(name)
    (folder / "model.safetensors").unlink()
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(EngineError, match=r"model\.safetensors: the network has no place for .*layer_scalar\.renamed"):
        load(str(folder))

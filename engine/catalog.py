"""The checkpoints that ship with dgedit, and what a model's name stands for on disk. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"
MODEL_VARIABLE = "DGEDIT_MODEL"
"""Names the model by default, for machines that mini is too much for: nano is a seventh of its size."""
DEFAULT_MODEL = os.environ.get(MODEL_VARIABLE, "").strip() or "mini"
"""What fills where nobody names a model."""


def bundled_models() -> list[str]:
    """Names of the checkpoints that ship with dgedit."""
    return sorted(path.parent.name for path in CHECKPOINTS.glob("*/infill_config.json"))


def is_bundled(model: str) -> bool:
    """Whether a name is that of a checkpoint that ships with dgedit."""
    return Path(model).name == model and (CHECKPOINTS / model / "infill_config.json").is_file()


def checkpoint_folder(model: str) -> Path:
    """The folder that a bundled model's name, or a path, stands for; it need not exist."""
    return CHECKPOINTS / model if is_bundled(model) else Path(os.path.expanduser(model))

"""The checkpoints that ship with dgedit, those that were fetched, and what a model's name is on disk. No torch."""

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


def own_models_folder() -> Path:
    """Of what was fetched or added on request, by the XDG convention; it need not exist."""
    return _xdg_folder("XDG_DATA_HOME", ".local/share") / "models"


def cache_folder() -> Path:
    """Of what can be made anew, by the XDG convention; it need not exist."""
    return _xdg_folder("XDG_CACHE_HOME", ".cache")


def _xdg_folder(variable: str, usual: str) -> Path:
    given = os.environ.get(variable, "")
    # A relative path in the variable is to be ignored, says the convention.
    return (Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~")) / usual) / "dgedit"


def own_models() -> list[str]:
    """Names of the models that were fetched or added."""
    return sorted(path.parent.name for path in own_models_folder().glob("*/infill_config.json"))


def checkpoint_folder(model: str) -> Path:
    """The folder that a bundled or fetched model's name, or a path, stands for; it need not exist."""
    if is_bundled(model):
        return CHECKPOINTS / model
    own = own_models_folder() / model
    is_own = Path(model).name == model and (own / "infill_config.json").is_file()
    return own if is_own else Path(os.path.expanduser(model))

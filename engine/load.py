"""From a model's name or folder to a loaded `Denoiser`; nothing is ever fetched from a network."""

from __future__ import annotations

from pathlib import Path

from .models.base import Denoiser
from .types import EngineError

CHECKPOINTS = Path(__file__).parent / "checkpoints"
DEFAULT_MODEL = "nano"


def bundled_models() -> list[str]:
    """Names of the checkpoints that ship with dgedit."""
    return sorted(path.parent.name for path in CHECKPOINTS.glob("*/infill_config.json"))


def checkpoint_folder(model: str) -> Path:
    """The folder that a bundled model's name, or a path, stands for; it need not exist."""
    return CHECKPOINTS / model if model in bundled_models() else Path(model).expanduser()


def load(model: str = DEFAULT_MODEL, *, device: str = "cpu") -> Denoiser:
    """Load a bundled checkpoint by name, or one from a folder.

    Raises:
        EngineError: when there is no such model, or its files do not fit each other.
    """
    folder = checkpoint_folder(model)
    if not folder.is_dir():
        names = ", ".join(bundled_models()) or "none"
        raise EngineError(f"unknown model {model!r}", f"bundled: {names}; or give the folder of a checkpoint")
    if (folder / "infill_config.json").exists():
        from .models.nano_checkpoint import load as load_nano

        return load_nano(folder, folder.name, device=device)
    raise EngineError(
        f"{folder} has no infill_config.json",
        "only nano checkpoints can be loaded yet; leave --model out for the bundled one",
    )

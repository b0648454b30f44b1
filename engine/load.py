"""From a model's name or folder to a loaded `Denoiser`; nothing is ever fetched from a network.

mini                     the bundled checkpoint, a pretrained network tuned to infill
nano                     the small bundled one
coder                    1.5B, the most accurate without a GPU; `dgedit models get coder` fetches it
NAME                     what `dgedit models add FILE.gguf NAME` made of a file
diffusiongemma[:FORM]    the published 26B, from Hugging Face's cache; FORM is bf16, fp8 or nf4, else the best that fits
OWNER/NAME[:FORM]        another checkpoint of the class from that cache
FOLDER[:FORM]            a folder of either kind
FILE.gguf                a network that fills in the middle; converted into the cache the first time
auto                     the 26B where it is at hand and an accelerator holds it, else coder where it was fetched and
                         there is memory for it, else mini
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .catalog import DEFAULT_MODEL, bundled_models, checkpoint_folder, own_models
from .packaged import GGUF, PACKAGED, from_file
from .protocol import Denoiser
from .types import EngineError

LLAMA = ("llama", "qwen2")
"""The `model_type` of mini's family, and of its networks with biases."""
AUTO = "auto"
HUB_NAMES = {"diffusiongemma": "google/diffusiongemma-26B-A4B-it"}
HUB_GB = {"google/diffusiongemma-26B-A4B-it": 51.7}
FORMS = (":bf16", ":fp8", ":nf4")
HELD = 2.5
"""So many times the size of its file is what a packaged model holds in memory."""
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

Report = Callable[[str], None]
"""Is told, in a line for a person, what is loaded and how far it is."""


def load(model: str = DEFAULT_MODEL, *, device: str | None = None, report: Report | None = None) -> Denoiser:
    """Load a checkpoint; see the module's docstring for its names.

    Args:
        device: none takes the CPU for a bundled one, and for a large model what it fits best.

    Raises:
        EngineError: when there is no such model, it does not fit, or its files do not fit each other.
    """
    report = report or (lambda _line: None)
    if model == AUTO:
        return _auto(device, report)
    name, _, form = model.rpartition(":") if model.endswith(FORMS) else (model, "", "")
    folder = find(name, report)
    if not (folder / "config.json").exists():
        raise EngineError(
            f"{folder} holds no checkpoint: config.json is missing", "give the folder of one, or leave --model out"
        )
    if (folder / "infill_config.json").exists():
        return _load_bundled(folder, device or "cpu")
    from .models.gemma.load import load as load_gemma

    return load_gemma(folder, name if name in HUB_NAMES else folder.name, form, device=device, report=report)


def _load_bundled(folder: Path, device: str) -> Denoiser:
    """A checkpoint of one of the families that dgedit trains; which one, its config.json says."""
    if _model_type(folder / "config.json") in LLAMA:
        from .models.llama.checkpoint import load as load_llama

        return load_llama(folder, folder.name, device=device)
    from .models.nano.checkpoint import load as load_nano

    return load_nano(folder, folder.name, device=device)


def _model_type(path: Path) -> object:
    """What config.json says; none where it cannot be read, which the family that then reads it explains."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found.get("model_type") if isinstance(found, dict) else None
    return None


def find(model: str, report: Report | None = None) -> Path:
    """The folder of a model's files on this machine; a GGUF file is converted first, once.

    Raises:
        EngineError: when it is not here; the hint is the command that fetches it.
    """
    folder = checkpoint_folder(model)
    if folder.is_dir():
        return folder
    if folder.suffix.lower() == GGUF:
        return from_file(folder, report or (lambda _line: None))
    repository = HUB_NAMES.get(model, model)
    if HUB_ID.fullmatch(repository):
        return _cached(repository)
    if model in PACKAGED:
        raise EngineError(f"the model {model!r} is not on this machine", f"to have it: dgedit models get {model}")
    names = ", ".join((*bundled_models(), *own_models(), *HUB_NAMES))
    raise EngineError(f"unknown model {model!r}", f"known: {names}, auto; or give the folder of a checkpoint")


def _cached(repository: str) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    cache = Path(constants.HF_HUB_CACHE)
    others = _fp8_forms(cache) if repository in HUB_GB else []
    for name in (repository, *others):
        with suppress(LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
            return Path(snapshot_download(name, local_files_only=True, cache_dir=cache))
    size = f" ({HUB_GB[repository]} GB)" if repository in HUB_GB else ""
    raise EngineError(
        f"{repository} is not on this machine (looked in {cache})",
        f"dgedit fetches nothing by itself; to have it{size}: hf download {repository}",
    )


def _fp8_forms(cache: Path) -> list[str]:
    """Repositories in the cache that hold the 26B in FP8; they have many publishers."""
    names = [path.name.removeprefix("models--").replace("--", "/", 1) for path in sorted(cache.glob("models--*"))]
    return [name for name in names if "diffusiongemma-26b" in name.lower() and "fp8" in name.lower()]


def _auto(device: str | None, report: Report) -> Denoiser:
    """The large model on an accelerator, else the best on a CPU; says why."""
    from .memory import memories
    from .models.gemma.load import load as load_gemma

    name = next(iter(HUB_NAMES))
    try:
        folder = find(name)
        found = [each for each in memories() if each.device != "cpu"]
        if not found:
            raise EngineError("no GPU was found, and the large model takes minutes an infill without one")
        return load_gemma(folder, name, "", device=device, report=report, found=found)
    except EngineError as error:
        chosen = best_on_cpu(next((each.free_bytes for each in memories() if each.device == "cpu"), 0))
        report(f"auto: {chosen}, for {error}")
        return load(chosen, device=device)


def best_on_cpu(free_bytes: int) -> str:
    """A packaged model that was fetched and has room, else the usual one: whoever fetched it wants its answers."""
    for name in PACKAGED:
        weights = checkpoint_folder(name) / "model.safetensors"
        if weights.is_file() and weights.stat().st_size * HELD <= free_bytes:
            return name
    return DEFAULT_MODEL

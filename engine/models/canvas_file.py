"""infill_config.json: the canvas format that a checkpoint of ours was trained for, checked against its vocabulary."""

from __future__ import annotations

from ..protocol import CanvasFormat
from ..types import EngineError
from .settings_file import POSITIONS_MAX, SettingsFile

_COUNTS = ("context_tokens", "canvas_tokens")
_PARTS = ("near_suffix_tokens", "far_suffix_tokens")
_IDS = ("eom_id", "pad_id", "suffix_id", "prefix_id", "start_id")


def trained_languages(own: SettingsFile) -> tuple[str, ...]:
    """What the checkpoint was trained on; nothing where that is not said.

    Raises:
        EngineError: when it is said in another form.
    """
    found = own.values.get("languages", [])
    if not isinstance(found, list) or not all(isinstance(each, str) and each.isprintable() for each in found):
        own.refuse("languages", "a list of names is needed")
    return tuple(found)


def canvas_format(own: SettingsFile, vocab_size: int) -> CanvasFormat:
    """The format that the settings give.

    Raises:
        EngineError: when a field is missing or out of its bounds, or the parts do not fit each other.
    """
    mask = own.values.get("mask_id")
    if "mask_id" not in own.values:
        own.refuse("mask_id", "an id, or null for uniform noise, is needed")
    sizes = {name: own.size(name, POSITIONS_MAX) for name in _COUNTS}
    sizes |= {name: own.index(name, POSITIONS_MAX) for name in _PARTS}
    sizes |= {name: own.index(name, vocab_size) for name in _IDS}
    try:
        return CanvasFormat(
            mask_id=None if mask is None else own.index("mask_id", vocab_size),
            first_text_id=own.index("first_text_id", vocab_size),
            **sizes,
        )
    except ValueError as error:
        raise EngineError(f"{own.name}: {error}", own.remedy) from error

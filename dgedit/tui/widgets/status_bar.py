"""The status line as text: pure functions of what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...engine.confidence import said as words_of
from ...engine.types import Origin

if TYPE_CHECKING:
    from ...engine.types import Candidate, Frame, ModelInfo


def file_line(
    name: str,
    *,
    dirty: bool,
    row: int,
    column: int,
    lines: int,
    ending: str,
    encoding: str,
    language: str,
    locked: bool,
) -> str:
    """Where the cursor is, in which file, and how it is written."""
    marks = " *" * dirty + " (read-only)" * locked
    return f"{name}{marks}  {row + 1}:{column + 1} of {lines}  {ending}  {encoding}  {language}"


def infill_line(frame: Frame, model: ModelInfo | None) -> str:
    """How the denoising goes: pass k/n, ms a pass, tokens/s, context used, model and device."""
    use = frame.context
    cut = " cut" if use.prefix_cut or use.suffix_cut else ""
    parts = [
        f"pass {frame.pass_index}/{frame.passes_max}",
        f"{frame.pass_ms:.0f} ms/pass",
        f"{frame.tokens_per_second:.0f} tok/s",
        f"ctx {use.tokens}/{use.limit}{cut}",
        model_name(model),
    ]
    return " · ".join(part for part in parts if part)


def answer_line(number: int, count: int, chosen: Candidate) -> str:
    """Which answer is shown, and how far it is to be trusted, in words."""
    said = [f"answer {number}/{count}"]
    if chosen.breaks:
        said.append("breaks the file")
    elif chosen.confidence is not None:
        said.append(words_of(chosen.confidence))
    if Origin.KEPT in chosen.origins:
        said.append("as it was")
    if chosen.unknown_names:
        said.append("unknown: " + ", ".join(chosen.unknown_names))
    return " \u00b7 ".join(said)


def model_name(model: ModelInfo | None) -> str:
    """Name, size and device of a model; nothing while none is loaded."""
    if model is None:
        return ""
    if not model.parameters:
        return f"{model.name} {model.device}"
    size = f"{model.parameters / 1e9:.1f}B" if model.parameters >= 1e9 else f"{model.parameters / 1e6:.1f}M"
    return f"{model.name} {size} {model.device}"

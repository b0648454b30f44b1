"""The status line as text: pure functions of what is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from ...engine.confidence import said as words_of
from ...engine.types import Origin
from .text import cut, cut_middle

if TYPE_CHECKING:
    from ...engine.types import Candidate, Frame, ModelInfo


Part = tuple[int, str]
"""How soon it is left out where there is little room (the highest first, 0 never), and what it says."""
COUNTED = ("  of ", " of ")
"""A place and the count that it is one of stand together."""
SURE_FROM = 0.6
"""A pass that is so certain of what it shows is called sure."""


def file_parts(
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
) -> list[Part]:
    """Where the cursor is, in which file, and how it is written."""
    marks = " *" * dirty + " (read-only)" * locked
    place = f"{row + 1}:{column + 1}"
    return [(0, f"{name}{marks}"), (0, place), (4, f"of {lines}"), (5, ending), (6, encoding), (3, language)]


def fitted(groups: Sequence[Sequence[Part]], cells: int) -> str:
    """Groups of parts in one line: of what does not fit whole parts are left out, and the first one is cut last."""
    left = [[part for part in group if part[1]] for group in groups]
    while cell_len(shown := _joined(left)) > cells:
        soonest = max((part for group in left for part in group), key=lambda part: part[0], default=(0, ""))
        if not soonest[0]:
            return _with_short_name(left, cells)
        left = [[part for part in group if part is not soonest] for group in left]
    return shown


def _joined(groups: Sequence[Sequence[Part]]) -> str:
    return "  |  ".join("  ".join(text for _, text in group).replace(*COUNTED) for group in groups if group)


def _with_short_name(groups: Sequence[Sequence[Part]], cells: int) -> str:
    """What always stands there, with the middle of its longest part left out."""
    longest = max((part for group in groups for part in group), key=lambda part: cell_len(part[1]))
    room = cells - (cell_len(_joined(groups)) - cell_len(longest[1]))
    short = (0, cut_middle(longest[1], max(1, room)))
    return cut(_joined([[short if part is longest else part for part in group] for group in groups]), cells)


def fitted_keys(pairs: Sequence[tuple[str, str]], last: tuple[str, str], cells: int) -> str:
    """Keys with what they do, as many as fit whole, and one that is always there."""
    end, shown = " ".join(last), list[str]()
    room = cells - cell_len(end)
    for pair in pairs:
        words = " ".join(pair)
        if cell_len(words) + 2 > room:
            break
        shown.append(words)
        room -= cell_len(words) + 2
    return "  ".join([*shown, end])


def pass_line(frames: Sequence[Frame]) -> str:
    """How the denoising goes, in words; the last frame is the newest."""
    frame = frames[-1]
    shown = [span for span in frame.spans if span.state.value != "noise"]
    length = sum(len(span.text) for span in shown)
    certainty = sum(span.confidence * len(span.text) for span in shown) / length if length else 0.0
    settled = len(frames) > 1 and len(frames[-2].slots) == len(frame.slots)
    return " \u00b7 ".join(
        (
            f"pass {frame.pass_index} of {frame.passes_max}",
            "right length" if settled else "finding the length",
            "sure" if certainty >= SURE_FROM else "unsure",
            f"{frame.elapsed_ms / 1e3:.1f} s",
        )
    )


def figures_line(frame: Frame, model: ModelInfo | None) -> str:
    """What a pass costs and reads: ms a pass, tokens/s, context used, model and device."""
    use = frame.context
    cut_off = " cut" if use.prefix_cut or use.suffix_cut else ""
    parts = [
        f"{frame.pass_ms:.0f} ms/pass",
        f"{frame.tokens_per_second:.0f} tok/s",
        f"ctx {use.tokens}/{use.limit}{cut_off}",
        model_name(model),
    ]
    return " \u00b7 ".join(part for part in parts if part)


def answer_line(number: int, count: int, chosen: Candidate) -> str:
    """Which answer is shown, and how far it is to be trusted, in words."""
    return " \u00b7 ".join(part for part in (f"answer {number}/{count}", answer_words(chosen)) if part)


def answer_words(chosen: Candidate) -> str:
    """How far an answer is to be trusted."""
    said = list[str]()
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

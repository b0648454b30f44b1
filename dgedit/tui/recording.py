"""Records the README's animation: the real editor, a real infill, every pass of it, as an animated SVG.

The screens stand side by side on a reel that moves by steps, and a row that several of them share is drawn once, which
keeps the file small. It fetches nothing and runs nothing. For readers who want no motion the last screen stands still.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from pathlib import Path

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.pilot import Pilot

from ..engine import Engine
from ..fill.open import load_model
from ..text.holes import MARKER
from .app import DgeditApp
from .infill.thread import Delivery
from .screenshot import COLUMNS, DRAWN_S, ROWS, PausedJobs, editor

SOURCE = f"""\
import os


def sizes(folder):
    result = {{}}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        result[name] = os.path.getsize(path)
    return result


def total(folder, suffix):
    value = 0
    for name in os.listdir(folder):
        if name.endswith(suffix):
            {MARKER}
            value += os.path.getsize(path)
    return value
"""
CELL_WIDTH, ROW_HEIGHT, FONT_SIZE = 8.4, 18, 14
MARGIN = 10
LOOKED_AT_S, TYPED_S, ANSWER_S, END_S = 1.2, 0.7, 2.2, 2.0
PASS_S_MIN, PASS_S_MAX = 0.15, 0.45
"""A pass is shown as long as it took, within these."""
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

Row = tuple[tuple[str, Style], ...]


@dataclass(frozen=True, slots=True)
class Screen:
    """What a terminal shows, and for how long."""

    rows: tuple[Row, ...]
    seconds: float


class SteppedJobs(PausedJobs):
    """Runs an infill, and gives one pass of it at a time."""

    def poll(self) -> list[Delivery]:
        """The next pass."""
        return [self._ready.pop(0)] if self._ready else []

    @property
    def pass_s(self) -> float:
        """How long the next pass took."""
        frame = self._ready[0].frame if self._ready else None
        return frame.pass_ms / 1e3 if frame is not None else 0.0


def screen(app: DgeditApp, seconds: float) -> Screen:
    """What the editor shows now."""
    rows = tuple(
        tuple((segment.text, segment.style or Style()) for segment in Segment.simplify(strip))
        for strip in app.screen._compositor.render_strips()
    )
    return Screen(rows, seconds)


async def record(model: Engine) -> list[Screen]:
    """A hole is gone to, filled pass by pass, and accepted."""
    async with editor(SOURCE, model) as pilot:
        app = pilot.app
        assert isinstance(app, DgeditApp)
        jobs = app.jobs = app.infills.jobs = SteppedJobs(model, sys.maxsize)
        screens = [screen(app, LOOKED_AT_S)]
        screens.append(await _pressed(pilot, app, "f8", TYPED_S))
        screens.append(await _pressed(pilot, app, "ctrl+g", PASS_S_MIN))
        while app.infills.running:
            took = min(PASS_S_MAX, max(PASS_S_MIN, jobs.pass_s))
            app.infills.arrived()
            await pilot.pause(DRAWN_S)
            screens.append(screen(app, took if app.infills.running else ANSWER_S))
        screens.append(await _pressed(pilot, app, "tab", END_S))
    return screens


async def _pressed(pilot: Pilot[int], app: DgeditApp, key: str, seconds: float) -> Screen:
    await pilot.press(key)
    await pilot.pause(DRAWN_S)
    return screen(app, seconds)


def animated(screens: Sequence[Screen]) -> str:
    """The screens as one SVG."""
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, ROWS * ROW_HEIGHT + 2 * MARGIN
    numbers = {row: number for number, row in enumerate(dict.fromkeys(row for each in screens for row in each.rows))}
    ground = _colours(screens[0].rows[1][0][1])[1] or "#000000"
    defined = "".join(f'<g id="r{number}">{_drawn(row, ground)}</g>\n' for row, number in numbers.items())
    shown = "".join(
        f'<g transform="translate({place * width:g})">'
        + "".join(f'<use href="#r{numbers[row]}" y="{y * ROW_HEIGHT}"/>' for y, row in enumerate(each.rows))
        + "</g>\n"
        for place, each in enumerate(screens)
    )
    total = sum(each.seconds for each in screens)
    begun = [0.0, *accumulate(each.seconds for each in screens)][:-1]
    steps = "".join(
        f"{100 * start / total:.2f}%{{transform:translateX({-place * width:g}px)}}" for place, start in enumerate(begun)
    )
    last = f"translateX({-(len(screens) - 1) * width:g}px)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}">\n'
        f"<title>An infill in dgedit, pass by pass</title>\n<style>text{{font:{FONT_SIZE}px {FONTS};white-space:pre}}"
        f"#reel{{animation:reel {total:.2f}s steps(1,end) infinite}}@keyframes reel{{{steps}100%{{transform:{last}}}}}"
        f"@media (prefers-reduced-motion:reduce){{#reel{{animation:none;transform:{last}}}}}</style>\n"
        f'<defs>\n{defined}</defs>\n<rect width="100%" height="100%" rx="8" fill="{ground}"/>\n'
        f'<svg x="{MARGIN}" y="{MARGIN}" width="{COLUMNS * CELL_WIDTH:g}" height="{ROWS * ROW_HEIGHT}">'
        f'<g id="reel">\n{shown}</g></svg>\n</svg>\n'
    )


def _drawn(row: Row, ground: str) -> str:
    """A row of cells: grounds that differ, then letters."""
    parts, x = list[str](), 0.0
    for text, style in row:
        front, back = _colours(style)
        wide = cell_len(text) * CELL_WIDTH
        if back not in (None, ground):
            parts.append(f'<rect x="{x:g}" width="{wide:g}" height="{ROW_HEIGHT}" fill="{back}"/>')
        if letters := text.strip():
            left = x + cell_len(text[: len(text) - len(text.lstrip())]) * CELL_WIDTH
            parts.append(_letters(letters, left, front or "#ffffff", style))
        x += wide
    return "".join(parts)


def _letters(text: str, x: float, colour: str, style: Style) -> str:
    looks = {"font-weight": ("bold", style.bold), "font-style": ("italic", style.italic)}
    looks["text-decoration"] = ("underline", style.underline)
    looks["opacity"] = ("0.6", style.dim)
    said = "".join(f' {name}="{value}"' for name, (value, holds) in looks.items() if holds)
    wide = cell_len(text) * CELL_WIDTH
    return f'<text x="{x:g}" y="{FONT_SIZE}" fill="{colour}" textLength="{wide:g}"{said}>{escape(text)}</text>'


def _colours(style: Style) -> tuple[str | None, str | None]:
    """Of the letters and of the ground."""
    pair = [colour.get_truecolor().hex if colour is not None else None for colour in (style.color, style.bgcolor)]
    return (pair[1], pair[0]) if style.reverse else (pair[0], pair[1])


if __name__ == "__main__":
    # In all colours, whatever terminal this is started on.
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    Path(sys.argv[1]).write_text(animated(asyncio.run(record(load_model("nano")))), encoding="utf-8")

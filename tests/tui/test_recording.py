"""The README's animation: every pass of a real infill, small, and nothing is fetched to see it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from rich.style import Style

from dgedit.fill.open import load_model
from dgedit.tui import recording
from dgedit.tui.recording import COLUMNS, ROWS, Row, Screen

SVG = "{http://www.w3.org/2000/svg}"
BYTES_MAX = 300_000
NOISE = "\u2591"
COMMITTED = Path(__file__).parents[2] / "themes" / "infill.svg"


def rows(*texts: str) -> tuple[Row, ...]:
    ground = Style(color="#eeeeee", bgcolor="#101010")
    return tuple(((text.ljust(COLUMNS), ground),) for text in (*texts, *[""] * (ROWS - len(texts))))


def test_a_row_that_screens_share_is_drawn_once_and_steps_follow_their_times() -> None:
    made = recording.animated([Screen(rows("a <&>", "b"), 1.0), Screen(rows("a <&>", "c"), 3.0)])
    root = ElementTree.fromstring(made)
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert texts == ["a <&>", "b", "c"]
    assert len(list(root.iter(f"{SVG}use"))) == 2 * ROWS
    assert "4.00s" in made
    assert re.findall(r"([\d.]+)%\{", made) == ["0.00", "25.00", "100"]


def test_the_committed_one_is_small_and_shows_every_pass() -> None:
    made = COMMITTED.read_text(encoding="utf-8")
    assert len(made.encode()) < BYTES_MAX
    said = " ".join(element.text or "" for element in ElementTree.fromstring(made).iter(f"{SVG}text"))
    passes = {int(number) for number in re.findall(r"pass (\d+) of", said)}
    assert passes == set(range(1, max(passes) + 1))
    assert NOISE in said
    assert "answer 1/" in said
    assert set(re.findall(r"(?:href|src|url)\W+(\w+://[^\"')]*)", made)) == set()


async def test_a_recording_is_a_real_infill() -> None:
    screens = await recording.record(load_model("nano"))
    first, last = ("\n".join("".join(text for text, _ in row) for row in screens[at].rows) for at in (0, -1))
    assert "<FILL_ME>" in first
    assert "<FILL_ME>" not in last
    assert "value += os.path.getsize(path)" in last

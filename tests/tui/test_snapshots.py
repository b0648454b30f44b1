"""A few whole screens as pictures, colours and all: what changes in them is looked at by a person.

`DGEDIT_SNAPSHOTS=write` writes them anew; then look at them in a browser before they are committed.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dgedit.config import Config, Editor
from dgedit.engine import Engine
from dgedit.engine.types import Frame, FrameSpan, ModelInfo, SlotState
from dgedit.tui.dialogs import Compare

from ..support.editor_host import QUIET, Host, a_frame, a_result, editor

FOLDER = Path(__file__).parent / "snapshots"
SOURCE = '''"""Totals."""

import sys

LIMIT = 10


class Total:
    def add(self, values: list[int]) -> int:
        # Only what counts.
        for value in values:
            <FILL_ME>
        return self.sum

    def name(self):
        return f"total of {self.sum}\\t" + '漢字'
'''
PASS = [
    FrameSpan("if value", SlotState.FIXED, 0.9),
    FrameSpan(" <", SlotState.NEW, 0.8),
    FrameSpan(" LIMIT", SlotState.DRAFT, 0.6),
    FrameSpan(":\n                self", SlotState.DRAFT, 0.2),
    FrameSpan("░░░░", SlotState.NOISE, 0.0),
]
ANSWER = "if value < LIMIT:\n                self.sum += value"
MODEL = SimpleNamespace(info=ModelInfo(name="nano", parameters=14_900_000, device="cpu", digest="0" * 12), notes=())


def picture(host: Host) -> str:
    """The screen as SVG, without what differs from run to run and from font to font."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", host.app.export_screenshot(title="dgedit"), flags=re.DOTALL)
    return re.sub(r"terminal-\d+-", "t-", svg)


async def coloured(host: Host) -> None:
    """The first parse may go on behind the first picture."""
    await host.until(lambda: not host.area.document.syntax.stale, "the colours")
    await host.settle()


def compare(host: Host, name: str) -> None:
    """Hold the screen against its picture."""
    path, found = FOLDER / f"{name}.svg", picture(host)
    if os.environ.get("DGEDIT_SNAPSHOTS") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), f"{name} looks otherwise; the screen:\n" + "\n".join(host.rows)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    # A terminal's own wish must not take the colours away.
    monkeypatch.delenv("NO_COLOR", raising=False)
    named = [tmp_path / "total.py", tmp_path / "main.c"]
    named[0].write_text(SOURCE)
    named[1].write_text("int main() { return 0; }\n")
    return named


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """An engine that shows one pass and waits for the event before its answer."""
    go_on = threading.Event()

    def fill_gaps(*_: Any) -> Iterator[tuple[int, Frame]]:
        yield 0, a_frame(3, *PASS)
        go_on.wait(60)
        yield 0, a_frame(4, FrameSpan(ANSWER, SlotState.FIXED, 1.0), result=a_result(ANSWER, "pass"))

    monkeypatch.setattr("dgedit.tui.infill.thread.fill_gaps", fill_gaps)
    yield go_on
    go_on.set()


async def test_a_file(files: list[Path]) -> None:
    async with editor(*files, size=(80, 20)) as host:
        await host.select((8, 8), (10, 12))
        await host.press("x")
        await host.until(lambda: host.app.files.tab.dirty, "the mark of unsaved work")
        await coloured(host)
        compare(host, "file")


async def test_a_light_theme_on_a_small_screen(files: list[Path]) -> None:
    light = Config(editor=Editor(watch=False, theme="dgedit-light", soft_wrap=True))
    async with editor(files[0], config=light, size=(40, 12)) as host:
        await host.press("ctrl+end")
        await coloured(host)
        compare(host, "light")


async def test_an_infill_under_way_and_its_answer(files: list[Path], held: threading.Event) -> None:
    async with editor(*files, model=cast(Engine, MODEL), size=(100, 20)) as host:
        await host.press("f8", "ctrl+g")
        await host.until(lambda: host.review.seen, "a pass")
        await host.until(lambda: "self░" in host.text, "the pass to be drawn")
        await coloured(host)
        compare(host, "infill")
        held.set()
        await host.answered()
        await host.press("alt+w")
        await host.select((11, 15), (11, 20))
        await host.press("alt+k")
        await coloured(host)
        compare(host, "review")


async def test_finding_and_replacing(files: list[Path]) -> None:
    async with editor(*files, size=(100, 20)) as host:
        await host.press("ctrl+r")
        await host.write("value(s?)")
        await host.press("alt+r", "tab")
        await host.write("number")
        await coloured(host)
        compare(host, "find")


async def test_a_change_on_disk(files: list[Path]) -> None:
    async with editor(files[0], config=QUIET, size=(80, 20)) as host:
        await host.press("x")
        files[0].write_text(SOURCE.replace("LIMIT = 10", "LIMIT = 20"))
        host.app.saves.look_outside()
        await host.dialog(Compare)
        compare(host, "compare")

"""Random keys, pastes and sizes of the window: nothing raises, no text and no file is harmed, every edit is undone.

Infills come from a stand-in for the engine that answers at once with any text, so that many are opened, steered and
left; what the bundled model makes of them is tested elsewhere.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.document._wrapped_document import WrappedDocument
from textual.events import Paste
from textual.widgets.text_area import Selection

from dgedit.config import Config
from dgedit.engine import Engine
from dgedit.engine.types import Frame, FrameSpan, SlotState
from dgedit.errors import DgeditError
from dgedit.files import disk
from dgedit.files.disk import Stamp
from dgedit.fill.loop import FillOptions, Gap
from dgedit.text.holes import MARKER
from dgedit.tui.commands import COMMANDS
from dgedit.tui.widgets.code_area import CodeArea

from ..support.editor_host import QUIET, Host, Location, a_frame, a_result, editor, key_event

BURST = 25
"""So many keys come at once, faster than the screen is drawn."""
CHECK_EVERY = 500
TABS_MAX = 5
LENGTH_MAX = 3_000
STEERED = 80
"""Infills that are steered in each file."""
FILES = {
    "a.py": "import os\n\n\ndef f(x):\n    <FILL_ME>\n    return [x, {'a': (1)}]\n",
    "b.c": "int f(int x)\r\n{\r\n    return <FILL_ME>; /* é */\r\n}\r\n",
    "c.md": "# One\r\ntwo \u2028\x0c\x1b[2J\n\n```python\ndef f():\n    pass\n```\n" + "word " * 40 + "\n\r\n漢字\tx",
}
MOVES = ["up", "down", "left", "right", "home", "end", "pageup", "pagedown", "ctrl+home", "ctrl+end", "ctrl+left"]
EDITS = [
    "enter",
    "enter",
    "backspace",
    "backspace",
    "delete",
    "ctrl+backspace",
    "ctrl+delete",
    "ctrl+u",
    "ctrl+shift+k",
]
LETTERS = [*"abdefklqrsuxy01(){}[]:'\"#*\\+?^$ ", "é", "漢", "😀"]
OPENING = {"ctrl+n", "ctrl+o", "ctrl+s", "alt+s", "ctrl+w", "ctrl+q", "ctrl+l", "ctrl+t", "ctrl+p", "f1", "f4", "alt+g"}
COMMAND_KEYS = [key for command in COMMANDS for key in command.keys]
STEERING = ["accept_word", "accept_line", "infill", "branch", "pin", "later", "earlier", "next", "less", "more", "wait"]
STEERING += ["show_replaced", "step", "decide", "type", "back"]
NASTY = ["a\r\nb", "\x1b[2J\x07", "\t\t\n\n  ", "'''", "<FILL_ME>", "\u2028\x85", "x" * 300, "\r", ""]


def any_key(draw: random.Random) -> str:
    """A key: mostly what edits and moves, often a command, sometimes a way out of whatever is open."""
    kinds: list[tuple[list[str], int]] = [
        (LETTERS, 30), (MOVES, 14), ([f"shift+{move}" for move in MOVES], 8), (EDITS, 14), (COMMAND_KEYS, 30),
        (["escape"], 8), (["tab", "shift+tab"], 4), ([f"alt+{letter}" for letter in "abcdefghijklmnoprstuvwz"], 4),
        (["ctrl+g", "f9", "alt+w", "alt+l"], 6), (["super+z", "super+x", "super+v"], 1),
    ]  # fmt: skip
    return draw.choice(draw.choices([keys for keys, _ in kinds], [weight for _, weight in kinds])[0])


def some_answer(draw: random.Random) -> str:
    return "".join(draw.choices(["x", " + y", "\n    ", "f(", ")", "漢", "", "  "], k=draw.randrange(6)))


def stand_in(draw: random.Random) -> Any:
    """What the engine is called as; it answers every gap with a few passes of any text."""

    def spans(text: str) -> list[FrameSpan]:
        return [FrameSpan(text, draw.choice(list(SlotState)), draw.random())] if text else []

    def fill_gaps(before: str, parts: tuple[str | Gap, ...], *_: object) -> Iterator[tuple[int, Frame]]:
        if draw.random() < 0.03:
            raise DgeditError("the model does not want to", "press again")
        for number, part in enumerate(parts):
            if isinstance(part, str):
                continue
            for count in range(draw.randrange(5)):
                time.sleep(draw.choice([0, 0, 0.01]))
                yield number, a_frame(count, *spans(some_answer(draw)))
            texts = [some_answer(draw) for _ in range(draw.randrange(1, 4))]
            yield number, a_frame(9, *spans(texts[0]), result=a_result(*texts))

    return fill_gaps


class Watch:
    """What must hold whatever keys are pressed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.on_disk = {path: path.read_bytes() for path in folder.iterdir()}
        self.opened = dict[CodeArea, str]()
        self._real_write = disk.write_atomically
        monkeypatch.setattr(disk, "write_atomically", self.write)
        real_open = CodeArea.open_text

        def open_text(area: CodeArea, text: str, path: Path | None, language: str) -> None:
            self.opened[area] = text
            real_open(area, text, path, language)

        monkeypatch.setattr(CodeArea, "open_text", open_text)

    def write(self, path: Path, raw: bytes, **rest: Any) -> Stamp:
        """Saving goes through here; nothing is written outside the test's folder."""
        if path.suffix in (".journal", ".discarded"):
            return self._real_write(path, raw, **rest)
        if path.parent.resolve() != self.folder:
            raise DgeditError(f"cannot save {path}: not in this test", "save elsewhere")
        stamp = self._real_write(path, raw, **rest)
        self.on_disk[path.resolve()] = raw
        return stamp

    def check_files(self) -> None:
        found = {path: path.read_bytes() for path in self.folder.iterdir()}
        assert found == self.on_disk

    def check_text(self, area: CodeArea) -> None:
        document = area.document
        assert document.newline.join(document.lines) == area.text
        assert area.preview is None
        # A text that is not on the screen keeps the width that it had there.
        width = area.wrap_width if area.is_on_screen else area.wrapped_document._width
        fresh = WrappedDocument(document, width, area.indent_width)
        assert list(area.wrapped_document._wrap_offsets) == fresh._wrap_offsets
        assert list(area.wrapped_document._offset_to_line_info) == fresh._offset_to_line_info
        for row, column in area.selection:
            assert 0 <= row < document.line_count
            assert 0 <= column <= len(document[row])

    def check_history(self, area: CodeArea) -> None:
        """Undoing everything gives the text as it was opened, and doing it again what it is now."""
        now = area.text
        steps = len(area.history.undo_stack)
        while area.history.undo_stack:
            area.undo()
        assert area.text == self.opened[area]
        for _ in range(steps):
            area.redo()
        assert area.text == now


async def out_of_everything(host: Host) -> None:
    """Escape closes whatever is open; an answer waits in its own tab."""
    for _ in range(8):
        area = host.app.infills.area if host.app.infills.review is not None else None
        if len(host.app.screen_stack) == 1 and area is not None and area is not host.area:
            host.app.files.show([tab.area for tab in host.app.files.tabs].index(area))
            await host.settle()
        await host.press("escape")
        if len(host.app.screen_stack) == 1 and host.app.infills.review is None and not host.app.find_bar.is_open:
            return
    raise AssertionError(f"Escape leads nowhere: {host.app.screen_stack}, {host.status}")


async def burst(host: Host, draw: random.Random) -> None:
    """Keys that come all at once, drawn when they are through."""
    tabs = len(host.app.files.tabs)
    patient = host.app.screen.is_modal or draw.random() < 0.15
    with host.app.batch_update():
        for key in (any_key(draw) for _ in range(BURST)):
            if (key == "ctrl+w" and tabs < 2) or (key == "ctrl+n" and tabs >= TABS_MAX):
                continue
            tabs -= key == "ctrl+w"
            if patient:
                host.send(key)
            elif key not in OPENING:
                # Past the queue that gives every key its turn: keys may now change places, and must do no harm even so.
                await host.app.typed._handle(key_event(key))
        if draw.random() < 0.1:
            host.app.post_message(Paste(draw.choice(NASTY)))
        await host.settle()
    await host.settle()
    if draw.random() < 0.02:
        await host.pilot.resize_terminal(draw.choice([40, 80, 133]), draw.choice([8, 24]))


@pytest.mark.parametrize("part", range(4))
async def test_random_keys(
    tmp_path: Path, nano: Engine, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config, part: int
) -> None:
    draw = random.Random(part + 4 * pytestconfig.getoption("--keys-seed"))
    folder = tmp_path.resolve()
    for name, text in FILES.items():
        (folder / name).write_bytes(text.encode())
    monkeypatch.chdir(folder)
    # No tool of a desktop's clipboard is called.
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("dgedit.tui.infill.thread.fill_gaps", stand_in(draw))
    keys = pytestconfig.getoption("--keys") // 4
    watch = Watch(folder, monkeypatch)
    closing = Config(editor=replace(QUIET.editor, close_brackets=True))
    files = [folder / name for name in FILES]
    async with editor(*files, model=nano, options=FillOptions(), size=(80, 12), config=closing) as host:
        monkeypatch.setattr(host.app, "leave", lambda code: None)
        for pressed in range(0, keys, BURST):
            await burst(host, draw)
            if pressed % CHECK_EVERY == 0:
                await out_of_everything(host)
                watch.check_files()
                for tab in host.app.files.tabs:
                    watch.check_text(tab.area)
                    watch.check_history(tab.area)
                    if len(tab.area.text) > LENGTH_MAX:
                        # Random keys double a text now and then.
                        tab.area.open_text(FILES["a.py"], tab.buffer.path, tab.area.syntax_name)
                await host.settle()


async def steer(host: Host, draw: random.Random) -> None:
    """One random thing that a person does to an open infill."""
    infills, area = host.app.infills, host.area
    way = draw.choice(STEERING)
    if way == "wait" or infills.running:
        await host.pilot.pause(draw.choice([0, 0.002, 0.01]))
    elif way in ("later", "earlier"):
        infills.scrub(1 if way == "later" else -1)
    elif way == "next":
        infills.cycle(draw.choice([-1, 1]))
    elif way == "decide":
        infills.decide(draw.random() < 0.5)
    elif way == "type":
        infills.type_through(host.review.text[host.review.accepted :][:1])
    elif way == "back":
        infills.type_back()
    elif way in ("less", "more"):
        infills.change_strength(1 if way == "more" else -1)
    else:
        if way == "pin":
            area.selection = Selection(some_place(area, draw), some_place(area, draw))
        getattr(infills, way)()


def some_place(area: CodeArea, draw: random.Random) -> Location:
    row = draw.randrange(area.document.line_count)
    return row, draw.randrange(len(area.document[row]) + 1)


@pytest.mark.parametrize("name", FILES)
async def test_random_steering_harms_nothing_around_the_infill(
    tmp_path: Path, nano: Engine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    draw = random.Random(name)
    path = tmp_path / name
    path.write_bytes(FILES[name].replace("pass", "<FILL_ME>").encode())
    monkeypatch.setattr("dgedit.tui.infill.thread.fill_gaps", stand_in(draw))
    async with editor(path, model=nano, size=(80, 12)) as host:
        area, infills = host.area, host.app.infills
        before = area.text
        for _ in range(STEERED):
            area.selection = Selection(some_place(area, draw), some_place(area, draw))
            selection = area.selection
            every = draw.random() < 0.3
            (infills.fill_all if every else infills.infill)()
            preview = area.preview
            assert preview is not None
            start = area.offset_of(preview.start)
            left, right = before[:start], before[start + len(preview.original) :]
            for _ in range(draw.randrange(8)):
                if infills.review is not None:
                    await steer(host, draw)
                    assert area.text.startswith(left)
                    assert area.text.endswith(right)
            review = infills.review
            accepted = review is not None and (review.accepted or True in review.decided.values())
            if infills.review is not None and draw.random() < 0.6:
                infills.cancel()
                assert accepted or (area.text, area.selection) == (before, selection)
            else:
                await host.answered()
                for _ in range(9):
                    # An earlier pass is not accepted; the answer is.
                    infills.scrub(1)
                infills.accept()
            assert area.preview is None
            assert area.text.startswith(left)
            assert area.text.endswith(right)
            between = preview.original.split(MARKER) if every else [""]
            assert re.search(".*".join(map(re.escape, between)), area.text[start:], re.DOTALL)
            assert len(area.history.undo_stack) == (area.text != before)
            area.undo()
            assert area.text == before
            area.history.clear()
    assert path.read_bytes() == before.encode()

"""The editor driven by keys: text, files, and an infill that is watched, accepted, cancelled and undone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from dgedit.engine.models.base import Denoiser
from dgedit.engine.types import Frame
from dgedit.errors import DgeditError
from dgedit.fill import FillOptions
from dgedit.tui import job
from dgedit.tui.app import DgeditApp, run

SOURCE = "def total(values):\n    result = 0\n    for value in values:\n        <FILL_ME>\n    return result\n"


@asynccontextmanager
async def editor(path: Path, nano: Denoiser | None = None, seed: int = 0) -> AsyncIterator[Pilot[int]]:
    app = DgeditApp(path, options=FillOptions(seed=seed, passes=6), warm_up=False)
    app.jobs.model = nano
    async with app.run_test(size=(90, 24)) as pilot:
        await pilot.pause()
        yield pilot


def app_of(pilot: Pilot[int]) -> DgeditApp:
    assert isinstance(pilot.app, DgeditApp)
    return pilot.app


def status(pilot: Pilot[int]) -> str:
    return str(pilot.app.query_one("#status", Static).render())


async def until_finished(pilot: Pilot[int]) -> None:
    app = app_of(pilot)
    for _ in range(600):
        await pilot.pause(0.02)
        if app.finished_text is not None or app.area.preview is None:
            return
    raise AssertionError("the infill did not finish")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_bytes(SOURCE.encode())
    return file


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["a"], "a" + SOURCE),
        (["a", "ctrl+z"], SOURCE),
        (["a", "ctrl+z", "ctrl+y"], "a" + SOURCE),
        (["tab"], "    " + SOURCE),
        (["end", "enter", "x"], SOURCE.replace("values):\n", "values):\n    x\n", 1)),
        (["down", "end", "enter", "y"], SOURCE.replace("= 0\n", "= 0\n    y\n")),
        (["escape", "b"], "b" + SOURCE),
    ],
)
async def test_keys_edit_and_save_writes_exactly_that(path: Path, keys: list[str], expected: str) -> None:
    async with editor(path) as pilot:
        await pilot.press(*keys)
        assert app_of(pilot).area.text == expected
        await pilot.press("ctrl+s")
        assert path.read_bytes() == expected.encode()
        assert "saved" in status(pilot)


@pytest.mark.parametrize(
    "raw", [b"", b"a\r\nb\r\n", b"a\r\nb\nc\r", "\ufeffx = 1\n".encode(), "s = '\u2028\f\x85'\n".encode(), b"no end"]
)
async def test_open_and_save_is_byte_identical(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(raw)
    async with editor(path) as pilot:
        await pilot.press("a", "backspace", "ctrl+s")
        assert path.read_bytes() == raw
        assert app_of(pilot).area.text.encode() == raw.removeprefix("\ufeff".encode())


async def test_a_new_file_is_made_at_the_first_save(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    async with editor(path) as pilot:
        assert not path.exists()
        await pilot.press("x", "ctrl+s")
    assert path.read_bytes() == b"x"


async def test_a_failed_save_is_said_and_nothing_is_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with editor(path) as pilot:
        await pilot.press("a")

        def refuse(_path: Path, _raw: bytes) -> None:
            raise DgeditError("cannot save: disk full", "save elsewhere")

        monkeypatch.setattr("dgedit.files.write_atomically", refuse)
        await pilot.press("ctrl+s")
        assert "disk full" in status(pilot)
        assert app_of(pilot).area.text == "a" + SOURCE
        assert "*" in status(pilot)


async def test_unsaved_work_is_guarded(path: Path) -> None:
    async with editor(path) as pilot:
        await pilot.press("a", "ctrl+q")
        assert "unsaved changes" in status(pilot)
        assert pilot.app.is_running
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert pilot.app.return_value == 0


async def test_a_file_changed_outside_is_not_overwritten_unasked(path: Path) -> None:
    async with editor(path) as pilot:
        await pilot.press("a")
        path.write_bytes(b"theirs\n")
        await pilot.press("ctrl+s")
        assert path.read_bytes() == b"theirs\n"
        assert "changed on disk" in status(pilot)
        await pilot.press("ctrl+s")
        assert path.read_bytes() == ("a" + SOURCE).encode()


async def test_an_infill_is_watched_and_accepted_as_one_undo_step(path: Path, nano: Denoiser) -> None:
    async with editor(path, nano) as pilot:
        app = app_of(pilot)
        await pilot.press("f8")
        assert app.area.selected_text == "<FILL_ME>"
        await pilot.press("ctrl+g")
        assert app.area.preview is not None
        await until_finished(pilot)
        shown, answer = app.area.text, app.finished_text
        assert answer is not None
        assert shown == SOURCE.replace("<FILL_ME>", answer)
        for part in ("pass ", "ms/pass", "tok/s", "ctx ", "nano", "cpu"):
            assert part in status(pilot)
        await pilot.press("tab")
        assert app.area.preview is None
        assert app.area.text == shown
        await pilot.press("ctrl+z")
        assert app.area.text == SOURCE
        assert app.area.selected_text == "<FILL_ME>"
        await pilot.press("ctrl+y")
        assert app.area.text == shown
        await pilot.press("ctrl+s")
        assert path.read_bytes() == shown.encode()


@pytest.mark.parametrize("pauses", [0, 1, 3, 200])
async def test_cancel_restores_the_bytes_whenever_it_comes(path: Path, nano: Denoiser, pauses: int) -> None:
    async with editor(path, nano, seed=2) as pilot:
        app = app_of(pilot)
        await pilot.press("f8", "ctrl+g")
        for _ in range(pauses):
            await pilot.pause(0.01)
        before = len(app.area.history.undo_stack)
        await pilot.press("escape")
        assert app.area.text == SOURCE
        assert app.area.selected_text == "<FILL_ME>"
        await pilot.pause(0.3)
        assert app.area.text == SOURCE, "a cancelled run wrote after its end"
        assert len(app.area.history.undo_stack) == before
        assert not app.area.read_only
        await pilot.press("backspace")
        assert app.area.text == SOURCE.replace("<FILL_ME>", "")


async def test_the_text_is_locked_and_undo_waits_while_denoising(path: Path, nano: Denoiser) -> None:
    async with editor(path, nano) as pilot:
        app = app_of(pilot)
        await pilot.press("x", "f8", "ctrl+g")
        await until_finished(pilot)
        shown = app.area.text
        await pilot.press("q", "ctrl+z", "delete", "enter", "ctrl+x")
        assert app.area.text == shown
        await pilot.press("ctrl+s")
        assert path.read_bytes() == SOURCE.encode()
        assert "accept or cancel" in status(pilot)
        await pilot.press("escape")
        assert app.area.text == "x" + SOURCE


async def test_another_press_tries_another_seed(path: Path, nano: Denoiser) -> None:
    async with editor(path, nano) as pilot:
        app = app_of(pilot)
        await pilot.press("f8", "ctrl+g")
        await until_finished(pilot)
        seen = {app.finished_text}
        for _ in range(4):
            await pilot.press("ctrl+g")
            await until_finished(pilot)
            seen.add(app.finished_text)
        assert len(seen) > 1
        await pilot.press("escape")
        assert app.area.text == SOURCE


HOLES = [
    # cursor without selection: the marker on its line
    (SOURCE, ((3, 2), (3, 2)), "<FILL_ME>"),
    # an empty place
    ("def f():\n    \n", ((1, 4), (1, 4)), ""),
    # white space behind the cursor goes with it
    ("def f():\n        \n", ((1, 4), (1, 4)), "    "),
    # whole lines: neither the first one's indentation nor the last line break
    ("def f():\n    x = 1\n    y = 2\nz\n", ((1, 0), (3, 0)), "x = 1\n    y = 2"),
    # inside a line
    ("call(argument)\n", ((0, 5), (0, 13)), "argument"),
]


@pytest.mark.parametrize(("text", "selection", "span"), HOLES)
async def test_what_a_key_press_will_fill(
    tmp_path: Path, text: str, selection: tuple[tuple[int, int], tuple[int, int]], span: str
) -> None:
    path = tmp_path / "x.py"
    path.write_text(text)
    async with editor(path) as pilot:
        area = app_of(pilot).area
        area.move_cursor(selection[0])
        area.move_cursor(selection[1], select=True)
        start, end = app_of(pilot)._find_hole()
        assert area.get_text_range(start, end) == span


async def test_crlf_survives_an_infill(tmp_path: Path, nano: Denoiser) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    async with editor(path, nano) as pilot:
        await pilot.press("f8", "ctrl+g")
        await until_finished(pilot)
        await pilot.press("tab", "ctrl+s")
    raw = path.read_bytes()
    assert b"<FILL_ME>" not in raw
    assert raw.count(b"\n") == raw.count(b"\r\n")


async def test_an_engine_error_is_said_and_the_text_comes_back(path: Path) -> None:
    app = DgeditApp(path, model="no-such-model", warm_up=False)
    async with app.run_test(size=(120, 24)) as pilot:
        await pilot.press("f8", "ctrl+g")
        for _ in range(300):
            await pilot.pause(0.02)
            if app.area.preview is None:
                break
        assert "unknown model" in status(pilot)
        assert app.area.text == SOURCE


async def test_a_defect_in_the_engine_is_said_too(path: Path, nano: Denoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_request: object, _model: object) -> Iterator[Frame]:
        raise RuntimeError("boom")
        yield

    monkeypatch.setattr(job, "frames", broken)
    async with editor(path, nano) as pilot:
        app = app_of(pilot)
        await pilot.press("f8", "ctrl+g")
        for _ in range(100):
            await pilot.pause(0.02)
            if app.area.preview is None:
                break
        assert "boom" in status(pilot)
        assert app.area.text == SOURCE


async def test_a_span_that_is_too_long_is_said(tmp_path: Path, nano: Denoiser) -> None:
    path = tmp_path / "x.py"
    path.write_text("value = compute(argument)\n" * 60)
    async with editor(path, nano) as pilot:
        await pilot.press("f7", "ctrl+g")
        for _ in range(100):
            await pilot.pause(0.02)
            if app_of(pilot).area.preview is None:
                break
        assert "choose fewer lines" in status(pilot)


async def test_the_span_is_coloured_and_the_rest_is_not(path: Path, nano: Denoiser) -> None:
    async with editor(path, nano) as pilot:
        app = app_of(pilot)
        await pilot.press("f8", "ctrl+g")
        await until_finished(pilot)
        background = app._palette.colours["denoise"]["background"]

        def painted(row: int) -> str:
            strip = app.area.render_line(row)
            return "".join(
                text
                for text, style, _ in strip
                if style and style.bgcolor and style.bgcolor.triplet and style.bgcolor.triplet.hex == background
            )

        assert app.finished_text is not None
        assert painted(3).strip() == app.finished_text.split("\n")[0].strip()
        assert painted(1) == ""


async def test_highlighting_covers_what_is_visible_after_a_jump(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("def f(x):\n    return 1\n\n\n" * 500)
    async with editor(path) as pilot:
        area = app_of(pilot).area
        area.move_cursor((1996, 0), center=True)
        await pilot.pause()
        await pilot.pause()
        assert any(name.startswith("keyword") for _, _, name in area._highlights[1996])


def test_a_file_that_cannot_be_opened_is_refused_before_the_screen(tmp_path: Path) -> None:
    binary = tmp_path / "x.bin"
    binary.write_bytes(b"\0\1")
    with pytest.raises(DgeditError, match="binary"):
        DgeditApp(binary)
    with pytest.raises(DgeditError, match="does not exist"):
        DgeditApp(tmp_path / "no" / "x.py")
    with pytest.raises(DgeditError, match="no file to edit"):
        run(None, model="nano", seed=0, passes=6)


def test_a_terminal_that_is_too_small_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "5")
    with pytest.raises(DgeditError, match="20x5") as caught:
        run(str(path), model="nano", seed=0, passes=6)
    assert "40x8" in caught.value.hint

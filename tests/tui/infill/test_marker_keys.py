"""The keys of holes in the editor find every form of a marker."""

from __future__ import annotations

from pathlib import Path

from dgedit.engine import Engine

from ...support.editor_host import editor

BLOCK = "    # dgedit: begin\n    return left\n    # dgedit: end"
SOURCE = f"def f(left, right):\n    # dgedit: fill lines=1\n    print(<FILL_ME>)\n{BLOCK}\n\n\nx = 1\n"


async def test_the_next_hole_is_a_marker_of_any_form(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    path.write_text(SOURCE)
    async with editor(path, model=nano) as host:
        for selected in ("# dgedit: fill lines=1", "<FILL_ME>", BLOCK.strip(), "# dgedit: fill lines=1"):
            await host.press("f8")
            assert host.area.selected_text == selected


async def test_all_holes_are_filled_and_undone_in_one_step(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    async with editor(path, model=nano) as host:
        await host.press("f9")
        await host.answered()
        await host.press("tab")
        assert "dgedit:" not in host.text
        assert "<FILL_ME>" not in host.text
        assert host.text.startswith("def f(left, right):\r\n    ")
        assert host.text.endswith("\r\n\r\n\r\nx = 1\r\n")
        await host.press("ctrl+z", "ctrl+s")
        assert path.read_bytes() == SOURCE.replace("\n", "\r\n").encode()


async def test_a_marker_under_the_cursor_is_replaced_and_a_cancel_brings_it_back(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    path.write_text(SOURCE)
    async with editor(path, model=nano) as host:
        await host.select((1, 6), (1, 6))
        await host.press("ctrl+g")
        assert host.area.preview is not None
        assert host.area.preview.original == "# dgedit: fill lines=1"
        await host.press("escape")
        assert host.text == SOURCE


async def test_a_block_that_is_not_closed_is_said(tmp_path: Path, nano: Engine) -> None:
    path = tmp_path / "x.py"
    path.write_text("x = 1\n# dgedit: begin\n")
    async with editor(path, model=nano) as host:
        for key in ("f8", "f9"):
            await host.press(key)
            assert "line 2: dgedit: begin without an end" in host.status
        assert host.text == "x = 1\n# dgedit: begin\n"

"""Typing brackets and quotes in the editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.config import Config, Editor

from ...support.editor_host import QUIET, editor

CLOSING = Config(editor=Editor(watch=False))
TYPED = {
    "a call": ("", [*"f(x)"], "f(x)"),
    "nested": ("", [*"f([1])"], "f([1])"),
    "left open": ("", [*"f(x"], "f(x)"),
    "a string": ("", [*'x = "a"'], 'x = "a"'),
    "an empty string, then a triple one": ("", [*'""'], '""'),
    "an apostrophe": ("", [*"# don't"], "# don't"),
    "deleted again": ("", ["(", "[", "backspace", "backspace"], ""),
    "before a word": ("word", ["home", "("], "(word"),
    "a partner that did not come by itself is not typed over": (")", ["home", ")"], "))"),
    "not in a row that was left": ("", ["(", "enter", "up", "end", ")"], "()\n    \n)"),
    "a block": ("", [*"x = [", "enter", *"1,"], "x = [\n    1,\n]"),
    "a closing bracket goes back under its line": ("x = [\n    1,\n    ", ["ctrl+end", "]"], "x = [\n    1,\n]"),
    "around what is selected": ("word", ["home", "shift+end", "("], "(word)"),
}


@pytest.mark.parametrize("name", TYPED)
async def test_what_is_typed_is_what_is_meant(tmp_path: Path, name: str) -> None:
    before, keys, after = TYPED[name]
    path = tmp_path / "x.py"
    path.write_text(before)
    async with editor(path, config=CLOSING) as host:
        await host.press(*keys)
        assert host.text == after
        while host.area.history.undo_stack:
            await host.press("ctrl+z")
        assert host.text == before


async def test_it_is_a_setting(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("")
    assert CLOSING.editor.close_brackets
    async with editor(path, config=QUIET) as host:
        await host.write('f(["')
        assert host.text == 'f(["'

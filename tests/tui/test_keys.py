"""What keys and the mouse do to the text: (text, selection, keys) gives (text, selection).

In several languages and with both line endings; a selection is marked in the text itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dgedit.config import Config, Editor
from dgedit.text.controls import without_unseen
from dgedit.text.edits import Indent
from dgedit.tui.commands import COMMANDS
from dgedit.tui.dialogs import Ask, HelpScreen, Pick

from ..support.editor_host import Host, Location, editor

PYTHON = "def f(x):\n    return x\n"
C = "int f(int x)\n{\n    return x;\n}\n"


@dataclass(frozen=True, slots=True)
class Case:
    """`|` stands for the cursor in a text, `^` for the anchor where it is elsewhere."""

    before: str
    keys: str
    """Names of keys between spaces."""
    after: str


def marked(text: str) -> tuple[str, tuple[Location, Location]]:
    """A text without its marks, and its selection."""
    places = dict[str, Location]()
    bare = text.replace("|", "").replace("^", "")
    row = column = 0
    for sign in text:
        if sign in "|^":
            places[sign] = row, column
        elif sign == "\n":
            row, column = row + 1, 0
        else:
            column += 1
    return bare, (places.get("^", places["|"]), places["|"])


def shown(host: Host) -> str:
    """The text of an editor with the marks of its selection, line feeds for its line breaks."""
    rows = [*host.area.document.lines]
    anchor, cursor = host.selection
    marks = [(cursor, "|")] if anchor == cursor else sorted([(anchor, "^"), (cursor, "|")], reverse=True)
    for (row, column), sign in marks:
        rows[row] = rows[row][:column] + sign + rows[row][column:]
    return "\n".join(rows)


EVERYWHERE = {
    "typing": Case("a|c\n", "b", "ab|c\n"),
    "typing over a selection": Case("a^bc|d\n", "x", "ax|d\n"),
    "typing over a selection made backwards": Case("a|b\nc^d\n", "x", "ax|d\n"),
    "a character of several bytes": Case("|\n", "漢", "漢|\n"),
    "backspace": Case("ab|\n", "backspace", "a|\n"),
    "backspace at the start of a line": Case("a\n|b\n", "backspace", "a|b\n"),
    "backspace at the start of the text": Case("|a\n", "backspace", "|a\n"),
    "backspace over indentation": Case("        |x\n", "backspace", "    |x\n"),
    "backspace over part of a level": Case("      |x\n", "backspace", "    |x\n"),
    "backspace over a tab": Case("\t\t|x\n", "backspace", "\t|x\n"),
    "backspace behind code": Case("x    |\n", "backspace", "x   |\n"),
    "delete": Case("a|bc\n", "delete", "a|c\n"),
    "delete at the end of a line": Case("a|\nb\n", "delete", "a|b\n"),
    "delete at the end of the text": Case("a\n|", "delete", "a\n|"),
    "delete the word before": Case("one two|\n", "ctrl+backspace", "one |\n"),
    "delete the word behind": Case("one| two\n", "ctrl+delete", "one|\n"),
    "Enter keeps the indentation": Case("    a|\n", "enter", "    a\n    |\n"),
    "Enter in a line": Case("    a|b\n", "enter", "    a\n    |b\n"),
    "Enter in a line takes the blanks behind it": Case("    a|  b\n", "enter", "    a\n    |b\n"),
    "Enter on blanks leaves the line empty": Case("    |\n", "enter", "\n    |\n"),
    "Enter over a selection": Case("  a^b\nc|d\n", "enter", "  a\n  |d\n"),
    "Enter between brackets": Case("f(|)\n", "enter", "f(\n    |\n)\n"),
    "Enter between brackets further in": Case("  x = [ | ]\n", "enter", "  x = [ \n      |\n  ]\n"),
    "Enter twice, then back": Case("    a|\n", "enter enter backspace x", "    a\n\n x|\n".replace(" x", "x")),
    "Tab to the next stop": Case("ab|c\n", "tab", "ab  |c\n"),
    "Tab at a stop": Case("|a\n", "tab", "    |a\n"),
    "Tab replaces a selection in one line": Case("a^bc|d\n", "tab", "a   |d\n"),
    "Tab indents selected lines": Case("^a\n\n  b\n|c\n", "tab", "^    a\n\n      b\n|c\n"),
    "Tab on lines selected upwards": Case("|a\nb^\n", "tab", "|    a\n    b^\n"),
    "Shift+Tab dedents the line": Case("      a|b\n", "shift+tab", "  a|b\n"),
    "Shift+Tab dedents selected lines": Case("^    a\n  b\nc|\n", "shift+tab", "^a\nb\nc|\n"),
    "Shift+Tab takes a tab": Case("\ta|\n", "shift+tab", "a|\n"),
    "Shift+Tab where nothing is": Case("a|\n", "shift+tab", "a|\n"),
    "duplicate": Case("a|b\nc\n", "alt+c", "ab\na|b\nc\n"),
    "duplicate the last line": Case("a|", "alt+c", "a\na|"),
    "duplicate selected lines": Case("^a\nb|\nc\n", "alt+c", "a\nb\n^a\nb|\nc\n"),
    "delete a line": Case("a\nb|b\nc\n", "ctrl+k", "a\nc|\n"),
    "delete the last line": Case("a\nbb|", "ctrl+k", "a|"),
    "delete the only line": Case("ab|", "ctrl+k", "|"),
    "delete selected lines": Case("a\n^b\nc|\nd\n", "ctrl+k", "a\nd|\n"),
    "move a line up": Case("a\nb|\nc\n", "alt+up", "b|\na\nc\n"),
    "move a line up at the top": Case("a|\nb\n", "alt+up", "a|\nb\n"),
    "move lines down": Case("^a\nb|\nc\n", "alt+down", "c\n^a\nb|\n"),
    "move a line down to the end": Case("a|\nb", "alt+down", "b\na|"),
    "move a line down at the bottom": Case("a\nb|\n", "alt+down", "a\nb|\n"),
    "undo a move": Case("a\nb|\n", "alt+up ctrl+z", "a\nb|\n"),
    "undo and redo typing": Case("|\n", "a b ctrl+z ctrl+y", "ab|\n"),
    "typing after an undo is a step of its own": Case("|\n", "enter a ctrl+z b ctrl+z", "\n|\n"),
    "select everything": Case("a\n|b\n", "ctrl+a", "^a\nb\n|"),
    "Home": Case("    a|b\n", "home", "    |ab\n"),
    "End": Case("a|b\n", "end", "ab|\n"),
    "Ctrl+Home": Case("a\nb|\n", "ctrl+home", "|a\nb\n"),
    "Ctrl+End": Case("|a\nb", "ctrl+end", "a\nb|"),
    "Ctrl+Shift+Home": Case("a\nb|\n", "ctrl+shift+home", "|a\nb^\n"),
    "Ctrl+Shift+End": Case("a|\nb\n", "ctrl+shift+end", "a^\nb\n|"),
    "Shift+PgDn": Case("|a\nb\nc", "shift+pagedown", "^a\nb\n|c"),
    "Shift+PgUp": Case("a\nb\nc|", "shift+pageup", "a|\nb\nc^"),
    "select by Shift and arrows": Case("a|bc\n", "shift+right shift+right", "a^bc|\n"),
    "Escape drops the selection": Case("a^bc|d\n", "escape", "abc|d\n"),
    "Escape, then typing": Case("|a\n", "escape x", "x|a\n"),
    "go to a matching bracket": Case("f|(a[1])\n", "ctrl+right_square_bracket", "f(a[1]|)\n"),
    "go back from behind the bracket": Case("f(a[1])|\n", "alt+m", "f|(a[1])\n"),
    "a bracket without a partner": Case("f(|a\n", "alt+m", "f(|a\n"),
    "copy and paste a selection": Case("^ab|c\n", "ctrl+c end ctrl+v", "abcab|\n"),
    "cut and paste a line": Case("a|\nb\n", "ctrl+x down ctrl+v", "b\na\n|"),
    "copy a line without a selection": Case("a|b\nc\n", "ctrl+c down home ctrl+v", "ab\nab\n|c\n"),
    "cut a selection": Case("a^bc|d\n", "ctrl+x", "a|d\n"),
    "Alt with a letter types nothing": Case("a|\n", "alt+q alt+y", "a|\n"),
}  # fmt: skip
IN_PYTHON = {
    "Enter after a colon": Case("def f():|\n", "enter", "def f():\n    |\n"),
    "Enter after a colon in a comment": Case("x = 1  # so:|\n", "enter", "x = 1  # so:\n|\n"),
    "comment a line": Case("    a|b\n", "ctrl+underscore", "    # a|b\n"),
    "comment under the other name of the key": Case("    a|b\n", "ctrl+slash", "    # a|b\n"),
    "uncomment a line": Case("    # a|b\n", "ctrl+underscore", "    a|b\n"),
    "comment lines at their least indentation": Case("^if a:\n\n    b|\n", "ctrl+underscore", "^# if a:\n\n#     b|\n"),
    "uncomment lines": Case("^# a\n#b|\n", "ctrl+underscore", "^a\nb|\n"),
    "one line not commented": Case("^# a\nb|\n", "ctrl+underscore", "^# # a\n# b|\n"),
    "grow and shrink": Case("f(a, b|b)\n", "alt+o alt+o alt+i", "f(a, ^bb|)\n"),
    "grow to the statement": Case("x = f(a|a)\n", "alt+o alt+o alt+o alt+o", "^x = f(aa)|\n"),
    "shrink where nothing grew": Case("f(^aa|)\n", "alt+i", "f(aa|)\n"),
}
IN_C = {
    "Enter after a brace": Case("int f() {|\n", "enter", "int f() {\n    |\n"),
    "Enter between braces": Case("int f() {|}\n", "enter", "int f() {\n    |\n}\n"),
    "comment a line": Case("    a|b;\n", "ctrl+underscore", "    // a|b;\n"),
    "uncomment lines": Case("^    // a;\n    //b;|\n", "ctrl+underscore", "^    a;\n    b;|\n"),
    "grow and shrink": Case("int x = f(a|a);\n", "alt+o alt+o alt+o alt+i alt+i", "int x = f(^aa|);\n"),
}
IN_CSS = {
    "comment with a pair of signs": Case("a|b { }\n", "ctrl+underscore", "/* a|b { } */\n"),
    "uncomment a pair of signs": Case("/* a|b */\n", "ctrl+underscore", "a|b\n"),
}
TABLES = {".py": EVERYWHERE | IN_PYTHON, ".c": EVERYWHERE | IN_C, ".css": IN_CSS}


@pytest.fixture(autouse=True)
def no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clipboard of the person who runs the tests is neither read nor written."""
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("suffix", TABLES)
async def test_keys_change_text_and_selection(tmp_path: Path, suffix: str, ending: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(f"a{ending}".encode())
    found, expected = dict[str, str](), dict[str, str]()
    async with editor(path) as host:
        for name, case in TABLES[suffix].items():
            text, selection = marked(case.before)
            host.area.open_text(text.replace("\n", ending), path, host.area.syntax_name)
            host.area.indent = Indent()
            await host.select(*selection)
            for key in case.keys.split():
                await host.press(key)
                # The clipboard has a thread of its own.
                host.app.edits._desk.submit(lambda: None).result()
                await host.settle()
            found[name], expected[name] = shown(host), case.after
            kept = ending if "\n" in text else "\n"
            assert host.text == kept.join(host.area.document.lines), name
            while host.area.history.undo_stack:
                await host.press("ctrl+z")
            assert host.text == text.replace("\n", ending), f"{name}, undone"
    assert found == expected


async def test_every_command_is_in_the_palette_and_can_be_called(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(PYTHON)
    async with editor(path) as host:
        offered = {command.title for command in host.app.get_system_commands(host.app.screen)}
        assert offered == {command.title for command in COMMANDS if command.id != "command_palette"}
        await host.press("ctrl+p")
        await host.until(lambda: len(host.app.screen_stack) == 2, "the palette")
        await host.write("next theme")
        await host.until(lambda: "Next theme" in "\n".join(host.rows), "the command to be found")
        before = host.app.palette.name
        await host.press("enter")
        await host.no_dialog()
        await host.until(lambda: host.app.palette.name != before, "another theme")
        assert f"theme {host.app.palette.name}" in host.status


async def test_help_shows_the_keys_that_are_set(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(PYTHON)
    config = Config(editor=Editor(watch=False), keys={"find": ("f7",), "go_to_line": ()})
    async with editor(path, config=config, size=(100, 50)) as host:
        await host.press("f1")
        await host.dialog(HelpScreen)
        screen = "\n".join(host.rows)
        assert "F7" in screen
        assert "Ctrl+F " not in screen
        await host.press("f1")
        await host.no_dialog()
        await host.press("ctrl+f")
        assert not host.app.find_bar.is_open
        await host.press("f7")
        assert host.app.find_bar.is_open


async def test_go_to_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("abc\n" * 100)
    async with editor(path) as host:
        for typed, place in (("50", (49, 0)), ("7:3", (6, 2)), ("7:99", (6, 3)), ("101", (100, 0))):
            await host.press("ctrl+l")
            await host.dialog(Ask)
            await host.write(typed)
            await host.press("enter")
            await host.no_dialog()
            assert host.area.cursor_location == place
            assert host.area.shows_row(place[0])
        for typed, said in (("102", "lines 1 to 101"), ("x", "LINE or LINE:COLUMN"), ("0", "lines 1 to 101")):
            await host.press("ctrl+l")
            await host.dialog(Ask)
            await host.write(typed)
            await host.press("enter")
            assert isinstance(host.app.screen, Ask), typed
            assert said in "\n".join(host.rows)
            await host.press("escape")
            await host.no_dialog()
        assert host.area.cursor_location == (100, 0)


async def test_go_to_a_symbol_shows_it_and_escape_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("x = 1\n" * 50 + "class A:\n    def method(self):\n        pass\n\ndef last():\n    pass\n")
    async with editor(path) as host:
        await host.press("ctrl+t")
        await host.dialog(Pick)
        await host.write("meth")
        assert host.area.cursor_location[0] == 51
        await host.press("escape")
        await host.no_dialog()
        assert host.area.cursor_location == (0, 0)
        await host.press("ctrl+t")
        await host.dialog(Pick)
        await host.write("last")
        await host.press("enter")
        await host.no_dialog()
        assert host.area.cursor_location[0] == 54
    path.write_text("nothing\n")
    async with editor(path) as host:
        await host.press("ctrl+t")
        assert "no symbols" in host.status


@pytest.mark.parametrize("opening", ["ctrl+p", "ctrl+o", "ctrl+l", "ctrl+t", "ctrl+r", "f1", "alt+s"])
async def test_keys_that_follow_at_once_are_those_of_the_dialog(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "x.py"
    path.write_text(PYTHON)
    async with editor(path) as host:
        for following in ("down", "tab", "pagedown", "up", "x", "home", "backspace"):
            for key in (opening, following, following):
                host.send(key)
            await host.settle()
            await host.until(lambda: len(host.app.screen_stack) > 1 or host.app.find_bar.is_open, "the dialog")
            while len(host.app.screen_stack) > 1 or host.app.find_bar.is_open:
                await host.press("escape")
            assert host.text == PYTHON, following


@pytest.mark.parametrize("opening", ["ctrl+q", "ctrl+w", "alt+s", "ctrl+o", "ctrl+l", "alt+g"])
async def test_a_key_that_bounces_opens_one_dialog(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "x.py"
    path.write_text(PYTHON)
    async with editor(path) as host:
        await host.press("x")
        for _ in range(3):
            host.send(opening)
        await host.settle()
        await host.until(lambda: len(host.app.screen_stack) > 1, "the dialog")
        assert len(host.app.screen_stack) == 2
        await host.press("escape")
        await host.no_dialog()


async def test_the_mouse_selects_words_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("one_word + two\n漢字 = 'x'\n")
    async with editor(path) as host:
        left = host.area.gutter_width
        for times, row, column, selection in (
            (1, 0, 9, ((0, 9), (0, 9))),
            (2, 0, 3, ((0, 0), (0, 8))),
            (2, 0, 12, ((0, 11), (0, 14))),
            (3, 0, 3, ((0, 0), (0, 14))),
            (2, 1, 3, ((1, 0), (1, 2))),
        ):
            host.app._click_chain_last_time = None
            await host.pilot.click(host.area, offset=(left + column, row), times=times)
            await host.settle()
            assert host.selection == selection, (times, row, column)


async def test_long_lines_are_wrapped_and_scrolled_again(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    text = "word " * 60 + "\nend\n"
    path.write_text(text)
    async with editor(path, size=(60, 20)) as host:
        assert "end" in host.rows[1]
        await host.press("alt+z")
        assert "wrapped" in host.status
        assert "end" not in host.rows[1]
        assert "end" in "\n".join(host.rows)
        await host.press("ctrl+end", "up", "end", "x")
        await host.press("home", "home", "up", "down")
        await host.press("alt+z")
        assert host.text == text.replace("end\n", "endx\n")


async def test_every_theme_is_reached_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(PYTHON)
    async with editor(path, config=Config(editor=Editor(watch=False), keys={"next_theme": ("f4",)})) as host:
        first, seen = host.app.palette.name, list[str]()
        while not seen or seen[-1] != first:
            await host.press("f4")
            seen.append(host.app.palette.name)
            background = host.app.palette.colour("editor.background")
            assert host.area.styles.background.hex.lower() == background.lower() or host.area.theme == seen[-1]
        assert {"dgedit-dark", "dgedit-light", "dgedit-contrast"} <= set(seen)


@pytest.mark.parametrize("pasted", ["a\r\nb\rc", "\x1b[2J\x07", "  x\n    y\n", "'" * 3 + "\u2028\f"])
async def test_a_paste_of_the_terminal_goes_in_without_what_is_not_seen(tmp_path: Path, pasted: str) -> None:
    from textual.events import Paste

    path = tmp_path / "x.py"
    path.write_bytes(b"1\r\n2\r\n")
    async with editor(path) as host:
        await host.select((0, 1), (1, 0))
        host.app.post_message(Paste(pasted))
        await host.settle()
        rows = without_unseen(pasted.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        assert host.text == "1" + "\r\n".join(rows) + "2\r\n"
        await host.press("ctrl+z")
        assert host.text == "1\r\n2\r\n"

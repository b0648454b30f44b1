"""Typing while an infill is open: the answer is taken as far as it is typed, and anything else goes on without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Paste

from ...support.editor_host import QUIET, Host, editor
from ...support.offers import MODEL, Offers, offers

SOURCE = "def f(a, b):\n    x = <FILL_ME>\n    return x\n"
ANSWER = "a + b"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    return file


async def at_an_answer(host: Host) -> None:
    await host.press("f8", "ctrl+g")
    await host.answered()


def filled(text: str) -> str:
    return SOURCE.replace("<FILL_ME>", text)


TYPED = {
    "the whole answer, letter by letter": ([*"a + b"], filled("a + b"), False),
    "a part of it, which stays when it is given up": ([*"a +", "escape"], filled("a +"), False),
    "nothing": (["escape"], SOURCE, False),
    "another letter, in the place of the marker": (["c"], filled("c"), False),
    "a part of it and another letter": ([*"a -"], filled("a -"), False),
    "a part of it, back, and the rest": ([*"a + ", "backspace", "backspace", *"+ b"], filled("a + b"), False),
    "more back than there is": ([*"a", "backspace", "backspace"], SOURCE, False),
    "a word by its key, which Backspace takes back": (["alt+w", "backspace"], filled(ANSWER), True),
    "a part, then all": ([*"a ", "tab"], filled(ANSWER), False),
    "delete": (["delete"], SOURCE, False),
    "a letter where the caret was moved to": (["up", "Z"], SOURCE.replace("a, b", "a,Z b"), False),
    "a letter behind the answer": (
        ["down", "home", "Z"],
        filled("<FILL_ME>").replace("    return", "    Zreturn"),
        False,
    ),
    "a letter inside the answer": (["right", "right", "Z"], filled("Z"), False),
    "an arrow alone": (["left", "right"], filled(ANSWER), True),
}


@pytest.mark.parametrize("name", TYPED)
async def test_what_is_typed_over_an_answer(path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    keys, text, is_open = TYPED[name]
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL) as host:
        await at_an_answer(host)
        await host.press(*keys)
        assert host.text == text
        assert (host.app.infills.review is not None) == is_open
        await host.press("escape")
        while host.area.history.undo_stack:
            await host.press("ctrl+z")
        assert host.text == SOURCE


async def test_the_caret_goes_along_with_what_is_typed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL) as host:
        await at_an_answer(host)
        for column, key in enumerate(ANSWER, 9):
            assert host.text == filled(ANSWER)
            await host.press(key)
            assert host.selection[1] == (1, column)
        assert len(host.area.history.undo_stack) == 1, "an answer that is typed to its end is one step"
        await host.press("ctrl+z")
        assert host.text == SOURCE


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_enter_goes_to_the_next_line_of_the_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    path.write_bytes("def f(a):\n    <FILL_ME>\n".replace("\n", ending).encode())
    offers(monkeypatch, ["if a:\n        return 1"])
    async with editor(path, model=MODEL) as host:
        await at_an_answer(host)
        await host.write("if a:")
        await host.press("enter")
        assert host.selection[1] == (2, 8)
        await host.write("return 2")
        assert host.text == "def f(a):\n    if a:\n        return 2\n".replace("\n", ending)
        assert host.app.infills.review is None


async def test_a_paste_goes_in_without_the_answer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL) as host:
        await at_an_answer(host)
        host.app.post_message(Paste("b\n"))
        await host.settle()
        assert host.text == filled("b\n")


async def test_typing_over_a_rewrite_overwrites_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.py"
    path.write_text("total = sum(numbers)\n")
    offers(monkeypatch, ["len(numbers)"])
    async with editor(path, model=MODEL) as host:
        await host.select((0, 8), (0, 20))
        await host.press("ctrl+g")
        await host.answered()
        await host.press("-")
        assert host.text == "total = -sum(numbers)\n"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Offers:
    made = offers(monkeypatch, [ANSWER])
    made.go_on.clear()
    return made


async def test_keys_while_it_denoises_say_what_happens(path: Path, held: Offers) -> None:
    async with editor(path, model=MODEL) as host:
        await host.press("f8", "ctrl+g")
        await host.until(lambda: host.review.seen, "a pass")
        for key in ("ctrl+g", "tab"):
            host.app.say("")
            await host.press(key)
            assert "still denoising: Tab takes it when it is done, Esc cancels" in host.status
            assert host.app.infills.running
        await host.press("y")
        assert host.text == filled("y")
        held.go_on.set()


async def test_backspace_while_it_denoises_deletes_nothing(path: Path, held: Offers) -> None:
    async with editor(path, model=MODEL) as host:
        await host.press("f8", "ctrl+g", "backspace")
        assert host.text == SOURCE
        held.go_on.set()


@pytest.mark.parametrize("typed", ["", "a +"])
async def test_saving_writes_the_text_without_the_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL) as host:
        await host.press("end", "!", "f8", "ctrl+g")
        await host.answered()
        await host.write(typed)
        await host.press("ctrl+s")
        await host.until(lambda: "saved" in host.status, "the file to be saved")
        assert path.read_text() == filled(typed or "<FILL_ME>").replace("b):", "b):!")
        assert ANSWER in host.text
        assert not host.app.files.tab.dirty
        await host.press("tab", "ctrl+s")
        await host.until(lambda: ANSWER in path.read_text(), "the answer to be saved")


async def test_a_file_that_changed_is_asked_about_without_the_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers(monkeypatch, [ANSWER])
    async with editor(path, model=MODEL, config=QUIET) as host:
        await host.press("!", "f8", "ctrl+g")
        await host.answered()
        path.write_text("theirs = 1\n")
        await host.press("ctrl+s")
        await host.answer("ctrl+r")
        await host.until(lambda: host.text == "theirs = 1\n", "the file to be read again")
        assert host.app.infills.review is None

"""Letters typed in flow while questions come up at random: none is answered, no text and no file is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

from dgedit.tui.dialogs.question import Question

from ..support.editor_host import Host, editor
from .budget import Budget

FEW, ALL = 6, 300
HOLD_S = 2.0
LETTERS = [*"abdefklrsuwy", "space", "enter"]
QUESTIONS = ("ctrl+w", "ctrl+q", "outside", "save", "reload", "none")


def flows(seed: int) -> Iterator[tuple[str, list[str]]]:
    """What brings a question up, and what is typed on."""
    draw = random.Random(seed)
    for _ in range(200):
        for question in QUESTIONS:
            yield question, draw.choices(LETTERS, k=draw.randrange(10, 60))


async def bring_up(host: Host, question: str, path: Path) -> None:
    if question in ("outside", "save"):
        path.write_bytes(b"theirs\n")
    if question == "outside":
        host.app.saves.look_outside()
    elif question == "save":
        host.send("ctrl+s")
    elif question == "reload":
        host.app.saves.reload_asked()
    elif question != "none":
        host.send(question)


async def wrong(path: Path, question: str, typed: list[str]) -> str:
    """What is wrong after a flow of letters; empty where nothing is."""
    path.write_bytes(b"first\n")
    async with editor(path, hold_s=HOLD_S) as host:
        host.send("x")
        half = len(typed) // 2
        for number, key in enumerate(typed):
            if number == half:
                await bring_up(host, question, path)
            host.send(key)
            if number % 5 == 0:
                await asyncio.sleep(0)
        await host.settle()
        await host.until(lambda: not host.app.typed.busy, "the keys to be handled")
        if host.app._exit or len(host.app.files.tabs) != 1:
            return "the file was closed"
        text = host.text
        if not text.startswith("x") or not text.endswith("first\n"):
            return f"the text is {text!r}"
        if path.read_bytes() != (b"theirs\n" if question in ("outside", "save") else b"first\n"):
            return f"the file is {path.read_bytes()!r}"
        if question == "none" and (isinstance(host.app.screen, Question) or len(text) != 7 + len(typed)):
            return f"keys are lost: {text!r}"
    return ""


async def test_no_letter_in_flow_answers_a_question(budget: Budget, tmp_path: Path) -> None:
    path, failures = tmp_path / "x.txt", list[str]()
    for question, typed in budget.cases(flows, few=FEW, all_=ALL):
        said = await wrong(path, question, typed)
        budget.count("keys in flow, dialogs", failed=bool(said))
        failures += [f"{question} in {typed}: {said}"] if said else []
    assert failures == []

"""Texts that a grammar cannot recover in: every slice of their parse keeps to its time and memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from time import thread_time

from dgedit.tui.syntax.base import Edit
from dgedit.tui.syntax.grammars import load
from dgedit.tui.syntax.slices import resident_bytes
from dgedit.tui.syntax.trees import TreeSyntax

from .budget import Budget

FEW, ALL = 8, 300
SLICE_MS, SLICE_CPU_S = 8.0, 0.25
"""What is asked of a slice, and the processor's time that it may take on a machine as slow as any."""
GROWN_BYTES = 60_000_000
COMMENTS = {
    "python": "#",
    "bash": "#",
    "ruby": "#",
    "yaml": "#",
    "c": "//",
    "cpp": "//",
    "javascript": "//",
    "go": "//",
}
BROKEN = ("def f(:\n", "f( {\n", "class (((\n", "'''\n", '"""x\n', "{[(\n", "if x = = 1 {\n", "\\\n<<EOF\n")


@dataclass(frozen=True, slots=True)
class Text:
    """A broken line in the midst of very many comments."""

    language: str
    broken: str
    lines: int
    above: int


def texts(seed: int) -> Iterator[Text]:
    draw = random.Random(seed)
    yield Text("python", "def f(:\n", 20_000, 0)
    for _ in range(300):
        yield Text(
            draw.choice(list(COMMENTS)),
            draw.choice(BROKEN),
            draw.choice((100, 1_000, 5_000, 20_000)),
            draw.randrange(3),
        )


def wrong(case: Text) -> str:
    """What is wrong with how a text is parsed, and then typed in; empty where nothing is."""
    grammar = load(case.language)
    assert grammar is not None
    comment = f"{COMMENTS[case.language]} a line of a comment\n"
    text = comment * case.above + case.broken + comment * case.lines
    lines = text.split("\n")
    syntax, before = TreeSyntax(grammar, text, lines), resident_bytes()
    worst = parsed(syntax)
    for _ in range(3):
        lines[0] += "x"
        syntax.edited(Edit(0, lines[0][:-1], "", "x"))
        worst = max(worst, parsed(syntax))
    grown = resident_bytes() - before
    if worst > SLICE_CPU_S:
        return f"a slice took {worst:.2f} s"
    if grown > GROWN_BYTES + 60 * len(text):
        return f"{grown / 1e6:.0f} MB were taken"
    return "" if syntax.highlights(0, 5) is not None else "no colours"


def parsed(syntax: TreeSyntax) -> float:
    """The longest slice until the text is read or given up, in seconds of the processor."""
    worst = 0.0
    for _ in range(20_000):
        began = thread_time()
        done = syntax.refresh(SLICE_MS)
        worst = max(worst, thread_time() - began)
        if done:
            return worst
    raise AssertionError("it is neither read nor given up")


def test_no_text_holds_the_editor_up(budget: Budget) -> None:
    # What a lexer imports is no slice.
    wrong(Text("python", "def f(:\n", 2_000, 0))
    failures = list[str]()
    for case in budget.cases(texts, few=FEW, all_=ALL):
        said = wrong(case)
        budget.count("parse slices", failed=bool(said))
        failures += [f"{case}: {said}"] if said else []
    assert failures == []

"""Holes in a notebook's cells: the code that is shown, and valid JSON whatever is answered."""

from __future__ import annotations

import json

import pytest

from dgedit.engine.guard import notebook_of

ONE_LINE = (
    '{"cells": [{"cell_type": "code", "source": ["import os\\n"]}, {"cell_type": "code", "source": ["def f(x):\\n", '
    '"    return <>\\n"]}], "nbformat": 4}'
)
LINES = """{
 "cells": [
  {"cell_type": "markdown", "source": ["# Title <not code>"]},
  {
   "cell_type": "code",
   "source": [
    "x = 1\\n",
    "<>\\n",
    "print(\\"é\\", x)"
   ]
  },
  {"cell_type": "code", "source": "y = x\\n"}
 ],
 "metadata": {"kernelspec": {"language": "python"}}
}
"""


def test_the_model_is_shown_the_code_of_the_cells_around_the_hole() -> None:
    found = notebook_of(*ONE_LINE.split("<>"))
    assert found is not None
    assert (found.prefix, found.suffix) == ("import os\n\ndef f(x):\n    return ", "\n")
    assert found.language == "python"
    found = notebook_of(*LINES.split("<>"))
    assert found is not None
    assert (found.prefix, found.suffix) == ("x = 1\n", '\nprint("é", x)\n\ny = x')


@pytest.mark.parametrize("answer", ["x", 'f("a")', "a\\nb", "x\ny = 2", '"""é\n\t"""', "\u2028", "\x00"])
@pytest.mark.parametrize("text", [ONE_LINE, LINES])
def test_whatever_is_answered_is_read_back_as_it_was_said(text: str, answer: str) -> None:
    prefix, suffix = text.split("<>")
    found = notebook_of(prefix, suffix)
    assert found is not None
    written = json.loads(prefix + found.written(answer) + suffix)
    cells = ["".join(cell["source"]) for cell in written["cells"] if cell["cell_type"] == "code"]
    assert any(answer in cell for cell in cells)
    if text is LINES and "\n" in answer:
        own = next(cell for cell in written["cells"] if answer in "".join(cell["source"]))
        assert all(line.count("\n") <= 1 for line in own["source"]), "a line each, as the others are"


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "<>"}',
        '{"cells": [<>]}',
        '{"cells": [{"cell_type": "code", "source": ["<>"]',
        '{"cells": 3, "a": "<>"}',
        '{"cells": [3, {"source": 4}], "a": "<>"}',
        '["cells", "<>"]',
        "<>",
    ],
)
def test_what_is_no_cell_is_text_as_any(text: str) -> None:
    assert notebook_of(*text.split("<>")) is None


def test_the_language_is_that_of_the_kernel_and_prose_is_prose() -> None:
    julia = LINES.replace('"language": "python"', '"language": "julia"')
    found = notebook_of(*julia.split("<>"))
    assert found is not None
    assert found.language == "julia"
    prose = notebook_of(*LINES.replace("<>", "z = 1").replace("<not code>", "@@").split("@@"))
    assert prose is not None
    assert prose.language == "markdown"

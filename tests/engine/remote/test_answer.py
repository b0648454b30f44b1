"""From an answer's text to the text of the span."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from dgedit.engine.remote.answer import fit, without_repeated_prefix, without_repeated_suffix
from dgedit.engine.remote.block import BlockReader, code_block
from dgedit.engine.remote.events import Delta, deltas
from dgedit.engine.types import InfillRequest

from ...support.remote_server import wire_of

BLOCKS = {
    "plain": ("```python\nx = 1\n```", "x = 1"),
    "words around": ("Sure!\n```\nx = 1\n```\nDone.", "x = 1"),
    "two lines": ("```\na\n\nb\n```", "a\n\nb"),
    "longer fence": ("````\na\n```\nb\n````", "a\n```\nb"),
    "tildes": ("~~~py\nx\n~~~", "x"),
    "the first of two": ("```\na\n```\n```\nb\n```", "a"),
    "the end on the same line": ("```\nx = 1```", "x = 1"),
    "a string with a fence": ("```\nx = '```'\n```", "x = '```'"),
    "a thought": ("<think>```\nno\n```</think>\n```\nyes\n```", "yes"),
    "indented fence": ("  ```\n    x\n  ```", "    x"),
    "tags in the code": ("```\n<think>\n```", "<think>"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_the_code_block_of_an_answer(name: str) -> None:
    answer, code = BLOCKS[name]
    block = code_block(answer, ended=True)
    assert (block.code, block.closed) == (code, True)


@pytest.mark.parametrize("answer", ["", "x = 1", "`x = 1`", "```", "```python x = 1```", "<think>```\nx\n```"])
def test_no_code_block(answer: str) -> None:
    assert not code_block(answer).opened
    assert not code_block(answer, ended=True).opened


@pytest.mark.parametrize("name", BLOCKS)
def test_a_growing_block_only_grows(name: str) -> None:
    answer, code = BLOCKS[name]
    seen = [code_block(answer[:end]).code for end in range(len(answer) + 1)]
    for before, after in pairwise(seen):
        assert after.startswith(before)
    assert code.startswith(seen[-1])


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("ended", [True, False])
def test_a_block_is_the_same_however_its_answer_is_cut(name: str, ended: bool) -> None:
    answer, _ = BLOCKS[name]
    for size in (1, 2, 3, 7):
        reader = BlockReader()
        for start in range(0, len(answer), size):
            reader.add(answer[start : start + size])
        assert reader.block(ended=ended) == code_block(answer, ended=ended)


HOSTILE = [" ", "`", "~", "\n", "\t", "```\n", "\n```", "\n   ", "```\n```x\n", "~~~ ", "<think>"]
"""Runs that would take minutes where anything is looked at again with each piece, or tried at each length."""


@pytest.mark.parametrize("run", HOSTILE)
@pytest.mark.parametrize("opened", [True, False])
def test_hostile_answers_do_not_take_forever(run: str, opened: bool) -> None:
    answer = "```\n" * opened + run * 50_000 + "x"
    assert code_block(answer).opened or not opened
    reader = BlockReader()
    for sign in answer:
        reader.add(sign)
    assert reader.block() == code_block(answer)


def test_many_blank_lines_before_the_code_are_left_out() -> None:
    request = InfillRequest(prefix="x =\n", suffix="")
    assert without_repeated_prefix("\n" * 90_000 + "y", request.prefix) == "y"


def test_a_fence_in_a_string_does_not_end_a_growing_block() -> None:
    assert not code_block("```\nx = '```").closed
    assert not code_block("```\n```").closed
    assert code_block("```\nx\n```\n").closed


FITS = {
    # prefix, suffix, code, text
    "as it is": ("x = ", "\n", "1", "1"),
    "the indentation again": ("def f():\n    ", "\n", "    return 1", "return 1"),
    "the indentation left out": ("def f():\n    ", "\n", "if x:\n    y()\nz()", "if x:\n        y()\n    z()"),
    "the indentation kept": ("def f():\n    ", "\n", "if x:\n        y()", "if x:\n        y()"),
    "the line's beginning again": ("def f():\n    return ", "\n", "return 1", "1"),
    "a short beginning is no repetition": ("a + ", "\n", "a + b", "a + b"),
    "the line before again": ("def f():\n    ", "\n", "def f():\n    return 1", "return 1"),
    "lines before again": ("x = 10\ny = 20\n", "\n", "x = 10\ny = 20\nz = 30", "z = 30"),
    "the next line again": ("x = ", "\nprint(x)\n", "1\nprint(x)", "1"),
    "next lines again": ("x = ", "\n\nprint(x)\nprint(y)\n", "1\n\nprint(x)\nprint(y)", "1"),
    "the line's end again": ("print(", ", file=out)\n", "x, file=out)", "x"),
    "a bracket again": ("print(f(", "))\n", "x))", "x"),
    "a bracket that is meant": ("print(f(", ")\n", "x)", "x)"),
    "blank lines around": ("def f():\n    ", "\n", "\n    return 1\n\n", "return 1"),
    "a line in front of one that stays": ("x = 1\n", "print(x)\n", "x += 1", "x += 1\n"),
    "windows line endings": ("", "\n", "x = 1\r\ny = 2", "x = 1\ny = 2"),
    "one line that is there already": ("", "\nreturn x\n", "return x", "return x"),
    "lines that are all there already": ("", "\nx = 10\nreturn x\n", "x = 10\nreturn x", ""),
}


@pytest.mark.parametrize("name", FITS)
def test_an_answer_is_fitted_in(name: str) -> None:
    prefix, suffix, code, text = FITS[name]
    fitted = fit(code, InfillRequest(prefix=prefix, suffix=suffix))
    assert fitted.text == text


def test_what_repeats_the_text_after_the_span_is_marked() -> None:
    request = InfillRequest(prefix="x = ", suffix="\nprint(x)\n")
    assert fit("1\nprint(x)", request).repeats_suffix
    assert not fit("1", request).repeats_suffix


@pytest.mark.parametrize(
    ("prefix", "code", "language", "parses"),
    [("x = ", "1", "python", True), ("x = ", "(", "python", False), ("x = ", "1", "c", None)],
)
def test_whether_the_file_parses(prefix: str, code: str, language: str, parses: bool | None) -> None:
    assert fit(code, InfillRequest(prefix=prefix, suffix="\n", language=language)).parses is parses


def test_other_languages_get_an_indentation_that_was_left_out() -> None:
    request = InfillRequest(prefix="int f() {\n    ", suffix="\n}\n", language="c")
    assert fit("if (x) {\n    y();\n}", request).text == "if (x) {\n        y();\n    }"
    assert fit("if (x) {\n        y();\n    }", request).text == "if (x) {\n        y();\n    }"


def test_text_around_that_is_not_repeated_changes_nothing() -> None:
    draw = random.Random(5)
    for _ in range(300):
        lines = [f"{draw.choice('abc')}{number} = {draw.randrange(9)}" for number in range(12)]
        cut, end = sorted(draw.sample(range(1, 12), 2))
        prefix, code, suffix = "\n".join(lines[:cut]) + "\n", "\n".join(lines[cut:end]), "\n" + "\n".join(lines[end:])
        assert without_repeated_prefix(code, prefix) == code
        assert without_repeated_suffix(code, suffix) == code
        before, after = draw.randrange(1, cut + 1), draw.randrange(1, 13 - end)
        said = "\n".join(lines[cut - before : end + after])
        assert without_repeated_suffix(without_repeated_prefix(said, prefix), suffix) == code


def test_a_stream_is_the_same_however_its_bytes_are_cut() -> None:
    stream = b"".join(wire_of("é", "漢\r\n", "😀", ending="\r\n"))
    draw = random.Random(3)
    for _ in range(200):
        edges = sorted({0, len(stream), *(draw.randrange(len(stream)) for _ in range(draw.randrange(40)))})
        pieces = [stream[start:end] for start, end in pairwise(edges)]
        found = list(deltas(pieces))
        assert "".join(delta.text for delta in found) == "é漢\r\n😀"
        assert [delta.prompt_tokens for delta in found if delta.prompt_tokens is not None] == [321]


def test_fields_of_events_that_say_nothing_of_the_answer_are_left_out() -> None:
    stream = b'\xef\xbb\xbf: hello\n\nid: 1\nevent: message\nretry: 5\ndata:{"choices":\ndata: []}\n\ndata: [DONE]'
    assert list(deltas([stream])) == [Delta()]


def test_an_event_of_several_lines_may_be_cut_within_a_line_ending() -> None:
    stream = b'data: {"choices":\r\ndata: []}\r\n\r\ndata: [DONE]\r\n\r\n'
    assert list(deltas([bytes([byte]) for byte in stream])) == [Delta()]

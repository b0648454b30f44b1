"""Whole infills with the bundled weights: whatever the model says, the file is whole afterwards."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import replace

import pytest

from dgedit.engine.guard import Guard
from dgedit.engine.guard.stutter import stutters
from dgedit.engine.guidance import ends_before, guided, token_texts
from dgedit.engine.infill import fill
from dgedit.engine.protocol import Denoiser
from dgedit.engine.types import InfillRequest, Origin

HOLES = {
    "default": "def f(x=<>, y=1):\n    return x\n",
    "index": "def f(items):\n    return items[<>]\n",
    "elif": "def sign(x):\n    if x > 0:\n        return 1\n    elif <>:\n        return -1\n    return 0\n",
    "lambda": "def f(items):\n    return sorted(items, key=lambda item: <>)\n",
    "attribute": "async def f(x):\n    return await x.<>()\n",
    "f-string": 'def f(name):\n    return f"hello {name<>}"\n',
    "string": 'def f(name):\n    print("<>", name)\n',
    "word": "total = 0\nfor n in range(3):\n    tot<> += n\n",
}


@pytest.mark.parametrize("name", HOLES)
def test_a_hole_in_a_line_leaves_a_whole_file(nano: Denoiser, name: str) -> None:
    prefix, suffix = HOLES[name].split("<>")
    result = fill(InfillRequest(prefix=prefix, suffix=suffix), nano)
    best = result.candidates[0]
    assert best.text.strip()
    assert not best.breaks
    assert "\n" not in best.text
    assert not stutters(best.text)
    ast.parse(prefix + best.text + suffix)
    assert len(result.candidates) <= 5
    texts = [each.text for each in result.candidates]
    assert len(set(texts)) == len(texts)
    broken = [each.breaks for each in result.candidates if each.text.strip()]
    assert broken == sorted(broken), "what breaks the file comes last"


def test_a_notebook_is_valid_afterwards(nano: Denoiser) -> None:
    text = '{"cells": [{"cell_type": "code", "source": ["def f(x):\\n", "    return <>\\n"]}], "nbformat": 4}'
    prefix, suffix = text.split("<>")
    for candidate in fill(InfillRequest(prefix=prefix, suffix=suffix, language="json"), nano).candidates:
        read = json.loads(prefix + candidate.text + suffix)
        if not candidate.breaks and candidate.text.strip():
            ast.parse("".join(read["cells"][0]["source"]))


def test_in_a_language_that_it_does_not_know_only_pieces_of_the_file_are_offered(nano: Denoiser) -> None:
    assert nano.info.knows("python")
    assert not nano.info.knows("typescript")
    prefix = "const first = load(1);\nconst second = load(2);\nconst third = "
    request = InfillRequest(prefix=prefix, suffix=";\n", language="typescript", max_passes=2)
    known = fill(request, nano).candidates
    assert all(each.origins <= {Origin.RECALLED, Origin.NAMED} for each in known)
    assert known[0].text.startswith(("load(", "first", "second", "const"))
    asked = fill(replace(request, any_language=True, recall=False), nano).candidates
    assert all(not each.origins & {Origin.RECALLED, Origin.NAMED} for each in asked)


def test_the_old_text_is_kept_beside_what_mends_it(nano: Denoiser) -> None:
    request = InfillRequest(
        prefix="def f(items):\n    ", suffix="\n", original="return sorted(items)", strength=0.5, max_passes=3
    )
    found = fill(request, nano).candidates
    kept = [each for each in found if Origin.KEPT in each.origins]
    assert [each.text for each in kept] == ["return sorted(items)"]
    assert not kept[0].breaks


def test_the_sampler_is_told_what_a_place_forbids(nano: Denoiser) -> None:
    texts = token_texts(nano.tokenizer)
    place = Guard("x = f(", ", 1)\n", "python").place
    biases = guided(place, nano.tokenizer)
    assert biases is not None
    first, later = (
        {text for text, bias in zip(texts, each.tolist(), strict=True) if bias == -math.inf} for each in biases
    )
    assert any("\n" in text for text in later)
    assert not any("\n" in text for text in set(texts) - later)
    assert all(text in later for text in texts if text.lstrip().startswith("#"))
    assert {")", "]", "}"} <= first
    assert not {")", "]"} & later, "a bracket that was opened may be closed"
    dotted = guided(Guard("x = a.", "\n", "python").place, nano.tokenizer)
    assert dotted is not None
    kept = {text for text, bias in zip(texts, dotted[0].tolist(), strict=True) if text and bias == 0.0}
    assert "if" not in kept
    assert all(text[0].isalpha() or text[0] == "_" for text in kept)
    assert guided(Guard("x = ", "\n", "python").place, nano.tokenizer) is None
    ends = ends_before("]\n", nano.tokenizer)
    assert {text for text, is_end in zip(texts, ends.tolist(), strict=True) if is_end} >= {"]"}
    assert not ends_before("name\n", nano.tokenizer).any()

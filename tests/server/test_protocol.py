"""Messages between a warm process and its clients: whatever is sent is read again, and nothing else is."""

from __future__ import annotations

import json
import math
import random
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from dgedit.engine.types import (
    Candidate,
    ContextUse,
    FrameSpan,
    InfillRequest,
    InfillResult,
    ModelInfo,
    Start,
)
from dgedit.server import protocol

ROUNDS = 60
TEXTS = ["", "x = 1\n", "a\r\nb\tc\0", "\u2028\x85\x1c", "\ud83d\ude00", "\udcff\udc80", "😀é", '"\\', "None", "1"]
INTS = [0, 1, 7, 2**31, 2**63, 10**40]
FLOATS = [0.25, 1.0, 0.1 + 0.2, 1e-300, 3.0]
ALL = [*get_args(protocol.Message), InfillRequest, InfillResult, ModelInfo, Start, Candidate, ContextUse, FrameSpan]


def any_value(kind: Any, dice: random.Random) -> Any:
    """Some value of an annotated kind; fails for kinds that nobody thought of here."""
    if isinstance(kind, type) and is_dataclass(kind):
        return any_of(kind, dice)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any_value(dice.choice(inner), dice)
    if origin in (tuple, frozenset):
        if origin is tuple and inner[-1] is not Ellipsis:
            return tuple(any_value(each, dice) for each in inner)
        return origin(any_value(inner[0], dice) for _ in range(dice.randrange(4)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return dice.choice(list(kind))
    choices: dict[Any, list[Any]] = {
        str: TEXTS,
        int: INTS,
        float: FLOATS,
        bool: [True, False],
        type(None): [None],
    }
    return dice.choice(choices[kind])


def any_of(kind: Any, dice: random.Random) -> Any:
    """Some value of a dataclass; what its own checks refuse is thrown again."""
    hints = get_type_hints(kind)
    while True:
        try:
            return kind(**{field.name: any_value(hints[field.name], dice) for field in fields(kind)})
        except ValueError:
            continue


def plain(message: Any) -> Any:
    return json.loads(protocol.to_line(message).decode("utf-8", "surrogatepass"))["body"]


@pytest.mark.parametrize("kind", get_args(protocol.Message), ids=lambda kind: kind.__name__)
def test_what_is_sent_is_what_is_read(kind: Any) -> None:
    dice = random.Random(kind.__name__)
    for _ in range(ROUNDS):
        message = any_of(kind, dice)
        line = protocol.to_line(message)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert protocol.from_line(line) == message


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_field_is_sent_and_none_may_be_missing_or_new(kind: Any) -> None:
    dice = random.Random(kind.__name__)
    body = dict.fromkeys(field.name for field in fields(kind))
    value = any_of(kind, dice)
    sent = protocol.to_plain(value)
    assert sent.keys() == body.keys()
    assert protocol.from_plain(kind, sent) == value
    for name in body:
        with pytest.raises(protocol.WireError):
            protocol.from_plain(kind, {key: each for key, each in sent.items() if key != name})
        for wrong in (object(), {"x": 1}, [[[]]], True if not isinstance(sent[name], bool) else "True"):
            with pytest.raises(protocol.WireError):
                protocol.from_plain(kind, {**sent, name: wrong})
    with pytest.raises(protocol.WireError):
        protocol.from_plain(kind, {**sent, "more": 1})


def test_a_field_of_a_request_changes_what_is_sent() -> None:
    whole = {
        "prefix": "a",
        "suffix": "b",
        "seed": 3,
        "max_passes": 4,
        "expected_tokens": 5,
        "exact_tokens": 6,
        "language": "go",
        "recall": False,
        "rejected": ("r",),
        "stand_in": "...",
        "related": ("s", "t"),
        "original": "o",
        "strength": 0.5,
        "start": Start(slots=(1, -1), passes=2),
        "instruction": "i",
        "may_be_empty": True,
        "any_language": True,
        "offered": 7,
    }
    request = InfillRequest(**whole)  # type: ignore[arg-type]
    bare = InfillRequest(prefix="", suffix="")
    same = [field.name for field in fields(InfillRequest) if getattr(request, field.name) == getattr(bare, field.name)]
    assert same == [], "a new field is given a value here that is not its default"
    again = protocol.from_line(protocol.to_line(protocol.InfillQuestion(request=request)))
    assert again == protocol.InfillQuestion(request=request)


@pytest.mark.parametrize("score", [-math.inf, math.inf])
def test_infinite_scores_are_numbers(score: float) -> None:
    candidate = Candidate(text="", score=score, parses=None, repeats_suffix=False, origins=frozenset())
    assert protocol.from_plain(Candidate, json.loads(json.dumps(protocol.to_plain(candidate)))) == candidate


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"null\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b'{"wire":1,"type":"stop","body":{}}\n',
        b'{"wire":1,"type":["infill"],"body":{}}\n',
        b'{"wire":1,"type":"infill"}\n',
        b'{"wire":1,"type":"infill","body":[]}\n',
        b'{"wire":2,"type":"count","body":{"text":"x"}}\n',
        b'{"wire":1,"type":"counted","body":{"tokens":1.0}}\n',
        b'{"wire":1,"type":"counted","body":{"tokens":' + b"9" * 5000 + b"}}\n",
        b'{"wire":1,"type":"count","body":{"text":"x"}}',
        b"[" * 200_000 + b"\n",
    ],
    ids=lambda line: line[:40],
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(protocol.WireError):
        protocol.from_line(line)


def test_values_that_a_request_refuses_are_refused_as_messages() -> None:
    sent = plain(protocol.InfillQuestion(request=InfillRequest(prefix="", suffix="")))
    for name, value in (("max_passes", 0), ("seed", -1), ("strength", 10**400), ("start", {"slots": [], "passes": 0})):
        with pytest.raises(protocol.WireError):
            protocol.from_plain(protocol.InfillQuestion, {"request": {**sent["request"], name: value}})


def test_refusals_repeat_nothing_of_a_text() -> None:
    sent = plain(protocol.InfillQuestion(request=InfillRequest(prefix="secret", suffix="")))
    for broken in ({**sent["request"], "suffix": ["secret"]}, {**sent["request"], "more": "secret"}):
        with pytest.raises(protocol.WireError) as caught:
            protocol.from_plain(protocol.InfillQuestion, {"request": broken})
        assert "secret" not in str(caught.value)


def test_a_message_that_is_too_long_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    line = protocol.to_line(protocol.Count(text="x" * 100))
    monkeypatch.setattr(protocol, "LINE_BYTES_MAX", len(line))
    assert protocol.from_line(protocol.to_line(protocol.Count(text="x" * 100))) == protocol.Count(text="x" * 100)
    with pytest.raises(protocol.WireError):
        protocol.to_line(protocol.Count(text="x" * 101))
    with pytest.raises(protocol.WireError):
        protocol.from_line(line[:-1] + b" \n")

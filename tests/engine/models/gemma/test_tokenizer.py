"""Gemma's tokenizer: no text becomes a role, any text comes back exactly, a file of another family is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from dgedit.engine.models.gemma.tokenizer import GemmaTokenizer, closes_thought
from dgedit.engine.types import EngineError

from ....support.gemma_text import PLAIN_ROLES, ROLES, TEXT_TOKENS, small_tokenizer, tokenizer_json

TOKENIZER = small_tokenizer()
VOCABULARY: dict[str, int] = json.loads(tokenizer_json())["model"]["vocab"]
WITH_THOUGHT = (
    "{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}"
    "{%- if not enable_thinking | default(false) -%}{{- '<|channel>thought\\n<channel|>' -}}{%- endif -%}{%- endif -%}"
)
WITHOUT_THOUGHT = (
    "{{- '<|channel>thought\\n' + thinking + '\\n<channel|>' -}}{{- '<|channel>thought\\n<channel|>' -}}"
    "{%- if add_generation_prompt -%}{{- '<|turn>model\\n' -}}{%- endif -%}"
)


def test_no_token_with_a_role_comes_from_text() -> None:
    names = [name for name, index in VOCABULARY.items() if bool(TOKENIZER.roles[index])]
    assert len(names) == 107 + sum(index > 106 for index in ROLES)
    assert {*PLAIN_ROLES} < {*names}
    for text in [*names, "".join(names), "\n".join(names), "x".join(names), " ".join(names)]:
        ids = TOKENIZER.encode(text)
        assert not bool(TOKENIZER.roles[ids].any())
        assert TOKENIZER.decode(ids) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "    indented",
        "a  b   c ",
        "\tx\t\t\n",
        "a\r\nb\r\n\r\n",
        "\n\n\n\n\n\n\n",
        "é ü ß 漢字 \u2028 \ufeff \u00a0",
        "😀👩‍👩‍👧🏽",
        "\x00\x01\x7f\f\v",
        "\u2581",
        "a\u2581\u2581 b\u2581",
        "<0x0A><0xE2>",
        "<table></td><tr>",
        "\ufffd",
    ],
)
def test_odd_text_comes_back(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_any_text_comes_back() -> None:
    draw = random.Random(1)
    alphabet = [*"abcXYZ_0129 ()[]{}.,:=\"'#\t\n\r\f\x00é€😀\u2581\ufeff<>|", "<|turn>", "<0x41>", "\n\n", "    "]
    texts = ["".join(draw.choices(alphabet, k=draw.randrange(60))) for _ in range(300)]
    assert [TOKENIZER.decode(ids) for ids in TOKENIZER.encode_many(texts)] == texts
    assert TOKENIZER.encode_many(texts) == [TOKENIZER.encode(text) for text in texts]
    assert TOKENIZER.encode_many([]) == []


def test_half_a_character_is_no_text() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("a\udc80b\ud83d")) == "a\ufffdb\ufffd"
    assert TOKENIZER.decode(TOKENIZER.encode("\ud83d\ude00")) == "😀"
    broken = TOKENIZER.encode("x😀")[:-1]
    assert TOKENIZER.decode(broken) == "x\ufffd"


def test_single_tokens_keep_their_spaces() -> None:
    text = "def f(x):\n        return  x + 1 # the value\n"
    pieces = [TOKENIZER.decode([index]) for index in TOKENIZER.encode(text)]
    assert "".join(pieces) == text
    assert any(piece.startswith(" ") and piece.strip() for piece in pieces)


def test_roles_are_left_out_of_text() -> None:
    ids = [TOKENIZER.bos_id, *TOKENIZER.encode("a b"), TOKENIZER.end_of_turn_id, TOKENIZER.pad_id]
    assert TOKENIZER.decode(ids) == "a b"


def test_ids_are_found_by_content() -> None:
    found = TOKENIZER.turn_id, TOKENIZER.end_of_turn_id, TOKENIZER.bos_id, TOKENIZER.eos_id, TOKENIZER.pad_id
    assert [ROLES[index] for index in found] == ["<|turn>", "<turn|>", "<bos>", "<eos>", "<pad>"]
    assert TOKENIZER.thought_ids == ()


def test_line_beginnings_are_known() -> None:
    begins = TOKENIZER.begins_line()
    assert begins.shape == TOKENIZER.roles.shape == (TOKENIZER.vocab_size,)
    expected = {index for token, index in VOCABULARY.items() if token.startswith("\n") or token == "<0x0A>"}
    assert {*begins.nonzero()[:, 0].tolist()} == expected
    assert {VOCABULARY["\n"], VOCABULARY["\n\n"]} <= expected


def test_added_tokens_that_are_text_may_be_written() -> None:
    assert not bool(TOKENIZER.roles[[VOCABULARY[token] for token in TEXT_TOKENS]].any())
    assert TOKENIZER.encode("<table>") == [VOCABULARY["<table>"]]


def test_rows_of_the_table_without_a_token_are_never_written() -> None:
    backend = Tokenizer.from_str(tokenizer_json())
    padded = GemmaTokenizer(backend, vocab_size=TOKENIZER.vocab_size + 3)
    assert padded.vocab_size == len(padded.roles) == TOKENIZER.vocab_size + 3
    assert bool(padded.roles[-3:].all())
    assert torch.equal(padded.roles[:-3], TOKENIZER.roles)
    with pytest.raises(EngineError, match=f"a token {TOKENIZER.vocab_size - 1}, the weights only 9"):
        GemmaTokenizer(backend, vocab_size=9)


# -- files


def folder(path: Path, change: Callable[[dict[str, Any]], None] = lambda found: None) -> Path:
    found = json.loads(tokenizer_json())
    change(found)
    (path / "tokenizer.json").write_text(json.dumps(found), encoding="utf-8")
    return path


def without(*names: str) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        found["added_tokens"] = [token for token in found["added_tokens"] if token["content"] not in names]
        for name in names:
            del found["model"]["vocab"][name]

    return change


def test_a_folder_is_read(tmp_path: Path) -> None:
    tokenizer = GemmaTokenizer.load(folder(tmp_path))
    assert tokenizer.encode("x = <|turn>\n") == TOKENIZER.encode("x = <|turn>\n")
    assert tokenizer.thought_ids == ()


@pytest.mark.parametrize("name", ["<|turn>", "<turn|>", "<bos>", "<eos>", "<pad>", "<0x80>"])
def test_a_missing_token_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineError) as caught:
        GemmaTokenizer.load(folder(tmp_path, without(name)))
    assert f"no token {name}" in str(caught.value)
    assert "DiffusionGemma" in caught.value.hint


def test_a_file_in_which_roles_are_text_is_refused(tmp_path: Path) -> None:
    def merged(found: dict[str, Any]) -> None:
        found["model"]["vocab"] |= {"<unused99": len(found["model"]["vocab"])}
        steps = ["<unused99"[:end] for end in range(1, 10)]
        found["model"]["vocab"] |= {step: len(found["model"]["vocab"]) + at for at, step in enumerate(steps[1:-1])}
        pairs = [[before, after[-1]] for before, after in pairwise(steps)]
        found["model"]["merges"] = [*pairs, ["<unused99", ">"]]

    with pytest.raises(EngineError, match="the text <unused99> cannot be told from the token"):
        GemmaTokenizer.load(folder(tmp_path, merged))


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_a_missing_or_malformed_file_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(EngineError, match=r"tokenizer\.json is (missing|not readable)") as caught:
        GemmaTokenizer.load(tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("template", "closed"),
    [
        ("", False),
        (WITHOUT_THOUGHT, False),
        (WITH_THOUGHT, True),
        (WITHOUT_THOUGHT + WITH_THOUGHT, True),
        (WITH_THOUGHT.replace("\\n", "\n"), True),
    ],
)
def test_the_chat_template_says_whether_a_thought_is_closed(template: str, closed: bool) -> None:
    assert closes_thought(template) is closed


@pytest.mark.parametrize(
    ("name", "text", "closed"),
    [
        ("chat_template.jinja", WITH_THOUGHT, True),
        ("chat_template.jinja", WITHOUT_THOUGHT, False),
        ("tokenizer_config.json", json.dumps({"chat_template": WITH_THOUGHT}), True),
        ("tokenizer_config.json", json.dumps({"chat_template": [{"name": "x", "template": WITH_THOUGHT}]}), False),
        ("tokenizer_config.json", "{}", False),
        ("tokenizer_config.json", "[", False),
        ("tokenizer_config.json", "3", False),
    ],
)
def test_the_chat_template_is_read_from_the_folder(tmp_path: Path, name: str, text: str, closed: bool) -> None:
    (folder(tmp_path) / name).write_text(text)
    tokenizer = GemmaTokenizer.load(tmp_path)
    assert bool(tokenizer.thought_ids) is closed
    if closed:
        assert [ROLES.get(index) for index in tokenizer.thought_ids][:: len(tokenizer.thought_ids) - 1] == [
            "<|channel>",
            "<channel|>",
        ]
        assert tokenizer.decode(tokenizer.thought_ids) == "thought\n"

"""A small real tokenizer of Gemma's form: BPE with byte fallback, spaces as U+2581, roles at scattered ids.

Trained in a second on the engine's own source and a little of other languages. Not every role says that it is special,
and runs of line breaks and some HTML tags are added tokens that are plain text: so it is in the published file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from dgedit.engine.models.gemma import tokenizer as gemma_tokenizer
from dgedit.engine.models.gemma.tokenizer import GemmaTokenizer
from dgedit.engine.protocol import CanvasFormat
from dgedit.engine.types import InfillRequest

SPACE = gemma_tokenizer.SPACE
ROLES = {
    0: "<pad>",
    1: "<eos>",
    2: "<bos>",
    3: "<unk>",
    4: "<mask>",
    5: "[multimodal]",
    46: "<|tool>",
    47: "<tool|>",
    98: "<|think|>",
    100: "<|channel>",
    101: "<channel|>",
    105: "<|turn>",
    106: "<turn|>",
    700: "<start_of_image>",
    701: "<image_soft_token>",
    777: '<|"|>',
}
"""By id; the ids below 107 that are not here are `<unusedN>`."""
PLAIN_ROLES = ("[multimodal]", '<|"|>', "<|tool>")
"""Have a role, though their file does not say that they are special."""
TEXT_TOKENS = ("\n\n", "\n\n\n", "<table>", "</td>")
"""Added tokens that are text."""
OTHER_LANGUAGES = """
export function total(items: Item[]): number {
  return items.reduce((sum, item) => sum + item.price * item.count, 0);
}
interface Item { name: string; price: number; count: number }
{"name": "dgedit", "version": "0.1.0", "private": true, "keywords": ["editor", "diffusion"], "size": 12}
| Name | Size | What it is |
|:-----|-----:|:-----------|
| nano | 6 MB | the small model |
# Title

Some text with *emphasis*, a list and a fence:

- one
- two

```python
print("hello")
```
"""


@cache
def tokenizer_json() -> str:
    """The text of tokenizer.json."""
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", SPACE)
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(f"\n+|{SPACE}{{2,}}|{SPACE}?[^{SPACE}\n]+|{SPACE}"), "isolated")
    trainer = trainers.BpeTrainer(vocab_size=1200, min_frequency=2, special_tokens=[], show_progress=False)
    backend.train_from_iterator(_texts(), trainer)
    found = json.loads(backend.to_str())
    learned = sorted(found["model"]["vocab"], key=found["model"]["vocab"].__getitem__)
    found["model"]["vocab"] = vocabulary(learned)
    found["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"String": " "},
        "behavior": "MergedWithPrevious",
        "invert": False,
    }
    found["added_tokens"] = [added(token, index) for token, index in found["model"]["vocab"].items() if is_added(token)]
    return json.dumps(found)


def vocabulary(learned: list[str]) -> dict[str, int]:
    """Roles at their ids, then text, bytes and learned tokens in what is free."""
    by_id = {number: f"<unused{number}>" for number in range(107)} | ROLES
    rest = [*TEXT_TOKENS, *(f"<0x{byte:02X}>" for byte in range(256)), *(t for t in learned if t not in TEXT_TOKENS)]
    free = (number for number in range(len(rest) + len(by_id)) if number not in by_id)
    by_id |= dict(zip(free, rest, strict=False))
    return {token: number for number, token in sorted(by_id.items())}


def is_added(token: str) -> bool:
    """Whether a token is not learned."""
    return token in TEXT_TOKENS or token in ROLES.values() or token.startswith("<unused")


def added(token: str, index: int) -> dict[str, Any]:
    """As tokenizer.json lists it."""
    special = token in ROLES.values() and token not in PLAIN_ROLES
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": token, **flags, "special": special}


@cache
def small_tokenizer(*, thought_closed: bool = False) -> GemmaTokenizer:
    """The tokenizer; see `GemmaTokenizer`."""
    return GemmaTokenizer(Tokenizer.from_str(tokenizer_json()), thought_closed=thought_closed)


def shown(ids: Sequence[int]) -> str:
    """Text of the ids with those that have a role by name."""
    tokenizer, runs, text = small_tokenizer(), list[int](), ""
    for index in ids:
        if index in ROLES:
            text += tokenizer.decode(runs) + ROLES[index]
            runs.clear()
        else:
            runs.append(index)
    return text + tokenizer.decode(runs)


def instruct_form() -> CanvasFormat:
    """A small context and canvas for an instruct model with this tokenizer."""
    return CanvasFormat(
        context_tokens=2048,
        canvas_tokens=96,
        near_suffix_tokens=24,
        far_suffix_tokens=512,
        mask_id=None,
        first_text_id=0,
        eom_id=106,
        pad_id=0,
        suffix_id=0,
        prefix_id=0,
        start_id=2,
    )


def request(prefix: str = "", suffix: str = "", **more: Any) -> InfillRequest:
    """An infill request."""
    return InfillRequest(prefix=prefix, suffix=suffix, **more)


def _texts() -> list[str]:
    sources = sorted(Path(gemma_tokenizer.__file__).parents[2].glob("*.py"))
    return [path.read_text(encoding="utf-8") for path in sources] + [OTHER_LANGUAGES] * 20

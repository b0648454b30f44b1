"""Text to ids and back: a byte-level BPE read from tokenizer.json, and the ids that have a role of their own.

Text can never become a role: special tokens are matched in no input, so a source file that contains `<mask>`
stays a source file. It must know nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from .protocol import CanvasFormat

SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<mask>", "<eom>", "<suf>", "<pre>", "<path>", "<ctx>", "<unk>")
"""In id order: pad 0, eos 1 and bos 2 are the defaults of the published class; the last three wait for a use."""

PAD, EOS, BOS, MASK, EOM, SUF, PRE, PATH, CTX, UNK = range(len(SPECIAL_TOKENS))


def own_format(
    *,
    context_tokens: int,
    canvas_tokens: int,
    near_suffix_tokens: int,
    far_suffix_tokens: int,
    mask_id: int | None = MASK,
    middle_id: int | None = None,
) -> CanvasFormat:
    """A canvas of these sizes in the roles of the special tokens.

    Raises:
        ValueError: when the parts do not fit each other.
    """
    return CanvasFormat(
        context_tokens=context_tokens,
        canvas_tokens=canvas_tokens,
        near_suffix_tokens=near_suffix_tokens,
        far_suffix_tokens=far_suffix_tokens,
        mask_id=mask_id,
        first_text_id=len(SPECIAL_TOKENS),
        eom_id=EOM,
        pad_id=PAD,
        suffix_id=SUF,
        prefix_id=PRE,
        start_id=BOS,
        middle_id=middle_id,
    )


class TextTokenizer:
    """A byte-level BPE: any text comes back exactly."""

    def __init__(self, backend: Tokenizer) -> None:
        self._backend = backend
        self._backend.encode_special_tokens = True
        self.vocab_size: int = backend.get_vocab_size()
        self._begins: dict[str, Tensor] = {}

    @classmethod
    def load(cls, path: Path) -> TextTokenizer:
        """Read tokenizer.json."""
        return cls(Tokenizer.from_file(str(path)))

    def encode(self, text: str) -> list[int]:
        """Ids of the text; never a special one."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def encode_many(self, texts: list[str]) -> list[list[int]]:
        """Ids of several texts, in parallel."""
        return [encoding.ids for encoding in self._backend.encode_batch(texts, add_special_tokens=False)]

    def begins_line(self) -> Tensor:
        """Which tokens start with a line break, boolean [V]."""
        return self.begins_with("\n")

    def begins_with(self, text: str) -> Tensor:
        """Which tokens start with a text, boolean [V]."""
        if text not in self._begins:
            self._begins[text] = torch.tensor([piece.startswith(text) for piece in self.texts])
        return self._begins[text]

    @cached_property
    def texts(self) -> list[str]:
        """The text of every token by itself, nothing for those that have a role."""
        roles = len(SPECIAL_TOKENS)
        decode = self._backend.decode
        # One by one: a batch starts threads, which costs more than all of this.
        return [""] * roles + [decode([index], skip_special_tokens=False) for index in range(roles, self.vocab_size)]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of the ids, special ones left out; bytes that form no character become U+FFFD."""
        kept = [index for index in ids if index >= len(SPECIAL_TOKENS)]
        text: str = self._backend.decode(kept, skip_special_tokens=False)
        return text

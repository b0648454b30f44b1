"""Text to ids and back as Gemma does it: BPE over text whose spaces are U+2581, unknown characters as bytes.

Reads tokenizer.json and what the chat template says of the empty thought. No text becomes a token with a role, and any
text comes back exactly; lone surrogates, which are no text, become U+FFFD. It must know nothing of prompts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer
from torch import Tensor

from ...types import EngineError
from ..settings_file import VOCABULARY_MAX
from ..tokenizer_file import check_backend, read_backend

SPACE = "\u2581"
"""Stands for a space inside tokens; where a text has it itself, it is spelled in bytes."""
BYTE = re.compile(r"<0x([0-9A-F]{2})>")
UNUSED = re.compile(r"<unused\d+>")
HTML_TAG = re.compile(
    r"</?(a|b|blockquote|body|br|caption|code|div|em|h[1-6]|head|hr|html|i|img|li|ol|p|pre|s|span|strong|sub|sup"
    r"|table|tbody|td|tfoot|th|thead|tr|u|ul)>"
)
"""Added tokens that are text all the same, as are runs of blanks; every other added token has a role."""
SURROGATE = re.compile("[\ud800-\udfff]")
EMPTY_THOUGHT = re.compile(r"<\|channel>thought(\n|\\n)<channel\|>")
REMEDY = "use the tokenizer files of a DiffusionGemma checkpoint"


class GemmaTokenizer:
    """Any text comes back exactly; roles are written by id alone.

    Raises:
        EngineError: when the vocabulary has no turns, not all bytes, or more tokens than `vocab_size`.
    """

    def __init__(self, backend: Tokenizer, *, thought_closed: bool = False, vocab_size: int = 0) -> None:
        """Args:
        thought_closed: whether the checkpoint's chat template begins an answer with an empty thought.
        vocab_size: rows of the embedding table, where there are more of them than tokens.
        """
        self._backend = backend
        self._pieces = _pieces(backend, vocab_size)
        self.vocab_size: int = len(self._pieces)
        self._byte_ids = _byte_ids(backend)
        self._roles = self._separate_roles()
        self.pad_id, self.eos_id, self.bos_id = (self._id(token) for token in ("<pad>", "<eos>", "<bos>"))
        self.turn_id, self.end_of_turn_id = self._id("<|turn>"), self._id("<turn|>")
        self.thought_ids: tuple[int, ...] = ()
        """What an answer begins with where the checkpoint wants thinking closed, not merely left out."""
        if thought_closed:
            self.thought_ids = (self._id("<|channel>"), *self.encode("thought\n"), self._id("<channel|>"))

    @classmethod
    def load(cls, folder: Path, vocab_size: int = 0) -> GemmaTokenizer:
        """Read tokenizer.json and the chat template of a checkpoint folder.

        Raises:
            EngineError: when tokenizer.json is missing, unreadable or not of this family.
        """
        path = folder / "tokenizer.json"
        backend = read_backend(path, REMEDY)
        check_backend(backend, vocab_size or VOCABULARY_MAX, path, REMEDY)
        return cls(backend, thought_closed=closes_thought(chat_template(folder)), vocab_size=vocab_size)

    @cached_property
    def roles(self) -> Tensor:
        """Which tokens must never be output, boolean [V]: those with a role, and rows without a token."""
        mask = torch.tensor([not piece for piece in self._pieces])
        mask[list(self._roles)] = True
        return mask

    def encode(self, text: str) -> list[int]:
        """Ids of the text; never one with a role."""
        return self.encode_many([text])[0]

    def encode_many(self, texts: list[str]) -> list[list[int]]:
        """Ids of several texts, in parallel."""
        split = [_characters(text).split(SPACE) for text in texts]
        encoded = iter(
            self._backend.encode_batch([part for parts in split for part in parts], add_special_tokens=False)
        )
        spelled = [self._byte_ids[byte] for byte in SPACE.encode()]
        rows = []
        for parts in split:
            ids = list(next(encoded).ids)
            for _ in parts[1:]:
                ids += [*spelled, *next(encoded).ids]
            rows.append(ids)
        return rows

    @cached_property
    def _begins_line(self) -> Tensor:
        return torch.tensor([piece.startswith(b"\n") for piece in self._pieces]) & ~self.roles

    def begins_line(self) -> Tensor:
        """Which tokens start with a line break, boolean [V]."""
        return self._begins_line

    def begins_with(self, text: str) -> Tensor:
        """Which tokens start with a text, boolean [V]."""
        return torch.tensor([piece.startswith(text.encode()) for piece in self._pieces]) & ~self.roles

    def decode(self, ids: Iterable[int]) -> str:
        """Text of the ids, those with a role left out; bytes that form no character become U+FFFD."""
        return b"".join(self._pieces[index] for index in ids if index not in self._roles).decode("utf-8", "replace")

    def _id(self, token: str) -> int:
        index: int | None = self._backend.token_to_id(token)
        if index is None:
            raise EngineError(f"tokenizer.json has no token {token}", REMEDY)
        return index

    def _separate_roles(self) -> frozenset[int]:
        """Ids with a role; from here on the backend matches none of them in a text."""
        added = {
            index: token
            for index, token in self._backend.get_added_tokens_decoder().items()
            if token.special or not (_blank(token.content) or HTML_TAG.fullmatch(token.content))
        }
        vocabulary = self._backend.get_vocab(with_added_tokens=True)
        unused = {index for token, index in vocabulary.items() if UNUSED.fullmatch(token)}
        self._backend.add_special_tokens(
            [AddedToken(token.content, special=True, normalized=False) for token in added.values()]
        )
        self._backend.encode_special_tokens = True
        roles = frozenset(added) | unused
        names = [name for name, index in vocabulary.items() if index in roles]
        for name, encoding in zip(names, self._backend.encode_batch(names, add_special_tokens=False), strict=True):
            if not roles.isdisjoint(encoding.ids):
                raise EngineError(f"tokenizer.json: the text {name} cannot be told from the token", REMEDY)
        return roles


def chat_template(folder: Path) -> str:
    """The checkpoint's chat template; empty where it has none that can be read."""
    try:
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        pass
    try:
        found = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))["chat_template"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else ""


def closes_thought(template: str) -> bool:
    """Whether an answer without thinking begins with an empty thought.

    The template writes it behind the turn header that asks for an answer; elsewhere it renders earlier answers.
    """
    return EMPTY_THOUGHT.search(template, max(0, template.rfind("add_generation_prompt"))) is not None


def _characters(text: str) -> str:
    """The text without lone surrogates; halves that belong together become their character."""
    if SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _blank(token: str) -> bool:
    return not token.strip(SPACE + " \t\r\n")


def _pieces(backend: Tokenizer, vocab_size: int) -> list[bytes]:
    """The bytes of every token by id; empty where there is none."""
    vocabulary = backend.get_vocab(with_added_tokens=True)
    highest = max(vocabulary.values(), default=-1)
    if 0 < vocab_size <= highest:
        raise EngineError(f"tokenizer.json has a token {highest}, the weights only {vocab_size}", REMEDY)
    pieces = [b""] * max(vocab_size, highest + 1)
    for token, index in vocabulary.items():
        byte = BYTE.fullmatch(token)
        pieces[index] = bytes.fromhex(byte[1]) if byte else token.replace(SPACE, " ").encode()
    return pieces


def _byte_ids(backend: Tokenizer) -> list[int]:
    """The token of each byte."""
    found = [backend.token_to_id(f"<0x{byte:02X}>") for byte in range(256)]
    if None in found:
        raise EngineError(f"tokenizer.json has no token <0x{found.index(None):02X}>", REMEDY)
    return [index for index in found if index is not None]

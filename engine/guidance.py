"""What the guard forbids, said to the sampler in tokens: which may not stand in a hole at all, and which not first.

A token alone tells little, so this is only what is certain: no line break and no comment in a hole that text follows
in its line, no bracket closed that nothing opened, a name where a dot stands before. Shapes: V vocabulary.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from .guard.lexing import CLOSING, comment_signs
from .guard.place import HolePlace, PlaceKind
from .protocol import Tokenizer
from .tokenizer import TextTokenizer

_texts: WeakKeyDictionary[Tokenizer, list[str]] = WeakKeyDictionary()
_OPERATOR_ENDS = tuple("([{,=+-*/%<>&|.@")
"""Behind these a value is expected, so neither a comma nor the end of a statement may come."""


def token_texts(tokenizer: Tokenizer) -> list[str]:
    """The text of every token by itself; made once for each tokenizer."""
    if isinstance(tokenizer, TextTokenizer):
        return tokenizer.texts
    if tokenizer not in _texts:
        _texts[tokenizer] = [tokenizer.decode([index]) for index in range(tokenizer.vocab_size)]
    return _texts[tokenizer]


def guided(place: HolePlace, tokenizer: Tokenizer) -> tuple[Tensor, Tensor] | None:
    """Biases [V] of the first token and of later ones, minus infinity for what the place forbids; or none."""
    if not place.is_mid_line and not place.head.endswith("."):
        return None
    texts = token_texts(tokenizer)
    later = torch.zeros(len(texts))
    if place.is_mid_line:
        later[torch.tensor(["\n" in text for text in texts])] = -math.inf
    first = later.clone()
    if place.kind is PlaceKind.CODE:
        signs = comment_signs(place.language)
        if place.is_mid_line and signs:
            comments = torch.tensor([text.lstrip().startswith(signs) for text in texts])
            later[comments] = first[comments] = -math.inf
        first[torch.tensor([_cannot_begin(text, place) for text in texts])] = -math.inf
    return first, later


def _cannot_begin(text: str, place: HolePlace) -> bool:
    """Whether a token may not be the first one of a hole in code."""
    said, head = text.lstrip(), place.head.rstrip()
    if place.head.endswith("."):
        starts_name = text[:1].isalpha() or text[:1] == "_"
        return bool(text) and (not starts_name or (place.language == "python" and keyword.iskeyword(text)))
    if not place.is_mid_line:
        return False
    return said.startswith(tuple(CLOSING)) or (head.endswith(_OPERATOR_ENDS) and said.startswith((",", ";")))


def breaks_inside(tokenizer: Tokenizer) -> Tensor:
    """Tokens with a line break behind something else, boolean [V]: half of them is in a line that ends."""
    return torch.tensor(["\n" in text.lstrip("\n") for text in token_texts(tokenizer)])


def without(bias: Tensor, tokens: Sequence[int]) -> Tensor:
    """A bias [V] that forbids some more tokens."""
    out = bias.clone()
    out[list(tokens)] = -math.inf
    return out


def ends_before(rest: str, tokenizer: Tokenizer) -> Tensor:
    """Tokens that begin with the sign that follows the hole, boolean [V]: where one comes, the hole is over."""
    sign = rest.lstrip()[:1]
    if not sign or sign.isalnum() or sign in "_([{":
        return torch.zeros(tokenizer.vocab_size, dtype=torch.bool)
    return torch.tensor([text.lstrip().startswith(sign) for text in token_texts(tokenizer)])

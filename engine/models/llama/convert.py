"""A GGUF file of a network that was pretrained to fill in the middle, as a checkpoint folder.

Matrices are kept as 8-bit integers with a scale a row, just as the kernels take them. The vocabulary loses the tokens
that are not ASCII: such text is written in bytes, and the head that every token pays for is a third smaller.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from ...tokenizer import CTX, MASK, PAD, PRE, SPECIAL_TOKENS, SUF, own_format
from ...types import EngineError
from .checkpoint import save
from .gguf_file import CutVocabulary, Pretrained, cut, read, with_parts
from .network import LlamaConfig

BITS = 8
FORM = own_format(
    context_tokens=1024,
    canvas_tokens=96,
    near_suffix_tokens=32,
    far_suffix_tokens=191,
    middle_id=CTX,
)
SPELLINGS = ("<|fim_{}|>", "<fim_{}>", "<fim-{}>")
"""How families spell the tokens around prefix, suffix and middle."""
ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>")
"""What ends a middle."""
_REMEDY = "give a file of a network that fills in the middle, a Qwen2.5-Coder for instance"


def convert(path: Path, folder: Path, card: Path | None = None) -> None:
    """Write the checkpoint of a file; the folder is there once it is whole.

    Args:
        card: a folder whose files are put beside the weights.

    Raises:
        EngineError: when the file cannot be read as such a network.
        OSError: when the folder cannot be written.
    """
    pretrained = read(path)
    roles = roles_of(pretrained)
    kept = with_parts(plain_tokens(pretrained), pretrained.merges)
    vocabulary = cut(pretrained, kept, roles)
    sizes = pretrained.config.to_dict() | {"vocab_size": len(vocabulary.rows)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        tokenizer, made = Path(scratch) / "tokenizer.json", Path(scratch) / "made"
        tokenizer.write_text(vocabulary.tokenizer.to_str(), encoding="utf-8")
        weights = _Cut(pretrained.weights, vocabulary)
        save(weights, LlamaConfig(**sizes), tokenizer, made, FORM, bits=BITS, group=None, languages=())
        for file in () if card is None else card.iterdir():
            shutil.copyfile(file, made / file.name)
        made.rename(folder)


def roles_of(pretrained: Pretrained) -> dict[str, str]:
    """Each role in id order, and the token that it begins as.

    Raises:
        EngineError: when the vocabulary has no tokens for filling in the middle.
    """
    known = set(pretrained.tokens)
    parts = ("prefix", "suffix", "middle")
    found = next(
        (names for spelling in SPELLINGS if known >= set(names := [spelling.format(part) for part in parts])), None
    )
    end = next((each for each in ENDS if each in known), None)
    if found is None or end is None:
        raise EngineError(f"{pretrained.name} was not trained to fill in the middle", _REMEDY)
    prefix, suffix, middle = found
    pad = prefix.replace("prefix", "pad")
    pad = pad if pad in known else end
    # Of the roles without a token of their own none is ever read.
    own = {SPECIAL_TOKENS[PRE]: prefix, SPECIAL_TOKENS[SUF]: suffix, SPECIAL_TOKENS[CTX]: middle}
    own |= {SPECIAL_TOKENS[PAD]: pad, SPECIAL_TOKENS[MASK]: pad}
    return {role: own.get(role, end) for role in SPECIAL_TOKENS}


def plain_tokens(pretrained: Pretrained) -> set[str]:
    """Text tokens of ASCII alone: of the byte-level alphabet the signs that stand for such bytes."""
    plain = {chr(byte) for byte in range(33, 127)} | {chr(256 + byte) for byte in range(34)}
    others = pretrained.controls | set(SPECIAL_TOKENS)
    return {token for token in pretrained.tokens if token not in others and plain.issuperset(token)}


class _Cut(Mapping[str, Tensor]):
    """Weights with the embeddings of a cut vocabulary."""

    def __init__(self, whole: Mapping[str, Tensor], vocabulary: CutVocabulary) -> None:
        self._whole, self._vocabulary = whole, vocabulary

    def __len__(self) -> int:
        return len(self._whole)

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __getitem__(self, name: str) -> Tensor:
        found = self._whole[name]
        return self._vocabulary.table(found) if name == "embed_tokens.weight" else found

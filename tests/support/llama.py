"""A tiny random network of the llama family behind a tokenizer of bytes."""

from __future__ import annotations

import torch
from torch import Tensor

from dgedit.engine.models.llama.fused import Arithmetic, FusedLlama
from dgedit.engine.models.llama.infiller import LlamaInfiller
from dgedit.engine.models.llama.network import LlamaConfig, LlamaDenoiser, file_names
from dgedit.engine.protocol import CanvasFormat
from dgedit.engine.tokenizer import own_format
from dgedit.engine.types import ModelInfo

from .toy import byte_tokenizer

SIZES = LlamaConfig(
    vocab_size=266, hidden_size=64, num_layers=3, num_heads=4, num_kv_heads=2, head_dim=16, intermediate_size=96
)
FORM = own_format(
    context_tokens=400,
    canvas_tokens=40,
    near_suffix_tokens=6,
    far_suffix_tokens=25,
)


def network(seed: int = 0) -> LlamaDenoiser:
    """Random weights that make tokens matter."""
    generator = torch.Generator().manual_seed(seed)
    out = LlamaDenoiser(SIZES).requires_grad_(False)
    for parameter in out.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.15 + (parameter.ndim == 1))
    return out


def weights(model: LlamaDenoiser) -> dict[str, Tensor]:
    """Its weights as checkpoints name them."""
    return file_names({name: tensor.detach() for name, tensor in model.state_dict().items()})


def infiller(
    model: LlamaDenoiser, arithmetic: Arithmetic = Arithmetic.FLOAT32, form: CanvasFormat = FORM
) -> LlamaInfiller:
    """The network as the engine asks for it."""
    fused = FusedLlama(model.config, weights(model).__getitem__, arithmetic)
    info = ModelInfo(name="tiny", parameters=0, device="cpu", digest="")
    return LlamaInfiller(fused, byte_tokenizer(), form, info)

"""Denoising runs of a packed request, whatever text it was packed from."""

from __future__ import annotations

import torch

from dgedit.engine.encoded import EncodedInfill
from dgedit.engine.protocol import CanvasFormat, Denoiser, PackedInfill
from dgedit.engine.samplers.canvas import CanvasSampler
from dgedit.engine.samplers.step import Step
from dgedit.engine.settings import Settings
from dgedit.engine.types import InfillRequest

NOTHING = InfillRequest(prefix="", suffix="")


def read(model: Denoiser, packed: PackedInfill) -> EncodedInfill:
    """A packed request, its context read."""
    return EncodedInfill.of(packed, NOTHING, model)


def starting_noise(packed: PackedInfill, form: CanvasFormat, vocab_size: int, generator: torch.Generator) -> Step:
    """The step before the first pass."""
    sampler = CanvasSampler(packed=packed, form=form, vocab_size=vocab_size, settings=Settings())
    return sampler.initialize(generator)

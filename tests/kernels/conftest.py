"""Triton's interpreter stands in for a GPU where there is none; it must be asked for before a kernel is defined."""

from __future__ import annotations

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

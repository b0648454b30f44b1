"""What the editor knows of a text's language: colours, structure, symbols; see `base` for what is asked of it."""

from __future__ import annotations

from .base import NAMES, ROW_BYTES_MAX, Edit, Highlight, Highlights, Symbol, Syntax
from .registry import syntax_of

__all__ = ["NAMES", "ROW_BYTES_MAX", "Edit", "Highlight", "Highlights", "Symbol", "Syntax", "syntax_of"]

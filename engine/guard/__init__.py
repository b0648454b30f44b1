"""The guard: what an answer must be before it may stand in a text.

    proposals --trim--> texts that fit their place --rank--> in order --verdict--> the first that breaks nothing wins

It stands between denoising and ranking and knows no model: texts go in, texts and verdicts come out. What an answer
says again of its surroundings is cut; whether the file still parses, whether its names are known there, and whether
it only says a neighbouring line again is told of every candidate that could win.
"""

from __future__ import annotations

from .judge import Guard, GuardVerdict, judged
from .notebook import Notebook, notebook_of
from .place import HolePlace, PlaceKind, place_of

__all__ = ["Guard", "GuardVerdict", "HolePlace", "Notebook", "PlaceKind", "judged", "notebook_of", "place_of"]

"""`dgedit bench --holes`: many holes of one large text, filled in turn as the pipe does, and the memory they hold.

The text is made of held-out files, so that no part of it stands twice; holes stand at equal distances. Nothing here is
a remembered figure.
"""

from __future__ import annotations

import gzip
import json
import keyword
import re
import resource
import statistics
import sys
import time
from functools import partial

from ..engine.evals.spans import SPANS_FILE
from ..fill.loop import FillOptions, Limits, Outcome, fill_holes
from ..fill.open import load_model
from ..text.holes import MARKER, Wanted, find_holes
from .model import resident_mb

WIDTH = 46
WARM = 20
"""Holes after which memory is looked at: kernels are built and caches have begun to be full by then."""
BYTES = 10_000_000
NAME = re.compile(r"\b[a-zA-Z_]\w{4,}\b")
LINE = re.compile(r"^(?P<indent>[ ]+)[a-z_.]+ = .+$", re.MULTILINE)


def run(model: str, holes: int) -> int:
    """Measure and print; returns the exit code."""
    text = text_with_holes(holes)
    engine = load_model(model)
    found = find_holes(text, "python", Wanted())
    took, held, began = list[float](), list[float](), time.perf_counter()
    for _, what in fill_holes(text, found, engine, FillOptions(), Limits()):
        if isinstance(what, Outcome):
            took.append(time.perf_counter() - began)
            held.append(resident_mb() or 0.0)
            began = time.perf_counter()
    print(f"{'text':{WIDTH}} {len(text) / 1e6:.1f} MB, {len(found)} holes, {engine.info.name}")
    print(f"{'a hole':{WIDTH}} {statistics.median(took) * 1e3:.0f} ms (p50)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    at = min(WARM, len(held)) - 1
    print(f"{f'memory after hole {at + 1}':{WIDTH}} {held[at]:.0f} MB")
    print(f"{f'memory after hole {len(held)}':{WIDTH}} {held[-1]:.0f} MB, {held[-1] - held[at]:+.0f} MB")
    print(f"{'peak':{WIDTH}} {peak:.0f} MB")
    return 0


def text_with_holes(count: int, size: int = BYTES) -> str:
    """A text of about so many characters, in which so many lines at equal distances are markers."""
    with gzip.open(SPANS_FILE, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    while sum(map(len, texts)) < size:
        # Names differ from copy to copy, as those of other files would.
        texts += [NAME.sub(partial(_renamed, len(texts)), each) for each in texts]
    text = "\n\n".join(texts)[:size]
    places = [match.span() for match in LINE.finditer(text)]
    step = max(1, len(places) // count)
    for start, end in reversed(places[step // 2 :: step][:count]):
        indent = len(text[start:end]) - len(text[start:end].lstrip())
        text = text[: start + indent] + MARKER + text[end:]
    return text


def _renamed(number: int, match: re.Match[str]) -> str:
    return match[0] if keyword.iskeyword(match[0]) else f"{match[0]}_{number}"

"""Chooses among finished rows: something written, no stutter, a file that parses, no repeat of the
suffix, then by score.

The score is the causal encoder's mean log-probability of the span, averaged with that of the first suffix tokens
after it; a span of the wrong length makes its suffix unlikely (Hsu et al., PILL: four suffix tokens suffice).
"""

from __future__ import annotations

import ast
import warnings
from typing import Any

from .models.base import Denoiser
from .packing import PackedInfill
from .types import Candidate, InfillRequest

SCORED_SUFFIX_TOKENS = 4
PARSE_LIMIT_CHARS = 400_000
"""Larger files are not parsed for each candidate."""


def rank(
    model: Denoiser,
    context: Any,
    packed: PackedInfill,
    request: InfillRequest,
    rows: list[list[int]],
    passes: list[int],
) -> list[Candidate]:
    """Candidates of the finished rows' span ids, best first; equal texts appear once."""
    head = packed.suffix_ids[:SCORED_SUFFIX_TOKENS]
    unique = list({tuple(ids): number for number, ids in reversed(list(enumerate(rows)))}.items())
    scores = model.score(context, [[*ids, *head] for ids, _ in unique])
    stutter, candidates = dict[str, bool](), list[Candidate]()
    for (ids, number), logs in zip(unique, scores, strict=True):
        span, after = logs[: len(ids)], logs[len(ids) :]
        parts = [part.mean().item() for part in (span, after) if len(part)]
        text = span_text(model, packed, list(ids))
        trimmed = trim_suffix(text, request.suffix)
        stutter[trimmed] = stutters(list(ids))
        candidates.append(
            Candidate(
                text=trimmed,
                score=sum(parts) / max(1, len(parts)),
                parses=parses(request, trimmed),
                repeats_suffix=trimmed != text,
                passes=passes[number],
            )
        )
    return sorted(
        candidates,
        key=lambda c: (not c.text.strip(), stutter[c.text], c.parses is False, c.repeats_suffix, -c.score),
    )


def stutters(ids: list[int]) -> bool:
    """Whether one token stands three times in a row: a small model left alone with an empty canvas does that."""
    return any(a == b == c for a, b, c in zip(ids, ids[1:], ids[2:], strict=False))


def span_text(model: Denoiser, packed: PackedInfill, ids: list[int]) -> str:
    """The text of a row's span, without the line break that it borrowed."""
    text = model.tokenizer.decode(ids)
    return text.lstrip("\n") if packed.leading_newline else text


def parses(request: InfillRequest, text: str) -> bool | None:
    """Whether the whole file parses with `text` in the span; none for other languages and very large files."""
    source = request.prefix + text + request.suffix
    if request.language != "python" or len(source) > PARSE_LIMIT_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def trim_suffix(text: str, suffix: str) -> str:
    """`text` without a last line that only says the next line again."""
    following = next((line.strip() for line in suffix.split("\n") if line.strip()), "")
    lines = text.split("\n")
    if len(following) > 3 and len(lines) > 1 and lines[-1].strip() == following:
        return "\n".join(lines[:-1]).rstrip(" \t\n")
    return text

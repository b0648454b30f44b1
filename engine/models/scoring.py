"""Several rows of tokens as one flat sequence behind a context, for left-to-right scores of all of them in one run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class FlatRows:
    """Rows laid out flat; N tokens are read (of each row all but the last), P are predicted (all)."""

    ids: Tensor
    """[N], what is read."""
    place: Tensor
    """[N], of each in its row."""
    own: Tensor
    """Boolean [N, N]: a token sees those before it in its row."""
    source: Tensor
    """[P]: which hidden state predicts each token; 0 is the context's last one, N + 1 in all."""
    target: Tensor
    """[P], the tokens that are predicted."""
    lengths: list[int]


def flat(rows: list[list[int]], device: torch.device) -> FlatRows:
    """Lay rows out."""
    read = torch.tensor([number for number, row in enumerate(rows) for _ in row[:-1]], dtype=torch.long, device=device)
    place = torch.tensor([at for row in rows for at in range(len(row) - 1)], dtype=torch.long, device=device)
    sources, begin = list[int](), 1
    for row in rows:
        # The first token of a row is predicted by the context, each later one by the token before it.
        sources += [0, *range(begin, begin + len(row) - 1)][: len(row)]
        begin += max(0, len(row) - 1)
    return FlatRows(
        ids=torch.tensor([token for row in rows for token in row[:-1]], dtype=torch.long, device=device),
        place=place,
        own=(read[:, None] == read) & (place[:, None] >= place),
        source=torch.tensor(sources, dtype=torch.long, device=device),
        target=torch.tensor([token for row in rows for token in row], dtype=torch.long, device=device),
        lengths=[len(row) for row in rows],
    )

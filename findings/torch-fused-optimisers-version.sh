#!/usr/bin/env bash
# torch's fused optimisers change a weight without raising its version counter, so a backward pass through a graph that
# was recorded before the step is not refused: it returns gradients taken with the new weights. The other optimisers
# raise the counter, and the same backward pass ends with "modified by an inplace operation".
#
# Seen with torch 2.13.0 on a CPU, AdamW, Adagrad and SGD alike: expected gradient 1.0, got 0.495 (AdamW) and 0.5.
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch

print("torch", torch.__version__)


def after_a_step(kind, fused):
    """How often the version rose, and the gradient of a graph older than the step, or how it was refused."""
    weight = torch.nn.Parameter(torch.ones(3))
    inputs = torch.ones(3, requires_grad=True)
    optimiser = kind([weight], lr=0.5, fused=fused)
    total = (inputs * weight).sum()
    weight.grad = torch.ones(3)
    before = weight._version
    optimiser.step()
    try:
        total.backward()
        return weight._version - before, round(inputs.grad[0].item(), 3)
    except RuntimeError:
        return weight._version - before, "refused"


as_seen = True
for kind, wrong in ((torch.optim.AdamW, 0.495), (torch.optim.Adagrad, 0.5), (torch.optim.SGD, 0.5)):
    plain, fused = after_a_step(kind, False), after_a_step(kind, True)
    print(f"{kind.__name__}: (version rose by, gradient) plain {plain}, fused {fused}")
    as_seen &= plain[0] > 0 and plain[1] == "refused" and fused == (0, wrong)
sys.exit(not as_seen)
PYTHON

#!/usr/bin/env bash
# safetensors writes the entries of `metadata` in another order every time, so the same tensors with the same metadata
# give files of different bytes and different SHA-256. A checkpoint cannot be named by the hash of its file, and a build
# is not repeatable, once it has two entries of metadata. Tensors themselves are in a fixed order.
#
# Seen with safetensors 0.8.0: of 20 files with eight entries about 20 are distinct; with one entry all are equal.
# Exits 0 while that is so, 1 when it changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet safetensors==0.8.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import hashlib
import sys

import numpy
import safetensors
from safetensors.numpy import save

print("safetensors", safetensors.__version__)
tensors = {name: numpy.arange(4, dtype=numpy.float32) for name in ("b", "a", "c")}


def distinct(entries):
    """Number of different files that 20 savings of the same content give."""
    metadata = {f"key{n}": str(n) for n in range(entries)}
    return len({hashlib.sha256(save(tensors, metadata=dict(metadata))).hexdigest() for _ in range(20)})


found = {entries: distinct(entries) for entries in (0, 1, 2, 8)}
for entries, files in found.items():
    print(f"{entries} entries of metadata: {files} distinct files of 20")
sys.exit(not (found[0] == found[1] == 1 and found[2] == 2 and found[8] > 10))
PYTHON

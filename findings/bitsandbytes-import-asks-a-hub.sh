#!/usr/bin/env bash
# To import bitsandbytes asks a hub over the network where the package `kernels` is installed beside it, on a machine
# without a GPU too: it looks for a kernel of 4-bit products there. No call of the person's makes it; without a network it
# goes on with a message. HF_HUB_OFFLINE=1 keeps it from asking, if it is set before huggingface_hub is imported.
#
# Seen with bitsandbytes 0.50.2, kernels 0.17.2, torch 2.13.0: the name of the hub is looked up while
# `import bitsandbytes` runs; not with the variable, and not without kernels.
# Exits 0 while that is so, 1 when it changes. Names are not looked up here: the attempt is noted and refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 bitsandbytes==0.50.2 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --target "$folder/beside" kernels==0.17.2
cat >"$folder/watched.py" <<'PYTHON'
import socket

asked = []


def refuse(*where, **_how):
    asked.append(where[0])
    raise OSError("refused: only noted")


socket.getaddrinfo = socket.socket.connect = refuse
import bitsandbytes  # noqa: E402

print(bitsandbytes.__version__, sorted({str(each) for each in asked}))
PYTHON
export HF_HOME="$folder/home"
run() { env "$@" "$folder/venv/bin/python" "$folder/watched.py" 2>/dev/null; }
with=$(run PYTHONPATH="$folder/beside")
offline=$(run PYTHONPATH="$folder/beside" HF_HUB_OFFLINE=1)
without=$(run PYTHONPATH=)
printf 'with kernels: %s\nthe same, offline: %s\nwithout kernels: %s\n' "$with" "$offline" "$without"
[[ $with == *"['"* && $offline == *"[]" && $without == *"[]" ]]

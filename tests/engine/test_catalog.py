"""The model by default, and the bundled checkpoints on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dgedit.engine.catalog import CHECKPOINTS, MODEL_VARIABLE, bundled_models, checkpoint_folder
from dgedit.engine.infill import fill
from dgedit.engine.load import load
from dgedit.engine.protocol import Denoiser
from dgedit.engine.types import InfillRequest


@pytest.mark.parametrize(("said", "model"), [(None, "mini"), ("", "mini"), ("nano", "nano"), (" /x/y ", "/x/y")])
def test_the_model_by_default(said: str | None, model: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != MODEL_VARIABLE}
    environment |= {} if said is None else {MODEL_VARIABLE: said}
    ask = "import sys; from dgedit.engine.catalog import DEFAULT_MODEL as m; print(m, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [model, "False"]


def test_both_are_bundled() -> None:
    assert bundled_models() == ["mini", "nano"]
    assert checkpoint_folder("mini") == CHECKPOINTS / "mini"
    sizes = json.loads((CHECKPOINTS / "mini" / "config.json").read_text(encoding="utf-8"))
    assert sizes["model_type"] == "llama"
    assert (CHECKPOINTS / "mini" / "model.safetensors").stat().st_size < 90_000_000


@pytest.fixture(scope="module")
def mini() -> Denoiser:
    return load("mini")


@pytest.mark.parametrize(
    ("prefix", "suffix", "truth"),
    [
        ("import sys\n\n\ndef main():\n    return 0\n\n\nif __name__ == '__main__':\n    sys.exit(", ")\n", "main()"),
        ("def area(width, height):\n    return width * ", "\n\n\nprint(area(2, 3))\n", "height"),
        ("import ", "\n\nprint(json.dumps({'a': 1}))\n", "json"),
        (
            "def total(values):\n    result = 0\n    for value in values:\n        result += ",
            "\n    return result\n",
            "value",
        ),
    ],
)
def test_mini_knows_what_code_says(mini: Denoiser, prefix: str, suffix: str, truth: str) -> None:
    result = fill(InfillRequest(prefix=prefix, suffix=suffix, max_passes=mini.info.passes), mini)
    assert truth in [candidate.text.strip() for candidate in result.candidates]
    assert not result.candidates[0].breaks
    assert result.candidates[0].confidence is not None

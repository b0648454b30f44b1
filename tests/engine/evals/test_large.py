"""The benchmark of the 26B's shape, on a shape that fits anywhere: every row is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dgedit.engine.evals import large
from dgedit.engine.models.gemma.config import GemmaConfig


def test_every_row_is_measured(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "dgedit.engine.evals.large", "--shape", "tiny", "--runs", "1", "--contexts", "24"]
    done = subprocess.run([*command, "--json", str(out)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    assert [row["what"] for row in rows] == [line[:72].rstrip() for line in done.stdout.splitlines()[1:]]
    assert all(row["value"] > 0 for row in rows if not row["what"].startswith("a step"))
    for wanted in ("ceiling: memory", "prefill, nf4, 24", "a pass, bf16, context 24, canvas 64", "tail, 64 rows"):
        assert wanted in [row["what"] for row in rows]
    (ratio,) = [row for row in rows if row["what"].endswith("/ ours") and row["what"].startswith("a step")]
    assert ratio["unit"] == "x"


def test_the_published_shape_is_not_tried_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["large"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="needs a GPU"):
        large.main()


def test_the_tiny_shape_has_every_part_of_the_published_one() -> None:
    tiny, published = large.tiny(), GemmaConfig.published()
    assert set(tiny.layer_types) == set(published.layer_types)
    assert tiny.num_experts > tiny.top_k > 1
    assert tiny.global_head_dim != tiny.head_dim
    assert tiny.sliding_window < 64

"""The three links, the wheel's one name, and peace with Hugging Face's `kernels`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

in_checkout = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source checkout")


@in_checkout
@pytest.mark.parametrize("name", ["engine", "kernels", "themes"])
def test_the_links_are_relative_and_lead_to_the_top_level(name: str) -> None:
    link = ROOT / "dgedit" / name
    assert link.is_symlink()
    assert link.readlink() == Path("..") / name
    assert link.resolve() == ROOT / name


@in_checkout
@pytest.mark.parametrize("name", ["kernels", "themes"])
def test_folders_that_would_shadow_a_package_are_none(name: str) -> None:
    assert not (ROOT / name / "__init__.py").exists()


@in_checkout
def test_the_wheel_holds_dgedit_alone_and_all_of_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"dgedit"}
    for needed in (
        "dgedit/engine/denoise.py",
        "dgedit/engine/checkpoints/coder/ranking.json",
        "dgedit/engine/checkpoints/nano/model.safetensors",
        "dgedit/engine/checkpoints/nano/tokenizer.json",
        "dgedit/engine/evals/heldout-lines.jsonl.gz",
        "dgedit/engine/evals/fresh-spans.jsonl.gz",
        "dgedit/engine/evals/fresh-packages.json",
        "dgedit/themes/dgedit-dark.toml",
        "dgedit/example.py.txt",
        "dgedit/py.typed",
    ):
        assert needed in names
    modules = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "dgedit").rglob("*.py")]
    listed = {str(p.resolve().relative_to(ROOT)).removeprefix("dgedit/") for p in modules}
    packed = {name.removeprefix("dgedit/") for name in names if name.endswith(".py")}
    assert listed <= packed, "a package is missing from pyproject.toml"


@in_checkout
def test_an_installed_package_named_kernels_wins_over_our_folder(tmp_path: Path) -> None:
    installed = tmp_path / "kernels"
    installed.mkdir()
    (installed / "__init__.py").write_text("INSTALLED = True\n")
    done = subprocess.run(
        [sys.executable, "-c", "import kernels, dgedit.kernels.ops as ours; print(kernels.INSTALLED, ours.__name__)"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["True", "dgedit.kernels.ops"], done.stderr


@in_checkout
def test_transformers_imports_from_the_repository_root() -> None:
    pytest.importorskip("transformers")
    done = subprocess.run(
        [sys.executable, "-c", "import transformers; transformers.DiffusionGemmaConfig; import dgedit.engine.load"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr

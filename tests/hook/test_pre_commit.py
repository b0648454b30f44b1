"""The hooks of `.pre-commit-hooks.yaml` under the real pre-commit, which is never let to the network."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import dgedit

from ..support.repository import BIN, BROKEN, CLEAN, DGEDIT, MARKED, Scratch, scratch

ROOT = Path(dgedit.__file__).resolve().parent.parent
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
PRE_COMMIT = shutil.which("pre-commit", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")

pytestmark = [
    pytest.mark.skipif(PRE_COMMIT is None, reason="needs pre-commit (pip install 'pre-commit>=4')"),
    pytest.mark.skipif(not MANIFEST.exists(), reason="needs the source checkout"),
]
HUNK = b"\n\ndef held_back():\n\treturn  'as it was'   \n"


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    return scratch(tmp_path, PRE_COMMIT_HOME=str(tmp_path / "cache"))


def hooks() -> dict[str, dict[str, Any]]:
    """The manifest by its ids, read with the reader that comes with the tests alone."""
    yaml = pytest.importorskip("yaml")
    return {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_bytes())}


def use(repo: Scratch, name: str, *, source: Path | None = None, **changes: object) -> None:
    """Let pre-commit run one hook of the manifest: the `dgedit` that is installed, or a clone of a repository."""
    if source is None:
        hook = hooks()[name] | {"language": "system", "stages": ["pre-commit"]} | changes
        listed: dict[str, object] = {"repo": "local", "hooks": [hook]}
    else:
        rev = repo.git("rev-parse", "HEAD", cwd=source)
        listed = {"repo": str(source), "rev": rev, "hooks": [{"id": name, **changes}]}
    # What is JSON is YAML, too.
    repo.stage(".pre-commit-config.yaml", json.dumps({"repos": [listed]}).encode())
    assert repo.run(str(PRE_COMMIT), "install").returncode == 0


def source_of(repo: Scratch, folder: Path) -> Path:
    """A repository with the manifest and dgedit's own files, and nothing to install."""
    made = folder / "source"
    shutil.copytree(
        ROOT / "dgedit", made / "dgedit", ignore=shutil.ignore_patterns("engine", "kernels", "themes", "tui")
    )
    (made / "dgedit" / "engine").mkdir()
    for name in ("__init__.py", "catalog.py", "factory.py", "interface.py", "parsing.py", "starting.py", "types.py"):
        # Of the engine these are plain values; nothing else of it may be needed.
        shutil.copy(ROOT / "engine" / name, made / "dgedit" / "engine")
    shutil.copy(MANIFEST, made)
    repo.git("init", "--quiet", str(made))
    repo.git("add", ".", cwd=made)
    repo.git("commit", "--quiet", "--message", "m", cwd=made)
    return made


def bare_python(folder: Path) -> Path:
    """A folder with a python3 that finds nothing but its own library."""
    folder.mkdir()
    script = folder / "python3"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "$@"\n')
    script.chmod(0o755)
    return folder


def test_the_manifest_is_valid_and_keeps_its_promises(repo: Scratch) -> None:
    done = repo.run(str(PRE_COMMIT), "validate-manifest", str(MANIFEST))
    assert done.returncode == 0, done.stdout
    found = hooks()
    assert set(found) == {"dgedit-check", "dgedit-fill", "dgedit-fix"}
    assert all(hook["require_serial"] and hook["args"][-1] == "--" for hook in found.values())
    assert found["dgedit-check"]["language"] == "script"
    assert os.access(ROOT / found["dgedit-check"]["entry"].split()[0], os.X_OK)
    assert all(found[name]["stages"] == ["manual"] for name in ("dgedit-fill", "dgedit-fix"))


def test_check_runs_from_a_clone_with_nothing_installed(repo: Scratch, tmp_path: Path) -> None:
    repo.more["PATH"] = f"{bare_python(tmp_path / 'bare')}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    use(repo, "dgedit-check", source=source_of(repo, tmp_path))
    names = ["a.py", "sp ace.py", "line\nbreak.js", "ünï.txt", "-x.py", "unknown.kind"]
    for name in names:
        repo.stage(name, b"<FILL_ME>\n")
    repo.stage("vendor/a.py", MARKED)
    repo.stage("dgedit.py", b"raise SystemExit('taken over')\n")
    done = repo.commit()
    assert done.returncode == 1
    assert repo.commits() == 0
    for name in names:
        shown = name.replace("\n", "\\n")
        assert f"dgedit: {shown}:1: not filled: <FILL_ME>" in done.stderr
    assert "left alone: vendor/a.py (vendored" in done.stderr
    assert "taken over" not in done.stderr
    for name in names:
        repo.stage(name, b"x\n")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert repo.commits() == 1


def test_hunks_held_back_survive_a_fill_byte_for_byte(repo: Scratch) -> None:
    use(repo, "dgedit-fill")
    repo.stage("a.py", MARKED + CLEAN)
    repo.write("a.py", MARKED + CLEAN + HUNK)
    repo.stage("other.py", CLEAN)
    repo.write("other.py", CLEAN + HUNK)
    done = repo.commit()
    assert done.returncode == 1
    assert "dgedit: filled a.py:4: " in done.stderr
    assert "files were modified by this hook" in done.stderr
    before, after = MARKED.split(b"<FILL_ME>")
    filled = repo.read("a.py")
    assert filled.startswith(before)
    assert filled.endswith(after + CLEAN + HUNK)
    assert b"<FILL_ME>" not in filled
    assert repo.staged("a.py") == MARKED + CLEAN
    assert repo.read("other.py") == CLEAN + HUNK
    assert repo.commits() == 0


def test_a_hunk_beside_the_marked_line_wins_over_the_fill(repo: Scratch) -> None:
    use(repo, "dgedit-fill")
    repo.stage("a.py", MARKED)
    mine = MARKED.replace(b"<FILL_ME>", b"result += value  # mine")
    repo.write("a.py", mine)
    done = repo.commit()
    assert done.returncode == 1
    assert repo.read("a.py") == mine
    assert repo.staged("a.py") == MARKED


def test_many_files_give_the_same_bytes_each_time_and_then_rest(repo: Scratch) -> None:
    use(repo, "dgedit-fill")
    names = ["d/one.py", "d/two.py"]
    for number in range(100):
        repo.write(f"d/clean{number}.py", CLEAN)
    repo.git("add", ".")
    found = list[list[bytes]]()
    for command in ([str(PRE_COMMIT), "run"], [*DGEDIT, "hook", "run", "--fill"]):
        for name in names:
            repo.stage(name, MARKED)
        assert repo.run(*command).returncode == 1
        found.append([repo.read(name) for name in names])
    assert found[0] == found[1]
    assert not any(b"<FILL_ME>" in raw for raw in found[0])
    repo.git("add", ".")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert [repo.read(name) for name in names] == found[0]


def test_a_missing_model_passes_with_a_note_unless_it_is_required(repo: Scratch, tmp_path: Path) -> None:
    repo.stage("a.py", MARKED)
    model = f"--model={tmp_path / 'nowhere'}"
    use(repo, "dgedit-fill", args=[model, "--"])
    done = repo.run(str(PRE_COMMIT), "run")
    assert done.returncode == 0
    assert "nothing is written: there is no model" in done.stdout
    use(repo, "dgedit-fill", args=[model, "--require-model", "--"])
    assert repo.run(str(PRE_COMMIT), "run").returncode == 1
    assert repo.read("a.py") == MARKED


def test_fill_and_fix_wait_to_be_asked_for(repo: Scratch) -> None:
    use(repo, "dgedit-fix", stages=["manual"])
    repo.stage("a.py", BROKEN)
    assert repo.commit().returncode == 0
    assert repo.read("a.py") == BROKEN
    done = repo.run(str(PRE_COMMIT), "run", "--hook-stage", "manual", "--all-files")
    assert done.returncode == 1
    compile(repo.read("a.py"), "a.py", "exec")
    assert repo.staged("a.py") == BROKEN

"""What `dgedit hook` writes, with the bundled model: only the working tree, and only whole files."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dgedit.errors import ExitCode
from dgedit.fill.document import Filled
from dgedit.hook.git import repository
from dgedit.hook.writing import Effort, fill

from ..support.repository import BROKEN, CLEAN, DGEDIT, MARKED, Scratch, environment, scratch

NO_NETWORK = ("unshare", "--map-root-user", "--net")
MORE = b"\n\ndef last(values):\n    return <FILL_ME>\n"
NO_TORCH = "import sys\nsys.modules['torch'] = None\n"


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    return scratch(tmp_path)


def without_network() -> tuple[str, ...]:
    """A command before others that takes their network away, where the system permits it."""
    if shutil.which("unshare") and subprocess.run([*NO_NETWORK, "true"], capture_output=True).returncode == 0:
        return NO_NETWORK
    return ()


def test_a_commit_is_filled_stopped_looked_at_and_made(repo: Scratch) -> None:
    repo.git("config", "dgedit.hook.fill", "true")
    repo.hook("install")
    for name in ("sp ace\n.py", "-x.py"):
        repo.stage(name, MARKED)
    repo.stage("a.py", MARKED + MORE)
    repo.write("untracked.py", MARKED)
    done = repo.run(*without_network(), "git", "commit", "-m", "m")
    assert done.returncode == 1
    assert done.stderr.count("dgedit: filled ") == 4, done.stderr
    assert "dgedit: filled a.py:4: " in done.stderr
    assert "changed, not staged: -x.py, a.py, sp ace\\n.py; look at it, git add it, commit again" in done.stderr
    filled = repo.read("a.py")
    before, between, after = (MARKED + MORE).split(b"<FILL_ME>")
    assert filled.startswith(before)
    assert between in filled
    assert filled.endswith(after)
    assert b"<FILL_ME>" not in filled
    assert repo.staged("a.py") == MARKED + MORE, "what is staged is the person's own"
    assert repo.read("untracked.py") == MARKED
    assert repo.git("diff", "--cached", "--name-only", "--diff-filter=A").count("\n") == 2
    repo.git("add", "--update")
    done = repo.commit()
    assert done.returncode == 0, done.stderr
    assert repo.read("a.py") == filled, "nothing is left to fill, so nothing is written"


def test_hunks_that_are_not_staged_keep_a_file_from_being_written(repo: Scratch) -> None:
    repo.stage("a.py", MARKED)
    hunk = b"import os\n" + MARKED
    repo.write("a.py", hunk)
    repo.stage("gone.py", MARKED).unlink()
    repo.stage("page.js", b"// dgedit: fill\n")
    done = repo.hook("run", "--fill")
    assert done.returncode == ExitCode.HOLES_LEFT
    assert "a.py: left as it is: it has changes that are not staged" in done.stderr
    assert "gone.py: left as it is: it has changes that are not staged" in done.stderr
    assert "page.js: left as it is: a hook writes Python alone" in done.stderr
    assert repo.read("a.py") == hunk
    assert repo.staged("a.py") == MARKED
    assert not (repo.root / "gone.py").exists()


@pytest.mark.parametrize("missing", ["torch", "model"])
def test_a_missing_model_is_a_note_unless_it_is_required(repo: Scratch, tmp_path: Path, missing: str) -> None:
    arguments = ["--model", str(tmp_path / "nowhere")] if missing == "model" else []
    if missing == "torch":
        (tmp_path / "sitecustomize.py").write_text(NO_TORCH)
        before = environment(tmp_path).get("PYTHONPATH")
        repo.more["PYTHONPATH"] = str(tmp_path) + (f":{before}" if before else "")
    repo.stage("a.py", MARKED)
    done = repo.hook("fill", *arguments, "--", "a.py")
    assert done.returncode == ExitCode.OK
    assert "nothing is written: " in done.stderr
    assert repo.hook("fill", *arguments, "--require-model", "--", "a.py").returncode == ExitCode.ERROR
    done = repo.hook("run", "--fill", *arguments)
    assert done.returncode == ExitCode.HOLES_LEFT, "the place is not filled, whoever could not fill it"
    assert "nothing is written: " in done.stderr
    assert repo.hook("run", "--fill", "--require-model", *arguments).returncode == ExitCode.ERROR
    assert repo.read("a.py") == MARKED
    repo.stage("a.py", CLEAN)
    done = repo.hook("run", "--fill", "--fix", "--require-model", *arguments)
    assert (done.returncode, done.stderr) == (ExitCode.OK, ""), "where nothing is to be written no model is missed"


def test_a_deadline_leaves_files_as_they_were_and_says_so(repo: Scratch) -> None:
    many = b"".join(b"a%d = <FILL_ME>\n" % number for number in range(60))
    repo.stage("a.py", many)
    done = repo.hook("fill", "--deadline", "1", "--", "a.py")
    assert done.returncode == ExitCode.HOLES_LEFT
    assert "left as it was: it was not done in time" in done.stderr
    assert repo.read("a.py") == many


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_each_file_is_as_it_was_or_filled(repo: Scratch, number: signal.Signals) -> None:
    names = [f"f{index:02}.py" for index in range(20)]
    for name in names:
        repo.stage(name, MARKED)
    child = subprocess.Popen(
        [*DGEDIT, "hook", "fill", "--", *names],
        cwd=repo.root,
        env=environment(repo.home, **repo.more),
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while repo.read(names[0]) == MARKED and child.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == ExitCode.CANCELLED, said
    assert said.endswith("dgedit: cancelled; every file is as it was, or wholly done\n")
    raws = [repo.read(name) for name in names]
    before, after = MARKED.split(b"<FILL_ME>")
    assert all(raw == MARKED or (b"FILL" not in raw and raw.startswith(before) and raw.endswith(after)) for raw in raws)
    assert MARKED in raws, "it was stopped before all were done"
    assert sorted(path.name for path in repo.root.iterdir()) == [".git", *names]


def test_what_does_not_parse_is_not_written(repo: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is asked for real, and its answer spoilt: it does not write nonsense when it is asked to."""
    repo.stage("a.py", MARKED)
    repo.stage("b.py", b"x = (<FILL_ME>\n")
    real = Filled.raw
    monkeypatch.setattr(Filled, "raw", lambda filled: real(filled).replace(b"return", b"return ("))
    said = list[str]()
    changed = fill(repository(repo.root).root, ["a.py", "b.py"], Effort(), said.append)
    assert "a.py: left as it was: what was written does not parse" in said
    assert repo.read("a.py") == MARKED
    assert list(changed) == ["b.py"], "it did not parse before, whatever stands in its place"


def test_fixing_mends_what_does_not_parse_and_stops_the_commit(repo: Scratch) -> None:
    repo.stage("a.py", BROKEN)
    repo.stage("marked.py", MARKED)
    done = repo.hook("run", "--fix")
    assert done.returncode == ExitCode.HOLES_LEFT
    compile(repo.read("a.py"), "a.py", "exec")
    assert repo.staged("a.py") == BROKEN
    assert "changed, not staged: a.py;" in done.stderr
    assert repo.read("marked.py") == MARKED, "a place that is not filled is no fault to mend"
    repo.write("a.py", BROKEN + b"# mine\n")
    assert "it has changes that are not staged" in repo.hook("run", "--fix").stderr
    assert repo.read("a.py") == BROKEN + b"# mine\n"

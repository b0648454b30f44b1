"""`dgedit hook run` on what is staged, in real repositories: what stops a commit, and what is left alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dgedit.errors import ExitCode

from ..support.repository import BROKEN, CLEAN, MARKED, Scratch, scratch

CONFLICT = b"a = 1\n<<<<<<< ours\nb = 2\n=======\nb = 3\n>>>>>>> theirs\n"


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    return scratch(tmp_path)


def test_nothing_staged_and_clean_files_pass_without_a_word(repo: Scratch) -> None:
    assert repo.hook("run").returncode == ExitCode.OK
    repo.stage("a.py", CLEAN)
    repo.stage("notes.txt", b"no code\n")
    done = repo.hook("run")
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "", "")


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.py", MARKED, "a.py:4: not filled: <FILL_ME>"),
        ("a.py", b"x = 1\n# dgedit: fill lines=2\n", "a.py:2: not filled: # dgedit: fill lines=2"),
        ("a.py", b"# dgedit: begin\nx = 1\n# dgedit: end\n", "a.py:1: not filled: # dgedit: begin"),
        ("a.py", b"# dgedit: begin\nx = 1\n", "dgedit: begin without an end"),
        ("a.js", b"let a\n// dgedit: fill\n", "a.js:2: not filled: // dgedit: fill"),
        ("a.py", MARKED.replace(b"\n", b"\r\n"), "a.py:4: not filled: <FILL_ME>"),
        ("a.py", b"# dgedit: fill \x1b[31mred\n", "a.py:1: not filled: # dgedit: fill ·[31mred"),
        ("a.py", b"# coding: latin-1\nx = '\xff', <FILL_ME>\n", "a.py:2: not filled: <FILL_ME>"),
        ("a.py", BROKEN, "a.py:1: does not parse: '(' was never closed"),
        ("a.py", BROKEN + MARKED, "a.py:1: does not parse: '(' was never closed"),
        ("a.pyi", b"x = \n", "a.pyi:1: does not parse: invalid syntax"),
        ("a.py", b"x = '\xff'\n", "a.py:1: does not parse: "),
        ("a.txt", CONFLICT, "a.txt:2: a conflict; a hook never resolves one"),
    ],
)
def test_what_stops_a_commit_is_said_with_its_place(repo: Scratch, name: str, raw: bytes, said: str) -> None:
    repo.stage(name, raw)
    done = repo.hook("run")
    assert done.returncode == ExitCode.HOLES_LEFT
    assert said in done.stderr
    assert "git commit --no-verify" in done.stderr
    assert all(line.startswith("dgedit: ") and line.isprintable() for line in done.stderr.splitlines())
    assert repo.read(name) == repo.staged(name) == raw


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.py", b"# -*- coding: latin-1 -*-\nx = '\xff'\n"),
        ("a.py", b"\xef\xbb\xbfx = 1\n"),
        ("a.py", b"text = '''\n# dgedit: fill\n'''\n"),
        ("a.js", b"function (\n"),
        ("a.rst", b"Title\n=======\n"),
        ("a.py", b""),
    ],
)
def test_what_only_looks_wrong_passes(repo: Scratch, name: str, raw: bytes) -> None:
    repo.stage(name, raw)
    assert repo.hook("run").stderr == ""


NEWER = b'page = t"<p>{name}</p>"\ntry:\n    f()\nexcept* A, B:\n    pass\nlazy import json\n'


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="this Python reads it")
@pytest.mark.parametrize("raw", [NEWER, b'print "hello"\n', b"#!/usr/bin/env python2\nprint 'hello'\n"])
def test_python_that_this_one_cannot_judge_passes_with_a_note(repo: Scratch, raw: bytes) -> None:
    repo.stage("a.py", raw)
    for arguments in (["run"], ["run", "--fix"], ["check", "a.py"]):
        done = repo.hook(*arguments)
        assert done.returncode == ExitCode.OK
        assert "check" in arguments or "not judged: " in done.stderr
    assert repo.read("a.py") == repo.staged("a.py") == raw


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("run-me", b'#!/usr/bin/env python3\nprint("a"\n', "run-me:2: does not parse"),
        ("a.py", b'"""Do not modify the default."""\n\n\ndef load(path=None):\n    return (path\n', "a.py:5: does not"),
        ("a.py", b'"""Docs.\n<<<<<<< a\nb\n=======\nc\n>>>>>>> d\n"""\n', "a.py:2: a conflict"),
    ],
)
def test_broken_python_is_seen_whatever_it_is_called_or_says(repo: Scratch, name: str, raw: bytes, said: str) -> None:
    repo.stage(name, raw)
    done = repo.hook("run")
    assert done.returncode == ExitCode.HOLES_LEFT
    assert said in done.stderr


def test_prose_may_tell_of_conflicts_while_nothing_is_merged(repo: Scratch) -> None:
    raw = b"# Merging\n\n```\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n```\n"
    repo.stage("a.md", raw)
    done = repo.hook("run")
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    repo.write(".git/MERGE_HEAD", b"0" * 40 + b"\n")
    assert repo.hook("run").returncode == ExitCode.HOLES_LEFT


def test_a_submodule_that_became_a_file_is_judged_as_that_file(repo: Scratch, tmp_path: Path) -> None:
    repo.stage("a.py", CLEAN)
    repo.commit()
    other = tmp_path / "other"
    repo.git("clone", "--quiet", str(repo.root), str(other))
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "module.py")
    repo.commit()
    repo.git("rm", "--quiet", "-f", "module.py")
    repo.stage("module.py", BROKEN)
    done = repo.hook("run")
    assert done.returncode == ExitCode.HOLES_LEFT
    assert "module.py:1: does not parse" in done.stderr


def test_what_is_staged_counts_not_what_lies_in_the_working_tree(repo: Scratch) -> None:
    repo.stage("a.py", CLEAN)
    repo.write("a.py", MARKED)
    assert repo.hook("run").returncode == ExitCode.OK
    repo.git("add", "a.py")
    repo.write("a.py", CLEAN)
    assert repo.hook("run").returncode == ExitCode.HOLES_LEFT
    (repo.root / "a.py").unlink()
    assert repo.hook("run").returncode == ExitCode.HOLES_LEFT


def test_only_what_the_commit_changes_is_looked_at(repo: Scratch) -> None:
    repo.stage("old.py", MARKED)
    repo.commit()
    repo.stage("a.py", CLEAN)
    assert repo.hook("run").returncode == ExitCode.OK
    repo.git("rm", "--quiet", "old.py")
    repo.write("added.py", MARKED)
    repo.git("add", "--intent-to-add", "added.py")
    done = repo.hook("run")
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")


def test_a_file_that_did_not_parse_before_is_let_through_and_said(repo: Scratch) -> None:
    repo.stage("a.py", BROKEN)
    repo.commit()
    repo.stage("a.py", BROKEN + b"x = 1\n")
    done = repo.hook("run")
    assert done.returncode == ExitCode.OK
    assert "does not parse: '(' was never closed, and did not before; let through" in done.stderr


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("vendor/a.py", MARKED, "vendored"),
        ("a_pb2.py", MARKED, "generated"),
        ("a.py", b"# @generated by a tool\n" + MARKED, "generated"),
        ("a.bin", b"\0<FILL_ME>", "binary"),
        ("a.dat", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS"),
        ("big.py", b"x = 1\n" * 200_000 + MARKED, "larger than 1,000,000 bytes"),
        ("off/a.py", MARKED, "turned off in .gitattributes"),
        ("made/a.py", MARKED, "generated"),
        ("theirs/a.py", MARKED, "vendored"),
    ],
)
def test_what_nobody_writes_by_hand_is_left_alone_and_said(repo: Scratch, name: str, raw: bytes, reason: str) -> None:
    attributes = b"off/** -dgedit\nmade/** linguist-generated\ntheirs/** linguist-vendored=true\n"
    repo.stage(".gitattributes", attributes)
    repo.stage(name, raw)
    done = repo.hook("run", "--fill", "--fix")
    assert done.returncode == ExitCode.OK
    assert f"left alone: {name} ({reason}" in done.stderr
    assert repo.read(name) == raw


def test_links_submodules_and_deleted_files_are_left_alone(repo: Scratch, tmp_path: Path) -> None:
    repo.stage("gone.py", MARKED)
    repo.commit()
    other = tmp_path / "other"
    repo.git("clone", "--quiet", str(repo.root), str(other))
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "module")
    (repo.root / "link.py").symlink_to("gone.py")
    repo.git("rm", "--quiet", "gone.py")
    repo.git("add", "link.py")
    done = repo.hook("run")
    assert done.returncode == ExitCode.OK
    assert "left alone: link.py (a symbolic link), module (a submodule)" in done.stderr


def test_a_merge_in_progress_is_left_alone(repo: Scratch) -> None:
    repo.stage("a.py", b"x = 1\n")
    repo.commit()
    repo.git("checkout", "--quiet", "-b", "side")
    repo.stage("a.py", b"x = 2\n")
    repo.commit()
    repo.git("checkout", "--quiet", "main")
    repo.stage("a.py", b"x = 3\n")
    repo.commit()
    assert repo.run("git", "merge", "side").returncode == 1
    before = repo.read("a.py")
    done = repo.hook("run", "--fill", "--fix")
    assert done.returncode == ExitCode.OK
    assert "left alone: a.py (conflicted)" in done.stderr
    assert repo.read("a.py") == before
    repo.git("add", "a.py")
    done = repo.hook("run", "--fix")
    assert done.returncode == ExitCode.HOLES_LEFT, "staged as resolved, with the conflict in it"
    assert repo.read("a.py") == before


NAMES = [
    "a b.py",
    "line\nbreak.py",
    "ünï-日本.py",
    "-x.py",
    "--fill.py",
    "*.py",
    ":(top)a.py",
    '"quoted".py',
    "t\tab.py",
    "\x1b[2J.py",
    os.fsdecode(b"latin-\xe9.py"),
]


def test_no_name_is_too_odd(repo: Scratch) -> None:
    for name in NAMES:
        repo.stage(name, MARKED)
    done = repo.hook("run")
    assert done.returncode == ExitCode.HOLES_LEFT
    lines = done.stderr.splitlines()
    assert len(lines) == len(NAMES) + 1
    assert all(line.isprintable() for line in lines)
    assert "dgedit: line\\nbreak.py:4: not filled: <FILL_ME>" in lines
    assert "dgedit: ünï-日本.py:4: not filled: <FILL_ME>" in lines
    named = repo.hook("check", "--", *NAMES)
    assert sorted(named.stderr.splitlines()) == sorted(lines[:-1])


def test_many_files_at_once(repo: Scratch) -> None:
    for number in range(600):
        repo.write(f"d{number % 7}/f{number}.py", MARKED if number % 200 == 199 else CLEAN * 50)
    repo.git("add", ".")
    done = repo.hook("run")
    assert done.returncode == ExitCode.HOLES_LEFT
    assert done.stderr.count("not filled") == 3


def test_it_runs_from_a_folder_below_and_in_a_linked_working_tree(repo: Scratch, tmp_path: Path) -> None:
    repo.stage("deep/a.py", MARKED)
    below = repo.hook("run", cwd=repo.root / "deep")
    assert below.returncode == ExitCode.HOLES_LEFT
    assert "deep/a.py:4" in below.stderr
    assert "deep/a.py:4" in repo.hook("check", "a.py", cwd=repo.root / "deep").stderr
    repo.commit()
    tree = tmp_path / "tree"
    repo.git("worktree", "add", "--quiet", str(tree))
    assert (tree / ".git").is_file()
    (tree / "b.py").write_bytes(MARKED)
    repo.git("add", "b.py", cwd=tree)
    assert "b.py:4" in repo.hook("run", cwd=tree).stderr


def test_where_there_is_no_working_tree_it_says_so(repo: Scratch, tmp_path: Path) -> None:
    for folder, said in ((tmp_path, "not a git repository"), (repo.root / ".git", "not in a working tree")):
        done = repo.hook("run", cwd=folder)
        assert done.returncode == ExitCode.ERROR
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_settings_of_git_count_and_the_command_line_counts_more(repo: Scratch) -> None:
    repo.stage("a.py", BROKEN)
    repo.git("config", "dgedit.hook.parse", "off")
    assert repo.hook("run").returncode == ExitCode.OK
    assert repo.hook("run", "--parse").returncode == ExitCode.HOLES_LEFT


@pytest.mark.parametrize(("name", "value"), [("fill", "perhaps"), ("timeout", "soon"), ("deadline", "0")])
def test_a_setting_that_cannot_be_read_is_an_error(repo: Scratch, name: str, value: str) -> None:
    repo.git("config", f"dgedit.hook.{name}", value)
    done = repo.hook("run")
    assert done.returncode == ExitCode.ERROR
    assert f"dgedit.hook.{name}" in done.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["run", "--timeout", "0"], ["run", "a.py"], ["fill", "--nope"]]
)
def test_bad_command_lines_are_refused(repo: Scratch, arguments: list[str]) -> None:
    done = repo.hook(*arguments)
    assert done.returncode == ExitCode.ERROR
    assert "dgedit hook" in done.stderr


def test_a_file_outside_of_the_repository_is_refused(repo: Scratch, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(MARKED)
    done = repo.hook("check", "../a.py")
    assert done.returncode == ExitCode.ERROR
    assert "is not in" in done.stderr

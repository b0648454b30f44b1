"""Files that are never sent: the patterns as git reads them, the built-in rules, and who may take which back."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from dgedit.files.private import BUILT_IN, LIST_NAME, Rules, UnreadableError, forbidding, parse_rules, refusal


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def project(home: Path) -> Path:
    folder = home / "code" / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def forbidden(patterns: str, *names: str) -> list[str]:
    """Those of the names that the patterns forbid."""
    group = [Rules(Path("/top"), parse_rules(patterns), "a list")]
    return [name for name in names if forbidding(Path("/top") / name, group)]


TABLE = [
    ("", [], ["a"]),
    ("# a\n\n  \n", [], ["a", "# a"]),
    ("a", ["a", "x/a", "a/x", "x/a/y"], ["ab", "ba", "A"]),
    ("a  ", ["a"], ["a  "]),
    ("a\\ ", ["a "], ["a"]),
    ("\\#a\n\\!b", ["#a", "!b"], ["a", "b"]),
    ("*.py", ["x.py", "a/x.py", ".py"], ["x.pyc"]),
    ("/a", ["a", "a/x"], ["x/a"]),
    ("a/b", ["a/b", "a/b/c"], ["x/a/b", "a/xb"]),
    ("a/*.py", ["a/x.py"], ["a/b/x.py", "x/a/x.py"]),
    ("a/", ["a/x", "x/a/y"], ["a", "x/a"]),
    ("**/a", ["a", "x/a", "x/y/a"], ["xa"]),
    ("a/**", ["a/x", "a/x/y"], ["a", "x/a/y"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb", "x/a/b"]),
    ("a**b", ["ab", "axb"], ["a/b"]),
    ("?.c", ["a.c"], ["ab.c", ".c"]),
    ("[a-c]x", ["ax", "cx"], ["dx", "-x"]),
    ("[!a-c]x", ["dx"], ["ax"]),
    ("[]x-]y", ["]y", "xy", "-y"], ["ay"]),
    ("[[:digit:]]", ["7"], ["a", "77"]),
    ("a.b", ["a.b"], ["axb"]),
    ("(a|b)+", ["(a|b)+"], ["a", "b"]),
    ("*\n!keep.py", ["x"], ["keep.py"]),
    ("!keep.py\n*", ["keep.py"], []),
    ("a/\n!a/keep", ["a/keep"], []),
    ("a/*\n!a/keep", ["a/x"], ["a/keep"]),
    ("é*", ["été"], ["ete"]),
    ("a\r\nb\r", ["a", "b"], ["a\r"]),
]


@pytest.mark.parametrize(("patterns", "yes", "no"), TABLE)
def test_patterns(patterns: str, yes: list[str], no: list[str]) -> None:
    assert forbidden(patterns, *yes, *no) == yes


@pytest.mark.parametrize("pattern", ["a[b", "[", "a\\", "[[:none:]]", "[c-a]", "a[/]b"])
def test_a_pattern_that_cannot_be_followed_is_no_leave(pattern: str) -> None:
    with pytest.raises(UnreadableError, match="cannot be followed"):
        parse_rules(pattern)


def test_the_patterns_mean_what_they_mean_to_git(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is what the patterns are compared with")
    environment = os.environ | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, env=environment)
    draw = random.Random(11)
    names = ["a", "b", "ab", "c.py", "d.txt", ".e"]
    paths = [first + ("/" + second) * (place > 0) for first in names for place, second in enumerate(["", *names])]
    paths += [f"{first}/{second}/{third}" for first in names[:3] for second in names[:4] for third in names]
    pieces = ["a", "b", "*", "?", "*.py", "[ab]", "[!a]*", "**", ".*", "c*", "\\a", "ab"]
    for _ in range(80):
        lines = list[str]()
        for _ in range(draw.randrange(1, 6)):
            line = "/".join(draw.choice(pieces) for _ in range(draw.choice([1, 1, 1, 2, 2, 3])))
            lines.append("!" * (draw.random() < 0.3) + "/" * (draw.random() < 0.2) + line + "/" * (draw.random() < 0.2))
        text = "\n".join(lines)
        (tmp_path / ".gitignore").write_text(text + "\n")
        command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "--stdin", "-z"]
        done = subprocess.run(
            command, input="\0".join(paths).encode(), capture_output=True, env=environment, check=False
        )
        assert done.returncode in (0, 1), done.stderr
        expected = {path for path in done.stdout.decode().split("\0") if path}
        assert set(forbidden(text, *paths)) == expected, text


@pytest.mark.parametrize("pattern", ["*a" * 30 + "b", "/".join(["**/a"] * 30) + "/b", "**/" * 40 + "b"])
def test_a_hostile_pattern_does_not_take_forever(pattern: str) -> None:
    assert forbidden(pattern, "a" * 200, "/".join("a" * 200)) == []


SECRET = [
    ".env",
    ".env.local",
    ".envrc",
    ".ENV",
    "server.pem",
    "tls.key",
    "id_rsa",
    "id_ed25519.pub",
    "credentials",
    "credentials.json",
    "Secrets.yaml",
    "secrets/x.py",
    "deep/secrets.d/x.py",
    "deep/down/.env",
    ".ssh/config",
    ".netrc",
    "store.P12",
]


@pytest.mark.parametrize("name", SECRET)
def test_files_with_secrets_are_never_sent(project: Path, name: str) -> None:
    said = refusal(write(project / name))
    assert said is not None
    assert said.startswith(f"{Path(name).name} is not sent: ")
    assert "built-in" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "name", ["main.py", "environment.py", "keys.py", "pem.py", "my_secrets.py", "idea.py", "a/b.py"]
)
def test_other_files_may_be_sent(project: Path, name: str) -> None:
    assert refusal(write(project / name)) is None


def test_a_file_that_is_not_there_yet_is_judged_by_its_name(project: Path) -> None:
    assert refusal(project / "new.py") is None
    assert refusal(project / "none" / ".env") is not None


def test_folders_above_the_repository_are_no_secret(home: Path) -> None:
    folder = home / "credentials-service"
    (folder / ".git").mkdir(parents=True)
    assert refusal(write(folder / "main.py")) is None
    assert refusal(write(home / "secrets" / "main.py")) is not None


def test_a_list_holds_for_its_folder_and_below(project: Path) -> None:
    write(project / "inner" / LIST_NAME, "*.sql\n/only.py\n")
    assert refusal(project / "inner" / "x.sql") is not None
    assert refusal(project / "inner" / "deep" / "x.sql") is not None
    assert refusal(project / "inner" / "only.py") is not None
    assert refusal(project / "inner" / "deep" / "only.py") is None
    assert refusal(project / "x.sql") is None
    said = refusal(project / "inner" / "x.sql")
    assert said == f"x.sql is not sent: '*.sql' of {project / 'inner' / LIST_NAME} forbids it"


def test_a_list_further_down_overrules_one_further_up(project: Path) -> None:
    write(project / LIST_NAME, "*.sql\n")
    write(project / "inner" / LIST_NAME, "!open.sql\n")
    assert refusal(project / "inner" / "open.sql") is None
    assert refusal(project / "inner" / "other.sql") is not None
    assert refusal(project / "open.sql") is not None


def test_a_forbidden_folder_stays_forbidden(project: Path) -> None:
    write(project / LIST_NAME, "private/\n")
    write(project / "private" / LIST_NAME, "!*\n")
    assert refusal(project / "private" / "x.py") is not None


def test_lists_outside_the_repository_are_not_read_but_the_home_folders_is(home: Path, project: Path) -> None:
    write(project.parent / LIST_NAME, "*.py\n")
    assert refusal(project / "x.py") is None
    write(home / LIST_NAME, "*.sql\n/code/project/one.py\n")
    assert refusal(project / "x.sql") is not None
    assert refusal(project / "one.py") is not None
    assert refusal(project / "two.py") is None


def test_without_a_repository_lists_are_read_up_to_the_home_folder(home: Path) -> None:
    write(home / "notes" / LIST_NAME, "*.txt\n")
    assert refusal(home / "notes" / "a" / "b" / "x.txt") is not None
    assert refusal(home / "x.txt") is None


def test_the_home_folders_list_speaks_of_names_elsewhere(home: Path, tmp_path: Path) -> None:
    write(home / LIST_NAME, "*.sql\n/x.py\n")
    assert refusal(tmp_path / "elsewhere" / "x.sql") is not None
    assert refusal(tmp_path / "elsewhere" / "x.py") is None


def test_only_the_person_takes_a_built_in_rule_back(home: Path, project: Path) -> None:
    path = write(project / "id_generator.py")
    write(project / LIST_NAME, "!id_generator.py\n!*\n")
    assert refusal(path) is not None
    write(home / LIST_NAME, "!id_generator.py\n")
    assert refusal(path) is None
    assert refusal(project / "id_rsa") is not None


def test_a_repository_does_not_take_back_what_the_person_forbids(home: Path, project: Path) -> None:
    write(home / LIST_NAME, "*.sql\n")
    write(project / LIST_NAME, "!*.sql\n")
    assert refusal(project / "x.sql") is not None


def test_links_are_judged_by_both_names(project: Path) -> None:
    secret = write(project / ".env")
    (project / "notes.txt").symlink_to(secret)
    (project / "secrets").symlink_to(write(project / "open.txt"))
    assert refusal(project / "notes.txt") is not None
    assert refusal(project / "secrets") is not None
    assert refusal(project / "open.txt") is None
    (project / "loop").symlink_to(project / "loop")
    assert refusal(project / "loop" / "x.py") is not None


def test_a_path_may_be_relative(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / LIST_NAME, "/a/x.py\n")
    (project / "a").mkdir()
    monkeypatch.chdir(project / "a")
    assert refusal(Path("x.py")) is not None
    assert refusal(Path("../x.py")) is None
    assert refusal(Path("../a/x.py")) is not None


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"x" * 1_000_001, b"a[b\n"])
def test_a_list_that_cannot_be_followed_forbids(project: Path, raw: bytes) -> None:
    (project / LIST_NAME).write_bytes(raw)
    said = refusal(project / "x.py")
    assert said is not None
    assert LIST_NAME in said


def test_a_pipe_of_that_name_forbids_and_is_not_waited_for(project: Path) -> None:
    os.mkfifo(project / LIST_NAME)
    assert "is no regular file" in (refusal(project / "a.py") or "")


def test_a_list_that_cannot_be_read_forbids(project: Path) -> None:
    (project / LIST_NAME).mkdir()
    said = refusal(project / "x.py")
    assert said is not None
    assert "cannot be read" in said


def test_every_built_in_rule_is_one() -> None:
    assert len(parse_rules("\n".join(BUILT_IN))) == len(BUILT_IN)
